//! How a configuration is written: readable, and read back as what was meant.
//!
//! Foreign text may hold anything. What our own reader would take for something
//! else (`yes`, `1e3`, `# `, `${...}`) is quoted or escaped, and what stands in
//! a comment is one harmless line, so that no name can end the comment. It
//! knows no key and no origin.

use crate::deliver::text::{clean, clip};

/// Columns after which a comment goes on in the next line.
const WIDTH: usize = 110;

/// Characters of a comment: more is none that a person reads.
const LONGEST: usize = 2000;

/// Words that YAML or our reader takes for truth or nothing; numbers begin with none of these letters.
const WORDS: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null"];

/// A value of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Text of others, kept as it is: a name, a target, a description.
    Text(String),
    /// A condition, always in quotes.
    Condition(String),
    /// A word of our own: a duration, `avg`, `true`.
    Word(String),
    /// Texts of others.
    List(Vec<String>),
    /// Texts of others by name.
    Map(Vec<(String, String)>),
}

impl Value {
    /// A word of our own.
    pub fn word(text: impl Into<String>) -> Self {
        Self::Word(text.into())
    }
}

/// Writes `key: value`, `indent` columns in.
pub fn entry(out: &mut String, indent: usize, key: &str, value: &Value) {
    let blanks = " ".repeat(indent);
    match value {
        Value::Word(word) => out.push_str(&format!("{blanks}{key}: {word}\n")),
        Value::Condition(text) => out.push_str(&format!("{blanks}{key}: \"{text}\"\n")),
        Value::Text(text) => {
            let escaped = escaped(text);
            match block(&escaped, indent + 2) {
                Some(block) => out.push_str(&format!("{blanks}{key}: |-\n{block}")),
                None => out.push_str(&format!("{blanks}{key}: {}\n", scalar(&escaped))),
            }
        }
        Value::List(items) => {
            out.push_str(&format!("{blanks}{key}:\n"));
            for item in items {
                out.push_str(&format!("{blanks}  - {}\n", text(item)));
            }
        }
        Value::Map(entries) => {
            out.push_str(&format!("{blanks}{key}:\n"));
            for (name, value) in entries {
                out.push_str(&format!("{blanks}  {}: {}\n", scalar(name), text(value)));
            }
        }
    }
}

/// Text of others as a value on one line.
pub fn text(text: &str) -> String {
    scalar(&escaped(text))
}

/// So that `${` is not replaced by anything.
fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

/// A scalar that reads back as `text`.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let printable =
        |c: char| !c.is_control() && clean(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8();
    if text.chars().all(printable) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c if printable(c) => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether `text` needs no quotes as a value of a block.
fn is_plain(text: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || " _.,-+*/()[]{}<>=|%&;@'\"!?~^$:#\\".contains(c);
    let first = |c: char| c.is_alphabetic() || c == '_' || c == '/';
    text.starts_with(first)
        && text.chars().all(inner)
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.ends_with([' ', ':'])
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Several lines as a literal block; `None` where that would not read back.
fn block(text: &str, indent: usize) -> Option<String> {
    let several = text.contains('\n') && !text.ends_with('\n');
    // the first line says how far the block is indented
    let begins = text.starts_with(|c: char| !c.is_whitespace());
    let printable = text
        .lines()
        .all(|line| clean(line).len() == line.len() && line.trim_end() == line);
    if !(several && begins && printable) || text.contains('\r') {
        return None;
    }
    let blanks = " ".repeat(indent);
    let line = |line: &str| match line {
        "" => "\n".to_owned(),
        line => format!("{blanks}{line}\n"),
    };
    Some(text.split('\n').map(line).collect())
}

/// Writes a comment that begins with `lead`, in several lines where it is long, all indented behind `lead`.
pub fn comment(out: &mut String, indent: usize, lead: &str, text: &str) {
    let hang = lead.chars().count();
    let text = clean(text);
    let text = clip(&text, LONGEST);
    let mut line = String::new();
    let mut first = true;
    let mut flush = |line: &mut String| {
        let begin = if first { lead } else { "" };
        let whole = format!("{:indent$}# {begin:hang$}{line}", "");
        out.push_str(whole.trim_end());
        out.push('\n');
        first = false;
        line.clear();
    };
    for word in text.split(' ') {
        if !line.is_empty() && indent + hang + line.chars().count() + word.chars().count() > WIDTH {
            flush(&mut line);
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    flush(&mut line);
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;
    use proptest::prelude::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(super::text(text), expected);
    }

    #[test]
    fn text_is_quoted_only_where_it_must_be() {
        for plain in [
            "Load",
            "servers.*.{a,b}.load",
            "alias(a.b, 'x y')",
            "a:b",
            "http://x/y",
            "a#b",
        ] {
            check(plain, plain);
        }
        check("yes", "'yes'");
        check("null", "'null'");
        check("", "''");
        check("12", "'12'");
        check("~", "'~'");
        check("a: b", "'a: b'");
        check("a #b", "'a #b'");
        check("- it's", "'- it''s'");
        check("{{ x }}", "'{{ x }}'");
        check("*.load", "'*.load'");
        check("a\u{1b}b", "\"a\\U0000001Bb\"");
    }

    #[test]
    fn what_would_be_replaced_is_escaped() {
        check("${NAME}", "'$${NAME}'");
        check("a $${b} $c", "a $$${b} $c");
    }

    #[test]
    fn several_lines_are_a_block_where_they_read_back() {
        let mut out = String::new();
        entry(
            &mut out,
            4,
            "description",
            &Value::Text("one\n\n  two: #\nthree".to_owned()),
        );
        assert_eq!(
            out,
            "    description: |-\n      one\n\n        two: #\n      three\n"
        );
        out.clear();
        entry(&mut out, 4, "description", &Value::Text("one\n".to_owned()));
        assert_eq!(out, "    description: \"one\\n\"\n");
    }

    #[test]
    fn a_comment_is_never_left() {
        let mut out = String::new();
        comment(&mut out, 2, "", "name\nalerts: []\u{2028}x");
        assert_eq!(out, "  # name\\nalerts: []\\u{2028}x\n");
        out.clear();
        comment(&mut out, 0, "- ", &"word ".repeat(40));
        assert!(out.lines().count() > 1);
        assert!(
            out.lines().skip(1).all(|line| line.starts_with("#   word")),
            "{out}"
        );
    }

    proptest! {
        #[test]
        fn any_text_reads_back(text in "\\PC{0,20}|[ -~\n\t]{0,30}|(\\$|\\{|a|\\}){0,12}") {
            let mut yaml = String::new();
            entry(&mut yaml, 0, "x", &Value::Text(text.clone()));
            entry(&mut yaml, 0, "y", &Value::List(vec![text.clone()]));
            let read: serde_json::Value = serde_yaml::from_str(&yaml).unwrap();
            let expected = text.replace("${", "$${");
            prop_assert_eq!(read["x"].as_str(), Some(&*expected), "{}", yaml);
            prop_assert_eq!(read["y"][0].as_str(), Some(&*expected), "{}", yaml);
        }
    }
}
