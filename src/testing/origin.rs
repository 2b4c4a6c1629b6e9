//! Which targets of a group return a series that a test shows.
//!
//! Only Graphite knows that; a test may say it (`target`). Else it is taken from
//! what can be read off a target: the legends of plain paths, `aliasByNode` and
//! `alias`. Where nothing can be, it is the last alert's: a special case stands
//! before what is meant for all.

use globset::GlobBuilder;

use crate::alert::glob::matcher;
use crate::alert::{Group, Target};

/// The (alert, target) pairs that return `legend`, by their indexes; of an alert
/// that has several the first. `said` is the target that the test names.
pub fn of(group: &Group, legend: &str, said: Option<&str>) -> Vec<(usize, usize)> {
    let all = || {
        let alerts = group.alerts.iter().enumerate();
        alerts.flat_map(|(alert, definition)| {
            let targets = definition.targets.iter().enumerate();
            targets.map(move |(index, target)| ((alert, index), target))
        })
    };
    if let Some(said) = said {
        return first_of_each(all().filter(|(_, target)| target.as_str() == said));
    }
    let sure = all().filter(|(_, target)| returns(target.as_str(), legend) == Some(true));
    let sure = first_of_each(sure);
    if !sure.is_empty() {
        return sure;
    }
    let perhaps = all().filter(|(_, target)| returns(target.as_str(), legend).is_none());
    let perhaps = first_of_each(perhaps);
    let last = perhaps.last().copied();
    let last = last.or_else(|| first_of_each(all()).last().copied());
    last.into_iter().collect()
}

fn first_of_each<'a>(
    pairs: impl Iterator<Item = ((usize, usize), &'a Target)>,
) -> Vec<(usize, usize)> {
    let mut first: Vec<(usize, usize)> = Vec::new();
    for (pair, _) in pairs {
        if first.last().is_none_or(|last| last.0 != pair.0) {
            first.push(pair);
        }
    }
    first
}

/// Whether `target` returns a series called `legend`; `None`: that cannot be told.
fn returns(target: &str, legend: &str) -> Option<bool> {
    let target = target.trim();
    let Some((function, inside)) = call(target) else {
        return Some(fits(target, legend));
    };
    let arguments = arguments(inside);
    let (first, rest) = arguments.split_first()?;
    match function {
        "aliasByNode" => {
            let nodes: Vec<&str> = path_in(first)?.split('.').collect();
            let chosen = rest.iter().map(|number| {
                let number: isize = number.parse().ok()?;
                let index = match usize::try_from(number) {
                    Ok(index) => index,
                    Err(_) => nodes.len().checked_add_signed(number)?,
                };
                nodes.get(index).copied()
            });
            let chosen: Option<Vec<&str>> = chosen.collect();
            Some(fits(&chosen?.join("."), legend))
        }
        "alias" => Some(unquoted(rest.first()?)? == legend),
        _ if target == legend => Some(true),
        _ => None,
    }
}

/// `function(inside)`
fn call(text: &str) -> Option<(&str, &str)> {
    let (function, rest) = text.split_once('(')?;
    let named = |c: char| c.is_alphanumeric() || c == '_';
    let inside = rest.strip_suffix(')')?;
    (!function.is_empty() && function.chars().all(named)).then_some((function, inside))
}

/// The arguments of a call, parted at the commas outside brackets and quotes.
fn arguments(inside: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut begin) = (0_usize, None, 0);
    let mut found = Vec::new();
    for (at, c) in inside.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                found.extend(inside.get(begin..at).map(str::trim));
                begin = at + 1;
            }
            (None, _) => {}
        }
    }
    found.extend(inside.get(begin..).map(str::trim));
    found
}

/// The first path in an expression.
fn path_in(text: &str) -> Option<&str> {
    match call(text.trim()) {
        Some((_, inside)) => arguments(inside).into_iter().find_map(path_in),
        None => {
            let path = text.trim();
            let sound = !path.is_empty()
                && unquoted(path).is_none()
                && path.parse::<f64>().is_err()
                && !path.contains(['(', ')', '=']);
            sound.then_some(path)
        }
    }
}

fn unquoted(text: &str) -> Option<&str> {
    let inner = |quote: char| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\''))
}

/// Whether Graphite's glob `pattern` matches `name`, node by node.
fn fits(pattern: &str, name: &str) -> bool {
    let with_slashes = |text: &str| text.replace('.', "/");
    GlobBuilder::new(&with_slashes(pattern))
        .literal_separator(true)
        .build()
        .ok()
        .and_then(|glob| matcher(&glob).ok())
        .is_some_and(|glob| glob.is_match(with_slashes(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(target: &str, legend: &str, expected: Option<bool>) {
        assert_eq!(returns(target, legend), expected, "{target} {legend}");
    }

    #[test]
    fn a_plain_path_returns_what_it_matches_node_by_node() {
        check("servers.*.load", "servers.web-1.load", Some(true));
        check("servers.*.load", "servers.a.b.load", Some(false));
        check("servers.{a,b}.load", "servers.b.load", Some(true));
    }

    #[test]
    fn alias_by_node_returns_what_its_nodes_match() {
        let build = "aliasByNode(servers.build-*.loadavg.05, 1)";
        check(build, "build-1", Some(true));
        check(build, "web-1", Some(false));
        check(
            "aliasByNode(servers.*.x.*.y, 1, -2)",
            "web-1.disk",
            Some(true),
        );
        check(
            "aliasByNode(scale(perSecond(servers.db-*.reads), 2), 1)",
            "db-1",
            Some(true),
        );
        check("aliasByNode(servers.*.x, 7)", "web-1", None);
    }

    #[test]
    fn alias_returns_its_name() {
        check(
            "alias(sumSeries(a.*, b.*), 'all of (it), here')",
            "all of (it), here",
            Some(true),
        );
        check("alias(a, \"x\")", "y", Some(false));
    }

    #[test]
    fn of_other_functions_nothing_is_known_but_their_own_name() {
        check("aliasSub(a.*, '^a.', '')", "web", None);
        check("sumSeries(a.*)", "sumSeries(a.*)", Some(true));
        check("sumSeries(a.*)", "web", None);
    }
}
