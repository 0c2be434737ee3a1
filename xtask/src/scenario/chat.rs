//! The chat: many clients, order in each room, and clients that misbehave in every way.

mod member;

use std::collections::{BTreeSet, HashMap};
use std::io::{ErrorKind, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use self::member::{Member, check_harmless};
use super::Stage;
use crate::client::{self, LineClient};
use crate::deadline::{Deadline, eventually, expect_eq};
use crate::node::{Node, PATIENCE};
use crate::say;

const ROOMS: usize = 5;
const MEMBERS: usize = 10;
const LINES: usize = 200;

/// Clients that talk while others misbehave.
const TALKERS: usize = 8;
/// How long a talker rests between two lines: below the rate that is allowed.
const REST: Duration = Duration::from_millis(3);
/// Bytes of what a talker says, so that a client that never reads soon has much to read.
const SPEECH: usize = 800;
/// How soon everybody who misbehaves must be gone.
const GONE: Duration = Duration::from_secs(60);
/// The slowest answer that a talker may get, 99 times of 100, while others misbehave.
const SLOWEST: Duration = Duration::from_millis(500);

pub(super) fn run(stage: &mut Stage) -> Result<()> {
    let spec = stage
        .spec("chat")
        .start("chat 127.0.0.1:0")
        .set("chat.rooms", 4)
        .set("chat.rate", 1000)
        .set("chat.burst", 100)
        .set("chat.backlog", 300)
        .set("chat.output_limit", 64 << 10);
    let node = stage.start(&spec)?;
    let address = address(&node)?;
    let members = order(stage, address)?;
    hostile(stage, &node, address)?;
    leave(stage, &node, address, members)?;
    killed(stage, &node, address)?;
    expect_eq("agents at the end", agents_become(&node, 0)?, 0)?;
    node.stop()
}

/// Where the chat says that it is open.
fn address(node: &Node) -> Result<SocketAddr> {
    let line = node.wait_for_log("chat is open on ", PATIENCE)?;
    let (_, rest) = line
        .split_once("chat is open on ")
        .context("no address in the line")?;
    let word = rest.split_whitespace().next().unwrap_or_default();
    let address: SocketAddr = word.parse().with_context(|| line.clone())?;
    let hint = format!("(try: nc {} {})", address.ip(), address.port());
    ensure!(line.contains(&hint), "no {hint:?} in {line:?}");
    Ok(address)
}

/// Everybody in a room sees everything that is said there, in one order.
fn order(stage: &Stage, address: SocketAddr) -> Result<Vec<Member>> {
    stage.step(format!(
        "{} clients in {ROOMS} rooms say {LINES} lines each",
        ROOMS * MEMBERS
    ));
    let mut members = Vec::new();
    for number in 0..ROOMS * MEMBERS {
        let room = format!("room{}", number % ROOMS);
        members.push(Member::enter(address, &format!("m{number}"), &room)?);
    }
    let begin = Instant::now();
    let heard = thread::scope(|scope| {
        let threads: Vec<_> = members
            .iter_mut()
            .map(|member| scope.spawn(|| talk_and_listen(member)))
            .collect();
        threads.into_iter().map(join).collect::<Result<Vec<_>>>()
    })?;
    let time = begin.elapsed();
    let lines = heard.iter().map(Vec::len).sum::<usize>();
    stage.detail(format!(
        "{lines} lines in {}: {:.0} a second",
        say::duration(time),
        lines as f64 / time.as_secs_f64()
    ));
    let mut first: HashMap<&str, &[String]> = HashMap::new();
    for (member, heard) in members.iter().zip(&heard) {
        check_complete(member, heard)?;
        let expected = first.entry(&member.room).or_insert(heard);
        let differs = expected.iter().zip(heard).find(|(a, b)| a != b);
        ensure!(
            differs.is_none(),
            "{} saw another order in {} than others: {differs:?}",
            member.nick,
            member.room
        );
    }
    Ok(members)
}

/// What a thread has found. A panic in it has been printed.
fn join<T>(thread: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    thread
        .join()
        .unwrap_or_else(|_| Err(anyhow!("its thread panicked")))
}

/// Says all lines in one go, and hears those of everybody in the room.
fn talk_and_listen(member: &mut Member) -> Result<Vec<String>> {
    let lines: String = (0..LINES).map(|number| format!("{number}\n")).collect();
    member.client.send_bytes(lines.as_bytes())?;
    (0..MEMBERS * LINES)
        .map(|_| member.hear(PATIENCE))
        .collect::<Result<_>>()
        .with_context(|| format!("{} in {}", member.nick, member.room))
}

/// Each line of each member once, and those of each member in the order in which it said them.
fn check_complete(member: &Member, heard: &[String]) -> Result<()> {
    let prefix = format!("[{}] <", member.room);
    let mut next: HashMap<&str, usize> = HashMap::new();
    for line in heard {
        let said = line.strip_prefix(&prefix).and_then(|s| s.split_once("> "));
        let (nick, number) = said.with_context(|| format!("{line:?} is not what was said"))?;
        let expected = next.entry(nick).or_default();
        ensure!(
            number == expected.to_string(),
            "{} heard {line:?} when {expected} was next",
            member.nick
        );
        *expected += 1;
    }
    let complete = next.values().filter(|count| **count == LINES).count();
    expect_eq("members who were heard in full", complete, MEMBERS)
}

/// A flood, garbage, and one that never reads: they are got rid of, and the others go on meanwhile.
fn hostile(stage: &Stage, node: &Node, address: SocketAddr) -> Result<()> {
    stage.step(format!(
        "{TALKERS} clients talk while one floods, one never reads and one sends garbage"
    ));
    let mut observer = Member::enter(address, "observer", "crowd")?;
    let mut talkers = Vec::new();
    for number in 0..TALKERS {
        talkers.push(Member::enter(address, &format!("t{number}"), "crowd")?);
    }
    let over = AtomicBool::new(false);
    let answers = thread::scope(|scope| {
        let talkers: Vec<_> = talkers
            .iter_mut()
            .map(|talker| scope.spawn(|| keep_talking(talker, &over)))
            .collect();
        let flooder = scope.spawn(|| flood(address));
        let garbage = scope.spawn(|| garbage(address));
        // It is open until everybody has seen that it was closed.
        let silent = never_read(address);
        let gone = silent.and_then(|_silent| see_them_go(stage, &mut observer));
        over.store(true, Ordering::Relaxed);
        let mut answers = Vec::new();
        for talker in talkers {
            answers.extend(join(talker)?);
        }
        gone?;
        let panicked = |_| Err(anyhow::anyhow!("its thread panicked"));
        let flooded = flooder.join().unwrap_or_else(panicked).context("flooder")?;
        garbage
            .join()
            .unwrap_or_else(|_| Ok(()))
            .context("garbage")?;
        stage.detail(format!("the flooder got {} KiB in", flooded >> 10));
        Ok::<_, anyhow::Error>(answers)
    })?;
    node.wait_for_log("sent more than it may", PATIENCE)?;
    latency(stage, answers)
}

/// Talks and waits for each line to come back, until the others have misbehaved.
fn keep_talking(talker: &mut Member, over: &AtomicBool) -> Result<Vec<Duration>> {
    let mut answers = Vec::new();
    let prefix = talker.prefix();
    let rest = "x".repeat(SPEECH);
    while !over.load(Ordering::Relaxed) {
        let text = format!("{} {rest}", answers.len());
        let begin = Instant::now();
        talker.say(&text)?;
        let mine = format!("{prefix}{} ", answers.len());
        while !talker.hear(PATIENCE)?.starts_with(&mine) {}
        answers.push(begin.elapsed());
        thread::sleep(REST);
    }
    Ok(answers)
}

/// Sends lines as fast as the connection takes them, until it is closed. Returns how many bytes it took.
fn flood(address: SocketAddr) -> Result<usize> {
    let mut flooder = Member::enter(address, "flooder", "crowd")?;
    let lines = "flood\n".repeat(1000);
    let deadline = Deadline::after(GONE);
    let mut sent = 0;
    while deadline.left().is_some() {
        match flooder.client.send_bytes(lines.as_bytes()) {
            Ok(()) => sent += lines.len(),
            Err(error) if is_closed(&error) => return Ok(sent),
            Err(error) => return Err(error),
        }
    }
    bail!("it was not thrown out, and has sent {sent} bytes")
}

/// Whether the peer has closed the connection.
fn is_closed(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref().map(std::io::Error::kind);
    matches!(
        kind,
        Some(ErrorKind::BrokenPipe | ErrorKind::ConnectionReset)
    )
}

/// Enters the room and reads nothing.
fn never_read(address: SocketAddr) -> Result<std::net::TcpStream> {
    let mut stream = client::connect(address)?;
    stream.write_all(b"/nick silent\n/join crowd\n")?;
    Ok(stream)
}

/// Sends what is no text, then text that would do harm to terminals, then a line without an end.
fn garbage(address: SocketAddr) -> Result<()> {
    let mut client = LineClient::connect(address)?;
    client.send("/nick garbage")?;
    client.send("/join crowd")?;
    client.expect("you have come in", PATIENCE)?;
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    for _ in 0..100 {
        client.send_bytes(&noise.line())?;
    }
    client.expect("that line is not text", PATIENCE)?;
    client.send("\u{1b}[2J\u{1b}]0;mine\u{7}\u{202e}harmless\u{9b}0m")?;
    client.expect("<garbage> [2J]0;mineharmless0m", PATIENCE)?;
    // Nobody reads what it is told any more: the connection may end in the midst of this.
    let _ = client.send_bytes(&vec![b'x'; 1 << 20]);
    client.expect_closed(PATIENCE)
}

/// Bytes of no meaning, the same each time.
struct Noise(u64);

impl Noise {
    /// A line that is not UTF-8.
    fn line(&mut self) -> Vec<u8> {
        let mut line = vec![0xff];
        for _ in 0..200 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            let [byte, ..] = self.0.to_le_bytes();
            line.push(if byte == b'\n' { 0 } else { byte });
        }
        line.push(b'\n');
        line
    }
}

