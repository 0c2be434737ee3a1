//! A network of its own on this machine, with nothing in it but a loopback device that can be taken down: what happens to
//! connections then is what happens when a cable is cut.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Makes the network and holds it until its input ends.
const HOLD: &str = "ip link set lo up && echo ready && exec cat";

/// See the module. It ends when it is dropped and its last process has ended.
#[derive(Debug)]
pub(crate) struct Space {
    holder: Child,
}

impl Space {
    /// `None`: this system does not let us.
    pub(crate) fn new() -> Result<Option<Self>> {
        let holder = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "sh", "-c", HOLD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(holder) = holder else {
            return Ok(None);
        };
        let mut space = Self { holder };
        let output = space.holder.stdout.take().context("it has an output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok((line == "ready\n").then_some(space))
    }

    /// The words before those of a command that is to run inside. It is the same process.
    pub(crate) fn prefix(&self) -> Vec<String> {
        let holder = self.holder.id().to_string();
        let words = [
            "nsenter",
            "--user",
            "--net",
            "--preserve-credentials",
            "--target",
            &holder,
        ];
        words.map(str::to_owned).into()
    }

    /// Takes the loopback device down: nothing is forwarded any more, and nobody is told.
    pub(crate) fn cut(&self) -> Result<()> {
        self.set("down")
    }

    /// Takes it up again.
    pub(crate) fn heal(&self) -> Result<()> {
        self.set("up")
    }

    fn set(&self, state: &str) -> Result<()> {
        let prefix = self.prefix();
        let status = Command::new(&prefix[0])
            .args(&prefix[1..])
            .args(["ip", "link", "set", "lo", state])
            .status()?;
        ensure!(status.success(), "lo cannot be set {state}: {status}");
        Ok(())
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_inside_has_a_network_of_its_own() {
        let Some(space) = Space::new().unwrap() else {
            return;
        };
        let prefix = space.prefix();
        let addresses = || {
            let output = Command::new(&prefix[0])
                .args(&prefix[1..])
                .args(["ip", "-brief", "link"])
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        assert_eq!(addresses().lines().count(), 1);
        assert!(addresses().contains("UP"));
        space.cut().unwrap();
        assert!(!addresses().contains("UP"));
        space.heal().unwrap();
        assert!(addresses().contains("UP"));
    }
}
