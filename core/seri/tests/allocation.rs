//! Hostile messages buy no memory: what is allocated stays in proportion to what was sent.
#![allow(clippy::unwrap_used)] // a panic is how a test fails
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use skynet_seri::{Reader, Value, decode, encode, from_bytes, unpack};

/// Counts the bytes that the current thread holds, and the most it ever held.
struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn account(bytes: isize) {
    HELD.set(HELD.get() + bytes);
    MOST.set(MOST.get().max(HELD.get()));
}

// SAFETY: every call is passed on to the system allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        account(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most bytes that were held at a time while `work` ran.
fn most_held<T>(work: impl FnOnce() -> T) -> usize {
    let before = HELD.get();
    MOST.set(before);
    drop(work());
    (MOST.get() - before) as usize
}

/// Reading `bytes` in every way takes at most 160 bytes of memory for each of theirs, and a bit for open tables.
fn check(name: &str, bytes: &[u8]) {
    let bound = 160 * bytes.len() + 201 * 256 * 24;
    let check = |way: &str, held: usize| assert!(held <= bound, "{name}, {way}: {held} > {bound}");
    check("decode", most_held(|| decode(bytes)));
    check("unpack", most_held(|| unpack::<Vec<Value>>(bytes)));
    check("serde", most_held(|| from_bytes::<Vec<u64>>(bytes)));
    assert_eq!(
        most_held(|| Reader::new(bytes).count()),
        0,
        "{name}: views need no memory"
    );
}

/// Elements of a large message. Miri would take hours.
const MANY: usize = if cfg!(miri) { 1 << 8 } else { 1 << 20 };

#[test]
fn hostile_messages() {
    check("string of 4 GiB", b"\x25\xff\xff\xff\xff");
    check("array of 2^31", b"\xfe\x22\xff\xff\xff\x7f\x00");
    check(
        "array of 2^63",
        b"\xfe\x32\xff\xff\xff\xff\xff\xff\xff\x7f\x00",
    );
    check("a million empty tables", &[6, 0].repeat(MANY));
    check("nils", &[0; MANY]);
    check("nested tables", &[0x0e; MANY]);
    // Each of the nested arrays claims all that is left.
    let len = MANY;
    let claim = |left: usize| [&[0xfe, 0x22][..], &(left as u32 / 2).to_le_bytes()].concat();
    let claims: Vec<u8> = (0..150).flat_map(|_| claim(len)).collect();
    check("nested claims", &[claims, vec![0; len]].concat());
}

#[test]
fn a_message_is_written_with_little_more_than_its_size() {
    let len = MANY / 16;
    let value = Value::from(vec![Value::Integer(0); len]);
    let values = [value];
    assert!(most_held(|| encode(&values).unwrap()) <= 4 * len);
}
