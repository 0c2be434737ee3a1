//! Coming to rest, and whether all that was sent has come by then.

use std::time::Duration;

use skynet_service::{Context, Handle, Outgoing, RawMessage, Result};

use super::{Actor, TICK};
use crate::promises::OpenCall;
use crate::trail::{self, note};

/// How many numbered messages the caller has sent; answered with the same number.
pub(crate) const KIND_AUDIT: u32 = 102;

/// How often somebody who rests looks for what is left.
const RESTING: Duration = Duration::from_millis(5);

impl Actor {
    /// Nothing is begun any more, and everything is brought to its end.
    pub(super) fn rest(&mut self, cx: &Context) -> Result<()> {
        while !self.held.is_empty() {
            self.answer_held(cx, 0)?;
        }
        self.kept.drop_all(cx);
        self.connections.close_open(cx);
        if let Some(audits) = self.audits.take() {
            self.audits = Some(self.audit(cx, audits)?);
        }
        // Once everybody was asked, nothing moves any more.
        if self.audits.as_ref().is_none_or(|left| !left.is_empty()) {
            cx.timer_set(RESTING, TICK)?;
        }
        Ok(())
    }

    /// Asks them; gives those whose mailboxes are full.
    fn audit(&mut self, cx: &Context, audits: Vec<(u32, u64)>) -> Result<Vec<(u32, u64)>> {
        let mut left = Vec::new();
        for (peer, count) in audits {
            let bytes = count.to_le_bytes();
            match cx.call_raw(Outgoing::new(Handle(peer), KIND_AUDIT, &bytes[..])) {
                Ok(session) => {
                    self.counted.sent += 1;
                    let call = OpenCall {
                        token: count,
                        callee: peer,
                        since: cx.now(),
                        deadline: None,
                    };
                    self.calls.insert(session, call);
                }
                Err(error) if error.is_full() => left.push((peer, count)),
                // It has ended, and what it had not handled with it.
                Err(_) => {}
            }
        }
        Ok(left)
    }

    pub(super) fn audited(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let count = u64::from_le_bytes(message.bytes().try_into()?);
        note(cx, "audited by", message.source().0, count);
        self.received.expect_all(cx, message.source().0, count);
        Ok(cx.reply(message, &count.to_le_bytes()[..])?)
    }

    /// A question from outside: `AUDIT`; `REPORT` for what is open and what was counted, this request included; `TRAIL`
    /// for the last events of this actor and of some who owe it an answer.
    pub(super) fn asked(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.bytes() {
            b"AUDIT" => {
                self.audits = Some(self.sent.all().collect());
                cx.reply(message, "begun")?;
            }
            b"REPORT" => {
                let text = self.report();
                cx.reply(message, text)?;
            }
            b"TRAIL" => {
                let callees = self.calls.values().map(|call| call.callee);
                let trails: String = std::iter::once(cx.handle().0)
                    .chain(callees)
                    .take(4)
                    .map(trail::of)
                    .collect();
                cx.reply(message, trails)?;
            }
            _ => cx.reply(message, "here I am")?,
        }
        Ok(())
    }

    fn report(&self) -> String {
        let counted = &self.counted;
        format!(
            "calls={} timers={} held={} wakes={} kept={} connections={} audits={} delivered={} sent={}",
            self.calls.len(),
            self.timers.len(),
            self.held.len(),
            self.wakes.len(),
            self.kept.len(),
            self.connections.len(),
            self.audits.as_ref().map_or(0, Vec::len),
            counted.delivered + counted.elsewhere,
            counted.sent + counted.requests - counted.elsewhere,
        )
    }
}
