use super::*;
use proptest::prelude::*;
use std::sync::mpsc::{self, Receiver, Sender};

/// A look-up that does what the host says: see [`scripted`].
struct Script {
    resolver: Resolver,
    /// Names of the threads that entered a look-up of a host beginning with "wait".
    entered: Receiver<String>,
    /// Each unit lets one of them go on.
    gate: Sender<()>,
}

/// A resolver whose look-up waits for the gate when the host begins with "wait", finds nothing for
/// "nothing", fails for "bad", and else finds 10.0.0.1.
fn scripted(idle: Duration) -> Script {
    let (enter, entered) = mpsc::channel();
    let (gate, pass) = mpsc::channel::<()>();
    let pass = Mutex::new(pass);
    let enter = Mutex::new(enter);
    let lookup = move |host: &str, port: u16| {
        if host.starts_with("wait") {
            let name = thread::current().name().unwrap_or_default().to_owned();
            enter.lock().unwrap().send(name).unwrap();
            pass.lock().unwrap().recv().unwrap();
        }
        match host {
            "nothing" => Ok(Vec::new()),
            "bad" => Err(io::Error::other("no such name")),
            _ => Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))]),
        }
    };
    Script {
        resolver: Resolver::with(Box::new(lookup), idle),
        entered,
        gate,
    }
}

const LONG: Duration = Duration::from_secs(600);

/// Asks and hands the answer to a channel.
fn ask(resolver: &Resolver, host: &str) -> Result<Receiver<Result<String, String>>, ResolveError> {
    let (answer, answers) = mpsc::channel();
    let done = move |found: Resolution| {
        let text = found.map(|list| list.iter().map(|a| format!("{a} ")).collect());
        answer
            .send(text.map_err(|error| error.to_string()))
            .unwrap();
    };
    resolver.resolve(host, 80, Box::new(done))?;
    Ok(answers)
}

fn threads(resolver: &Resolver) -> usize {
    resolver.shared.lock().threads
}

#[test]
fn numbers_are_answered_at_once_and_without_a_thread() {
    let resolver = Resolver::new();
    for (host, expected) in [
        ("127.0.0.1", "127.0.0.1:80 "),
        ("::1", "[::1]:80 "),
        ("0.0.0.0", "0.0.0.0:80 "),
    ] {
        assert_eq!(
            ask(&resolver, host).unwrap().try_recv().unwrap().unwrap(),
            expected
        );
    }
    assert_eq!(resolver.shared.lock().started, 0);
}

#[test]
fn the_system_knows_localhost() {
    let found = ask(&Resolver::new(), "localhost")
        .unwrap()
        .recv()
        .unwrap()
        .unwrap();
    assert!(
        found.contains("127.0.0.1:80") || found.contains("[::1]:80"),
        "found {found}"
    );
}

#[test]
fn the_system_refuses_what_is_no_name() {
    let error = ask(&Resolver::new(), "a\0b")
        .unwrap()
        .recv()
        .unwrap()
        .unwrap_err();
    assert!(error.starts_with("cannot resolve \"a\\0b\": "), "{error}");
}

#[test]
fn results_and_errors_arrive() {
    let script = scripted(LONG);
    for (host, expected) in [
        ("name", Ok("10.0.0.1:80 ")),
        (
            "nothing",
            Err("cannot resolve \"nothing\": the name has no address"),
        ),
        ("bad", Err("cannot resolve \"bad\": no such name")),
    ] {
        let found = ask(&script.resolver, host).unwrap().recv().unwrap();
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
        while script.resolver.shared.lock().idle == 0 {
            thread::yield_now();
        }
    }
    assert_eq!(
        script.resolver.shared.lock().started,
        1,
        "an idle thread is used again"
    );
}

#[test]
fn two_threads_look_up_and_a_thousand_wait() {
    let script = scripted(LONG);
    let mut answers = Vec::new();
    let mut names = Vec::new();
    for host in ["wait 1", "wait 2"] {
        answers.push(ask(&script.resolver, host).unwrap());
        names.push(script.entered.recv().unwrap());
    }
    assert_eq!(names, ["resolver-1", "resolver-2"]);
    for _ in 0..MAX_WAITING {
        answers.push(ask(&script.resolver, "name").unwrap());
    }
    let refused = ask(&script.resolver, "name").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot resolve \"name\": 1024 look-ups wait already"
    );
    assert_eq!(threads(&script.resolver), MAX_THREADS);
    script.gate.send(()).unwrap();
    script.gate.send(()).unwrap();
    for answer in answers {
        assert_eq!(answer.recv().unwrap().unwrap(), "10.0.0.1:80 ");
    }
}

#[test]
fn idle_threads_end_and_new_ones_start() {
    let script = scripted(Duration::ZERO);
    for _ in 0..20 {
        ask(&script.resolver, "name")
            .unwrap()
            .recv()
            .unwrap()
            .unwrap();
        while threads(&script.resolver) > 0 {
            thread::yield_now();
        }
    }
    assert_eq!(script.resolver.shared.lock().started, 20);
}

