//! A network with a secret.

use skynet_harbor_wire::{MasterLink, MasterRole};

use super::*;

const SECRET: &str = "correct horse battery staple";

fn with_secret(epoch: u64) -> Extension {
    Extension {
        secret: true,
        ..life(epoch)
    }
}

fn said(link: Link, id: u8, epoch: u64, text: &str) -> (String, [u8; 32], [u8; 32]) {
    let address = address(link);
    let secret = Secret::read(text).unwrap();
    let said = MasterLink {
        slave_nonce: [1; 8],
        master_nonce: NONCE,
        id,
        epoch,
        address: &address,
    };
    let slave = said.prove(&secret, MasterRole::Slave);
    let master = said.prove(&secret, MasterRole::Master);
    (address, slave, master)
}

fn challenge(to: Link) -> (Link, Got) {
    packet(to, FromMaster::Challenge { nonce: NONCE })
}

#[test]
fn who_knows_the_secret_is_welcome_and_learns_that_the_master_knows_it() {
    let mut stage = Stage::fresh(Some(SECRET));
    assert_eq!(stage.hello(10, 1, Some(with_secret(11))), [challenge(10)]);
    let (_, proof, of_master) = said(10, 1, 11, SECRET);
    let extension = Some(Welcome {
        id: 1,
        epoch: EPOCH,
        proof: Some(of_master),
    });
    let welcome = FromMaster::Welcome {
        dialers: 0,
        extension,
    };
    assert_eq!(
        stage.packet(10, ToMaster::Proof { proof }),
        [packet(10, welcome)]
    );
}

#[test]
fn who_does_not_know_the_secret_is_refused() {
    let mut stage = Stage::fresh(Some(SECRET));
    // A wrong proof, the master's own sent back, and none.
    let (_, wrong, _) = said(10, 1, 11, "incorrect horse battery staple");
    let (_, _, reflected) = said(10, 1, 11, SECRET);
    for proof in [wrong, reflected, [0; 32]] {
        stage.hello(10, 1, Some(with_secret(11)));
        let got = stage.packet(10, ToMaster::Proof { proof });
        assert_eq!(
            got,
            [refused(10, "node 1 does not know the secret"), end(10)]
        );
    }
    stage.hello(10, 1, Some(with_secret(11)));
    assert_eq!(
        stage.packet(10, ToMaster::Goodbye),
        [refused(10, "its second packet is no proof"), end(10)]
    );
    stage.hello(10, 1, Some(with_secret(11)));
    let text = "it has not proven that it knows the secret within 3 s";
    assert_eq!(stage.later(ms(3000)), [refused(10, text), end(10)]);
}

#[test]
fn both_have_a_secret_or_none() {
    let mut stage = Stage::fresh(Some(SECRET));
    let text = "node 1 has no secret, and the master has one (harbor_secret)";
    assert_eq!(
        stage.hello(10, 1, Some(life(11))),
        [refused(10, text), end(10)]
    );
    assert_eq!(stage.hello(11, 1, None), [end(11)]);
    let mut stage = Stage::fresh(None);
    let text = "node 1 has a secret, and the master has none (harbor_secret)";
    assert_eq!(
        stage.hello(10, 1, Some(with_secret(11))),
        [refused(10, text), end(10)]
    );
}
