//! Servers that answer what they should not.

use std::net::TcpListener;

use anyhow::{Context, Result, ensure};

use crate::client::{PATIENCE as SHORT, fixed_address};
use crate::deadline::expect_eq;
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site, expect_error};
use crate::scenario::memory::mib;
use crate::scenario::probe::Asked;
use crate::stock::link::{Link, PROBE, small_body, text};

/// Answers of 4 GiB that are begun at a time.
const LARGE: u64 = 1000;
/// What they may cost.
const COST: u64 = 16 << 20;

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("every malformed response, from a server");
    let address = fixed_address()?;
    let listener = TcpListener::bind(address)?;
    let near = Plan::new(stage, "listens")?
        .finds("far", address)
        .start(stage)?;
    let server = Server {
        listener,
        near: &near,
    };
    server.breaks()?;
    server.stays()?;
    server.greets()?;
    server.large(stage)
}

struct Server<'a> {
    listener: TcpListener,
    near: &'a Site,
}

impl Server<'_> {
    /// A call of the node, which this has seen, on a connection that was made for it.
    fn called(&self) -> Result<(Link, Asked, u32)> {
        let call = self.near.begin("REQ far @svc 0 hello")?;
        let mut link = Link::accept_as_stock(&self.listener, PATIENCE)?;
        let session = next(&mut link)?;
        Ok((link, call, session))
    }

    /// After these an unmodified client closes, and all its calls fail.
    fn breaks(&self) -> Result<()> {
        type Make = fn(u32) -> Vec<u8>;
        let wrong: [(&str, Make); 6] = [
            ("nothing", |_| vec![]),
            ("half a session", |_| vec![1, 0]),
            ("no type", |session| session.to_le_bytes().to_vec()),
            ("an unknown type", |session| with(session, &[9, 1, 2])),
            ("a start that is too short", |session| {
                with(session, &[2, 1, 0, 0])
            }),
            ("a start that is too long", |session| {
                with(session, &[2, 1, 0, 0, 1, 0])
            }),
        ];
        for (what, make) in wrong {
            let (mut link, call, session) = self.called()?;
            link.send(&make(session))?;
            let answer = call.answer(PATIENCE)?;
            let lost = skynet_abi::REASON_NODE_LOST;
            expect_error(what, &answer, lost, &["far"])?;
            link.expect_closed(SHORT).with_context(|| what)?;
            self.until_quiet();
        }
        Ok(())
    }

    /// These are passed over, or are the end of one call only.
    fn stays(&self) -> Result<()> {
        let (mut link, call, session) = self.called()?;
        for kind in [0, 1, 3, 4] {
            // Of nobody.
            link.respond(session + 1000, kind, b"whatever")?;
        }
        link.respond(session + 1000, 2, &70_000_u32.to_le_bytes())?;
        link.respond(session, 1, &text("late"))?;
        expect_eq("an answer", call.reply(PATIENCE)?, "late".to_owned())?;

        let too_large = skynet_abi::REASON_TOO_LARGE;
        for (what, kinds, reason) in [
            (
                "4 GiB",
                &[(2, &b"\xff\xff\xff\xff"[..])][..],
                Some(too_large),
            ),
            (
                "less than was said",
                &[(2, b"\x00\x00\x01\x00"), (4, b"a")],
                None,
            ),
            (
                "more than was said",
                &[(2, b"\x01\x00\x00\x00"), (4, b"ab")],
                None,
            ),
            ("a part of nothing", &[(3, b"ab"), (0, b"an error")], None),
            ("an error", &[(0, b"an error")], None),
        ] {
            let call = self.near.begin("REQ far @svc 0 hello")?;
            let session = next(&mut link)?;
            for (kind, data) in kinds {
                link.respond(session, *kind, data)?;
            }
            let answer = call.answer(PATIENCE)?;
            let reason = reason.unwrap_or(skynet_abi::REASON_FAILED);
            expect_error(what, &answer, reason, &[])?;
        }
        let call = self.near.begin("REQ far @svc 0 hello")?;
        let session = next(&mut link)?;
        link.respond(session, 2, &4_u32.to_le_bytes())?;
        link.respond(session, 4, &text("end"))?;
        expect_eq("an answer", call.reply(PATIENCE)?, "end".to_owned())?;
        drop(link);
        self.until_quiet();
        Ok(())
    }

    /// Answers to the question who is there that mean nothing.
    fn greets(&self) -> Result<()> {
        let hellos: [&[u8]; 6] = [
            b"",
            b"\x00",
            b"\x22\x11\x00\x00\x00",
            b"\x0c\x00",
            b"\x54\x00SKYNET\x01\x01\x07",
            b"\xfc\xff\xff\xff\xff\xff",
        ];
        for hello in hellos {
            let call = self.near.begin("REQ far @svc 1000 hello")?;
            let mut link = Link::accept(&self.listener, PATIENCE)?;
            link.frame(SHORT)?;
            link.respond(PROBE, 1, hello)?;
            // Either it takes this for an unmodified node, or it wants nothing of it.
            if let Ok(session) = next(&mut link) {
                link.respond(session, 1, &text("taken"))?;
                expect_eq("an answer", call.reply(PATIENCE)?, "taken".to_owned())?;
            } else {
                let lost = skynet_abi::REASON_NODE_LOST;
                expect_error("a call", &call.answer(PATIENCE)?, lost, &["far"])?;
            }
            drop(link);
            self.until_quiet();
        }
        Ok(())
    }

    /// Answers that claim 4 GiB, and those that begin and never end.
    fn large(&self, stage: &Stage) -> Result<()> {
        stage.step(format!(
            "{LARGE} answers that claim 4 GiB, and as many that never end"
        ));
        let before = self.near.node.usage()?.private;
        for total in [u32::MAX, 60 << 20] {
            let calls = self
                .near
                .begin(&format!("CALLS far @svc {LARGE} 2000 hello"))?;
            let mut link = Link::accept_as_stock(&self.listener, PATIENCE)?;
            let mut sessions = Vec::new();
            for _ in 0..LARGE {
                sessions.push(next(&mut link)?);
            }
            for session in sessions {
                link.respond(session, 2, &total.to_le_bytes())?;
                link.respond(session, 3, &[7; 1024])?;
            }
            let report = calls.reply(PATIENCE)?;
            let cost = self.near.node.usage()?.private.saturating_sub(before);
            stage.detail(format!(
                "{} MiB each cost {}: {report}",
                total >> 20,
                mib(cost)
            ));
            ensure!(cost <= COST, "they cost {}", mib(cost));
            ensure!(report.contains(&format!("errors={LARGE} ")), "{report}");
            drop(link);
            self.until_quiet();
        }
        Ok(())
    }

    /// Closes what is dialled meanwhile, so that the next connection is one that is wanted.
    fn until_quiet(&self) {
        let pause = std::time::Duration::from_millis(1);
        while Link::accept(&self.listener, pause).is_ok() {}
    }
}

/// The session of the next request, but for those that ask whether this is alive.
fn next(link: &mut Link) -> Result<u32> {
    loop {
        let frame = link.frame(SHORT)?;
        let (session, _) = small_body(&frame)?;
        if session != PROBE {
            return Ok(session);
        }
        link.respond(PROBE, 0, b"name not found")?;
    }
}

fn with(session: u32, rest: &[u8]) -> Vec<u8> {
    [&session.to_le_bytes()[..], rest].concat()
}
