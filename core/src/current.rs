//! Whose turn this thread is in, and which seat it has.

use std::cell::Cell;

use skynet_abi::Context;

use crate::crash;
use crate::loader::PluginInfo;
use crate::scheduler::Seat;
use crate::service::Service;

thread_local! {
    static SERVICE: Cell<Option<&'static Service>> = const { Cell::new(None) };
    static SEAT: Cell<Option<&'static Seat>> = const { Cell::new(None) };
}

/// The service, if this thread is in the turn of the very life that `context` names.
#[inline]
pub(crate) fn service_of(context: Context) -> Option<&'static Service> {
    SERVICE.get().filter(|service| service.is(context))
}

/// The service, if this thread is in the turn of the one with this handle.
pub(crate) fn service_with(handle: u32) -> Option<&'static Service> {
    SERVICE.get().filter(|service| service.handle() == handle)
}

/// The seat of this thread, if it is a worker.
#[inline]
pub(crate) fn seat() -> Option<&'static Seat> {
    SEAT.get()
}

/// This thread is the worker of `seat`, or of none.
pub(crate) fn set_seat(seat: Option<&'static Seat>) {
    SEAT.set(seat);
}

/// Runs `body` as the service's turn, on `seat` if this thread is a worker. For turns that come out of a run queue: they
/// are not part of another.
#[inline]
pub(crate) fn turn<R>(
    service: &'static Service,
    handle: u32,
    seat: Option<&'static Seat>,
    plugin: &'static PluginInfo,
    body: impl FnOnce() -> R,
) -> R {
    SERVICE.set(Some(service));
    if let Some(seat) = seat {
        seat.set_running(handle, plugin);
    }
    crash::enter_turn(handle, plugin.name);
    let result = body();
    crash::leave_turn();
    SERVICE.set(None);
    result
}

/// Runs `body` as a part of the service's turn; turns nest, when one service launches another.
pub(crate) fn within<R>(
    service: &'static Service,
    plugin: &'static PluginInfo,
    body: impl FnOnce() -> R,
) -> R {
    let handle = service.handle();
    let outer = SERVICE.replace(Some(service));
    let running = SEAT.get().map(|seat| seat.enter(handle, plugin));
    let record = crash::enter(handle, plugin.name);
    let result = body();
    crash::leave(record);
    // Only what it is nested in goes on; outside of turns nobody asks.
    if let (Some(_), Some(seat), Some(running)) = (outer, SEAT.get(), running) {
        seat.go_back_to(running);
    }
    SERVICE.set(outer);
    result
}
