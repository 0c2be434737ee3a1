//! What services did last, for whoever looks into a violation.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use skynet_service::Context;

/// Events of one ring.
const KEPT: usize = 48;
/// Rings. Services whose handles share one shorten each other's trails.
const RINGS: usize = 256;

/// One event: when in microseconds of the node's clock, whose, what, with whom, and a number that belongs to it.
#[derive(Clone, Copy)]
struct Event {
    at: u64,
    service: u32,
    what: &'static str,
    peer: u32,
    number: u64,
}

struct Ring {
    events: [Event; KEPT],
    next: usize,
}

impl Ring {
    const EMPTY: Self = Self {
        events: [Event {
            at: 0,
            service: 0,
            what: "",
            peer: 0,
            number: 0,
        }; KEPT],
        next: 0,
    };

    /// The oldest first.
    fn of(&self, service: u32) -> impl Iterator<Item = &Event> {
        let (newer, older) = self.events.split_at(self.next);
        older
            .iter()
            .chain(newer)
            .filter(move |event| event.service == service && !event.what.is_empty())
    }
}

static TRAILS: [Mutex<Ring>; RINGS] = [const { Mutex::new(Ring::EMPTY) }; RINGS];

fn trail(service: u32) -> &'static Mutex<Ring> {
    &TRAILS[service as usize % RINGS]
}

/// Something happened to the service.
pub(crate) fn note(cx: &Context, what: &'static str, peer: u32, number: u64) {
    let service = cx.handle().0;
    let event = Event {
        at: cx.now().as_micros() as u64,
        service,
        what,
        peer,
        number,
    };
    let mut ring = trail(service)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let place = ring.next;
    ring.events[place] = event;
    ring.next = (place + 1) % KEPT;
}

/// The last events of a service, one a line.
pub(crate) fn of(service: u32) -> String {
    let ring = trail(service)
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    ring.of(service).fold(String::new(), |mut text, event| {
        let Event {
            at,
            what,
            peer,
            number,
            ..
        } = event;
        let _ = writeln!(
            text,
            "stress trail :{service:08x} {:>12.6} {what} :{peer:08x} {number}",
            *at as f64 / 1e6
        );
        text
    })
}
