#![no_main]

use std::panic;

use graphite_pager_fuzz::checks;

libfuzzer_sys::fuzz_target!(
    init: {
        // the agent survives where lettre panics (`src/deliver/smtp.rs`); libFuzzer's own hook
        // would end the run there
        let end = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let within = |at: &panic::Location<'_>| at.file().contains("/lettre-");
            if !info.location().is_some_and(within) {
                end(info);
            }
        }));
    },
    |data: &[u8]| checks::of("smtp")(data)
);
