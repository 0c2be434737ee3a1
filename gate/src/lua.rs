//! Commands in the lua protocol: those of the Lua gate, and `start` and `broker` with the meaning that they have as
//! texts.

use skynet_gate_wire::{Address, Listen};
use skynet_seri::{Reader, TableRef, UnpackArgs, ValueRef, unpack_prefix};
use skynet_service::{Context, Error, Handle, RawMessage, Result, ResultExt, bail, log};

use crate::gate::{Gate, find};
use crate::listener::{DEFAULT_HOST, Listener};
use crate::notify::{Form, News};
use crate::settings::{Given, SettingError, Settings};

impl Gate {
    /// A command came. It is answered when it has been carried out: `open` later than the others.
    pub(crate) fn on_lua(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let ((command,), mut arguments) = unpack_prefix::<(&str,)>(message.bytes())?;
        if command == "open" {
            return self.open(cx, message);
        }
        match command {
            "forward" => {
                let (id, client, agent) =
                    take::<(u32, Option<u32>, Option<ValueRef<'_>>)>(&mut arguments, command)?;
                let agent = agent.filter(|agent| *agent != ValueRef::Nil);
                let agent = agent.map(|agent| service(cx, agent)).transpose();
                let agent = agent.context("forward")?.unwrap_or(message.source());
                self.known(id)?;
                self.forward(cx, id, agent.0, client.unwrap_or(0));
                self.start_reading(cx, id);
            }
            "accept" => {
                let (id,) = take::<(u32,)>(&mut arguments, command)?;
                self.known(id)?;
                self.forward(cx, id, 0, 0);
                self.start_reading(cx, id);
            }
            "kick" => {
                let (id,) = take::<(u32,)>(&mut arguments, command)?;
                self.end(cx, id, News::Close);
            }
            "start" => {
                let (id,) = take::<(u32,)>(&mut arguments, command)?;
                self.known(id)?;
                self.start_reading(cx, id);
            }
            "broker" => {
                let (broker,) = take::<(ValueRef<'_>,)>(&mut arguments, command)?;
                let broker = service(cx, broker).context(command)?;
                self.set_broker(cx, broker);
            }
            "close" => {
                if !self.stop_listening(cx) {
                    bail!("close: the gate does not listen");
                }
            }
            _ => {
                return Err(Error::unsupported(format_args!(
                    "command {command:?}: wanted open, close, forward, accept, start, kick or broker"
                )));
            }
        }
        Ok(cx.reply(message, ())?)
    }

    fn open(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        if self.form == Form::Text {
            bail!("open: this gate was launched with an address; launch another one without words");
        }
        if !matches!(self.listener, Listener::Closed) {
            bail!("open: the gate listens already");
        }
        let (_, table) = take_all::<(&str, TableRef<'_>)>(message.bytes())?;
        let Open {
            address,
            watchdog,
            settings,
        } = Open::read(cx, table).context("open")?;
        let watchdog = watchdog.unwrap_or(message.source());
        let opener = message.keep().take_responder();
        self.listen(cx, &address, settings, opener)?;
        self.set_watchdog(cx, Some(watchdog));
        Ok(())
    }

    fn known(&self, id: u32) -> Result<()> {
        if self.connections.get(id).is_none() {
            return Err(Error::refused(format_args!("there is no client {id}")));
        }
        Ok(())
    }
}

/// What `open` is told.
#[derive(Debug)]
struct Open {
    /// `host:port`.
    address: String,
    watchdog: Option<Handle>,
    settings: Settings,
}

impl Open {
    fn read(cx: &Context, table: TableRef<'_>) -> Result<Self> {
        let (mut host, mut port, mut watchdog) = (None, None, None);
        let mut settings = Settings::default();
        for (key, value) in table.pairs() {
            let Some(key) = key.as_str() else { continue };
            match key {
                "address" => {
                    let text = value.as_str().filter(|text| !text.is_empty());
                    host = Some(text.ok_or_else(|| wrong(key, value, "a text"))?);
                }
                "port" => {
                    let number = value.as_integer().and_then(|n| u16::try_from(n).ok());
                    port = Some(number.ok_or_else(|| wrong(key, value, "from 0 to 65535"))?);
                }
                "watchdog" => watchdog = Some(service(cx, value)?),
                _ => match settings.set(key, Given::Value(value)) {
                    // Tables of others may carry more, for others.
                    Err(error @ SettingError::Unknown { .. }) => log::warn!("open: {error}"),
                    set => set?,
                },
            }
        }
        Ok(Self {
            address: address(host, port)?,
            watchdog,
            settings,
        })
    }
}

fn wrong(key: &str, value: ValueRef<'_>, wanted: &str) -> Error {
    let found = Given::Value(value);
    Error::msg(format_args!("{key}: found {found}, wanted {wanted}"))
}

/// Where to listen. Without a port the address has it.
fn address(host: Option<&str>, port: Option<u16>) -> Result<String> {
    match (host, port) {
        (host, Some(port)) => {
            let host = host.unwrap_or(DEFAULT_HOST);
            let host = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .unwrap_or(host);
            Ok(Listen {
                host: Some(host.to_owned()),
                port,
            }
            .to_string())
        }
        (Some(address), None) if address.contains(':') => Ok(address.to_owned()),
        _ => bail!("port: found none, wanted a port, or an address with one"),
    }
}

/// The service that a value names: a handle, or a text as in commands.
fn service(cx: &Context, value: ValueRef<'_>) -> Result<Handle> {
    if let Some(handle) = value.as_integer() {
        let handle = u32::try_from(handle).ok().filter(|handle| *handle != 0);
        return Ok(Handle(
            handle.ok_or_else(|| wrong("service", value, "a handle"))?,
        ));
    }
    let Some(text) = value.as_str() else {
        return Err(wrong("service", value, "a handle or an address"));
    };
    find(cx, &text.parse::<Address>()?)
}

fn take<'a, A: UnpackArgs<'a>>(arguments: &mut Reader<'a>, command: &str) -> Result<A> {
    A::unpack_args(arguments).context(command)
}

fn take_all<'a, A: UnpackArgs<'a>>(bytes: &'a [u8]) -> Result<A> {
    unpack_prefix::<A>(bytes)
        .map(|(values, _)| values)
        .context("open")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_put_together() {
        let check = |host: Option<&str>, port: Option<u16>, expected: Option<&str>| {
            let found = address(host, port).ok();
            assert_eq!(found.as_deref(), expected, "{host:?} {port:?}");
        };
        check(None, Some(0), Some("127.0.0.1:0"));
        check(Some("0.0.0.0"), Some(8888), Some("0.0.0.0:8888"));
        check(Some("::1"), Some(8888), Some("[::1]:8888"));
        check(Some("[::1]"), Some(8888), Some("[::1]:8888"));
        check(Some("localhost:8888"), None, Some("localhost:8888"));
        check(Some("localhost"), None, None);
        check(None, None, None);
    }
}
