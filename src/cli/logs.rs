//! Where logs go and what they look like.

use std::io::IsTerminal;

use clap::{Args, ValueEnum};
use tracing_subscriber::EnvFilter;

/// How the agent logs.
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// How log lines look
    #[arg(long, value_enum, default_value_t = Format::Text, global = true)]
    log_format: Format,
    /// What is logged: error, warn, info, debug, trace, or a filter such as `graphite_pager=debug`
    /// [default: RUST_LOG, else info for `run` and warn for the rest]
    #[arg(long, value_name = "LEVEL", global = true)]
    log_level: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

impl Options {
    /// Starts logging to standard error, at `level` unless something else was said.
    pub fn start(&self, level: &str) {
        let asked = self
            .log_level
            .clone()
            .or_else(|| std::env::var("RUST_LOG").ok());
        let asked = asked.filter(|asked| !asked.trim().is_empty());
        // libraries below us only where they are asked for by name
        let widened = |level: &str| format!("warn,graphite_pager={level}");
        let plain = ["off", "error", "warn", "info", "debug", "trace"];
        let filter = match asked {
            Some(asked) if plain.contains(&asked.as_str()) => widened(&asked),
            Some(asked) => asked,
            None => widened(level),
        };
        let filter = EnvFilter::try_new(&filter).unwrap_or_else(|error| {
            eprintln!(
                "warning: the log filter `{filter}` is not understood ({error}): logging at {level}"
            );
            EnvFilter::new(widened(level))
        });
        let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let logs = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_target(false)
            .with_ansi(colour);
        match self.log_format {
            Format::Text => logs.init(),
            Format::Json => logs.json().flatten_event(true).init(),
        }
    }
}
