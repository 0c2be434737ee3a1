//! A smaller input that shows the same.

use std::time::Instant;

/// Leaves out as much of `input` as it can while `fails`, and makes the rest plain, until `deadline`.
#[must_use]
pub fn shrink(input: &[u8], deadline: Instant, fails: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut size = best.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < best.len() {
            if Instant::now() >= deadline {
                return best;
            }
            let mut without = best.clone();
            without.drain(at..best.len().min(at + size));
            if fails(&without) {
                best = without;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    for at in 0..best.len() {
        if best[at] == b'0' || Instant::now() >= deadline {
            continue;
        }
        let kept = std::mem::replace(&mut best[at], b'0');
        if !fails(&best) {
            best[at] = kept;
        }
    }
    best
}
