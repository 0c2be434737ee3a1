//! Responses that cannot be read end the connection, and all calls on it fail, as with an unmodified client. The next call
//! has a new one.

use anyhow::{Context, Result, ensure};

use super::client;
use crate::deadline::expect_eq;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::expect_error;
use crate::stock::cluster::ClusterServer;
use crate::stock::link::framed;

/// Calls that are open when it happens.
const OPEN: usize = 3;

pub(super) fn run(stage: &Stage) -> Result<()> {
    let server = ClusterServer::start()?;
    let site = client(stage, "hears_nonsense", &server)?;
    let mut session = 0;
    for (what, frame) in unreadable() {
        let mut calls = vec![site.begin_call("far", "@svc", "hold")?];
        let served = server.accept().with_context(|| what)?;
        for _ in 1..OPEN {
            calls.push(site.begin_call("far", "@svc", "hold")?);
        }
        for _ in 0..OPEN {
            // Sessions count on, on whichever connection.
            session += 1;
            expect_eq("the session", served.request()?.session, session)?;
        }
        served.send(&framed(&frame))?;
        for call in calls {
            let told = call.answer(PATIENCE)?;
            let lost = skynet_abi::REASON_NODE_LOST;
            expect_error(what, &told, lost, &["far"]).context("a call that was open")?;
        }
        served.expect_end().with_context(|| what)?;
    }
    let call = site.begin_call("far", "@svc", "after all")?;
    let served = server.accept()?;
    let request = served.request()?;
    ensure!(request.session == session + 1, "{request:?}");
    served.ok(request.session, &request.body)?;
    expect_eq("the answer", call.reply(PATIENCE)?, "after all".to_owned())?;
    served.expect_nothing()?;
    site.node.stop()
}

fn unreadable() -> [(&'static str, Vec<u8>); 6] {
    let with = |rest: &[u8]| [&[2, 0, 0, 0][..], rest].concat();
    [
        ("nothing", vec![]),
        ("half a session", vec![2, 0]),
        ("no type", with(&[])),
        ("a type that nobody has", with(&[9, 1, 2])),
        ("a start that is short", with(&[2, 0, 0, 1])),
        ("a start that is long", with(&[2, 0, 0, 1, 0, 0])),
    ]
}
