//! Tests of the configuration: text in, fields, settings, warnings or a refusal out.

mod cluster;
mod harbor;
mod includes;
mod misspelt;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use log::LevelFilter;

use super::{
    ClusterConfig, Config, HarborId, HarborListen, Loaded, OutputPolicy, QueuePolicy, Secret, keys,
};

const REFERENCE: &str = include_str!("../../../docs/configuration.md");

fn load(text: &str) -> Loaded {
    Config::parse("chat.toml", text).unwrap_or_else(|error| panic!("{text}\n{error}"))
}

/// The error that `text` is refused with.
fn refusal(text: &str) -> String {
    match Config::parse("chat.toml", text) {
        Ok(loaded) => panic!("accepted:\n{text}\n{:?}", loaded.config),
        Err(error) => error.to_string(),
    }
}

/// The setting `key` as GETENV shows it.
#[track_caller]
fn check_setting(text: &str, key: &str, expected: Option<&str>) {
    assert_eq!(
        load(text).config.settings.get(key).map(String::as_str),
        expected,
        "{text}"
    );
}

#[track_caller]
fn check_refused(text: &str, expected: &str) {
    assert_eq!(refusal(text), expected, "{text}");
}

/// A folder of files, removed with everything in it at the end of the test.
struct Folder(PathBuf);

