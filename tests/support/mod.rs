//! What the black-box tests share: the agent as a process, and stand-ins for
//! what it talks to. Each test crate uses a part of it.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

pub mod agent;
pub mod bench;
pub mod bomb;
pub mod faults;
pub mod graphite;
pub mod http;
pub mod kept;
pub mod mime;
pub mod pagerduty;
pub mod proxy;
pub mod sink;
pub mod smtp;
pub mod talks;
pub mod tls;

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what should come soon, on a slow and busy machine.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Asks again and again until there is an answer; `None` after the deadline.
pub fn poll<T>(deadline: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + deadline;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
