//! A YAML value that knows where it stands.

use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use super::problem::Place;

/// A value and where it stands.
#[derive(Debug)]
pub struct Node {
    /// Where its text begins.
    pub place: Place,
    /// What it is.
    pub kind: Kind,
    /// Values below and with it, aliases counted each time.
    pub(super) weight: usize,
    /// Levels below it.
    pub(super) height: usize,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// Text, a number, a truth value, nothing.
    Scalar(Scalar),
    /// `[...]` or lines with dashes.
    List(Vec<Rc<Node>>),
    /// `{...}` or lines with colons; no key twice; merge keys are resolved.
    Map(Vec<Entry>),
}

/// A scalar's text.
pub struct Scalar {
    /// Its text, `${...}` replaced.
    pub text: String,
    /// What stands in the file, where that differs: the only form that messages may quote.
    pub written: Option<String>,
    /// Not quoted, not a block, not tagged as text: may be a number, a truth value, nothing.
    pub plain: bool,
    /// A `${...}` in it could not be replaced; that has been reported.
    pub broken: bool,
    /// Characters between `place` and the text, where the text stands on one line as it is.
    pub lead: Option<u32>,
    /// Where it stands, in bytes.
    pub span: Range<usize>,
}

/// Where it stands alone: nothing says here whether the text is a secret.
impl fmt::Debug for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scalar({:?})", self.span)
    }
}

/// A key with its value.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The key's text.
    pub key: Rc<str>,
    /// Where the key stands.
    pub place: Place,
    /// Its value.
    pub value: Rc<Node>,
}

impl Node {
    /// A list or a map, measured.
    pub fn collection(place: Place, kind: Kind) -> Self {
        let (weight, height) = match &kind {
            Kind::Scalar(_) => (0, 0),
            Kind::List(items) => measure(items.iter()),
            Kind::Map(entries) => measure(entries.iter().map(|entry| &entry.value)),
        };
        Self {
            place,
            kind,
            weight: weight.saturating_add(1),
            height: height + 1,
        }
    }

    /// A scalar.
    pub fn scalar(place: Place, scalar: Scalar) -> Self {
        Self {
            place,
            kind: Kind::Scalar(scalar),
            weight: 1,
            height: 1,
        }
    }

    /// A key that carries an anchor, to be repeated as a value.
    pub fn key(text: &str, place: Place, span: Range<usize>) -> Self {
        let scalar = Scalar {
            text: text.to_owned(),
            written: None,
            plain: false,
            broken: false,
            lead: None,
            span,
        };
        Self::scalar(place, scalar)
    }

    /// Says whether nothing is written: no value, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.plain && !scalar.broken && scalar.written.is_none()
            && matches!(scalar.text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }
}

fn measure<'a>(nodes: impl Iterator<Item = &'a Rc<Node>>) -> (usize, usize) {
    nodes.fold((0_usize, 0), |(weight, height), node| {
        (weight.saturating_add(node.weight), height.max(node.height))
    })
}