impl Folder {
    fn with(files: &[(&str, &str)]) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("skynet-config-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        for (name, text) in files {
            let file = folder.0.join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        }
        folder
    }

    fn load(&self, name: &str) -> Result<Loaded, String> {
        // Errors name files as they were given; the folder's own name is of no interest.
        let folder = format!("{}/", self.0.display());
        Config::load(self.0.join(name)).map_err(|error| error.to_string().replace(&folder, ""))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_bare_node_is_single_and_has_all_defaults() {
    let config = Config::default();
    assert_eq!(config.harbor, HarborId::Fixed(0));
    assert_eq!(config.name, "skynet");
    assert_eq!(config.rundir, Path::new("run/skynet"));
    assert!((1..=1024).contains(&config.thread));
    let mut settings = config.settings.clone();
    settings.remove("thread");
    let expected: BTreeMap<String, String> = [
        ("bootstrap", "launcher"),
        ("call_timeout", "0"),
        ("cluster_call_timeout", "0"),
        ("cluster_discovery", "clusterfile"),
        ("cluster_expose", "names"),
        ("cluster_heartbeat", "3"),
        ("cluster_max_calls", "65536"),
        ("cluster_max_clients", "1024"),
        ("cluster_max_message", "67108864"),
        ("cluster_queue_bytes", "67108864"),
        ("cluster_reassembly", "134217728"),
        ("cluster_tls_clients", "false"),
        ("cluster_unproven", "64"),
        ("cluster_wait", "5"),
        ("cluster_watch", "0"),
        ("cpath", "cservice/?.so;cservice/lib?.so"),
        ("endless_limit", "5"),
        ("extra_workers", "4"),
        ("harbor", "0"),
        ("harbor_heartbeat", "3"),
        ("harbor_join", "30"),
        ("harbor_listen", "always"),
        ("harbor_queue", "65536"),
        ("harbor_queue_bytes", "67108864"),
        ("harbor_queue_policy", "error"),
        ("harbor_unproven", "64"),
        ("harbor_wait", "5"),
        ("loglevel", "info"),
        ("logservice", "logger"),
        ("mailbox_limit", "0"),
        ("max_sockets", "65536"),
        ("name", "skynet"),
        ("profile", "true"),
        ("rundir", "run/skynet"),
        ("shutdown_grace", "5"),
        ("socket_output_limit", "67108864"),
        ("socket_output_policy", "close"),
    ]
    .into_iter()
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .collect();
    assert_eq!(settings, expected);
}

#[test]
fn an_empty_file_only_names_the_node() {
    let loaded = load("");
    assert!(loaded.warnings.is_empty());
    assert_eq!(loaded.config.name, "chat");
    assert_eq!(loaded.config.rundir, Path::new("run/chat"));
    let mut expected = Config {
        name: "chat".to_owned(),
        rundir: "run/chat".into(),
        ..Config::default()
    };
    expected.write_back();
    assert_eq!(loaded.config, expected);
}

#[test]
fn every_key_fills_its_field() {
    let loaded = load(
        r#"
            name = "lobby"
            thread = 3
            cpath = ["a/?.so", "b/lib?.so;c/?"]
            harbor = 7
            bootstrap = "launcher quiet"
            start = ["gate L 127.0.0.1:8888", "chat; 5"]
            logger = "logs/lobby.log"
            logservice = "mylogger"
            loglevel = "debug"
            logpath = "traces"
            daemon = "run/lobby.pid"
            profile = false
            address = "127.0.0.1:2526"
            master = "127.0.0.1:2013"
            standalone = "0.0.0.0:2013"
            harbor_wait = 0
            harbor_join = 1.5
            harbor_heartbeat = 0.5
            harbor_listen = "startup"
            harbor_queue = 100
            harbor_queue_bytes = "1M"
            harbor_queue_policy = "drop-oldest"
            harbor_unproven = 8
            harbor_secret = "correct horse battery"
            cluster = { db = "10.0.0.7:2528" }
            cluster_discovery = "etcd /game"
            cluster_watch = 0
            cluster_wait = 0.5
            cluster_heartbeat = 1
            cluster_call_timeout = 30
            cluster_queue_bytes = "4M"
            cluster_max_message = "2M"
            cluster_reassembly = "3M"
            cluster_max_calls = 10
            cluster_max_clients = 11
            cluster_unproven = 12
            cluster_expose = "names"
            cluster_export = [".simpledb", ".chat"]
            cluster_secret = "another horse battery"
            rundir = "/var/run/lobby"
            endless_limit = 0.25
            extra_workers = 0
            mailbox_limit = 1_000
            call_timeout = 2.5
            shutdown_grace = 0
            socket_output_limit = "64M"
            socket_output_policy = "pause"
            max_sockets = 0x1000
        "#,
    );
    assert_eq!(loaded.warnings, []);
    let text = |text: &str| Some(text.to_owned());
    let mut expected = Config {
        name: "lobby".to_owned(),
        thread: 3,
        cpath: ["a/?.so", "b/lib?.so", "c/?"].map(str::to_owned).to_vec(),
        harbor: HarborId::Fixed(7),
        bootstrap: "launcher quiet".to_owned(),
        start: ["gate L 127.0.0.1:8888", "chat; 5"]
            .map(str::to_owned)
            .to_vec(),
        logger: text("logs/lobby.log"),
        logservice: "mylogger".to_owned(),
        loglevel: LevelFilter::Debug,
        logpath: Some("traces".into()),
        daemon: Some("run/lobby.pid".into()),
        profile: false,
        address: text("127.0.0.1:2526"),
        master: text("127.0.0.1:2013"),
        standalone: text("0.0.0.0:2013"),
        harbor_wait: Duration::ZERO,
        harbor_join: Duration::from_millis(1500),
        harbor_heartbeat: Duration::from_millis(500),
        harbor_listen: HarborListen::Startup,
        harbor_queue: 100,
        harbor_queue_bytes: 1 << 20,
        harbor_queue_policy: QueuePolicy::DropOldest,
        harbor_unproven: 8,
        harbor_secret: Secret::new("correct horse battery"),
        harbor_secret_file: None,
        cluster: ClusterConfig {
            nodes: text("\"db\" = \"10.0.0.7:2528\"\n"),
            discovery: "etcd /game".to_owned(),
            wait: Duration::from_millis(500),
            heartbeat: Duration::from_secs(1),
            call_timeout: Some(Duration::from_secs(30)),
            queue_bytes: 4 << 20,
            max_message: 2 << 20,
            reassembly: 3 << 20,
            max_calls: 10,
            max_clients: 11,
            unproven: 12,
            export: [".simpledb", ".chat"].map(str::to_owned).to_vec(),
            secret: Secret::new("another horse battery"),
            ..ClusterConfig::default()
        },
        rundir: "/var/run/lobby".into(),
        endless_limit: Duration::from_millis(250),
        extra_workers: 0,
        mailbox_limit: 1000,
        call_timeout: Some(Duration::from_millis(2500)),
        shutdown_grace: Duration::ZERO,
        socket_output_limit: 64 << 20,
        socket_output_policy: OutputPolicy::Pause,
        max_sockets: 4096,
        settings: BTreeMap::new(),
    };
    expected.write_back();
    assert_eq!(loaded.config, expected);
    // Every known key but for secrets and their files and those of TLS, the nodes under the name of a table, and nothing
    // else.
    let known: Vec<_> = expected.settings.keys().map(String::as_str).collect();
    let is_other = |name: &str| {
        name.contains("_secret") || name.contains("_tls_c") || name == "cluster_tls_key"
    };
    let mut keys: Vec<_> = keys::all().map(|key| key.name).collect();
    keys.retain(|name| !is_other(name) && *name != "cluster");
    keys.extend(["cluster_nodes", "cluster_tls_clients"]);
    keys.sort_unstable();
    assert_eq!(known, keys);
}

#[test]
fn settings_are_text_for_getenv() {
    for (text, key, expected) in [
        // The node's own keys are written back in one form.
        ("thread = 0x10", "thread", Some("16")),
        ("thread = \" 16 \"", "thread", Some("16")),
        ("profile = \"false\"", "profile", Some("false")),
        ("endless_limit = 5.0", "endless_limit", Some("5")),
        ("endless_limit = \"0.5\"", "endless_limit", Some("0.5")),
        ("call_timeout = 0.0", "call_timeout", Some("0")),
        (
            "socket_output_limit = \"1 KiB\"",
            "socket_output_limit",
            Some("1024"),
        ),
        (
            "socket_output_limit = \"1t\"",
            "socket_output_limit",
            Some("1099511627776"),
        ),
        ("cpath = \" x/?; ;y/? ;\"", "cpath", Some("x/?;y/?")),
        (
            "start = [\"gate  1\", \"\", \" chat\"]",
            "start",
            Some("gate  1\nchat"),
        ),
        (
            "start = '''\ngate 1\n\n  chat\n'''",
            "start",
            Some("gate 1\nchat"),
        ),
        ("start = []", "start", None),
        ("logger = \"\"", "logger", None),
        ("logger = \" x.log \"", "logger", Some("x.log")),
        // Other keys stay as they are written.
        (
            "greeting = \" hi \\\"you\\\" \"",
            "greeting",
            Some(" hi \"you\" "),
        ),
        ("port = 8_888", "port", Some("8888")),
        ("mask = 0o17", "mask", Some("15")),
        ("ratio = 1.50", "ratio", Some("1.50")),
        ("tls = true", "tls", Some("true")),
        ("day = 2024-02-29", "day", Some("2024-02-29")),
        ("words = [\"a b\", 1, true]", "words", Some("a b\n1\ntrue")),
        (
            "lua_path = \"./lualib/?.lua\"",
            "lua_path",
            Some("./lualib/?.lua"),
        ),
        // Tables are flattened.
        (
            "[gate]\nport = 8888\n[gate.limits]\nclients = 5",
            "gate.port",
            Some("8888"),
        ),
        (
            "[gate]\nport = 8888\n[gate.limits]\nclients = 5",
            "gate.limits.clients",
            Some("5"),
        ),
        ("gate.port = 1", "gate.port", Some("1")),
        ("\"gate.port\" = 1", "gate.port", Some("1")),
        ("gate = { port = 1 }", "gate.port", Some("1")),
        ("[gate]\nthread = 4", "gate.thread", Some("4")),
        ("[gate]\ninclude = \"x\"", "gate.include", Some("x")),
        ("[gate]", "gate", None),
    ] {
        check_setting(text, key, expected);
    }
}

#[test]
fn a_bad_value_is_refused_with_its_place_and_what_is_allowed() {
    for (text, expected) in [
        (
            "\n# workers\n\nname = \"x\"\n\n\nthread = \"many\"\n",
            "chat.toml:7: thread is \"many\"; wanted an integer from 1 to 1024",
        ),
        (
            "thread = 0",
            "chat.toml:1: thread is 0; wanted an integer from 1 to 1024",
        ),
        (
            "thread = 1025",
            "chat.toml:1: thread is 1025; wanted an integer from 1 to 1024",
        ),
        (
            "thread = -1",
            "chat.toml:1: thread is -1; wanted an integer from 1 to 1024",
        ),
        (
            "thread = 2.0",
            "chat.toml:1: thread is 2.0; wanted an integer from 1 to 1024",
        ),
        (
            "\nharbor = 256",
            "chat.toml:2: harbor is 256; wanted \"auto\", or an integer from 0 to 255",
        ),
        (
            "thread = 99999999999999999999",
            "chat.toml:1: thread is 99999999999999999999; wanted an integer from 1 to 1024",
        ),
        (
            "[thread]\nx = 1",
            "chat.toml:1: thread is a table; wanted an integer from 1 to 1024",
        ),
        (
            "thread = [1]",
            "chat.toml:1: thread is [\"1\"]; wanted an integer from 1 to 1024",
        ),
        (
            "cpath = \"a/?.so;b.so\"",
            "chat.toml:1: cpath is \"a/?.so;b.so\"; \
             wanted file patterns with a '?' in each, in a list or separated by ';'",
        ),
        (
            "daemon = true",
            "chat.toml:1: daemon is true; wanted the name of a pid file",
        ),
        (
            "profile = 1",
            "chat.toml:1: profile is 1; wanted true or false",
        ),
        (
            "bootstrap = \"\"",
            "chat.toml:1: bootstrap is \"\"; wanted a module and its arguments on one line",
        ),
        (
            "logservice = \"a b\"",
            "chat.toml:1: logservice is \"a b\"; wanted the name of a module",
        ),
        (
            "name = \"a/b\"",
            "chat.toml:1: name is \"a/b\"; wanted a text without '/' and control characters",
        ),
        (
            "loglevel = \"loud\"",
            "chat.toml:1: loglevel is \"loud\"; \
             wanted one of \"error\", \"warn\", \"info\", \"debug\" and \"trace\"",
        ),
        (
            "socket_output_policy = \"drop\"",
            "chat.toml:1: socket_output_policy is \"drop\"; \
             wanted one of \"warn\", \"pause\" and \"close\"",
        ),
        (
            "endless_limit = 0",
            "chat.toml:1: endless_limit is 0; wanted seconds, from 0.001 to 86400",
        ),
        (
            "endless_limit = nan",
            "chat.toml:1: endless_limit is nan; wanted seconds, from 0.001 to 86400",
        ),
        (
            "call_timeout = inf",
            "chat.toml:1: call_timeout is inf; wanted seconds, from 0 (no limit) to 86400",
        ),
        (
            "call_timeout = \"5s\"",
            "chat.toml:1: call_timeout is \"5s\"; wanted seconds, from 0 (no limit) to 86400",
        ),
        (
            "socket_output_limit = \"64X\"",
            "chat.toml:1: socket_output_limit is \"64X\"; \
             wanted a size such as 65536 or \"64M\", from 1K to 1T",
        ),
        (
            "socket_output_limit = \"18446744073709551615T\"",
            "chat.toml:1: socket_output_limit is \"18446744073709551615T\"; \
             wanted a size such as 65536 or \"64M\", from 1K to 1T",
        ),
        (
            "start = [\n  \"gate\",\n  [\"chat\"],\n]",
            "chat.toml:3: start is a list in a list; \
             wanted a list of texts without line breaks, numbers or true/false",
        ),
        (
            "[[gate]]\nport = 1",
            "chat.toml:1: gate is a table; wanted text, a number or true/false",
        ),
        (
            "x = [\"a\\nb\"]",
            "chat.toml:1: x is a list with \"a\\nb\"; \
             wanted a list of texts without line breaks, numbers or true/false",
        ),
        (
            "x = \"a\\u0000b\"",
            "chat.toml:1: x is \"a\\0b\"; wanted text without a character 0",
        ),
        ("x = 1_0y", "chat.toml:1: x is \"10y\"; wanted an integer"),
        (
            "x = [\n1,\n-1_0\0]",
            "chat.toml:3: x is \"-10\\0\"; wanted an integer",
        ),
        (
            "\"gate.port\" = 1\n[gate]\nport = 2",
            "chat.toml:3: gate.port is set a second time; the first is on line 1",
        ),
        (
            "include = 5",
            "chat.toml:1: include is 5; wanted the name of a file, or a list of names",
        ),
        (
            "include = [\n1]",
            "chat.toml:2: include is 1; wanted the name of a file, or a list of names",
        ),
    ] {
        check_refused(text, expected);
    }
}

#[test]
fn text_that_is_not_toml_is_refused_with_its_line() {
    for (text, line) in [
        ("thread = ", "chat.toml:1: not valid TOML: "),
        ("thread = 1\nthread = 2", "chat.toml:2: not valid TOML: "),
        ("a = 1\n\nb = \"x\n", "chat.toml:3: not valid TOML: "),
        ("a = 1\n[b", "chat.toml:2: not valid TOML: "),
        ("-- a Lua file\nthread = 8", "chat.toml:1: not valid TOML: "),
    ] {
        let error = refusal(text);
        assert!(error.starts_with(line), "{text}\n{error}");
    }
}

#[test]
fn the_allowed_ranges_are_what_errors_say() {
    for key in keys::all() {
        let Some((_, range)) = key.wanted.split_once("from ") else {
            continue;
        };
        let (least, most) = range.split_once(" to ").unwrap();
        let number = |text: &str| text.split(' ').next().unwrap().to_owned();
        for edge in [number(least), number(most)] {
            load(&format!("{} = \"{edge}\"", key.name));
        }
        let most = number(most);
        let (digits, unit) = most.split_at(most.trim_end_matches(['G', 'T']).len());
        let beyond = format!("{}{unit}", digits.parse::<u64>().unwrap() + 1);
        refusal(&format!("{} = \"{beyond}\"", key.name));
    }
}

#[test]
fn variables_come_from_the_process_environment() {
    let path = std::env::var("PATH").unwrap();
    check_setting("path = \"$PATH\"", "path", Some(&path));
    check_refused(
        "a = 1\nb = \"$SKYNET_TEST_NO_SUCH_VARIABLE/x\"",
        "chat.toml:2: environment variable SKYNET_TEST_NO_SUCH_VARIABLE is not set; \
         set it, or write $$ for a plain $",
    );
}

#[test]
fn a_daemon_without_a_log_is_warned_about() {
    let loaded = load("\ndaemon = \"node.pid\"");
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    let expected =
        "chat.toml:2: daemon without logger: what the node logs in the background is lost";
    assert_eq!(warnings, [expected]);
    assert_eq!(
        load("daemon = \"node.pid\"\nlogger = \"node.log\"").warnings,
        []
    );
}

#[test]
fn a_long_value_is_shortened_in_errors() {
    let error = refusal(&format!("thread = \"{}\"", "x".repeat(10_000)));
    assert!(error.len() < 200, "{error}");
}

#[test]
fn the_reference_has_every_key() {
    for key in keys::all() {
        let row = format!("| `{}` |", key.name);
        assert!(
            REFERENCE.contains(&row),
            "docs/configuration.md has no row {row}"
        );
    }
    // What it shows as an example is accepted without a word.
    let (_, example) = REFERENCE.split_once("```toml\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    let example = example
        .replace("$HOME", "/home/me")
        .replace("include", "# include");
    assert_eq!(load(&example).warnings, []);
}
