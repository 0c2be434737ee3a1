//! What our client asks of an unmodified server, and how it takes the answers: the captured bytes.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};

use super::{client, connected, pack};
use crate::deadline::{eventually, expect_eq};
use crate::node::PATIENCE;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site, expect_error};
use crate::stock::cluster::{ClusterServer, Served, Whom, parts, vectors, with_session};
use crate::stock::link::{To, begin, framed, small, text};
use crate::stock::vectors::bytes;

/// The largest request in one frame, and what goes in two parts.
const SINGLE: usize = 32_767;
/// Calls of a crowd, how many at a time, and the bytes of each.
const CROWD: (usize, usize, usize) = (200, 16, 40_000);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let server = ClusterServer::start()?;
    let site = client(stage, "asks", &server)?;
    let served = requests(&site, &server)?;
    large(&site, &served)?;
    traced(&site, &served)?;
    answers(&site, &served)?;
    errors(&site, &served)?;
    lives(&site, &served)?;
    crowd(&site, &served)?;
    served.expect_nothing()?;
    site.node.stop()?;
    drop(served);

    stage.step("one that is known to be unmodified, in a cluster with a secret");
    let address = format!("skynet://{}", server.address());
    let plan = Plan::new(stage, "knows_better")?.finds("far", address);
    let site = plan
        .set("cluster_secret", "0123456789abcdef")
        .start(stage)?;
    connected(&site, &server)?.expect_nothing()?;
    site.node.stop()
}

/// The small ones, from session 1 on.
fn requests(site: &Site, server: &ClusterServer) -> Result<Served> {
    let call = site.begin_call("far", "@svc", "HELLO 1")?;
    let served = server.accept()?;
    served.expect(&bytes(vectors::HELLO))?;
    served.send(&bytes(vectors::OK))?;
    expect_eq("the answer", call.reply(PATIENCE)?, "re 1".to_owned())?;
    site.node
        .wait_for_log("far is connected, an unmodified one", PATIENCE)?;

    for (service, word, session, vector) in [
        (".svc", "HELLO2", 2, vectors::HELLO2),
        (":00000011", "HELLO3", 3, vectors::HELLO3),
    ] {
        let call = site.begin_call("far", service, word)?;
        served.expect(&bytes(vector))?;
        served.send(&with_session(bytes(vectors::OK), session))?;
        expect_eq("the answer", call.reply(PATIENCE)?, "re 1".to_owned())?;
    }
    let query = site.begin("CLUSTERD query far svc")?;
    served.expect(&bytes(vectors::QUERY))?;
    served.ok(4, &pack(&[0x11_u8.into()]))?;
    expect_eq("the handle", query.reply(PATIENCE)?, "17".to_owned())?;
    let query = site.begin("CLUSTERD query far nobody")?;
    served.expect(&framed(&small(To::Handle(0), 5, &text("nobody"))))?;
    served.send(&bytes(vectors::ERROR))?;
    let unknown = skynet_abi::REASON_UNKNOWN;
    let told = query.answer(PATIENCE)?;
    expect_error(
        "a name that nobody has",
        &told,
        unknown,
        &["name not found"],
    )?;
    site.tell("PUSH far @svc 0 PUSHED")?;
    served.expect(&bytes(vectors::PUSH))?;
    Ok(served)
}

/// At the sizes where something changes; the captured ones have their sessions, 8 and 9.
fn large(site: &Site, served: &Served) -> Result<()> {
    for (session, size) in [(6, SINGLE), (7, SINGLE + 1), (8, SINGLE + 2)] {
        let call = site.begin(&format!("BODY far @svc {size} 7"))?;
        let body = if size > SINGLE {
            served.expect(&framed(&begin(To::Name("@svc"), session, size as u32)))?;
            let request = served.request()?;
            expect_eq("the session", request.session, session)?;
            request.body
        } else {
            let body = served.request()?.body;
            expect_eq("its bytes", body.len(), size)?;
            body
        };
        served.ok(session, &body)?;
        expect_eq("the answer", call.reply(PATIENCE)?, size.to_string())?;
    }
    let letters = "a".repeat(40_000);
    site.tell(&format!("PUSH far :00000011 0 {letters}"))?;
    served.expect(&vectors::push_in_parts())?;
    let call = site.begin("BODY far @svc 0 7")?;
    served.expect(&framed(&small(To::Name("@svc"), 10, b"")))?;
    served.ok(10, b"")?;
    call.reply(PATIENCE)?;
    Ok(())
}

/// The tag of a request that begins here tells where, and the session after its own.
fn traced(site: &Site, served: &Served) -> Result<()> {
    let call = site.begin("TRACED 1234 far @svc TRACED")?;
    let frame = served.frame()?;
    let tag = String::from_utf8(frame[1..].to_vec())?;
    let place = format!("{}-far-12)", site.node.pid());
    ensure!(
        frame[0] == 4 && tag.starts_with('(') && tag.contains(&place),
        "the tag is {tag:?}, wanted {place:?} in it"
    );
    served.expect(&framed(&small(To::Name("@svc"), 11, &text("TRACED"))))?;
    served.send(&with_session(bytes(vectors::OK), 11))?;
    call.reply(PATIENCE)?;
    Ok(())
}

