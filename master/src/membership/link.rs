//! The connection to the master: made, lost, made again.

use std::time::Duration;

use skynet_harbor_wire::{MasterLink as Said, MasterRole};
use skynet_master_wire::{Extension, FromMaster, NodeKind, ToMaster, Welcome, is_probe};
use skynet_service::log::Level;

use super::{Action, Membership, ToHarbor};
use crate::waiting::Key;

/// The first pause between two attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest one.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How long the master may take for its welcome: it may have to ask another node first.
const WELCOME: Duration = Duration::from_secs(10);
/// After so many connections that the master has closed without a word the node does not try on.
const MAX_REFUSALS: u32 = 5;
/// How long after its return the master may take to confirm what is known.
const SWEEP: Duration = Duration::from_secs(3);

/// The connection to the master.
pub(super) struct MasterLink {
    pub(super) state: State,
    /// What the master was when it was heard of last.
    pub(super) kind: NodeKind,
    /// The pause before the next attempt.
    pause: Duration,
    /// For pauses that are not the same in all nodes.
    noise: u64,
    /// The slave's part of the proofs, and the master's.
    nonces: ([u8; 8], Option<[u8; 16]>),
    /// Connections in a row that the master has closed without a word.
    refusals: u32,
    /// Why the last attempt failed.
    pub(super) failure: String,
    /// Of the last beat; even.
    beat: i64,
}

/// How far it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    /// The node does not listen yet.
    Idle,
    /// Waits before the next attempt.
    Away {
        until: Duration,
    },
    Connecting,
    /// The master was told who the node is.
    Greeted {
        until: Duration,
    },
    Up {
        heard: Duration,
        beat_at: Duration,
    },
}

impl MasterLink {
    pub(super) const fn new(noise: u64) -> Self {
        Self {
            state: State::Idle,
            kind: NodeKind::Unknown,
            pause: FIRST_PAUSE,
            noise,
            nonces: ([0; 8], None),
            refusals: 0,
            failure: String::new(),
            beat: 0,
        }
    }

    pub(super) const fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    pub(super) fn is_ours(&self) -> bool {
        self.kind == NodeKind::Ours
    }

    /// The next pause: between three quarters of what is due and all of it, and then twice as much.
    fn next_pause(&mut self) -> Duration {
        // A linear congruential generator: nobody gains anything by foretelling it.
        self.noise = self
            .noise
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let part = u32::try_from(self.noise >> 48).unwrap_or(0);
        let pause = self.pause * 3 / 4 + self.pause / 4 * part / (1 << 16);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        pause
    }
}

impl Membership {
    pub(super) fn connect(&mut self) {
        self.link.state = State::Connecting;
        self.actions.push(Action::Connect);
    }

    /// The connection is there.
    pub(crate) fn connected(&mut self, now: Duration) {
        if self.link.state != State::Connecting {
            return;
        }
        self.link.state = State::Greeted {
            until: now + WELCOME,
        };
        let nonce = (self.rules.random)();
        self.link.nonces = (nonce, None);
        let extension = Extension {
            rejoin: self.has_joined(),
            // A node that has its id keeps it.
            auto: self.rules.auto && self.me.is_none(),
            secret: self.rules.secret.is_some(),
            epoch: self.rules.epoch,
            nonce,
        };
        let hello = |extension| ToMaster::Hello {
            id: self.me.unwrap_or(self.rules.id),
            address: self.rules.address.clone(),
            extension,
        };
        let full = hello(Some(extension));
        // An address may be so long that there is no room to say more; the master then takes it for an unmodified node.
        let fits = full.encode().is_ok();
        let hello = if fits { full } else { hello(None) };
        self.actions.push(Action::ToMaster(hello));
    }

    /// The connection has ended, or was not made.
    pub(crate) fn disconnected(&mut self, reason: &str, now: Duration) {
        match self.link.state {
            State::Idle | State::Away { .. } => return,
            State::Connecting => self.link.failure = reason.to_owned(),
            State::Greeted { .. } => {
                self.link.refusals += 1;
                self.link.failure = format!("it closes the connection ({reason})");
            }
            State::Up { .. } => {
                self.link.failure = reason.to_owned();
                self.log(
                    Level::Warn,
                    format!(
                        "the connection to the master at {} has ended: {reason}; it is made again",
                        self.rules.master
                    ),
                );
                for ticket in self.waiting.take(&Key::MasterLost) {
                    self.reply_nothing(ticket);
                }
            }
        }
        let until = now + self.link.next_pause();
        self.link.state = State::Away { until };
        if !self.has_joined() && self.link.refusals >= MAX_REFUSALS {
            self.refused_without_a_word();
        }
    }

