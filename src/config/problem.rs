//! What is wrong with a configuration, and how it is printed.
//!
//! Problems are collected, never returned early, so that a person sees all of
//! them at once. A printed problem shows the line it is about with a caret
//! under the place; what that line may show is decided in `mask.rs`, so that no
//! secret is ever echoed. Nothing here knows what any key means.

use std::fmt;
use std::path::{Path, PathBuf};

use super::code::Code;
use super::source::Excerpt;

/// Where something stands in a configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which file, by the order in which they were read.
    pub(super) file: u32,
    /// 1-based.
    pub(super) line: u32,
    /// 1-based, in characters.
    pub(super) column: u32,
    /// In bytes from the start of the file's text.
    pub(super) offset: usize,
}

impl Place {
    /// Where a file begins.
    pub(super) const fn start(file: u32) -> Self {
        Self {
            file,
            line: 1,
            column: 1,
            offset: 0,
        }
    }
}

/// Whether the configuration can be used in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can.
    Warning,
}

/// One thing that is wrong, ready to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether the configuration can be used in spite of it.
    pub severity: Severity,
    /// Of a warning: what `docs/warnings.md` and `allow` call it.
    pub code: Option<Code>,
    /// The file as it was named, or what else is at fault (an environment variable).
    pub path: PathBuf,
    /// Line and column, both 1-based; `None`: the file as a whole.
    pub at: Option<(u32, u32)>,
    /// Lowercase, one line.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    pub(super) excerpt: Option<Excerpt>,
}

/// Every problem of a configuration that cannot be used; warnings among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(pub Vec<Problem>);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}: {}", clean(&self.path.to_string_lossy()))?;
        if let Some((line, column)) = self.at {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", clean(&self.message))?;
        match self.code {
            Some(code) => writeln!(f, " [{code}]")?,
            None => writeln!(f)?,
        }
        if let Some(excerpt) = &self.excerpt {
            writeln!(f, "    {}", excerpt.line)?;
            writeln!(f, "    {:width$}^", "", width = excerpt.caret)?;
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "\nhint: {}", clean(hint))?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Report {}

impl Problem {
    /// A problem with a path that could not even be read.
    pub(super) fn of_path(path: &Path, message: impl Into<String>, hint: Option<String>) -> Self {
        Self {
            severity: Severity::Error,
            code: None,
            path: path.to_path_buf(),
            at: None,
            message: message.into(),
            hint,
            excerpt: None,
        }
    }
}

/// Quotes text from a file for a message: in back-ticks, on one line, not endless.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 80;
    let mut short: String = text.chars().take(LONGEST).collect();
    if text.chars().nth(LONGEST).is_some() {
        short.push('…');
    }
    format!("`{}`", clean(&short))
}

/// Takes out what would move a terminal's cursor or colour it.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped = c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
            let (plain, escape) = if escaped { (None, Some(c.escape_unicode())) } else { (Some(c), None) };
            plain.into_iter().chain(escape.into_iter().flatten())
        })
        .collect()
}
