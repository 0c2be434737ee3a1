//! A node of ours between two unmodified ones: it is asked by the one, and asks the other.

use anyhow::Result;

use super::{client, connected};
use crate::scenario::Stage;
use crate::stock::cluster::{ClusterClient, ClusterServer, answer, vectors};
use crate::stock::link::{To, framed, small, text};
use crate::stock::vectors::bytes;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let server = ClusterServer::start()?;
    let site = client(stage, "between", &server)?;
    let served = connected(&site, &server)?;
    let asks = ClusterClient::connect(site.address)?;
    let body = ["PASS", "far", "@svc", "TRACED"].map(text).concat();
    asks.send(&bytes(vectors::TRACE))?;
    asks.send(&framed(&small(To::Name("@svc"), 11, &body)))?;
    // The tag goes on as it came.
    served.expect(&bytes(vectors::TRACE))?;
    served.expect(&framed(&small(To::Name("@svc"), 2, &text("TRACED"))))?;
    served.ok(2, &text("there"))?;
    asks.expect(&answer(11, &text("there")).concat())?;
    asks.fence(12)?;
    served.expect_nothing()?;
    site.node.stop()
}
