//! A page in Markdown, as far as it is checked: its sections and its anchors.
//!
//! Headings are those of CommonMark (`#` and underlined); a heading's own
//! anchor is what GitHub and MkDocs make of it, or what `{#name}` behind it
//! says. What stands in a fence is code.

use std::collections::{BTreeSet, HashMap};

use super::html;

/// How a place begins that a scaffolded page leaves to a person.
pub const PLACEHOLDER: &str = "_To be written:";

/// The names of the section that says what to do first.
pub const FIRST_STEPS: &[&str] = &["First steps", "What to do first"];

/// What a page has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Headings with what is below them, in order.
    pub sections: Vec<Section>,
    /// Where links can lead to.
    pub anchors: BTreeSet<String>,
}

/// A heading, and what is below it down to the next one as high.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its text.
    pub heading: String,
    /// Its line, 1-based.
    pub line: usize,
    /// There is something to read below it.
    pub filled: bool,
    /// The first line right below it that is still to be written.
    pub placeholder: Option<usize>,
    depth: usize,
}

/// Reads a page.
pub fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut slugs: HashMap<String, usize> = HashMap::new();
    let mut fence: Option<&str> = None;
    let mut prose = String::new();
    let mut before = "";
    // the section of a line and those that it is in, outermost first
    let mut around: Vec<usize> = Vec::new();
    for (line, written) in (1..).zip(text.lines()) {
        let trimmed = written.trim();
        if let Some(open) = fence {
            fill(&mut page, &around);
            if trimmed.starts_with(open) && trimmed.trim_matches(['`', '~']).is_empty() {
                fence = None;
            }
            continue;
        }
        if let Some(open) = opens(trimmed) {
            fence = Some(open);
            before = "";
            continue;
        }
        prose.push_str(written);
        prose.push('\n');
        if let Some((depth, heading)) = heading(written) {
            begin(&mut page, &mut slugs, heading, depth, line);
            enter(&page, &mut around);
        } else if let Some(depth) = underline(trimmed).filter(|_| !before.is_empty()) {
            begin(&mut page, &mut slugs, before, depth, line - 1);
            enter(&page, &mut around);
        } else if trimmed.contains(PLACEHOLDER) {
            fill(&mut page, &around);
            if let Some(section) = page.sections.last_mut() {
                section.placeholder.get_or_insert(line);
            }
        } else if !is_only_tags(trimmed) {
            fill(&mut page, &around);
        }
        before = trimmed;
    }
    page.anchors.extend(html::read(&prose).anchors);
    page
}

/// What stands below the first heading that has one of these names, as it is
/// written, down to the next heading as high; `None`: nothing. Lines that are
/// still to be written, and those of tags alone, are left out.
pub fn below(text: &str, names: &[&str]) -> Option<String> {
    let mut lines: Vec<&str> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut inside = None;
    let mut before = "";
    for written in text.lines() {
        let trimmed = written.trim();
        let mut begins = None;
        if let Some(open) = fence {
            if trimmed.starts_with(open) && trimmed.trim_matches(['`', '~']).is_empty() {
                fence = None;
            }
        } else if let Some(open) = opens(trimmed) {
            fence = Some(open);
        } else if let Some(found) = heading(written) {
            begins = Some(found);
        } else if let Some(depth) = underline(trimmed).filter(|_| !before.is_empty()) {
            begins = Some((depth, before));
            // it was the heading's text
            lines.pop();
        } else if trimmed.contains(PLACEHOLDER) || (is_only_tags(trimmed) && !trimmed.is_empty()) {
            before = "";
            continue;
        }
        before = if fence.is_some() { "" } else { trimmed };
        match (inside, begins) {
            (None, Some((depth, heading))) => {
                let heading = heading.split("{#").next().unwrap_or_default().trim();
                let is_it = names.iter().any(|name| name.eq_ignore_ascii_case(heading));
                inside = is_it.then_some(depth);
            }
            (Some(outer), Some((depth, _))) if depth <= outer => break,
            // of a heading further down the underline stands for itself
            (Some(_), Some((_, heading))) if !written.trim_start().starts_with('#') => {
                lines.push(heading);
            }
            (Some(_), _) => lines.push(written),
            (None, None) => {}
        }
    }
    let section = lines.join("\n").trim_matches('\n').trim_end().to_owned();
    Some(section).filter(|section| !section.trim().is_empty())
}

/// The fence that a line opens.
fn opens(line: &str) -> Option<&'static str> {
    ["```", "~~~"]
        .into_iter()
        .find(|fence| line.starts_with(fence))
}

/// Depth and text of a heading that begins with `#`.
fn heading(line: &str) -> Option<(usize, &str)> {
    // four blanks make it code
    let line = match line.len() - line.trim_start_matches(' ').len() {
        0..=3 => line.trim(),
        _ => return None,
    };
    let text = line.trim_start_matches('#');
    let depth = line.len() - text.len();
    let is_heading = (1..=6).contains(&depth) && (text.is_empty() || text.starts_with([' ', '\t']));
    is_heading.then(|| (depth, text.trim().trim_end_matches('#').trim_end()))
}

/// The depth of a heading that is underlined so.
fn underline(line: &str) -> Option<usize> {
    let of = |c: char| !line.is_empty() && line.chars().all(|each| each == c);
    match () {
        () if of('=') => Some(1),
        () if of('-') => Some(2),
        () => None,
    }
}

