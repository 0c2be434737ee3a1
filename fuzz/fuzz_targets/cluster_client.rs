//! `cluster_client` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("cluster_client");
