//! Files that include others.

use super::*;

#[test]
fn includes_are_relative_and_the_including_file_wins() {
    let folder = Folder::with(&[
        (
            "node.toml",
            "include = [\"etc/base.toml\", \"etc/site.toml\"]\nthread = 2\n[gate]\nport = 1",
        ),
        (
            "etc/base.toml",
            "include = \"deep/log.toml\"\nthread = 8\nharbor = 3\nplace = \"base\"",
        ),
        (
            "etc/deep/log.toml",
            "loglevel = \"warn\"\nharbor = 9\nplace = \"log\"\n[gate]\nport = 9\nsize = 9",
        ),
        (
            "etc/site.toml",
            "include = \"deep/log.toml\"\nplace = \"site\"",
        ),
    ]);
    let loaded = folder.load("node.toml").unwrap();
    let config = &loaded.config;
    assert_eq!(config.name, "node");
    assert_eq!(config.thread, 2);
    assert_eq!(config.loglevel, LevelFilter::Warn);
    assert_eq!(
        config.harbor,
        HarborId::Fixed(9),
        "the last include wins over the ones before it"
    );
    assert_eq!(config.settings["place"], "site");
    assert_eq!(config.settings["gate.port"], "1");
    assert_eq!(config.settings["gate.size"], "9");
    assert!(!config.settings.contains_key("include"));
    let files: Vec<_> = loaded
        .files
        .iter()
        .map(|file| file.strip_prefix(&folder.0).unwrap())
        .collect();
    let expected = [
        "node.toml",
        "etc/base.toml",
        "etc/deep/log.toml",
        "etc/site.toml",
    ];
    assert_eq!(files, expected.map(Path::new));
}

#[test]
fn mistakes_in_includes_are_told_where_they_are() {
    let folder = Folder::with(&[
        ("self.toml", "\ninclude = \"self.toml\""),
        ("a.toml", "include = \"b/b.toml\""),
        ("b/b.toml", "# back\ninclude = \"../b/../a.toml\""),
        ("missing.toml", "thread = 1\ninclude = [\"none.toml\"]"),
        ("value.toml", "include = \"b/value.toml\""),
        ("b/value.toml", "\n\nthread = \"x\""),
        ("overruled.toml", "include = \"b/value.toml\"\nthread = 1"),
    ]);
    for (file, expected) in [
        (
            "self.toml",
            "self.toml:2: includes self.toml, which is being read already",
        ),
        (
            "a.toml",
            "b/b.toml:2: includes b/../b/../a.toml, which is being read already",
        ),
        (
            "missing.toml",
            "missing.toml:2: cannot read the included none.toml: \
             No such file or directory (os error 2)",
        ),
        (
            "none.toml",
            "none.toml: cannot read the configuration: No such file or directory (os error 2)",
        ),
        (
            "value.toml",
            "b/value.toml:3: thread is \"x\"; wanted an integer from 1 to 1024",
        ),
    ] {
        assert_eq!(folder.load(file).unwrap_err(), expected);
    }
    assert_eq!(folder.load("overruled.toml").unwrap().config.thread, 1);
}

#[test]
fn includes_are_followed_so_many_times_and_no_more() {
    let times = |name: &str, count| format!("include = [{}]", format!("\"{name}\",").repeat(count));
    let folder = Folder::with(&[
        ("most.toml", &times("empty.toml", 1000)),
        ("more.toml", &times("empty.toml", 1001)),
        ("squared.toml", &times("forty.toml", 40)),
        ("forty.toml", &times("empty.toml", 40)),
        ("empty.toml", ""),
    ]);
    assert!(folder.load("most.toml").is_ok());
    let too_many = |file: &str| {
        format!(
            "{file}:1: one include too many: at most 1000 are followed, \
             those of included files included"
        )
    };
    assert_eq!(folder.load("more.toml").unwrap_err(), too_many("more.toml"));
    assert_eq!(
        folder.load("squared.toml").unwrap_err(),
        too_many("forty.toml")
    );
}
