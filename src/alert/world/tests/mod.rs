//! The world driven through time, without a clock: whole days in microseconds.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod bench;
mod judging;
mod outage;
mod silence;
