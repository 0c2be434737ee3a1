//! Clusters whose connections are encrypted.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::deadline::{expect_eq, within};
use crate::node::PATIENCE;
use crate::pki::Pki;
use crate::scenario::Stage;
use crate::scenario::clustered::{Plan, Site, expect_counts, expect_error};
use crate::stock::link::{Link, To, small};

/// How soon a call fails to a node that is not whom it should be, and a stranger is thrown out.
const REFUSED: Duration = Duration::from_secs(3);
const SECRET: &str = "open sesame, 0123456789";

pub(super) fn run(stage: &Stage) -> Result<()> {
    stage.step("TLS: certificates that are right, wrong, missing and renewed");
    let pki = Pki::new(stage.folder(), "ours")?;
    pki.sign("server", &["127.0.0.1", "localhost"])?;
    pki.sign("elsewhere", &["elsewhere.example"])?;
    pki.sign("client", &["client.example"])?;
    let others = Pki::new(stage.folder(), "theirs")?;
    let far = with(Plan::new(stage, "server")?, pki.identity("server"));
    let far = listens(stage, &far)?;
    let trusting = |name: &str| Ok::<_, anyhow::Error>(with(Plan::new(stage, name)?, pki.trust()));

    let near = finds(trusting("trusts")?, &far).start(stage)?;
    near.reaches("far")?;
    let tokens = near.tell("TOKENS far @svc 1000 20")?;
    expect_counts(&tokens, &[("right", 1000), ("failed", 0), ("wrong", 0)])?;
    let answer = near.tell(&format!("BODY far @svc {} 9", 16 << 20))?;
    expect_eq("bytes", answer, (16 << 20).to_string())?;

    let wrong = with(Plan::new(stage, "mistrusts")?, others.trust());
    refused(
        stage,
        "another CA",
        finds(wrong, &far),
        "is not signed by a CA in",
    )?;
    let plain = Plan::new(stage, "plain")?.finds("far", far.address);
    refused(stage, "no TLS", plain, "wants TLS")?;
    let unencrypted = Plan::new(stage, "unencrypted")?.open(stage)?;
    refused(
        stage,
        "TLS where there is none",
        finds(trusting("tls_only")?, &unencrypted),
        "does not answer in TLS",
    )?;
    let misnamed = with(Plan::new(stage, "misnamed")?, pki.identity("elsewhere"));
    let misnamed = listens(stage, &misnamed)?;
    refused(
        stage,
        "a certificate of somebody else",
        finds(trusting("careful")?, &misnamed),
        "is for elsewhere.example, wanted 127.0.0.1",
    )?;
    strangers(&far)?;
    both(stage, &pki)?;
    // A renewed certificate counts for new connections; who is connected stays so.
    pki.sign("server", &["renewed.example"])?;
    refused(
        stage,
        "a renewed certificate",
        finds(trusting("late")?, &far),
        "is for renewed.example",
    )?;
    near.reaches("far")?;
    pki.sign("server", &["127.0.0.1"])?;
    let later = finds(trusting("later")?, &far).start(stage)?;
    later.reaches("far")?;
    near.reaches("far")
}

fn with<const N: usize>(plan: Plan, keys: [(&'static str, String); N]) -> Plan {
    let set = |plan: Plan, (key, value): (&str, String)| plan.set(key, value);
    keys.into_iter().fold(plan, set)
}

/// A node whose listener wants TLS.
fn listens(stage: &Stage, plan: &Plan) -> Result<Site> {
    let site = plan.start(stage)?;
    site.clusterd(&format!("register svc {}", site.driver))?;
    site.listen("{tls=true}")?;
    Ok(site)
}

fn finds(plan: Plan, far: &Site) -> Plan {
    plan.finds("far", format!("tls://{}", far.address))
}

/// What a call fails with, and how soon.
fn refused(stage: &Stage, what: &str, plan: Plan, text: &str) -> Result<()> {
    let near = plan.start(stage)?;
    let begin = Instant::now();
    let answer = near.try_call("far", "@svc", "ECHO")?;
    let parts = ["far", text];
    expect_error(what, &answer, skynet_abi::REASON_NODE_LOST, &parts)?;
    within(&format!("{what}: a call failed"), REFUSED, begin.elapsed())?;
    stage.detail(format!("{answer:?}"));
    Ok(())
}

/// Those that speak no TLS, or nothing at all.
fn strangers(far: &Site) -> Result<()> {
    for say in [Some(small(To::Name("@svc"), 1, b"")), None] {
        let begin = Instant::now();
        let mut stranger = Link::connect(far.address)?;
        if let Some(frame) = say {
            stranger.send(&frame)?;
        }
        stranger.expect_closed(PATIENCE)?;
        within("a stranger was thrown out", REFUSED, begin.elapsed())?;
    }
    Ok(())
}

/// A listener that wants certificates of its clients, and the secret as well.
fn both(stage: &Stage, pki: &Pki) -> Result<()> {
    let far = with(Plan::new(stage, "strict")?, pki.identity("server"));
    let far = with(far, pki.trust())
        .set("cluster_tls_clients", true)
        .set("cluster_secret", SECRET);
    let far = listens(stage, &far)?;
    let trusting = |name: &str| Ok::<_, anyhow::Error>(with(Plan::new(stage, name)?, pki.trust()));
    let known = with(trusting("known")?, pki.identity("client")).set("cluster_secret", SECRET);
    finds(known, &far).start(stage)?.reaches("far")?;
    let nobody = trusting("nobody")?.set("cluster_secret", SECRET);
    let wanted = "wants a certificate";
    refused(stage, "no certificate", finds(nobody, &far), wanted)?;
    let others = Pki::new(stage.folder(), "strangers")?;
    others.sign("client", &["client.example"])?;
    let alien = with(trusting("alien")?, others.identity("client")).set("cluster_secret", SECRET);
    let unknown = "does not know the CA that signed our certificate";
    refused(stage, "a client of another CA", finds(alien, &far), unknown)?;
    let no_secret = with(trusting("no_secret")?, pki.identity("client"));
    let secret = "cluster_secret";
    refused(stage, "no secret", finds(no_secret, &far), secret)
}
