//! Miri: every step of the tests is interpreted and checked for undefined behaviour, with data races among it.

use anyhow::Result;

use super::nightly;
use crate::say;
use crate::workspace::Workspace;

/// One call of Miri.
struct Part {
    what: &'static str,
    /// For cargo, up to the options of the tests.
    args: &'static [&'static str],
    /// Besides [`FLAGS`].
    flags: &'static str,
}

/// These let the property tests find their settings and go without a folder for failures.
const FLAGS: &str = "-Zmiri-env-forward=PROPTEST_CASES -Zmiri-env-forward=PROPTEST_DISABLE_FAILURE_PERSISTENCE \
     -Zmiri-isolation-error=hide";

const STRICT: &str = "-Zmiri-strict-provenance";

const PARTS: &[Part] = &[
    // The two latter have no unsafe code, so their long property tests are left out.
    Part {
        what: "the ABI, values, framing",
        args: &[
            "--package=skynet-abi",
            "--package=skynet-seri",
            "--package=skynet-gate-wire",
            "--lib",
            "--test=allocation",
            "--test=serde",
            "--test=texts",
            "--test=tuples",
            "--test=vectors",
        ],
        flags: STRICT,
    },
    Part {
        what: "the SDK with its fake host",
        // Without the tests of sockets, tasks and threads, which take Miri many minutes.
        args: &[
            "--package=skynet-service",
            "--lib",
            "--test=handlers",
            "--test=raw",
            "--test=requests",
        ],
        // What a panic carries is forgotten on purpose: its drop could panic again.
        flags: "-Zmiri-strict-provenance -Zmiri-ignore-leaks",
    },
    Part {
        what: "the core's memory",
        args: &[
            "--package=skynet-core",
            "--lib",
            "--",
            "--skip=a_name_lives_as_long_as_its_letter",
            "buffer::",
            "env::",
            "peers::",
            "sleepers::",
        ],
        flags: STRICT,
    },
    Part {
        what: "the mailbox, and names of services: both go by addresses",
        args: &[
            "--package=skynet-core",
            "--lib",
            "--",
            "--skip=threads::",
            "a_name_lives_as_long_as_its_letter",
            "mailbox::",
        ],
        flags: "-Zmiri-permissive-provenance",
    },
    Part {
        what: "accounting",
        args: &[
            "--package=skynet-core",
            "--lib",
            "--",
            "--skip=a_service_that_becomes_slow",
            "accounting::",
        ],
        // Its clocks are the system's, and its services last for ever.
        flags: "-Zmiri-strict-provenance -Zmiri-disable-isolation -Zmiri-ignore-leaks",
    },
    Part {
        what: "the core's threads, in several interleavings",
        args: &[
            "--package=skynet-core",
            "--lib",
            "--",
            "threads::",
            "slot::",
        ],
        flags: "-Zmiri-permissive-provenance -Zmiri-many-seeds=0..8",
    },
];

/// Left out, with a word, where Miri is not installed.
pub(super) fn run(workspace: &Workspace) -> Result<()> {
    if !nightly::has("miri", &[nightly::MIRI, nightly::SOURCES]) {
        return Ok(());
    }
    let folder = workspace.target.join("miri");
    let folder = folder.to_string_lossy();
    for part in PARTS {
        say::step(part.what);
        let args = [&["miri", "test"], part.args].concat();
        let flags = format!("{FLAGS} {}", part.flags);
        let env = [
            ("MIRIFLAGS", &*flags),
            ("CARGO_TARGET_DIR", &*folder),
            ("PROPTEST_CASES", "2"),
            ("PROPTEST_DISABLE_FAILURE_PERSISTENCE", "1"),
        ];
        nightly::run_cargo(workspace, &args, &env)?;
    }
    Ok(())
}
