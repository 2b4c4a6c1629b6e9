//! The anchors of an HTML page, and whether it asks for a password.
//!
//! Tags and their attributes are found as browsers find them, errors included
//! (<https://html.spec.whatwg.org/multipage/parsing.html#tokenization>), but
//! nothing is built of them. Comments and the insides of scripts and styles are
//! no tags. It reads pages of strangers: every text gives an answer.

use std::collections::BTreeSet;

use crate::entities::decode;

/// What a page has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Every `id`, and the `name` of every `a`.
    pub anchors: BTreeSet<String>,
    /// There is a field for a password.
    pub password: bool,
}

/// Elements whose inside is text.
const TEXT: &[&str] = &["script", "style", "textarea", "title", "xmp"];

/// Reads a page.
pub fn read(text: &str) -> Seen {
    let mut seen = Seen::default();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        if let Some(comment) = after.strip_prefix("!--") {
            rest = comment.split_once("-->").map_or("", |(_, after)| after);
            continue;
        }
        if !after.starts_with(|c: char| c.is_ascii_alphabetic()) {
            rest = after;
            continue;
        }
        let end = after
            .find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'))
            .unwrap_or(after.len());
        let (name, attributes) = after.split_at(end);
        let name = name.to_ascii_lowercase();
        rest = tag(&name, attributes, &mut seen);
        if TEXT.contains(&&*name) {
            rest = inside(rest, &name);
        }
    }
    seen
}

/// Reads the attributes of a tag; what follows it.
fn tag<'a>(name: &str, mut rest: &'a str, seen: &mut Seen) -> &'a str {
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if let Some(after) = rest.strip_prefix('>') {
            return after;
        }
        if rest.is_empty() {
            return "";
        }
        // a `=` at the beginning is a part of the name
        let skip = usize::from(rest.starts_with('='));
        let ends = |c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=');
        let end = rest
            .char_indices()
            .find(|(at, c)| *at >= skip && ends(*c))
            .map_or(rest.len(), |(at, _)| at);
        let (key, after) = rest.split_at(end);
        let blank = |c: char| c.is_ascii_whitespace();
        let Some(after) = after.trim_start_matches(blank).strip_prefix('=') else {
            rest = after;
            continue;
        };
        let (value, after) = value(after.trim_start_matches(blank));
        note(name, &key.to_ascii_lowercase(), value, seen);
        rest = after;
    }
}

/// An attribute's value, and what follows it.
fn value(text: &str) -> (&str, &str) {
    for quote in ['"', '\''] {
        if let Some(inner) = text.strip_prefix(quote) {
            // cut off inside of a value: there is no such attribute
            return inner.split_once(quote).unwrap_or(("", ""));
        }
    }
    let end = text.find(|c: char| c.is_ascii_whitespace() || c == '>');
    text.split_at(end.unwrap_or(text.len()))
}

fn note(tag: &str, key: &str, value: &str, seen: &mut Seen) {
    match (tag, key) {
        (_, "id") | ("a", "name") => {
            seen.anchors.insert(decode(value));
        }
        ("input", "type") if value.eq_ignore_ascii_case("password") => seen.password = true,
        _ => {}
    }
}

/// What follows the end of the element `name`.
fn inside<'a>(text: &'a str, name: &str) -> &'a str {
    let ends = text.match_indices("</").map(|(at, _)| at + 2);
    let mut ends = ends.filter_map(|at| text.get(at..));
    ends.find(|rest| {
        let found = rest.get(..name.len());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name))
    })
    .unwrap_or("")
}

/// `text` as the value of an attribute between double quotes.
pub fn attribute(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        let seen = read(text);
        let anchors: Vec<&str> = seen.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, expected, "{text}");
    }

    #[test]
    fn ids_and_names_of_links_are_anchors() {
        check("<h2 id=\"web-1\">x</h2>", &["web-1"]);
        check(
            "<A NAME='(more)'/><p class=x id = plain >",
            &["(more)", "plain"],
        );
        check("<input name=q><meta name=x>", &[]);
        check("<p\n\tdata-id=a\n id=b>", &["b"]);
        check(
            "<a id=\"a&amp;b&#x20;&quot;&lt;&nope;&\">",
            &["a&b \"<&nope;&"],
        );
        check("a < b <3 </p id=no> <p id=yes", &["yes"]);
        check("<p title=\"> <b id=no>\" id=yes>", &["yes"]);
        check("<p =id=x id=y disabled>", &["y"]);
    }

    #[test]
    fn what_is_no_tag_has_no_anchor() {
        check("<!-- <p id=no> --><p id=yes>", &["yes"]);
        check("<script>'<p id=no>'</script><p id=yes>", &["yes"]);
        check("<STYLE>/*<p id=no>*/</sTyle ><p id=yes>", &["yes"]);
        check("<!-- <p id=no>", &[]);
        check("<p id=\"cut", &[""]);
    }

    #[test]
    fn a_field_for_a_password_is_seen() {
        assert!(read("<form><input name=p type='Password'></form>").password);
        assert!(!read("<input type=text value=password>").password);
    }

    proptest! {
        #[test]
        fn every_text_gives_an_answer(text in "[<>/=\"'a-c !&#;-]{0,60}|\\PC{0,60}") {
            read(&text);
        }

        #[test]
        fn what_is_written_is_read(name in "\\PC{0,30}") {
            let seen = read(&format!("<a id=\"{}\"></a>", attribute(&name)));
            prop_assert_eq!(seen.anchors, BTreeSet::from([name]));
        }
    }
}
