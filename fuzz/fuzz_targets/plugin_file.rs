//! `plugin_file` under libFuzzer.
#![no_main]

skynet_fuzz::libfuzzer!("plugin_file");
