//! Fuzz targets: for every place that reads bytes or text from outside, one function that feeds it any bytes and
//! checks what must hold.
//!
//! ```text
//!   corpus/, seeds() ──► mutate.rs ──► Target::check ──► targets/*.rs ──► the product's decoders
//!                                        memory, panics     what must hold
//! ```
//! Two drivers run the same functions: the program of this package, on any toolchain, with a mutator of its own
//! (`cargo xtask fuzz`); and the programs of `fuzz_targets/` under libFuzzer (`cargo fuzz run`, nightly).
//!
//! What a target checks: no panic; memory and time in proportion to the input; what was decoded, encoded and decoded
//! again is the same; a stream in pieces gives what it gives at once; borrowed is as owned; limits are kept.

pub mod driver;
pub mod input;
pub mod memory;
pub mod mutate;
mod target;
pub mod targets;

pub use target::{Bound, Target};
pub use targets::{TARGETS, target};

/// The program of one target for libFuzzer.
#[cfg(feature = "libfuzzer")]
#[macro_export]
macro_rules! libfuzzer {
    ($name:literal) => {
        #[global_allocator]
        static ALLOCATOR: $crate::memory::Counting = $crate::memory::Counting;

        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            if let Some(target) = $crate::target($name) {
                target.check(bytes);
            }
        });
    };
}
