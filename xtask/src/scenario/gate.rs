//! Gates in a real node, with real clients: framing, commands in both forms, limits, and many clients at once.
//!
//! Behind each gate is the watchdog of `plugins/test-gate`, which answers every packet and takes orders.

mod limits;
mod load;
mod packets;
mod routes;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use skynet_gate_wire::Framing;

use super::Stage;
use crate::client::{self, FramedClient, PATIENCE};
use crate::deadline::eventually;
use crate::node::{Mark, Node, NodeSpec};

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    packets::run(stage)?;
    routes::run(stage)?;
    limits::run(stage)?;
    load::run(stage)
}

/// How a gate speaks to its watchdog.
const FORMS: [&str; 2] = ["text", "lua"];

/// A gate to be, with a watchdog that drives it.
#[derive(Clone, Debug)]
struct Door {
    form: &'static str,
    framing: Framing,
    address: SocketAddr,
}

impl Door {
    /// On an address of its own.
    fn new(form: &'static str, framing: Framing) -> Result<Self> {
        let address = client::free_address()?;
        Ok(Self {
            form,
            framing,
            address,
        })
    }

    /// Adds it to a node, for at most `max` clients and with these options.
    fn add(&self, spec: NodeSpec, max: u32, options: &str) -> NodeSpec {
        let Self {
            form,
            framing,
            address,
        } = self;
        spec.start(format!(
            "test_watchdog {form} {framing} {address} {max} {options}"
        ))
    }

    /// A client, which has been answered: it is let in and read.
    fn enter(&self) -> Result<FramedClient> {
        let mut client = self.knock()?;
        client.send(b"hello")?;
        client
            .expect(b"whello", PATIENCE)
            .with_context(|| format!("a client of the {} gate for {}", self.form, self.framing))?;
        Ok(client)
    }

    /// A client that connects and says nothing.
    fn knock(&self) -> Result<FramedClient> {
        FramedClient::connect(self.address, self.framing)
    }
}

/// A node with one gate of each form.
fn both(
    stage: &Stage,
    name: &str,
    framing: Framing,
    max: u32,
    options: &str,
) -> Result<(Node, [Door; 2])> {
    let doors = [Door::new("text", framing)?, Door::new("lua", framing)?];
    let spec = doors
        .iter()
        .fold(stage.spec(name), |spec, door| door.add(spec, max, options));
    Ok((stage.start(&spec)?, doors))
}

/// Sends an order to the watchdog and waits until it has been carried out.
fn order(client: &mut FramedClient, order: &str) -> Result<()> {
    client.send(format!("!{order}").as_bytes())?;
    client
        .expect(b"done", PATIENCE)
        .with_context(|| format!("order {order:?}"))
}

/// The number that the gate has for a client.
fn id_of(client: &mut FramedClient) -> Result<u32> {
    client.send(b"!id")?;
    let answer = client.packet(PATIENCE)?;
    String::from_utf8_lossy(&answer)
        .parse()
        .context("the answer is no number")
}

/// Waits until the watchdog has been told that a client has ended, and gives that line.
fn expect_end(node: &Node, mark: Mark, id: u32) -> Result<String> {
    let what = format!("the end of client {id}");
    let (close, error) = (format!(" close {id}"), format!(" error {id} "));
    node.log().wait_for(mark, &what, PATIENCE, |line| {
        line.ends_with(&close) || line.contains(&error)
    })
}

/// Waits until the node uses no more than `most` of a processor over a while.
fn expect_quiet(stage: &Stage, node: &Node, most: f64) -> Result<()> {
    const WHILE: Duration = Duration::from_secs(1);
    let share = eventually("the node to be quiet", PATIENCE, || {
        let before = node.usage()?;
        std::thread::sleep(WHILE);
        let after = node.usage()?;
        let share = (after.cpu - before.cpu).as_secs_f64() / (after.at - before.at).as_secs_f64();
        Ok((share <= most).then_some(share))
    })?;
    stage.detail(format!("{:.1} % of a processor", share * 100.0));
    Ok(())
}
