//! Services that use everything of a network and check what it promises; scenarios drive them through the probe.
//!
//! * `test_net [NAME [TAG]]`: does and suffers what it is told, see `net.rs`;
//! * `test_source`, `test_sink`, `test_relay`: numbered messages of many sizes, and whether they come in order.

mod net;
mod pattern;
mod relay;
mod sdk;
mod sink;
mod source;
mod values;

skynet_service::export! {
    test_net: net::Net,
    test_source: source::Source,
    raw test_sink: sink::Sink,
    test_relay: relay::Relay,
}
