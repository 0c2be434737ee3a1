//! What a node decides, without sockets and with a clock that the test turns.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

mod joining;
mod link;
mod names;
mod peers;
mod properties;
mod requests;

use std::time::Duration;

use skynet_harbor_wire::Secret;
use skynet_master_wire::{Extension, FromMaster, Life, NodeKind, ToMaster, Welcome};
use skynet_service::Reason;
use skynet_service::log::Level;

use super::{Action, Answer, FromHarbor, Membership, Rules, ToHarbor};
use crate::request::Request;
use crate::waiting::Ticket;

const EPOCH: u64 = 77;
const MASTER_EPOCH: u64 = 1000;
const ADDRESS: &str = "127.0.0.1:4711";
/// Of the services that ask.
const CALLER: u32 = 0x0700_0010;

/// A node that joins, or has joined, and its clock.
struct Stage {
    node: Membership,
    now: Duration,
    logs: Vec<(Level, String)>,
    last_ticket: Ticket,
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn rules() -> Rules {
    Rules {
        id: 7,
        auto: false,
        address: String::new(),
        master: "master:2013".to_owned(),
        secret: None,
        epoch: EPOCH,
        join: ms(30_000),
        heartbeat: ms(3000),
        random: || [1; 8],
    }
}

impl Stage {
    /// A node that is connecting to the master.
    fn with(rules: Rules) -> Self {
        let mut stage = Self {
            node: Membership::new(rules, Duration::ZERO),
            now: Duration::ZERO,
            logs: Vec::new(),
            last_ticket: 0,
        };
        assert_eq!(stage.take(), []);
        stage.node.listening(ADDRESS.to_owned());
        assert_eq!(stage.take(), [Action::Connect]);
        stage
    }

    /// A node that has said hello.
    fn greeted() -> Self {
        let mut stage = Self::with(rules());
        stage.node.connected(stage.now);
        assert_eq!(stage.take(), [hello(7, extension())]);
        stage
    }

    /// A node alone in the network of a master of ours.
    fn joined() -> Self {
        let mut stage = Self::greeted();
        let got = stage.packet(welcome(0));
        let identity = ToHarbor::Identity {
            id: 7,
            epoch: EPOCH,
        };
        let joined = ToHarbor::Joined;
        assert_eq!(
            got,
            [
                Action::ToHarbor(identity),
                Action::ToHarbor(joined),
                Action::Joined
            ]
        );
        stage
    }

    /// A node alone in the network of an unmodified master.
    fn joined_stock() -> Self {
        let mut stage = Self::greeted();
        let got = stage.packet(plain_welcome(0));
        assert!(got.contains(&Action::Joined));
        stage
    }

    fn take(&mut self) -> Vec<Action> {
        let mut actions = self.node.take_actions();
        actions.retain(|action| match action {
            Action::Log(level, text) => {
                self.logs.push((*level, text.clone()));
                false
            }
            _ => true,
        });
        actions
    }

    /// Lets time pass, step by step as the node wants to be woken; beats to the master are left out.
    fn pass(&mut self, time: Duration) -> Vec<Action> {
        let end = self.now + time;
        let mut got = Vec::new();
        while let Some(next) = self.node.next_deadline().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.node.tick(self.now);
            let again = self.node.next_deadline();
            assert!(again.is_none_or(|again| again > self.now), "it spins");
            got.extend(self.take());
        }
        self.now = end;
        got.retain(|action| !matches!(action, Action::ToMaster(ToMaster::Beat { .. })));
        got
    }

    fn packet(&mut self, packet: FromMaster) -> Vec<Action> {
        self.node.packet(packet, self.now);
        self.take()
    }

    fn harbor(&mut self, said: FromHarbor) -> Vec<Action> {
        self.node.harbor(said, self.now);
        self.take()
    }

    fn up(&mut self, id: u8, epoch: u64) -> Vec<Action> {
        let kind = if epoch == 0 {
            NodeKind::Unmodified
        } else {
            NodeKind::Ours
        };
        let life = Life { epoch, kind };
        self.harbor(FromHarbor::Up { id, life })
    }

    fn down(&mut self, id: u8) -> Vec<Action> {
        let reason = "silent".to_owned();
        self.harbor(FromHarbor::Down { id, reason })
    }

