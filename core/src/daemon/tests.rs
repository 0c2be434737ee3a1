//! Daemon mode wants a process with a single thread. So these tests run this test program again,
//! which forks, and it is the fork that goes into the background.
#![allow(unsafe_code)]

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::pid_file::PidFile;
use super::{DaemonError, Outcome, Side, daemonize};

/// The folder of the rerun, which makes it go into the background there.
const FOLDER: &str = "SKYNET_TEST_DAEMON";
/// What it does there.
const CASE: &str = "SKYNET_TEST_DAEMON_CASE";
const RERUN: &str = "a_daemon_runs_until_it_is_stopped";

/// A folder that is removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("skynet-daemon-{}-{number}", std::process::id());
        let folder = env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn pid_file(&self) -> PathBuf {
        self.0.join("run/node.pid")
    }

    fn socket(&self) -> PathBuf {
        self.0.join("socket")
    }

    /// Starts a daemon; returns when its launcher has ended.
    fn start(&self, case: &str) -> Output {
        let (_, module) = module_path!().split_once("::").unwrap();
        Command::new(env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::{RERUN}"), "--nocapture"])
            .env(FOLDER, &self.0)
            .env(CASE, case)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_daemon_runs_until_it_is_stopped() {
    if let Some(folder) = env::var_os(FOLDER) {
        let folder = Folder(folder.into());
        fork(&folder);
        // It is not ours to remove.
        std::mem::forget(folder);
        return;
    }
    let folder = Folder::new();
    let pid_file = folder.pid_file();
    let socket = UnixListener::bind(folder.socket()).unwrap();

    let launcher = folder.start("run");
    let said = String::from_utf8_lossy(&launcher.stderr);
    assert!(launcher.status.success(), "{said}");
    let pid = fs::read_to_string(&pid_file).unwrap();
    assert!(pid.ends_with('\n'), "{pid:?}");
    let pid: u32 = pid.trim().parse().unwrap();
    assert!(said.contains("node: starting\n"), "{said}");
    assert!(
        said.contains(&format!("launcher: Up {{ pid: {pid} }}\n")),
        "{said}"
    );
    assert!(!said.contains("lost"), "{said}");

    // It tells what it is over the socket.
    let (mut node, _) = socket.accept().unwrap();
    let mut facts = BufReader::new(node.try_clone().unwrap())
        .lines()
        .map(Result::unwrap);
    assert_eq!(facts.next(), Some(format!("pid {pid}")));
    assert_eq!(facts.next(), Some(format!("session {pid}")));
    assert_eq!(
        facts.next(),
        Some(format!("folder {}", env::current_dir().unwrap().display()))
    );
    for number in 0..3 {
        assert_eq!(facts.next(), Some(format!("file {number} /dev/null")));
    }

    // A second one is refused in the foreground, and does the first no harm.
    let second = folder.start("run");
    let said = String::from_utf8_lossy(&second.stderr);
    let refusal = format!(
        "already running, pid = {pid} (it holds {})",
        pid_file.display()
    );
    assert!(said.contains(&refusal), "{said}");
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), format!("{pid}\n"));

    node.write_all(b"stop\n").unwrap();
    assert_eq!(facts.next().as_deref(), Some("removed"));
    assert_eq!(facts.next(), None);
    assert!(!pid_file.exists());
}

#[test]
fn a_daemon_that_does_not_come_up_is_told_by_its_launcher() {
    let folder = Folder::new();
    let launcher = folder.start("fail");
    let said = String::from_utf8_lossy(&launcher.stderr);
    assert!(
        said.contains("node: starting\nnode: no such module\n"),
        "{said}"
    );
    assert!(
        said.contains("launcher: Ended { code: Some(1) }\n"),
        "{said}"
    );
    // Not a clean stop: the file stays, but the next node takes it over.
    assert!(folder.pid_file().exists());
    lock_released(&folder.pid_file());
}

