//! What an error may not show.
//!
//! In a file that could be parsed, every scalar that stands where a secret
//! belongs is hidden (misspelt keys too), and in the rest of the line (comments)
//! what looks like one. In a file that could not, nothing says where a value
//! ends: only known keys are shown, and what follows keys that hold no secrets.
//! Hiding too much costs a clearer message, hiding too little a leak: in doubt
//! it hides.

use std::collections::BTreeSet;
use std::ops::Range;

use super::problem::quote;
use super::source::Source;
use super::substitute;
use super::suggest;
use super::tree::{Entry, Kind, Node, Scalar};

/// Keys whose values are secrets wherever they stand.
const SECRET: [&str; 7] = [
    "routing_key",
    "password",
    "graphite_pass",
    "pagerduty_key",
    "slack_url",
    "heartbeat",
    "headers",
];
/// Words that make any key look like one.
const TELLING: [&str; 9] = [
    "key", "pass", "secret", "token", "auth", "cred", "pwd", "webhook", "cookie",
];
/// What may be shown of the sections that hold keys and addresses.
const OPEN: [&str; 10] = [
    "summary", "severity", "method", "channel", "text", "levels", "notify", "timeout", "graph",
    "subject",
];

/// The byte ranges of all scalars below `root` that must not be shown, sorted.
pub fn secrets(root: &Node) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    walk(root, &[], false, &mut |_, scalar| {
        found.extend(span(scalar))
    });
    found.sort_by_key(|range| (range.start, range.end));
    found.dedup();
    found
}

/// The byte ranges of all scalars of `node`.
pub fn everything(node: &Node) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    walk(node, &[], true, &mut |_, scalar| found.extend(span(scalar)));
    found
}

/// The environment variables (`${NAME}`) that stand where a secret belongs; not
/// those that a program is given as arguments, which are meant for it.
pub fn variables(root: &Node) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(root, &[], false, &mut |path, scalar| {
        if path.last() != Some(&"run") {
            found.extend(named(scalar.written.as_deref().unwrap_or_default()));
        }
    });
    found
}

/// A key as messages may name it: what is none is not shown, since it may be a
/// secret whose `:` or whose key is missing.
pub fn key(key: &str, null: bool) -> String {
    match is_no_key(key, null) {
        true => "`***`".to_owned(),
        false => quote(key),
    }
}

/// Whether what stands in a key's place may be a value: `{routing_key VALUE}`, `{VALUE}`.
fn is_no_key(key: &str, null: bool) -> bool {
    let first = key.split(|c| !is_key(c)).next().unwrap_or_default();
    let several = first.len() < key.len();
    several && (null || is_secret(first)) || null && key.len() >= 8 && known(key).is_none()
}

/// A key in the form of a value, so that it is hidden in the same way.
fn key_as_scalar(entry: &Entry) -> Scalar {
    let from = entry.place.offset;
    Scalar {
        text: entry.key.to_string(),
        written: None,
        plain: false,
        broken: false,
        lead: None,
        // with its quotes, if it has any
        span: from..from + entry.key.len() + 2,
    }
}

/// Whether an address in `text` has a user and a password before its host, or
/// what could be one: `https://user:password` with its end on the next line.
fn has_login(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
        rest.contains('@')
            || !authority.ends_with(']') && port.contains(|c: char| !c.is_ascii_digit())
    })
}

/// The names of variables in a text as it was written.
fn named(text: &str) -> impl Iterator<Item = String> {
    let names = text.split("${").skip(1);
    names
        .filter_map(|rest| rest.split_once('}'))
        .map(|(name, _)| name.to_owned())
        .filter(|name| !name.contains(':'))
}

/// Where a scalar stands that must not be shown.
fn span(scalar: &Scalar) -> Option<Range<usize>> {
    (!only_names_it(scalar.written.as_deref())).then(|| scalar.span.clone())
}

/// Hands every scalar that must not be seen to `found`, with the keys that lead to it.
fn walk(node: &Node, path: &[&str], hidden: bool, found: &mut impl FnMut(&[&str], &Scalar)) {
    match &node.kind {
        Kind::Scalar(scalar) => {
            if hidden || has_login(&scalar.text) {
                found(path, scalar);
            }
        }
        Kind::List(items) => items
            .iter()
            .for_each(|item| walk(item, path, hidden, found)),
        Kind::Map(entries) => {
            for entry in entries {
                if is_no_key(&entry.key, entry.value.is_null()) {
                    found(path, &key_as_scalar(entry));
                }
                let mut below = path.to_vec();
                below.push(&entry.key);
                let hides = hidden || hides(&below, matches!(entry.value.kind, Kind::Scalar(_)));
                walk(&entry.value, &below, hides, found);
            }
        }
    }
}

