//! The one place where panics are caught.
#![allow(clippy::disallowed_methods)] // This is the place that the lint names.

use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe, PanicHookInfo};
use std::sync::Once;

use skynet_abi as abi;

use crate::{host, turn};

/// A panic that was caught. Text and backtrace are in the log.
#[derive(Debug)]
pub(crate) struct Panic {
    /// Message and place.
    pub(crate) text: String,
}

thread_local! {
    /// What the hook has seen of the panic that is on its way to a guard.
    static SEEN: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `f`; a panic ends here. Whatever `f` had borrowed mutably must be given up by the caller after an error, which
/// is why the assertion of unwind safety holds.
#[inline]
pub(crate) fn run<R>(f: impl FnOnce() -> R) -> Result<R, Panic> {
    panic::catch_unwind(AssertUnwindSafe(f)).map_err(caught)
}

#[cold]
fn caught(payload: Box<dyn Any + Send>) -> Panic {
    let seen = SEEN.with(|seen| seen.try_borrow_mut().ok().and_then(|mut seen| seen.take()));
    let text = seen.unwrap_or_else(|| payload_text(&*payload).to_owned());
    // Its drop is the plugin's code and may panic again: nobody would catch that.
    std::mem::forget(payload);
    Panic { text }
}

fn payload_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic without a text"
    }
}

/// Has panics written to the node's log, with a backtrace. Those of threads of the plugin's own, where no service runs,
/// also go where they went before.
pub(crate) fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if turn::current_context().handle == 0 {
                previous(info);
                report_thread(info);
            } else {
                report(info);
            }
        }));
    });
}

/// What a panic said, and where.
fn text_of(info: &PanicHookInfo<'_>) -> String {
    let message = payload_text(info.payload());
    match info.location() {
        Some(place) => format!("{message} (at {}:{})", place.file(), place.line()),
        None => message.to_owned(),
    }
}

/// A panic outside the turns of services: the thread may be gone, and nobody waits for it to say so.
fn report_thread(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("without a name");
    let backtrace = Backtrace::force_capture().to_string();
    let record = format!(
        "a thread ({name}) panicked: {}\n{}",
        text_of(info),
        own_frames(&backtrace)
    );
    host::log(turn::current_context(), abi::LEVEL_ERROR, "panic", &record);
}

fn report(info: &PanicHookInfo<'_>) {
    let text = text_of(info);
    let backtrace = Backtrace::force_capture().to_string();
    let backtrace = own_frames(&backtrace);
    let context = turn::current_context();
    let record = format!(
        "service {} panicked: {text}\n{backtrace}",
        crate::Handle(context.handle)
    );
    host::log(context, abi::LEVEL_ERROR, "panic", &record);
    SEEN.with(|seen| {
        if let Ok(mut seen) = seen.try_borrow_mut() {
            *seen = Some(text);
        }
    });
}

/// The frames between the panic and the guard, or the start of the thread. Without symbols: all of them.
fn own_frames(backtrace: &str) -> &str {
    let end = backtrace
        .find("skynet_service::guard::run")
        .or_else(|| backtrace.find("std::sys::backtrace::__rust_begin_short_backtrace"))
        .and_then(|at| backtrace[..at].rfind('\n'))
        .unwrap_or(backtrace.len());
    let start = backtrace[..end]
        .find("core::panicking::panic")
        .and_then(|at| backtrace[..at].rfind('\n').map(|line| line + 1))
        .unwrap_or(0);
    backtrace[start..end].trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backtraces_end_at_the_guard() {
        let check = |backtrace: &str, expected: &str| assert_eq!(own_frames(backtrace), expected);
        check("", "");
        check("0: a\n1: b", "0: a\n1: b");
        check(
            "0: hook\n1: core::panicking::panic_fmt\n2: mine\n3: skynet_service::guard::run\n4: main",
            "1: core::panicking::panic_fmt\n2: mine",
        );
    }

    #[test]
    fn backtraces_of_threads_end_where_they_began() {
        let frames = "0: hook\n1: core::panicking::panic_fmt\n2: mine\n3: std::sys::backtrace::__rust_begin_short_backtrace\n4: clone";
        assert_eq!(own_frames(frames), "1: core::panicking::panic_fmt\n2: mine");
    }

    #[test]
    fn panics_are_caught_with_their_text() {
        let panic = run(|| std::panic::panic_any(7)).unwrap_err();
        assert!(panic.text.starts_with("a panic without a text"));
        let nested = run(|| run(|| panic!("inner")).unwrap_err().text);
        assert!(nested.unwrap().starts_with("inner"));
        assert_eq!(run(|| 5).unwrap(), 5);
    }
}