#[test]
fn a_process_with_threads_is_refused() {
    // Tests run in threads.
    if !cfg!(target_os = "linux") {
        return;
    }
    let folder = Folder::new();
    let error = daemonize(&folder.pid_file()).unwrap_err();
    assert!(
        matches!(error, DaemonError::Threads { count: 2.. }),
        "{error}"
    );
    assert!(!folder.pid_file().exists());
}

#[test]
fn a_pid_file_has_one_owner() {
    let folder = Folder::new();
    let path = folder.pid_file();
    let holder = |path: &Path| match PidFile::lock(path) {
        Err(DaemonError::AlreadyRunning { pid, .. }) => pid,
        other => panic!("{other:?}"),
    };

    // The number that a node which was killed has left behind is nobody's.
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "99999\n").unwrap();
    let mut first = PidFile::lock(&path).unwrap();
    assert_eq!(holder(&path), None);
    first.write(1234).unwrap();
    assert_eq!(holder(&path), Some(1234));
    assert_eq!(fs::read_to_string(&path).unwrap(), "1234\n");

    // Unlocked, but not removed, when it is just dropped.
    drop(first);
    assert!(path.exists());
    let second = lock_released(&path);
    assert_eq!(fs::read_to_string(&path).unwrap(), "");
    second.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_pid_file_of_others_is_not_removed() {
    let folder = Folder::new();
    let path = folder.pid_file();
    let ours = PidFile::lock(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let theirs = PidFile::lock(&path).unwrap();
    ours.remove().unwrap();
    assert!(path.exists());
    theirs.remove().unwrap();
    assert!(!path.exists());
}

#[test]
fn a_pid_file_that_cannot_be_used_is_told() {
    let folder = Folder::new();
    fs::write(folder.0.join("file"), "").unwrap();
    for (path, expected) in [
        ("", "cannot open the pid file "),
        ("file/node.pid", "cannot make the folder of the pid file "),
    ] {
        let error = PidFile::lock(&folder.0.join(path)).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

/// Locks a file that nobody means to hold any more. Another test may be starting a process at this
/// moment, which has a copy of everything that is open here until its program begins.
fn lock_released(path: &Path) -> PidFile {
    loop {
        match PidFile::lock(path) {
            Err(DaemonError::AlreadyRunning { .. }) => std::thread::yield_now(),
            result => return result.unwrap(),
        }
    }
}

/// Has a process with a single thread go into the background, and reports what its launcher says.
fn fork(folder: &Folder) {
    // SAFETY: the other thread of this process waits for this test to end, and holds no lock that
    // the child could want.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let result = run(folder);
        if let Err(error) = &result {
            say(&error.to_string());
        }
        // SAFETY: ends the process without running what the parent has registered for its own end.
        unsafe { libc::_exit(i32::from(result.is_err())) };
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for the answer.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
}

fn say(text: &str) {
    writeln!(io::stderr(), "{text}").unwrap();
}

/// What a main function does in daemon mode.
fn run(folder: &Folder) -> Result<(), Box<dyn std::error::Error>> {
    let mut daemon = match daemonize(&folder.pid_file())? {
        Side::Node(daemon) => daemon,
        Side::Launcher(outcome) => {
            say(&format!("launcher: {outcome:?}"));
            return match outcome {
                Outcome::Up { .. } => Ok(()),
                Outcome::Ended { .. } => Err("ended".into()),
            };
        }
    };
    say("node: starting");
    if env::var(CASE)? == "fail" {
        return Err("node: no such module".into());
    }
    daemon.ready()?;
    daemon.ready()?;
    say("lost");
    let mut socket = UnixStream::connect(folder.socket())?;
    writeln!(socket, "pid {}", std::process::id())?;
    // SAFETY: asks for a number of this process.
    writeln!(socket, "session {}", unsafe { libc::getsid(0) })?;
    writeln!(socket, "folder {}", env::current_dir()?.display())?;
    for number in 0..3 {
        let file = fs::read_link(format!("/proc/self/fd/{number}"))?;
        writeln!(socket, "file {number} {}", file.display())?;
    }
    socket.read_exact(&mut [0; 5])?;
    daemon.remove()?;
    writeln!(socket, "removed")?;
    Ok(())
}
