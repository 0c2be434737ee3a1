//! Talking with the gate, which has the sockets: what it is asked, and what it reports.

use std::collections::BTreeMap;

use skynet_seri::{Value, pack, unpack};
use skynet_service::{Buffer, Context, Error, Handle, KIND_CLIENT, KIND_LUA, Result, SendError};

use crate::line::MAX_LINE;
use crate::protocol::plain;
use crate::settings::Settings;

/// The number of a client's socket, which names the client to the gate.
pub(crate) type Socket = u32;

/// Has the gate listen, and report to this service. Returns the address that it is bound to.
///
/// # Errors
/// The address cannot be used, or the gate does not answer.
pub(crate) async fn open(cx: &Context, gate: Handle, settings: &Settings) -> Result<String> {
    let options = BTreeMap::from([
        ("address", Value::string(settings.address.as_str())),
        ("framing", Value::string("line")),
        ("maxclient", Value::Integer(i64::from(settings.clients))),
        ("max_packet", Value::Integer(MAX_LINE as i64)),
        ("nodelay", Value::Boolean(true)),
        (
            "output_limit",
            Value::Integer(i64::try_from(settings.output_limit).unwrap_or(i64::MAX)),
        ),
        (
            "idle_timeout",
            Value::Integer(i64::from(settings.idle_timeout)),
        ),
    ]);
    let reply = cx
        .call(gate, KIND_LUA, pack(&("open", options))?)
        .await
        .map_err(|error| Error::msg(plain(&error)).with_reason(error.reason()))?;
    let (host, port) = unpack::<(&str, u16)>(&reply)?;
    Ok(if host.contains(':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    })
}

/// Has the gate read a client, and give its lines to `agent`.
///
/// # Errors
/// The client has gone, or the gate does not answer.
pub(crate) async fn forward(
    cx: &Context,
    gate: Handle,
    socket: Socket,
    agent: Handle,
) -> Result<()> {
    // Client 0: the lines come as the gate's.
    let request = pack(&("forward", socket, 0, agent.0))?;
    cx.call(gate, KIND_LUA, request).await?;
    Ok(())
}

/// Has the gate close a client, once what was written to it is sent.
///
/// # Errors
/// There is no gate any more.
pub(crate) fn kick(cx: &Context, gate: Handle, socket: Socket) -> Result<()> {
    cx.send(gate, KIND_LUA, pack(&("kick", socket))?)?;
    Ok(())
}

/// Writes whole lines, with their ends, to a client. One that has gone is no error.
///
/// # Errors
/// There is no gate any more.
pub(crate) fn write(
    cx: &Context,
    gate: Handle,
    socket: Socket,
    lines: &[u8],
) -> Result<(), SendError> {
    let mut packet = Buffer::with_capacity(lines.len() + 4);
    packet.extend_from_slice(lines);
    packet.extend_from_slice(&socket.to_le_bytes());
    cx.send(gate, KIND_CLIENT, packet)
}

/// What a gate reports about a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Report<'a> {
    /// It has connected, and is not read yet.
    Open {
        /// Who.
        socket: Socket,
        /// From where.
        address: &'a str,
    },
    /// It has gone; why, if not of its own accord.
    Close {
        /// Who.
        socket: Socket,
        /// What was wrong.
        why: Option<&'a str>,
    },
    /// It does not read: this much waits for it.
    Warning {
        /// Who.
        socket: Socket,
        /// KiB that wait.
        waiting: i64,
    },
}

impl<'a> Report<'a> {
    /// Reads a report.
    ///
    /// # Errors
    /// It is none.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self> {
        let (socket_word, what, socket, more) =
            unpack::<(&str, &str, Socket, Option<skynet_seri::ValueRef<'_>>)>(bytes)?;
        let text = more.and_then(|value| value.as_str());
        let number = more.and_then(|value| value.as_integer());
        Ok(match (socket_word, what) {
            ("socket", "open") => Self::Open {
                socket,
                address: text.unwrap_or("an unknown address"),
            },
            ("socket", "close") => Self::Close { socket, why: None },
            ("socket", "error") => Self::Close {
                socket,
                why: Some(text.unwrap_or("its connection failed")),
            },
            ("socket", "warning") => Self::Warning {
                socket,
                waiting: number.unwrap_or(0),
            },
            _ => {
                return Err(Error::unsupported(format_args!(
                    "report {what:?} of a gate: wanted open, close, error or warning"
                )));
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_read() {
        let check = |bytes: Vec<u8>, expected: Option<Report<'_>>| {
            assert_eq!(Report::decode(&bytes).ok(), expected);
        };
        let (socket, address) = (7, "127.0.0.1:5");
        check(
            pack(&("socket", "open", 7, address)).unwrap(),
            Some(Report::Open { socket, address }),
        );
        check(
            pack(&("socket", "close", 7)).unwrap(),
            Some(Report::Close { socket, why: None }),
        );
        let why = Some("line too long");
        check(
            pack(&("socket", "error", 7, "line too long")).unwrap(),
            Some(Report::Close { socket, why }),
        );
        check(
            pack(&("socket", "warning", 7, 64)).unwrap(),
            Some(Report::Warning {
                socket,
                waiting: 64,
            }),
        );
        check(pack(&("socket", "data", 7, "x")).unwrap(), None);
        check(pack(&("socket", "open", -1, "x")).unwrap(), None);
        check(pack(&("GET", "a")).unwrap(), None);
        check(b"\xff\xff".to_vec(), None);
    }
}
