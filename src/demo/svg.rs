//! Draws series as a line graph in SVG, so that a graph link works in a
//! browser without a PNG encoder.
//!
//! The drawing covers the part of the window that has data: in the first
//! minutes of a demo the rest of the hour would be empty.

use std::fmt::Write;

use super::evaluate::Series;
use super::page::escaped;

/// Space for the values left of the plot, and for time and legends below it.
const LEFT: f64 = 60.0;
const TOP: f64 = 14.0;
const LEGEND_LINE: f64 = 16.0;
/// The most legends that are written.
const LEGENDS: usize = 8;

const COLOURS: [&str; 6] = [
    "#3274d9", "#37872d", "#8f3bb8", "#0a8a8a", "#7a5230", "#c4467b",
];

/// Where the plot lies in the drawing, and which times and values it shows.
struct Plot {
    right: f64,
    bottom: f64,
    times: (f64, f64),
    values: (f64, f64),
}

/// The drawing of `series`, `width` by `height` pixels.
pub fn draw(series: &[Series], width: u32, height: u32) -> String {
    let legends = u32::try_from(series.len().min(LEGENDS)).map_or(0.0, f64::from);
    let plot = Plot {
        right: f64::from(width) - 14.0,
        bottom: (f64::from(height) - 24.0 - legends * LEGEND_LINE).max(TOP + 20.0),
        times: times(series),
        values: values(series),
    };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
    );
    plot.draw_axes(&mut svg);
    for (index, one) in series.iter().enumerate() {
        plot.draw_series(&mut svg, one, colour(one, index));
    }
    for (index, one) in series.iter().take(LEGENDS).enumerate() {
        let row = u32::try_from(index).map_or(0.0, f64::from);
        let y = plot.bottom + 32.0 + row * LEGEND_LINE;
        let _ = writeln!(
            svg,
            "<rect x=\"{LEFT}\" y=\"{:.1}\" width=\"10\" height=\"10\" fill=\"{}\"/>\
             <text x=\"{:.1}\" y=\"{y:.1}\">{}</text>",
            y - 9.0,
            colour(one, index),
            LEFT + 16.0,
            legend(one)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn legend(series: &Series) -> String {
    let name = escaped(&series.name);
    match series.newest() {
        Some(value) => format!("{name}: {value:.2}"),
        None => format!("{name}: no data"),
    }
}

fn colour(series: &Series, index: usize) -> &'static str {
    match series.name.to_ascii_lowercase().as_str() {
        "warning" if series.line => "#e08400",
        "critical" if series.line => "#d0021b",
        _ => COLOURS
            .get(index % COLOURS.len())
            .copied()
            .unwrap_or("#000"),
    }
}

/// From the first point of a metric to the end of the window.
fn times(series: &[Series]) -> (f64, f64) {
    let first = |series: &Series| {
        series
            .points()
            .find(|(_, value)| value.is_some())
            .map(|(at, _)| at)
    };
    let metrics = series.iter().filter(|series| !series.line);
    let start = metrics.filter_map(first).min();
    let start = start
        .or_else(|| series.iter().map(|series| series.start).min())
        .unwrap_or(0);
    let end = series
        .iter()
        .map(|series| series.end - 1)
        .max()
        .unwrap_or(0)
        .max(start + 10);
    (seconds(start), seconds(end))
}

/// From zero, or the lowest value below it, to a little above the highest.
fn values(series: &[Series]) -> (f64, f64) {
    let all = || {
        series
            .iter()
            .flat_map(|series| series.values.iter().flatten().copied())
    };
    let low = all().fold(0.0, f64::min);
    let high = all().fold(low + 1e-3, f64::max);
    (low, high + (high - low) * 0.08)
}

/// Epoch seconds fit a float's 53 bits for a hundred million years.
#[allow(clippy::cast_precision_loss)]
fn seconds(at: i64) -> f64 {
    at as f64
}

impl Plot {
    fn x(&self, at: f64) -> f64 {
        let (start, end) = self.times;
        (LEFT + (at - start) / (end - start) * (self.right - LEFT)).clamp(LEFT, self.right)
    }

    fn y(&self, value: f64) -> f64 {
        let (low, high) = self.values;
        self.bottom - (value - low) / (high - low) * (self.bottom - TOP)
    }

    fn draw_axes(&self, svg: &mut String) {
        let (low, high) = self.values;
        for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
            let value = low + (high - low) * part;
            let y = self.y(value);
            let _ = writeln!(
                svg,
                "<path d=\"M{LEFT} {y:.1}H{:.1}\" stroke=\"#ddd\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555\">{}</text>",
                self.right,
                LEFT - 6.0,
                y + 4.0,
                short(value)
            );
        }
        let (start, end) = self.times;
        let y = self.bottom + 16.0;
        let _ = writeln!(
            svg,
            "<text x=\"{LEFT}\" y=\"{y:.1}\" fill=\"#555\">{:.0} s ago</text>\
             <text x=\"{:.1}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"#555\">now</text>",
            end - start,
            self.right
        );
    }

    fn draw_series(&self, svg: &mut String, series: &Series, colour: &str) {
        let mut path = String::new();
        let mut pen = 'M';
        for (at, value) in series.points() {
            if let Some(value) = value {
                let _ = write!(path, "{pen}{:.1} {:.1}", self.x(seconds(at)), self.y(value));
                pen = 'L';
            } else if !series.line {
                pen = 'M';
            }
        }
        let dashes = if series.line {
            " stroke-dasharray=\"6 4\""
        } else {
            ""
        };
        let _ = writeln!(
            svg,
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"{dashes}/>"
        );
    }
}

/// A value in few characters: `12.5`, `3.2k`, `1.5G`.
fn short(value: f64) -> String {
    let units = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.iter().find(|(factor, _)| value.abs() >= *factor) {
        Some((factor, unit)) => format!("{:.1}{unit}", value / factor),
        None if value.abs() >= 10.0 || value == 0.0 => format!("{value:.0}"),
        None => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, line: bool, values: Vec<Option<f64>>) -> Series {
        let end = 100 + i64::try_from(values.len()).unwrap_or(0);
        Series {
            name: name.to_owned(),
            path: name.to_owned(),
            start: 100,
            end,
            step: 1,
            values,
            line,
        }
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let svg = draw(
            &[series(
                "a",
                false,
                vec![Some(1.0), Some(2.0), None, Some(3.0)],
            )],
            586,
            308,
        );
        let path = svg
            .lines()
            .find(|line| line.contains("stroke-width"))
            .unwrap_or_default();
        assert_eq!(
            (path.matches('M').count(), path.matches('L').count()),
            (2, 1),
            "{path}"
        );
    }

    #[test]
    fn thresholds_are_dashed_in_their_colours() {
        let svg = draw(&[series("Critical", true, vec![Some(90.0); 3])], 586, 308);
        assert!(
            svg.contains("stroke=\"#d0021b\" stroke-width=\"1.5\" stroke-dasharray"),
            "{svg}"
        );
    }

    #[test]
    fn legends_cannot_bring_markup() {
        let svg = draw(&[series("<script>&", false, vec![None])], 586, 308);
        assert!(
            svg.contains("&lt;script&gt;&amp;: no data") && !svg.contains("<script>"),
            "{svg}"
        );
    }

    #[test]
    fn nothing_is_drawn_as_an_empty_graph() {
        let svg = draw(&[], 100, 100);
        assert!(svg.ends_with("</svg>\n") && !svg.contains("NaN"), "{svg}");
    }
}
