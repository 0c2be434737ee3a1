//! One chat on three nodes: clients of all of them meet in rooms that are on any of them, and a node that dies takes only
//! what it had.

use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, anyhow, ensure};

use super::Stage;
use super::net::{Net, Plan, Site, all_up};
use crate::client::{LineClient, PATIENCE as SHORT, fixed_address};
use crate::node::PATIENCE;
use crate::say;

/// Clients of each node.
const CLIENTS: usize = 3;
/// Lines that each of them says.
const LINES: usize = 200;

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    shipped(stage)?;
    let net = Net::new(stage)?;
    let doors = [fixed_address()?, fixed_address()?, fixed_address()?];
    let plans = [
        with_chat(net.plan_standalone("w1", 1)?, doors[0]),
        with_chat(net.plan("w2", 2)?, doors[1]),
        with_chat(net.plan("w3", 3)?, doors[2]),
    ];
    let [one, two, three] = &plans;
    let (mut one, two, mut three) = (net.start(one)?, net.start(two)?, net.start(three)?);
    all_up(&[&one, &two, &three])?;

    let mut clients = everybody_talks(stage, doors)?;
    let theirs = room_of(stage, &three, doors[2])?;
    for client in &mut clients[..2 * CLIENTS] {
        client.join(&theirs)?;
    }

    stage.step("a node is killed: its clients and its rooms are gone, the others go on");
    let begin = Instant::now();
    three.node.kill_hard()?;
    let (rest, gone) = clients.split_at_mut(2 * CLIENTS);
    for client in gone {
        client.lines.expect_closed(SHORT)?;
    }
    say_and_hear(rest, "lobby", "we are still here")?;
    for client in &mut *rest {
        client.see(&theirs, "this room had to begin anew")?;
        client.see(&theirs, "you have come in")?;
    }
    say_and_hear(rest, &theirs, "and here")?;
    let time = say::duration(begin.elapsed());
    stage.detail(format!("its room was on another node after {time}"));

    stage.step("it comes back, and its clients meet the others again");
    drop(three);
    let three = net.start(&plans[2])?;
    all_up(&[&one, &two, &three])?;
    let mut back = Talker::enter(doors[2], "back", 3, "lobby")?;
    back.say("hello again")?;
    for client in &mut *rest {
        client.hear("lobby", "back@3", "hello again")?;
    }

    stage.step("the node with the master is killed: rooms elsewhere go on, the others wait for it");
    let elsewhere = room_of(stage, &two, doors[1])?;
    let (left, rest) = rest.split_at_mut(CLIENTS);
    for client in &mut *rest {
        client.join(&elsewhere)?;
    }
    one.node.kill_hard()?;
    for client in left {
        client.lines.expect_closed(SHORT)?;
    }
    say_and_hear(rest, &elsewhere, "without a master")?;
    drop(one);
    let one = net.start(&plans[0])?;
    for client in &mut *rest {
        client.see("lobby", "this room had to begin anew")?;
        client.see("lobby", "you have come in")?;
    }
    say_and_hear(rest, "lobby", "with a master")?;
    drop((one, two, three));
    Ok(())
}

/// The configurations of `cargo xtask run network` are right.
fn shipped(stage: &Stage) -> Result<()> {
    let folder = stage.workspace().join("config/network");
    for number in 1..=3 {
        let file = folder.join(format!("node{number}.toml"));
        let checked = Command::new(stage.executable())
            .arg("--check")
            .arg(&file)
            .output()?;
        ensure!(
            checked.status.success(),
            "{}: {}",
            file.display(),
            String::from_utf8_lossy(&checked.stderr)
        );
    }
    Ok(())
}

fn with_chat(plan: Plan, door: SocketAddr) -> Plan {
    plan.set("chat.address", door.to_string())
        .set("chat.network", true)
        .set("chat.rooms", 16)
        .set("chat.rate", 1_000_000)
        .set("chat.burst", 1_000_000)
        .set("chat.backlog", 100_000)
        .set("chat.output_limit", 16 << 20)
        .start("chat")
}

/// A client of the chat.
struct Talker {
    nick: String,
    lines: LineClient,
}

impl Talker {
    /// Connects to a node, takes a nick and enters a room.
    fn enter(door: SocketAddr, nick: &str, node: u8, room: &str) -> Result<Self> {
        let mut lines = LineClient::connect(door)?;
        lines.expect("Welcome", SHORT)?;
        lines.send(&format!("/nick {nick}"))?;
        let nick = format!("{nick}@{node}");
        lines.expect(&format!("You are {nick} now"), SHORT)?;
        let mut talker = Self { nick, lines };
        talker.join(room)?;
        Ok(talker)
    }

