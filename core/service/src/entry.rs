//! The functions that the node calls. Each goes through the guard.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::Arc;

use skynet_abi as abi;
use skynet_abi::{
    DELIVER_FAILED, DELIVER_KEEP, DELIVER_RELEASE, STATUS_FAILED, STATUS_INVALID, STATUS_OK,
    STATUS_PANICKED, STATUS_PENDING, STATUS_UNSUPPORTED,
};

use crate::runner::{self, Runner, Started, Turned};
use crate::shared::Shared;
use crate::turn::Turn;
use crate::{Context, RawMessage, RawService, Reason, Service, executor, guard, host, logging};

/// Where a service is, until it ends or panics.
#[derive(Default)]
pub(crate) struct RunnerPlace(UnsafeCell<Option<Box<dyn Runner>>>);

// SAFETY: the place is touched by `get`, `take` and `put` alone, whose callers are in the service's own turn: turns are
// never concurrent, and each one sees what the one before it has done.
unsafe impl Sync for RunnerPlace {}

impl RunnerPlace {
    /// # Safety
    /// In the service's own turn. The result is void when the next of these functions is called.
    #[inline]
    unsafe fn get(&self) -> Option<NonNull<dyn Runner>> {
        // SAFETY: the caller's promise; the reference ends here.
        let place = unsafe { &mut *self.0.get() };
        place.as_deref_mut().map(NonNull::from)
    }

    /// # Safety
    /// In the service's own turn.
    unsafe fn take(&self) -> Option<Box<dyn Runner>> {
        // SAFETY: the caller's promise; the reference ends here.
        unsafe { &mut *self.0.get() }.take()
    }

    /// # Safety
    /// In the service's own turn.
    unsafe fn put(&self, runner: Box<dyn Runner>) {
        // SAFETY: the caller's promise; the reference ends here.
        let place = unsafe { &mut *self.0.get() };
        *place = Some(runner);
    }
}

/// The `load` of every plugin.
///
/// # Safety
/// The node calls it as [`abi::Load`] says.
pub(crate) unsafe extern "C" fn load(host: *const abi::Host) -> i32 {
    let loaded = guard::run(|| {
        // SAFETY: the node's promise.
        match unsafe { host::adopt(host) } {
            Ok(true) => {
                guard::install_hook();
                logging::install();
                STATUS_OK
            }
            Ok(false) => STATUS_INVALID,
            Err(_) => STATUS_UNSUPPORTED,
        }
    });
    loaded.unwrap_or(STATUS_PANICKED)
}

/// The `create` of a service with handlers.
///
/// # Safety
/// The node calls it as [`abi::Create`] says.
pub(crate) unsafe extern "C" fn create<S: Service>(
    context: abi::Context,
    args: abi::Text,
    instance: *mut *mut c_void,
) -> i32 {
    // SAFETY: the node's promise.
    unsafe { create_with(context, args, instance, executor::runner::<S>) }
}

/// The `create` of a raw service.
///
/// # Safety
/// The node calls it as [`abi::Create`] says.
pub(crate) unsafe extern "C" fn create_raw<G: RawService>(
    context: abi::Context,
    args: abi::Text,
    instance: *mut *mut c_void,
) -> i32 {
    // SAFETY: the node's promise.
    unsafe { create_with(context, args, instance, runner::raw::<G>) }
}

/// # Safety
/// As [`abi::Create`].
unsafe fn create_with<R: Runner + 'static>(
    context: abi::Context,
    args: abi::Text,
    instance: *mut *mut c_void,
    make: fn(Context) -> Box<R>,
) -> i32 {
    let bytes: &[u8] = if args.data.is_null() {
        &[]
    } else {
        // SAFETY: the node lends `len` bytes for the call.
        unsafe { std::slice::from_raw_parts(args.data, args.len) }
    };
    let shared = Arc::new(Shared::new(context));
    let (status, runner) = Turn::enter(shared.owner.id, context, |turn| {
        let cx = Context::new(Arc::clone(&shared));
        start(turn, context, bytes, || make(cx))
    });
    if let Some(runner) = runner {
        // SAFETY: `create` is the service's first turn.
        unsafe { shared.runner.put(runner) };
        // SAFETY: the node gives a place for the pointer.
        unsafe { instance.write(Arc::into_raw(shared).cast_mut().cast()) };
    }
    status
}

