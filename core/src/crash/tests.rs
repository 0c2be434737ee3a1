//! Each crash happens in a process of its own: this test program, run again for one test, with the
//! way to crash in a variable.
#![allow(unsafe_code)]

use std::fs::{self, OpenOptions};
use std::hint::black_box;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;
use std::thread;
use std::{env, ptr};

use super::line::{Crash, Line};
use super::{NOTHING, Record, enter, leave};

const CASE: &str = "SKYNET_TEST_CRASH";
const SECOND_FILE: &str = "SKYNET_TEST_CRASH_FILE";

#[test]
fn a_crash_names_the_service_and_its_plugin() {
    if let Ok(case) = env::var(CASE) {
        return crash(&case);
    }
    for (case, signal, expected) in [
        (
            "abort",
            libc::SIGABRT,
            "SIGABRT (aborted) in service :0000000a of plugin chat",
        ),
        (
            "null",
            libc::SIGSEGV,
            "SIGSEGV (bad memory access) at address 0x10 in service :0000000a of plugin chat",
        ),
        (
            "overflow",
            libc::SIGSEGV,
            "in service :0000000a of plugin chat",
        ),
        ("bus", libc::SIGBUS, "in service :0000000a of plugin chat"),
        (
            "illegal",
            libc::SIGILL,
            "SIGILL (bad instruction) in service :0000000a of plugin chat",
        ),
        (
            "arithmetic",
            libc::SIGFPE,
            "SIGFPE (arithmetic error) in service :0000000a of plugin chat",
        ),
        (
            "nested",
            libc::SIGABRT,
            "SIGABRT (aborted) in service :010000ff of plugin gate",
        ),
        (
            "left",
            libc::SIGABRT,
            "SIGABRT (aborted) in service :0000000a of plugin chat",
        ),
        (
            "outside",
            libc::SIGABRT,
            "SIGABRT (aborted) outside any service",
        ),
        (
            "no stack",
            libc::SIGABRT,
            "SIGABRT (aborted) in service :0000000a of plugin chat",
        ),
        (
            "other thread",
            libc::SIGABRT,
            "SIGABRT (aborted) outside any service",
        ),
    ] {
        let output = rerun(case).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.signal(),
            Some(signal),
            "{case}: {:?}\n{text}",
            output.status
        );
        let reports: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("skynet: fatal signal "))
            .collect();
        assert_eq!(reports.len(), 1, "{case}\n{text}");
        assert!(reports[0].contains(expected), "{case}: {}", reports[0]);
        let overflow = cfg!(target_os = "linux") && case == "overflow";
        assert_eq!(
            reports[0].contains("stack overflow"),
            overflow,
            "{case}: {}",
            reports[0]
        );
    }
}

#[test]
fn the_message_goes_to_the_second_file_too() {
    let name = format!("skynet-crash-{}", std::process::id());
    let file = env::temp_dir().join(name);
    let output = rerun("abort").env(SECOND_FILE, &file).output().unwrap();
    let text = fs::read_to_string(&file);
    let _ = fs::remove_file(&file);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT));
    let expected = "skynet: fatal signal SIGABRT (aborted) in service :0000000a of plugin chat\n";
    assert_eq!(text.unwrap(), expected);
}

#[test]
fn records_nest() {
    let outer = enter(1, "one");
    let inner = enter(2, "two");
    assert_eq!(
        (super::running().handle, super::running().plugin),
        (2, "two")
    );
    leave(inner);
    assert_eq!(
        (super::running().handle, super::running().plugin),
        (1, "one")
    );
    leave(outer);
    assert_eq!((super::running().handle, super::running().plugin), (0, ""));
}