/// Reads the room until everybody who misbehaves has gone.
fn see_them_go(stage: &Stage, observer: &mut Member) -> Result<()> {
    let deadline = Deadline::after(GONE);
    let begin = Instant::now();
    let mut here = BTreeSet::from(["flooder", "silent", "garbage"]);
    while !here.is_empty() {
        let left = deadline.remaining(format_args!("the end of {here:?}"))?;
        let line = observer
            .client
            .line(left)
            .with_context(|| format!("still here: {here:?}"))?;
        check_harmless(&line)?;
        let gone = line
            .strip_prefix("[crowd] * ")
            .and_then(|rest| rest.strip_suffix(" has gone"));
        if let Some(nick) = gone {
            ensure!(here.remove(nick), "{nick} has gone, who did no harm");
            stage.detail(format!(
                "{nick} is gone after {}",
                say::duration(begin.elapsed())
            ));
        }
    }
    Ok(())
}

fn latency(stage: &Stage, mut answers: Vec<Duration>) -> Result<()> {
    answers.sort_unstable();
    let (Some(most), count) = (answers.last(), answers.len()) else {
        bail!("nobody talked");
    };
    let (half, p99) = (answers[count / 2], answers[count * 99 / 100]);
    stage.detail(format!(
        "{count} lines of the others came back in {} (half of them), {} (99 of 100), {} (all)",
        say::duration(half),
        say::duration(p99),
        say::duration(*most)
    ));
    ensure!(
        p99 <= SLOWEST,
        "they took longer than {}",
        say::duration(SLOWEST)
    );
    Ok(())
}

