//! A series over time, to be looked at: what it shows and the level of its
//! incident, an evaluation a column, around the time in question.

use std::collections::VecDeque;
use std::time::Duration;

use super::graphite::steps;
use super::played::{Record, is_of};
use super::shown;
use crate::alert::Level;
use crate::config::alert_test::{Shown, Subject, Test};

/// Characters of a line.
const WIDTH: usize = 96;
/// Characters before the first column.
const LABEL: usize = 7;

/// Lines: the times, the values (where the test shows the series), the levels
/// (`.` ok, `W` warning, `N` no data, `C` critical), and a mark below `at`.
pub fn strip(test: &Test, record: &Record, subject: &Subject, at: Duration) -> Vec<String> {
    let last = steps(test.lasts(), test.every);
    let marked = steps(at, test.every).min(last);
    let mut series = test.series.iter();
    let series = series.find(|series| is_of(&series.alert, &series.name, subject));
    let time = |index: usize| {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        test.every.saturating_mul(index)
    };
    let column = |index: usize| {
        let value = series.map(|series| match series.values.at(index) {
            Shown::Value(value) => value.to_string(),
            Shown::Null => "_".to_owned(),
            Shown::Absent => "-".to_owned(),
        });
        let level = match record.level_at(subject, time(index)) {
            Level::Ok => ".",
            Level::Warning => "W",
            Level::NoData => "N",
            Level::Critical => "C",
        };
        [
            shown(time(index)),
            value.unwrap_or_default(),
            level.to_owned(),
        ]
    };
    // columns on both sides of the mark for as long as there is room
    let width = |column: &[String; 3]| column.iter().map(|cell| cell.chars().count()).max();
    let width = |column: &[String; 3]| width(column).unwrap_or(0) + 2;
    let mut columns = VecDeque::from([column(marked)]);
    let mut room = WIDTH.saturating_sub(LABEL + columns.iter().map(width).sum::<usize>());
    let (mut from, mut to) = (marked, marked);
    loop {
        let mut grown = false;
        if from > 0 {
            let left = column(from - 1);
            if width(&left) <= room {
                room -= width(&left);
                columns.push_front(left);
                (from, grown) = (from - 1, true);
            }
        }
        if to < last {
            let right = column(to + 1);
            if width(&right) <= room {
                room -= width(&right);
                columns.push_back(right);
                (to, grown) = (to + 1, true);
            }
        }
        if !grown {
            break;
        }
    }
    lines(&Vec::from(columns), marked - from, series.is_some(), width)
}

fn lines(
    columns: &[[String; 3]],
    marked: usize,
    has_values: bool,
    width: impl Fn(&[String; 3]) -> usize,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (row, label) in ["time", "value", "level"].into_iter().enumerate() {
        if row == 1 && !has_values {
            continue;
        }
        let mut line = format!("{label:LABEL$}");
        for column in columns {
            let cell = column.get(row).map_or("", String::as_str);
            line.push_str(&format!("{cell:>width$}", width = width(column)));
        }
        lines.push(line);
    }
    let before: usize = columns.iter().take(marked + 1).map(width).sum();
    lines.push(format!("{:>width$}", "^", width = LABEL + before));
    lines
}
