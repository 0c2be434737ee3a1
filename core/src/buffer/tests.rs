use skynet_abi::{FLAG_CALL, FLAG_REDIRECTED};

use super::*;

#[test]
fn a_letter_carries_its_payload_and_a_hidden_zero() {
    let mut letter = Letter::copy(b"hello").unwrap();
    letter.source = 7;
    assert_eq!(letter.payload(), b"hello");
    // SAFETY: one byte behind the payload is allocated.
    let end = unsafe { letter.data.add(5) };
    // SAFETY: and written.
    assert_eq!(unsafe { *end }, 0);
    assert_eq!(letter.data as usize % 16, 0);
    assert_eq!(letter.message().source, 7);
}

#[test]
fn a_kept_payload_is_sent_on_without_a_copy() {
    let mut letter = Letter::copy(b"hello").unwrap();
    letter.flags = (FLAG_CALL | FLAG_REDIRECTED) as u16;
    let at = letter.data;
    assert_eq!(letter.lend(7).give(), 5);
    // SAFETY: the one ownership that `give` left to the receiver.
    let kept = unsafe { Buffer::from_raw(NonNull::new(at).unwrap()) };
    assert_eq!(kept.take_kept(), Some((7, 5)));
    assert_eq!(kept.take_kept(), None);
    let again = Letter::from_buffer(kept, 4);
    assert_eq!((again.data, again.payload()), (at, &b"hell"[..]));
    assert_eq!(again.message().flags, 0, "those of the message it came in");
}

#[test]
fn a_payload_that_the_receiver_shared_is_sent_on_like_any_other() {
    let mut letter = Letter::copy(b"hello").unwrap();
    letter.flags = FLAG_CALL as u16;
    let at = NonNull::new(letter.data).unwrap();
    let lent = letter.lend(7);
    // SAFETY: lent to the receiver, which adds an ownership of its own and gives back what it was lent.
    let seen = std::mem::ManuallyDrop::new(unsafe { Buffer::from_raw(at) });
    let own = seen.share();
    lent.take_back();
    assert!(!own.is_shared());
    assert_eq!(own.take_kept(), None);
    assert_eq!(Letter::from_buffer(own, 5).message().flags, 0);
}

#[test]
fn shared_payloads_are_copied_only_to_be_changed() {
    let payload = Buffer::concat(&[b"sha", b"red"]).unwrap();
    let members: Vec<Letter> = (0..3)
        .map(|_| Letter::shared(payload.share(), 6).unwrap())
        .collect();
    assert!(payload.is_shared());
    assert!(members.iter().all(|member| member.payload() == b"shared"));
    let mut kept: Vec<Buffer> = members.into_iter().map(Letter::into_buffer).collect();
    let own = kept.pop().unwrap();
    // SAFETY: six bytes were written.
    let copy = unsafe { own.unique(6) }.unwrap();
    assert_ne!(copy.as_ptr(), payload.as_ptr());
    drop((kept, copy));
    assert!(!payload.is_shared());
    let at = payload.as_ptr();
    // SAFETY: six bytes were written.
    assert_eq!(unsafe { payload.unique(6) }.unwrap().as_ptr(), at);
}

#[test]
fn a_name_lives_as_long_as_its_letter() {
    let mut letter = Letter::empty().unwrap();
    letter.set_name(*b"GLOBAL\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(letter.name().map(|name| &name[..6]), Some(&b"GLOBAL"[..]));
    assert_eq!(letter.into_buffer().capacity(), 0);
}

#[test]
fn growing_keeps_the_bytes_and_absurd_sizes_are_refused() {
    let buffer = Buffer::concat(&[b"abc"]).unwrap();
    // SAFETY: three bytes were written.
    let larger = unsafe { buffer.grow(3, 100) }.unwrap();
    assert!(larger.capacity() >= 100);
    // SAFETY: three bytes were copied.
    assert_eq!(unsafe { larger.bytes(3) }, b"abc");
    assert_eq!(Buffer::with_capacity(usize::MAX).unwrap_err(), NoMemory);
}

#[test]
fn what_is_not_kept_is_freed_and_members_give_one_count() {
    Letter::copy(b"hello").unwrap().lend(7).take_back();
    let payload = Buffer::concat(&[b"shared"]).unwrap();
    Letter::shared(payload.share(), 6)
        .unwrap()
        .lend(7)
        .take_back();
    assert!(!payload.is_shared());
    assert_eq!(
        Letter::shared(payload.share(), 6).unwrap().lend(7).give(),
        0
    );
    assert!(payload.is_shared());
    // SAFETY: the ownership that `give` left to the receiver.
    drop(unsafe { Buffer::from_raw(NonNull::new(payload.as_ptr()).unwrap()) });
    assert!(!payload.is_shared());
}