    fn join(&mut self, room: &str) -> Result<()> {
        self.lines.send(&format!("/join {room}"))?;
        let mine = format!("[{room}] * you ");
        self.lines.expect(&mine, SHORT).map(|_| ())
    }

    /// Talks in the room that it is in last.
    fn say(&mut self, text: &str) -> Result<()> {
        self.lines.send(text)
    }

    /// Reads on until somebody says this.
    fn hear(&mut self, room: &str, nick: &str, text: &str) -> Result<()> {
        let line = format!("[{room}] <{nick}> {text}");
        self.lines.expect(&line, PATIENCE).map(|_| ())
    }

    /// Reads on until the chat tells this of a room.
    fn see(&mut self, room: &str, what: &str) -> Result<()> {
        let line = format!("[{room}] * {what}");
        self.lines
            .expect(&line, PATIENCE)
            .map(|_| ())
            .with_context(|| self.nick.clone())
    }
}

/// One says something in a room, and everybody hears it.
fn say_and_hear(clients: &mut [Talker], room: &str, text: &str) -> Result<()> {
    let Some((first, others)) = clients.split_first_mut() else {
        return Ok(());
    };
    // It may be in another room by now.
    first.join(room)?;
    first.say(text)?;
    let nick = first.nick.clone();
    first.hear(room, &nick, text)?;
    for client in others {
        let heard = client.hear(room, &nick, text);
        heard.with_context(|| client.nick.clone())?;
    }
    Ok(())
}

/// All talk at once, and all hear the same in the same order.
fn everybody_talks(stage: &Stage, doors: [SocketAddr; 3]) -> Result<Vec<Talker>> {
    let count = CLIENTS * doors.len();
    stage.step(format!(
        "{count} clients of three nodes say {LINES} lines each in one room"
    ));
    let mut clients = Vec::new();
    for (door, node) in doors.iter().zip(1..) {
        for number in 0..CLIENTS {
            clients.push(Talker::enter(*door, &format!("c{number}"), node, "lobby")?);
        }
    }
    let begin = Instant::now();
    let heard = thread::scope(|scope| {
        let threads: Vec<_> = clients
            .iter_mut()
            .map(|client| scope.spawn(|| talk_and_listen(client, count)))
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow!("its thread panicked")))
        };
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    for (client, heard_by_it) in clients.iter().zip(&heard) {
        let differs = heard_by_it.iter().zip(&heard[0]).find(|(a, b)| a != b);
        ensure!(
            differs.is_none(),
            "{} saw another order than {}: {differs:?}",
            client.nick,
            clients[0].nick
        );
    }
    for client in &clients {
        let said = format!("[lobby] <{}> ", client.nick);
        let lines: Vec<_> = heard[0]
            .iter()
            .filter_map(|line| line.strip_prefix(&said))
            .collect();
        let numbers: Vec<_> = (0..LINES).map(|number| number.to_string()).collect();
        ensure!(
            lines == numbers,
            "{} was not heard in full, in order",
            client.nick
        );
    }
    let lines = (count * count * LINES) as f64 / begin.elapsed().as_secs_f64();
    stage.detail(format!(
        "one order for all; {lines:.0} lines a second were heard"
    ));
    Ok(clients)
}

fn talk_and_listen(client: &mut Talker, count: usize) -> Result<Vec<String>> {
    let lines: String = (0..LINES).map(|number| format!("{number}\n")).collect();
    client.lines.send_bytes(lines.as_bytes())?;
    (0..count * LINES)
        .map(|_| client.lines.expect("[lobby] <", PATIENCE))
        .collect::<Result<_>>()
        .with_context(|| client.nick.clone())
}

/// Finds a room that lives on a site: it is new, and a client of that site is the first one to enter it. That one leaves
/// again.
fn room_of(stage: &Stage, site: &Site, door: SocketAddr) -> Result<String> {
    let mut client = Talker::enter(door, "finder", site.id, "lobby")?;
    for number in 0..64 {
        let room = format!("room-of-{}-{number}", site.id);
        let before = rooms(site)?;
        client.join(&room)?;
        // The home of this one may have been another site's already.
        if rooms(site)? > before {
            client.lines.send("/quit")?;
            client.lines.expect_closed(SHORT)?;
            stage.detail(format!("{room} is on node {}", site.id));
            return Ok(room);
        }
    }
    anyhow::bail!("no room would live on node {}", site.id)
}

/// Room services of a site.
fn rooms(site: &Site) -> Result<usize> {
    let list = site.node.ctl(&["list"])?;
    let rooms = list
        .lines()
        .filter(|line| line.split_whitespace().any(|word| word == "room"));
    Ok(rooms.count())
}
