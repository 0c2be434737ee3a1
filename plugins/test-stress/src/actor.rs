//! Does everything at random and checks what comes of it: `test_stress_actor PLACE ACTORS SEED`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use skynet_service::abi::{FLAG_REDIRECTED, FLAG_REPLY};
use skynet_service::{
    Context, Handle, KIND_ERROR, KIND_EXIT, KIND_RESPONSE, KIND_TEXT, KIND_TIMER, Message,
    Outgoing, RawMessage, RawService, Reason, Result, bail,
};

use crate::connections::Connections;
use crate::director::name;
use crate::figures;
use crate::promises::{Numbers, OpenCall, OpenTimer, check_overdue, violation};
use crate::random::Random;
use crate::request::{KIND_NUMBERED, KIND_REQUEST, Request, Wish};

/// The value of the timer that keeps an actor going.
const TICK: u64 = 0;
/// Ticks between two looks at what is overdue.
const LOOK: u64 = 512;
/// Held requests, before the oldest are answered in any case.
const HELD: usize = 64;

/// See the module.
pub(crate) struct Actor {
    actors: u64,
    random: Random,
    ticks: u64,
    /// Who was found under a name.
    known: HashMap<u64, Handle>,
    sent: Numbers,
    received: Numbers,
    calls: HashMap<i32, OpenCall>,
    held: Vec<Message>,
    timers: HashMap<u64, OpenTimer>,
    last_timer: u64,
    watched: Vec<Handle>,
    connections: Connections,
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
        cx.register(&name(place)).inspect_err(|error| {
            violation(format_args!(
                "the name of a service that ended is taken: {error}"
            ));
        })?;
        let mut random = Random::new(seed);
        if random.once_in(6) {
            cx.set_mailbox_limit(1 + random.below(64))?;
        }
        cx.timer_set(Duration::from_millis(1), TICK)?;
        Ok(Self {
            actors,
            random,
            ticks: 0,
            known: HashMap::new(),
            sent: Numbers::default(),
            received: Numbers::default(),
            calls: HashMap::new(),
            held: Vec::new(),
            timers: HashMap::new(),
            last_timer: TICK,
            watched: Vec::new(),
            connections: Connections::default(),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        figures::HANDLED.count();
        if let Some(event) = message.socket_event() {
            self.connections.event(cx, &event, &mut self.random);
            return Ok(());
        }
        match message.kind() {
            KIND_TIMER if message.value() == TICK => self.tick(cx),
            KIND_TIMER => self.timer(cx, message.value()),
            KIND_RESPONSE | KIND_ERROR => self.call_ended(cx, message),
            KIND_EXIT => self.service_ended(cx, message.source()),
            KIND_NUMBERED => self.numbered(message),
            KIND_REQUEST => self.request(cx, message),
            KIND_TEXT if message.is_call() => Ok(cx.reply(message, "here I am")?),
            _ => Ok(()),
        }
    }
}

/// What others send.
impl Actor {
    fn numbered(&mut self, message: &RawMessage<'_>) -> Result<()> {
        let number = u64::from_le_bytes(message.bytes().try_into()?);
        self.received.expect(message.source().0, number);
        Ok(())
    }

    fn request(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let Some(request) = Request::parse(message.bytes()) else {
            violation("a request was changed on its way");
            return Ok(());
        };
        // What was passed on by somebody else has no place among those of its source.
        if message.flags() & FLAG_REDIRECTED == 0 && request.number != u64::MAX {
            self.received.expect(message.source().0, request.number);
        }
        match request.wish {
            Wish::Hold => {
                let message = message.keep();
                self.held.push(message);
                if self.held.len() > HELD {
                    self.answer_held(cx, 0)?;
                }
                return Ok(());
            }
            Wish::PassOn => {
                let message = message.keep();
                return self.pass_on(cx, message);
            }
            Wish::Fail => bail!("as was wished"),
            Wish::Drop => return Ok(()),
            Wish::Exit => cx.exit_with(Reason::FAILED, "as was wished"),
            Wish::Panic => panic!("as was wished"),
            Wish::Spin => {
                // Sometimes so long that the worker gets a successor.
                let long = if self.random.once_in(8) {
                    60_000
                } else {
                    2_000
                };
                let time = Duration::from_micros(self.random.below(long));
                let begin = Instant::now();
                while begin.elapsed() < time {
                    std::hint::spin_loop();
                }
            }
            Wish::Block => {
                let time = Duration::from_micros(self.random.below(5_000));
                cx.blocking(|| std::thread::sleep(time));
            }
            Wish::Answer | Wish::Sleep | Wish::Ask => {}
        }
        Ok(cx.reply(message, &request.token.to_le_bytes()[..])?)
    }

