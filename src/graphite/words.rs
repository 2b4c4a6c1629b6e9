//! The words of a server that failed, fit for a log line and a page.
//!
//! Servers wrap a sentence in a web page, escape it, or bury it below a Python
//! traceback. This finds the sentence. It knows no HTTP; what comes out is one
//! line without control characters, clipped, and says nothing but what the
//! server said.

use crate::entities::decode;

/// Characters of a server's answer that are quoted.
pub(super) const MAX_WORDS: usize = 300;

/// What a server said in `body`: text as it is, a web page without its tags, of
/// a Python traceback its last line. Empty where it said nothing.
pub(super) fn said(body: &[u8], html: bool) -> String {
    let text = String::from_utf8_lossy(body);
    let plain = match html || text.trim_start().starts_with('<') {
        true => decode(&without_tags(&text)),
        false => text.into_owned(),
    };
    clip(traceback(&plain).unwrap_or(&plain), MAX_WORDS)
}

/// The first `limit` characters of `text` on one line: blanks in a row are one,
/// control characters none.
pub(super) fn clip(text: &str, limit: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.chars().all(is_invisible) {
            continue;
        }
        if length > 0 {
            out.push(' ');
            length += 1;
        }
        for c in word.chars().filter(|c| !is_invisible(*c)) {
            if length >= limit {
                out.push('…');
                return out;
            }
            out.push(c);
            length += 1;
        }
    }
    out
}

/// Characters that turn the direction of a line around or hide in it.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// The last line of a Python traceback: the exception and its message.
fn traceback(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("Traceback (most recent call last)")?;
    after.lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// The text between tags; what scripts, styles and comments hold is no text.
fn without_tags(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    while let Some((text, tag)) = rest.split_once('<') {
        out.push_str(text);
        rest = after_tag(tag);
        out.push(' ');
    }
    out.push_str(rest);
    out
}

/// What follows the tag whose `<` was just before `tag`.
fn after_tag(tag: &str) -> &str {
    if let Some(comment) = tag.strip_prefix("!--") {
        return comment.split_once("-->").map_or("", |(_, after)| after);
    }
    let after = tag.split_once('>').map_or("", |(_, after)| after);
    for name in ["script", "style"] {
        let opens = tag
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name));
        if opens {
            return after
                .match_indices("</")
                .filter_map(|(at, _)| after.get(at..))
                .find(|from| {
                    from.get(2..2 + name.len())
                        .is_some_and(|end| end.eq_ignore_ascii_case(name))
                })
                .and_then(|from| from.split_once('>'))
                .map_or("", |(_, after)| after);
        }
    }
    after
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
    fn check(body: &str, expected: &str) {
        assert_eq!(said(body.as_bytes(), body.contains('<')), expected);
    }

    #[test]
    fn plain_text_is_quoted_on_one_line() {
        check(
            "Invalid parameters\n\t(no such function)\r\n",
            "Invalid parameters (no such function)",
        );
        check("", "");
        check(" \u{1b}[31mred\u{7}\u{202e} ", "[31mred");
    }

    #[test]
    fn escapes_become_characters() {
        let body = b"Received request for unknown function: &quot;a&#x27;b&#39;&lt;c&gt;&quot; &amp; &unknown; &";
        assert_eq!(
            said(body, true),
            "Received request for unknown function: \"a'b'<c>\" & &unknown; &"
        );
    }

    #[test]
    fn a_page_is_read_without_its_tags() {
        check(
            "<html><head><title>502 Bad Gateway</title><style>h1 {color: red}</style>\
             <script>alert('x')</script></head><!-- > --><body><center><h1>nginx</h1></body></html>",
            "502 Bad Gateway nginx",
        );
        check("<p>unfinished <b", "unfinished");
    }

    #[test]
    fn of_a_traceback_the_last_line_is_what_happened() {
        check(
            "<h2>Graphite encountered an unexpected error.</h2><pre>\nTraceback (most recent call last):\n  \
             File &quot;/x.py&quot;, line 3, in scale\n    x(y)\nTypeError: scale() missing &#x27;factor&#x27;\n\n</pre>",
            "TypeError: scale() missing 'factor'",
        );
    }

    #[test]
    fn long_words_are_clipped_between_characters() {
        let text = "ä".repeat(400);
        let clipped = clip(&text, MAX_WORDS);
        assert_eq!(clipped.chars().count(), MAX_WORDS + 1);
        assert!(clipped.ends_with("ä…"));
        assert_eq!(clip("abc", 3), "abc");
    }
}