/// Whether a scalar is nothing but `${NAME}` or `${file:PATH}`: that may be seen.
fn only_names_it(written: Option<&str>) -> bool {
    written
        .and_then(|text| text.strip_prefix("${"))
        .and_then(|text| text.strip_suffix('}'))
        .is_some_and(|name| {
            name.starts_with("file:") && !name.contains('}') || substitute::is_name(name)
        })
}

/// Whether nothing may be shown of a scalar that these keys lead to.
pub fn hides_scalar(keys: &[&str]) -> bool {
    (1..=keys.len()).any(|end| {
        let path = keys.get(..end).unwrap_or_default();
        hides(path, end == keys.len())
    })
}

fn hides(path: &[&str], scalar: bool) -> bool {
    let Some((key, above)) = path.split_last() else {
        return false;
    };
    if is_secret(key) {
        return !matches!(*key, "webhook") || scalar;
    }
    let section = |name: &str| suggest::nearest(name, ["pagerduty", "slack", "webhook"]).is_some();
    match above {
        [] => !key.starts_with("x-") && !is_top_level(key) || scalar && section(key),
        ["receivers"] => scalar,
        ["receivers", .., parent] => !is_open_of_receiver(key, parent, scalar),
        [.., parent] => scalar && section(parent),
    }
}

/// Whether what a receiver's `key` holds may be shown: what holds no secret, misspelt or not.
fn is_open_of_receiver(key: &str, parent: &str, scalar: bool) -> bool {
    let others = ["to", "cc", "from", "smtp"];
    let open = OPEN
        .iter()
        .chain(super::receivers::KEYS)
        .chain(&others)
        .copied();
    let kinds = super::kinds::KEYS.iter().map(|(kind, _)| *kind);
    suggest::nearest(key, open).is_some()
        || !scalar && suggest::nearest(key, kinds).is_some()
        || parent == "severity"
        || parent == "pagerduty" && key == "url"
}

fn is_top_level(key: &str) -> bool {
    let flat = super::graphite::FLAT.iter().map(|(flat, _)| *flat);
    let known = super::whole::KEYS
        .iter()
        .chain(super::predecessor::KEYS)
        .copied()
        .chain(flat);
    suggest::nearest(key, known).is_some()
}

/// Whether what follows `key` is never a secret.
pub fn is_open(key: &str) -> bool {
    super::alerts::KEYS.contains(&key) && key != "warning" && key != "critical" && key != "no_data"
}

fn is_secret(key: &str) -> bool {
    let folded = key.to_lowercase();
    let flat = super::graphite::FLAT.iter().map(|(flat, _)| *flat);
    let known = super::whole::KEYS
        .iter()
        .chain(super::graphite::KEYS)
        .chain(super::alerts::KEYS)
        .copied()
        .chain(flat);
    TELLING.iter().any(|word| folded.contains(word))
        || SECRET.contains(&key)
        // a key that is known is no misspelt secret
        || !known.into_iter().any(|known| known == key) && suggest::nearest(&folded, SECRET).is_some()
}

/// The ranges of `line` (at byte `start` of the file) that look like secrets.
pub fn guess(source: &Source, start: usize, line: &str) -> Vec<Range<usize>> {
    let mut hidden = credentials(line);
    if source.unparsed {
        hidden.extend(all_but_known(
            source.text.get(..start).unwrap_or_default(),
            line,
        ));
    } else {
        hidden.extend(after_keys(line));
        hidden.extend(comment(line));
    }
    hidden
}

/// The comment at the end of `line`: often a value that was in use before.
fn comment(line: &str) -> Option<Range<usize>> {
    let mut quote = None;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') && !before.is_alphanumeric() => quote = Some(c),
            None if c == '#' && before.is_whitespace() => return Some(at + 1..line.len()),
            _ => {}
        }
        before = c;
    }
    None
}

/// `user:password` of `scheme://user:password@host`, also where the scheme is missing.
fn credentials(line: &str) -> Vec<Range<usize>> {
    let delimiter = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<');
    words(line, delimiter)
        .filter_map(|range| {
            let word = line.get(range.clone())?;
            let to = word.rfind('@')?;
            let from = match word.get(..to)?.find("://") {
                Some(at) => at + 3,
                None => 0,
            };
            let user = word.get(from..to)?;
            (from > 0 || user.contains(':')).then_some(range.start + from..range.start + to)
        })
        .collect()
}

