//! What the other node answers.

use skynet_cluster_wire::{Framer, Reassembler, Response, SESSION_PROBE, Wrong};
use skynet_service::{Context, KIND_RESPONSE, Outgoing, Reason, log};

use super::Sender;
use super::timer::Timer;
use crate::bytes::Bytes;

impl Sender {
    /// Reads answers.
    ///
    /// # Errors
    /// What is wrong with them: the connection is of no further use.
    pub(super) fn read_answers(
        &mut self,
        cx: &Context,
        framer: &mut Framer,
        answers: &mut Reassembler<Bytes, ()>,
        mut bytes: &[u8],
    ) -> Result<(), String> {
        while let Some(frame) = framer.next(&mut bytes).map_err(|error| error.to_string())? {
            let answer = Response::parse(frame)
                .map_err(|error| format!("it answers what cannot be read: {error}"))?;
            if answer.is_extension() && !self.is_ours {
                return Err("it answers as one of ours, and has not said that it is".to_owned());
            }
            if let Response::Ok { session, body } = answer
                && let Some(caller) = self.pending.remove(session)
            {
                self.counts.answered += 1;
                let answer = Outgoing::new(caller.handle, KIND_RESPONSE, body);
                self.give(cx, answer.session(caller.session));
                continue;
            }
            self.on_answer(cx, answers, &answer);
        }
        Ok(())
    }

    fn on_answer(
        &mut self,
        cx: &Context,
        answers: &mut Reassembler<Bytes, ()>,
        answer: &Response<'_>,
    ) {
        let session = answer.session();
        match *answer {
            // A sign of life.
            _ if session == SESSION_PROBE => self.signs += 1,
            Response::Begin { total, .. } if self.pending.contains(session) => {
                if let Err(refused) = answers.begin(session, total, ()) {
                    let text = format!(
                        "the answer of node {} cannot be taken: {refused}",
                        self.node
                    );
                    self.fail_session(cx, session, Reason::TOO_LARGE, &text);
                }
            }
            Response::Part { bytes, last, .. } => {
                let whole = if last {
                    answers.finish(session, bytes).map(Some)
                } else {
                    answers.part(session, bytes).map(|()| None)
                };
                match whole {
                    Ok(None) => {}
                    Ok(Some(((), body))) => match self.pending.remove(session) {
                        Some(caller) => {
                            self.counts.answered += 1;
                            self.answer(cx, caller.handle, caller.session, body.0);
                        }
                        None => self.unknown(session),
                    },
                    Err(Wrong::Dropped) => {}
                    Err(wrong) => {
                        let text =
                            format!("the answer of node {} cannot be taken: {wrong}", self.node);
                        self.fail_session(cx, session, Reason::FAILED, &text);
                    }
                }
            }
            Response::Error { text, .. } => {
                let text = String::from_utf8_lossy(text);
                // It does not say why. A query can only fail in one way.
                let reason = if self.pending.is_query(session) {
                    Reason::UNKNOWN
                } else {
                    Reason::FAILED
                };
                self.fail_session(cx, session, reason, &text);
            }
            Response::Reason { reason, text, .. } => {
                let text = String::from_utf8_lossy(text);
                self.fail_session(cx, session, Reason(reason), &text);
            }
            Response::Ok { .. } | Response::Begin { .. } => self.unknown(session),
        }
    }

    /// Fails the call with this session, if there is one.
    fn fail_session(&mut self, cx: &Context, session: u32, reason: Reason, text: &str) {
        match self.pending.remove(session) {
            Some(caller) => {
                self.counts.answered += 1;
                self.fail(cx, caller.handle, caller.session, reason, text);
            }
            None => self.unknown(session),
        }
    }

    /// Nobody waits for it: the caller has given up, or the other end has made it up.
    fn unknown(&self, session: u32) {
        log::debug!(
            "cluster node {}: an answer for session {session}, which nobody waits for",
            self.node
        );
    }

    /// Calls without a time-out of their own have waited long enough.
    pub(super) fn expire(&mut self, cx: &Context) {
        let (expired, next) = self.pending.expire(cx.now());
        for (session, caller) in expired {
            if let Some(connection) = &mut self.connection {
                connection.answers.remove(session);
            }
            let text = format!(
                "node {} has not answered in {} s (cluster_call_timeout)",
                self.node,
                self.settings.call_timeout.as_secs_f64()
            );
            self.fail(cx, caller.handle, caller.session, Reason::TIMED_OUT, &text);
        }
        if let Some(next) = next {
            Timer::Limit.set(cx, next);
        }
    }
}
