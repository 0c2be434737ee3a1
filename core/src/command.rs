//! Text commands: the uniform door to the node for services of any language.
//!
//! Names, parameters and results are Skynet's; those marked *ours* go beyond it.

use std::fmt;
use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use skynet_abi::{
    REASON_KILLED, REASON_NONE, STATUS_EXISTS, STATUS_FAILED, STATUS_FULL, STATUS_INVALID,
    STATUS_NOT_FOUND, STATUS_UNSUPPORTED,
};

use crate::buffer::Letter;
use crate::clock;
use crate::end;
use crate::journal::{self, level_text};
use crate::launch;
use crate::node::node;
use crate::registry::Visit;
use crate::send::{self, parse_handle};
use crate::service::{Ending, Service};
use crate::timers::Event;
use crate::trace;

/// Why a command was not carried out.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum CommandError {
    Unknown(String),
    Parameter {
        command: &'static str,
        found: String,
        wanted: &'static str,
    },
    NotFound(String),
    Exists(String),
    Failed(String),
    Full(&'static str),
}

impl CommandError {
    pub(crate) fn status(&self) -> i32 {
        match self {
            Self::Unknown(_) => STATUS_UNSUPPORTED,
            Self::Parameter { .. } => STATUS_INVALID,
            Self::NotFound(_) => STATUS_NOT_FOUND,
            Self::Exists(_) => STATUS_EXISTS,
            Self::Failed(_) => STATUS_FAILED,
            Self::Full(_) => STATUS_FULL,
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => write!(f, "there is no command {name:?}"),
            Self::Parameter {
                command,
                found,
                wanted,
            } => {
                write!(f, "{command} got {found:?}, wanted {wanted}")
            }
            Self::NotFound(text) | Self::Exists(text) | Self::Failed(text) => f.write_str(text),
            Self::Full(what) => write!(f, "too many {what}"),
        }
    }
}

impl std::error::Error for CommandError {}

/// What a command answers; `None` where Skynet's answers NULL.
type Answer = Result<Option<String>, CommandError>;

/// Runs a command of `service` in its own turn.
pub(crate) fn run(service: &'static Service, name: &str, parameter: &str) -> Answer {
    match name {
        "TIMEOUT" => timeout(service, parameter),
        "REG" => register(service, parameter),
        "QUERY" => query(parameter),
        "NAME" => name_service(parameter),
        "EXIT" => exit(service),
        "KILL" => kill(parameter),
        "LAUNCH" => launch(service, parameter),
        "GETENV" => Ok(node()
            .environment
            .get(parameter)
            .map(|value| value.as_ref().to_owned())),
        "SETENV" => set_environment(parameter),
        "STARTTIME" => Ok(Some(clock::start_time().to_string())),
        "ABORT" => abort(parameter),
        "MONITOR" => monitor(parameter),
        "STAT" => stat(service, parameter),
        "LOGON" => trace::begin(&*find(parameter)?, address(parameter)?)
            .map(|()| None)
            .map_err(CommandError::Failed),
        "LOGOFF" => {
            trace::end(&*find(parameter)?);
            Ok(None)
        }
        "SIGNAL" => signal(parameter),
        // Ours.
        "LIST" => Ok(Some(list())),
        "LOGLEVEL" => log_level(parameter),
        "LOGSERVICE" => log_service(service),
        "SOCKETS" => Ok(Some(sockets())),
        "NODE" => Ok(Some(node_figures())),
        "HARBOR" => Ok(Some(harbor_id().to_string())),
        "READY" => {
            node().stop.set_up();
            Ok(None)
        }
        "NOW" => Ok(Some(clock::centiseconds().to_string())),
        _ => Err(CommandError::Unknown(name.to_owned())),
    }
}

fn wrong(command: &'static str, found: &str, wanted: &'static str) -> CommandError {
    CommandError::Parameter {
        command,
        found: found.to_owned(),
        wanted,
    }
}

