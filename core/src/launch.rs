//! Launching services.
#![allow(unsafe_code)]

use std::fmt;

use skynet_abi::{
    Context, REASON_FAILED, REASON_NONE, STATUS_OK, STATUS_PENDING, Text, status_text,
};

use crate::call::OpenCall;
use crate::current;
use crate::end;
use crate::loader::{LoadError, LoadedModule};
use crate::node::node;
use crate::registry::Exhausted;
use crate::send;
use crate::service::{Ending, Service, Turn};

/// A service that was launched.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) handle: u32,
    /// The call of the launcher that will be answered when the service is ready; 0: it is.
    pub(crate) session: i32,
}

/// Why nothing was launched.
#[derive(Debug)]
#[non_exhaustive]
pub(crate) enum LaunchError {
    /// No module was named.
    NoModule,
    /// No plugin has the module, or it was refused.
    Load(LoadError),
    /// There is no room for another service.
    Exhausted(Exhausted),
    /// The module's `create` failed.
    Create {
        module: String,
        status: i32,
        text: String,
    },
    /// The node is stopping.
    Stopping,
}

impl fmt::Display for LaunchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoModule => f.write_str("no module named: wanted `module args...`"),
            Self::Load(error) => error.fmt(f),
            Self::Exhausted(what) => what.fmt(f),
            Self::Create {
                module,
                status,
                text,
            } if text.is_empty() => {
                write!(
                    f,
                    "{module} did not start: {} ({status})",
                    status_text(*status)
                )
            }
            Self::Create { module, text, .. } => write!(f, "{module} did not start: {text}"),
            Self::Stopping => f.write_str("the node is stopping"),
        }
    }
}

impl std::error::Error for LaunchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Load(error) => Some(error),
            Self::Exhausted(what) => Some(what),
            _ => None,
        }
    }
}

/// Launches `module args...`. With a launcher (a service in its own turn) the new service may go on starting after
/// this returns; the launcher's call says how that ended.
pub(crate) fn launch(
    launcher: Option<&'static Service>,
    command: &str,
) -> Result<Launched, LaunchError> {
    let command = first_line(command);
    let result = try_launch(launcher, command);
    match &result {
        Ok(launched) => {
            node()
                .log
                .debug(launched.handle, || format!("LAUNCH {command}"));
        }
        Err(error) => {
            let by = launcher.map_or(0, Service::handle);
            let text = format!("launch {command} FAILED: {error}");
            match error {
                // Nothing is wrong with it.
                LaunchError::Stopping => node().log.info(by, &text),
                _ => node().log.error(by, &text),
            }
        }
    }
    result
}

fn first_line(command: &str) -> &str {
    command
        .split(['\r', '\n'])
        .next()
        .unwrap_or_default()
        .trim()
}

fn try_launch(launcher: Option<&'static Service>, command: &str) -> Result<Launched, LaunchError> {
    let node = node();
    if node.stop.is_requested() {
        return Err(LaunchError::Stopping);
    }
    let (name, args) = command.split_once(' ').unwrap_or((command, ""));
    if name.is_empty() {
        return Err(LaunchError::NoModule);
    }
    let module = node.loader.module(name).map_err(LaunchError::Load)?;
    let limit = u32::try_from(node.config.mailbox_limit).unwrap_or(u32::MAX);
    let service = node
        .registry
        .insert(limit)
        .map_err(LaunchError::Exhausted)?;
    let (handle, context) = (service.handle(), service.context());
    service.shared().command.push_str(command);
    let status = create(service, context, module, args.trim_start());
    let started = match status {
        STATUS_OK => Ok(0),
        STATUS_PENDING => Ok(await_ready(launcher, service)),
        status => Err(status),
    };
    match started {
        Ok(session) => {
            first_turn(service);
            Ok(Launched { handle, session })
        }
        Err(status) => {
            let text = fail(service);
            Err(LaunchError::Create {
                module: name.to_owned(),
                status,
                text,
            })
        }
    }
}

fn create(
    service: &'static Service,
    context: Context,
    module: &'static LoadedModule,
    args: &str,
) -> i32 {
    let mut instance = std::ptr::null_mut();
    let status = current::within(service, module.plugin, || {
        // SAFETY: the loader checked the function; the text and the place for the instance outlive the call.
        unsafe { (module.create)(context, Text::new(args.as_bytes()), &raw mut instance) }
    });
    if status >= STATUS_OK {
        // SAFETY: a service that has not had its first turn is its launcher's.
        let turn = unsafe { service.turn() };
        turn.module = Some(module);
        turn.instance = instance;
        service.set_signal_target(Some((module, instance)));
    }
    status
}

/// The launcher's call that the service's `ready` answers; 0 when nobody waits.
fn await_ready(launcher: Option<&'static Service>, service: &'static Service) -> i32 {
    let Some(launcher) = launcher else { return 0 };
    // SAFETY: `launcher` is in its own turn, which this call is a part of.
    let turn: &mut Turn = unsafe { launcher.turn() };
    let call = OpenCall {
        callee: service.handle(),
        timer: 0,
    };
    let Ok(session) = send::open(launcher, turn, 0, call) else {
        return 0;
    };
    // SAFETY: see `create`.
    unsafe { service.turn() }.starting = Some((launcher.handle(), session));
    session
}

/// Lets a service be scheduled, which until now only gathered messages.
fn first_turn(service: &'static Service) {
    if service.is_ending() || !service.mailbox().rest() {
        node().schedule(service);
    } else if service.is_ending() && service.mailbox().schedule() {
        // It was told to end between the two looks.
        node().schedule(service);
    }
}

/// Takes back a service whose `create` failed; returns what it said.
fn fail(service: &'static Service) -> String {
    let ending = Ending {
        reason: REASON_FAILED,
        text: String::new(),
    };
    end::exit(service, ending);
    let text = service
        .shared()
        .ending
        .as_ref()
        .map(|ending| ending.text.clone());
    end::end(service);
    text.unwrap_or_default()
}

/// The service has started: answers its launcher. False: nobody waits.
pub(crate) fn ready(service: &'static Service, turn: &mut Turn) -> bool {
    let Some((launcher, session)) = turn.starting.take() else {
        return false;
    };
    let Ok(mut letter) = crate::buffer::Letter::empty() else {
        return false;
    };
    letter.kind = skynet_abi::KIND_RESPONSE as u16;
    letter.flags |= skynet_abi::FLAG_REPLY as u16;
    letter.source = service.handle();
    letter.session = session;
    letter.reason = REASON_NONE as u16;
    send::post(launcher, letter)
}
