//! Every interleaving of small cases, with `RUSTFLAGS="--cfg loom"`.

use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, AtomicUsize};
use loom::thread;

use super::*;

fn letter(session: i32) -> Letter {
    let mut letter = Letter::empty().expect("memory");
    letter.session = session;
    letter
}

fn push(mailbox: &Mailbox, runs: &AtomicUsize, session: i32) {
    match mailbox.push(letter(session), 0) {
        Push::Schedule => {
            runs.fetch_add(1, Ordering::SeqCst);
        }
        Push::Delivered => {}
        other => panic!("{other:?}"),
    }
}

/// One turn after the other, as long as the service is scheduled.
fn consume(mailbox: &Mailbox, got: &mut Vec<i32>) {
    loop {
        got.extend(mailbox.take().map(|letter| letter.session));
        if mailbox.rest() {
            return;
        }
    }
}

#[test]
fn no_message_is_lost_and_none_schedules_twice() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        let runs = Arc::new(AtomicUsize::new(0));
        // The consumer is in its first turn while two senders push.
        mailbox.open();
        let senders: Vec<_> = [10, 20]
            .into_iter()
            .map(|session| {
                let (mailbox, runs) = (Arc::clone(&mailbox), Arc::clone(&runs));
                thread::spawn(move || push(&mailbox, &runs, session))
            })
            .collect();
        let mut got = Vec::new();
        consume(&mailbox, &mut got);
        senders
            .into_iter()
            .for_each(|sender| sender.join().expect("joined"));
        // Whoever found the service at rest said so exactly once, and then a turn is due.
        let due = runs.load(Ordering::SeqCst);
        assert!(due <= 1);
        assert_eq!(due == 1, got.len() < 2);
        if due == 1 {
            consume(&mailbox, &mut got);
        }
        got.sort_unstable();
        assert_eq!(got, [10, 20]);
    });
}

#[test]
fn one_sender_keeps_its_order() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        mailbox.open();
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                let _ = mailbox.push(letter(1), 0);
                let _ = mailbox.push(letter(2), 0);
            })
        };
        let mut got: Vec<i32> = mailbox.take().map(|letter| letter.session).collect();
        sender.join().expect("joined");
        got.extend(mailbox.take().map(|letter| letter.session));
        assert_eq!(got, [1, 2]);
    });
}

#[test]
fn behind_a_close_nothing_stays() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        mailbox.open();
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || matches!(mailbox.push(letter(1), 0), Push::Closed(_)))
        };
        let drained = mailbox.close().count();
        let refused = sender.join().expect("joined");
        assert_eq!(drained, usize::from(!refused));
        assert!(matches!(mailbox.push(letter(2), 0), Push::Closed(_)));
    });
}

#[test]
fn a_reason_to_run_is_seen_by_one_of_the_two() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        let ending = Arc::new(AtomicBool::new(false));
        mailbox.open();
        let killer = {
            let (mailbox, ending) = (Arc::clone(&mailbox), Arc::clone(&ending));
            thread::spawn(move || {
                ending.store(true, Ordering::SeqCst);
                mailbox.schedule()
            })
        };
        // As `turn::settle` does.
        assert!(mailbox.rest());
        let seen = ending.load(Ordering::SeqCst) && mailbox.schedule();
        let scheduled = killer.join().expect("joined");
        assert!(seen ^ scheduled, "exactly one of them queues the service");
    });
}

/// A slot is used again while a sender still holds what it read before: the message may get in, but carries the handle
/// of the former service, by which its delivery is refused.
#[test]
fn a_sender_that_overslept_reaches_nobody_else() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        mailbox.open();
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || {
                let mut late = letter(1);
                late.destination = 1;
                matches!(mailbox.push(late, 0), Push::Closed(_))
            })
        };
        let mut bounced = mailbox.close().count();
        // The next life of the slot has handle 2.
        mailbox.open();
        bounced += mailbox
            .take()
            .filter(|letter| letter.destination != 2)
            .count();
        let refused = sender.join().expect("joined");
        bounced += mailbox
            .take()
            .filter(|letter| letter.destination != 2)
            .count();
        assert_eq!(bounced, usize::from(!refused));
    });
}

/// One turn as the scheduler runs it: the lone message if there is one, else all; true when the service rests.
fn turn(mailbox: &Mailbox, got: &mut Vec<i32>) -> bool {
    if let Some(letter) = mailbox.lone() {
        got.push(letter.session);
        drop(letter);
        if mailbox.rest_after() {
            return true;
        }
        got.extend(mailbox.take_after().map(|letter| letter.session));
    } else {
        got.extend(mailbox.take().map(|letter| letter.session));
    }
    mailbox.rest()
}

#[test]
fn a_lone_message_is_delivered_once_and_what_comes_meanwhile_too() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        let runs = Arc::new(AtomicUsize::new(0));
        mailbox.open();
        assert!(mailbox.rest());
        push(&mailbox, &runs, 1);
        let senders: Vec<_> = [10, 20]
            .into_iter()
            .map(|session| {
                let (mailbox, runs) = (Arc::clone(&mailbox), Arc::clone(&runs));
                thread::spawn(move || push(&mailbox, &runs, session))
            })
            .collect();
        let mut got = Vec::new();
        while !turn(&mailbox, &mut got) {}
        senders
            .into_iter()
            .for_each(|sender| sender.join().expect("joined"));
        // The first push scheduled it; another did if it found the service at rest, and then another turn is due.
        let due = runs.load(Ordering::SeqCst) - 1;
        assert!(due <= 1);
        assert_eq!(due == 1, got.len() < 3);
        if due == 1 {
            while !turn(&mailbox, &mut got) {}
        }
        assert_eq!(got[0], 1);
        got.sort_unstable();
        assert_eq!(got, [1, 10, 20]);
        assert_eq!(mailbox.len(), 0);
    });
}

#[test]
fn a_lone_message_that_its_receiver_sends_to_itself_comes_back() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        let runs = Arc::new(AtomicUsize::new(0));
        mailbox.open();
        assert!(mailbox.rest());
        push(&mailbox, &runs, 1);
        let sender = {
            let (mailbox, runs) = (Arc::clone(&mailbox), Arc::clone(&runs));
            thread::spawn(move || push(&mailbox, &runs, 2))
        };
        // The very envelope that the word still points to, or that another one links to by now.
        let mut letter = mailbox.lone().expect("the lone message");
        letter.session = 3;
        assert!(matches!(mailbox.push(letter, 0), Push::Delivered));
        assert!(!mailbox.rest_after());
        let mut got: Vec<i32> = mailbox.take_after().map(|letter| letter.session).collect();
        sender.join().expect("joined");
        while !turn(&mailbox, &mut got) {}
        got.sort_unstable();
        assert_eq!(got, [2, 3]);
        assert_eq!(mailbox.len(), 0);
    });
}

#[test]
fn a_close_takes_the_lone_message_too() {
    loom::model(|| {
        let mailbox = Arc::new(Mailbox::closed());
        mailbox.open();
        assert!(mailbox.rest());
        assert!(matches!(mailbox.push(letter(1), 0), Push::Schedule));
        let sender = {
            let mailbox = Arc::clone(&mailbox);
            thread::spawn(move || matches!(mailbox.push(letter(2), 0), Push::Delivered))
        };
        let got: Vec<i32> = mailbox.close().map(|letter| letter.session).collect();
        let delivered = sender.join().expect("joined");
        assert_eq!(got, if delivered { vec![1, 2] } else { vec![1] });
    });
}
