//! `log_line` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("log_line");
