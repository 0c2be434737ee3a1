//! The services that `cargo xtask bench` measures. Unless a name says otherwise they are raw ones, so that the node is
//! measured and not the SDK.
//!
//! Each workload has a service that the node starts, which launches the others, and reports with one line in the log:
//! `bench NAME figure=NUMBER …`, or `bench NAME failed: why`. All numbers are integers, all times nanoseconds, all
//! memory bytes.
//!
//! * In a `conductor::Scene` services keep themselves busy. Nobody disturbs them: the `conductor::Conductor` reads
//!   counters that they keep on the `board`.
//! * What has an end by itself, such as launching so many services, is measured by the service that does it.

mod async_call;
mod board;
mod cluster;
mod conductor;
mod crowd;
mod echo;
mod fanin;
mod flooded;
mod latencies;
mod loaded;
mod members;
mod node;
mod pairs;
mod remote;
mod report;
mod ring;
mod timers;
mod wake;

use conductor::Conductor;
use skynet_service::export;

export! {
    raw bench_pairs: Conductor<pairs::Pairs>,
    raw bench_ping: pairs::Ping,
    raw bench_pong: pairs::Pong,
    raw bench_ring: Conductor<ring::Ring>,
    raw bench_link: ring::Link,
    raw bench_fanin: Conductor<fanin::FanIn>,
    raw bench_producer: fanin::Producer,
    raw bench_consumer: fanin::Consumer,
    raw bench_async: Conductor<async_call::AsyncCall>,
    bench_caller: async_call::Caller,
    bench_callee: async_call::Callee,
    raw bench_loaded: Conductor<loaded::Loaded>,
    raw bench_probe: loaded::Probe,
    raw bench_flooded: Conductor<flooded::Flooded>,
    raw bench_flooder: flooded::Flooder,
    raw bench_sink: flooded::Sink,
    raw bench_wake: wake::Waker,
    raw bench_woken: wake::Woken,
    raw bench_timers: Conductor<timers::Timers>,
    raw bench_timer: timers::Timer,
    raw bench_crowd: crowd::Crowd,
    raw bench_idle: members::Idle,
    bench_idle_async: members::IdleAsync,
    raw bench_member: members::Member,
    raw bench_echo: echo::Echo,
    raw bench_remote: Conductor<remote::Remote>,
    bench_far_caller: remote::Caller,
    bench_far_starter: remote::Starter,
    raw bench_far_sender: remote::Sender,
    bench_far: remote::Far,
    raw bench_far_echo: remote::Echo,
    raw bench_far_sink: remote::Sink,
    raw bench_cluster: Conductor<cluster::Cluster>,
    bench_cluster_starter: cluster::Starter,
    raw bench_cluster_caller: cluster::Caller,
    raw bench_cluster_pusher: cluster::Pusher,
    bench_cluster_far: cluster::Far,
    raw bench_cluster_sink: cluster::Sink,
}
