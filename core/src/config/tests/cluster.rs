//! Clusters: nodes, files, contradictions, secrets.

use super::*;

const GOOD: &str = "sixteen letters.";
const ADDRESS: &str = "wanted \"host:port\", also behind \"tls://\" or \"skynet://\", or false";

fn check_warnings(text: &str, expected: &[&str]) {
    let warnings: Vec<_> = load(text)
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(warnings, expected, "{text}");
}

#[test]
fn nodes_may_be_a_table() {
    let text = "[cluster]\n__nowaiting = true\n\"db\" = \"127.0.0.1:2528\"\nstock = \"skynet://old:1\"\n\
                safe = \"tls://[::1]:2529\"\ndown = false\n'q\"\\' = \"h:1\"\n\"a.b\" = \"h:2\"";
    let loaded = load(text);
    let settings = &loaded.config.settings;
    assert_eq!(settings.get("cluster"), None);
    assert!(!settings.keys().any(|key| key.starts_with("cluster.")));
    let nodes = "\"__nowaiting\" = true\n\"a.b\" = \"h:2\"\n\"db\" = \"127.0.0.1:2528\"\n\"down\" = false\n\
                 \"q\\\"\\\\\" = \"h:1\"\n\"safe\" = \"tls://[::1]:2529\"\n\"stock\" = \"skynet://old:1\"\n";
    assert_eq!(
        settings.get("cluster_nodes").map(String::as_str),
        Some(nodes)
    );
    // What services read is TOML that says the same.
    check_setting(&format!("[cluster]\n{nodes}"), "cluster_nodes", Some(nodes));
}

#[test]
fn nodes_may_lie_in_a_file() {
    let folder = Folder::with(&[("nodes.toml", "# all\ndb = \"$HOME:2528\"\ndown = false\n")]);
    let file = folder.0.join("nodes.toml");
    let text = format!("cluster = {file:?}");
    check_setting(&text, "cluster", file.to_str());
    check_setting(&text, "cluster_nodes", None);
    check_setting("cluster = \"\"", "cluster", None);
    let error = refusal("\ncluster = \"no/such/file\"");
    assert!(
        error.starts_with("chat.toml:2: cluster is \"no/such/file\", which cannot be read ("),
        "{error}"
    );
    assert!(
        error.ends_with("; wanted the name of a file with nodes and their addresses"),
        "{error}"
    );
}

#[test]
fn bad_nodes_are_told_with_file_and_line() {
    let long = "n".repeat(256);
    for (node, found, wanted) in [
        ("db = 5", "cluster.db is 5", ADDRESS),
        ("db = true", "cluster.db is true", ADDRESS),
        ("db = \"here\"", "cluster.db is \"here\"", ADDRESS),
        ("db = \"2528\"", "cluster.db is \"2528\"", ADDRESS),
        ("db = \"udp://h:1\"", "cluster.db is \"udp://h:1\"", ADDRESS),
        ("db = \"tls://\"", "cluster.db is \"tls://\"", ADDRESS),
        (
            "db.x = \"h:1\"",
            "cluster.db is a table",
            "wanted text, a number or true/false",
        ),
        (
            "\"d b\" = \"h:1\"",
            "cluster.d b is \"h:1\"",
            "wanted a name of 1 to 255 bytes without white space and control characters",
        ),
        (
            &format!("{long} = \"h:1\""),
            &format!("cluster.{long} is \"h:1\""),
            "wanted a name of 1 to 255 bytes without white space and control characters",
        ),
        (
            "\"\" = \"h:1\"",
            "cluster. is \"h:1\"",
            "wanted a name of 1 to 255 bytes without white space and control characters",
        ),
        (
            "__nowaiting = \"true\"",
            "cluster.__nowaiting is \"true\"",
            "wanted true or false, without quotes",
        ),
        ("db = \"h:0\"", "cluster.db is \"h:0\"", ADDRESS),
    ] {
        check_refused(
            &format!("[cluster]\n\n{node}"),
            &format!("chat.toml:3: {found}; {wanted}"),
        );
        let folder = Folder::with(&[("nodes.toml", &format!("\n{node}"))]);
        let file = folder.0.join("nodes.toml");
        check_refused(
            &format!("cluster = {file:?}"),
            &format!("{}:2: {found}; {wanted}", file.display()),
        );
    }
    let folder = Folder::with(&[("nodes.toml", "db = \"h:1\"\nreturn {}")]);
    let error = refusal(&format!("cluster = {:?}", folder.0.join("nodes.toml")));
    assert!(error.contains("nodes.toml:2: not valid TOML: "), "{error}");
}

#[test]
fn what_cluster_is_not_is_told() {
    check_refused(
        "cluster = 5",
        "chat.toml:1: cluster is 5; wanted the name of a file, or a table of nodes and their addresses",
    );
    check_refused(
        "cluster_expose = \"some\"",
        "chat.toml:1: cluster_expose is \"some\"; wanted one of \"names\" and \"all\"",
    );
    for names in ["\"@simpledb\"", "[\".a\", \":b\"]", "\".\"", "5"] {
        let error = refusal(&format!("cluster_export = {names}"));
        assert!(
            error.ends_with(
                "; wanted names such as .simpledb or SIMPLEDB, in a list or separated by spaces"
            ),
            "{error}"
        );
    }
    check_setting(
        "cluster_export = \" .a  B \"",
        "cluster_export",
        Some(".a B"),
    );
    check_setting(
        "cluster_export = [\".a\", \".b .c\"]",
        "cluster_export",
        Some(".a .b .c"),
    );
    check_setting("cluster_export = []", "cluster_export", None);
}

