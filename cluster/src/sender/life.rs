//! Whether the other node lives: it is asked again and again, and has to say something.

use std::borrow::Cow;

use skynet_cluster_wire::{self as wire, Beat, SESSION_PROBE};
use skynet_service::{Context, log};

use super::Sender;
use super::timer::Timer;
use crate::bytes::Bytes;

/// How often the other node is asked whether it lives, in the time that it may be silent.
const BEATS: u32 = 4;

impl Sender {
    /// There is a connection: it is asked from now on.
    pub(super) fn beat_later(&self, cx: &Context) {
        Timer::Beat(self.generation).set(cx, self.settings.heartbeat / BEATS);
    }

    /// Asks whether the other end lives, and looks whether it did.
    pub(super) fn beat(&mut self, cx: &Context) {
        let now = cx.now();
        let heartbeat = self.settings.heartbeat;
        let Some(connection) = &mut self.connection else {
            return;
        };
        let beat = heartbeat / BEATS;
        let silence = connection.line.silence(now, beat);
        let allowed = heartbeat + connection.pulse.grace(connection.line.written);
        if silence >= allowed {
            let why = format!("it was silent for {} ms", silence.as_millis());
            return self.on_end(cx, Cow::Owned(why));
        }
        let answers = &mut connection.answers;
        self.pending.forget_overdue(now, |session| {
            answers.remove(session);
        });
        self.ask_for_life(cx);
        Timer::Beat(self.generation).set(cx, beat.min(allowed.saturating_sub(silence)));
    }

    fn ask_for_life(&mut self, cx: &Context) {
        if let Some(connection) = &mut self.connection {
            connection.pulse.ask(connection.line.written);
            let question = Beat {
                stamp: u64::try_from(cx.now().as_millis()).unwrap_or(u64::MAX),
            };
            self.output.outbox.frames(|out| ask(out, &question.write()));
            self.mark(cx);
        }
    }

    /// Asks behind each piece of much that was written.
    #[inline]
    pub(super) fn ask_if_due(&mut self, cx: &Context) {
        let connection = self.connection.as_deref();
        if connection.is_some_and(|connection| connection.pulse.is_due(connection.line.written)) {
            self.ask_for_life(cx);
        }
    }
}

/// Writes a question about the other end itself.
pub(super) fn ask(out: &mut Bytes, body: &[u8]) {
    let address = wire::Address::Handle(0);
    if let Err(error) = wire::small_request(out, address, SESSION_PROBE, false, body) {
        log::error!("a probe cannot be written: {error}");
    }
}
