use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;

use super::{Environment, SetError};

fn environment() -> Environment {
    let settings = [("thread", "4"), ("odd key", "x")];
    let settings: BTreeMap<_, _> = settings
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    Environment::new(&settings)
}

#[test]
fn settings_of_the_configuration_can_be_read() {
    let environment = environment();
    for (key, expected) in [
        ("thread", Some("4")),
        ("odd key", Some("x")),
        ("none", None),
    ] {
        assert_eq!(environment.get(key).as_deref(), expected, "{key}");
    }
}

#[test]
fn a_secret_is_shown_nowhere() {
    let environment = environment();
    environment.set("harbor_secret", "knock knock").unwrap();
    let refused = environment.set("harbor_secret", "x").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot set harbor_secret: it is set already"
    );
    assert!(!format!("{refused:?} {environment:?}").contains("knock"));
    assert_eq!(
        environment.get("harbor_secret").as_deref(),
        Some("knock knock"),
        "but to services"
    );
}

#[test]
fn a_key_is_set_only_once() {
    let environment = environment();
    let exists = |key: &str, value: &str| {
        Err(SetError::Exists {
            key: key.to_owned(),
            value: Arc::from(value),
        })
    };
    for (key, value, expected) in [
        ("room", "a b ", Ok(())),
        ("room", "other", exists("room", "a b ")),
        ("room", "a b ", exists("room", "a b ")),
        ("thread", "8", exists("thread", "4")),
        ("empty", "", Ok(())),
        ("", "x", Err(SetError::BadKey { key: String::new() })),
        (
            "a b",
            "x",
            Err(SetError::BadKey {
                key: "a b".to_owned(),
            }),
        ),
        (
            "a\0",
            "x",
            Err(SetError::BadKey {
                key: "a\0".to_owned(),
            }),
        ),
        (
            "nul",
            "\0",
            Err(SetError::BadValue {
                key: "nul".to_owned(),
            }),
        ),
    ] {
        assert_eq!(environment.set(key, value), expected, "{key:?} {value:?}");
    }
    assert_eq!(environment.get("room").as_deref(), Some("a b "));
    assert_eq!(environment.get("thread").as_deref(), Some("4"));
    assert_eq!(environment.get("empty").as_deref(), Some(""));
}

#[test]
fn errors_name_the_key_and_what_it_is() {
    let error = environment().set("thread", "8").unwrap_err();
    let expected = "cannot set thread: it is \"4\" already, and keys are set only once";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn one_of_many_threads_sets_a_key() {
    let environment = environment();
    let winners = thread::scope(|scope| {
        let set = |value: usize| environment.set("leader", &value.to_string()).is_ok();
        let threads: Vec<_> = (0..8).map(|i| scope.spawn(move || (i, set(i)))).collect();
        let results = threads.into_iter().map(|thread| thread.join().unwrap());
        results
            .filter(|(_, won)| *won)
            .map(|(i, _)| i)
            .collect::<Vec<_>>()
    });
    assert_eq!(winners.len(), 1);
    let leader = winners[0].to_string();
    assert_eq!(environment.get("leader").as_deref(), Some(leader.as_str()));
}
