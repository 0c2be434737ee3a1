//! Configuration texts with variables and includes; what was read can be written down and read again.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use skynet_core::config::{Config, ConfigError, Loaded};
use skynet_core::fuzz;

use crate::{Bound, Target};

pub(super) const TARGET: Target = Target {
    name: "config",
    about: "configuration: variables, includes, tables, values",
    run,
    seeds,
    tokens: &[
        b"$HOME",
        b"${QUOTES}",
        b"$LINES",
        b"$BYTES",
        b"$NONE",
        b"$$",
        b"${",
        b"\n#--- a.toml\n",
        b"\n#--- b.toml\n",
        b"include = \"a.toml\"\n",
        b"include = [\"a.toml\", \"b.toml\"]\n",
        b"\"\"\"",
        b"'''",
        b"#",
        b"\\",
        b"[gate]\n",
        b"a.b.c.",
        b"thread = ",
        b"harbor = 255\n",
        b"loglevel = \"trace\"\n",
        b"0x",
        b"1e400",
        b"nan",
        b"64M",
        b"[[",
        b"{a=",
        b"\\u0000",
        b"endless_limit = ",
        b"cpath = [\"?\"]\n",
        b"start = [\"a b\"]\n",
        b"1979-05-27",
    ],
    max_len: 1 << 14,
    memory: Bound {
        base: 1 << 20,
        per_byte: 4000,
    },
};

/// What begins a line that begins the next file.
const NEXT: &str = "#--- ";

fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut files = split(&text);
    let main = PathBuf::from("node.toml");
    let text = files.remove(&main).unwrap_or_default();
    match fuzz::config(&main, &text, &variables(), &files) {
        Ok(loaded) => check_loaded(&main, &loaded),
        Err(error) => check_error(&error, bytes.len()),
    }
}

/// The first file, and those that follow it with their names in front.
fn split(text: &str) -> BTreeMap<PathBuf, String> {
    let mut files = BTreeMap::new();
    let mut file = files
        .entry(PathBuf::from("node.toml"))
        .or_insert_with(String::new);
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(NEXT) {
            Some(name) => file = files.entry(PathBuf::from(name.trim())).or_default(),
            None => file.push_str(line),
        }
    }
    files
}

fn variables() -> BTreeMap<String, OsString> {
    [
        ("HOME", "/home/somebody"),
        ("EMPTY", ""),
        ("NUMBER", "3"),
        ("QUOTES", "\"'\\\""),
        ("LINES", "one\ntwo"),
        ("HASH", "# no comment"),
        ("DOLLAR", "$HOME"),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), OsString::from(value)))
    .chain([("BYTES".to_owned(), OsString::from_vec(vec![b'x', 0xff]))])
    .collect()
}

fn check_loaded(main: &Path, loaded: &Loaded) {
    let Loaded {
        config,
        warnings,
        files,
    } = loaded;
    assert_eq!(files.first().map(PathBuf::as_path), Some(main));
    for warning in warnings {
        assert!(files.contains(&warning.place.file) && warning.place.line > 0);
    }
    assert!((1..=1024).contains(&config.thread) && !config.endless_limit.is_zero());
    assert!((1..=0xff_ffff).contains(&config.max_sockets) && config.socket_output_limit >= 1024);
    assert!(!config.cpath.is_empty() && config.cpath.iter().all(|pattern| pattern.contains('?')));
    let mut settled = config.clone();
    settled.write_back();
    assert_eq!(&settled, config, "fields and settings say the same");
    assert!(!config.settings.contains_key("harbor_secret"));
    assert!(!config.settings.contains_key("cluster_secret"));
    // What follows is without the secrets, which are in no setting, without files, and without the table of nodes, which is
    // a setting of another name.
    let mut config = config.clone();
    (config.harbor_secret, config.harbor_secret_file) = (None, None);
    (config.cluster.secret, config.cluster.secret_file) = (None, None);
    (config.cluster.file, config.cluster.nodes) = (None, None);
    (
        config.cluster.tls_cert,
        config.cluster.tls_key,
        config.cluster.tls_ca,
    ) = (None, None, None);
    config.write_back();
    let nothing = BTreeMap::new();
    let again = fuzz::config(main, &written(&config), &nothing, &BTreeMap::new());
    match again {
        Ok(again) => assert_eq!(again.config, config),
        Err(error) => panic!("{error} in {}", written(&config)),
    }
}

