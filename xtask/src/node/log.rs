//! What a node prints, kept and waited for.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::deadline::Deadline;
use crate::say;

/// How many of the last lines an error shows.
const SHOWN: usize = 15;

/// The lines of one process's standard output and standard error, in the order it wrote them.
#[derive(Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    reader: Option<JoinHandle<()>>,
}

/// A position between two lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mark(usize);

#[derive(Debug, Default)]
struct Shared {
    lines: Mutex<Lines>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

impl Log {
    /// Reads `output` to its end on a thread of its own, with a copy in `file`.
    pub(crate) fn follow(output: PipeReader, file: &Path) -> Result<Self> {
        let copy =
            File::create(file).with_context(|| format!("{} cannot be made", file.display()))?;
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let reader = thread::Builder::new()
            .name("node-log".into())
            .spawn(move || theirs.read(BufReader::new(output), copy))?;
        Ok(Self {
            shared,
            reader: Some(reader),
        })
    }

    /// The position behind all lines so far.
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.shared.lock().lines.len())
    }

    /// The lines since `mark` that contain `pattern`.
    pub(crate) fn matching(&self, mark: Mark, pattern: &str) -> Vec<String> {
        let lines = self.shared.lock();
        let later = lines.lines.iter().skip(mark.0);
        later
            .filter(|line| line.contains(pattern))
            .cloned()
            .collect()
    }

    /// Waits for a line since `mark` that contains `pattern`, and gives the first one.
    pub(crate) fn wait(&self, mark: Mark, pattern: &str, limit: Duration) -> Result<String> {
        self.wait_for(mark, pattern, limit, |line| line.contains(pattern))
    }

    /// As [`wait`](Self::wait), with a predicate; `what` names it in errors.
    pub(crate) fn wait_for(
        &self,
        mark: Mark,
        what: &str,
        limit: Duration,
        matches: impl Fn(&str) -> bool,
    ) -> Result<String> {
        let deadline = Deadline::after(limit);
        let mut lines = self.shared.lock();
        let mut seen = mark.0;
        loop {
            if let Some(line) = lines.lines.iter().skip(seen).find(|line| matches(line)) {
                return Ok(line.clone());
            }
            seen = lines.lines.len().max(mark.0);
            if lines.ended {
                bail!(
                    "the node's output ended without {what:?}; its end was:\n{}",
                    lines.tail()
                );
            }
            let Some(left) = deadline.left() else {
                let limit = say::duration(limit);
                bail!(
                    "no {what:?} in the node's log within {limit}; its end is:\n{}",
                    lines.tail()
                );
            };
            lines = self
                .shared
                .changed
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// The last lines, for an error.
    pub(crate) fn tail(&self) -> String {
        self.shared.lock().tail()
    }

    /// Waits until everything the process wrote has been read. Call when the process has ended.
    pub(crate) fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            // It has no result, and a panic in it has been printed.
            let _ = reader.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Lines are only ever appended whole, so they are right even behind a panic.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, mut output: BufReader<PipeReader>, mut copy: File) {
        let mut line = Vec::new();
        while matches!(output.read_until(b'\n', &mut line), Ok(1..)) {
            // The copy is for people; a full disk must not stop the node.
            let _ = copy.write_all(&line);
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            self.lock().lines.push(text);
            self.changed.notify_all();
            line.clear();
        }
        self.lock().ended = true;
        self.changed.notify_all();
    }
}

impl Lines {
    fn tail(&self) -> String {
        let first = self.lines.len().saturating_sub(SHOWN);
        let lines: Vec<_> = self.lines[first..]
            .iter()
            .map(|line| format!("  | {line}"))
            .collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folder::TempFolder;

    #[test]
    fn lines_are_waited_for() {
        let folder = TempFolder::new("log").unwrap();
        let file = folder.path().join("node.log");
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut log = Log::follow(reader, &file).unwrap();
        let long = Duration::from_secs(60);

        writer.write_all(b"one\ntw").unwrap();
        assert_eq!(log.wait(Mark::default(), "on", long).unwrap(), "one");
        let mark = log.mark();
        let error = log
            .wait(mark, "one", Duration::from_millis(1))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("no \"one\"") && error.contains("| one"),
            "{error}"
        );
        writer.write_all(b"o\n\xff\n").unwrap();
        assert_eq!(log.wait(mark, "two", long).unwrap(), "two");
        drop(writer);
        let error = log
            .wait(Mark::default(), "three", long)
            .unwrap_err()
            .to_string();
        assert!(error.contains("output ended without \"three\""), "{error}");
        log.finish();
        assert_eq!(std::fs::read(file).unwrap(), b"one\ntwo\n\xff\n");
        assert_eq!(log.matching(mark, "tw"), ["two"]);
    }
}
