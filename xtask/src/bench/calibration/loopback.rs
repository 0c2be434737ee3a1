//! What bare TCP moves between two threads of this machine.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};

use super::Measured;

/// Bytes of a write, and of the buffer that is read into.
const SIZE: usize = 1 << 20;

/// Moves bytes for so long; the rate in MiB a second.
pub(super) fn run(time: Duration) -> Result<Measured> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    let (receiver, _) = listener.accept()?;
    let over = AtomicBool::new(false);
    let (bytes, spent) = thread::scope(|scope| {
        let sending = scope.spawn(|| send(sender, &over));
        let received = receive(receiver, time);
        over.store(true, Ordering::Relaxed);
        sending
            .join()
            .unwrap_or_else(|_| Err(anyhow!("the sender panicked")))?;
        received
    })
    .context("bytes over TCP")?;
    let mebibytes = bytes as f64 / SIZE as f64;
    Ok(Measured::main(mebibytes / spent.as_secs_f64(), "MiB/s"))
}

/// Writes until it is over, or the other end is closed.
fn send(mut stream: TcpStream, over: &AtomicBool) -> Result<()> {
    let bytes = vec![7; SIZE];
    while !over.load(Ordering::Relaxed) {
        match stream.write_all(&bytes) {
            Err(error) if is_closed(error.kind()) => break,
            written => written?,
        }
    }
    Ok(())
}

/// Reads for so long; how many bytes came, and in what time.
fn receive(mut stream: TcpStream, time: Duration) -> Result<(u64, Duration)> {
    let mut buffer = vec![0; SIZE];
    let (mut bytes, begin) = (0, Instant::now());
    while begin.elapsed() < time {
        bytes += stream.read(&mut buffer)? as u64;
    }
    Ok((bytes, begin.elapsed()))
}

fn is_closed(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
}