#[test]
fn no_look_up_is_lost_while_threads_end() {
    let script = scripted(Duration::from_micros(20));
    for _ in 0..2_000 {
        let first = ask(&script.resolver, "name").unwrap();
        let second = ask(&script.resolver, "name").unwrap();
        first.recv().unwrap().unwrap();
        second.recv().unwrap().unwrap();
    }
}

#[test]
fn a_panic_in_a_callback_costs_its_thread_only() {
    let script = scripted(LONG);
    let held = [
        ask(&script.resolver, "wait").unwrap(),
        ask(&script.resolver, "wait").unwrap(),
    ];
    let panics = || Box::new(|_: Resolution| panic!("a callback that panics on purpose"));
    for _ in 0..4 {
        script.resolver.resolve("name", 1, panics()).unwrap();
    }
    let last = ask(&script.resolver, "name").unwrap();
    script.gate.send(()).unwrap();
    script.gate.send(()).unwrap();
    for answer in held {
        answer.recv().unwrap().unwrap();
    }
    assert_eq!(last.recv().unwrap().unwrap(), "10.0.0.1:80 ");
}

#[test]
fn closing_answers_those_that_wait_and_refuses_others() {
    let script = scripted(LONG);
    let mut under_way = Vec::new();
    for _ in 0..MAX_THREADS {
        under_way.push(ask(&script.resolver, "wait").unwrap());
        script.entered.recv().unwrap();
    }
    let waiting = ask(&script.resolver, "name").unwrap();
    script.resolver.close();
    assert_eq!(
        waiting.try_recv().unwrap().unwrap_err(),
        "cannot resolve \"name\": the resolver was closed"
    );
    let refused = ask(&script.resolver, "name").unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot resolve \"name\": the resolver is closed"
    );
    // Which of the threads passes first is not known.
    for _ in &under_way {
        script.gate.send(()).unwrap();
    }
    for answer in under_way {
        assert_eq!(answer.recv().unwrap().unwrap(), "10.0.0.1:80 ");
    }
    while threads(&script.resolver) > 0 {
        thread::yield_now();
    }
}

/// Compares with host and port, or with what the error says between the text and the wanted forms.
fn check(text: &str, expected: Result<(Option<&str>, u16), &str>) {
    match (parse_address(text), expected) {
        (Ok(found), Ok((host, port))) => {
            assert_eq!(
                (found.host.as_deref(), found.port),
                (host, port),
                "reading {text:?}"
            );
        }
        (Err(error), Err(part)) => {
            let whole = format!(
                "bad address {text:?}: {part} (wanted: host:port, [IPv6]:port, :port or port)"
            );
            assert_eq!(error.to_string(), whole);
        }
        (found, expected) => panic!("reading {text:?}: found {found:?}, expected {expected:?}"),
    }
}

#[test]
fn addresses_are_read() {
    check("127.0.0.1:8888", Ok((Some("127.0.0.1"), 8888)));
    check("localhost:0", Ok((Some("localhost"), 0)));
    check("example.org:65535", Ok((Some("example.org"), 65535)));
    check("[::1]:80", Ok((Some("::1"), 80)));
    check("[fe80::1%eth0]:80", Ok((Some("fe80::1%eth0"), 80)));
    check(":80", Ok((None, 80)));
    check("80", Ok((None, 80)));
    check("0080", Ok((None, 80)));
}

#[test]
fn what_is_no_address_is_refused_with_the_reason() {
    const PORT: &str = "the port is not a number from 0 to 65535";
    check("", Err("it is empty"));
    check("localhost", Err("it has no port"));
    check("[::1]", Err("it has no port"));
    check("[::1]80", Err("it has no port"));
    check("localhost:", Err(PORT));
    check(":", Err(PORT));
    check("localhost:http", Err(PORT));
    check("localhost:+80", Err(PORT));
    check("localhost:65536", Err(PORT));
    check("65536", Err(PORT));
    check("-1", Err("it has no port"));
    check("[::1:80", Err("the \"[\" is not closed"));
    check(
        "[127.0.0.1]:80",
        Err("what is in brackets is not an IPv6 address"),
    );
    check("[]:80", Err("what is in brackets is not an IPv6 address"));
    check(
        "::1:80",
        Err("it has several colons, and an IPv6 address needs brackets"),
    );
    check("a b:80", Err("the host has the character ' ' in it"));
    check("a\n:80", Err("the host has the character '\\n' in it"));
    check("[::1%\0]:80", Err("the host has the character '\\0' in it"));
    let long = format!("{}:80", "a".repeat(256));
    let error = parse_address(&long).unwrap_err().to_string();
    assert!(
        error.contains("aaa\"...: the host has 256 bytes, at most 255"),
        "{error}"
    );
}

proptest! {
    #[test]
    fn an_address_that_is_read_is_written_as_it_was(text in "\\PC{0,12}|[a-z.]{0,9}:[0-9]{1,5}|\\[[0-9a-f:]{2,9}\\]:[0-9]{1,5}") {
        if let Ok(address) = parse_address(&text) {
            prop_assert_eq!(parse_address(&address.to_string()), Ok(address));
        }
    }
}
