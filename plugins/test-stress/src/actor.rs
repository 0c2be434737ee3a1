//! Does everything at random and checks what comes of it: `test_stress_actor PLACE ACTORS SEED`.
//!
//! What an actor decides on its own depends on its seed and the number of its tick, what it answers on its seed and the
//! request: neither on the order in which things happen.

mod acts;
mod inbox;
mod report;
mod told;

use std::collections::HashMap;
use std::time::Duration;

use skynet_service::{
    Context, Handle, KIND_ERROR, KIND_EXIT, KIND_RESPONSE, KIND_TEXT, KIND_TIMER, KIND_WAKE,
    Message, RawMessage, RawService, Result, bail,
};

use crate::connections::Connections;
use crate::director::name;
use crate::figures;
use crate::graves;
use crate::mode::{self, Mode, mode};
use crate::payloads::{KIND_BLOCK, KIND_SHARED, Kept};
use crate::promises::{Numbers, OpenCall, OpenTimer, violation};
use crate::random::Random;
use crate::request::{KIND_NUMBERED, KIND_REQUEST};
pub(crate) use report::KIND_AUDIT;

/// The value of the timer that keeps an actor going.
const TICK: u64 = 0;
/// One in so many actors bounds its mailbox.
const BOUNDED: u64 = 6;

/// See the module.
pub(crate) struct Actor {
    place: u64,
    actors: u64,
    seed: u64,
    ticks: u64,
    /// Who was found under a name.
    known: HashMap<u64, Handle>,
    sent: Numbers,
    received: Numbers,
    calls: HashMap<i32, OpenCall>,
    held: Vec<Message>,
    timers: HashMap<u64, OpenTimer>,
    last_timer: u64,
    /// Since when.
    wakes: HashMap<u64, Duration>,
    last_wake: u64,
    kept: Kept,
    shared_sent: i32,
    /// The last one from each.
    shared_received: HashMap<u32, i32>,
    watched: Vec<Handle>,
    connections: Connections,
    /// Whom it has not asked yet whether everything came.
    audits: Option<Vec<(u32, u64)>>,
    counted: Counted,
}

/// What the node should have counted too.
#[derive(Debug, Default)]
struct Counted {
    /// Messages handled.
    delivered: u64,
    /// Messages sent in a turn, answers excepted.
    sent: u64,
    /// Requests, each of which is answered in a turn, or passed on, once.
    requests: u64,
    /// Requests that were answered by foreign threads, of each of which the node tells itself by a message.
    elsewhere: u64,
}

/// Whether the mailbox of the actor at this place is bounded.
fn is_bounded(place: u64) -> bool {
    place % BOUNDED == 1
}

impl RawService for Actor {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let numbers: Vec<u64> = args
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let &[place, actors, seed] = numbers.as_slice() else {
            bail!("wanted a place, a number of actors and a seed");
        };
        graves::born(cx);
        mode::ticked(place, cx.now());
        cx.register(&name(place)).inspect_err(|error| {
            violation(
                cx,
                "names",
                0,
                format_args!("the name of a service that ended is taken: {error}"),
            );
        })?;
        if is_bounded(place) {
            cx.set_mailbox_limit(1 + Random::new(seed).below(64))?;
        }
        cx.timer_set(Duration::from_millis(1), TICK)?;
        Ok(Self {
            place,
            actors,
            seed,
            ticks: 0,
            known: HashMap::new(),
            sent: Numbers::default(),
            received: Numbers::default(),
            calls: HashMap::new(),
            held: Vec::new(),
            timers: HashMap::new(),
            last_timer: TICK,
            wakes: HashMap::new(),
            last_wake: 0,
            kept: Kept::default(),
            shared_sent: 0,
            shared_received: HashMap::new(),
            watched: Vec::new(),
            connections: Connections::default(),
            audits: None,
            counted: Counted::default(),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        figures::HANDLED.count();
        self.counted.delivered += 1;
        if message.destination() != cx.handle() {
            violation(
                cx,
                "delivery",
                message.source().0,
                format_args!(
                    "a message of kind {} for {} was delivered to {}",
                    message.kind(),
                    message.destination(),
                    cx.handle()
                ),
            );
        }
        if message.is_call() {
            self.counted.requests += 1;
        }
        if let Some(event) = message.socket_event() {
            let mut random = Random::of(self.seed, [u64::MAX, self.counted.delivered]);
            self.connections.event(cx, &event, &mut random);
            return Ok(());
        }
        match message.kind() {
            KIND_TIMER if message.value() == TICK => self.tick(cx),
            KIND_TIMER => self.timer(cx, message.value()),
            KIND_WAKE => self.woken(cx, message.value()),
            KIND_RESPONSE | KIND_ERROR => self.call_ended(cx, message),
            KIND_EXIT => self.service_ended(cx, message.source()),
            KIND_NUMBERED => self.numbered(cx, message),
            KIND_REQUEST => self.request(cx, message),
            KIND_BLOCK | KIND_SHARED => self.payload(cx, message),
            KIND_AUDIT => self.audited(cx, message),
            KIND_TEXT if message.is_call() => self.asked(cx, message),
            _ => Ok(()),
        }
    }
}

impl Actor {
    fn is_wild() -> bool {
        mode() == Mode::Wild
    }
}
