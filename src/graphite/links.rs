//! Links to graphs: Graphite's render URL of one series, with its thresholds.
//!
//! The series is picked out of the alert's target with `grep()`, as its legend
//! is all that is known of it. A legend is text from outside: it is escaped
//! three times, as a regular expression, as a string in Graphite's grammar, and
//! as a part of a URL, so that no name can end one of these early.

use std::fmt::Write as _;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::Url;

/// RFC 3986's unreserved characters stay; all else is encoded.
const COMPONENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Pixels, as the predecessor had them: what a mail shows without scrolling.
const SIZE: (u32, u32) = (586, 308);

/// The horizontal lines of a graph: what `Condition::lines` says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GraphLines {
    /// Drawn in orange.
    pub warning: Vec<f64>,
    /// Drawn in red.
    pub critical: Vec<f64>,
}

/// The time that a graph shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphWindow {
    /// The last hour, whenever somebody looks: for links.
    LastHour,
    /// Fixed epoch seconds: for pictures that are sent along.
    Between {
        /// First second.
        from: i64,
        /// Last second.
        until: i64,
    },
}

/// The graph of the series `legend` of `target` on the Graphite at `base`.
///
/// For series that stand for something else than a metric, which Graphite does
/// not know, there is [`target_graph_url`].
pub fn graph_url(
    base: &Url,
    target: &str,
    legend: &str,
    lines: &GraphLines,
    window: GraphWindow,
) -> String {
    target_graph_url(base, &narrowed(target, legend), lines, window)
}

/// The graph of everything that `target` returns on the Graphite at `base`.
pub fn target_graph_url(
    base: &Url,
    target: &str,
    lines: &GraphLines,
    window: GraphWindow,
) -> String {
    let mut url = render_url(base).to_string();
    let mut separator = if url.contains('?') { '&' } else { '?' };
    let mut add = |name: &str, value: &str| {
        let value = utf8_percent_encode(value, COMPONENT);
        // Writing to a string does not fail.
        let _ = write!(url, "{separator}{name}={value}");
        separator = '&';
    };
    add("width", &SIZE.0.to_string());
    add("height", &SIZE.1.to_string());
    match window {
        GraphWindow::LastHour => {
            add("from", "-1h");
            add("until", "now");
        }
        GraphWindow::Between { from, until } => {
            add("from", &from.to_string());
            add("until", &until.to_string());
        }
    }
    add("target", target);
    let marked = [
        (&lines.warning, "Warning", "orange"),
        (&lines.critical, "Critical", "red"),
    ];
    for (values, label, colour) in marked {
        for value in values {
            let value = number(*value);
            add(
                "target",
                &format!("threshold({value},\"{label}\",\"{colour}\")"),
            );
        }
    }
    url
}

