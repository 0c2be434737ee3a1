//! Message traces (`LOGON`): every message that a service receives, written to `<logpath>/<handle>.log`.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::sync::atomic::Ordering;

use skynet_abi::KIND_SOCKET;

use crate::buffer::Letter;
use crate::clock;
use crate::node::node;
use crate::service::Service;
use crate::turn;

/// An open trace. Dropping it writes the last line.
#[derive(Debug)]
pub(crate) struct Trace(File);

impl Trace {
    fn open(handle: u32) -> Result<Self, String> {
        let folder = node().config.logpath.as_ref();
        let folder = folder.ok_or("message traces need a folder: set `logpath`")?;
        let path = folder.join(format!("{handle:08x}.log"));
        let open = || -> io::Result<File> {
            fs::create_dir_all(folder)?;
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            writeln!(
                file,
                "open time: {} {}",
                clock::centiseconds(),
                clock::date()
            )?;
            Ok(file)
        };
        open()
            .map(Self)
            .map_err(|error| format!("{}: {error}", path.display()))
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // Nobody is left to be told of an error.
        let _ = writeln!(self.0, "close time: {}", clock::centiseconds());
    }
}

/// Begins a trace of service `handle`; one that has begun goes on.
pub(crate) fn begin(service: &Service, handle: u32) -> Result<(), String> {
    let mut shared = service.shared();
    // The slot may have had its next life since the look-up.
    if service.handle() != handle {
        return Err(format!("service :{handle:08x} has ended"));
    }
    if shared.trace.is_none() {
        shared.trace = Some(Trace::open(handle)?);
        service.traced.store(true, Ordering::Relaxed);
        drop(shared);
        node().log.info(handle, "message trace begins");
    }
    Ok(())
}

/// Ends a trace.
pub(crate) fn end(service: &Service) {
    service.traced.store(false, Ordering::Relaxed);
    let trace = service.shared().trace.take();
    if trace.is_some() {
        node().log.info(service.handle(), "message trace ends");
    }
}

/// Writes one line, or gives the trace up.
pub(crate) fn write(service: &Service, letter: &Letter) {
    let failed = match &mut service.shared().trace {
        Some(trace) => trace.0.write_all(line(letter).as_bytes()).err(),
        None => None,
    };
    if let Some(error) = failed {
        node()
            .log
            .error(letter.destination, &format!("message trace: {error}"));
        end(service);
    }
}

fn line(letter: &Letter) -> String {
    let payload = letter.payload();
    if u32::from(letter.kind) == KIND_SOCKET {
        let event = u32::from(letter.reason);
        let body = if turn::is_input(event) {
            hex(payload)
        } else {
            format!("[{}]", String::from_utf8_lossy(payload).escape_debug())
        };
        return format!(
            "[socket] {event} {} {} {body}\n",
            letter.session, letter.value
        );
    }
    format!(
        ":{:08x} {} {} {} {}\n",
        letter.source,
        letter.kind,
        letter.session,
        clock::centiseconds(),
        hex(payload)
    )
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}
