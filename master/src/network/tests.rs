//! What the master decides, without sockets and with a clock that the test turns.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod contests;
mod joining;
mod names;
mod properties;
mod secrets;

use std::time::Duration;

use skynet_harbor_wire::Secret;
use skynet_master_wire::{Extension, FromMaster, Life, NameFlag, NodeKind, ToMaster, Welcome};
use skynet_service::log::Level;

use super::{Action, Link, Network, Rules};

/// The master's own life.
const EPOCH: u64 = 1000;
const NONCE: [u8; 16] = [7; 16];

/// A network and its clock.
struct Stage {
    network: Network,
    now: Duration,
    logs: Vec<(Level, String)>,
}

/// What a connection got: packets, and its end.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Got {
    Packet(FromMaster),
    End,
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Stage {
    /// A master that has been there for a while.
    fn new() -> Self {
        let mut stage = Self::fresh(None);
        stage.pass(ms(10_000));
        stage
    }

    /// A master that has just begun.
    fn fresh(secret: Option<&str>) -> Self {
        let rules = Rules {
            epoch: EPOCH,
            secret: secret.map(|secret| Secret::read(secret).unwrap()),
            heartbeat: ms(3000),
            unproven: 4,
            random: || NONCE,
        };
        Self {
            network: Network::new(rules, Duration::ZERO),
            now: Duration::ZERO,
            logs: Vec::new(),
        }
    }

    /// What was decided, by connection.
    fn take(&mut self) -> Vec<(Link, Got)> {
        let mut got = Vec::new();
        for action in self.network.take_actions() {
            match action {
                Action::Send(link, packet) => got.push((link, Got::Packet(packet))),
                Action::Close(link) => got.push((link, Got::End)),
                Action::Log(level, text) => self.logs.push((level, text)),
            }
        }
        got
    }

    /// Lets time pass, step by step as the master wants to be woken.
    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.network.next_deadline().filter(|next| *next <= end) {
            assert!(next >= self.now || self.now == Duration::ZERO);
            self.now = self.now.max(next);
            self.network.tick(self.now);
            let again = self.network.next_deadline();
            assert!(again.is_none_or(|again| again > self.now), "it spins");
        }
        self.now = end;
    }

    fn packet(&mut self, link: Link, packet: ToMaster) -> Vec<(Link, Got)> {
        self.network.packet(link, packet, self.now);
        self.take()
    }

    fn close(&mut self, link: Link) -> Vec<(Link, Got)> {
        self.network.closed(link, "closed", self.now);
        self.take()
    }

    /// Connects and says hello.
    fn hello(&mut self, link: Link, id: u8, extension: Option<Extension>) -> Vec<(Link, Got)> {
        self.network.opened(link, self.now);
        self.packet(
            link,
            ToMaster::Hello {
                id,
                address: address(link),
                extension,
            },
        )
    }

    /// An unmodified node joins.
    fn stock(&mut self, link: Link, id: u8) {
        let got = self.hello(link, id, None);
        assert!(has_welcome(&got, link), "{got:?}");
    }

    /// A node of ours joins.
    fn ours(&mut self, link: Link, id: u8, epoch: u64) {
        let got = self.hello(link, id, Some(life(epoch)));
        assert!(has_welcome(&got, link), "{got:?}");
    }

    /// What the others are told of, without logs.
    fn later(&mut self, time: Duration) -> Vec<(Link, Got)> {
        self.pass(time);
        self.take()
    }

    fn has_log(&self, part: &str) -> bool {
        self.logs.iter().any(|(_, text)| text.contains(part))
    }
}

fn address(link: Link) -> String {
    format!("127.0.0.1:{link}")
}

fn life(epoch: u64) -> Extension {
    Extension {
        rejoin: false,
        auto: false,
        secret: false,
        epoch,
        nonce: [1; 8],
    }
}

fn rejoin(epoch: u64) -> Extension {
    Extension {
        rejoin: true,
        ..life(epoch)
    }
}

fn has_welcome(got: &[(Link, Got)], to: Link) -> bool {
    got.iter()
        .any(|(link, got)| *link == to && matches!(got, Got::Packet(FromMaster::Welcome { .. })))
}

fn packet(to: Link, packet: FromMaster) -> (Link, Got) {
    (to, Got::Packet(packet))
}

fn welcome(to: Link, dialers: u32, id: u8) -> (Link, Got) {
    let extension = Some(Welcome {
        id,
        epoch: EPOCH,
        proof: None,
    });
    packet(to, FromMaster::Welcome { dialers, extension })
}

fn plain_welcome(to: Link, dialers: u32) -> (Link, Got) {
    let extension = None;
    packet(to, FromMaster::Welcome { dialers, extension })
}

const STOCK: Life = Life {
    epoch: 0,
    kind: NodeKind::Unmodified,
};

fn of(epoch: u64) -> Life {
    Life {
        epoch,
        kind: NodeKind::Ours,
    }
}

fn connect(to: Link, id: u8, at: Link, life: Life) -> (Link, Got) {
    let address = address(at);
    let life = Some(life);
    packet(to, FromMaster::Connect { id, address, life })
}

fn node(to: Link, id: u8, at: Link, life: Life, dials: bool) -> (Link, Got) {
    let address = address(at);
    packet(
        to,
        FromMaster::Node {
            id,
            address,
            life,
            dials,
        },
    )
}

fn down(to: Link, id: u8, epoch: u64, reason: &str) -> (Link, Got) {
    let ended = Some((epoch, reason.to_owned()));
    packet(to, FromMaster::Down { id, ended })
}

fn name(to: Link, name: &str, handle: u32, flag: NameFlag) -> (Link, Got) {
    let name = name.to_owned();
    let flag = Some(flag);
    packet(to, FromMaster::Name { name, handle, flag })
}

fn refused(to: Link, text: &str) -> (Link, Got) {
    let text = text.to_owned();
    packet(to, FromMaster::Refused { text })
}

const fn end(to: Link) -> (Link, Got) {
    (to, Got::End)
}
