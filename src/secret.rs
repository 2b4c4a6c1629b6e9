//! A string that must not be seen.
//!
//! Keys, passwords and addresses with credentials are kept in this type from
//! the moment they are read, so that no `Debug`, log line or error can show
//! them by accident; whoever sends one says `expose()`, which is easy to find.

use std::fmt;

/// A key, a token, a password, or a URL that may contain one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value itself, for the one who sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
