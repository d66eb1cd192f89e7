#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kvstore_fuzz::peers(bytes));
