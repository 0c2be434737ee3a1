//! The driver's parts: inputs that can be made again, pieces, smaller inputs, memory.

use std::time::{Duration, Instant};

use skynet_fuzz::driver::shrink::shrink;
use skynet_fuzz::input::pieces;
use skynet_fuzz::memory::{Counting, most_held, within};
use skynet_fuzz::mutate::Mutator;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_input_depends_on_seed_and_number_alone() {
    let mutator = |seed| {
        let stock = vec![b"one".to_vec(), vec![b'x'; 5000]];
        Mutator::new(stock, &[b"token"], 6000, seed)
    };
    let (one, same, other) = (mutator(1), mutator(1), mutator(2));
    let inputs: Vec<_> = (0..2000).map(|number| one.input(number)).collect();
    assert!(
        (0..2000)
            .rev()
            .all(|number| same.input(number) == inputs[number as usize])
    );
    let alike = (0..2000).filter(|number| other.input(*number) == inputs[*number as usize]);
    assert!(alike.count() < 200);
    assert!(inputs.iter().all(|input| input.len() <= 6000));
    assert_eq!(inputs[0], b"one");
    assert!(
        inputs
            .iter()
            .any(|input| input.windows(5).any(|part| part == b"token"))
    );
}

#[test]
fn pieces_are_all_of_it() {
    let bytes: Vec<u8> = (0..=255).cycle().take(3000).collect();
    for cuts in [
        &b""[..],
        b"\0",
        b"\0\0\x01",
        b"\x07",
        b"\xff",
        b"\x78\x03\0\xc8",
        b"\0\xff",
    ] {
        assert_eq!(pieces(&bytes, cuts).concat(), bytes, "{cuts:?}");
    }
    assert_eq!(pieces(&bytes, b"").len(), 1);
    assert_eq!(pieces(&bytes, b"\x01").len(), 3000);
    assert!(pieces(b"", b"\x01").is_empty());
}

#[test]
fn what_matters_is_left_of_an_input() {
    let input = b"some text with X in it and Y behind";
    let fails = |input: &[u8]| input.contains(&b'X') && input.ends_with(b"behind");
    let deadline = Instant::now() + Duration::from_secs(60);
    assert_eq!(shrink(input, deadline, fails), b"Xbehind");
    assert_eq!(shrink(b"", deadline, |_| true), b"");
}

#[test]
fn the_most_memory_at_a_time_is_counted() {
    let (_, most) = most_held(|| {
        drop(vec![0_u8; 1000]);
        let (_, inner) = most_held(|| drop(vec![0_u8; 3000]));
        assert_eq!(inner, 3000);
        vec![0_u8; 500]
    });
    assert_eq!(most, 3000);
    let caught = std::thread::Builder::new()
        .spawn(|| within(999, "it", || drop(vec![0_u8; 1000])))
        .unwrap();
    assert!(caught.join().is_err());
}
