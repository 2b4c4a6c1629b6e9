//! What a receiver wants to hear, and which receivers an alert is routed to.
//!
//! How a receiver is reached (keys, addresses) is `deliver/`'s business; here
//! it is a name and a policy.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use globset::GlobMatcher;

use super::level::Levels;

/// When and of what one receiver is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// The levels it listens to.
    pub levels: Levels,
    /// Whether it is told that an incident is over.
    pub resolved: bool,
    /// How long after the last accepted message an open incident is told again; `None`: never.
    pub repeat: Option<Duration>,
    /// How long an incident must stand at a listened level before it is told.
    pub after: Duration,
    /// Who is told as well when this one cannot be.
    pub fallback: Option<Arc<str>>,
    /// How long undelivered before the fallback is told.
    pub fallback_after: Duration,
    /// Told of alerts that no route matches.
    pub default: bool,
    /// Whether it keeps incidents by key (PagerDuty), so that a repeated send
    /// is harmless and an end always has to be sent; others get messages.
    pub keyed: bool,
    /// The mail addresses that are settled one by one; empty for all other kinds.
    pub recipients: Vec<Arc<str>>,
}

/// One entry of `routes:`.
#[derive(Clone, Debug)]
pub struct Route {
    /// Glob on the alert's name.
    pub alert: Option<GlobMatcher>,
    /// Glob on the series' legend.
    pub series: Option<GlobMatcher>,
    /// Globs on labels; all must match.
    pub labels: BTreeMap<String, GlobMatcher>,
    /// The receivers that it adds.
    pub notify: Vec<Arc<str>>,
    /// Whether later routes are looked at as well.
    pub continue_: bool,
}
