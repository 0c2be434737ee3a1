//! What the node tells.

use skynet_service::{
    Context, FLAG_REPLY, Handle, KIND_RESPONSE, KIND_TEXT, Outgoing, RawMessage, Reason, Result,
};

use super::Actor;
use crate::figures;
use crate::promises::violation;
use crate::trail::note;

impl Actor {
    pub(super) fn call_ended(&mut self, cx: &Context, message: &RawMessage<'_>) -> Result<()> {
        let (session, source) = (message.session(), message.source().0);
        note(cx, "end of call from", source, session as u64);
        let Some(call) = self.calls.remove(&session) else {
            violation(
                cx,
                "calls end once",
                source,
                format_args!(
                    "call {session} ended twice, or never began: kind {} from :{source:08x}",
                    message.kind()
                ),
            );
            return Ok(());
        };
        if message.flags() & FLAG_REPLY == 0 {
            violation(cx, "calls end", source, "the end of a call is no reply");
        }
        if message.kind() == KIND_RESPONSE {
            figures::REPLIES.count();
            if message.bytes() != call.token.to_le_bytes() {
                violation(
                    cx,
                    "answers",
                    source,
                    format_args!("call {session} got the answer of another"),
                );
            }
            return Ok(());
        }
        figures::ERRORS.count();
        // The callee's own call may have timed out, of which it tells with the same reason and a text.
        if message.reason() == Reason::TIMED_OUT && message.bytes().is_empty() {
            figures::TIMEOUTS.count();
            if call.deadline.is_none_or(|deadline| cx.now() < deadline) {
                violation(
                    cx,
                    "calls end",
                    source,
                    format_args!(
                        "call {session} timed out too early: deadline {:?}, now {:?}",
                        call.deadline,
                        cx.now()
                    ),
                );
            }
        }
        Ok(())
    }

    pub(super) fn service_ended(&mut self, cx: &Context, handle: Handle) -> Result<()> {
        note(cx, "told of the end of", handle.0, 0);
        let Some(index) = self.watched.iter().position(|&watched| watched == handle) else {
            violation(
                cx,
                "ends",
                handle.0,
                format_args!("the end of {handle} was told twice"),
            );
            return Ok(());
        };
        self.watched.swap_remove(index);
        if cx.send(handle, KIND_TEXT, "are you there?").is_ok() {
            violation(
                cx,
                "dead",
                handle.0,
                format_args!("{handle} has ended and takes messages"),
            );
        }
        if cx.call_raw(Outgoing::new(handle, KIND_TEXT, "")).is_ok() {
            violation(
                cx,
                "dead",
                handle.0,
                format_args!("{handle} has ended and takes calls"),
            );
        }
        self.sent.forget(handle.0);
        // Not what it has sent: who was killed in its last callback is told of at once, and may go on sending there.
        Ok(())
    }

    pub(super) fn timer(&mut self, cx: &Context, value: u64) -> Result<()> {
        note(cx, "timer", 0, value);
        match self.timers.remove(&value) {
            None => violation(
                cx,
                "timers",
                0,
                format_args!("timer {value} fired twice, or after it was cancelled"),
            ),
            Some(timer) if cx.now() < timer.due => violation(
                cx,
                "timers",
                0,
                format_args!(
                    "timer {value} fired too early: due at {:?}, now {:?}",
                    timer.due,
                    cx.now()
                ),
            ),
            Some(_) => figures::TIMERS.count(),
        }
        Ok(())
    }

    pub(super) fn woken(&mut self, cx: &Context, value: u64) -> Result<()> {
        note(cx, "woken", 0, value);
        if self.wakes.remove(&value).is_none() {
            violation(
                cx,
                "wakes",
                0,
                format_args!("wake-up {value} came twice, or was not asked for"),
            );
        }
        figures::WAKES_CAME.count();
        Ok(())
    }
}
