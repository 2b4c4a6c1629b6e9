//! `packs`: the alerts that the program brings along.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::pages::ended;
use super::{Format, fail};
use crate::config::packs::{self, Described, Pack};

/// `packs`
#[derive(Clone, Debug, Args)]
pub struct Options {
    /// Prints this pack's YAML
    pack: Option<String>,
    /// Prints the tests of the pack instead
    #[arg(long, requires = "pack")]
    tests: bool,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t = Format::Table, conflicts_with = "pack")]
    format: Format,
}

/// One pack, as it is listed.
#[derive(Debug, Serialize)]
struct Row {
    pack: &'static str,
    about: &'static str,
    params: Vec<Param>,
}

#[derive(Debug, Serialize)]
struct Param {
    name: &'static str,
    default: &'static str,
    about: &'static str,
}

/// Lists the packs, or prints one.
pub fn packs(options: &Options) -> ExitCode {
    let Some(name) = &options.pack else {
        return match options.format {
            Format::Table => ended(io::stdout().write_all(listed().as_bytes())),
            Format::Json => json(),
        };
    };
    match packs::find(name) {
        Some(pack) => {
            let text = if options.tests { pack.tests } else { pack.text };
            ended(io::stdout().write_all(text.as_bytes()))
        }
        None => {
            fail(&format!(
                "there is no pack `{name}`\n\nhint: {}",
                packs::advice(name)
            ));
            ExitCode::FAILURE
        }
    }
}

fn json() -> ExitCode {
    let rows: Vec<Row> = packs::ALL.iter().map(Row::of).collect();
    match serde_json::to_string_pretty(&rows) {
        Ok(json) => ended(writeln!(io::stdout(), "{json}")),
        Err(error) => {
            fail(&error);
            ExitCode::FAILURE
        }
    }
}

impl Row {
    fn of(pack: &Pack) -> Self {
        let param = |param: Described| Param {
            name: param.name,
            default: param.default,
            about: param.about,
        };
        Self {
            pack: pack.name,
            about: pack.about(),
            params: pack.params().map(param).collect(),
        }
    }
}

/// A line for each pack, and below it one for each of its parameters.
fn listed() -> String {
    let mut text = String::new();
    for pack in packs::ALL {
        let params: Vec<Described> = pack.params().collect();
        let assignment = |param: &Described| format!("{}: {}", param.name, param.default);
        let widest = params.iter().map(|param| assignment(param).len()).max();
        let width = widest.unwrap_or_default();
        text.push_str(&format!("{}: {}\n", pack.name, pack.about()));
        for param in &params {
            let line = format!("  {:width$}  # {}\n", assignment(param), param.about);
            text.push_str(&line);
        }
        text.push('\n');
    }
    text.pop();
    text
}
