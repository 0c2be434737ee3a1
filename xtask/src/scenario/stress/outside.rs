//! Clients of the control socket that ask, kill, launch, and talk nonsense.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// How long an answer may take: longer than the node gives itself.
const PATIENCE: Duration = Duration::from_secs(40);

/// The least handle that is killed without looking.
const FIRST_KILLED: u64 = 0x100;

/// Storms until it is over.
pub(super) fn storm(rundir: &Path, seed: u64, actors: u64, is_over: &AtomicBool) -> Result<()> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    while !is_over.load(Ordering::Relaxed) {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        one(rundir, state >> 24, actors)?;
    }
    Ok(())
}

fn one(rundir: &Path, drawn: u64, actors: u64) -> Result<()> {
    let mut stream =
        UnixStream::connect(rundir.join("control.sock")).context("the socket is gone")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let name = format!(".s{}", drawn / 64 % actors);
    let request = match drawn % 24 {
        0..4 => "list".to_owned(),
        4..7 => "stat".to_owned(),
        7..9 => format!("stat {name}"),
        9..12 => format!("call {name} hello"),
        12 => format!("kill {name}"),
        13 => "launch test_stress_brief STAY".to_owned(),
        14 => "launch test_stress_brief EXIT".to_owned(),
        15 => "launch test_stress_brief FAIL".to_owned(),
        16 => "sockets".to_owned(),
        17 => "node".to_owned(),
        18 => format!("signal {name} 3"),
        // Not those who are there from the start: the one who answers is among them.
        19 => format!("kill :{:x}", FIRST_KILLED + drawn / 64 % 0x00ff_0000),
        20 => "launch no-such-module".to_owned(),
        21 => "nonsense \u{7f} \u{fffd}".to_owned(),
        // Gone without a word, and in the middle of one.
        22 => return Ok(()),
        _ => {
            let _ = stream.write_all(b"li");
            return Ok(());
        }
    };
    // Of those that stay somebody must rid the node.
    let stays = request.ends_with("STAY");
    let answer = ask(&mut stream, &request).with_context(|| format!("asked {request:?}"))?;
    ensure!(
        answer.starts_with("ok\n") || answer.starts_with("error\n"),
        "asked {request:?}, got {answer:?}"
    );
    if stays && let Some(handle) = answer.split_whitespace().find(|word| word.starts_with(':')) {
        let mut stream = UnixStream::connect(rundir.join("control.sock"))?;
        ask(&mut stream, &format!("kill {handle}"))?;
    }
    Ok(())
}

fn ask(stream: &mut UnixStream, request: &str) -> Result<String> {
    let mut answer = Vec::new();
    match stream
        .write_all(format!("{request}\n").as_bytes())
        .and_then(|()| stream.read_to_end(&mut answer))
    {
        Ok(_) => {}
        // Turned away before it was read: there were too many clients.
        Err(error)
            if [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset].contains(&error.kind()) =>
        {
            return Ok("error\n".to_owned());
        }
        Err(error) => return Err(error.into()),
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
