//! The services that `cargo xtask bench` measures: raw ones, so that the node is measured and not the SDK.
//!
//! A service reports with one line in the log: `bench NAME COUNT in NANOSECONDS ns`.

mod echo;
mod pingpong;
mod report;

use skynet_service::export;

export! {
    raw pingpong: pingpong::Ping,
    raw bench_pong: pingpong::Pong,
    raw bench_echo: echo::Echo,
}
