//! Who may send to a node next, and through which service.
//!
//! The service that has the connection is asked for once, and known then. Requests that come meanwhile line up, so that all
//! of them are sent in the order in which they came.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::task::Waker;

use crate::{Handle, Reason};

/// Why there is no sender.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Failure {
    /// Whoever was asked said why.
    Told(Reason, Arc<str>),
    /// There is nobody to ask.
    NoCluster(Arc<str>),
}

/// What somebody in the line is to do.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// Wait.
    Wait,
    /// Send, through this service.
    Send(Handle),
    /// Ask who the sender is.
    Ask,
    /// Give up.
    Fail(Failure),
}

struct Waiting {
    ticket: u64,
    waker: Option<Waker>,
}

#[derive(Default)]
struct Gate {
    sender: Option<Handle>,
    line: VecDeque<Waiting>,
    /// What those have to hear whose tickets are not above this one.
    failure: Option<(u64, Failure)>,
}

/// The gates of one service, by node.
#[derive(Default)]
pub(crate) struct Gates {
    last_ticket: u64,
    nodes: HashMap<Box<str>, Gate>,
}

impl Gates {
    /// The sender of a node, if it is known and nobody is in line.
    pub(super) fn open(&self, node: &str) -> Option<Handle> {
        let gate = self.nodes.get(node)?;
        gate.sender.filter(|_| gate.line.is_empty())
    }

    /// Gets in line; returns the ticket.
    pub(super) fn enter(&mut self, node: &str) -> u64 {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        let gate = match self.nodes.get_mut(node) {
            Some(gate) => gate,
            None => self.nodes.entry(node.into()).or_default(),
        };
        gate.line.push_back(Waiting {
            ticket,
            waker: None,
        });
        ticket
    }

    /// What the holder of a ticket is to do. Whoever waits is woken by `waker`; the former one comes back.
    pub(super) fn turn(&mut self, node: &str, ticket: u64, waker: &Waker) -> (Turn, Option<Waker>) {
        let Some(gate) = self.nodes.get_mut(node) else {
            // The service is being closed: nobody is woken any more.
            return (Turn::Wait, None);
        };
        if let Some((last, failure)) = &gate.failure
            && ticket <= *last
        {
            return (Turn::Fail(failure.clone()), None);
        }
        let Some(place) = gate.line.iter().position(|one| one.ticket == ticket) else {
            return (Turn::Wait, None);
        };
        match (place, gate.sender) {
            (0, Some(sender)) => (Turn::Send(sender), None),
            (0, None) => (Turn::Ask, None),
            _ => (Turn::Wait, gate.line[place].waker.replace(waker.clone())),
        }
    }

    /// The sender is known.
    pub(super) fn found(&mut self, node: &str, sender: Handle) {
        if let Some(gate) = self.nodes.get_mut(node) {
            gate.sender = Some(sender);
            gate.failure = None;
        }
    }

    /// There is no sender: all who are in line have to hear it. Returns whom to wake.
    pub(super) fn failed(&mut self, node: &str, failure: Failure) -> Vec<Waker> {
        let Some(gate) = self.nodes.get_mut(node) else {
            return Vec::new();
        };
        gate.failure = Some((self.last_ticket, failure));
        let line = gate.line.iter_mut();
        line.filter_map(|one| one.waker.take()).collect()
    }

    /// The sender has ended.
    pub(super) fn forget(&mut self, node: &str, sender: Handle) {
        let Some(gate) = self.nodes.get_mut(node) else {
            return;
        };
        if gate.sender == Some(sender) {
            gate.sender = None;
        }
        if gate.sender.is_none() && gate.line.is_empty() {
            self.nodes.remove(node);
        }
    }

