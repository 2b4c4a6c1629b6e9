//! The four levels and their order.
//!
//! The order of the variants is the rank of design section 5:
//! `ok` < `warning` < `no_data` < `critical`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How bad a series is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Nothing is wrong.
    #[default]
    Ok,
    /// The warning condition holds.
    Warning,
    /// There is no value to judge.
    NoData,
    /// The critical condition holds.
    Critical,
}

impl Level {
    /// The level as configuration and JSON write it: `ok`, `warning`, `no_data`, `critical`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::NoData => "no_data",
            Self::Critical => "critical",
        }
    }

    /// The level as people read it: `OK`, `WARNING`, `NO DATA`, `CRITICAL`.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::NoData => "NO DATA",
            Self::Critical => "CRITICAL",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The levels that a receiver listens to; `ok` is never one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Levels {
    /// Listens to `warning`.
    pub warning: bool,
    /// Listens to `no_data`.
    pub no_data: bool,
    /// Listens to `critical`.
    pub critical: bool,
}

impl Levels {
    /// All three.
    pub const ALL: Self = Self {
        warning: true,
        no_data: true,
        critical: true,
    };

    /// Says whether `level` is one of them.
    pub const fn contains(self, level: Level) -> bool {
        match level {
            Level::Ok => false,
            Level::Warning => self.warning,
            Level::NoData => self.no_data,
            Level::Critical => self.critical,
        }
    }
}
