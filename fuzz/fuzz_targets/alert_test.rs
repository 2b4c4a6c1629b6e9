#![no_main]

use graphite_pager_fuzz::checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::of("alert_test")(data));
