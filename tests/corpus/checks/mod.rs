//! What must hold for any input, one check a target of the fuzzer.
//!
//! The fuzzer (`fuzz/`) calls a check with inputs that it makes up;
//! `tests/corpus.rs` calls it with every file that is kept in
//! `tests/corpus/TARGET/`. A check panics where something does not hold, so it
//! says more than "no panic": where it can, it compares with a second way to
//! the same answer that is slow and obvious.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod alert_tests;
mod answers;
pub mod calendar;
mod configuration;
mod decoders;
mod json;
mod source;
pub mod stored;
mod templates;
mod words;

/// One target: its name and its check.
pub type Target = (&'static str, fn(&[u8]));

/// Every target; the fuzzer has a file of the same name for each.
pub const TARGETS: [Target; 12] = [
    ("raw", decoders::raw),
    ("json", decoders::json),
    ("decoders_agree", decoders::agree),
    ("target", words::target),
    ("threshold", words::threshold),
    ("schedule", words::schedule),
    ("configuration", configuration::load),
    ("alert_test", alert_tests::alert_test),
    ("template", templates::template),
    ("smtp", answers::smtp),
    ("http", answers::http),
    ("stored", stored::stored),
];

/// The check of the target `name`.
pub fn of(name: &str) -> fn(&[u8]) {
    TARGETS
        .iter()
        .find(|(known, _)| *known == name)
        .unwrap_or_else(|| panic!("there is no target `{name}`"))
        .1
}

/// What is shown to people on one line is one harmless line of bounded length.
#[track_caller]
fn is_a_line(words: &str, most: usize) {
    assert!(
        !words.chars().any(char::is_control),
        "a control character in {words:?}"
    );
    let length = words.chars().count();
    assert!(length <= most, "{length} characters: {words:?}");
}