    fn lose_master(&mut self) -> Vec<Action> {
        self.node.disconnected("closed", self.now);
        self.take()
    }

    /// The master is there again.
    fn rejoin(&mut self) -> Vec<Action> {
        let mut got = self.pass(ms(1000));
        assert_eq!(got.pop(), Some(Action::Connect));
        self.node.connected(self.now);
        let rejoin = Extension {
            rejoin: true,
            ..extension()
        };
        assert_eq!(self.take(), [hello(7, rejoin)]);
        self.packet(welcome(0))
    }

    fn ask(&mut self, request: Request) -> (Ticket, Vec<Action>) {
        self.ask_of(CALLER, None, request)
    }

    fn ask_of(
        &mut self,
        caller: u32,
        until: Option<Duration>,
        request: Request,
    ) -> (Ticket, Vec<Action>) {
        self.last_ticket += 1;
        self.node
            .request(self.last_ticket, caller, until, request, self.now);
        (self.last_ticket, self.take())
    }

    fn has_log(&self, part: &str) -> bool {
        self.logs.iter().any(|(_, text)| text.contains(part))
    }
}

fn extension() -> Extension {
    Extension {
        rejoin: false,
        auto: false,
        secret: false,
        epoch: EPOCH,
        nonce: [1; 8],
    }
}

fn hello(id: u8, extension: Extension) -> Action {
    Action::ToMaster(ToMaster::Hello {
        id,
        address: ADDRESS.to_owned(),
        extension: Some(extension),
    })
}

fn welcome(dialers: u32) -> FromMaster {
    welcome_as(dialers, 7, None)
}

fn welcome_as(dialers: u32, id: u8, proof: Option<[u8; 32]>) -> FromMaster {
    let extension = Some(Welcome {
        id,
        epoch: MASTER_EPOCH,
        proof,
    });
    FromMaster::Welcome { dialers, extension }
}

fn plain_welcome(dialers: u32) -> FromMaster {
    let extension = None;
    FromMaster::Welcome { dialers, extension }
}

fn ours(epoch: u64) -> Life {
    Life {
        epoch,
        kind: NodeKind::Ours,
    }
}

fn address(id: u8) -> String {
    format!("127.0.0.1:{id}")
}

fn node(id: u8, epoch: u64, dials: bool) -> FromMaster {
    FromMaster::Node {
        id,
        address: address(id),
        life: ours(epoch),
        dials,
    }
}

fn connect(id: u8, life: Option<Life>) -> FromMaster {
    FromMaster::Connect {
        id,
        address: address(id),
        life,
    }
}

fn ended(id: u8, epoch: u64) -> FromMaster {
    let ended = Some((epoch, "it has left".to_owned()));
    FromMaster::Down { id, ended }
}

fn name(name: &str, handle: u32) -> FromMaster {
    let name = name.to_owned();
    let flag = None;
    FromMaster::Name { name, handle, flag }
}

fn expect(id: u8, epoch: u64) -> Action {
    Action::ToHarbor(ToHarbor::Expect {
        id,
        life: ours(epoch),
        address: address(id),
    })
}

fn dial(id: u8, life: Life) -> Action {
    let address = address(id);
    Action::ToHarbor(ToHarbor::Dial { id, life, address })
}

fn gone(id: u8, epoch: u64, reason: &str) -> Action {
    let reason = reason.to_owned();
    Action::ToHarbor(ToHarbor::Gone { id, epoch, reason })
}

fn named(name: &str, handle: u32) -> Action {
    let name = name.to_owned();
    Action::ToHarbor(ToHarbor::Name { name, handle })
}

fn unnamed(name: &str) -> Action {
    let name = name.to_owned();
    Action::ToHarbor(ToHarbor::Unname { name })
}

fn registered(name: &str, handle: u32) -> Action {
    Action::ToMaster(ToMaster::Register {
        name: name.to_owned(),
        handle,
        moves: false,
    })
}

fn queried(name: &str) -> Action {
    let name = name.to_owned();
    Action::ToMaster(ToMaster::Query { name })
}

/// Whether these end with a failure that says this.
fn fails_with(actions: &[Action], part: &str) -> bool {
    matches!(actions.last(), Some(Action::Fail(text)) if text.contains(part))
}
