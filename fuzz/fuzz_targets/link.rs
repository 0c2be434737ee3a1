//! `link` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("link");
