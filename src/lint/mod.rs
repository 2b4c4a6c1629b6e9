//! What is doubtful about a sound configuration: rules, routes and receivers
//! that have no effect, and targets that do not give what their alert needs.
//!
//! ```text
//! rules.rs, routes.rs    what the configuration alone shows
//! ask.rs                 asks Graphite, each target once, gently
//!   window.rs, day.rs    what came of it, judged while it arrives
//! expression.rs          as much of a target's grammar as is certain
//! ```
//!
//! All but `ask.rs` is pure. Nothing here prints, or decides what becomes of a
//! finding: whether it is allowed is written where it stands ([`Spot`]).

pub mod ask;
mod day;
mod expression;
pub mod routes;
mod rules;
mod window;

use crate::config::{Code, Config, Spot, Spots};

/// One thing that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Where it is.
    pub spot: Spot,
    /// Which warning it is; `None`: an error.
    pub code: Option<Code>,
    /// Lowercase, one line.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Finding {
    fn new(spot: &Spot, code: impl Into<Option<Code>>, message: String, hint: &str) -> Self {
        Self {
            spot: spot.clone(),
            code: code.into(),
            message,
            hint: hint.to_owned(),
        }
    }

    /// Whether somebody wrote that it is meant so.
    pub fn is_allowed(&self) -> bool {
        self.code.is_some_and(|code| self.spot.allows(code))
    }
}

/// Everything that can be seen without asking anybody.
pub fn offline(config: &Config, spots: &Spots) -> Vec<Finding> {
    let mut findings = rules::judge(config, spots);
    findings.extend(routes::judge(config, spots));
    findings
}

/// `1 series`, `12 series`; `1 hour`, `2 hours`.
fn many(count: usize, one: &str, more: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// A configuration of these lines, written as a file.
    pub fn configuration(text: &str) -> (Config, Spots) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("alerts.yml");
        std::fs::write(&path, text).unwrap();
        let read = crate::config::examine(&[path], &|_| None);
        let (loaded, spots) = read.unwrap_or_else(|report| panic!("{report}"));
        (loaded.config, spots)
    }

    /// Code, line and message of each finding that is not allowed, as it is printed.
    pub fn shown(spots: &Spots, findings: Vec<Finding>) -> Vec<String> {
        let mut findings: Vec<Finding> = findings
            .into_iter()
            .filter(|finding| !finding.is_allowed())
            .collect();
        findings.sort_by_key(|finding| finding.spot.order());
        let one = |finding: Finding| {
            let problem = spots.problem(&finding.spot, finding.code, finding.message, None);
            let code = problem
                .code
                .map_or("error".to_owned(), |code| code.to_string());
            format!("{code} {}: {}", problem.at.unwrap().0, problem.message)
        };
        findings.into_iter().map(one).collect()
    }
}
