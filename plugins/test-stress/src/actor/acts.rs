//! What it does by itself.

use std::time::Duration;

use skynet_service::{Context, Handle, KIND_TEXT, LaunchError, Outgoing, Result};

use super::{Actor, TICK, is_bounded};
use crate::brief;
use crate::director::name;
use crate::figures;
use crate::ghost::{self, Job};
use crate::mode::{self, Mode, mode};
use crate::payloads::{self, KIND_BLOCK, KIND_SHARED};
use crate::promises::{OpenCall, OpenTimer, check_overdue, violation};
use crate::random::Random;
use crate::request::{KIND_NUMBERED, KIND_REQUEST, Request};
use crate::trail::note;

/// Ticks between two looks at what is overdue.
const LOOK: u64 = 512;
/// How often a payload is sent on at most.
const HOPS: u64 = 4;

impl Actor {
    pub(super) fn tick(&mut self, cx: &Context) -> Result<()> {
        self.ticks += 1;
        mode::ticked(self.place, cx.now());
        if self.ticks.is_multiple_of(LOOK) {
            check_overdue(cx, &self.calls, &self.timers, &self.wakes);
            self.connections.check_overdue(cx);
        }
        if mode() == Mode::Rest {
            return self.rest(cx);
        }
        let mut random = Random::of(self.seed, [0, self.ticks]);
        let delay = Duration::from_millis(random.below(5));
        cx.timer_set(delay, TICK)?;
        for _ in 0..random.below(24) {
            figures::ACTIONS.count();
            self.act(cx, &mut random)?;
        }
        Ok(())
    }

    fn act(&mut self, cx: &Context, random: &mut Random) -> Result<()> {
        match random.below(1000) {
            0..260 => self.send(cx, random),
            260..540 => self.call(cx, random),
            540..600 => self.send_payload(cx, random),
            600..620 => self.share(cx, random)?,
            620..700 => self.set_timer(cx, random)?,
            700..740 => self.cancel_timer(cx),
            740..840 => {
                if !self.held.is_empty() {
                    let index = random.below(self.held.len() as u64) as usize;
                    self.answer_held(cx, index)?;
                }
            }
            840..860 => self.wake_from_elsewhere(cx, random),
            860..880 => self.send_from_elsewhere(cx, random),
            880..890 => self.watch(cx, random)?,
            890..910 => self.connections.connect(cx, random),
            910..950 => self.connections.go_on(cx, random),
            950..970 => self.ask_the_node(cx, random),
            970..1000 if !Self::is_wild() => {}
            970..985 => self.launch_briefly(cx, random),
            985..988 => self.disturb_the_unborn(cx, random),
            988 => self.disturb_the_crowd(cx, random),
            989..991 => self.kill(cx, random),
            991 if random.once_in(8) => cx.exit(),
            _ => self.known.clear(),
        }
        Ok(())
    }

    /// One of the actors, and its place.
    fn someone(&mut self, cx: &Context, random: &mut Random) -> Option<(Handle, u64)> {
        let place = random.below(self.actors);
        if let Some(&handle) = self.known.get(&place) {
            return Some((handle, place));
        }
        let handle = cx.query(&name(place))?;
        self.known.insert(place, handle);
        Some((handle, place))
    }

    /// Something was not sent to somebody at this place.
    fn not_sent(&mut self, cx: &Context, error: &skynet_service::SendError, to: (Handle, u64)) {
        let (handle, place) = to;
        if !error.is_full() {
            self.known.retain(|_, known| *known != handle);
            return;
        }
        figures::FULL.count();
        if !is_bounded(place) {
            violation(
                cx,
                "mailboxes",
                handle.0,
                format_args!("{handle} is full, and has no bound"),
            );
        }
    }

    fn send(&mut self, cx: &Context, random: &mut Random) {
        let Some((handle, place)) = self.someone(cx, random) else {
            return;
        };
        let number = self.sent.next(handle.0);
        match cx.send(handle, KIND_NUMBERED, &number.to_le_bytes()[..]) {
            Ok(()) => {
                note(cx, "numbered to", handle.0, number);
                figures::SENDS.count();
                self.counted.sent += 1;
                self.sent.advance(handle.0);
            }
            Err(error) => self.not_sent(cx, &error, (handle, place)),
        }
    }