/// Answers in any order and in any mix, and those that nobody waits for.
fn answers(site: &Site, served: &Served) -> Result<()> {
    let mut calls = BTreeMap::new();
    for word in ["one", "two", "three"] {
        let call = site.begin_call("far", "@svc", word)?;
        calls.insert(served.request()?.session, (word, call));
    }
    expect_eq(
        "sessions",
        calls.keys().copied().collect(),
        vec![12, 13, 14],
    )?;
    for session in [11, 15, 0x7fff_fff0] {
        served.error(session, b"nobody asked")?;
        served.ok(session, &text("nobody asked"))?;
        served.respond(session, 3, b"nobody")?;
        served.respond(session, 4, b"nobody")?;
        served.respond(session, 2, &70_000_u32.to_le_bytes())?;
    }
    // Two in parts, with the third one in between.
    let long = |letter: &str| {
        [
            &[0x25][..],
            &[0xa0, 0x86, 1, 0],
            &letter.repeat(100_000).into_bytes(),
        ]
        .concat()
    };
    let (first, second) = (long("x"), long("y"));
    let first = crate::stock::cluster::answer(12, &first);
    let second = crate::stock::cluster::answer(13, &second);
    for (at, (one, two)) in first.iter().zip(&second).enumerate() {
        served.send(one)?;
        if at == 2 {
            served.send(&with_session(bytes(vectors::OK), 14))?;
        }
        served.send(two)?;
    }
    for (session, wanted) in [
        (14, "re 1"),
        (13, &*"y".repeat(100_000)),
        (12, &*"x".repeat(100_000)),
    ] {
        let (word, call) = calls.remove(&session).context("it was asked")?;
        let found = call.reply(PATIENCE)?;
        ensure!(found == wanted, "{word} got another answer: {:.40}", found);
    }
    // The captured one, in parts.
    let call = site.begin("BODY far @svc 32769 7")?;
    let request = served.request()?;
    served.send(&with_session(vectors::answer_in_parts(), request.session))?;
    // It is not what was asked for, but it has come whole.
    let told = call.answer(PATIENCE)?;
    let failed = skynet_abi::REASON_FAILED;
    expect_error("another body", &told, failed, &["32769 bytes came back"])
}

/// What has failed at the other end, and what an unmodified one does not know.
fn errors(site: &Site, served: &Served) -> Result<()> {
    let call = site.begin_call("far", "@svc", "fails")?;
    let session = served.request()?.session;
    served.error(session, b"./lualib/skynet.lua:544: call failed")?;
    let told = call.answer(PATIENCE)?;
    let failed = skynet_abi::REASON_FAILED;
    expect_error("a call that failed", &told, failed, &["call failed"])?;
    let told = site.ask("ACK far @svc 0 acknowledged")?;
    expect_error(
        "an acknowledged push",
        &told,
        skynet_abi::REASON_UNSUPPORTED,
        &["far"],
    )?;
    // A limit is this end's own business.
    let call = site.begin("REQ far @svc 10000 limited")?;
    let request = served.request()?;
    expect_eq("its body", request.body, text("limited"))?;
    served.ok(request.session, &text("in time"))?;
    expect_eq("the answer", call.reply(PATIENCE)?, "in time".to_owned())?;
    // The longest name, and longer ones, of which nothing is sent.
    let name = format!("@{}", "n".repeat(254));
    for wrong in [format!("{name}n"), "=".to_owned()] {
        let told = site.ask(&format!("REQ far {wrong} 0 hello"))?;
        ensure!(
            matches!(told, crate::scenario::probe::Answer::Error { .. }),
            "a name of no length that can be: {told:?}"
        );
    }
    let call = site.begin_call("far", &name, "hello")?;
    let request = served.request()?;
    expect_eq("the name", request.whom, Whom::Name(name))?;
    served.ok(request.session, b"")?;
    call.reply(PATIENCE)?;
    Ok(())
}

/// Questions for a name of ours go on, and the answer keeps the connection alive.
fn lives(site: &Site, served: &Served) -> Result<()> {
    let before = served.probes();
    eventually("questions", PATIENCE, || {
        Ok((served.probes() >= before + 8).then_some(()))
    })?;
    let call = site.begin_call("far", "@svc", "still")?;
    let request = served.request()?;
    served.ok(request.session, &request.body)?;
    expect_eq("the answer", call.reply(PATIENCE)?, "still".to_owned())
}

/// Many calls at a time, all in parts: what comes is what an unmodified client would send.
fn crowd(site: &Site, served: &Served) -> Result<()> {
    let (count, callers, size) = CROWD;
    let flow = site.begin(&format!("FLOW far @svc {count} {callers} {size}"))?;
    for _ in 0..count {
        let request = served.request()?;
        let cut = parts(request.session, &request.body);
        expect_eq("parts", cut.len(), 2)?;
        served.ok(request.session, &request.body)?;
    }
    let wanted = format!("right={count} wrong=0");
    expect_eq("answers", flow.reply(PATIENCE)?, wanted)
}
