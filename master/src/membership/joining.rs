//! From the master's welcome until all have connected that were told to.

use std::collections::BTreeSet;
use std::time::Duration;

use skynet_master_wire::Life;
use skynet_service::log::Level;

use super::{Action, Early, Membership, ToHarbor, list};

/// A node that has not joined yet.
#[derive(Default)]
pub(super) struct Joining {
    /// When it is given up.
    pub(super) until: Duration,
    /// Nodes that dial us, of which the master has not said more; `None` before its welcome.
    to_come: Option<u32>,
    /// Nodes of which it has.
    missing: BTreeSet<u8>,
    /// Nodes that an unmodified master may have counted, and which need not be waited for.
    seen: BTreeSet<u8>,
    /// Nodes that joined after us: dialled when we have joined.
    newcomers: Vec<(u8, String, Option<Life>)>,
}

impl Joining {
    pub(super) fn new(until: Duration) -> Self {
        Self {
            until,
            ..Self::default()
        }
    }
}

impl Membership {
    /// The master has welcomed us: so many nodes dial us.
    pub(super) fn begin_to_wait(&mut self, dialers: u32) {
        if let Some(joining) = &mut self.joining {
            joining.to_come = Some(dialers);
            joining.missing.clear();
        }
        self.look_who_is_missing();
    }

    /// Our master has told of a node that dials us.
    pub(super) fn await_dialer(&mut self, id: u8) {
        let is_up = self.peers.get(&id).is_some_and(|peer| peer.is_up);
        if let Some(joining) = &mut self.joining {
            joining.to_come = joining.to_come.map(|count| count.saturating_sub(1));
            if !is_up {
                joining.missing.insert(id);
            }
        }
        self.look_who_is_missing();
    }

    /// A node has connected, or ended: it is waited for no longer.
    pub(super) fn is_settled(&mut self, id: u8) {
        if let Some(joining) = &mut self.joining {
            joining.missing.remove(&id);
            joining.seen.insert(id);
        }
        self.look_who_is_missing();
    }

    /// A node has joined after us. It is dialled when we have joined.
    pub(super) fn defer(&mut self, id: u8, address: String, life: Option<Life>) {
        if let Some(joining) = &mut self.joining {
            joining.newcomers.retain(|(other, ..)| *other != id);
            joining.newcomers.push((id, address, life));
        }
    }

    /// A node that joined after us has ended already.
    pub(super) fn forget_newcomer(&mut self, id: u8) {
        if let Some(joining) = &mut self.joining {
            joining.newcomers.retain(|(other, ..)| *other != id);
        }
    }

    fn look_who_is_missing(&mut self) {
        let Some(joining) = &self.joining else {
            return;
        };
        let all_are_there = match joining.to_come {
            None => false,
            Some(0) => joining.missing.is_empty(),
            // An unmodified master says only how many there are.
            Some(count) => !self.link.is_ours() && joining.seen.len() >= count as usize,
        };
        if self.link.is_up() && all_are_there {
            self.joined();
        }
    }

    fn joined(&mut self) {
        let Some(joining) = self.joining.take() else {
            return;
        };
        let peers = self.peers.iter().filter(|(_, peer)| peer.is_up);
        let peers: BTreeSet<u8> = peers.map(|(id, _)| *id).collect();
        let with = match peers.len() {
            0 => "no other node".to_owned(),
            1 => format!("node {}", list(&peers)),
            _ => format!("nodes {}", list(&peers)),
        };
        self.log(
            Level::Info,
            format!(
                "harbor {} joined the network of {} with {with}",
                self.me.unwrap_or_default(),
                self.rules.master
            ),
        );
        self.tell_harbor(ToHarbor::Joined);
        self.actions.push(Action::Joined);
        for (id, address, life) in joining.newcomers {
            self.newcomer(id, address, life);
        }
        for early in std::mem::take(&mut self.early) {
            let Early {
                ticket,
                caller,
                until,
                request,
            } = early;
            self.request(ticket, caller, until, request, self.now);
        }
    }

    /// Joining takes too long: who is missing?
    pub(super) fn too_late(&mut self) {
        let Some(joining) = &self.joining else {
            return;
        };
        let master = &self.rules.master;
        let limit = self.rules.join.as_secs_f64();
        let text = match joining.to_come {
            None if self.link.failure.is_empty() => {
                format!("the master at {master} has not answered within {limit} s")
            }
            None => format!(
                "no master at {master} within {limit} s: {}",
                self.link.failure
            ),
            Some(count) if !self.link.is_ours() => format!(
                "of {count} nodes that were to connect here within {limit} s, {} have ({}); the unmodified master at {master} does not say which the others are",
                joining.seen.len(),
                list(&joining.seen)
            ),
            Some(_) => {
                let missing = joining.missing.iter().map(|id| {
                    let address = self.peers.get(id).map(|peer| peer.address.as_str());
                    format!("node {id} ({})", address.unwrap_or("unknown address"))
                });
                let missing: Vec<_> = missing.collect();
                format!(
                    "not all nodes have connected here within {limit} s; missing: {}",
                    missing.join(", ")
                )
            }
        };
        self.fail(text);
    }
}