/// The handle that `:hex` or `.name` means.
fn address(text: &str) -> Result<u32, CommandError> {
    if let Some(name) = text.strip_prefix('.') {
        return node()
            .names
            .find(name)
            .ok_or_else(|| CommandError::NotFound(format!("no service is called .{name}")));
    }
    let handle = parse_handle(text)
        .ok_or_else(|| CommandError::NotFound(format!("Can't convert {text} to handle")))?;
    let registry = &node().registry;
    if !registry.is_local(handle) {
        return Err(CommandError::NotFound(format!(
            "service :{handle:08x} is of node {}: commands are for services of this node",
            handle >> 24
        )));
    }
    Ok(registry.own_form(handle))
}

fn find(text: &str) -> Result<Visit<'static>, CommandError> {
    let handle = address(text)?;
    node()
        .registry
        .visit(handle)
        .ok_or_else(|| CommandError::NotFound(format!("there is no service :{handle:08x}")))
}

fn timeout(service: &'static Service, parameter: &str) -> Answer {
    let centiseconds: i64 = parameter
        .trim()
        .parse()
        .map_err(|_| wrong("TIMEOUT", parameter, "a number of centiseconds"))?;
    let session = crate::host::next_session(service);
    if centiseconds <= 0 {
        let Ok(mut letter) = Letter::empty() else {
            return Err(CommandError::Full("messages"));
        };
        letter.kind = skynet_abi::KIND_RESPONSE as u16;
        letter.session = session;
        send::post(service.handle(), letter);
    } else {
        let event = Event::Response {
            owner: service.context(),
            session,
        };
        let delay = (centiseconds as u64).saturating_mul(10);
        node()
            .timers
            .set(delay, event)
            .ok_or(CommandError::Full("timers"))?;
    }
    Ok(Some(session.to_string()))
}

fn register(service: &'static Service, parameter: &str) -> Answer {
    if parameter.is_empty() {
        return Ok(Some(format!(":{:x}", service.handle())));
    }
    let Some(name) = parameter.strip_prefix('.') else {
        return Err(CommandError::Failed(format!(
            "Can't register global name {parameter}: wanted a local one, `.name`"
        )));
    };
    bind(service, service.handle(), name)
}

fn bind(service: &Service, handle: u32, name: &str) -> Answer {
    if name.is_empty() || name.contains(char::is_whitespace) {
        return Err(wrong("NAME", name, "a name without blanks"));
    }
    // Set first: the end of the service, which may come at any time, looks at it.
    service.has_names.store(true, Ordering::SeqCst);
    match node().names.bind(name, handle) {
        Ok(()) => {
            if node().registry.find(handle).is_none() {
                node().names.unbind(handle);
                return Err(CommandError::NotFound(format!(
                    "service :{handle:08x} has ended"
                )));
            }
            Ok(Some(name.to_owned()))
        }
        Err(holder) => Err(CommandError::Exists(format!(
            "the name .{name} belongs to :{holder:08x}"
        ))),
    }
}

fn query(parameter: &str) -> Answer {
    let name = parameter.strip_prefix('.');
    Ok(name
        .and_then(|name| node().names.find(name))
        .map(|handle| format!(":{handle:x}")))
}

fn name_service(parameter: &str) -> Answer {
    let parts = parameter.split_once(char::is_whitespace);
    let (name, handle) = parts.ok_or_else(|| wrong("NAME", parameter, "`.name :handle`"))?;
    let name = name.strip_prefix('.').ok_or_else(|| {
        CommandError::Failed(format!(
            "Can't set global name {name}: wanted a local one, `.name`"
        ))
    })?;
    let handle = handle.trim();
    bind(&*find(handle)?, address(handle)?, name)
}

fn exit(service: &'static Service) -> Answer {
    node()
        .log
        .debug(service.handle(), || "KILL self".to_owned());
    end::exit(
        service,
        Ending {
            reason: REASON_NONE,
            text: String::new(),
        },
    );
    Ok(None)
}

