//! An unmodified slave, moved step by step.

use std::collections::VecDeque;
use std::io::{BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::inbox::Inbox;
use super::judge;
use super::packet::{self, Value, packet};
use super::peer::{Hello, Peer};
use crate::client::{self, PATIENCE};
use crate::deadline::{Deadline, eventually};

/// See the module.
#[derive(Debug)]
pub(crate) struct StockSlave {
    id: u8,
    address: SocketAddr,
    /// Open until start-up is over.
    door: Option<TcpListener>,
    master: TcpStream,
    packets: Inbox<Vec<Value>>,
    /// Packets that came while others were waited for.
    passed: VecDeque<Vec<Value>>,
}

impl StockSlave {
    /// Listens, connects to the master and says who it is.
    pub(crate) fn begin(master: SocketAddr, id: u8) -> Result<Self> {
        Self::begin_at(master, id, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// As [`begin`](Self::begin), on an address of one's choice.
    pub(crate) fn begin_at(master: SocketAddr, id: u8, address: SocketAddr) -> Result<Self> {
        let door = TcpListener::bind(address).with_context(|| format!("listening on {address}"))?;
        let address = door.local_addr()?;
        let mut stream = client::connect(master)?;
        let hello = packet(&["H".into(), id.into(), address.to_string().as_str().into()]);
        stream.write_all(&hello)?;
        stream.set_read_timeout(None)?;
        let mut input = BufReader::new(stream.try_clone()?);
        let mut is_first = true;
        let packets = Inbox::start(format!("packets of the master for {id}"), move || {
            let payload = match packet::read(&mut input) {
                Ok(Some(payload)) => payload,
                Ok(None) | Err(_) => return Ok(None),
            };
            let values = packet::parse(&payload)?;
            judge::from_master(&values, is_first).with_context(|| format!("{values:?}"))?;
            is_first = false;
            Ok(Some(values))
        })?;
        Ok(Self {
            id,
            address,
            door: Some(door),
            master: stream,
            packets,
            passed: VecDeque::new(),
        })
    }

    /// Begins, lets everybody in who has to come, and closes its door.
    pub(crate) fn join(
        master: SocketAddr,
        id: u8,
        hello: Hello,
    ) -> Result<(Self, Vec<(u8, Peer)>)> {
        let mut slave = Self::begin(master, id)?;
        let count = slave.welcome()?;
        let peers = (0..count)
            .map(|_| slave.accept(hello))
            .collect::<Result<_>>()?;
        slave.close_door();
        Ok((slave, peers))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The first packet: how many will dial.
    pub(crate) fn welcome(&mut self) -> Result<i64> {
        let values = self.packet(PATIENCE)?;
        values.get(1).and_then(Value::integer).context("W")
    }

    /// Lets one node in, which has dialled.
    pub(crate) fn accept(&self, hello: Hello) -> Result<(u8, Peer)> {
        let door = self.door.as_ref().context("the door is closed")?;
        door.set_nonblocking(true)?;
        let (stream, _) = eventually("somebody to dial", PATIENCE, || Ok(door.accept().ok()))?;
        stream.set_nonblocking(false)?;
        Peer::accepted(stream, self.id, hello)
    }

    /// Stops listening, as every unmodified node does when it is up.
    pub(crate) fn close_door(&mut self) {
        self.door = None;
    }

    /// Dials a node that has come later.
    pub(crate) fn dial(&self, other: u8, address: SocketAddr, hello: Hello) -> Result<Peer> {
        Peer::dialled(client::connect(address)?, self.id, other, hello)
    }

    /// Dials the newcomer that the master tells of.
    pub(crate) fn dial_newcomer(&mut self, other: u8, hello: Hello) -> Result<Peer> {
        let values = self.expect_type("C")?;
        ensure!(
            values[1] == other.into(),
            "found {values:?}, wanted C of {other}"
        );
        let address = values[2].text().unwrap_or_default().parse()?;
        self.dial(other, address, hello)
    }

    /// Sends a packet.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<()> {
        (&self.master)
            .write_all(bytes)
            .context("cannot send a packet")
    }

    /// The next packet that nobody has looked at.
    pub(crate) fn packet(&mut self, limit: Duration) -> Result<Vec<Value>> {
        match self.passed.pop_front() {
            Some(values) => Ok(values),
            None => self.packets.next(limit),
        }
    }

    /// The next packet of a type; others that come before stay to be looked at.
    pub(crate) fn expect_type(&mut self, kind: &str) -> Result<Vec<Value>> {
        self.expect_packet(kind, |_| true)
    }

    /// The next packet of a type for which `is_it` holds; others that come before stay to be looked at.
    pub(crate) fn expect_packet(
        &mut self,
        kind: &str,
        is_it: impl Fn(&[Value]) -> bool,
    ) -> Result<Vec<Value>> {
        let deadline = Deadline::after(PATIENCE);
        let found = |values: &Vec<Value>| values[0] == kind.into() && is_it(values);
        if let Some(at) = self.passed.iter().position(found) {
            return self.passed.remove(at).context("it was there");
        }
        loop {
            let left = deadline
                .remaining(format_args!("{kind} for {}", self.id))
                .with_context(|| format!("only {:?} came", self.passed))?;
            let values = self.packets.next(left)?;
            if found(&values) {
                return Ok(values);
            }
            self.passed.push_back(values);
        }
    }

    /// The next packet must begin with these bytes, behind its length; a master of ours may add to it.
    pub(crate) fn expect_begin(&mut self, vector: &[u8]) -> Result<()> {
        let wanted = packet::parse(&vector[1..])?;
        let kind = wanted[0].text().context("a type")?.to_owned();
        let found = self.expect_type(&kind)?;
        ensure!(
            found.starts_with(&wanted),
            "found {found:?}, wanted {wanted:?}"
        );
        Ok(())
    }

    /// The value bound to a name, which the master tells. Asked for first.
    pub(crate) fn query(&mut self, name: &str) -> Result<u32> {
        self.send(&packet(&["Q".into(), name.into()]))?;
        let values = self.expect_packet("N", |values| values[1] == name.into())?;
        let handle = values[2].integer().context("a handle")?;
        Ok(u32::try_from(handle)?)
    }

    /// Binds a name.
    pub(crate) fn register(&self, name: &str, handle: u32) -> Result<()> {
        self.send(&packet(&["R".into(), name.into(), handle.into()]))
    }

    /// Waits until the master closes; nothing may come before.
    pub(crate) fn expect_end(&self, limit: Duration) -> Result<()> {
        ensure!(self.passed.is_empty(), "nobody expected {:?}", self.passed);
        self.packets.end(limit)
    }

    /// Fails when anything came by now that no master may send.
    pub(crate) fn check(&mut self) -> Result<()> {
        let rest = self.packets.rest()?;
        self.passed.extend(rest);
        Ok(())
    }
}

impl Drop for StockSlave {
    fn drop(&mut self) {
        // Ends the reader too. Fails when the master has gone.
        let _ = self.master.shutdown(Shutdown::Both);
    }
}
