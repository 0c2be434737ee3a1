//! The mailbox with real threads: senders, a service whose turns move from worker to worker, and its end.
//!
//! Loom tries every interleaving but does not look into envelopes; here Miri and ThreadSanitizer watch each access to
//! them. So little but the mailbox orders the threads: they wait for one another with Relaxed atomics only, and a
//! weaker order in the mailbox shows as a data race. Without such a tool these are plain stress tests.

use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize};
use std::thread;

use super::*;

const SENDERS: i32 = 3;
const EACH: i32 = if cfg!(miri) { 12 } else { 2_000 };
const WORKERS: usize = 2;
/// Each message of this number is sent once more, by its receiver to itself, in the same envelope.
const AGAIN: i32 = 3;

/// A service in an otherwise empty node.
struct Service {
    mailbox: Mailbox,
    /// The run queue: how often the service is in it. Like a real one it hands over what its pusher knew, and no more:
    /// neither what other senders wrote, nor earlier turns, of which senders know nothing.
    queued: AtomicUsize,
    received: AtomicI32,
    /// How many messages of each sender it has received.
    answered: [AtomicI32; SENDERS as usize],
    /// What the service remembers from turn to turn: the next number of each sender.
    next: UnsafeCell<[i32; SENDERS as usize]>,
}

// SAFETY: `next` is used by whoever has the turn and a message of this turn in hand.
unsafe impl Sync for Service {}

impl Service {
    fn at_rest() -> Self {
        let mailbox = Mailbox::closed();
        mailbox.open();
        assert!(mailbox.rest());
        Self {
            mailbox,
            queued: AtomicUsize::new(0),
            received: AtomicI32::new(0),
            answered: [const { AtomicI32::new(0) }; SENDERS as usize],
            next: UnsafeCell::new([0; SENDERS as usize]),
        }
    }

    fn push(&self, letter: Letter) {
        match self.mailbox.push(letter, 0) {
            Push::Schedule => {
                let before = self.queued.fetch_add(1, Ordering::Release);
                assert_eq!(before, 0, "in two run queues");
            }
            Push::Delivered => {}
            refused => panic!("{refused:?}"),
        }
    }

    fn send_all(&self, sender: i32) {
        for number in 0..EACH {
            self.push(letter(sender * EACH + number));
            // Let it rest now and then, so that there are lone messages.
            let answered = &self.answered[sender as usize];
            while number % 2 == 0 && answered.load(Ordering::Relaxed) <= number {
                thread::yield_now();
            }
        }
    }

    /// Runs the service whenever it is queued, until all messages have come.
    fn work(&self) {
        let repeated = (SENDERS * EACH + AGAIN - 1) / AGAIN;
        while self.received.load(Ordering::Relaxed) < SENDERS * EACH + repeated {
            let taken = self
                .queued
                .compare_exchange(1, 0, Ordering::Acquire, Ordering::Relaxed);
            match taken {
                Ok(_) => while !self.turn() {},
                Err(_) => thread::yield_now(),
            }
        }
    }

    /// As `turn::Turn` does. True: the service rests.
    fn turn(&self) -> bool {
        if let Some(lone) = self.mailbox.lone() {
            self.deliver(lone);
            if self.mailbox.rest_after() {
                return true;
            }
            self.mailbox
                .take_after()
                .for_each(|letter| self.deliver(letter));
        } else {
            self.mailbox.take().for_each(|letter| self.deliver(letter));
        }
        self.mailbox.rest()
    }

    fn deliver(&self, mut letter: Letter) {
        self.received.fetch_add(1, Ordering::Relaxed);
        if letter.value != 0 {
            return;
        }
        let sender = (letter.session / EACH) as usize;
        let number = letter.session % EACH;
        // SAFETY: a turn at a time, and this one has a message in hand.
        let next = unsafe { &mut *self.next.get() };
        assert_eq!(number, next[sender], "lost, doubled or overtaken");
        next[sender] += 1;
        self.answered[sender].store(next[sender], Ordering::Relaxed);
        if letter.session % AGAIN == 0 {
            letter.value = 1;
            self.push(letter);
        }
    }
}

#[test]
fn a_turn_sees_the_messages_and_the_turns_before_it() {
    let service = Service::at_rest();
    thread::scope(|scope| {
        for sender in 0..SENDERS {
            let service = &service;
            scope.spawn(move || service.send_all(sender));
        }
        for _ in 0..WORKERS {
            scope.spawn(|| service.work());
        }
    });
    assert_eq!(service.queued.load(Ordering::Relaxed), 0);
    assert_eq!(service.mailbox.len(), 0);
}

#[test]
fn what_a_close_finds_is_complete_and_the_rest_is_refused() {
    const ROUNDS: i32 = if cfg!(miri) { 4 } else { 100 };
    for round in 0..ROUNDS {
        let mailbox = Mailbox::closed();
        mailbox.open();
        // Now and then the oldest message is a lone one.
        if round % 2 == 0 {
            assert!(mailbox.rest());
        }
        thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|sender| {
                    let mailbox = &mailbox;
                    scope.spawn(move || push_until_closed(mailbox, sender))
                })
                .collect();
            while mailbox.len() < 5 {
                thread::yield_now();
            }
            let mut found = [0; SENDERS as usize];
            for letter in mailbox.close() {
                let sender = letter.source as usize;
                assert_eq!(letter.session, found[sender], "lost or overtaken");
                found[sender] += 1;
            }
            let admitted = senders
                .into_iter()
                .map(|sender| sender.join().expect("joined"));
            assert!(admitted.eq(found), "as many as were admitted");
        });
        assert_eq!(mailbox.len(), 0);
    }
}

/// How many messages were admitted.
fn push_until_closed(mailbox: &Mailbox, sender: i32) -> i32 {
    for number in 0.. {
        let mut letter = letter(number);
        letter.source = sender as u32;
        match mailbox.push(letter, 0) {
            Push::Closed(back) => {
                assert_eq!(back.session, number);
                return number;
            }
            Push::Full(_) => panic!("there is no limit"),
            Push::Delivered | Push::Schedule => {}
        }
    }
    unreachable!("a close comes before the numbers end")
}

/// The killer of a service says so and wants it to run; the service rests and looks whether it was killed.
#[test]
fn a_reason_to_run_is_seen_by_the_service_or_queues_it() {
    const ROUNDS: usize = if cfg!(miri) { 20 } else { 1_000 };
    for round in 0..ROUNDS {
        let mailbox = Mailbox::closed();
        mailbox.open();
        // Every other time the service rests after a lone message.
        let after_lone = round % 2 == 0;
        if after_lone {
            assert!(mailbox.rest());
            assert!(matches!(mailbox.push(letter(1), 0), Push::Schedule));
            assert!(mailbox.lone().is_some());
        }
        let killed = AtomicBool::new(false);
        let queued = thread::scope(|scope| {
            let killer = scope.spawn(|| {
                killed.store(true, Ordering::SeqCst);
                usize::from(mailbox.schedule())
            });
            assert!(if after_lone {
                mailbox.rest_after()
            } else {
                mailbox.rest()
            });
            let seen = killed.load(Ordering::SeqCst) && mailbox.schedule();
            usize::from(seen) + killer.join().expect("joined")
        });
        assert_eq!(queued, 1, "exactly one of them queues the service");
    }
}