fn kill(parameter: &str) -> Answer {
    let handle = address(parameter)?;
    node().log.debug(handle, || format!("KILL :{handle:x}"));
    let ending = Ending {
        reason: REASON_KILLED,
        text: String::new(),
    };
    if end::kill(handle, ending) {
        Ok(None)
    } else {
        Err(CommandError::NotFound(format!(
            "there is no service :{handle:08x}"
        )))
    }
}

fn launch(service: &'static Service, parameter: &str) -> Answer {
    match launch::launch(Some(service), parameter) {
        Ok(launched) => {
            if launched.session != 0 {
                // Nobody waits for the outcome of a text command.
                send::close(service, launched.session);
            }
            Ok(Some(format!(":{:08X}", launched.handle)))
        }
        Err(error) => Err(CommandError::Failed(error.to_string())),
    }
}

fn set_environment(parameter: &str) -> Answer {
    let parts = parameter.split_once(' ');
    let (key, value) = parts.ok_or_else(|| wrong("SETENV", parameter, "`key value`"))?;
    match node().environment.set(key, value) {
        Ok(()) => Ok(None),
        Err(error @ crate::env::SetError::Exists { .. }) => {
            Err(CommandError::Exists(error.to_string()))
        }
        Err(error) => Err(CommandError::Failed(error.to_string())),
    }
}

fn abort(parameter: &str) -> Answer {
    let stop = &node().stop;
    if parameter.is_empty() {
        stop.request("a service asked for it (ABORT)", false);
    } else {
        // What fails because the node stops already is not why it does.
        let is_why = !stop.is_requested();
        stop.request(parameter, is_why);
    }
    Ok(None)
}

fn monitor(parameter: &str) -> Answer {
    let node = node();
    if parameter.is_empty() {
        let handle = node.exit_monitor.load(Ordering::Relaxed);
        return Ok((handle != 0).then(|| format!(":{handle:x}")));
    }
    let handle = find(parameter)?.handle();
    node.exit_monitor.store(handle, Ordering::Relaxed);
    Ok(Some(format!(":{handle:x}")))
}

/// `STAT key` of the caller, or `STAT key address` of another service (ours).
fn stat(service: &'static Service, parameter: &str) -> Answer {
    let (key, of) = parameter.split_once(' ').unwrap_or((parameter, ""));
    let other;
    let service = if of.is_empty() {
        service
    } else {
        other = find(of.trim())?;
        &*other
    };
    let usage = &service.usage;
    let now = clock::turn_ns();
    Ok(Some(match key {
        "mqlen" => service.mailbox().len().to_string(),
        "endless" => u8::from(service.endless.swap(false, Ordering::Relaxed)).to_string(),
        "cpu" => seconds(usage.worker_ns.load(Ordering::Relaxed)),
        "time" => match usage.turn_began.load(Ordering::Relaxed) {
            0 => "0".to_owned(),
            began => seconds(now.saturating_sub(began)),
        },
        "message" => usage.messages.load(Ordering::Relaxed).to_string(),
        "sent" => usage.sent.load(Ordering::Relaxed).to_string(),
        "kept" => usage.kept.load(Ordering::Relaxed).to_string(),
        "calls" => service.shared().calls.len().to_string(),
        "all" => all_figures(service, now),
        _ => String::new(),
    }))
}

fn seconds(ns: u64) -> String {
    format!("{:.6}", ns as f64 / 1e9)
}

