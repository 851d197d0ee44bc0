#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| signalbox_tests_fuzz::template(data));