    fn call(&mut self, cx: &Context, random: &mut Random) {
        let Some((handle, place)) = self.someone(cx, random) else {
            return;
        };
        let request = Request::draw(random, self.sent.next(handle.0), !Self::is_wild());
        let since = cx.now();
        let hurries = !random.once_in(3);
        let deadline = since + Duration::from_micros(random.below(40_000));
        let deadline = (hurries && Self::is_wild()).then_some(deadline);
        if let Err(error) = self.call_with(cx, handle, request, deadline) {
            self.not_sent(cx, &error, (handle, place));
        } else {
            self.sent.advance(handle.0);
        }
    }

    fn call_with(
        &mut self,
        cx: &Context,
        callee: Handle,
        request: Request,
        deadline: Option<Duration>,
    ) -> Result<(), skynet_service::SendError> {
        let bytes = request.to_bytes();
        let mut outgoing = Outgoing::new(callee, KIND_REQUEST, &bytes[..]);
        if let Some(deadline) = deadline {
            outgoing = outgoing.deadline(deadline.as_nanos() as u64);
        }
        let since = cx.now();
        let session = cx.call_raw(outgoing)?;
        note(cx, "call to", callee.0, session as u64);
        figures::CALLS.count();
        self.counted.sent += 1;
        let call = OpenCall {
            token: request.token,
            callee: callee.0,
            since,
            deadline,
        };
        if self.calls.insert(session, call).is_some() {
            violation(
                cx,
                "calls end",
                callee.0,
                format_args!("session {session} was given out twice"),
            );
        }
        Ok(())
    }

    /// A payload: made, or one that was kept, or a share of it.
    fn send_payload(&mut self, cx: &Context, random: &mut Random) {
        let mut block = match self.kept.take(cx, random) {
            Some(block) if random.once_in(2) => block,
            Some(_) | None => payloads::make(random),
        };
        if random.once_in(4) {
            self.kept.keep(cx, block.share(), cx.handle().0);
        }
        let to = name(random.below(self.actors));
        let hops = random.below(HOPS) as i32;
        self.send_block(
            cx,
            Outgoing::new(to.as_str(), KIND_BLOCK, block).session(hops),
        );
    }

    pub(super) fn send_block(&mut self, cx: &Context, outgoing: Outgoing<'_>) {
        match cx.send_message(outgoing) {
            Ok(()) => {
                figures::BLOCKS_SENT.count();
                self.counted.sent += 1;
            }
            // What is not sent comes back as it was.
            Err(error) => match error.into_buffer() {
                Some(block) => self.kept.keep(cx, block, cx.handle().0),
                None => violation(cx, "payloads", 0, "a payload was not sent and is gone"),
            },
        }
    }

    fn share(&mut self, cx: &Context, random: &mut Random) -> Result<()> {
        let known: Vec<Handle> = (0..self.actors)
            .filter_map(|place| self.known.get(&place).copied())
            .collect();
        let receivers = payloads::some_of(known.into_iter(), random);
        self.shared_sent += 1;
        let payload = payloads::make(random);
        let delivered =
            cx.send_many_with_session(&receivers, KIND_SHARED, self.shared_sent, payload)?;
        if delivered > receivers.len() {
            violation(
                cx,
                "delivery",
                0,
                format_args!("{delivered} took what was for {}", receivers.len()),
            );
        }
        figures::SHARED_SENT.add(delivered as u64);
        self.counted.sent += delivered as u64;
        Ok(())
    }