fn all_figures(service: &Service, now: u64) -> String {
    let usage = &service.usage;
    let began = usage.turn_began.load(Ordering::Relaxed);
    format!(
        "cpu:{} message:{} sent:{} mqlen:{} kept:{} calls:{} time:{} endless:{}",
        seconds(usage.worker_ns.load(Ordering::Relaxed)),
        usage.messages.load(Ordering::Relaxed),
        usage.sent.load(Ordering::Relaxed),
        service.mailbox().len(),
        usage.kept.load(Ordering::Relaxed),
        service.shared().calls.len(),
        seconds(if began == 0 {
            0
        } else {
            now.saturating_sub(began)
        }),
        u8::from(service.endless.load(Ordering::Relaxed)),
    )
}

fn signal(parameter: &str) -> Answer {
    let (target, number) = parameter.split_once(' ').unwrap_or((parameter, "0"));
    let number: i32 = number
        .trim()
        .parse()
        .map_err(|_| wrong("SIGNAL", parameter, "`address [number]`"))?;
    crate::host::signal(&*find(target)?, address(target)?, number);
    Ok(None)
}

/// One line a service: handle, names, and what it was launched as.
fn list() -> String {
    let node = node();
    let mut lines = String::new();
    for service in node.registry.services().iter() {
        let handle = service.handle();
        if handle == 0 {
            continue;
        }
        let names: Vec<String> = node
            .names
            .of(handle)
            .into_iter()
            .map(|name| format!(".{name}"))
            .collect();
        let command = service.shared().command.clone();
        let _ = writeln!(lines, ":{handle:08x}\t{}\t{command}", names.join(","));
    }
    lines
}

fn log_level(parameter: &str) -> Answer {
    let level = &journal::LEVEL;
    if parameter.is_empty() {
        let text = match level.load(Ordering::Relaxed) {
            0 => "off",
            level => level_text(level).trim_end(),
        };
        return Ok(Some(text.to_lowercase()));
    }
    let wanted: log::LevelFilter = parameter.trim().parse().map_err(|_| {
        wrong(
            "LOGLEVEL",
            parameter,
            "off, error, warn, info, debug or trace",
        )
    })?;
    level.store(wanted as u32, Ordering::Relaxed);
    Ok(Some(wanted.to_string().to_lowercase()))
}

/// The caller writes the log from now on.
fn log_service(service: &'static Service) -> Answer {
    node().log.logger.store(service.handle(), Ordering::Relaxed);
    Ok(None)
}

/// One line a socket.
fn sockets() -> String {
    node().sockets.stat().iter().fold(String::new(), |mut lines, stat| {
        let address = |address: Option<std::net::SocketAddr>| {
            address.map_or_else(|| "-".to_owned(), |address| address.to_string())
        };
        let since = |at: Option<std::time::Instant>| {
            at.map_or_else(|| "-".to_owned(), |at| format!("{:.3}", at.elapsed().as_secs_f64()))
        };
        let _ = writeln!(
            lines,
            "{}\towner:{:08x}\t{:?}\tlocal:{}\tpeer:{}\tread:{}\twritten:{}\tqueued:{}\tpaused:{}\tended:{}\taccepted:{}\tread_ago:{}\twritten_ago:{}",
            stat.socket,
            stat.owner.handle,
            stat.kind,
            address(stat.local),
            address(stat.peer),
            stat.read,
            stat.written,
            stat.queued,
            u8::from(stat.paused),
            u8::from(stat.ended),
            stat.accepted,
            since(stat.last_read),
            since(stat.last_write),
        );
        lines
    })
}

/// The node's id in its harbor network; 0: it has none, or not yet.
fn harbor_id() -> u32 {
    node().registry.harbor() >> 24
}

fn node_figures() -> String {
    let node = node();
    format!(
        "name:{} harbor:{} services:{} timers:{} workers:{} queued:{} stray_replies:{} uptime:{}",
        node.config.name,
        harbor_id(),
        node.registry.live(),
        node.timers.len(),
        node.scheduler
            .seats
            .iter()
            .filter(|seat| seat.is_taken())
            .count(),
        node.scheduler.backlog(),
        node.stray_replies.load(Ordering::Relaxed),
        seconds(clock::now_ns()),
    )
}
