//! A TCP proxy that does to connections what networks do: cuts them, goes silent, delays, tears what passes into
//! pieces, refuses, and adds garbage.
//!
//! Each proxy has one thread, which carries out orders between two moves: when an order returns, it has been carried
//! out. Nothing that was read is ever lost but by a cut.

mod engine;
mod flow;
mod pair;

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::deadline::eventually;
use engine::Engine;

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Both ends read an end.
    Fin,
    /// Both ends get an error, and what was on its way is lost.
    Reset,
}

/// One of the two directions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// From who connected to who listens.
    Forth,
    /// Back.
    Back,
}

/// What has passed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Connections open now.
    pub(crate) open: usize,
    /// Connections that were made.
    pub(crate) accepted: u64,
    /// Bytes that went forth.
    pub(crate) forth: u64,
    /// Bytes that came back.
    pub(crate) back: u64,
}

/// What a proxy is told.
#[derive(Debug)]
enum Order {
    Look,
    Cut(Cut),
    CutAfter(Way, u64, Cut),
    Silence(bool),
    Delay(Duration),
    Chop(Option<u64>),
    Admit(bool),
    Inject(Way, Vec<u8>),
    Target(SocketAddr),
    Replace(Vec<u8>, Vec<u8>),
}

type Answer = Sender<io::Result<Traffic>>;

/// A running proxy. It ends, with its connections, when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    orders: Option<Sender<(Order, Answer)>>,
    /// Wakes the thread: it waits for sockets.
    bell: UnixStream,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy on an address of its own that forwards to `target`, of which nobody need listen yet.
    pub(crate) fn start(target: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (bell, rings) = UnixStream::pair()?;
        let (orders, inbox) = mpsc::channel();
        let engine = Engine::new(listener, target, rings, inbox)?;
        let thread = thread::Builder::new()
            .name("proxy".into())
            .spawn(move || engine.run())?;
        Ok(Self {
            address,
            orders: Some(orders),
            bell,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has passed so far.
    pub(crate) fn traffic(&self) -> Result<Traffic> {
        self.order(Order::Look)
    }

    /// Cuts all connections. Tells what had passed.
    pub(crate) fn cut(&self, how: Cut) -> Result<Traffic> {
        self.order(Order::Cut(how))
    }

    /// Cuts the first connection on which so many more bytes have gone this way, behind the last of them: of those that
    /// are open, or of the next one.
    pub(crate) fn cut_after(&self, way: Way, bytes: u64, how: Cut) -> Result<()> {
        self.order(Order::CutAfter(way, bytes, how)).map(|_| ())
    }

    /// Forwards nothing any more, not even an end, and answers no new connection: what a cut cable does.
    pub(crate) fn silence(&self) -> Result<()> {
        self.order(Order::Silence(true)).map(|_| ())
    }

    /// Goes on after [`silence`](Self::silence), with what came meanwhile.
    pub(crate) fn resume(&self) -> Result<()> {
        self.order(Order::Silence(false)).map(|_| ())
    }

    /// Keeps everything that passes for so long.
    pub(crate) fn delay(&self, time: Duration) -> Result<()> {
        self.order(Order::Delay(time)).map(|_| ())
    }

    /// Writes what passes in pieces of random sizes, from one byte up; `None` as it comes.
    pub(crate) fn chop(&self, seed: Option<u64>) -> Result<()> {
        self.order(Order::Chop(seed)).map(|_| ())
    }

    /// Refuses new connections, as when nobody listens.
    pub(crate) fn refuse(&self) -> Result<()> {
        self.order(Order::Admit(false)).map(|_| ())
    }

    /// Lets new connections in again.
    pub(crate) fn admit(&self) -> Result<()> {
        self.order(Order::Admit(true)).map(|_| ())
    }

    /// Puts bytes into every open connection.
    pub(crate) fn inject(&self, way: Way, bytes: &[u8]) -> Result<()> {
        self.order(Order::Inject(way, bytes.to_vec())).map(|_| ())
    }

    /// Forwards new connections to another address.
    pub(crate) fn retarget(&self, target: SocketAddr) -> Result<()> {
        self.order(Order::Target(target)).map(|_| ())
    }

    /// Replaces a text by another one of the same length in the beginning of each new connection, both ways. So nodes
    /// that tell each other where they listen tell where their proxies listen.
    pub(crate) fn replace(&self, from: &str, to: &str) -> Result<()> {
        anyhow::ensure!(from.len() == to.len(), "{from} and {to} differ in length");
        let (from, to) = (from.as_bytes().to_vec(), to.as_bytes().to_vec());
        self.order(Order::Replace(from, to)).map(|_| ())
    }

    /// Waits until so many connections are open.
    pub(crate) fn wait_open(&self, count: usize, limit: Duration) -> Result<()> {
        eventually(&format!("{count} connections"), limit, || {
            Ok((self.traffic()?.open == count).then_some(()))
        })
    }

    fn order(&self, order: Order) -> Result<Traffic> {
        let (answer, answered) = mpsc::channel();
        let orders = self.orders.as_ref().context("the proxy has ended")?;
        orders
            .send((order, answer))
            .context("the proxy has ended")?;
        self.ring();
        let done = answered.recv().context("the proxy has ended")?;
        done.context("the proxy cannot do that")
    }

    fn ring(&self) {
        // Fails only when the thread has ended, which the answer that does not come tells.
        let _ = (&self.bell).write_all(&[0]);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.orders.take());
        self.ring();
        if let Some(thread) = self.thread.take() {
            // It has no result, and a panic in it has been printed.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests;
