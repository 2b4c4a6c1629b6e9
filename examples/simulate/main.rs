//! Simulates days of trouble from seeds, and checks every step.
//!
//! ```text
//! cargo run --release --example simulate -- --seeds 10000      # 10,000 days
//! cargo run --release --example simulate -- --seed 7 --trace   # one of them, readably
//! ```
//!
//! The agent is the product's own: its world, its desk (what is written before
//! what is sent), its slots, its pace, its wording. Clock, Graphite, receivers
//! and disk are played. At every step its open incidents are held against a
//! second, naive model written from the design page alone (`model.rs`), and what
//! receivers heard against the rules in `told.rs`: who should have is found out by
//! `audience.rs`, as naively.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    missing_docs
)]

mod agent;
mod audience;
mod chance;
mod count;
mod disk;
mod graphite;
mod mirror;
#[allow(dead_code, reason = "it is whole, whatever a day needs of it")]
mod model;
mod scenario;
mod setups;
mod shrink;
mod told;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use agent::{Day, Failure};
use clap::Parser;
use count::Counts;
use scenario::Scenario;

/// So many days must bring every kind of trouble.
const ENOUGH: u64 = 400;

/// Simulates days of trouble from seeds, and checks every step.
#[derive(Parser)]
struct Arguments {
    /// How many seeds, counted from `--from`.
    #[arg(long, default_value_t = 1000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// This seed alone.
    #[arg(long)]
    seed: Option<u64>,
    /// Print everything that happens (with `--seed`).
    #[arg(long)]
    trace: bool,
    /// Do not cut a failing seed down.
    #[arg(long)]
    whole: bool,
    /// End at the first seed that fails, and print its number and kind alone.
    #[arg(long)]
    until_caught: bool,
    /// Print figures as JSON.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // a panic is a finding like any other, and said with its seed
    std::panic::set_hook(Box::new(|_| {}));
    match arguments.seed {
        Some(seed) => one(seed, &arguments),
        None => many(&arguments),
    }
}

/// How a day ended, what occurred, and its trace.
type Played = (Option<Failure>, Counts, Vec<String>);

/// Plays one day; a panic is a failure.
fn play(scenario: &Scenario, traced: bool) -> Played {
    let mut day = Day::new(scenario, traced);
    let failure = match catch_unwind(AssertUnwindSafe(|| day.play())) {
        Ok(failure) => failure,
        Err(panic) => {
            let what = panic
                .downcast_ref::<String>()
                .cloned()
                .or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
            Some(Failure {
                kind: "panic",
                what: what.unwrap_or_default(),
                at: 0,
            })
        }
    };
    (failure, day.counts, day.trace.unwrap_or_default())
}

fn one(seed: u64, arguments: &Arguments) -> ExitCode {
    let whole = Scenario::new(seed);
    let (failure, ..) = play(&whole, false);
    let scenario = match &failure {
        Some(failure) if !arguments.whole => shrink::shrink(&whole, failure),
        _ => whole,
    };
    let (failure, _, trace) = play(&scenario, true);
    if arguments.trace {
        for line in &trace {
            println!("{line}");
        }
    }
    match failure {
        None => {
            println!("seed {seed}: {} lines, nothing wrong", trace.len());
            ExitCode::SUCCESS
        }
        Some(failure) => {
            println!("{}", report(&scenario, &failure));
            ExitCode::FAILURE
        }
    }
}

fn report(scenario: &Scenario, failure: &Failure) -> String {
    let mut text = format!(
        "seed {} fails: {}\n  {}\n  with {} happenings:\n",
        scenario.seed,
        failure.kind,
        failure.what,
        scenario.happenings.len()
    );
    for happening in &scenario.happenings {
        let seconds = happening.at / 1000;
        let time = format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        );
        let what = match &happening.what {
            scenario::What::Shows(index, state) => {
                format!(
                    "{} shows {}",
                    scenario.metrics[*index].legend,
                    scenario::shown(*state)
                )
            }
            other => format!("{other:?}"),
        };
        text.push_str(&format!("  {time}  {what}\n"));
    }
    text
}

fn many(arguments: &Arguments) -> ExitCode {
    let began = Instant::now();
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from + arguments.seeds;
    let counts = Mutex::new(Counts::default());
    let failures: Mutex<Vec<(u64, Failure)>> = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = Counts::default();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let enough =
                        failures
                            .lock()
                            .map_or(true, |failures| match arguments.until_caught {
                                true => !failures.is_empty(),
                                false => failures.len() >= 20,
                            });
                    if seed >= end || enough {
                        break;
                    }
                    let failure = day(seed, &mut mine);
                    if let (Some(failure), Ok(mut failures)) = (failure, failures.lock()) {
                        failures.push((seed, failure));
                    }
                }
                if let Ok(mut all) = counts.lock() {
                    all.merge(&mine);
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap_or_default();
    let mut failures = failures.into_inner().unwrap_or_default();
    failures.sort_by_key(|(seed, _)| *seed);
    conclude(arguments, began, &counts, &failures)
}

