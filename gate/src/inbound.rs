//! What clients send: cut into packets and passed on. This is the path that is taken for each packet.
//!
//! A read of the node arrives as one message. Mostly it holds exactly one packet: then the message's own buffer goes on
//! to the receiver, with the header shifted out of it, and nothing is allocated. Other reads are walked with a decoder,
//! which allocates the message of each packet and, for a packet that is torn, what came of it.

use std::ops::Range;

use skynet_gate_wire::{Decoder, Framing};
use skynet_service::{Context, Handle, Outgoing, RawMessage, SendError};

use crate::connections::{Connection, NONE};
use crate::gate::Gate;
use crate::notify::{Form, News};

/// Where packets of a connection go: to the broker, else to its agent, else to the watchdog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// To a broker or an agent, in the name of `source` ([`NONE`]: the gate's own).
    Service { to: Handle, source: u32 },
    /// To the watchdog, with a notice around it.
    Watchdog(Handle),
    /// They are thrown away.
    Nobody,
}

/// All that is needed to pass on the packets of one connection.
struct Lane<'a> {
    cx: &'a Context,
    id: u32,
    route: Route,
    form: Form,
    tag: u32,
}

impl Gate {
    /// Bytes came from a client.
    pub(crate) fn on_data(&mut self, cx: &Context, message: &mut RawMessage<'_>) {
        let id = message.session().cast_unsigned();
        let (broker, watchdog) = (self.broker, self.watchdog);
        // Kicked a moment ago, otherwise.
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.last_heard = self.idle.now();
        let lane = Lane {
            cx,
            id,
            route: route(connection, broker, watchdog),
            form: self.form,
            tag: self.settings.client_tag.into(),
        };
        let (framing, max) = (connection.framing, self.settings.max_packet);
        let partial = connection.partial.take();
        if partial.is_none()
            && let Some(packet) = only_packet(framing, max, message.bytes())
        {
            if let Err(error) = lane.pass_all(message, packet) {
                self.end(
                    cx,
                    id,
                    News::Error {
                        text: &error.to_string(),
                    },
                );
            }
            return;
        }
        match lane.cut(framing, max, partial, message.bytes()) {
            Ok(None) => {}
            Ok(torn) => {
                if let Some(connection) = self.connections.get_mut(id) {
                    connection.partial = torn;
                }
            }
            Err(text) => self.end(cx, id, News::Error { text: &text }),
        }
    }
}

fn route(connection: &Connection, broker: Option<Handle>, watchdog: Option<Handle>) -> Route {
    if let Some(to) = broker {
        return Route::Service { to, source: NONE };
    }
    if let Some(to) = connection.agent() {
        let source = connection.client;
        return Route::Service { to, source };
    }
    watchdog.map_or(Route::Nobody, Route::Watchdog)
}

/// Where the payload lies, when `bytes` are one whole packet that is allowed and nothing else.
fn only_packet(framing: Framing, max: usize, bytes: &[u8]) -> Option<Range<usize>> {
    let (header, len) = match framing {
        Framing::Length2 => {
            let (header, body) = bytes.split_first_chunk()?;
            let len = usize::from(u16::from_be_bytes(*header));
            (header.len(), (body.len() == len).then_some(len)?)
        }
        Framing::Length4 => {
            let (header, body) = bytes.split_first_chunk()?;
            let len = usize::try_from(u32::from_be_bytes(*header)).ok()?;
            (header.len(), (body.len() == len).then_some(len)?)
        }
        Framing::Line => {
            let end = bytes.iter().position(|byte| *byte == b'\n')?;
            let line = bytes.get(..end).filter(|_| end + 1 == bytes.len())?;
            (0, line.strip_suffix(b"\r").unwrap_or(line).len())
        }
        Framing::Raw => return Some(0..bytes.len()),
    };
    (len <= max).then_some(header..header + len)
}

