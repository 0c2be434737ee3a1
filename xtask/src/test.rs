//! `cargo xtask test`: every test of the workspace, and their number.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result};

use crate::say::{self, Counts, outln};
use crate::workspace::Workspace;
use crate::{build, install};

/// What to test.
#[derive(clap::Args, Debug, Default)]
pub(crate) struct Args {
    /// Test this package only; may be given several times.
    #[arg(long, short, value_name = "PACKAGE")]
    package: Vec<String>,
    /// Run only tests with this in their names.
    filter: Option<String>,
}

/// `cargo xtask test`.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let counts = test(&Workspace::read()?, args)?;
    outln!("{counts}");
    Ok(counts.exit_code())
}

/// Builds what tests load, runs them and counts. An error means that not all could be run.
pub(crate) fn test(workspace: &Workspace, args: &Args) -> Result<Counts> {
    // `cargo test` builds no plugin that a node under test could load.
    let built = build::build(workspace, build::Profile::DEBUG, build::Scope::All)?;
    install::install_for_tests(workspace, &built, build::Profile::DEBUG)?;

    let mut cargo = workspace.cargo();
    cargo.args(["test", "--no-fail-fast"]);
    if args.package.is_empty() {
        say::step("testing the workspace");
        cargo.arg("--workspace");
    } else {
        say::step(format!("testing {}", args.package.join(", ")));
        cargo.args(
            args.package
                .iter()
                .flat_map(|package| ["--package", package]),
        );
    }
    cargo.args(&args.filter);
    let mut cargo = cargo
        .stdout(Stdio::piped())
        .spawn()
        .context("cargo cannot be started")?;
    let mut counts = Counts::default();
    let mut lines = BufReader::new(
        cargo
            .stdout
            .take()
            .context("cargo has no standard output")?,
    );
    let mut line = Vec::new();
    // By bytes: what a test prints need not be UTF-8.
    while lines.read_until(b'\n', &mut line)? != 0 {
        let text = String::from_utf8_lossy(&line);
        let _ = io::stdout().write_all(&line);
        if let Some(result) = summary(&text) {
            counts += result;
        }
        line.clear();
    }
    let status = cargo.wait()?;
    if !status.success() && counts.failed == 0 {
        // It did not compile, or a test process died without a summary.
        counts.failed = 1;
    }
    Ok(counts)
}

/// The counts of a line such as `test result: ok. 12 passed; 0 failed; 0 ignored; …`.
fn summary(line: &str) -> Option<Counts> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count = |word: &str| {
        counts
            .split(';')
            .find_map(|part| part.trim().strip_suffix(word)?.trim().parse().ok())
    };
    Some(Counts {
        passed: count("passed")?,
        failed: count("failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_counted() {
        let check = |line: &str, expected: Option<(usize, usize)>| {
            let expected = expected.map(|(passed, failed)| Counts { passed, failed });
            assert_eq!(summary(line), expected, "{line}");
        };
        let rest = "0 ignored; 0 measured; 3 filtered out; finished in 0.00s\n";
        check(
            &format!("test result: ok. 12 passed; 0 failed; {rest}"),
            Some((12, 0)),
        );
        check(
            &format!("test result: FAILED. 1 passed; 2 failed; {rest}"),
            Some((1, 2)),
        );
        check("test config::tests::defaults ... ok\n", None);
        check("test result: something else\n", None);
    }
}
