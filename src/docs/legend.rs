//! The legend of a target that returns one series, whatever Graphite holds.
//!
//! Only what is certain is said: a plain path, `alias` with a text, and
//! `aliasByNode` of a plain path.

use crate::alert::Target;

/// The one legend that `target` can return; `None`: that is known to Graphite alone.
pub fn fixed(target: &Target) -> Option<String> {
    let text = target.as_str();
    if is_path(text) {
        return Some(text.to_owned());
    }
    if let Some(arguments) = arguments(text, "alias") {
        let (_, name) = arguments.rsplit_once(',')?;
        return quoted(name.trim()).map(str::to_owned);
    }
    let (path, nodes) = arguments(text, "aliasByNode")?.split_once(',')?;
    let parts: Vec<&str> = path.trim().split('.').collect();
    if !is_path(path.trim()) {
        return None;
    }
    let named: Option<Vec<&str>> = nodes
        .split(',')
        .map(|node| parts.get(node.trim().parse::<usize>().ok()?).copied())
        .collect();
    named.map(|named| named.join("."))
}

/// What stands between the brackets of a call of `function` that is the whole text.
fn arguments<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    let rest = text.strip_prefix(function)?.trim_start();
    let inner = rest.strip_prefix('(')?.strip_suffix(')')?;
    let (mut depth, mut quote) = (0_usize, None);
    for c in inner.chars() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            // what a backslash does is the server's business
            (_, '\\') => return None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => depth += 1,
            // it closes the call: something follows it
            (None, ')') => depth = depth.checked_sub(1)?,
            (None, _) => {}
        }
    }
    Some(inner)
}

/// A text in quotes.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let inner = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!inner.is_empty() && !inner.contains(quote)).then_some(inner)
}

/// A metric's path without globs, functions, numbers or tags.
fn is_path(text: &str) -> bool {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | ':' | '%');
    text.contains('.') && text.parse::<f64>().is_err() && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_legend_is_known_where_only_one_is_possible() {
        for (target, expected) in [
            ("stats.statsd.bad", Some("stats.statsd.bad")),
            ("servers.*.load", None),
            ("servers.{a,b}.load", None),
            ("servers.a[12].load", None),
            ("alias(sumSeries(a.*.b), 'All of it')", Some("All of it")),
            ("alias(a.b,\"x (y), z\")", None),
            ("alias(a.b, \"x (y)\")", Some("x (y)")),
            ("alias(a.b, 'x')|sumSeries()", None),
            ("alias(f(a.b, 'x'))", None),
            ("aliasByNode(stats.statsd.bad, 1)", Some("statsd")),
            ("aliasByNode(stats.statsd.bad, 1, 0)", Some("statsd.stats")),
            ("aliasByNode(stats.statsd.bad, 7)", None),
            ("aliasByNode(stats.statsd.bad, -1)", None),
            ("aliasByNode(stats.*.bad, 1)", None),
            ("sumSeries(a.b)", None),
            ("1.5", None),
        ] {
            let target = Target::parse(target).unwrap();
            assert_eq!(fixed(&target).as_deref(), expected, "{target}");
        }
    }
}
