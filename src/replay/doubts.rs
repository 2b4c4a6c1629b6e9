//! What makes a replay of an alert doubtful, seen from its definition alone.
//!
//! History is asked for in pieces that are longer than an alert's window. Most
//! functions give the same points whatever the window is; those named here do
//! not, so that their replay may differ from what `run` judged.

use crate::alert::target::functions;
use crate::alert::{Alert, Group, Reduce, TimeSpec};

/// Functions whose points depend on the window that is asked for: those that
/// add up from its beginning, choose or name series by what it holds, cut it
/// into buckets of their own, or draw a few points across it (graphite-web 1.1,
/// `render/functions.py`).
const BY_WINDOW: &[&str] = &[
    "aggregateLine",
    "averageAbove",
    "averageBelow",
    "averageOutsidePercentile",
    "cactiStyle",
    "compressPeriodicGaps",
    "consolidateBy",
    "constantLine",
    "cumulative",
    "currentAbove",
    "currentBelow",
    "fallbackSeries",
    "filterSeries",
    "highest",
    "highestAverage",
    "highestCurrent",
    "highestMax",
    "hitcount",
    "holtWintersAberration",
    "holtWintersConfidenceArea",
    "holtWintersConfidenceBands",
    "holtWintersForecast",
    "integral",
    "integralByInterval",
    "interpolate",
    "keepLastValue",
    "legendValue",
    "limit",
    "linearRegression",
    "linearRegressionAnalysis",
    "lowest",
    "lowestAverage",
    "lowestCurrent",
    "maximumAbove",
    "maximumBelow",
    "minimumAbove",
    "minimumBelow",
    "minMax",
    "mostDeviant",
    "nPercentile",
    "offsetToZero",
    "removeAbovePercentile",
    "removeBelowPercentile",
    "removeBetweenPercentile",
    "removeEmptySeries",
    "smartSummarize",
    "sortBy",
    "sortByMaxima",
    "sortByMinima",
    "sortByTotal",
    "stdev",
    "summarize",
    "threshold",
    "timeSlice",
    "timeStack",
    "useSeriesAbove",
];

/// Functions that give no value for the first point of a window, which is not
/// the first of a longer one.
const WITHOUT_FIRST: &[&str] = &[
    "changed",
    "derivative",
    "nonNegativeDerivative",
    "perSecond",
];

/// Why `group` cannot be replayed; `None`: it can.
pub fn cannot(group: &Group) -> Option<String> {
    let verbatim = |spec: &TimeSpec| match spec {
        TimeSpec::Verbatim(text) => Some(text.clone()),
        TimeSpec::Ago(_) => None,
    };
    group.alerts.iter().find_map(|alert| {
        let from = verbatim(&alert.from).map(|text| ("from", text));
        let until = || alert.until.as_ref().and_then(verbatim);
        let (key, text) = from.or_else(|| until().map(|text| ("until", text)))?;
        Some(format!(
            "it is left out: only Graphite knows what `{key}: {text}` meant at each evaluation; a relative time such as `-10min` can be replayed"
        ))
    })
}

/// What may make the replay of `alert` differ from what `run` judged.
pub fn of(alert: &Alert) -> Vec<String> {
    let mut doubts = Vec::new();
    for target in &alert.targets {
        let called = functions(target.as_str());
        let mut found: Vec<&str> = Vec::new();
        for name in called {
            let doubtful = BY_WINDOW.contains(&name)
                || (WITHOUT_FIRST.contains(&name) && alert.reduce != Reduce::Last);
            if doubtful && !found.contains(&name) {
                found.push(name);
            }
        }
        if !found.is_empty() {
            let names: Vec<_> = found.iter().map(|name| format!("`{name}`")).collect();
            let (what, gives) = match names.as_slice() {
                [one] => (one.clone(), "gives"),
                _ => (names.join(", "), "give"),
            };
            doubts.push(format!(
                "the replay may differ from what `run` judged: what {what} {gives} depends on the window that is asked for, and history is asked for in longer ones (target `{target}`)"
            ));
        }
    }
    if alert.settle.is_none() {
        doubts.push(
            "the replay may differ from what `run` judged: `settle: off` judges buckets that are still being filled, and history has them full".to_owned(),
        );
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_in_order_and_each_stands_once() {
        assert!(BY_WINDOW.is_sorted_by(|a, b| a.to_lowercase() < b.to_lowercase()));
        assert!(WITHOUT_FIRST.is_sorted());
    }
}
