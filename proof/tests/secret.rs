//! Secrets, and what they prove.
#![allow(clippy::unwrap_used)] // a panic is how a test fails

use skynet_proof::{MAX_SECRET, MIN_SECRET, Secret};

#[test]
fn a_proof_is_that_of_another_implementation() {
    // A published test case, RFC 4231, 4.7: a key of 131 bytes.
    let secret = Secret::read([0xaa; 131]).unwrap();
    let about = b"Test Using Larger Than Block-Size Key - Hash Key First";
    let proof = secret.mac(&[about]).bytes();
    let hex: String = proof.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
    );
    let (first, second) = about.split_at(20);
    assert!(secret.mac(&[first, second]).verify(&proof));
}

#[test]
fn a_proof_holds_for_its_secret_and_its_parts_alone() {
    let secret = Secret::read("0123456789abcdef").unwrap();
    let proof = secret.mac(&[b"one", b"two"]).bytes();
    assert!(secret.mac(&[b"one", b"two"]).verify(&proof));
    assert!(!secret.mac(&[b"one", b"twO"]).verify(&proof));
    let other = Secret::read("0123456789abcdeF").unwrap();
    assert!(!other.mac(&[b"one", b"two"]).verify(&proof));
    assert!(!secret.mac(&[b"one", b"two"]).verify(&proof[..31]));
    assert!(!secret.mac(&[b"one", b"two"]).verify(b""));
    for bit in 0..256 {
        let mut wrong = proof;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(!secret.mac(&[b"one", b"two"]).verify(&wrong));
    }
}

#[test]
fn a_secret_has_its_length_and_is_not_shown() {
    for len in [0, MIN_SECRET - 1, MAX_SECRET + 1] {
        let error = Secret::read("k".repeat(len)).unwrap_err();
        assert_eq!(error.found, len);
        assert!(!error.to_string().contains("kk"));
    }
    for len in [MIN_SECRET, MAX_SECRET] {
        assert!(Secret::read("k".repeat(len)).is_ok());
    }
    let secret = Secret::read("0123456789abcdef").unwrap();
    assert_eq!(format!("{secret:?} {:?}", secret.mac(&[])), "Secret Mac");
}

#[test]
fn one_line_end_is_no_part_of_a_secret() {
    let proof = |text: &str| Secret::read(text).unwrap().mac(&[b"x"]).bytes();
    let plain = proof("0123456789abcdef");
    assert_eq!(proof("0123456789abcdef\n"), plain);
    assert_eq!(proof("0123456789abcdef\r\n"), plain);
    assert_ne!(proof("0123456789abcdef\n\n"), plain);
    assert_ne!(proof("0123456789abcdef\r"), plain);
    assert_eq!(Secret::read("0123456789abcde\n").unwrap_err().found, 15);
}