fn begin(
    page: &mut Page,
    slugs: &mut HashMap<String, usize>,
    heading: &str,
    depth: usize,
    line: usize,
) {
    let own = heading
        .rsplit_once("{#")
        .and_then(|(text, id)| Some((text.trim_end(), id.strip_suffix('}')?)));
    let (text, id) = match own {
        Some((text, id)) => (text, Some(id.trim())),
        None => (heading, None),
    };
    let slug = slug(text);
    let before = slugs.entry(slug.clone()).or_default();
    page.anchors.insert(match (id, *before) {
        (Some(id), _) => id.to_owned(),
        (None, 0) => slug,
        (None, count) => format!("{slug}-{count}"),
    });
    *before += 1;
    page.sections.push(Section {
        heading: text.to_owned(),
        line,
        filled: false,
        placeholder: None,
        depth,
    });
}

/// Takes the newest section in, and leaves those that it ends.
fn enter(page: &Page, around: &mut Vec<usize>) {
    let Some((newest, others)) = page.sections.split_last() else {
        return;
    };
    let is_outer = |at: &usize| {
        others
            .get(*at)
            .is_some_and(|outer| outer.depth < newest.depth)
    };
    while around.last().is_some_and(|at| !is_outer(at)) {
        around.pop();
    }
    around.push(others.len());
}

/// The anchor that a heading gets by itself.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// Notes that there is something to read in the last section and those around it.
fn fill(page: &mut Page, around: &[usize]) {
    for at in around {
        if let Some(section) = page.sections.get_mut(*at) {
            section.filled = true;
        }
    }
}

/// Whether a line says nothing: blank, or tags and comments alone.
fn is_only_tags(line: &str) -> bool {
    let mut rest = line;
    while let Some(tag) = rest.trim_start().strip_prefix('<') {
        match tag.split_once('>') {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.trim().is_empty()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    fn headings(text: &str) -> Vec<(String, bool)> {
        let sections = read(text).sections.into_iter();
        sections
            .map(|section| (section.heading, section.filled))
            .collect()
    }

    fn anchors(text: &str) -> Vec<String> {
        read(text).anchors.into_iter().collect()
    }

    #[test]
    fn a_section_is_filled_where_something_stands_below_it() {
        let text =
            "# A\n\n## B\n\n## C\n\ntext\n\n## D\n<a id=\"x\"></a>\n\n### E\n\n```\n# no\n```\n";
        let expected = [
            ("A", true),
            ("B", false),
            ("C", true),
            ("D", true),
            ("E", true),
        ];
        let expected = expected.map(|(heading, filled)| (heading.to_owned(), filled));
        assert_eq!(headings(text), expected);
        assert_eq!(
            headings("## D\n<a id=\"x\"></a>\n"),
            [("D".to_owned(), false)]
        );
    }

    #[test]
    fn headings_are_found_however_they_are_written() {
        let text = "One\n===\n\nTwo\n---\n\n## Three ##\n#no\n\n---\n    # code\n";
        let found: Vec<String> = headings(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(found, ["One", "Two", "Three"]);
    }

    #[test]
    fn headings_tags_and_names_in_braces_are_anchors() {
        assert_eq!(anchors("## Web 1, `a_b`!\n"), ["web-1-a_b"]);
        assert_eq!(anchors("## Web\n## Web\n"), ["web", "web-1"]);
        assert_eq!(anchors("## Web {#web.example.com}\n"), ["web.example.com"]);
        assert_eq!(anchors("text <a id=\"(more)\"></a>\n"), ["(more)"]);
        assert!(anchors("```\n<a id=\"x\"></a>\n## y\n```\n").is_empty());
    }

    #[test]
    fn a_placeholder_is_found_in_its_section() {
        let page = read("# A\n\ntext\n\n## B\n\n_To be written: x_\n");
        assert_eq!(page.sections[0].placeholder, None);
        assert_eq!(page.sections[1].placeholder, Some(7));
    }

    proptest! {
        #[test]
        fn every_text_gives_an_answer(text in "[#`~=<>{}\\- a\n]{0,80}|\\PC{0,60}") {
            read(&text);
        }
    }

    #[test]
    fn a_section_is_what_stands_below_its_heading() {
        let names = ["First steps", "What to do first"];
        for (page, expected) in [
            ("## First steps\n1. a\n2. b\n## Who\nme", Some("1. a\n2. b")),
            (
                "# first STEPS {#x}\n\na\n### b\nc\n# D\ne",
                Some("a\n### b\nc"),
            ),
            ("What to do first\n---\na\nWho\n---\nme", Some("a")),
            ("# First steps\na\nb\n---\nc\nD\n===\ne", Some("a\nb\nc")),
            (
                "## First steps\n```sh\n# no heading\n```\nb",
                Some("```sh\n# no heading\n```\nb"),
            ),
            ("```\n## First steps\na\n```", None),
            (
                "## First steps\n<a id=\"x\"></a>\n_To be written: what?_\n",
                None,
            ),
            ("## First steps\n  - a\n    - b\n\n", Some("  - a\n    - b")),
            ("## Second steps\na", None),
            ("", None),
        ] {
            assert_eq!(below(page, &names).as_deref(), expected, "{page}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_page_makes_a_section_panic(page in "(#{0,3} ?(First steps|a)\n|```\n|---\n|===\n|<p>\n|b\n|\n){0,12}") {
            let _ = below(&page, FIRST_STEPS);
        }
    }
}
