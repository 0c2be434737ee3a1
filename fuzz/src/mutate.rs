//! Inputs from inputs: what the driver on stable feeds its targets.
//!
//! An input depends on the seed and its number alone, so that any of them can be made again.

use fastrand::Rng;

/// Numbers at which lengths and counters change their meaning.
const EXTREMES: &[u64] = &[
    0,
    1,
    2,
    0x1f,
    0x20,
    0x7f,
    0x80,
    0xff,
    0x100,
    0x7fff,
    0x8000,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    0xffff_ffff_ffff_ffff,
];

/// Makes inputs of a stock of good ones.
#[derive(Debug)]
pub struct Mutator {
    stock: Vec<Vec<u8>>,
    tokens: &'static [&'static [u8]],
    max_len: usize,
    seed: u64,
}

impl Mutator {
    /// A mutator of `stock`. Inputs have at most `max_len` bytes.
    #[must_use]
    pub fn new(
        mut stock: Vec<Vec<u8>>,
        tokens: &'static [&'static [u8]],
        max_len: usize,
        seed: u64,
    ) -> Self {
        stock.push(Vec::new());
        Self {
            stock,
            tokens,
            max_len,
            seed,
        }
    }

    /// Input number `number`: first the stock as it is, then mutations.
    #[must_use]
    pub fn input(&self, number: u64) -> Vec<u8> {
        if let Some(good) = usize::try_from(number)
            .ok()
            .and_then(|number| self.stock.get(number))
        {
            return good.clone();
        }
        // Neighbouring seeds of the generator give numbers that have nothing to do with each other.
        let mut rng = Rng::with_seed(self.seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut bytes = if rng.u8(..16) == 0 {
            let len = rng.usize(..64.min(self.max_len) + 1);
            std::iter::repeat_with(|| rng.u8(..)).take(len).collect()
        } else {
            self.any(&mut rng).to_vec()
        };
        // One to eight, more often few.
        let most = 1 << rng.u8(..4);
        for _ in 0..1 + rng.usize(..most) {
            self.mutate(&mut bytes, &mut rng);
        }
        bytes.truncate(self.max_len);
        bytes
    }

    /// One of the stock, more often a short one: many short inputs show more than a long one.
    fn any(&self, rng: &mut Rng) -> &[u8] {
        let one = &self.stock[rng.usize(..self.stock.len())];
        let other = &self.stock[rng.usize(..self.stock.len())];
        let swap = (one.len() > other.len()) != (rng.u8(..8) == 0);
        if swap { other } else { one }
    }

    fn mutate(&self, bytes: &mut Vec<u8>, rng: &mut Rng) {
        match rng.u8(..14) {
            0..=3 if !bytes.is_empty() => {
                let at = rng.usize(..bytes.len());
                bytes[at] = match rng.bool() {
                    true => bytes[at] ^ 1 << rng.u8(..8),
                    false => rng.u8(..),
                };
            }
            4 | 5 => set_number(bytes, rng),
            6 => set_decimal(bytes, rng),
            7 => {
                bytes.drain(part(bytes, rng));
            }
            8 => bytes.truncate(rng.usize(..=bytes.len())),
            9 => self.repeat(bytes, rng),
            10 => {
                let piece = {
                    let other = self.any(rng);
                    other[part(other, rng)].to_vec()
                };
                put(bytes, &piece, rng);
            }
            11 | 12 if !self.tokens.is_empty() => {
                put(bytes, self.tokens[rng.usize(..self.tokens.len())], rng);
            }
            13 => {
                let piece = bytes[part(bytes, rng)].to_vec();
                put(bytes, &piece, rng);
            }
            _ => {
                let piece: Vec<u8> = (0..=rng.u8(..8)).map(|_| rng.u8(..)).collect();
                put(bytes, &piece, rng);
            }
        }
    }

    /// Doubles a part again and again: depth, and length.
    fn repeat(&self, bytes: &mut Vec<u8>, rng: &mut Rng) {
        let range = part(bytes, rng);
        let piece = &bytes[range.clone()];
        // Seldom as much as fits: long inputs are slow ones.
        let room = self.max_len.saturating_sub(bytes.len());
        let room = match rng.u8(..32) {
            0 => room,
            1 => room.min(1 << 13),
            _ => room.min(512),
        };
        let most = room / piece.len().max(1);
        let more = piece.repeat(most.min(1 << rng.u8(..17)));
        bytes.splice(range.end..range.end, more);
    }
}

/// A part of `bytes`, more often a short one.
fn part(bytes: &[u8], rng: &mut Rng) -> std::ops::Range<usize> {
    let start = rng.usize(..=bytes.len());
    let most = (bytes.len() - start).min(1 << rng.u8(..16));
    start..start + rng.usize(..=most)
}

/// Puts `piece` somewhere in between, or over what is there.
fn put(bytes: &mut Vec<u8>, piece: &[u8], rng: &mut Rng) {
    let at = rng.usize(..=bytes.len());
    let end = if rng.bool() {
        at
    } else {
        bytes.len().min(at + piece.len())
    };
    bytes.splice(at..end, piece.iter().copied());
}

/// Sets a field of 1 to 8 bytes to a number at which something changes, or near one, or near the number of bytes behind.
fn set_number(bytes: &mut [u8], rng: &mut Rng) {
    let width = 1 << rng.u8(..4);
    if bytes.len() < width {
        return;
    }
    let at = rng.usize(..=bytes.len() - width);
    let base = match rng.u8(..4) {
        0 => (bytes.len() - at - width) as u64,
        1 => bytes.len() as u64,
        _ => EXTREMES[rng.usize(..EXTREMES.len())],
    };
    let number = base.wrapping_add(rng.u64(..5)).wrapping_sub(2);
    let field = &mut bytes[at..at + width];
    if rng.bool() {
        field.copy_from_slice(&number.to_le_bytes()[..width]);
    } else {
        field.copy_from_slice(&number.to_be_bytes()[8 - width..]);
    }
}

/// Replaces a run of digits, or a byte, by another number in digits.
fn set_decimal(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let start = rng.usize(..=bytes.len());
    let digits = bytes[start..].iter().take_while(|b| b.is_ascii_digit());
    let end = start + digits.count();
    let base = EXTREMES[rng.usize(..EXTREMES.len())];
    let number = i128::from(base) + i128::from(rng.u8(..3)) - 1;
    let text = if rng.u8(..4) == 0 {
        format!("{number:x}")
    } else {
        number.to_string()
    };
    bytes.splice(start..end, text.into_bytes());
}
