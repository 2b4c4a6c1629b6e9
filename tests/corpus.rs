//! Inputs that once broke something, and the seeds of the fuzzer: each goes
//! through the check of its target. What the fuzzer (`fuzz/run`) finds is kept
//! as `tests/corpus/TARGET/NAME`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

#[path = "corpus/checks/mod.rs"]
mod checks;

use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Every kept input and every seed of `target`.
fn every_input_holds(target: &str) {
    let check = checks::of(target);
    let kept = files(&root().join("tests/corpus").join(target));
    let seeds = files(&root().join("fuzz/seeds").join(target));
    assert!(!seeds.is_empty(), "`{target}` has no seeds");
    for file in kept.iter().chain(&seeds) {
        // shown where the check fails
        println!("{}", file.display());
        check(&std::fs::read(file).unwrap());
    }
    check(b"");
}

macro_rules! targets {
    ($($test:ident: $target:literal,)*) => {
        $(#[test]
        fn $test() {
            every_input_holds($target);
        })*

        const TESTED: &[&str] = &[$($target),*];
    };
}

targets! {
    raw_answers_are_read_as_a_naive_reader_does_or_refused: "raw",
    json_answers_are_read_as_a_naive_reader_does_or_refused: "json",
    both_formats_say_the_same_however_they_arrive: "decoders_agree",
    targets_and_times_are_taken_whole_or_refused_with_a_place: "target",
    thresholds_and_durations_mean_what_they_say: "threshold",
    schedules_and_hours_are_those_of_a_minute_by_minute_walk: "schedule",
    configurations_are_usable_or_refused_with_places: "configuration",
    tests_of_alerts_are_played_or_refused_with_places: "alert_test",
    templates_are_bounded_in_work_and_size: "template",
    mail_servers_may_answer_anything: "smtp",
    http_servers_may_answer_anything: "http",
    stored_rows_are_refused_or_gone_on_with: "stored",
}

#[test]
fn every_target_has_its_test_its_fuzzer_and_known_folders() {
    let known: Vec<&str> = checks::TARGETS.iter().map(|(name, _)| *name).collect();
    assert_eq!(TESTED, known);
    for name in &known {
        let fuzzer = root().join(format!("fuzz/fuzz_targets/{name}.rs"));
        let text = std::fs::read_to_string(&fuzzer).unwrap_or_default();
        assert!(
            text.contains(&format!("checks::of(\"{name}\")")),
            "{}",
            fuzzer.display()
        );
    }
    for folder in ["tests/corpus", "fuzz/seeds"] {
        for path in files(&root().join(folder)) {
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(
                known.contains(&name) || name == "checks",
                "{}",
                path.display()
            );
        }
    }
}
