//! What others send.

use std::time::{Duration, Instant};

use skynet_service::abi::FLAG_REDIRECTED;
use skynet_service::{Context, FLAG_SHARED, Message, Outgoing, RawMessage, Reason, Result, bail};

use super::Actor;
use crate::director::name;
use crate::figures;
use crate::ghost::{self, Job};
use crate::payloads::{self, KIND_BLOCK, KIND_SHARED, Next};
use crate::promises::violation;
use crate::random::Random;
use crate::request::{Request, Wish};
use crate::trail::note;

/// Held requests, before the oldest are answered in any case.
const HELD: usize = 64;

impl Actor {
    pub(super) fn numbered(&mut self, cx: &Context, message: &RawMessage<'_>) -> Result<()> {
        let number = u64::from_le_bytes(message.bytes().try_into()?);
        note(cx, "numbered from", message.source().0, number);
        self.received.expect(cx, message.source().0, number);
        Ok(())
    }

    pub(super) fn request(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let source = message.source().0;
        let Some(request) = Request::parse(message.bytes()) else {
            violation(cx, "payloads", source, "a request was changed on its way");
            return Ok(());
        };
        note(cx, request.wish.text(), source, request.token);
        // What was passed on by somebody else has no place among those of its source.
        if message.flags() & FLAG_REDIRECTED == 0 && request.number != u64::MAX {
            self.received.expect(cx, source, request.number);
        }
        let mut random = Random::of(self.seed, [request.token, 1]);
        match request.wish {
            Wish::Hold => {
                let message = message.keep();
                self.held.push(message);
                if self.held.len() > HELD {
                    self.answer_held(cx, 0)?;
                }
                return Ok(());
            }
            // Not by the request alone, or it might go round in circles for ever.
            Wish::PassOn if !self.counted.delivered.is_multiple_of(4) => {
                let message = message.keep();
                return self.pass_on(cx, message, &mut random);
            }
            Wish::Elsewhere => {
                let message = message.keep();
                return self.answer_elsewhere(cx, message, &mut random);
            }
            Wish::Fail => bail!("as was wished"),
            Wish::Drop => return Ok(()),
            Wish::Exit => cx.exit_with(Reason::FAILED, "as was wished"),
            Wish::Panic => panic!("as was wished"),
            Wish::Spin => spin(&mut random),
            Wish::Block => {
                let time = Duration::from_micros(random.below(5_000));
                cx.blocking(|| std::thread::sleep(time));
            }
            Wish::Answer | Wish::PassOn | Wish::Sleep | Wish::Ask => {}
        }
        Ok(cx.reply(message, &request.token.to_le_bytes()[..])?)
    }

    fn pass_on(&self, cx: &Context, message: Message, random: &mut Random) -> Result<()> {
        let number = random.below(self.actors);
        match cx.redirect(message, name(number).as_str()) {
            Ok(()) => figures::PASSED_ON.count(),
            Err(error) => cx.reply_error(&*error.message, Reason::REFUSED, "nobody is there")?,
        }
        Ok(())
    }

    fn answer_elsewhere(
        &mut self,
        cx: &Context,
        message: Message,
        random: &mut Random,
    ) -> Result<()> {
        let (Some(request), Some(responder)) =
            (Request::parse(message.bytes()), message.take_responder())
        else {
            violation(cx, "payloads", 0, "a kept request was changed");
            return Ok(());
        };
        self.counted.elsewhere += 1;
        let delay = Duration::from_micros(random.below(300));
        if !ghost::give(delay, Job::Answer(responder, request.token)) {
            bail!("there are no foreign threads");
        }
        Ok(())
    }

    pub(super) fn answer_held(&mut self, cx: &Context, index: usize) -> Result<()> {
        let message = self.held.swap_remove(index);
        match Request::parse(message.bytes()) {
            Some(request) => cx.reply(&message, &request.token.to_le_bytes()[..])?,
            None => violation(
                cx,
                "payloads",
                message.source().0,
                "a held request was changed",
            ),
        }
        Ok(())
    }

    pub(super) fn payload(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let (source, session) = (message.source().0, message.session());
        if message.is_call() {
            // Calls are not sent with this kind.
            violation(cx, "delivery", source, "a payload came as a call");
        }
        if message.kind() == KIND_SHARED {
            if message.flags() & FLAG_SHARED == 0 {
                violation(cx, "payloads", source, "a shared payload is not marked");
            }
            let last = self.shared_received.insert(source, session);
            if last.is_some_and(|last| last >= session) {
                violation(
                    cx,
                    "order",
                    source,
                    format_args!("shared payload {session} from :{source:08x} came after {last:?}"),
                );
            }
        }
        let mut random = Random::of(self.seed, [2, self.counted.delivered]);
        match payloads::came(cx, message, &mut self.kept, &mut random) {
            Next::Nothing => {}
            Next::SendOn(buffer) => {
                let to = name(random.below(self.actors));
                let outgoing = Outgoing::new(to.as_str(), KIND_BLOCK, buffer).session(session - 1);
                self.send_block(cx, outgoing);
            }
        }
        Ok(())
    }
}

/// Sometimes so long that the worker gets a successor.
fn spin(random: &mut Random) {
    let long = if random.once_in(8) { 60_000 } else { 2_000 };
    let time = Duration::from_micros(random.below(long));
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}