/// The values of `key: value` pairs whose key looks like a secret's.
fn after_keys(line: &str) -> Vec<Range<usize>> {
    line.match_indices([':', '='])
        .filter_map(|(at, _)| {
            let before = line.get(..at)?.trim_end_matches([' ', '"', '\'']);
            let key = before.rsplit(|c: char| !is_key(c)).next()?;
            if key.len() < 3 || !is_secret(key) {
                return None;
            }
            let rest = line.get(at + 1..)?;
            let value = rest.trim_start();
            if value.is_empty() || value.starts_with(['{', '[', '&', '*', '|', '>', '$', '/']) {
                return None;
            }
            let from = at + 1 + (rest.len() - value.len());
            Some(from..from + value_length(value))
        })
        .collect()
}

/// How far the value reaches: to its closing quote, or to a `,`, a `}` or the end.
fn value_length(value: &str) -> usize {
    let quoted = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    match quoted {
        Some(quote) => value
            .char_indices()
            .skip(1)
            .find(|(_, c)| *c == quote)
            .map_or(value.len(), |(at, _)| at + 1),
        None => value.find([',', '}']).unwrap_or(value.len()),
    }
}

/// What a value that follows a key may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    /// A key that holds no secret.
    Open,
    /// A level: a threshold, or at the predecessor's top level a key.
    Threshold,
    /// Any other key, or none.
    Closed,
}

/// Every word of `line` but known keys, and what follows those that hold no secrets.
fn all_but_known(before: &str, line: &str) -> Vec<Range<usize>> {
    const FAR: usize = 2000;
    let from = (before.len().saturating_sub(FAR)..=before.len())
        .find(|at| before.is_char_boundary(*at))
        .unwrap_or(0);
    let mut after = After::Closed;
    sift(before.get(from..).unwrap_or_default(), &mut after);
    sift(line, &mut after)
}

/// Goes through `text` word by word; gives those that must not be seen.
fn sift(text: &str, after: &mut After) -> Vec<Range<usize>> {
    let delimiter = |c: char| {
        c.is_whitespace()
            || matches!(
                c,
                ',' | '{' | '}' | '[' | ']' | '"' | '\'' | ':' | '-' | '?'
            )
    };
    let mut hidden = Vec::new();
    for range in words(text, delimiter) {
        let word = text.get(range.clone()).unwrap_or_default();
        let rest = text.get(range.end..).unwrap_or_default();
        if rest.trim_start_matches([' ', '"', '\'']).starts_with(':') {
            let known = known(word);
            if known.is_none() && *after != After::Open {
                hidden.push(range);
            }
            *after = known.unwrap_or(After::Closed);
        } else if *after == After::Closed || *after == After::Threshold && !is_threshold(word) {
            hidden.push(range);
        }
    }
    hidden
}

/// Whether a word is part of a threshold rather than a key: short, and a number or a word of a condition.
fn is_threshold(word: &str) -> bool {
    matches!(word, "inside" | "outside")
        || word.len() <= 10
            && word.starts_with(|c: char| c.is_ascii_digit() || "<>=!+.".contains(c))
}

/// What may follow the key `word`; `None`: it is no key.
fn known(word: &str) -> Option<After> {
    if matches!(word, "warning" | "critical" | "no_data") {
        return Some(After::Threshold);
    }
    let open = super::alerts::KEYS
        .iter()
        .chain(super::routes::KEYS)
        .chain(super::receivers::KEYS)
        .chain(&OPEN);
    let others = [
        "to",
        "cc",
        "instance",
        "store",
        "listen",
        "concurrency",
        "format",
        "cache",
        "gzip",
        "max_response",
        "error_for",
        "not_found",
        "ca",
    ];
    if open.chain(&others).any(|key| *key == word) && !matches!(word, "body" | "text" | "summary") {
        return Some(After::Open);
    }
    let kinds = super::kinds::KEYS
        .iter()
        .flat_map(|(kind, keys)| std::iter::once(kind).chain(*keys));
    let closed = super::whole::KEYS
        .iter()
        .chain(super::graphite::KEYS)
        .chain(super::predecessor::KEYS)
        .chain(kinds);
    closed
        .copied()
        .any(|key| key == word)
        .then_some(After::Closed)
}

/// The ranges between delimiters.
fn words(text: &str, delimiter: impl Fn(char) -> bool) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split(move |c: char| delimiter(c))
        .filter_map(move |word| {
            let range = at..at + word.len();
            at = range.end
                + text
                    .get(range.end..)
                    .and_then(|rest| rest.chars().next())
                    .map_or(0, char::len_utf8);
            (!word.is_empty()).then_some(range)
        })
}

fn is_key(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}
