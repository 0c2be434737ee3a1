//! The connection to the master.

use skynet_harbor_wire::{MasterLink, MasterRole};

use super::*;

const SECRET: &str = "correct horse battery staple";
const NONCE: [u8; 16] = [9; 16];

impl Stage {
    /// Lets time pass in which the master answers every beat.
    pub(super) fn keep_master_awake(&mut self, time: Duration) -> Vec<Action> {
        let end = self.now + time;
        let mut got = Vec::new();
        while self.now < end {
            let step = ms(500).min(end - self.now);
            got.extend(self.pass(step));
            got.extend(self.packet(FromMaster::Beat { number: 2 }));
        }
        got
    }
}

fn with_secret() -> Rules {
    Rules {
        secret: Some(Secret::read(SECRET).unwrap()),
        ..rules()
    }
}

fn prove(secret: &str, prover: MasterRole) -> [u8; 32] {
    let said = MasterLink {
        slave_nonce: [1; 8],
        master_nonce: NONCE,
        id: 7,
        epoch: EPOCH,
        address: ADDRESS,
    };
    said.prove(&Secret::read(secret).unwrap(), prover)
}

/// A node with a secret that has said hello.
fn challenged() -> Stage {
    let mut stage = Stage::with(with_secret());
    stage.node.connected(stage.now);
    let asks = Extension {
        secret: true,
        ..extension()
    };
    assert_eq!(stage.take(), [hello(7, asks)]);
    stage
}

#[test]
fn both_sides_prove_that_they_know_the_secret() {
    let mut stage = challenged();
    let proof = prove(SECRET, MasterRole::Slave);
    assert_eq!(
        stage.packet(FromMaster::Challenge { nonce: NONCE }),
        [Action::ToMaster(ToMaster::Proof { proof })]
    );
    let proof = Some(prove(SECRET, MasterRole::Master));
    assert!(
        stage
            .packet(welcome_as(0, 7, proof))
            .contains(&Action::Joined)
    );
}

#[test]
fn a_master_that_does_not_prove_the_secret_is_refused() {
    let wrong = [
        None,
        Some(prove("incorrect horse battery staple", MasterRole::Master)),
        Some(prove(SECRET, MasterRole::Slave)),
    ];
    for proof in wrong {
        let mut stage = challenged();
        stage.packet(FromMaster::Challenge { nonce: NONCE });
        let got = stage.packet(welcome_as(0, 7, proof));
        assert!(fails_with(&got, "does not prove the secret"), "{got:?}");
    }
    // Neither is one that does not ask for ours, nor an unmodified one.
    let proof = Some(prove(SECRET, MasterRole::Master));
    let got = challenged().packet(welcome_as(0, 7, proof));
    assert!(fails_with(&got, "does not prove the secret"), "{got:?}");
    let got = challenged().packet(plain_welcome(0));
    assert!(fails_with(&got, "does not prove the secret"), "{got:?}");
}

#[test]
fn a_node_that_has_joined_outlives_an_impostor_of_its_master() {
    let mut stage = challenged();
    let challenge = || FromMaster::Challenge { nonce: NONCE };
    stage.packet(challenge());
    let right = Some(prove(SECRET, MasterRole::Master));
    stage.packet(welcome_as(0, 7, right));
    let mut warnings = 0;
    for proof in [None, Some([0; 32]), Some([1; 32]), right] {
        stage.node.disconnected("closed", stage.now);
        let got = stage.pass(ms(1000));
        assert!(got.contains(&Action::Connect), "{got:?}");
        stage.node.connected(stage.now);
        stage.packet(challenge());
        let got = stage.packet(welcome_as(0, 7, proof));
        let is_closed = got.contains(&Action::Disconnect);
        assert_eq!(is_closed, proof != right, "{got:?}");
        assert!(
            !got.iter().any(|it| matches!(it, Action::Fail(_))),
            "{got:?}"
        );
        let said = |(level, text): &&(Level, String)| {
            *level == Level::Warn && text.contains("does not prove the secret")
        };
        warnings += stage.logs.iter().filter(said).count();
        stage.logs.clear();
    }
    assert_eq!(warnings, 1);
}

#[test]
fn a_node_without_a_secret_cannot_prove_one() {
    let mut stage = Stage::greeted();
    let got = stage.packet(FromMaster::Challenge { nonce: NONCE });
    assert!(
        fails_with(&got, "wants a secret, and this node has none"),
        "{got:?}"
    );
}