/// Makes and starts a service; it is returned if that went well.
fn start<R: Runner + 'static>(
    turn: &Turn,
    context: abi::Context,
    args: &[u8],
    make: impl FnOnce() -> Box<R>,
) -> (i32, Option<Box<dyn Runner>>) {
    let Ok(args) = std::str::from_utf8(args) else {
        host::exit(
            context,
            Reason::FAILED.0,
            "the arguments are not valid UTF-8",
        );
        return (STATUS_INVALID, None);
    };
    let Ok(mut runner) = guard::run(make) else {
        return (STATUS_PANICKED, None);
    };
    let status = match guard::run(|| runner.start(turn, args)) {
        Ok(Started::Running) => STATUS_OK,
        Ok(Started::Pending) => STATUS_PENDING,
        Ok(Started::Failed) => {
            dispose(turn, runner);
            return (STATUS_FAILED, None);
        }
        Err(panic) => {
            host::exit(context, Reason::PANICKED.0, &panic.text);
            dispose(turn, runner);
            return (STATUS_PANICKED, None);
        }
    };
    (status, Some(runner))
}

/// The `deliver` of the services whose runners `_make` makes.
pub(crate) const fn deliver_of<R: Runner>(_make: &impl Fn(Context) -> Box<R>) -> abi::Deliver {
    deliver::<R>
}

/// The `deliver` of services that are run by an `R`: a function for each kind of service, so that nothing stands between
/// it and the handler.
///
/// # Safety
/// The node calls it as [`abi::Deliver`] says.
unsafe extern "C" fn deliver<R: Runner>(
    instance: *mut c_void,
    context: abi::Context,
    message: *const abi::Message,
) -> i32 {
    // SAFETY: the node passes what `create` made, until `release`. Shared, because a signal may look at it too.
    let shared = unsafe { &*instance.cast::<Shared>() };
    // SAFETY: the node lends a message for the call.
    let raw = unsafe { &*message };
    Turn::enter(shared.owner.id, context, |turn| {
        // SAFETY: as above; the view ends with this function.
        let mut message = unsafe { RawMessage::new(raw, &shared.owner) };
        // SAFETY: this is a turn of the service.
        let Some(runner) = (unsafe { shared.runner.get() }) else {
            return DELIVER_FAILED;
        };
        // SAFETY: the `create` of the same module has put an `R` there, which nobody else uses in this turn.
        let runner = unsafe { runner.cast::<R>().as_mut() };
        let turned = match guard::run(|| runner.deliver(turn, &mut message)) {
            Ok(turned) => turned,
            Err(panic) => panicked(shared, turn, &panic),
        };
        match (message.is_kept(), turned) {
            // Also when the service is over, of which the node knows by `exit`: the payload is no longer the node's.
            (true, _) => DELIVER_KEEP,
            (false, Turned::Well) => DELIVER_RELEASE,
            (false, Turned::Over) => DELIVER_FAILED,
        }
    })
}

/// Ends a service that has panicked: nobody sees it again.
#[cold]
fn panicked(shared: &Shared, turn: &Turn, panic: &guard::Panic) -> Turned {
    host::exit(shared.owner.context, Reason::PANICKED.0, &panic.text);
    // SAFETY: this is a turn of the service, and what ran in it is over.
    if let Some(runner) = unsafe { shared.runner.take() } {
        dispose(turn, runner);
    }
    Turned::Over
}

/// The `signal` of every service.
///
/// # Safety
/// The node calls it as [`abi::Signal`] says.
pub(crate) unsafe extern "C" fn signal(instance: *mut c_void, context: abi::Context, signal: i32) {
    // SAFETY: the node passes what `create` made, until `release`. It is `Sync`.
    let shared = unsafe { &*instance.cast::<Shared>() };
    let handled = Turn::enter_outside(context, || {
        guard::run(|| {
            if let Some(handler) = shared.on_signal.get() {
                handler(signal);
            }
        })
    });
    // A panic is in the log; the service itself was not touched.
    drop(handled);
}

/// The `release` of every service.
///
/// # Safety
/// The node calls it as [`abi::Release`] says.
pub(crate) unsafe extern "C" fn release(instance: *mut c_void, context: abi::Context) {
    // SAFETY: the node gives back what `create` made, and calls nothing else with it from now on.
    let shared = unsafe { Arc::from_raw(instance.cast_const().cast::<Shared>()) };
    Turn::enter(shared.owner.id, context, |turn| {
        // SAFETY: this is the service's last turn.
        if let Some(runner) = unsafe { shared.runner.take() } {
            dispose(turn, runner);
        }
        let closed = guard::run(|| shared.close());
        drop(closed);
        // A signal handler is the plugin's, and so is its drop.
        drop(guard::run(move || drop(shared)));
    });
}

/// Ends a service in its own turn. If that panics, what is left of it is leaked: it cannot be trusted any more.
fn dispose(turn: &Turn, mut runner: Box<dyn Runner>) {
    let stopped = guard::run(|| runner.stop(turn));
    if stopped.is_ok() {
        drop(guard::run(move || drop(runner)));
    } else {
        std::mem::forget(runner);
    }
}
