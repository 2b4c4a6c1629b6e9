//! A command line as a shell parts it into words, up to where it would redirect or go on.

use crate::import::settings::without_login;

/// The words of `line`.
///
/// # Errors
/// A quote is not closed.
pub fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => {
                if let Some(next) = characters.next() {
                    let word = word.get_or_insert_default();
                    // within quotes only these lose their meaning
                    if quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`') {
                        word.push('\\');
                    }
                    word.push(next);
                }
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '|' | ';' | '>' | '<') => break,
            (None, '&') if characters.peek() == Some(&'&') => break,
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    // `2>&1`: the number belongs to what was cut off
    let redirected = word.as_deref() == Some("2") && line.contains("2>");
    words.extend(word.filter(|_| !redirected));
    match quote {
        Some(open) => Err(format!("a quote {open} in its command line is not closed")),
        None => Ok(words),
    }
}

/// The words as they may be shown: without passwords.
pub fn shown(words: &[String]) -> String {
    let secret = [
        "-P",
        "-p",
        "--password",
        "--pass",
        "--user",
        "--username",
        "--authkey",
    ];
    let mut hide = false;
    let mut shown = Vec::new();
    for word in words {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        shown.push(match () {
            () if hide => "***".to_owned(),
            () if secret.contains(&name) && !value.is_empty() => format!("{name}=***"),
            () => without_login(word),
        });
        hide = secret.contains(&word.as_str());
    }
    shown.join(" ")
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

    #[track_caller]
    fn check(line: &str, expected: &[&str]) {
        assert_eq!(split(line).unwrap(), expected, "{line}");
    }

    #[test]
    fn words_are_those_of_a_shell() {
        check("a -m \"x y\" 'it''s' 2>&1", &["a", "-m", "x y", "its"]);
        check("a alias(b,\\'c\\') '' | grep x", &["a", "alias(b,'c')", ""]);
        check("a \"q\\\"q\\d\" && b", &["a", "q\"q\\d"]);
        check("a --x=2 > /dev/null", &["a", "--x=2"]);
        check("", &[]);
        assert!(split("a 'b").is_err());
    }

    #[test]
    fn passwords_are_not_shown() {
        let words = [
            "x",
            "-P",
            "hush",
            "--password=hush",
            "-H",
            "http://me:hush@g/render?a=b@c",
        ];
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        assert_eq!(
            shown(&words),
            "x -P *** --password=*** -H http://***@g/render?a=b@c"
        );
    }
}
