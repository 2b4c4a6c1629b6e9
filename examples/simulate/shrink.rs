//! Cuts a failing day down to few happenings (Zeller and Hildebrandt,
//! "Simplifying and isolating failure-inducing input", 2002).

use super::agent::Failure;
use super::play;
use super::scenario::Scenario;

/// No more days than this are played for it.
const PLAYS: usize = 600;

/// The least day found that fails in the same way.
pub fn shrink(scenario: &Scenario, failure: &Failure) -> Scenario {
    let mut best = scenario.clone();
    let mut plays = 0;
    let mut fails = |candidate: &Scenario| {
        plays += 1;
        plays <= PLAYS
            && play(candidate, false)
                .0
                .is_some_and(|found| found.kind == failure.kind)
    };
    // nothing that happens after the failure has part in it
    let mut early = best.clone();
    early
        .happenings
        .retain(|happening| happening.at <= failure.at);
    if fails(&early) {
        best = early;
    }
    let mut chunk = best.happenings.len().div_ceil(2).max(1);
    loop {
        let mut from = 0;
        let mut less = false;
        while from < best.happenings.len() {
            let mut candidate = best.clone();
            let to = (from + chunk).min(candidate.happenings.len());
            candidate.happenings.drain(from..to);
            if fails(&candidate) {
                best = candidate;
                less = true;
            } else {
                from += chunk;
            }
        }
        if chunk == 1 && !less {
            return best;
        }
        chunk = chunk.div_ceil(2).max(1);
        if chunk == 1 && !less && best.happenings.is_empty() {
            return best;
        }
    }
}
