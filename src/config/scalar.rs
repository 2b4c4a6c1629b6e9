//! What one scalar is: text, a number, true or false, nothing.
//!
//! Scalars keep their text until somebody asks; only then it is decided what
//! they mean, so `name: 1e3` is a name and `warning: 1e3` a number.

use std::rc::Rc;

use super::context::Context;
use super::problem::{Place, quote};
use super::tree::{Kind, Node, Scalar};

/// A scalar and where it stands.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// Where it stands.
    pub place: Place,
    /// Its value.
    pub value: &'a str,
    scalar: &'a Scalar,
}

impl Text<'_> {
    /// Whether it may be read as a number or a truth value.
    pub fn plain(&self) -> bool {
        self.scalar.plain
    }

    /// How messages may quote it: as it stands in the file.
    pub fn quoted(&self) -> String {
        quote(self.scalar.written.as_deref().unwrap_or(self.value))
    }

    /// Whether its value came from outside the file and must not be quoted.
    pub fn replaced(&self) -> bool {
        self.scalar.written.is_some()
    }

    /// The place of the 1-based `column`th character of its value, where that can be told.
    pub fn place_of(&self, column: usize) -> Place {
        if self.replaced() {
            return self.place;
        }
        let at = self
            .value
            .char_indices()
            .nth(column.saturating_sub(1))
            .map_or(self.value.len(), |(at, _)| at);
        super::substitute::shifted(self.place, self.scalar.lead, self.value, at)
    }
}

/// Takes `node` as text; numbers and truth values are text as they are written.
pub fn text<'a>(
    context: &Context<'_>,
    node: &'a Node,
    name: &str,
    expected: &str,
) -> Option<Text<'a>> {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.broken => None,
        Kind::Scalar(scalar) if !node.is_null() => Some(Text {
            place: node.place,
            value: &scalar.text,
            scalar,
        }),
        _ => {
            context.error(
                node.place,
                format!("{name}: expected {expected}, found {}", kind(node)),
                format!("write {expected} after the colon, or take the key out"),
            );
            None
        }
    }
}

/// Takes `node` as true or false, as YAML 1.1 and 1.2 write them.
pub fn truth(context: &Context<'_>, node: &Node, name: &str) -> Option<bool> {
    let text = text(context, node, name, "`true` or `false`")?;
    let value = as_truth(text.value);
    if value.is_none() {
        context.error(
            node.place,
            format!(
                "{name}: expected `true` or `false`, found {}",
                text.quoted()
            ),
            "write `true` or `false`",
        );
    }
    value
}

/// `true`, `yes`, `on` and their opposites.
pub fn as_truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some(true),
        "false" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The items of a list called `name`; anything else is a problem.
pub fn list<'a>(
    context: &Context<'_>,
    node: &'a Node,
    name: &str,
    example: &str,
) -> &'a [Rc<Node>] {
    match &node.kind {
        Kind::List(items) => items,
        _ if broken(node) || node.is_null() => &[],
        _ => {
            context.error(
                node.place,
                format!("{name}: expected a list, found {}", kind(node)),
                example,
            );
            &[]
        }
    }
}

/// What kind of value `node` is, for "found ...".
pub fn kind(node: &Node) -> &'static str {
    match &node.kind {
        Kind::List(_) => "a list",
        Kind::Map(_) => "a map",
        Kind::Scalar(_) if node.is_null() => "nothing",
        Kind::Scalar(scalar) if scalar.plain && as_truth(&scalar.text).is_some() => "true or false",
        Kind::Scalar(scalar) if scalar.plain && number(&scalar.text).is_some() => "a number",
        Kind::Scalar(_) => "text",
    }
}

/// Whether a `${...}` in it could not be replaced, which has been reported.
pub fn broken(node: &Node) -> bool {
    matches!(&node.kind, Kind::Scalar(scalar) if scalar.broken)
}

/// A plain scalar as YAML 1.2 reads numbers (core schema, section 10.3.2), `.nan` and `.inf` too.
pub fn number(text: &str) -> Option<f64> {
    let digits = text.trim_start_matches(['+', '-']);
    if text.len() - digits.len() > 1 {
        return None;
    }
    let sign = if text.starts_with('-') { -1.0 } else { 1.0 };
    match digits {
        ".nan" | ".NaN" | ".NAN" => return Some(f64::NAN),
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        _ => {}
    }
    let radix = |prefix: &str, radix| {
        digits
            .strip_prefix(prefix)
            .and_then(|rest| u32::from_str_radix(rest, radix).ok())
    };
    if let Some(value) = radix("0x", 16).or_else(|| radix("0o", 8)) {
        return Some(sign * f64::from(value));
    }
    let sound = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'));
    if sound { text.parse().ok() } else { None }
}
