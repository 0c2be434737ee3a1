//! Keys that are not the node's, and may have been meant to be.

use super::super::typo;
use super::*;

#[test]
fn misspelt_keys_are_warned_about_and_kept() {
    let loaded = load("gretting = \"hi\"\n\nthred = 4\n[gate]\nthred = 1");
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        ["chat.toml:3: thred is no key of the node; is it thread that was meant?"]
    );
    assert_eq!(loaded.config.settings["thred"], "4");

    for (key, expected) in [
        ("thread", None),
        ("lua_path", None),
        ("include", None),
        ("threads", Some("thread")),
        ("Thread", Some("thread")),
        ("htread", Some("thread")),
        ("log_level", Some("loglevel")),
        ("log_path", Some("logpath")),
        ("logservce", Some("logservice")),
        ("bootstap", Some("bootstrap")),
        ("mailboxlimit", Some("mailbox_limit")),
        ("harbour", Some("harbor")),
        ("harbor_secert", Some("harbor_secret")),
        ("harbor_heart_beat", Some("harbor_heartbeat")),
        ("harbor_queue_limit", None),
        ("clusters", Some("cluster")),
        ("cluster_secert", Some("cluster_secret")),
        ("cluster_exposed", Some("cluster_expose")),
        ("cluster_rooms", None),
        ("includes", Some("include")),
        ("lau_path", Some("lua_path")),
        ("cpaths", Some("cpath")),
        ("port", None),
        ("gate", None),
        ("rooms", None),
        ("room_count", None),
        ("watchdog", None),
        ("host", None),
        ("max_clients", None),
        ("", None),
        ("ü", None),
    ] {
        assert_eq!(typo::nearest(key), expected, "{key}");
    }
}
