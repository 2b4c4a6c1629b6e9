//! Alerts of other programs as a configuration of ours: text in, YAML and a
//! summary out.
//!
//! Each origin has a file that reads its language into [`draft`]s; `whole.rs`
//! writes them, and lets our own reader read what it wrote before anybody sees
//! it: what that would refuse becomes a comment with the reason. Nothing is
//! dropped silently, nothing that looks like a secret is copied, and nothing here
//! opens a file or a connection.

mod draft;
mod expression;
mod foreign;
mod grafana;
mod graphite_beacon;
mod moira;
mod nagios;
mod region;
mod settings;
mod span;
mod whole;
mod yaml;

#[cfg(test)]
mod tests;

pub use foreign::Unreadable;
pub use whole::{Imported, Outcome, Summary};

/// Where alerts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// klen/graphite-beacon: its configuration, JSON or YAML.
    GraphiteBeacon,
    /// Moira: triggers as its API gives them, JSON.
    Moira,
    /// Grafana: alert rules on a Graphite data source, as files of provisioning or as its API gives them.
    Grafana,
    /// Nagios and what descends from it: command lines of `check_graphite`, alone or in object files.
    Nagios,
}

impl Origin {
    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::GraphiteBeacon => "graphite-beacon",
            Self::Moira => "moira",
            Self::Grafana => "grafana",
            Self::Nagios => "nagios",
        }
    }

    /// As it calls itself.
    pub fn title(self) -> &'static str {
        match self {
            Self::GraphiteBeacon => "graphite-beacon",
            Self::Moira => "Moira",
            Self::Grafana => "Grafana",
            Self::Nagios => "Nagios",
        }
    }

    /// What one of its alerts is called there.
    fn noun(self) -> &'static str {
        match self {
            Self::GraphiteBeacon => "alert",
            Self::Moira => "trigger",
            Self::Grafana => "rule",
            Self::Nagios => "check",
        }
    }

    /// What is read, for messages.
    fn expects(self) -> &'static str {
        match self {
            Self::GraphiteBeacon => {
                "its configuration: `alerts:` with `name`, `query` and `rules`, in JSON or YAML"
            }
            Self::Moira => {
                "triggers as `GET /api/trigger` gives them: `{\"list\": [...]}`, a list, or one of them"
            }
            Self::Grafana => {
                "alert rules as its export gives them: `groups:` with `rules`, in YAML or JSON"
            }
            Self::Nagios => "command lines with `check_graphite`, or object files that hold them",
        }
    }
}

/// Makes a configuration of what `text` says in the language of `origin`.
///
/// # Errors
/// It is no file of that origin, or holds no alert at all.
pub fn import(origin: Origin, text: &str) -> Result<Imported, Unreadable> {
    let found = match origin {
        Origin::GraphiteBeacon => graphite_beacon::read(text),
        Origin::Moira => moira::read(text),
        Origin::Grafana => grafana::read(text),
        Origin::Nagios => nagios::read(text),
    }?;
    whole::write(origin, found)
}