/// Who leaves is missed, and leaves no agent behind.
fn leave(stage: &Stage, node: &Node, address: SocketAddr, mut members: Vec<Member>) -> Result<()> {
    stage.step("clients that leave are announced, and their agents end");
    expect_eq("agents", agents_become(node, members.len())?, members.len())?;
    let mut goes = members.remove(ROOMS);
    let mut stays = members.remove(0);
    expect_eq("their room", &goes.room, &stays.room)?;
    goes.client.send("/quit")?;
    goes.client.expect("Good bye", PATIENCE)?;
    goes.client.expect_closed(PATIENCE)?;
    stays.see(&format!("{} has gone", goes.nick))?;
    let in_room: Vec<_> = members
        .drain(..)
        .filter(|member| member.room == stays.room)
        .map(|member| member.nick)
        .collect();
    let mut missed = BTreeSet::new();
    while missed.len() < in_room.len() {
        let line = stays.see("")?;
        missed.extend(
            in_room
                .iter()
                .filter(|nick| line.ends_with(&format!("* {nick} has gone"))),
        );
    }
    agents_become(node, 1)?;
    stays.client.send("/rooms")?;
    stays
        .client
        .expect(&format!("* {} (1)", stays.room), PATIENCE)?;
    stays.client.send("/leave")?;
    stays.see("you have left")?;
    stays.client.send("/rooms")?;
    stays.client.expect("There are no rooms yet", PATIENCE)?;
    // A nick is free again when its owner has gone, and not before.
    stays.client.send(&format!("/nick {}", goes.nick))?;
    stays
        .client
        .expect(&format!("You are {} now", goes.nick), PATIENCE)?;
    let mut late = LineClient::connect(address)?;
    late.send(&format!("/nick {}", goes.nick.to_uppercase()))?;
    late.expect("somebody else has this nick", PATIENCE)?;
    drop((stays, late));
    agents_become(node, 0)?;
    Ok(())
}