/// `/render` below `base`.
pub(super) fn render_url(base: &Url) -> Url {
    let mut url = base.clone();
    let path = format!("{}/render", base.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_fragment(None);
    url
}

/// As Graphite's grammar has numbers: digits, or an exponent where there would be too many.
fn number(value: f64) -> String {
    let plain = value.to_string();
    match plain.len() {
        0..=20 => plain,
        _ => format!("{value:e}"),
    }
}

/// `grep(TARGET, "^LEGEND$")`.
///
/// Graphite takes a string's content as it stands, so a quote of the kind that
/// encloses it cannot be written in it; where a legend has both kinds, and for
/// control characters, `.` stands for the character.
fn narrowed(target: &str, legend: &str) -> String {
    let quote = match legend.contains('"') && !legend.contains('\'') {
        true => '\'',
        false => '"',
    };
    let mut pattern = String::with_capacity(legend.len() + 8);
    for c in legend.chars() {
        match c {
            c if c == quote || c.is_control() || c == char::REPLACEMENT_CHARACTER => {
                pattern.push('.')
            }
            '\\' | '.' | '+' | '*' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '^' | '$' | '|' => {
                pattern.push('\\');
                pattern.push(c);
            }
            c => pattern.push(c),
        }
    }
    format!("grep({target},{quote}^{pattern}${quote})")
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;
    use proptest::prelude::*;

    fn base() -> Url {
        Url::parse("https://graphite.example.com").unwrap()
    }

    #[test]
    fn a_graph_shows_the_series_and_both_thresholds_of_the_last_hour() {
        let lines = GraphLines {
            warning: vec![10.0],
            critical: vec![20.5],
        };
        let url = graph_url(
            &base(),
            "aliasByNode(servers.*.load, 1)",
            "web-1",
            &lines,
            GraphWindow::LastHour,
        );
        assert_eq!(
            url,
            "https://graphite.example.com/render?width=586&height=308&from=-1h&until=now\
             &target=grep%28aliasByNode%28servers.%2A.load%2C%201%29%2C%22%5Eweb-1%24%22%29\
             &target=threshold%2810%2C%22Warning%22%2C%22orange%22%29\
             &target=threshold%2820.5%2C%22Critical%22%2C%22red%22%29"
        );
    }

    #[test]
    fn a_range_is_two_lines_and_a_missing_threshold_none() {
        let lines = GraphLines {
            warning: vec![],
            critical: vec![-1.0, 2e30],
        };
        let url = target_graph_url(&base(), "a", &lines, GraphWindow::LastHour);
        let parsed = Url::parse(&url).unwrap();
        let targets: Vec<_> = parsed
            .query_pairs()
            .filter(|p| p.0 == "target")
            .map(|p| p.1.into_owned())
            .collect();
        assert_eq!(
            targets,
            [
                "a",
                "threshold(-1,\"Critical\",\"red\")",
                "threshold(2e30,\"Critical\",\"red\")"
            ]
        );
    }

    #[test]
    fn a_picture_has_fixed_times() {
        let window = GraphWindow::Between {
            from: 100,
            until: 3700,
        };
        let url = target_graph_url(&base(), "a", &GraphLines::default(), window);
        assert!(url.contains("from=100&until=3700&target=a"), "{url}");
    }

    #[test]
    fn a_path_before_render_is_kept() {
        for base in ["http://h:8080/graphite", "http://h:8080/graphite/"] {
            let base = Url::parse(base).unwrap();
            assert_eq!(render_url(&base).as_str(), "http://h:8080/graphite/render");
        }
    }

    #[track_caller]
    fn grep(legend: &str, expected: &str) {
        assert_eq!(narrowed("a", legend), format!("grep(a,{expected})"));
    }

    #[test]
    fn a_legend_is_matched_literally() {
        grep("cpu.user", r#""^cpu\.user$""#);
        grep(
            "f(a,b){c}[d]^$|+*?",
            r#""^f\(a,b\)\{c\}\[d\]\^\$\|\+\*\?$""#,
        );
        grep(r"C:\x41", r#""^C:\\x41$""#);
        grep("löad & #1", "\"^löad & #1$\"");
    }

    #[test]
    fn quotes_in_a_legend_choose_the_quotes_around_it() {
        grep("it's", r#""^it's$""#);
        grep(r#"say "hi""#, r#"'^say "hi"$'"#);
        grep(r#"it's "hi""#, r#""^it's .hi.$""#);
    }

    #[test]
    fn what_no_string_can_hold_matches_anything() {
        grep("a\nb\tc\u{fffd}", r#""^a.b.c.$""#);
    }

    proptest! {
        #[test]
        fn a_legend_never_leaves_its_string_nor_its_parameter(legend in any::<String>()) {
            let url = graph_url(&base(), "a.b", &legend, &GraphLines::default(), GraphWindow::LastHour);
            let parsed = Url::parse(&url).unwrap();
            prop_assert_eq!(parsed.query_pairs().count(), 5);
            prop_assert_eq!(parsed.fragment(), None);
            let target = parsed.query_pairs().find(|p| p.0 == "target").unwrap().1.into_owned();
            let inside = target.strip_prefix("grep(a.b,").unwrap().strip_suffix(')').unwrap();
            let quote = inside.chars().next().unwrap();
            prop_assert_eq!(inside.chars().filter(|c| *c == quote).count(), 2);
            prop_assert!(inside.ends_with(quote));
        }
    }
}