/// One seed; every fiftieth is played twice, and has to leave the same trace.
fn day(seed: u64, counts: &mut Counts) -> Option<Failure> {
    let scenario = Scenario::new(seed);
    let twice = seed.is_multiple_of(50);
    let first = play(&scenario, twice);
    counts.merge(&first.1);
    if twice && first.0.is_none() {
        let what = differ(&first, &play(&scenario, true))?;
        return Some(Failure {
            kind: "another trace of the same seed",
            what,
            at: 0,
        });
    }
    first.0
}

/// In what two plays of one day differ, if they do.
fn differ(first: &Played, second: &Played) -> Option<String> {
    let lines = first.2.len().max(second.2.len());
    let differs = |place: &usize| first.2.get(*place) != second.2.get(*place);
    if let Some(place) = (0..lines).find(differs) {
        let line = |played: &Played| {
            played
                .2
                .get(place)
                .map_or("nothing", |line| line)
                .to_owned()
        };
        return Some(format!("`{}` and `{}`", line(first), line(second)));
    }
    if first.0 != second.0 {
        return Some(format!("{:?} and {:?}", first.0, second.0));
    }
    (first.1 != second.1).then(|| "something was counted otherwise".to_owned())
}

fn conclude(
    arguments: &Arguments,
    began: Instant,
    counts: &Counts,
    failures: &[(u64, Failure)],
) -> ExitCode {
    if arguments.until_caught {
        return match failures.first() {
            Some((seed, failure)) => {
                println!("caught by seed {seed}: {}", failure.kind);
                ExitCode::SUCCESS
            }
            None => {
                println!("not caught by {} seeds", arguments.seeds);
                ExitCode::FAILURE
            }
        };
    }
    for (seed, failure) in failures {
        println!("seed {seed} fails: {}: {}", failure.kind, failure.what);
    }
    if let (Some((seed, failure)), false) = (failures.first(), arguments.whole) {
        let small = shrink::shrink(&Scenario::new(*seed), failure);
        let (again, ..) = play(&small, false);
        println!(
            "\ncut down:\n{}",
            report(&small, again.as_ref().unwrap_or(failure))
        );
    }
    let seconds = began.elapsed().as_secs_f64();
    if arguments.json {
        let all: serde_json::Map<String, serde_json::Value> = counts
            .iter()
            .map(|(kind, count)| (kind.to_owned(), count.into()))
            .collect();
        let figures = serde_json::json!({
            "seeds": arguments.seeds, "seconds": seconds, "failures": failures.len(), "counts": all,
        });
        println!("{figures}");
    } else {
        for (kind, count) in counts.iter() {
            println!("{count:>9}  {kind}");
        }
    }
    println!(
        "{} days in {seconds:.1} s, {} of them fail",
        arguments.seeds,
        failures.len()
    );
    let never = counts.never();
    if arguments.seeds >= ENOUGH && !never.is_empty() && failures.is_empty() {
        println!("never occurred: {}", never.join(", "));
        return ExitCode::FAILURE;
    }
    match failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn played(lines: &[&str], failure: Option<Failure>) -> Played {
        let lines = lines.iter().map(ToString::to_string).collect();
        (failure, Counts::default(), lines)
    }

    #[test]
    fn plays_of_one_day_are_the_same_only_where_all_of_both_is() {
        let one = played(&["a", "b"], None);
        assert_eq!(differ(&one, &one), None);
        let longer = played(&["a", "b", "c"], None);
        let said = |other: &Played| differ(&one, other).unwrap();
        assert_eq!(said(&longer), "`nothing` and `c`");
        assert_eq!(differ(&longer, &one).unwrap(), "`c` and `nothing`");
        assert_eq!(said(&played(&["a", "c"], None)), "`b` and `c`");
        let failure = Failure {
            kind: "panic",
            what: String::new(),
            at: 0,
        };
        assert!(said(&played(&["a", "b"], Some(failure))).contains("panic"));
        let mut counted = played(&["a", "b"], None);
        counted.1.add("start");
        assert_eq!(said(&counted), "something was counted otherwise");
    }
}
