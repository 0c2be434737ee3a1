//! What a node starts, and in which order.
//!
//! `control` comes first, so that a node that waits for its network can be looked at and stopped. Then, in a harbor
//! network, the master if this is its standalone node, and the slave, which is ready when the node has joined; in a single
//! node the dummy that is in its place. The data center is where the network's names are: in the standalone node, or
//! a single one. The service manager comes last, and then what the configuration lists.

/// The lines to launch. What `start` lists itself is started where it lists it.
pub(crate) fn lines(env: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let start = env("start").unwrap_or_default();
    let listed: Vec<&str> = start
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let is_listed = |module: &str| {
        let mut modules = listed.iter().map(|line| line.split_whitespace().next());
        modules.any(|listed| listed.is_some_and(|listed| listed == module))
    };
    let own = own_modules(env).into_iter();
    let own = own.filter(|module| !is_listed(module));
    own.chain(listed.iter().copied())
        .map(str::to_owned)
        .collect()
}

/// What every node of its kind has.
fn own_modules(env: impl Fn(&str) -> Option<String>) -> Vec<&'static str> {
    let is_single = env("harbor").is_none_or(|harbor| harbor == "0");
    let is_standalone = !is_single && env("standalone").is_some();
    let has_control = env("control").is_none_or(|control| control != "false");
    let modules = [
        ("control", has_control),
        ("master", is_standalone),
        ("slave", !is_single),
        ("dummy", is_single),
        ("datacenter", is_standalone || is_single),
        ("service_mgr", true),
    ];
    let wanted = modules.into_iter().filter(|(_, is_wanted)| *is_wanted);
    wanted.map(|(module, _)| module).collect()
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[track_caller]
    fn check(env: &[(&str, &str)], expected: &[&str]) {
        let get = |key: &str| {
            let found = env.iter().find(|(known, _)| *known == key);
            found.map(|(_, value)| (*value).to_owned())
        };
        assert_eq!(lines(get), expected, "{env:?}");
    }

    #[test]
    fn each_kind_of_node_has_its_services() {
        let single = ["control", "dummy", "datacenter", "service_mgr"];
        check(&[], &single);
        check(&[("harbor", "0")], &single);
        check(
            &[("harbor", "0"), ("standalone", "127.0.0.1:2013")],
            &single,
        );
        check(&[("harbor", "2")], &["control", "slave", "service_mgr"]);
        check(&[("harbor", "auto")], &["control", "slave", "service_mgr"]);
        check(
            &[("harbor", "1"), ("standalone", "127.0.0.1:2013")],
            &["control", "master", "slave", "datacenter", "service_mgr"],
        );
        check(
            &[("harbor", "2"), ("control", "false")],
            &["slave", "service_mgr"],
        );
    }

    #[test]
    fn what_is_listed_is_started_where_it_is_listed() {
        check(
            &[("harbor", "2"), ("start", "echo 1\n\n  echo 2\n")],
            &["control", "slave", "service_mgr", "echo 1", "echo 2"],
        );
        check(
            &[("start", "echo\ndatacenter own.redb\ncontrol x\ndummy_two")],
            &[
                "dummy",
                "service_mgr",
                "echo",
                "datacenter own.redb",
                "control x",
                "dummy_two",
            ],
        );
    }
}
