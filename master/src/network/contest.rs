//! Two nodes want one id: the holder is asked whether it lives.

use std::collections::VecDeque;
use std::time::Duration;

use skynet_master_wire::FromMaster;

use super::{Claim, Link, Network, PROBE};

/// An id that is asked for while it is held.
pub(super) struct Contest {
    /// The number of the probe that the holder was sent.
    number: i64,
    /// When it counts as unanswered.
    pub(super) until: Duration,
    /// Who asks for the id, in the order of asking; never empty.
    claims: VecDeque<Claim>,
}

impl Network {
    /// Asks the holder of an id whether it lives, unless it is being asked already.
    pub(super) fn contest(&mut self, claim: Claim, id: u8, now: Duration) {
        if let Some(contest) = self.contests.get_mut(&id) {
            return contest.claims.push_back(claim);
        }
        let Some(link) = self.nodes.get(&id).and_then(|node| node.link) else {
            return;
        };
        let [a, b, c, d, e, f, g, h, ..] = (self.rules.random)();
        let number = i64::from_le_bytes([a, b, c, d, e, f, g, h]) | 1;
        let contest = Contest {
            number,
            until: now + PROBE,
            claims: VecDeque::from([claim]),
        };
        self.contests.insert(id, contest);
        self.send(link, FromMaster::Beat { number });
    }

    /// A probe came back.
    pub(super) fn answered(&mut self, id: u8, number: i64) {
        let contest = self.contests.get(&id);
        if contest.is_some_and(|contest| contest.number == number) {
            self.holder_lives(id);
        }
    }

    /// The holder of an id has shown that it lives: whoever asked for the id does not get it.
    pub(super) fn holder_lives(&mut self, id: u8) {
        let Some(contest) = self.contests.remove(&id) else {
            return;
        };
        let holder = self.nodes.get(&id).map(|node| node.describe(id));
        let holder = holder.unwrap_or_else(|| format!("node {id}"));
        for claim in contest.claims {
            let text = format!("id {id} is held by {holder}, which is alive");
            self.refuse(claim.link, claim.is_ours(), &text);
        }
    }

    /// The holder of an id is gone: the first who asked for it gets it, the others ask the new holder.
    pub(super) fn holder_gone(&mut self, id: u8, now: Duration) {
        let contest = self.contests.remove(&id);
        for claim in contest.into_iter().flat_map(|contest| contest.claims) {
            self.decide(claim, id, now);
        }
    }

    /// Holders that have not answered lose their ids.
    pub(super) fn end_contests(&mut self, now: Duration) {
        let unanswered: Vec<u8> = self
            .contests
            .iter()
            .filter(|(_, contest)| contest.until <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in unanswered {
            let text = format!(
                "it did not answer within {} s, and another node wants its id",
                PROBE.as_secs()
            );
            self.evict(id, &text, now);
        }
    }

    /// Who wanted an id has gone.
    pub(super) fn forget_claim(&mut self, link: Link) {
        self.leases.retain(|claim| claim.link != link);
        self.contests.retain(|_, contest| {
            contest.claims.retain(|claim| claim.link != link);
            !contest.claims.is_empty()
        });
    }
}
