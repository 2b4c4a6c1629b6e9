//! Nothing lost, nothing told twice, nothing resolved falsely, whatever becomes
//! of the process: killed at any instant, paused, its machine without power.
//!
//! The real binary, a real SQLite file, real receivers on loopback. What they
//! saw is judged by `kills/checker.rs`, which knows nothing of the agent. Longer
//! runs: `KILLS`, `PAUSES`, `POWER_LOSSES` (how many), `KILLS_SEED`.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

mod kills {
    pub mod bench;
    pub mod checker;
    mod checker_tests;
    pub mod dice;
    pub mod disk;
    mod disk_tests;
    pub mod evidence;
    pub mod story;
}

use std::time::Instant;

use kills::story::{Story, Summary};

/// Agents that suffer side by side.
const LANES: u64 = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Tells `count` parts of a story on a few agents side by side, each with a seed
/// of its own.
fn tell(name: &str, count: u64, part: impl Fn(&str, u64, u64) -> Summary + Sync) {
    let seed = number("KILLS_SEED", 1);
    let begin = Instant::now();
    let mut whole = Summary::default();
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let share = count / LANES + u64::from(lane < count % LANES);
                let part = &part;
                scope.spawn(move || part(name, seed.wrapping_mul(1000).wrapping_add(lane), share))
            })
            .collect();
        for lane in lanes {
            match lane.join() {
                Ok(summary) => whole.add(&summary),
                Err(_) => panic!("{name} failed with KILLS_SEED={seed}"),
            }
        }
    });
    println!(
        "{name}: {whole}, in {:?}, KILLS_SEED={seed}",
        begin.elapsed()
    );
}

#[test]
fn an_agent_that_is_killed_at_any_point_loses_and_doubles_nothing() {
    tell("kills", number("KILLS", 60), |name, seed, count| {
        let mut story = Story::new(name, seed);
        let mut agent = story.start();
        for _ in 0..count {
            story.kill(&mut agent);
            agent = story.start();
        }
        story.end(agent)
    });
}

#[test]
fn an_agent_that_is_paused_at_any_point_loses_and_doubles_nothing() {
    tell("pauses", number("PAUSES", 15), |name, seed, count| {
        let mut story = Story::new(name, seed);
        let agent = story.start();
        for _ in 0..count {
            story.pause(&agent);
        }
        story.end(agent)
    });
}

#[test]
fn an_agent_whose_machine_loses_power_loses_and_doubles_nothing() {
    let count = number("POWER_LOSSES", 20);
    tell("power losses", count, |name, seed, count| {
        let mut story = Story::with_disk(name, seed);
        let mut agent = story.start();
        for _ in 0..count {
            story.kill(&mut agent);
            agent = story.start();
        }
        story.end(agent)
    });
}