#[test]
fn files_of_certificates_can_be_read() {
    let folder = Folder::with(&[("cert", "x"), ("key", "x"), ("ca", "x")]);
    let key = |key: &str| format!("cluster_tls_{key} = {:?}\n", folder.0.join(key));
    let all = [key("cert"), key("key"), key("ca")].concat() + "cluster_tls_clients = true";
    check_warnings(&all, &[]);
    check_setting(&all, "cluster_tls_ca", folder.0.join("ca").to_str());
    for (text, warning) in [
        (
            key("cert"),
            "cluster_tls_cert is not used: cluster_tls_key is not set",
        ),
        (
            key("key"),
            "cluster_tls_key is not used: cluster_tls_cert is not set",
        ),
        (
            "cluster_tls_clients = true".to_owned(),
            "cluster_tls_clients is true, and cluster_tls_ca is not set: no client's certificate can be checked",
        ),
    ] {
        check_warnings(&text, &[&format!("chat.toml:1: {warning}")]);
    }
    for key in ["cert", "key", "ca"] {
        let error = refusal(&format!("cluster_tls_{key} = \"no/such/file\""));
        let start =
            format!("chat.toml:1: cluster_tls_{key} is \"no/such/file\", which cannot be read (");
        assert!(error.starts_with(&start), "{error}");
        assert!(
            error.ends_with("; wanted the name of a PEM file"),
            "{error}"
        );
    }
}

#[test]
fn contradictions_are_warned_about() {
    let folder = Folder::with(&[("nodes.toml", ""), ("odd.toml", "__x = 1")]);
    let file = format!("cluster = {:?}\n", folder.0.join("nodes.toml"));
    let odd = format!("cluster = {:?}\n", folder.0.join("odd.toml"));
    let tls = "cluster has tls:// addresses, and there is no certificate: neither cluster_tls_cert nor \
               cluster_tls_ca is set";
    let ca = format!(
        "cluster_tls_ca = {:?}\ncluster = {{ db = \"tls://h:1\" }}",
        folder.0.join("nodes.toml")
    );
    for (text, warning) in [
        ("cluster = { db = \"tls://h:1\" }", tls),
        (&ca, ""),
        (
            "[cluster]\n__nowating = true",
            "__nowating is no option of cluster; there is __nowaiting",
        ),
        (
            "cluster_watch = 1",
            "cluster_watch is not used: cluster is no file",
        ),
        ("cluster_watch = 0", ""),
        ("cluster_watch = 1\ncluster_discovery = \"etcd /game\"", ""),
        (&format!("cluster_watch = 1\n{file}"), ""),
        (&odd, "__x is no option of cluster; there is __nowaiting"),
        (
            "cluster_export = \".a\"\ncluster_expose = \"all\"",
            "cluster_export is not used: cluster_expose is \"all\"",
        ),
        (
            "cluster_max_message = \"100M\"\ncluster_queue_bytes = \"1G\"\ncluster_reassembly = \"99M\"",
            "cluster_max_message is more than cluster_reassembly: messages that large never arrive",
        ),
        (
            "cluster_max_message = \"100M\"",
            "cluster_max_message is more than cluster_queue_bytes: messages that large are never sent",
        ),
        ("cluster_max_message = \"64M\"", ""),
    ] {
        let expected = format!("chat.toml:1: {warning}");
        let expected: &[&str] = if warning.is_empty() {
            &[]
        } else {
            &[&expected]
        };
        check_warnings(text, expected);
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let loaded = load(&format!("cluster_secret = \"{GOOD}\""));
    assert_eq!(loaded.config.cluster.secret, Secret::new(GOOD));
    assert_eq!(loaded.config.settings.get("cluster_secret"), None);
    assert!(!format!("{loaded:?}").contains("letters"));
    for value in ["\"short letters\"", "[\"many letters in a list\"]"] {
        let error = refusal(&format!("cluster_secret = {value}"));
        assert!(
            error
                .starts_with("chat.toml:1: cluster_secret is something that is not shown; wanted "),
            "{error}"
        );
    }
    let misplaced = refusal(&format!("[cluster]\ncluster_secret = \"{GOOD}\""));
    assert!(
        misplaced.contains("cluster.cluster_secret is something that is not shown;"),
        "{misplaced}"
    );
}

#[test]
fn a_secret_may_lie_in_a_file() {
    let folder = Folder::with(&[("secret", &format!("{GOOD}\r\n")), ("short", "letters\n")]);
    let text = |name: &str| format!("cluster_secret_file = {:?}\n", folder.0.join(name));
    let loaded = load(&text("secret"));
    assert_eq!(loaded.warnings, []);
    assert_eq!(loaded.config.cluster.secret, Secret::new(GOOD));
    let error = refusal(&text("short"));
    assert!(
        error.ends_with(
            "whose contents are too short, too long, or no text; wanted the name of a file with \
             16 to 4096 bytes of text"
        ),
        "{error}"
    );
    check_warnings(
        &format!("{}cluster_secret = \"another {GOOD}\"", text("short")),
        &["chat.toml:1: cluster_secret_file is not used: cluster_secret is set"],
    );
}