    /// Leaves the line. Returns whom to wake: the one behind, if that is the first now.
    pub(crate) fn leave(&mut self, ticket: u64) -> Option<Waker> {
        let holds = |gate: &Gate| gate.line.iter().position(|one| one.ticket == ticket);
        let (node, place) = self
            .nodes
            .iter()
            .find_map(|(node, gate)| Some((node.clone(), holds(gate)?)))?;
        let gate = self.nodes.get_mut(&node)?;
        gate.line.remove(place);
        match gate.line.front_mut() {
            Some(first) => first.waker.take().filter(|_| place == 0),
            None => {
                if gate.sender.is_none() {
                    self.nodes.remove(&node);
                }
                None
            }
        }
    }

    /// How many nodes it knows something of.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    const SENDER: Handle = Handle(9);

    fn turn(gates: &mut Gates, ticket: u64) -> Turn {
        gates.turn("db", ticket, Waker::noop()).0
    }

    #[test]
    fn those_in_line_send_one_after_the_other() {
        let mut gates = Gates::default();
        assert_eq!(gates.open("db"), None);
        let [first, second] = [gates.enter("db"), gates.enter("db")];
        assert_eq!(turn(&mut gates, second), Turn::Wait);
        assert_eq!(turn(&mut gates, first), Turn::Ask);
        gates.found("db", SENDER);
        // Who comes now does not overtake.
        assert_eq!(gates.open("db"), None);
        let third = gates.enter("db");
        assert_eq!(turn(&mut gates, third), Turn::Wait);
        assert_eq!(turn(&mut gates, first), Turn::Send(SENDER));
        let woken = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&woken));
        assert_eq!(gates.turn("db", second, &waker).0, Turn::Wait);
        let next = gates.leave(first).expect("the second one waits");
        next.wake();
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert_eq!(turn(&mut gates, second), Turn::Send(SENDER));
        assert!(gates.leave(second).is_some() && gates.leave(third).is_none());
        assert_eq!(gates.open("db"), Some(SENDER));
        assert_eq!(gates.open("other"), None);
    }

    #[test]
    fn who_gives_up_lets_the_next_one_ask() {
        let mut gates = Gates::default();
        let [first, second, third] = [(); 3].map(|()| gates.enter("db"));
        assert_eq!(turn(&mut gates, first), Turn::Ask);
        assert_eq!(turn(&mut gates, second), Turn::Wait);
        assert_eq!(turn(&mut gates, third), Turn::Wait);
        // From the middle: nobody is first who was not.
        assert!(gates.leave(second).is_none());
        assert!(gates.leave(first).is_some());
        assert_eq!(turn(&mut gates, third), Turn::Ask);
        assert!(gates.leave(third).is_none() && gates.leave(third).is_none());
        assert_eq!(gates.len(), 0);
    }

    #[test]
    fn a_failure_is_for_those_who_wait_and_for_nobody_else() {
        let mut gates = Gates::default();
        let [first, second] = [gates.enter("db"), gates.enter("db")];
        assert_eq!(turn(&mut gates, second), Turn::Wait);
        let failure = Failure::Told(Reason::UNKNOWN, "db is not known".into());
        assert_eq!(gates.failed("db", failure.clone()).len(), 1);
        let later = gates.enter("db");
        gates.leave(first);
        assert_eq!(turn(&mut gates, second), Turn::Fail(failure));
        gates.leave(second);
        assert_eq!(turn(&mut gates, later), Turn::Ask);
        gates.leave(later);
        assert_eq!(gates.len(), 0);
    }

    #[test]
    fn a_sender_that_has_ended_is_asked_for_again() {
        let mut gates = Gates::default();
        let ticket = gates.enter("db");
        gates.found("db", SENDER);
        gates.leave(ticket);
        gates.forget("db", Handle(8));
        assert_eq!(gates.open("db"), Some(SENDER));
        let ticket = gates.enter("db");
        gates.forget("db", SENDER);
        assert_eq!(turn(&mut gates, ticket), Turn::Ask);
        gates.leave(ticket);
        assert_eq!(gates.len(), 0);
        gates.forget("db", SENDER);
    }
}