    fn refused_without_a_word(&mut self) {
        let master = &self.rules.master;
        let text = if self.rules.auto {
            format!(
                "the master at {master} closes the connection without a word: an unmodified master leases no ids, set `harbor` to a number"
            )
        } else {
            format!(
                "the master at {master} closes the connection without a word: harbor id {} is taken, or was used before",
                self.rules.id
            )
        };
        self.fail(text);
    }

    /// A packet of the master.
    pub(crate) fn packet(&mut self, packet: FromMaster, now: Duration) {
        self.now = now;
        match &mut self.link.state {
            State::Up { heard, .. } => {
                *heard = now;
                self.member_packet(packet, now);
            }
            State::Greeted { .. } => match packet {
                FromMaster::Challenge { nonce } => self.challenged(nonce, now),
                FromMaster::Welcome { dialers, extension } => {
                    self.welcomed(dialers, extension, now);
                }
                FromMaster::Refused { text } => self.fail(format!(
                    "the master at {} refuses this node: {text}",
                    self.rules.master
                )),
                _ => self.drop_link("its first packet is no welcome", now),
            },
            State::Idle | State::Away { .. } | State::Connecting => {}
        }
    }

    fn member_packet(&mut self, packet: FromMaster, now: Duration) {
        match packet {
            FromMaster::Connect { id, address, life } => self.newcomer(id, address, life),
            FromMaster::Node {
                id,
                address,
                life,
                dials,
            } => self.listed(id, address, life, dials),
            FromMaster::Down { id, ended } => self.ended(id, ended),
            FromMaster::Name { name, handle, .. } => self.bound(name, handle),
            FromMaster::Unbound { name } => self.unbound(&name),
            FromMaster::Beat { number } if is_probe(number) => {
                self.actions
                    .push(Action::ToMaster(ToMaster::Beat { number }));
            }
            // The answer to a beat: that it was heard is all that matters.
            FromMaster::Beat { .. } => {}
            // Thrown out: whoever has the id now, the next attempt tells.
            FromMaster::Refused { text } => self.drop_link(&text, now),
            // An unmodified node ignores what it does not know, too.
            FromMaster::Challenge { .. }
            | FromMaster::Welcome { .. }
            | FromMaster::Unknown { .. } => {}
            _ => {}
        }
    }

    /// What came is no packet.
    pub(crate) fn garbage(&mut self, error: &str, now: Duration) {
        self.drop_link(&format!("it says what nobody understands: {error}"), now);
    }

    fn drop_link(&mut self, reason: &str, now: Duration) {
        self.actions.push(Action::Disconnect);
        self.disconnected(reason, now);
    }

    fn challenged(&mut self, nonce: [u8; 16], now: Duration) {
        self.link.nonces.1 = Some(nonce);
        match self.proof(MasterRole::Slave) {
            Some(proof) => self
                .actions
                .push(Action::ToMaster(ToMaster::Proof { proof })),
            None => {
                let text = format!(
                    "the master at {} wants a secret, and this node has none (harbor_secret)",
                    self.rules.master
                );
                self.distrust(text, now);
            }
        }
    }

    /// Who answers at the master's address is not its master. A node that is in the network goes on without one, as
    /// anybody may have taken the address while the master is away.
    fn distrust(&mut self, text: String, now: Duration) {
        if !self.has_joined() {
            return self.fail(text);
        }
        let is_known = self.link.failure.contains(&text);
        self.drop_link(&text, now);
        if !is_known {
            self.log(Level::Warn, text);
        }
    }

    fn proof(&self, prover: MasterRole) -> Option<[u8; 32]> {
        let secret = self.rules.secret.as_ref()?;
        Some(self.said()?.prove(secret, prover))
    }

