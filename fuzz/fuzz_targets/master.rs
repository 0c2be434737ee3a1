//! `master` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("master");