/// The settings as a file: each as a text, whatever it was.
fn written(config: &Config) -> String {
    let mut text = String::new();
    for (key, value) in &config.settings {
        let _ = writeln!(text, "{} = {}", quoted(key), quoted(value));
    }
    text
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '$' => quoted.push_str("$$"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn check_error(error: &ConfigError, len: usize) {
    let text = error.to_string();
    // Names of keys, files and variables are told in full.
    assert!(text.len() <= 1500 + 10 * len, "{}", text.len());
    if let ConfigError::Syntax { place, .. } | ConfigError::Value { place, .. } = error {
        assert!(place.line > 0 && place.line <= len + 1, "{place}");
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        include_str!("../../../config/chat.toml"),
        include_str!("../../../config/bare.toml"),
        "thread = $NUMBER\nlogger = \"$HOME/log\"\nname = '${HOME}'\n# $NONE\ncost = \"$$5\"",
        "q = \"${QUOTES} $LINES $DOLLAR\"\nl = \"\"\"a\n$LINES\"\"\"",
        "x = \"$BYTES\"",
        "x = '$QUOTES'",
        "include = \"a.toml\"\nthread = 2\n#--- a.toml\ninclude = ['b.toml', 'b.toml']\nthread = 3\n#--- b.toml\nx = 1",
        "include = \"a.toml\"\n#--- a.toml\ninclude = \"node.toml\"\n",
        "include = [\"etc/a.toml\"]\n#--- etc/a.toml\ninclude = \"../etc/b.toml\"\n#--- etc/../etc/b.toml\nharbor = 7",
        "harbor = \"auto\"\nstandalone = \"[::]:2013\"\nharbor_secret = \"0123456789abcdef\"\nharbor_wait = 0.5",
        "harbor = 3\nmaster = \"m:1\"\nharbor_secret_file = \"s\"\nharbor_listen = \"startup\"\n#--- s\n0123456789abcdef",
        "harbor = 3\nharbor_queue = 1\nharbor_queue_bytes = \"1M\"\nharbor_queue_policy = \"drop-oldest\"\nharbor_unproven = 9",
        "harbor = 255\naddress = \"127.0.0.1:1\"\nmaster = \"m:1\"\nstandalone = \"0.0.0.0:2013\"\ncluster = 'c'\n#--- c\ndb = 'h:1'\nold = 'skynet://[::1]:2'",
        "cluster_export = ['.a', '.b .c']\ncluster_max_message = '2G'\ncluster_secret_file = 's'\n[cluster]\n__nowaiting = true\ndb = 'tls://h:1'\ndown = false\n#--- s\n0123456789abcdef",
        "cluster_secret = '0123456789abcdef'\ncluster_tls_cert = 's'\ncluster_tls_key = 's'\ncluster_discovery = 'etcd x'\ncluster_watch = 1\n#--- s\n",
        "endless_limit = 0.001\nshutdown_grace = 86400\ncall_timeout = \"1.5\"\nsocket_output_limit = \"64 MiB\"",
        "loglevel = 'warn'\nsocket_output_policy = 'pause'\nmax_sockets = 0x10\nprofile = 'false'\nextra_workers = 0",
        "cpath = ['a/?.so', 'b/?.so;c/?']\nstart = \"a b\\nc\"\nbootstrap = 'launcher x'\nlogservice='logger'",
        "[gate]\nport = 8888\n[gate.tls]\ncert = 'x'\n\"gate.host\" = 1",
        "a = 1979-05-27T07:32:00Z\nb = [1, 2.5, true, 'x']\nc = 0xffffffffffffffffffffffffffffffff\nd = inf",
        "\"gate.port\" = 1\n[gate]\nport = 2",
        "daemon = 'skynet.pid'\nlogpath = ''\nthred = 1",
        "thread = -1",
        "x = \"\\u0000\"",
        "x = [[1]]",
        "x = 1_0\0",
        "x = [1_0y]",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    // Each includes the next one again and again.
    let many = |name: &str| format!("include = [{}]\n", format!("'{name}', ").repeat(60));
    seeds.push(
        format!(
            "{}#--- a\n{}#--- b\n{}#--- c\n",
            many("a"),
            many("b"),
            many("c")
        )
        .into_bytes(),
    );
    let deep = "a.".repeat(2000);
    seeds.push(format!("{deep}a = 1").into_bytes());
    seeds.push(format!("x = {}", "[".repeat(4000)).into_bytes());
    seeds.push("x = {a = ".repeat(1000).into_bytes());
    seeds.push(format!("{} = 1", "re".repeat(8000)).into_bytes());
    seeds
}
