//! Every framing in both forms: packets that come whole, torn and glued, the largest, empty ones, and what is none.

use anyhow::{Context, Result, ensure};
use skynet_gate_wire::Framing;

use super::{Door, FORMS, Stage, expect_end, id_of};
use crate::client::PATIENCE;
use crate::node::Node;

/// Bytes of the largest packet that the gates here allow.
const MAX: usize = 50_000;

/// Packets that are glued together in one write.
const GLUED: usize = 1000;

const FRAMINGS: [Framing; 4] = [
    Framing::Length2,
    Framing::Length4,
    Framing::Line,
    Framing::Raw,
];

pub(super) fn run(stage: &Stage) -> Result<()> {
    let mut doors = Vec::new();
    let mut spec = stage.spec("packets");
    for form in FORMS {
        for framing in FRAMINGS {
            let door = Door::new(form, framing)?;
            spec = door.add(spec, 10, &format!("max_packet={MAX}"));
            doors.push(door);
        }
    }
    let node = stage.start(&spec)?;
    for door in &doors {
        let Door { form, framing, .. } = door;
        stage.step(format!("{framing} packets, {form} form"));
        serves(door).with_context(|| format!("{framing}, {form} form"))?;
        refuses(&node, door).with_context(|| format!("{framing}, {form} form"))?;
    }
    node.stop()
}

fn serves(door: &Door) -> Result<()> {
    let framing = door.framing;
    let mut client = door.enter()?;
    if framing == Framing::Raw {
        // Raw bytes know no packets: they arrive in whatever chunks they come.
        return Ok(());
    }

    let mut bytes = Vec::new();
    framing.encode(b"torn apart", &mut bytes)?;
    for byte in &bytes {
        client.send_bytes(&[*byte])?;
    }
    client.expect(b"wtorn apart", PATIENCE).context("torn")?;

    let mut bytes = Vec::new();
    for number in 0..GLUED {
        framing.encode(format!("packet {number}").as_bytes(), &mut bytes)?;
    }
    client.send_bytes(&bytes)?;
    for number in 0..GLUED {
        let answer = format!("wpacket {number}");
        client
            .expect(answer.as_bytes(), PATIENCE)
            .context("glued")?;
    }

    let largest = vec![b'x'; MAX];
    client.send(&largest)?;
    let answer = format!("w#{MAX} {:016x}", checksum(&largest));
    client
        .expect(answer.as_bytes(), PATIENCE)
        .context("largest")?;

    client.send(b"")?;
    client.send(b"after")?;
    if door.form == "lua" {
        client.expect(b"w", PATIENCE).context("empty")?;
    }
    client
        .expect(b"wafter", PATIENCE)
        .context("after an empty one")
}

/// What is too large costs one connection, what is only strange costs nothing.
fn refuses(node: &Node, door: &Door) -> Result<()> {
    let too_long = vec![b'x'; MAX + 1];
    let (too_large, strange): (&[&[u8]], &[u8]) = match door.framing {
        Framing::Length2 => (&[b"\xff\xff", b"\xc3\x51abc"], b"\0\x03!\xff\0"),
        Framing::Length4 => (
            &[
                b"\xff\xff\xff\xff",
                b"\x80\0\0\0\0",
                b"GET / HTTP/1.1\r\n\r\n",
            ],
            b"\0\0\0\x02\r\n",
        ),
        Framing::Line => (&[&too_long], b"\x80\xff\0\x01\xfe\r\r\n\n!\n!\xff\n"),
        Framing::Raw => (&[], b"\0\xff\xfe!"),
    };
    let mut friend = door.enter()?;
    for bytes in too_large {
        let mark = node.log().mark();
        let mut client = door.enter()?;
        let id = id_of(&mut client)?;
        client.send_bytes(bytes)?;
        client.expect_closed(PATIENCE)?;
        let news = expect_end(node, mark, id)?;
        ensure!(
            door.form == "text" || news.contains("are allowed"),
            "the reason is missing: {news}"
        );
    }
    let mark = node.log().mark();
    let mut client = door.enter()?;
    let id = id_of(&mut client)?;
    client.send_bytes(strange)?;
    client.finish()?;
    client.expect_closed(PATIENCE)?;
    let news = expect_end(node, mark, id)?;
    ensure!(
        news.contains(" close "),
        "it was not closed by itself: {news}"
    );
    friend.send(b"still here")?;
    friend.expect(b"wstill here", PATIENCE)
}

/// 64-bit FNV-1a, as the services behind the gate have it.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