    fn pass_on(&mut self, cx: &Context, message: Message) -> Result<()> {
        let number = self.random.below(self.actors);
        if let Err(error) = cx.redirect(message, name(number).as_str()) {
            cx.reply_error(&*error.message, Reason::REFUSED, "nobody is there")?;
        }
        Ok(())
    }

    fn answer_held(&mut self, cx: &Context, index: usize) -> Result<()> {
        let message = self.held.swap_remove(index);
        match Request::parse(message.bytes()) {
            Some(request) => cx.reply(&message, &request.token.to_le_bytes()[..])?,
            None => violation("a held request was changed"),
        }
        Ok(())
    }
}

/// What the node tells.
impl Actor {
    fn call_ended(&mut self, cx: &Context, message: &RawMessage<'_>) -> Result<()> {
        let session = message.session();
        let Some(call) = self.calls.remove(&session) else {
            violation(format_args!(
                "call {session} ended twice, or never began: kind {} from {}",
                message.kind(),
                message.source()
            ));
            return Ok(());
        };
        if message.flags() & FLAG_REPLY == 0 {
            violation("the end of a call is no reply");
        }
        if message.kind() == KIND_RESPONSE {
            figures::REPLIES.count();
            if message.bytes() != call.token.to_le_bytes() {
                violation(format_args!("call {session} got the answer of another"));
            }
            return Ok(());
        }
        figures::ERRORS.count();
        if message.reason() == Reason::TIMED_OUT && message.source().0 == call.callee {
            match call.deadline {
                Some(deadline) if cx.now() < deadline => {
                    violation(format_args!("call {session} timed out too early"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn service_ended(&mut self, cx: &Context, handle: Handle) -> Result<()> {
        let Some(index) = self.watched.iter().position(|&watched| watched == handle) else {
            violation(format_args!("the end of {handle} was told twice"));
            return Ok(());
        };
        self.watched.swap_remove(index);
        if cx.send(handle, KIND_TEXT, "are you there?").is_ok() {
            violation(format_args!("{handle} has ended and takes messages"));
        }
        if cx.call_raw(Outgoing::new(handle, KIND_TEXT, "")).is_ok() {
            violation(format_args!("{handle} has ended and takes calls"));
        }
        self.sent.forget(handle.0);
        Ok(())
    }

    fn timer(&mut self, cx: &Context, value: u64) -> Result<()> {
        match self.timers.remove(&value) {
            None => violation(format_args!(
                "timer {value} fired twice, or after it was cancelled"
            )),
            Some(timer) if cx.now() < timer.due => {
                violation(format_args!("timer {value} fired too early"));
            }
            Some(_) => figures::TIMERS.count(),
        }
        Ok(())
    }
}

/// What it does by itself.
impl Actor {
    fn tick(&mut self, cx: &Context) -> Result<()> {
        self.ticks += 1;
        if self.ticks.is_multiple_of(LOOK) {
            check_overdue(cx.now(), &self.calls, &self.timers);
            self.connections.check_overdue(cx.now());
        }
        let delay = Duration::from_millis(self.random.below(5));
        cx.timer_set(delay, TICK)?;
        for _ in 0..self.random.below(24) {
            figures::ACTIONS.count();
            self.act(cx)?;
        }
        Ok(())
    }

    fn act(&mut self, cx: &Context) -> Result<()> {
        match self.random.below(1000) {
            0..300 => self.send(cx),
            300..620 => self.call(cx),
            620..700 => self.set_timer(cx)?,
            700..740 => self.cancel_timer(cx),
            740..850 => {
                if !self.held.is_empty() {
                    let index = self.random.below(self.held.len() as u64) as usize;
                    self.answer_held(cx, index)?;
                }
            }
            850..880 => self.watch(cx)?,
            880..900 => self.connections.connect(cx),
            900..950 => self.connections.go_on(cx, &mut self.random),
            950..980 => self.ask_the_node(cx),
            980..992 => self.launch_briefly(cx),
            992..994 => self.kill(cx),
            994 if self.random.once_in(8) => cx.exit(),
            _ => self.known.clear(),
        }
        Ok(())
    }

    fn someone(&mut self, cx: &Context) -> Option<Handle> {
        let number = self.random.below(self.actors);
        if let Some(&handle) = self.known.get(&number) {
            return Some(handle);
        }
        let handle = cx.query(&name(number))?;
        self.known.insert(number, handle);
        Some(handle)
    }

    fn send(&mut self, cx: &Context) {
        let Some(handle) = self.someone(cx) else {
            return;
        };
        let number = self.sent.next(handle.0).to_le_bytes();
        match cx.send(handle, KIND_NUMBERED, &number[..]) {
            Ok(()) => self.sent.advance(handle.0),
            Err(error) if error.is_full() => {}
            Err(_) => self.known.retain(|_, known| *known != handle),
        }
    }

    fn call(&mut self, cx: &Context) {
        let Some(handle) = self.someone(cx) else {
            return;
        };
        let request = Request::draw(&mut self.random, self.sent.next(handle.0));
        let since = cx.now();
        let deadline = (!self.random.once_in(3))
            .then(|| since + Duration::from_micros(self.random.below(40_000)));
        let bytes = request.to_bytes();
        let mut outgoing = Outgoing::new(handle, KIND_REQUEST, &bytes[..]);
        if let Some(deadline) = deadline {
            outgoing = outgoing.deadline(deadline.as_nanos() as u64);
        }
        match cx.call_raw(outgoing) {
            Ok(session) => {
                figures::CALLS.count();
                self.sent.advance(handle.0);
                let call = OpenCall {
                    token: request.token,
                    callee: handle.0,
                    since,
                    deadline,
                };
                if self.calls.insert(session, call).is_some() {
                    violation(format_args!("session {session} was given out twice"));
                }
            }
            Err(error) if error.is_full() => {}
            Err(_) => self.known.retain(|_, known| *known != handle),
        }
    }

    fn set_timer(&mut self, cx: &Context) -> Result<()> {
        let delay = match self.random.below(10) {
            0 => 0,
            1 => self.random.below(2000),
            _ => self.random.below(50),
        };
        let delay = Duration::from_millis(delay);
        self.last_timer += 1;
        let due = cx.now() + delay;
        let id = cx.timer_set(delay, self.last_timer)?;
        self.timers.insert(self.last_timer, OpenTimer { id, due });
        Ok(())
    }

    fn cancel_timer(&mut self, cx: &Context) {
        let Some((&value, timer)) = self.timers.iter().next() else {
            return;
        };
        // If it cannot be cancelled it has fired, and its message is on its way.
        if cx.timer_cancel(timer.id) {
            self.timers.remove(&value);
        }
    }

    fn watch(&mut self, cx: &Context) -> Result<()> {
        let Some(handle) = self.someone(cx) else {
            return Ok(());
        };
        if handle != cx.handle() && !self.watched.contains(&handle) {
            cx.watch_raw(handle)?;
            self.watched.push(handle);
        }
        Ok(())
    }

    fn ask_the_node(&mut self, cx: &Context) {
        let target = name(self.random.below(self.actors));
        let (command, parameter) = match self.random.below(6) {
            0 => ("LIST", String::new()),
            1 => ("STAT", format!("all {target}")),
            2 => ("SOCKETS", String::new()),
            3 => ("NODE", String::new()),
            4 => (
                "NAME",
                format!(".also{} {}", self.random.below(1000), cx.handle()),
            ),
            _ => ("SIGNAL", format!("{target} 0")),
        };
        // Whoever it is about may be gone, and the name taken.
        let _ = cx.command(command, &parameter);
    }

    fn launch_briefly(&mut self, cx: &Context) {
        let how = ["FAIL", "EXIT", "STAY"][self.random.below(3) as usize];
        match cx.launch_now(&format!("test_stress_brief {how}")) {
            Ok(handle) => {
                figures::LIVES.count();
                // One of the two ends it.
                let _ = cx.send(handle, KIND_TEXT, "");
                if self.random.once_in(2) {
                    let _ = cx.kill(handle);
                }
            }
            Err(_) if how == "FAIL" => {}
            Err(error) => self.refused(&error),
        }
    }

    #[expect(clippy::unused_self, reason = "it belongs to what the actor does")]
    fn refused(&self, error: &skynet_service::LaunchError) {
        // A node that stops launches nobody.
        if !error.text.contains("stopping") {
            violation(format_args!("a launch was refused: {error}"));
        }
    }

    fn kill(&mut self, cx: &Context) {
        let number = self.random.below(self.actors + 1);
        let victim = if number == self.actors {
            cx.query(".door")
        } else {
            self.someone(cx)
        };
        let Some(victim) = victim else { return };
        let was_dead = cx.kill(victim).is_err();
        figures::KILLS.count();
        // Itself: it may still send, to others.
        if victim != cx.handle() && cx.send(victim, KIND_TEXT, "").is_ok() {
            violation(format_args!("{victim} was killed and takes messages"));
        }
        if was_dead {
            self.known.retain(|_, known| *known != victim);
        }
    }
}
