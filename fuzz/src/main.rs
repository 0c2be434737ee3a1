//! Feeds the targets inputs of its own making, on any toolchain.

use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: skynet_fuzz::memory::Counting = skynet_fuzz::memory::Counting;

fn main() -> ExitCode {
    skynet_fuzz::driver::main()
}
