//! The functions that the node calls. Each goes through the guard.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::ffi::c_void;
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

/// Where a service is between its turns: taken for each call, and put back if that went well.
#[derive(Default)]
pub(crate) struct RunnerPlace(UnsafeCell<Option<Box<dyn Runner>>>);

// SAFETY: the place is touched by `take` and `put` alone, whose callers are in the service's own turn: turns are never
// concurrent, and each one sees what the one before it has done.
unsafe impl Sync for RunnerPlace {}

impl RunnerPlace {
    /// # Safety
    /// In the service's own turn.
    #[inline]
    unsafe fn take(&self) -> Option<Box<dyn Runner>> {
        // SAFETY: the caller's promise; the reference ends here.
        unsafe { &mut *self.0.get() }.take()
    }

    /// # Safety
    /// In the service's own turn.
    #[inline]
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
unsafe fn create_with(
    context: abi::Context,
    args: abi::Text,
    instance: *mut *mut c_void,
    make: fn(Context) -> Box<dyn Runner>,
) -> i32 {
    let bytes: &[u8] = if args.data.is_null() {
        &[]
    } else {
        // SAFETY: the node lends `len` bytes for the call.
        unsafe { std::slice::from_raw_parts(args.data, args.len) }
    };
    let shared = Arc::new(Shared::new(context));
    let _turn = Turn::enter(shared.owner.id, context);
    let Ok(args) = std::str::from_utf8(bytes) else {
        host::exit(
            context,
            Reason::FAILED.0,
            "the arguments are not valid UTF-8",
        );
        return STATUS_INVALID;
    };
    let cx = Context::new(Arc::clone(&shared));
    let Ok(mut runner) = guard::run(|| make(cx)) else {
        return STATUS_PANICKED;
    };
    let status = match guard::run(|| runner.start(args)) {
        Ok(Started::Running) => STATUS_OK,
        Ok(Started::Pending) => STATUS_PENDING,
        Ok(Started::Failed) => {
            dispose(runner);
            return STATUS_FAILED;
        }
        Err(panic) => {
            host::exit(context, Reason::PANICKED.0, &panic.text);
            dispose(runner);
            return STATUS_PANICKED;
        }
    };
    // SAFETY: `create` is the service's first turn.
    unsafe { shared.runner.put(runner) };
    // SAFETY: the node gives a place for the pointer.
    unsafe { instance.write(Arc::into_raw(shared).cast_mut().cast()) };
    status
}

/// The `deliver` of every service.
///
/// # Safety
/// The node calls it as [`abi::Deliver`] says.
pub(crate) unsafe extern "C" fn deliver(
    instance: *mut c_void,
    context: abi::Context,
    message: *const abi::Message,
) -> i32 {
    // SAFETY: the node passes what `create` made, until `release`. Shared, because a signal may look at it too.
    let shared = unsafe { &*instance.cast::<Shared>() };
    let _turn = Turn::enter(shared.owner.id, context);
    // SAFETY: the node lends a message for the call.
    let raw = unsafe { &*message };
    // SAFETY: as above; the view ends with this function.
    let mut message = unsafe { RawMessage::new(raw, shared.owner) };
    // SAFETY: this is a turn of the service.
    let Some(mut runner) = (unsafe { shared.runner.take() }) else {
        return DELIVER_FAILED;
    };
    let turned = match guard::run(|| runner.deliver(&mut message)) {
        Ok(turned) => {
            // SAFETY: as above.
            unsafe { shared.runner.put(runner) };
            turned
        }
        Err(panic) => {
            host::exit(context, Reason::PANICKED.0, &panic.text);
            dispose(runner);
            Turned::Over
        }
    };
    match (message.is_kept(), turned) {
        // Also when the service is over, of which the node knows by `exit`: the payload is no longer the node's.
        (true, _) => DELIVER_KEEP,
        (false, Turned::Well) => DELIVER_RELEASE,
        (false, Turned::Over) => DELIVER_FAILED,
    }
}

/// The `signal` of every service.
///
/// # Safety
/// The node calls it as [`abi::Signal`] says.
pub(crate) unsafe extern "C" fn signal(instance: *mut c_void, context: abi::Context, signal: i32) {
    // SAFETY: the node passes what `create` made, until `release`. It is `Sync`.
    let shared = unsafe { &*instance.cast::<Shared>() };
    let _turn = Turn::enter_outside(context);
    let handled = guard::run(|| {
        if let Some(handler) = shared.on_signal.get() {
            handler(signal);
        }
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
    let _turn = Turn::enter(shared.owner.id, context);
    // SAFETY: this is the service's last turn.
    if let Some(runner) = unsafe { shared.runner.take() } {
        dispose(runner);
    }
    let closed = guard::run(|| shared.close());
    drop(closed);
    // A signal handler is the plugin's, and so is its drop.
    drop(guard::run(move || drop(shared)));
}

/// Ends a service in its own turn. If that panics, what is left of it is leaked: it cannot be trusted any more.
fn dispose(mut runner: Box<dyn Runner>) {
    let stopped = guard::run(|| runner.stop());
    if stopped.is_ok() {
        drop(guard::run(move || drop(runner)));
    } else {
        std::mem::forget(runner);
    }
}
