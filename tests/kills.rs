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
    mod ears;
    pub mod evidence;
    pub mod plan;
    pub mod story;
    pub mod writes;
}

use std::process::Command;
use std::time::Instant;

use kills::dice::Dice;
use kills::disk::Recorder;
use kills::plan::Plan;
use kills::story::{Story, Summary};
use kills::writes::{self, Loss};

/// Agents that suffer side by side.
const LANES: u64 = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Tells `count` parts of a story on a few agents side by side, each with a seed
/// of its own; fails if at some place nobody was caught.
fn tell(name: &str, count: u64, part: impl Fn(&str, u64, &Plan, u64) -> Summary + Sync) {
    let seed = number("KILLS_SEED", 1);
    let plan = Plan::new(seed);
    let begin = Instant::now();
    let mut whole = Summary::default();
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..LANES)
            .map(|lane| {
                let share = count / LANES + u64::from(lane < count % LANES);
                let (part, plan) = (&part, &plan);
                let seed = seed.wrapping_mul(1000).wrapping_add(lane);
                scope.spawn(move || part(name, seed, plan, share))
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
        "{name}: {plan}, {whole}, in {:?}, KILLS_SEED={seed}",
        begin.elapsed()
    );
    plan.assert_every_place_was_reached();
}

#[test]
fn an_agent_that_is_killed_at_any_point_loses_and_doubles_nothing() {
    tell("kills", number("KILLS", 60), |name, seed, plan, count| {
        let mut story = Story::new(name, seed, plan);
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
    tell("pauses", number("PAUSES", 60), |name, seed, plan, count| {
        let mut story = Story::new(name, seed, plan);
        let mut agent = story.start();
        for _ in 0..count {
            story.pause(&mut agent);
        }
        story.end(agent)
    });
}

#[test]
fn an_agent_whose_machine_loses_power_loses_and_doubles_nothing() {
    let count = number("POWER_LOSSES", 60);
    tell("power losses", count, |name, seed, plan, count| {
        let mut story = Story::with_disk(name, seed, plan);
        let mut agent = story.start();
        for _ in 0..count {
            story.kill(&mut agent);
            agent = story.start();
        }
        story.end(agent)
    });
}

/// Names a folder to the process that writes the store.
const WRITES: &str = "KILLS_STORE";

#[test]
fn power_that_goes_at_any_write_of_the_store_loses_nothing_that_was_owed() {
    if let Some(folder) = std::env::var_os(WRITES) {
        // this very test, as the process that is recorded
        return writes::write(folder.as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::new(folder.path());
    let name = "power_that_goes_at_any_write_of_the_store_loses_nothing_that_was_owed";
    let written = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name])
        .env(WRITES, folder.path())
        .envs(recorder.environment())
        .output()
        .unwrap();
    assert!(written.status.success(), "{written:?}");
    let loss = Loss::new(recorder.take());
    assert!(loss.checkpoints() > 3, "{} checkpoints", loss.checkpoints());
    println!(
        "{} points, {} checkpoints",
        loss.points(),
        loss.checkpoints()
    );
    let (seed, count) = (number("KILLS_SEED", 1), number("POWER_LOSSES", 60));
    let mut dice = Dice::new(seed);
    // the first ones are about a file that is just being made
    let mut points: Vec<usize> = (0..100).collect();
    points.extend(loss.promises());
    points.extend((0..5 * count).map(|_| dice.below(loss.points())));
    points.sort_unstable();
    let faults = loss.faults(&points, &mut dice);
    assert!(
        faults.is_empty(),
        "KILLS_SEED={seed}, {} of {} points:\n{}",
        faults.len(),
        points.len(),
        faults.join("\n")
    );
}
