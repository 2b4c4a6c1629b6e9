//! Tables that fit the terminal, coloured only where that is wanted.

use std::ffi::OsStr;
use std::io::{self, BufWriter, IsTerminal, Write};

use crate::alert::Level;
use crate::deliver::text;

/// Columns are never narrower than this.
const LEAST: usize = 8;

/// One cell.
pub struct Cell {
    text: String,
    level: Option<Level>,
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self {
            text: text::clean(&text).into_owned(),
            level: None,
        }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl Cell {
    /// A cell in the colour of `level`.
    pub fn coloured(text: &str, level: Level) -> Self {
        Self {
            level: Some(level),
            ..Self::from(text)
        }
    }
}

/// Prints a line beside tables, as [`print`] does.
pub fn title(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// Prints a table to standard output; a reader that has seen enough is no error.
/// Where the terminal is narrow the columns `shrink` give way first. `rows` is
/// asked twice, for the widths and for the text, so that none has to be kept.
pub fn print<R: Iterator<Item = Vec<Cell>>>(
    heading: &[&str],
    shrink: &[usize],
    rows: impl Fn() -> R,
) {
    let terminal = std::io::stdout().is_terminal();
    let colour = terminal && wants_colour(std::env::var_os("NO_COLOR").as_deref());
    let width = terminal.then(width).flatten();
    let mut out = BufWriter::new(std::io::stdout().lock());
    let _ = write(&mut out, (heading, shrink), rows, width, colour).and_then(|()| out.flush());
}

/// Whether a terminal is to have colours (no-color.org: any text in `NO_COLOR` forbids them).
fn wants_colour(no_color: Option<&OsStr>) -> bool {
    no_color.is_none_or(OsStr::is_empty)
}

/// Writes the table in at most `width` columns (`None`: as wide as it is).
fn write<R: Iterator<Item = Vec<Cell>>>(
    out: &mut impl Write,
    (heading, shrink): (&[&str], &[usize]),
    rows: impl Fn() -> R,
    width: Option<usize>,
    colour: bool,
) -> io::Result<()> {
    let all = || {
        let heading: Vec<Cell> = heading.iter().map(|text| Cell::from(*text)).collect();
        std::iter::once(heading).chain(rows())
    };
    let mut widths = vec![0; heading.len()];
    for row in all() {
        for (wide, cell) in widths.iter_mut().zip(&row) {
            *wide = cell.text.chars().count().max(*wide);
        }
    }
    if let Some(width) = width {
        narrow(&mut widths, shrink, width);
    }
    for row in all() {
        writeln!(out, "{}", line(&row, &widths, colour))?;
    }
    Ok(())
}

fn line(row: &[Cell], widths: &[usize], colour: bool) -> String {
    let mut line = String::new();
    for (index, (cell, &width)) in row.iter().zip(widths).enumerate() {
        let shown = text::clip(&cell.text, width);
        let pad = width.saturating_sub(shown.chars().count());
        let paint = cell.level.filter(|_| colour).map(paint);
        if let Some(paint) = paint {
            line.push_str(paint);
        }
        line.push_str(&shown);
        if paint.is_some() {
            line.push_str("\u{1b}[0m");
        }
        if index + 1 < row.len() {
            line.push_str(&" ".repeat(pad + 2));
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// Takes from the columns `shrink`, in their order, what is more than `width`.
fn narrow(widths: &mut [usize], shrink: &[usize], width: usize) {
    let gaps = 2 * widths.len().saturating_sub(1);
    let mut over = (widths.iter().sum::<usize>() + gaps).saturating_sub(width);
    for &column in shrink {
        if let Some(wide) = widths.get_mut(column) {
            let give = over.min(wide.saturating_sub(LEAST));
            *wide -= give;
            over -= give;
        }
    }
}

fn paint(level: Level) -> &'static str {
    match level {
        Level::Ok => "\u{1b}[32m",
        Level::Warning => "\u{1b}[33m",
        Level::NoData => "\u{1b}[35m",
        Level::Critical => "\u{1b}[31m",
    }
}

/// Columns of the terminal that standard output is.
fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    fn rendered(width: Option<usize>, colour: bool) -> String {
        let rows = || {
            let target = "aliasByNode(servers.*.loadavg.05, 1)";
            let level = Cell::coloured("CRITICAL", Level::Critical);
            std::iter::once(vec!["Load".into(), target.into(), level])
        };
        let mut out = Vec::new();
        let heading = ["ALERT", "TARGET", "LEVEL"];
        write(&mut out, (&heading, &[1]), rows, width, colour).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_narrow_terminal_clips_the_column_that_gives_way() {
        let rendered = rendered(Some(30), false);
        assert!(
            rendered.lines().all(|line| line.chars().count() <= 30),
            "{rendered}"
        );
        assert!(
            rendered.contains("CRITICAL") && rendered.contains('…'),
            "{rendered}"
        );
    }

    #[test]
    fn without_a_terminal_nothing_is_clipped_or_coloured() {
        let rendered = rendered(None, false);
        assert!(
            rendered.contains("aliasByNode(servers.*.loadavg.05, 1)"),
            "{rendered}"
        );
        assert!(!rendered.contains('\u{1b}'), "{rendered}");
    }

    #[test]
    fn levels_are_coloured_where_that_is_wanted() {
        assert!(rendered(None, true).contains("\u{1b}[31mCRITICAL\u{1b}[0m"));
    }

    #[test]
    fn any_text_in_no_color_forbids_colours() {
        assert!(wants_colour(None));
        assert!(wants_colour(Some(OsStr::new(""))));
        assert!(!wants_colour(Some(OsStr::new("1"))));
        assert!(!wants_colour(Some(OsStr::new("0"))));
    }

    #[test]
    fn columns_line_up_under_their_heading() {
        let rendered = rendered(None, false);
        let places: Vec<_> = rendered
            .lines()
            .zip(["LEVEL", "CRITICAL"])
            .map(|(line, word)| line.find(word))
            .collect();
        assert!(places[0].is_some() && places[0] == places[1], "{rendered}");
    }
}
