//! All targets, each in a process of its own.

use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::thread;
use std::time::{Duration, Instant};

use super::child::{current_file, progress_file, say_how, small_file};
use super::options::Options;
use super::say;
use super::shrink::shrink;
use crate::Target;

/// How long a process that died may take to die again.
const CAREFUL_SECONDS: &str = "60";
/// For how long a smaller input of which a process dies is looked for.
const SHRINK: Duration = Duration::from_secs(10);

/// Fuzzes the targets, some at a time.
pub(super) fn fuzz(options: &Options, targets: &[&'static Target]) -> Result<ExitCode, String> {
    fs::create_dir_all(&options.folder)
        .map_err(|error| format!("{}: {error}", options.folder.display()))?;
    say(&format!("seed {}", options.seed));
    let waiting = Mutex::new(targets.iter());
    let failed = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .next();
            let Some(target) = next else { break };
            let outcome = fuzz_one(options, target);
            if !outcome.unwrap_or_else(|error| {
                say(&format!("{:<16} FAILED: {error}", target.name));
                false
            }) {
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.push(target.name);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..options.jobs.min(targets.len()) {
            thread::Builder::new()
                .spawn_scoped(scope, work)
                .map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    })?;
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let passed = targets.len() - failed.len();
    say(&format!(
        "fuzz result: {passed} passed; {} failed",
        failed.len()
    ));
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// True: nothing is wrong.
fn fuzz_one(options: &Options, target: &Target) -> Result<bool, String> {
    let _ = fs::remove_file(progress_file(&options.folder, target));
    let seconds = options.time.as_secs_f64().to_string();
    let runs = options.runs.to_string();
    let limit: &[&str] = if options.runs == u64::MAX {
        &["--seconds", &seconds]
    } else {
        &["--runs", &runs]
    };
    let output = child(options, target, limit)?;
    if !output.stdout.is_empty() {
        say(String::from_utf8_lossy(&output.stdout).trim_end());
    }
    if let Some(code) = output.status.code() {
        return Ok(code == 0);
    }
    // One that hung has said so itself.
    if output.stdout.is_empty() {
        died(options, target, &output)?;
    }
    Ok(false)
}

fn child(options: &Options, target: &Target, more: &[&str]) -> Result<Output, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    Command::new(program)
        .arg(target.name)
        .args(["--child", "--seed", &options.seed.to_string(), "--folder"])
        .arg(&options.folder)
        .args(more)
        .output()
        .map_err(|error| error.to_string())
}

/// Feeds the same inputs again, each on the disk before, to learn which one it was.
fn died(options: &Options, target: &Target, first: &Output) -> Result<(), String> {
    say(&format!(
        "{:<16} FAILED: its process died: {}",
        target.name, first.status
    ));
    let from = fs::read_to_string(progress_file(&options.folder, target)).unwrap_or_default();
    let from = from.parse::<u64>().unwrap_or(0).to_string();
    let careful = ["--careful", "--from", &from, "--seconds", CAREFUL_SECONDS];
    let output = child(options, target, &careful)?;
    let said = String::from_utf8_lossy(&output.stderr);
    say(said.trim_end());
    if output.status.code().is_some() {
        say(&format!("it did not die again; seed {}", options.seed));
        return Ok(());
    }
    let file = current_file(&options.folder, target);
    let input = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let kept = options.folder.join(format!("{}.bin", target.name));
    fs::rename(&file, &kept).map_err(|error| format!("{}: {error}", kept.display()))?;
    let small = small_file(&kept);
    let dies = |input: &[u8]| {
        fs::write(&small, input).is_ok() && repeat(target, &small).is_ok_and(|code| code.is_none())
    };
    let smaller = shrink(&input, Instant::now() + SHRINK, dies);
    fs::write(&small, &smaller).map_err(|error| format!("{}: {error}", small.display()))?;
    say_how(options, target, &small, &smaller, input.len());
    Ok(())
}

/// The exit code of a process that is fed the one input in `file`; none when it dies.
fn repeat(target: &Target, file: &Path) -> io::Result<Option<i32>> {
    let output = Command::new(std::env::current_exe()?)
        .args([target.name, "--input"])
        .arg(file)
        .output()?;
    Ok(output.status.code())
}