impl Lane<'_> {
    /// Passes on the one packet of a message, without another buffer where that is possible.
    fn pass_all(
        &self,
        message: &mut RawMessage<'_>,
        packet: Range<usize>,
    ) -> Result<(), SendError> {
        let Route::Service { to, source } = self.route else {
            return self.pass(&message.bytes()[packet]);
        };
        if self.is_skipped(packet.len()) {
            return Ok(());
        }
        let mut buffer = message.keep_buffer();
        let len = packet.len();
        if packet.start > 0 {
            buffer.as_mut_slice().copy_within(packet, 0);
        }
        buffer.truncate(len);
        self.send(Outgoing::new(to, self.tag, buffer), source)
    }

    /// Passes on each packet that ends in `chunk`. What remains of an incomplete one is returned.
    ///
    /// # Errors
    /// A text that says why the connection cannot go on.
    fn cut(
        &self,
        framing: Framing,
        max: usize,
        partial: Option<Box<Decoder>>,
        mut chunk: &[u8],
    ) -> Result<Option<Box<Decoder>>, String> {
        let mut boxed = partial;
        let mut fresh = Decoder::new(framing, max);
        let decoder = boxed.as_deref_mut().unwrap_or(&mut fresh);
        loop {
            match decoder.decode(&mut chunk) {
                Ok(Some(packet)) => self.pass(packet).map_err(|error| error.to_string())?,
                Ok(None) => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        if decoder.pending() == 0 {
            return Ok(None);
        }
        Ok(Some(boxed.unwrap_or_else(|| Box::new(fresh))))
    }

    /// Passes on one packet.
    fn pass(&self, packet: &[u8]) -> Result<(), SendError> {
        if self.is_skipped(packet.len()) {
            return Ok(());
        }
        match self.route {
            Route::Service { to, source } => self.send(Outgoing::new(to, self.tag, packet), source),
            Route::Watchdog(watchdog) => self.form.tell_data(self.cx, watchdog, self.id, packet),
            Route::Nobody => Ok(()),
        }
    }

    fn send(&self, packet: Outgoing<'_>, source: u32) -> Result<(), SendError> {
        let packet = packet.session(self.id.cast_signed());
        self.cx.send_message(match source {
            NONE => packet,
            client => packet.source(Handle(client)),
        })
    }

    /// The C gate knows no empty packets.
    fn is_skipped(&self, len: usize) -> bool {
        len == 0 && self.form == Form::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_whole_packet_is_recognised() {
        let check = |framing, bytes: &[u8], expected: Option<&[u8]>| {
            let found = only_packet(framing, 4, bytes).map(|packet| &bytes[packet]);
            assert_eq!(found, expected, "{framing} {bytes:?}");
            // The decoder sees the same.
            let (mut decoder, mut chunk) = (Decoder::new(framing, 4), bytes);
            if let Some(expected) = expected {
                assert_eq!(decoder.decode(&mut chunk), Ok(Some(expected)), "{framing}");
                assert_eq!(decoder.decode(&mut chunk), Ok(None), "{framing}");
                assert_eq!(decoder.pending(), 0);
            }
        };
        use Framing::{Length2, Length4, Line, Raw};
        check(Length2, b"\0\x04abcd", Some(b"abcd"));
        check(Length2, b"\0\0", Some(b""));
        check(Length2, b"\0\x05abcde", None);
        check(Length2, b"\0\x04abc", None);
        check(Length2, b"\0\x04abcde", None);
        check(Length2, b"\0", None);
        check(Length4, b"\0\0\0\x02ab", Some(b"ab"));
        check(Length4, b"\xff\xff\xff\xffab", None);
        check(Length4, b"\0\0\0", None);
        check(Line, b"abcd\r\n", Some(b"abcd"));
        check(Line, b"abc\n", Some(b"abc"));
        check(Line, b"\n", Some(b""));
        check(Line, b"a\nb\n", None);
        check(Line, b"abcde\n", None);
        check(Line, b"abc", None);
        check(Raw, b"abcdefgh", Some(b"abcdefgh"));
    }

    #[test]
    fn brokers_come_before_agents_before_watchdogs() {
        let mut all = crate::connections::Connections::default();
        all.insert(1, Connection::new(Framing::Raw, 0));
        all.insert(2, Connection::new(Framing::Raw, 0));
        all.serve(2, 0xa);
        if let Some(served) = all.get_mut(2) {
            served.client = 0xc;
        }
        let check = |id, broker: Option<u32>, watchdog: Option<u32>, expected| {
            let connection = all.get(id).unwrap();
            let found = route(connection, broker.map(Handle), watchdog.map(Handle));
            assert_eq!(found, expected);
        };
        let to = |to, source| Route::Service {
            to: Handle(to),
            source,
        };
        check(2, Some(0xb), Some(0xd), to(0xb, NONE));
        check(2, None, Some(0xd), to(0xa, 0xc));
        check(1, None, Some(0xd), Route::Watchdog(Handle(0xd)));
        check(1, None, None, Route::Nobody);
    }
}
