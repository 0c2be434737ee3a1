//! An input as choices and data: targets that need more than bytes take it apart.

use arbitrary::{Arbitrary, Unstructured};

/// An input that is being taken apart. When it is used up, every choice is the first and all data are empty.
#[derive(Debug)]
pub struct Input<'a>(Unstructured<'a>);

impl<'a> Input<'a> {
    /// All of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    /// A value of any kind.
    pub fn any<T: Arbitrary<'a> + Default>(&mut self) -> T {
        self.0.arbitrary().unwrap_or_default()
    }

    /// A number below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0.int_in_range(0..=bound - 1).unwrap_or(0)
    }

    /// A number that is often one of those at which something changes.
    pub fn edge(&mut self, edges: &[u64]) -> u64 {
        match self.below(4) {
            0 => self.any(),
            1 => u64::from(self.any::<u8>()),
            _ if edges.is_empty() => 0,
            choice => {
                let edge = edges[self.below(edges.len())];
                if choice == 2 {
                    edge
                } else {
                    edge.wrapping_add(self.below(3) as u64).wrapping_sub(1)
                }
            }
        }
    }

    /// At most `most` of the next bytes.
    pub fn bytes(&mut self, most: usize) -> &'a [u8] {
        let len = usize::from(self.any::<u16>()).min(most).min(self.0.len());
        self.0.bytes(len).unwrap_or_default()
    }

    /// A text of at most `most` bytes; what is not UTF-8 is replaced.
    pub fn text(&mut self, most: usize) -> String {
        String::from_utf8_lossy(self.bytes(most)).into_owned()
    }

    /// Everything that is left.
    #[must_use]
    pub fn rest(self) -> &'a [u8] {
        self.0.take_rest()
    }

    /// Whether everything was used.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `bytes` in pieces, cut as `cuts` says; some of them may be empty.
#[must_use]
pub fn pieces<'a>(bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    let mut rest = bytes;
    let mut cuts = cuts.iter().cycle();
    while !rest.is_empty() {
        // Small cuts are where decoders keep state; without any the whole is one piece.
        let len = match cuts.next() {
            None => rest.len(),
            Some(&cut @ 0..=99) => usize::from(cut % 8),
            Some(&cut @ 100..=199) => usize::from(cut),
            Some(&cut) => usize::from(cut) * 37,
        };
        let (piece, behind) = rest.split_at(len.min(rest.len()));
        pieces.push(piece);
        rest = behind;
        if len == 0 && pieces.len() > bytes.len() {
            pieces.push(std::mem::take(&mut rest));
        }
    }
    pieces
}
