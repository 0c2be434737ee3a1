//! `cluster_hello` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("cluster_hello");
