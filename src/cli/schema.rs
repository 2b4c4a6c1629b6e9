//! Schemas for editors; what is in them is `config/schema.rs`'s business.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::ValueEnum;

use super::pages::ended;
use crate::config::schema;

/// What a schema is of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Of {
    /// Configuration files
    #[default]
    Configuration,
    /// Files of alert tests
    Tests,
}

/// Prints a schema.
pub fn schema(of: Of) -> ExitCode {
    let schema = match of {
        Of::Configuration => schema::configuration(),
        Of::Tests => schema::tests(),
    };
    ended(writeln!(io::stdout(), "{schema:#}"))
}
