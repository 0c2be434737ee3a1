//! `cluster_server` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("cluster_server");
