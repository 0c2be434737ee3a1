//! Signals concern whole processes, and must be blocked before there are threads. So these tests
//! run this test program again, which forks, and it is the fork, with its single thread, that is
//! tested.
#![allow(unsafe_code)]

use std::io::{BufRead, BufReader, Write, stderr};
use std::process::{Child, Command, Stdio};
use std::{env, thread};

use super::{Signal, Signals};

const CASE: &str = "SKYNET_TEST_SIGNALS";
const TEST: &str = "signals_are_taken_one_by_one";

#[test]
fn signals_are_taken_one_by_one() {
    if env::var_os(CASE).is_some() {
        return fork(report);
    }
    let mut reporter = rerun();
    let mut lines = BufReader::new(reporter.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let process = lines.next().unwrap().parse().unwrap();
    for (signal, expected) in [
        (libc::SIGHUP, "Hangup"),
        (libc::SIGTERM, "Terminate"),
        (libc::SIGTERM, "Terminate"),
        (libc::SIGINT, "Interrupt"),
        (libc::SIGINT, "Interrupt"),
        (libc::SIGPIPE, ""),
        (libc::SIGUSR2, "Wake"),
        (libc::SIGHUP, "Hangup"),
    ] {
        // SAFETY: sends to the child process that was started above and has not been waited for.
        assert_eq!(unsafe { libc::kill(process, signal) }, 0);
        if !expected.is_empty() {
            assert_eq!(lines.next().as_deref(), Some(expected));
        }
    }
    // It asks a thread of its own to wake it when its input ends, and then ends too.
    drop(reporter.stdin.take());
    assert_eq!(lines.collect::<Vec<_>>(), ["Wake", "end"]);
    assert!(reporter.wait().unwrap().success());
}

/// Says its process number, then each signal, until it is woken from within.
fn report() {
    let say = |text: &str| writeln!(stderr(), "{text}").unwrap();
    let signals = Signals::block().unwrap();
    let waker = signals.waker();
    let (ended, is_ended) = std::sync::mpsc::channel();
    let reader = thread::Builder::new().spawn(move || {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).unwrap();
        ended.send(()).unwrap();
        waker.wake().unwrap();
    });
    say(&std::process::id().to_string());
    loop {
        let signal = signals.wait().unwrap();
        say(&format!("{signal:?}"));
        if signal == Signal::Wake && is_ended.try_recv().is_ok() {
            break;
        }
    }
    reader.unwrap().join().unwrap();
    say("end");
}

/// This test program again, for [`TEST`].
fn rerun() -> Child {
    let (_, module) = module_path!().split_once("::").unwrap();
    Command::new(env::current_exe().unwrap())
        .args(["--exact", &format!("{module}::{TEST}"), "--nocapture"])
        .env(CASE, "")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Runs `body` in a process with a single thread.
fn fork(body: fn()) {
    // SAFETY: the other thread of this process waits for this test to end, and holds no lock that
    // the child could want.
    let child = unsafe { libc::fork() };
    if child == 0 {
        body();
        // SAFETY: ends the process without running what the parent has registered for its own end.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for the answer.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0);
}