/// An agent that ends takes its client with it, and nobody else; room services are replaced.
fn killed(stage: &Stage, node: &Node, address: SocketAddr) -> Result<()> {
    stage.step("an agent and all room services are killed");
    let mut eve = Member::enter(address, "eve", "room1")?;
    let mut zoe = Member::enter(address, "zoe", "room1")?;
    let before = services(node, "agent")?;
    let mut bob = Member::enter(address, "bob", "room1")?;
    let after = services(node, "agent")?;
    let agent = after.iter().find(|agent| !before.contains(agent));
    node.ctl(&["kill", agent.context("bob has no agent")?])?;
    bob.client.expect_closed(PATIENCE)?;
    eve.see("bob has gone")?;

    let rooms = services(node, "room")?;
    expect_eq("room services", rooms.len(), 4)?;
    for room in &rooms {
        node.ctl(&["kill", room])?;
    }
    for member in [&mut eve, &mut zoe] {
        member.see("this room had to begin anew")?;
        member.see("you have come in")?;
    }
    eve.say("still there?")?;
    let line = zoe.hear(PATIENCE)?;
    expect_eq(
        "what zoe hears",
        line.as_str(),
        "[room1] <eve> still there?",
    )?;
    expect_eq("room services", services(node, "room")?.len(), 4)
}

/// The handles of the services of a module.
fn services(node: &Node, module: &str) -> Result<Vec<String>> {
    let list = node.ctl(&["list"])?;
    let of_module = |line: &&str| line.split_whitespace().nth(2) == Some(module);
    Ok(list
        .lines()
        .filter(of_module)
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}

/// Waits until there are so many agents.
fn agents_become(node: &Node, count: usize) -> Result<usize> {
    eventually(&format!("{count} agents"), PATIENCE, || {
        let found = services(node, "agent")?.len();
        Ok((found == count).then_some(found))
    })
}