    fn set_timer(&mut self, cx: &Context, random: &mut Random) -> Result<()> {
        let delay = match random.below(10) {
            0 => 0,
            1 => random.below(1000),
            _ => random.below(50),
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
        let (id, due) = (timer.id, timer.due);
        if cx.timer_cancel(id) {
            note(cx, "cancelled timer", 0, value);
            figures::CANCELS.count();
            self.timers.remove(&value);
        } else if cx.now() < due {
            // It could have fired, and its message be on its way, but only when it was due.
            violation(
                cx,
                "timers",
                0,
                format_args!("timer {value} could not be cancelled before it was due"),
            );
        }
    }

    fn wake_from_elsewhere(&mut self, cx: &Context, random: &mut Random) {
        self.last_wake += 1;
        let delay = Duration::from_micros(random.below(300));
        if ghost::give(delay, Job::Wake(cx.clone(), self.last_wake)) {
            self.wakes.insert(self.last_wake, cx.now());
        }
    }

    fn send_from_elsewhere(&mut self, cx: &Context, random: &mut Random) {
        let Some((handle, _)) = self.someone(cx, random) else {
            return;
        };
        let block = payloads::make(random);
        ghost::give(Duration::ZERO, Job::Send(cx.clone(), handle, block));
    }

    fn watch(&mut self, cx: &Context, random: &mut Random) -> Result<()> {
        let Some((handle, _)) = self.someone(cx, random) else {
            return Ok(());
        };
        if handle != cx.handle() && !self.watched.contains(&handle) {
            cx.watch_raw(handle)?;
            self.watched.push(handle);
        }
        Ok(())
    }

    fn ask_the_node(&mut self, cx: &Context, random: &mut Random) {
        let target = name(random.below(self.actors));
        let (command, parameter) = match random.below(6) {
            0 => ("LIST", String::new()),
            1 => ("STAT", format!("all {target}")),
            2 => ("SOCKETS", String::new()),
            3 => ("NODE", String::new()),
            4 => (
                "NAME",
                format!(".also{} {}", random.below(1000), cx.handle()),
            ),
            _ => ("SIGNAL", format!("{target} 0")),
        };
        // Whoever it is about may be gone, and the name taken.
        let _ = cx.command(command, &parameter);
    }

    fn launch_briefly(&mut self, cx: &Context, random: &mut Random) {
        let how = brief::HOW[random.below(brief::HOW.len() as u64) as usize];
        let line = format!("test_stress_brief {how} {}", random.next());
        match cx.launch_now(&line) {
            Ok(handle) => {
                figures::LIVES.count();
                note(cx, "launched", handle.0, 0);
                // One of the two ends it.
                self.counted.sent += u64::from(cx.send(handle, KIND_TEXT, "").is_ok());
                if random.once_in(2) {
                    let _ = cx.kill(handle);
                }
            }
            Err(_) if how == "FAIL" => {}
            Err(error) => refused(cx, &error),
        }
    }

    /// Kills or calls a service that is being created.
    fn disturb_the_unborn(&mut self, cx: &Context, random: &mut Random) {
        let Some(handle) = cx.query(&brief::unborn(random)) else {
            return;
        };
        if random.once_in(2) {
            note(cx, "kills unborn", handle.0, 0);
            if cx.kill(handle).is_ok() {
                figures::UNBORN_KILLS.count();
            }
        } else {
            let request = Request::draw(random, u64::MAX, true);
            // It may be gone by now.
            let _ = self.call_with(cx, handle, request, None);
        }
    }

    /// Sends to, looks at or kills one of very many that come and go.
    fn disturb_the_crowd(&mut self, cx: &Context, random: &mut Random) {
        for _ in 0..random.below(64) {
            let handle = brief::one_of_the_crowd(random);
            match random.below(8) {
                0 => drop(cx.kill(handle)),
                1 => drop(cx.command("STAT", &format!("all {handle}"))),
                _ => self.counted.sent += u64::from(cx.send(handle, KIND_TEXT, "").is_ok()),
            }
        }
    }

    fn kill(&mut self, cx: &Context, random: &mut Random) {
        let place = random.below(self.actors + 1);
        let (victim, its_name) = if place == self.actors {
            (cx.query(".door"), ".door".to_owned())
        } else {
            let someone = self.someone(cx, random);
            match someone {
                Some((victim, place)) => (Some(victim), name(place)),
                None => return,
            }
        };
        let Some(victim) = victim else { return };
        note(cx, "kills", victim.0, 0);
        let was_alive = cx.kill(victim).is_ok();
        figures::KILLS.count();
        // Itself: it may still send, to others.
        if victim != cx.handle() && cx.send(victim, KIND_TEXT, "").is_ok() {
            violation(
                cx,
                "dead",
                victim.0,
                format_args!("{victim} was killed and takes messages"),
            );
        }
        if was_alive && cx.query(&its_name) == Some(victim) {
            violation(
                cx,
                "names",
                victim.0,
                format_args!("{victim} was killed and is found as {its_name}"),
            );
        }
        if !was_alive {
            self.known.retain(|_, known| *known != victim);
        }
    }
}

fn refused(cx: &Context, error: &LaunchError) {
    // A node that stops launches nobody.
    if !error.text.contains("stopping") {
        violation(
            cx,
            "launches",
            0,
            format_args!("a launch was refused: {error}"),
        );
    }
}
