//! Strangers at every port: garbage, silence, and those that are slow.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::client;
use crate::deadline::{Deadline, within};
use crate::node::PATIENCE;
use crate::procfs;
use crate::scenario::Stage;
use crate::scenario::memory::mib;
use crate::scenario::net::{NET, Net, Site, all_up};
use crate::stock::{frame, packet, vectors};

/// How long a stranger may stay.
const UNPROVEN: Duration = Duration::from_secs(3);
/// More than may be there at a time.
const CROWD: usize = 100;
/// What they may cost in all: 64 KiB each, and what a node takes anyway.
const COST: u64 = (CROWD as u64) * (64 << 10) + (8 << 20);

pub(super) fn run(stage: &Stage) -> Result<()> {
    let net = Net::new(stage)?;
    let first = net.plan_standalone("g1", 1)?;
    let one = net.start(&first)?;
    let second = net.plan("g2", 2)?;
    let two = net.start(&second)?;
    all_up(&[&one, &two])?;
    let reconnects = one.figure(2, "reconnects")?;
    let mut ports = vec![net.master, first.address, second.address];
    for site in [&one, &two] {
        let listening = procfs::listening(site.node.pid());
        // Nothing but those, and the probe.
        let known = ports.iter().filter(|port| listening.contains(port)).count();
        ensure!(
            listening.len() == known + 1,
            "{} listens on {listening:?}",
            site.id
        );
    }
    garbage(stage, &ports)?;
    works(&one, &two)?;
    impostors(stage, &one, &two, second.address)?;
    works(&one, &two)?;
    silent(stage, &one, &two, &ports)?;
    stage.step("after all of them a node joins, and the link of the others was never lost");
    ports.clear();
    let three = net.start(&net.plan("g3", 3)?)?;
    all_up(&[&one, &two, &three])?;
    works(&three, &one)?;
    crate::deadline::expect_eq("reconnects", one.figure(2, "reconnects")?, reconnects)
}

fn works(from: &Site, to: &Site) -> Result<()> {
    let tokens = from
        .probe
        .call(NET, &format!("TOKENS {} 100 10 works", to.net))?;
    ensure!(tokens.starts_with("right=100 failed=0 wrong=0"), "{tokens}");
    Ok(())
}

/// Bytes of no meaning, and some that nearly have one.
fn garbage(stage: &Stage, ports: &[SocketAddr]) -> Result<()> {
    stage.step("garbage on every port");
    let mut noise = Noise(0x5eed);
    let mut samples: Vec<Vec<u8>> = (0..60).map(|round| noise.bytes(1 + round * 37)).collect();
    samples.push(vec![0; 70_000]);
    samples.push(vec![0xff; 70_000]);
    samples.push(b"GET / HTTP/1.1\r\nHost: me\r\n\r\n".to_vec());
    // What a master does not take.
    samples.push(packet(&["H".into(), 0_u8.into(), "127.0.0.1:1".into()]));
    samples.push(packet(&["H".into(), 300_i64.into(), "127.0.0.1:1".into()]));
    samples.push(packet(&["H".into(), "7".into(), "127.0.0.1:1".into()]));
    samples.push(packet(&["H".into(), 7_u8.into()]));
    samples.push(packet(&["R".into(), "NAME".into(), 0x0700_0001_u32.into()]));
    samples.push(vectors::bytes("ff 0c 48"));
    // What a node does not take: an id of nobody, and frames that are too long, too short, or come before their time.
    samples.push([&[9][..], &vectors::bytes(vectors::TOO_LONG)].concat());
    samples.push([&[9][..], &vectors::bytes(vectors::CALL)].concat());
    samples.push(vectors::bytes("09 00 00 00 03 01 02 03"));
    samples.push([&[0][..], &vectors::bytes(vectors::CALL)].concat());
    let begin = Instant::now();
    let mut open = Vec::new();
    for address in ports {
        for sample in &samples {
            let mut stream = client::connect(*address)?;
            // It may have been closed in the midst of this.
            let _ = stream.write_all(sample);
            open.push(stream);
        }
    }
    let count = open.len();
    for stream in open {
        expect_closed(stream)?;
    }
    stage.detail(format!("{count} connections"));
    within("the last of them was closed", UNPROVEN, begin.elapsed())
}

