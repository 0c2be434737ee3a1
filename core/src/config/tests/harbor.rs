//! Harbor networks: ids, contradictions, secrets.

use super::*;

const NETWORK: &str = "harbor = 1\nmaster = \"127.0.0.1:2013\"\n";
const GOOD: &str = "sixteen letters.";

fn check_warnings(text: &str, expected: &[&str]) {
    let warnings: Vec<_> = load(text)
        .warnings
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(warnings, expected, "{text}");
}

#[test]
fn an_id_is_a_number_or_the_masters_to_give() {
    for (text, expected) in [
        ("harbor = 0", HarborId::Fixed(0)),
        ("harbor = \"255\"", HarborId::Fixed(255)),
        ("harbor = \"auto\"", HarborId::Auto),
    ] {
        assert_eq!(load(text).config.harbor, expected, "{text}");
    }
    check_setting("harbor = \"auto\"", "harbor", Some("auto"));
    check_refused(
        "harbor = \"any\"",
        "chat.toml:1: harbor is \"any\"; wanted \"auto\", or an integer from 0 to 255",
    );
}

#[test]
fn addresses_have_defaults_in_a_network() {
    for (text, key, expected) in [
        ("", "address", None),
        ("harbor = 1", "address", Some("127.0.0.1:0")),
        ("harbor = 1\naddress = \"\"", "address", Some("127.0.0.1:0")),
        (
            "harbor = 1\naddress = \"[::1]:1\"",
            "address",
            Some("[::1]:1"),
        ),
        ("standalone = \"h:1\"", "master", None),
        ("harbor = 1\nstandalone = \"h:1\"", "master", Some("h:1")),
        (
            "harbor = 1\nstandalone = \"h:1\"\nmaster = \"g:1\"",
            "master",
            Some("g:1"),
        ),
    ] {
        check_setting(text, key, expected);
    }
}

#[test]
fn an_address_has_a_host_and_a_port() {
    for value in ["here", "2013", ":2013", "h:65536", "[::1:1"] {
        let error = refusal(&format!("master = {value:?}"));
        assert!(
            error.ends_with("wanted an address such as \"127.0.0.1:2013\""),
            "{error}"
        );
    }
}

#[test]
fn settings_of_a_single_node_are_warned_about() {
    check_warnings(
        "address = \"127.0.0.1:2526\"\nmaster = \"\"\nstandalone = \"0.0.0.0:2013\"\n\
         harbor_wait = 1\nharbor_secret = \"sixteen letters.\"\nharbor_secret_file = \"none\"",
        &[
            "chat.toml:1: address is not used: harbor is 0, a single node",
            "chat.toml:3: standalone is not used: harbor is 0, a single node",
            "chat.toml:4: harbor_wait is not used: harbor is 0, a single node",
            "chat.toml:5: harbor_secret is not used: harbor is 0, a single node",
            "chat.toml:6: harbor_secret_file is not used: harbor is 0, a single node",
        ],
    );
    check_warnings(NETWORK, &[]);
}

#[test]
fn contradictions_are_warned_about() {
    check_warnings(
        "\nharbor = \"auto\"",
        &[
            "chat.toml:2: harbor is auto, and neither master nor standalone is set: there is no \
             network to join",
        ],
    );
    check_warnings("harbor = 1\nstandalone = \"127.0.0.1:2013\"", &[]);
    let own = format!("{NETWORK}standalone = \"127.0.0.1:");
    check_warnings(&format!("{own}2013\""), &[]);
    check_warnings(
        &format!("{own}2014\""),
        &[
            "chat.toml:2: master and standalone have different ports: this node would serve one \
             network and join another",
        ],
    );
    check_warnings(
        &format!("{NETWORK}harbor_secret = \"{GOOD}\"\nharbor_secret_file = \"x\""),
        &["chat.toml:4: harbor_secret_file is not used: harbor_secret is set"],
    );
}

#[test]
fn what_is_open_to_anybody_is_warned_about() {
    let open = "chat.toml:3: address is open to other machines, and there is no harbor_secret: \
                whoever reaches it may join the network";
    for (host, expected) in [
        ("0.0.0.0", &[open][..]),
        ("10.0.0.1", &[open]),
        ("[::]", &[open]),
        ("127.0.0.1", &[]),
        ("[::1]", &[]),
        ("localhost", &[]),
    ] {
        let text = format!("{NETWORK}address = \"{host}:2526\"\n");
        check_warnings(&text, expected);
        check_warnings(&format!("{text}harbor_secret = \"{GOOD}\""), &[]);
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let loaded = load(&format!("{NETWORK}harbor_secret = \"{GOOD}\""));
    assert_eq!(loaded.config.harbor_secret, Secret::new(GOOD));
    assert_eq!(loaded.config.settings.get("harbor_secret"), None);
    assert!(!format!("{loaded:?}").contains("letters"));
    for value in [
        "\"short letters\"".to_owned(),
        format!("\"{}\"", "letters".repeat(600)),
        "[\"many letters in a list\"]".to_owned(),
        "{ letters = \"in a table\" }".to_owned(),
        "[[\"many letters in two lists\"]]".to_owned(),
        "\"sixteen letters\\u0000.\"".to_owned(),
    ] {
        let error = refusal(&format!("harbor_secret = {value}"));
        assert!(
            error.starts_with("chat.toml:1: harbor_secret is something that is not shown; wanted "),
            "{error}"
        );
        assert!(!error.contains("letters"), "{error}");
    }
}

/// The secret out of a file with these contents, of which nothing is to be warned about.
fn secret_in(contents: &str) -> Result<Option<Secret>, String> {
    let folder = Folder::with(&[("secret", contents), ("chat.toml", "")]);
    let file = folder.0.join("secret");
    let text = format!("{NETWORK}harbor_secret_file = {file:?}\nharbor_secret = \"\"");
    let loaded = Config::parse("chat.toml", &text)
        .map_err(|error| error.to_string().replace(&format!("{file:?}"), "FILE"))?;
    assert_eq!(loaded.warnings, []);
    Ok(loaded.config.harbor_secret)
}

#[test]
fn a_secret_may_lie_in_a_file() {
    for contents in [GOOD.to_owned(), format!("{GOOD}\n"), format!("{GOOD}\r\n")] {
        assert_eq!(secret_in(&contents), Ok(Secret::new(GOOD)), "{contents:?}");
    }
    let long = "x".repeat(4096);
    assert_eq!(secret_in(&format!("{long}\r\n")), Ok(Secret::new(&long)));
    let refused = Err(
        "chat.toml:3: harbor_secret_file is FILE, whose contents are too short, too long, or no \
         text; wanted the name of a file with 16 to 4096 bytes of text"
            .to_owned(),
    );
    for contents in [
        "",
        "fifteen letters\n",
        &format!("{long}x"),
        &"x".repeat(1 << 20),
    ] {
        assert_eq!(secret_in(contents), refused, "{} bytes", contents.len());
    }
    let error = refusal(&format!("{NETWORK}harbor_secret_file = \"no/such/file\""));
    assert!(
        error.starts_with(
            "chat.toml:3: harbor_secret_file is \"no/such/file\", which cannot be read ("
        ),
        "{error}"
    );
}
