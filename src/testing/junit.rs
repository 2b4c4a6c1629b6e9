//! The report that continuous integration reads: JUnit's XML, a suite a file, a
//! case a test. A file that could not be used is a case with an error.

use std::fmt::Write as _;

use super::{FileResult, TestResult, text};

/// The whole document.
pub fn report(results: &[FileResult]) -> String {
    let (passed, failed, unread) = text::counts(results);
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(
        xml,
        "<testsuites name=\"graphite-pager test\" tests=\"{}\" failures=\"{failed}\" errors=\"{unread}\">",
        passed + failed + unread
    );
    for file in results {
        suite(&mut xml, file);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, file: &FileResult) {
    let path = file.path.display().to_string();
    let (passed, failed, unread) = text::counts(std::slice::from_ref(file));
    let name = escaped(&path);
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failed}\" errors=\"{unread}\">",
        passed + failed + unread
    );
    if !file.problems.is_empty() {
        let said: Vec<String> = file.problems.iter().map(ToString::to_string).collect();
        let _ = writeln!(
            xml,
            "    <testcase classname=\"{name}\" name=\"the file can be used\">\n      <error message=\"this file could not be used\">{}</error>\n    </testcase>",
            escaped(&said.join("\n"))
        );
    }
    for test in &file.tests {
        case(xml, &path, test);
    }
    xml.push_str("  </testsuite>\n");
}

fn case(xml: &mut String, path: &str, test: &TestResult) {
    let (file, name) = (escaped(path), escaped(&test.name));
    let line = test.place.line;
    let _ = write!(
        xml,
        "    <testcase classname=\"{file}\" name=\"{name}\" file=\"{file}\" line=\"{line}\""
    );
    let Some(first) = test.failures.first() else {
        xml.push_str("/>\n");
        return;
    };
    let when = first
        .at
        .as_ref()
        .map_or(String::new(), |at| format!(" at {at}"));
    let message = format!(
        "{} {}{when}: expected {}, found {}",
        first.alert, first.series, first.expected, first.found
    );
    let _ = writeln!(
        xml,
        ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>",
        escaped(&message),
        escaped(&text::failed(path, test))
    );
}

/// Text within XML 1.0, attributes included; characters that it cannot hold are
/// replaced.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            '\r' => out.push_str("&#13;"),
            c if u32::from(c) < 0x20 || matches!(c, '\u{fffe}' | '\u{ffff}') => {
                out.push('\u{fffd}');
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cannot_hold_is_replaced_and_what_it_can_is_escaped() {
        assert_eq!(
            escaped("a<b> & \"c\"\u{1b}[0m\n"),
            "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}[0m&#10;"
        );
    }
}