/// Somebody says that it is a node that is already there, and talks nonsense. The real one stays.
fn impostors(stage: &Stage, one: &Site, two: &Site, address: SocketAddr) -> Result<()> {
    stage.step("somebody pretends to be a node that is linked");
    let before = one.figure(2, "reconnects")?;
    let greeting = |body: &[u8]| frame(body, 0x0100_0000, 0x0700_0001, 0x7fff_fffe);
    let other_life = [
        &b"SKY1\x01\x01"[..],
        &3000_u32.to_le_bytes(),
        &[7; 40],
        &[0],
    ]
    .concat();
    for words in [
        vec![],
        vectors::bytes(vectors::TOO_LONG),
        greeting(b"SKY1"),
        greeting(b"SKYG"),
        greeting(&other_life),
        frame(b"", 0x0100_0009, 0x0700_0009, 3),
    ] {
        let mut stream = client::connect(address)?;
        let _ = stream.write_all(&[&[1][..], &words].concat());
        expect_closed(stream)?;
        works(one, two)?;
        works(two, one)?;
    }
    crate::deadline::expect_eq("reconnects", one.figure(2, "reconnects")?, before)
}

/// More than a node lets in, which say nothing, or a byte now and then.
fn silent(stage: &Stage, one: &Site, two: &Site, ports: &[SocketAddr]) -> Result<()> {
    stage.step(format!(
        "{CROWD} connections on every port that say nothing, or hardly anything"
    ));
    let before = one.node.usage()?.private + two.node.usage()?.private;
    let begin = Instant::now();
    let mut open = Vec::new();
    for address in ports {
        for _ in 0..CROWD {
            match client::connect(*address) {
                Ok(stream) => open.push(stream),
                // Turned away before this side had seen that it was let in.
                Err(error) if is_reset(&error) => {}
                Err(error) => return Err(error),
            }
        }
    }
    let during = one.node.usage()?.private + two.node.usage()?.private;
    works(one, two)?;
    // Slow ones: a byte whenever there is time for it, which is no reason to stay.
    let deadline = Deadline::after(UNPROVEN * 3);
    while !open.is_empty() {
        deadline.remaining(format_args!("{} connections to be closed", open.len()))?;
        let mut left = Vec::new();
        for (at, mut stream) in open.into_iter().enumerate() {
            if at % 2 == 0 {
                let _ = stream.write(&[0x13]);
            }
            stream.set_read_timeout(Some(Duration::from_millis(1)))?;
            if !is_closed(&mut stream) {
                left.push(stream);
            }
        }
        open = left;
    }
    within("all of them were closed", UNPROVEN, begin.elapsed())?;
    let cost = during.saturating_sub(before);
    stage.detail(format!("they cost {}", mib(cost)));
    ensure!(cost <= COST * 2, "they cost {}", mib(cost));
    works(two, one)
}

fn is_reset(error: &anyhow::Error) -> bool {
    let kind = error.downcast_ref().map(std::io::Error::kind);
    kind == Some(ErrorKind::ConnectionReset)
}

/// Reads whatever comes until it is closed.
fn expect_closed(mut stream: TcpStream) -> Result<()> {
    let deadline = Deadline::after(PATIENCE);
    stream.set_read_timeout(Some(Duration::from_millis(100)))?;
    while !is_closed(&mut stream) {
        deadline.remaining("a stranger to be thrown out")?;
    }
    Ok(())
}

/// Reads once.
fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0; 4096]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => !matches!(
            error.kind(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
        ),
    }
}

/// Bytes of no meaning, the same each time.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let byte = |_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 as u8
        };
        (0..len).map(byte).collect()
    }
}
