//! Where everything of a configuration stands and which warnings are allowed
//! there, for those who judge a configuration as a whole or by what Graphite
//! answers: they say what they found as the readers here do.
//!
//! It keeps the text of the files, so it is dropped where nobody judges.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::code::{Allow, Code};
use super::problem::{Place, Problem, Severity};
use super::source::Source;

/// A place, and what is allowed there. Places are in the order of the files.
#[derive(Clone, Debug)]
pub struct Spot {
    pub(super) place: Place,
    pub(super) allow: Allow,
}

impl Spot {
    /// Whether this warning is allowed here.
    pub fn allows(&self, code: Code) -> bool {
        self.allow.has(code)
    }

    /// Sorts spots as the files have them.
    pub fn order(&self) -> impl Ord + use<> {
        self.place
    }

    fn at(&self, place: Option<Place>) -> Self {
        Self {
            place: place.unwrap_or(self.place),
            allow: self.allow.clone(),
        }
    }
}

/// Where an alert and its parts stand.
#[derive(Clone, Debug)]
pub struct AlertSpots {
    pub(super) alert: Spot,
    pub(super) targets: Vec<Place>,
    /// The keys that findings are about.
    pub(super) keys: Vec<(&'static str, Place)>,
}

impl AlertSpots {
    /// Keys whose places are kept.
    pub(super) const KEYS: [&'static str; 4] = ["warning", "critical", "for", "from"];

    /// The alert itself.
    pub fn alert(&self) -> &Spot {
        &self.alert
    }

    /// How many targets it has.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }

    /// Its target of this index.
    pub fn target(&self, index: usize) -> Spot {
        self.alert.at(self.targets.get(index).copied())
    }

    /// The value of `key`, its own or inherited; the alert where it has none.
    pub fn key(&self, key: &str) -> Spot {
        let found = self.keys.iter().find(|(known, _)| *known == key);
        self.alert.at(found.map(|(_, place)| *place))
    }
}

/// Where everything of a configuration stands.
#[derive(Clone)]
pub struct Spots {
    pub(super) sources: Arc<[Source]>,
    pub(super) top: Spot,
    pub(super) graphite: Spot,
    /// Of those that are defined in `receivers:` or by a flat key.
    pub(super) receivers: HashMap<Arc<str>, Spot>,
    /// In the order of `Config::routes`.
    pub(super) routes: Vec<Spot>,
    /// In the order of `Config::groups` and their alerts.
    pub(super) groups: Vec<Vec<AlertSpots>>,
}

/// The text of files may hold secrets.
impl fmt::Debug for Spots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Spots")
    }
}

impl Spots {
    /// The top level.
    pub fn top(&self) -> &Spot {
        &self.top
    }

    /// What says where Graphite is; the top level where that is the environment.
    pub fn graphite(&self) -> &Spot {
        &self.graphite
    }

    /// A receiver; the top level for one that an alert has of its own.
    pub fn receiver(&self, name: &str) -> &Spot {
        self.receivers.get(name).unwrap_or(&self.top)
    }

    /// The route of this index.
    pub fn route(&self, index: usize) -> &Spot {
        self.routes.get(index).unwrap_or(&self.top)
    }

    /// An alert by the index of its group and its own in it.
    pub fn alert(&self, group: usize, alert: usize) -> Option<&AlertSpots> {
        self.groups.get(group)?.get(alert)
    }

    /// A problem at `spot`: a warning where it has a code, else an error.
    pub fn problem(
        &self,
        spot: &Spot,
        code: Option<Code>,
        message: String,
        hint: Option<String>,
    ) -> Problem {
        let place = spot.place;
        let source = usize::try_from(place.file)
            .ok()
            .and_then(|file| self.sources.get(file));
        Problem {
            severity: code.map_or(Severity::Error, |_| Severity::Warning),
            code,
            path: source.map(|source| source.path.clone()).unwrap_or_default(),
            at: Some((place.line, place.column)),
            message,
            hint,
            excerpt: source.and_then(|source| source.excerpt(place)),
        }
    }
}