#[test]
fn a_thread_gets_back_the_signal_stack_it_had() {
    let current = || {
        let mut stack = libc::stack_t {
            ss_sp: ptr::null_mut(),
            ss_flags: 0,
            ss_size: 0,
        };
        // SAFETY: only asks; `stack` is a valid place for the answer.
        assert_eq!(unsafe { libc::sigaltstack(ptr::null(), &raw mut stack) }, 0);
        (stack.ss_sp, stack.ss_flags)
    };
    let before = current();
    let stack = super::prepare_thread().unwrap();
    let during = current();
    drop(stack);
    assert_ne!(before, during);
    assert_eq!(before, current());
}

#[test]
fn lines_are_put_together_without_help() {
    for (address, record, expected) in [
        (
            None,
            NOTHING,
            "skynet: fatal signal SIGX (x) outside any service\n",
        ),
        (
            Some(0),
            NOTHING,
            "skynet: fatal signal SIGX (x) at address 0x0 outside any service\n",
        ),
        (
            Some(0xdead_beef),
            Record {
                handle: 0x0100_00ab,
                plugin: "p",
            },
            "skynet: fatal signal SIGX (x) at address 0xdeadbeef in service :010000ab of plugin p\n",
        ),
        (
            None,
            Record {
                handle: 0,
                plugin: "p",
            },
            "skynet: fatal signal SIGX (x) in service :00000000 of plugin p\n",
        ),
    ] {
        let line = Line::about(&Crash {
            signal: "SIGX",
            meaning: "x",
            address,
            record,
        });
        assert_eq!(String::from_utf8_lossy(line.bytes()), expected);
    }
    let record = Record {
        handle: 1,
        plugin: "long".repeat(1000).leak(),
    };
    let line = Line::about(&Crash {
        signal: "SIGX",
        meaning: "x",
        address: None,
        record,
    });
    assert_eq!(line.bytes().len(), 512);
    assert_eq!(line.bytes().last(), Some(&b'\n'));
}

/// This test program again, to crash in the given way.
fn rerun(case: &str) -> Command {
    let (_, module) = module_path!().split_once("::").unwrap();
    let test = format!("{module}::a_crash_names_the_service_and_its_plugin");
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", &test, "--nocapture"])
        .env(CASE, case);
    command
}

/// Crashes this process in the given way.
fn crash(case: &str) {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `none` is a valid limit. Crashing on purpose should leave no core dumps behind.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
    super::install().unwrap();
    if let Ok(file) = env::var(SECOND_FILE) {
        super::also_write_to(
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .unwrap(),
        );
    }
    if case == "no stack" {
        let _record = enter(10, "chat");
        std::process::abort();
    }
    let _stack = super::prepare_thread().unwrap();
    let outside = enter(10, "chat");
    match case {
        "abort" => std::process::abort(),
        // SAFETY: none; this is the bad access that the test is about.
        "null" => unsafe { ptr::without_provenance_mut::<u8>(16).write_volatile(1) },
        "overflow" => drop(overflow(black_box(1))),
        "bus" => raise(libc::SIGBUS),
        "illegal" => raise(libc::SIGILL),
        "arithmetic" => raise(libc::SIGFPE),
        "nested" => {
            let _inner = enter(0x0100_00ff, "gate");
            std::process::abort()
        }
        "left" => {
            let inner = enter(0x0100_00ff, "gate");
            leave(inner);
            std::process::abort()
        }
        "outside" => {
            leave(outside);
            std::process::abort()
        }
        "other thread" => {
            let thread = thread::Builder::new()
                .spawn(|| std::process::abort())
                .unwrap();
            let _ = thread.join();
        }
        _ => panic!("no way to crash: {case}"),
    }
    panic!("{case}: still alive");
}

fn raise(signal: libc::c_int) {
    // SAFETY: none; this is the crash that the test is about.
    unsafe { libc::raise(signal) };
}

/// Calls itself until the stack is used up.
#[allow(unconditional_recursion)]
fn overflow(depth: usize) -> [usize; 16] {
    let mut result = overflow(black_box(depth + 1));
    result[depth % 16] += black_box(depth);
    black_box(result)
}