    /// What the proofs of both sides are about.
    fn said(&self) -> Option<Said<'_>> {
        Some(Said {
            slave_nonce: self.link.nonces.0,
            master_nonce: self.link.nonces.1?,
            id: self.me.unwrap_or(self.rules.id),
            epoch: self.rules.epoch,
            address: &self.rules.address,
        })
    }

    fn welcomed(&mut self, dialers: u32, extension: Option<Welcome>, now: Duration) {
        if let Err(text) = self.check_proof(extension.as_ref()) {
            return self.distrust(text, now);
        }
        let id = match self.check_id(extension.as_ref()) {
            Ok(id) => id,
            Err(text) => return self.fail(text),
        };
        self.link.kind = if extension.is_some() {
            NodeKind::Ours
        } else {
            NodeKind::Unmodified
        };
        self.link.refusals = 0;
        self.link.pause = FIRST_PAUSE;
        self.link.state = State::Up {
            heard: now,
            beat_at: now + self.rules.heartbeat / 4,
        };
        if self.me.replace(id).is_none() {
            let epoch = self.rules.epoch;
            self.tell_harbor(ToHarbor::Identity { id, epoch });
            if self.rules.auto {
                self.actions.push(Action::Leased(id));
            }
        }
        if self.has_joined() {
            self.log(
                Level::Info,
                format!("the master at {} is back", self.rules.master),
            );
            if self.link.is_ours() {
                self.doubt_peers();
                self.names.doubt(id);
                self.sweep = Some(now + SWEEP);
            }
        }
        self.say_names_again();
        self.begin_to_wait(dialers);
    }

    /// Whether the welcome is of somebody who knows the secret, if there is one.
    fn check_proof(&self, extension: Option<&Welcome>) -> Result<(), String> {
        let Some(secret) = &self.rules.secret else {
            return Ok(());
        };
        let proof = extension.and_then(|welcome| welcome.proof);
        let is_right = proof
            .zip(self.said())
            .is_some_and(|(proof, said)| said.verify(secret, MasterRole::Master, &proof));
        if is_right {
            Ok(())
        } else {
            let master = &self.rules.master;
            Err(format!(
                "the master at {master} does not prove the secret (harbor_secret)"
            ))
        }
    }

    /// The node's id, as the welcome says it.
    fn check_id(&self, extension: Option<&Welcome>) -> Result<u8, String> {
        let master = &self.rules.master;
        let asked = self.me.unwrap_or(self.rules.id);
        let is_leased = self.rules.auto && self.me.is_none();
        match extension {
            None if is_leased => Err(format!(
                "the unmodified master at {master} leases no ids: set `harbor` to a number"
            )),
            None => Ok(asked),
            Some(welcome) if welcome.id == 0 || (welcome.id != asked && !is_leased) => {
                Err(format!(
                    "the master at {master} calls this node {}, which asked to be {asked}",
                    welcome.id
                ))
            }
            Some(welcome) => Ok(welcome.id),
        }
    }

    pub(super) fn link_deadline(&self) -> Option<Duration> {
        match self.link.state {
            State::Away { until } | State::Greeted { until } => Some(until),
            // The node bounds the time of connecting.
            State::Idle | State::Connecting => None,
            State::Up { heard, beat_at } => self
                .link
                .is_ours()
                .then(|| beat_at.min(heard + self.rules.heartbeat)),
        }
    }

    pub(super) fn tick_link(&mut self, now: Duration) {
        match &mut self.link.state {
            State::Away { until } if *until <= now => self.connect(),
            State::Greeted { until } if *until <= now => {
                self.drop_link("it does not answer", now);
            }
            State::Up { heard, beat_at } if self.link.kind == NodeKind::Ours => {
                if *beat_at + self.rules.heartbeat / 2 <= now {
                    // It was this node that stood still: what the master has said meanwhile lies in the mailbox.
                    *heard = now;
                }
                if *heard + self.rules.heartbeat <= now {
                    let silence = self.rules.heartbeat.as_secs_f64();
                    return self.drop_link(&format!("it has been silent for {silence} s"), now);
                }
                if *beat_at <= now {
                    *beat_at = now + self.rules.heartbeat / 4;
                    self.link.beat = self.link.beat.wrapping_add(2);
                    let number = self.link.beat;
                    self.actions
                        .push(Action::ToMaster(ToMaster::Beat { number }));
                }
            }
            _ => {}
        }
    }

    /// The last words to the master, if it understands them.
    pub(crate) fn goodbye(&self) -> Option<ToMaster> {
        (self.link.is_up() && self.link.is_ours()).then_some(ToMaster::Goodbye)
    }
}
