//! What an expression comes to on the series that are kept.
//!
//! Pure: rings and window come in, series go out. Names, nodes and the three
//! points of a straight line are as graphite-web 1.1 has them.

use super::expression::Query;
use super::rings::{Ring, Rings};

/// The seconds that are asked for: from `start` to before `end`, never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First epoch second.
    pub start: i64,
    /// The epoch second after the last.
    pub end: i64,
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its legend.
    pub name: String,
    /// The metric that it comes from, whatever it is called now.
    pub path: String,
    /// Epoch second of the first value.
    pub start: i64,
    /// Epoch second at which the last value's bucket ends.
    pub end: i64,
    /// Seconds from one value to the next.
    pub step: i64,
    /// The values; `None` where there is no point.
    pub values: Vec<Option<f64>>,
    /// Whether it is a straight line that was asked for, not a metric.
    pub line: bool,
}

impl Series {
    /// Epoch second and value of each point, in time order.
    pub fn points(&self) -> impl Iterator<Item = (i64, Option<f64>)> {
        let times = (0..).map(|n: i64| self.start + n * self.step);
        times.zip(self.values.iter().copied())
    }

    /// The newest value that there is.
    pub fn newest(&self) -> Option<f64> {
        self.values.iter().rev().find_map(|value| *value)
    }

    fn metric(name: &str, ring: &Ring, window: Window) -> Self {
        Self {
            name: name.to_owned(),
            path: name.to_owned(),
            start: window.start,
            end: window.end,
            step: 1,
            values: ring.window(window.start, window.end),
            line: false,
        }
    }

    fn line(value: f64, label: &str, window: Window) -> Self {
        Self {
            name: label.to_owned(),
            path: label.to_owned(),
            start: window.start,
            end: window.end,
            step: ((window.end - window.start) / 2).max(1),
            values: vec![Some(value); 3],
            line: true,
        }
    }
}

/// The series that `query` asks for.
pub fn evaluate(query: &Query, rings: &Rings, window: Window) -> Vec<Series> {
    match query {
        Query::Metrics(glob) => rings
            .matching(glob)
            .map(|(name, ring)| Series::metric(name, ring, window))
            .collect(),
        Query::Alias(query, name) => renamed(evaluate(query, rings, window), |_| name.clone()),
        Query::AliasByNode(query, nodes) => {
            renamed(evaluate(query, rings, window), |name| by_nodes(name, nodes))
        }
        Query::Prefixed(query, text) => renamed(evaluate(query, rings, window), |name| {
            format!("{text}{name}")
        }),
        Query::Only(query, legend) => {
            let mut series = evaluate(query, rings, window);
            series.retain(|series| series.name == *legend);
            series
        }
        Query::Line(value, label) => vec![Series::line(*value, label, window)],
    }
}

fn renamed(mut series: Vec<Series>, rename: impl Fn(&str) -> String) -> Vec<Series> {
    for series in &mut series {
        series.name = rename(&series.name);
    }
    series
}

/// The nodes of `name` with these numbers; one that is not there is empty, as in graphite-web.
fn by_nodes(name: &str, nodes: &[i64]) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let part = |node: &i64| {
        let size = i64::try_from(parts.len()).unwrap_or(i64::MAX);
        let index = if *node < 0 {
            node.saturating_add(size)
        } else {
            *node
        };
        usize::try_from(index)
            .ok()
            .and_then(|index| parts.get(index))
            .copied()
            .unwrap_or_default()
    };
    nodes.iter().map(part).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::demo::expression::parse;

    fn names(target: &str) -> Vec<String> {
        let mut rings = Rings::default();
        for name in [
            "demo.web.load.1min",
            "demo.web.load.5min",
            "demo.db.load.1min",
        ] {
            rings.record(name, 10, 1.0);
        }
        let window = Window { start: 8, end: 12 };
        evaluate(&parse(target).unwrap(), &rings, window)
            .into_iter()
            .map(|series| series.name)
            .collect()
    }

    #[test]
    fn globs_find_series_in_the_order_of_their_names() {
        assert_eq!(
            names("demo.*.load.1min"),
            ["demo.db.load.1min", "demo.web.load.1min"]
        );
        assert_eq!(
            names("demo.web.load.{1,5}min"),
            ["demo.web.load.1min", "demo.web.load.5min"]
        );
        assert!(names("demo.*").is_empty());
    }

    #[test]
    fn nodes_of_the_present_name_count_from_both_ends() {
        assert_eq!(
            names("aliasByNode(demo.web.load.1min, 1, -1)"),
            ["web.1min"]
        );
        assert_eq!(
            names("aliasByNode(alias(demo.web.load.1min, 'x.y'), 1)"),
            ["y"]
        );
        assert_eq!(names("aliasByNode(demo.web.load.1min, 1, 9)"), ["web."]);
    }

    #[test]
    fn grep_looks_at_the_legend() {
        assert_eq!(
            names(r#"grep(aliasByNode(demo.*.load.1min, 1), "^db$")"#),
            ["db"]
        );
        assert!(names(r#"grep(aliasByNode(demo.*.load.1min, 1), "^d$")"#).is_empty());
    }

    #[test]
    fn a_line_is_three_points_over_the_whole_window() {
        let window = Window {
            start: 100,
            end: 160,
        };
        let lines = evaluate(
            &parse("threshold(20,'Critical')").unwrap(),
            &Rings::default(),
            window,
        );
        let line = lines.first().unwrap();
        assert_eq!(line.name, "Critical");
        assert_eq!(
            line.points().collect::<Vec<_>>(),
            [(100, Some(20.0)), (130, Some(20.0)), (160, Some(20.0))]
        );
    }
}