#[test]
fn the_first_packet_is_a_welcome() {
    let mut stage = Stage::greeted();
    assert_eq!(stage.packet(name("ECHO", 9)), [Action::Disconnect]);
    assert_eq!(stage.pass(ms(1000)), [Action::Connect]);
    // And one that comes at all.
    stage.node.connected(stage.now);
    stage.take();
    assert_eq!(stage.pass(ms(9_999)), []);
    assert_eq!(stage.pass(ms(1))[0], Action::Disconnect);
}

#[test]
fn our_master_is_sent_beats_and_its_probes() {
    let mut stage = Stage::joined();
    stage.node.tick(ms(749));
    assert_eq!(stage.take(), []);
    stage.node.tick(ms(750));
    let beat = |number| Action::ToMaster(ToMaster::Beat { number });
    assert_eq!(stage.take(), [beat(2)]);
    stage.now = ms(750);
    assert_eq!(stage.packet(FromMaster::Beat { number: 2 }), []);
    assert_eq!(stage.packet(FromMaster::Beat { number: 31 }), [beat(31)]);
    stage.node.tick(ms(1500));
    assert_eq!(stage.take(), [beat(4)]);
}

#[test]
fn a_master_that_is_silent_is_lost() {
    let mut stage = Stage::joined();
    assert_eq!(stage.keep_master_awake(ms(60_000)), []);
    assert_eq!(stage.pass(ms(2_999)), []);
    assert_eq!(stage.pass(ms(1)), [Action::Disconnect]);
    assert!(stage.has_log("it has been silent for 3 s; it is made again"));
    assert!(
        !stage
            .rejoin()
            .iter()
            .any(|action| matches!(action, Action::Fail(_)))
    );
    assert!(stage.has_log("the master at master:2013 is back"));
    // An unmodified one has nothing to say, and is sent no beats.
    let mut stage = Stage::joined_stock();
    assert_eq!(stage.node.next_deadline(), None);
    assert_eq!(stage.pass(ms(60_000)), []);
}

#[test]
fn a_node_that_stood_still_does_not_blame_the_master() {
    let mut stage = Stage::joined();
    stage.node.tick(ms(20_000));
    let beat = Action::ToMaster(ToMaster::Beat { number: 2 });
    assert_eq!(stage.take(), [beat]);
    // But does not trust it for ever.
    stage.now = ms(20_000);
    assert_eq!(stage.pass(ms(3000)), [Action::Disconnect]);
}

#[test]
fn attempts_become_rarer_but_not_too_rare() {
    let mut stage = Stage::joined();
    stage.lose_master();
    let mut pauses = Vec::new();
    for _ in 0..8 {
        let begun = stage.now;
        while stage.pass(ms(1)) != [Action::Connect] {}
        pauses.push(u64::try_from((stage.now - begun).as_millis()).unwrap());
        stage.node.disconnected("refused", stage.now);
        assert_eq!(stage.take(), []);
    }
    let due = [100, 200, 400, 800, 1000, 1000, 1000, 1000];
    for (pause, due) in pauses.iter().zip(due) {
        assert!((due * 3 / 4..=due).contains(pause), "{pauses:?}");
    }
}

#[test]
fn a_node_that_was_thrown_out_tries_again_and_ends_when_its_id_is_another_ones() {
    let mut stage = Stage::joined();
    let text = "node 7 is no longer one".to_owned();
    let got = stage.packet(FromMaster::Refused { text });
    assert_eq!(got, [Action::Disconnect]);
    assert_eq!(stage.pass(ms(1000)), [Action::Connect]);
    stage.node.connected(stage.now);
    stage.take();
    let text = "id 7 is held by another".to_owned();
    let got = stage.packet(FromMaster::Refused { text });
    assert!(fails_with(&got, "id 7 is held by another"));
}

#[test]
fn garbage_ends_the_connection() {
    let mut stage = Stage::joined();
    stage.node.garbage("rubbish", stage.now);
    assert_eq!(stage.take(), [Action::Disconnect]);
    assert_eq!(stage.pass(ms(1000)), [Action::Connect]);
}

#[test]
fn only_our_master_is_told_goodbye() {
    assert_eq!(Stage::joined().node.goodbye(), Some(ToMaster::Goodbye));
    assert_eq!(Stage::joined_stock().node.goodbye(), None);
    let mut stage = Stage::joined();
    stage.lose_master();
    assert_eq!(stage.node.goodbye(), None);
}

#[test]
fn a_long_address_leaves_no_room_for_more() {
    let mut stage = Stage::with(rules());
    let address = "a".repeat(230);
    stage.node.rules.address.clone_from(&address);
    stage.node.connected(stage.now);
    let extension = None;
    let hello = ToMaster::Hello {
        id: 7,
        address,
        extension,
    };
    assert_eq!(stage.take(), [Action::ToMaster(hello)]);
}
