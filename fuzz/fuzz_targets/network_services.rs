//! `network_services` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("network_services");
