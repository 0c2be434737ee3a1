use super::*;

mod threads;

fn letter(session: i32) -> Letter {
    let mut letter = Letter::empty().expect("memory");
    letter.session = session;
    letter
}

fn sessions(batch: Batch) -> Vec<i32> {
    batch.map(|letter| letter.session).collect()
}

#[test]
fn messages_come_out_in_the_order_they_went_in() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    assert!(mailbox.rest());
    assert!(matches!(mailbox.push(letter(1), 0), Push::Schedule));
    assert!(matches!(mailbox.push(letter(2), 0), Push::Delivered));
    assert_eq!(mailbox.len(), 2);
    assert!(!mailbox.rest());
    assert_eq!(sessions(mailbox.take()), [1, 2]);
    assert!(mailbox.rest());
    assert!(mailbox.schedule());
    assert!(!mailbox.schedule());
}

#[test]
fn a_limit_counts_what_is_taken_out_but_not_delivered() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    for session in 0..3 {
        assert!(matches!(mailbox.push(letter(session), 3), Push::Delivered));
    }
    let batch = mailbox.take();
    assert!(matches!(mailbox.push(letter(3), 3), Push::Full(_)));
    mailbox.delivered(1, 2);
    assert!(matches!(mailbox.push(letter(3), 3), Push::Delivered));
    assert!(matches!(mailbox.push(letter(4), 3), Push::Full(_)));
    drop(batch);
    assert_eq!(sessions(mailbox.take()), [3]);
    assert!(mailbox.rest());
    assert_eq!(mailbox.len(), 0);
}

#[test]
fn a_lone_message_stays_in_the_word_until_the_service_rests() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    assert!(mailbox.rest());
    assert!(matches!(mailbox.push(letter(1), 1), Push::Schedule));
    let lone = mailbox.lone().expect("a lone message");
    assert_eq!(lone.session, 1);
    assert!(matches!(mailbox.push(letter(2), 1), Push::Full(_)));
    drop(lone);
    assert!(mailbox.rest_after());
    assert_eq!(mailbox.len(), 0);

    assert!(matches!(mailbox.push(letter(3), 0), Push::Schedule));
    // Sent on to its own receiver: the stack leads back to where it ends.
    let lone = mailbox.lone().expect("a lone message");
    assert!(matches!(mailbox.push(letter(4), 0), Push::Delivered));
    assert!(matches!(mailbox.push(lone, 0), Push::Delivered));
    assert!(mailbox.lone().is_none());
    assert!(!mailbox.rest_after());
    assert_eq!(sessions(mailbox.take_after()), [4, 3]);
    assert_eq!(mailbox.len(), 2);
    mailbox.delivered(2, 0);
    assert!(mailbox.rest());
}

#[test]
fn nothing_is_admitted_behind_a_close() {
    let mailbox = Mailbox::closed();
    assert!(matches!(mailbox.push(letter(1), 0), Push::Closed(_)));
    mailbox.open();
    assert!(matches!(mailbox.push(letter(1), 0), Push::Delivered));
    assert_eq!(sessions(mailbox.close()), [1]);
    assert!(matches!(mailbox.push(letter(2), 0), Push::Closed(_)));
    assert!(!mailbox.schedule());
}

#[test]
#[cfg_attr(miri, ignore = "would take minutes")]
fn the_count_saturates_and_the_batch_knows_the_truth() {
    let mailbox = Mailbox::closed();
    mailbox.open();
    for session in 0..70_000 {
        assert!(matches!(mailbox.push(letter(session), 0), Push::Delivered));
    }
    assert_eq!(mailbox.len(), COUNT_MAX);
    assert_eq!(mailbox.take().len(), 70_000);
}

#[test]
fn each_sender_keeps_its_order_and_the_service_is_scheduled_once() {
    use std::sync::Arc;
    const SENDERS: i32 = 4;
    const EACH: i32 = if cfg!(miri) { 50 } else { 20_000 };
    let mailbox = Arc::new(Mailbox::closed());
    mailbox.open();
    assert!(mailbox.rest());
    let (run, runs) = std::sync::mpsc::channel();
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            let (mailbox, run) = (Arc::clone(&mailbox), run.clone());
            std::thread::Builder::new()
                .spawn(move || {
                    for number in 0..EACH {
                        if let Push::Schedule = mailbox.push(letter(sender * EACH + number), 0) {
                            run.send(()).unwrap();
                        }
                    }
                })
                .unwrap()
        })
        .collect();
    let mut next = [0; SENDERS as usize];
    let mut received = 0;
    while received < SENDERS * EACH {
        runs.recv().unwrap();
        loop {
            for session in sessions(mailbox.take()) {
                let sender = (session / EACH) as usize;
                assert_eq!(session % EACH, next[sender]);
                next[sender] += 1;
                received += 1;
            }
            if mailbox.rest() {
                break;
            }
        }
    }
    senders
        .into_iter()
        .for_each(|sender| sender.join().unwrap());
    assert!(runs.try_recv().is_err());
}
