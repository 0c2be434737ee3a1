//! Nodes whose links lead through fault proxies.

use std::net::SocketAddr;

use anyhow::Result;

use crate::proxy::Proxy;
use crate::scenario::net::{Net, Plan, Site};

/// The proxies before one node.
#[derive(Debug)]
pub(super) struct Wires {
    /// To the master. It only has to be there.
    _master: Proxy,
    /// From the peers that came before.
    pub(super) peers: Proxy,
}

/// Starts a node that others reach through proxies only: it tells the master its own address, the proxy says that of the
/// other proxy instead.
pub(super) fn start(net: &Net<'_>, plan: Plan) -> Result<(Site, Wires)> {
    let own = plan.address.to_string();
    let peers = Proxy::start(plan.address)?;
    let master = Proxy::start(net.master)?;
    for proxy in [&peers, &master] {
        proxy.replace(&own, &peers.address().to_string())?;
    }
    let plan = plan.set("master", text(master.address()));
    Ok((
        net.start(&plan)?,
        Wires {
            _master: master,
            peers,
        },
    ))
}

fn text(address: SocketAddr) -> String {
    address.to_string()
}
