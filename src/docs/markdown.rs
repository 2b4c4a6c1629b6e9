//! A page in Markdown, as far as it is checked: its sections and its anchors.
//!
//! Read as GitHub reads it: CommonMark with tables, and what stands in a fence is
//! code. A heading's own anchor is what GitHub and MkDocs make of it, or what
//! `{#name}` behind it says. `render.rs` shows the same page, with these anchors.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use pulldown_cmark::{Event, OffsetIter, Options, Parser, Tag, TagEnd};

use super::html;

/// How a place begins that a scaffolded page leaves to a person.
pub const PLACEHOLDER: &str = "_To be written:";

/// The names of the section that says what to do first.
pub const FIRST_STEPS: &[&str] = &["First steps", "What to do first"];

/// What a page has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Headings with what is below them, in order; those within quotations and
    /// lists are left out.
    pub sections: Vec<Section>,
    /// Where links can lead to.
    pub anchors: BTreeSet<String>,
    /// Every heading, those within quotations and lists too.
    pub headings: Vec<Heading>,
    /// Lines of code.
    code: Vec<Range<usize>>,
}

/// Where a heading stands in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heading {
    /// What links call it.
    pub anchor: String,
    /// Where its words end and the `{#name}` behind them begins, in bytes.
    pub end: usize,
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
    /// The line after it.
    end: usize,
    /// It is a heading by the line below its words.
    underlined: bool,
}

/// The page in pieces, each with its place in the text.
pub fn pieces(text: &str) -> OffsetIter<'_> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_GFM
        // what generators of sites keep at the beginning of a page
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    Parser::new_ext(text, options).into_offset_iter()
}

/// Reads a page.
pub fn read(text: &str) -> Page {
    let mut reader = Reader::new(text);
    for (event, at) in pieces(text) {
        reader.take(event, at);
    }
    reader.page
}

/// What stands below the first heading that has one of these names, as it is
/// written, down to the next heading as high; `None`: nothing. Lines that are
/// still to be written, and those of tags alone, are left out.
pub fn below(text: &str, names: &[&str]) -> Option<String> {
    let page = read(text);
    let named = |section: &Section| {
        let mut names = names.iter();
        names.any(|name| name.eq_ignore_ascii_case(&section.heading))
    };
    let first = page.sections.iter().position(named)?;
    let (section, after) = page.sections.get(first..)?.split_first()?;
    let next = after.iter().find(|other| other.depth <= section.depth);
    let end = next.map_or(usize::MAX, |next| next.line);
    let is_kept = |line: usize, written: &str| {
        let trimmed = written.trim();
        let is_underline = |other: &Section| other.underlined && other.end == line + 1;
        match () {
            () if page.code.iter().any(|code| code.contains(&line)) => true,
            () if after.iter().any(is_underline) => false,
            () if trimmed.contains(PLACEHOLDER) => false,
            () => trimmed.is_empty() || !is_only_tags(trimmed),
        }
    };
    let lines = (1..).zip(text.lines());
    let lines = lines.filter(|(line, _)| (section.end..end).contains(line));
    let kept = lines.filter(|(line, written)| is_kept(*line, written));
    let kept: Vec<&str> = kept.map(|(_, written)| written).collect();
    let kept = kept.join("\n").trim_matches('\n').trim_end().to_owned();
    Some(kept).filter(|kept| !kept.trim().is_empty())
}

/// What is known of a page so far.
struct Reader<'a> {
    text: &'a str,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    page: Page,
    slugs: HashMap<String, usize>,
    /// The section of a line and those that it is in, outermost first.
    around: Vec<usize>,
    /// How many quotations, lists and the like it is in.
    nested: usize,
    /// How many pictures it is in the words of.
    pictures: usize,
    /// Words of the heading that is being read, and where they end.
    heading: Option<(String, usize)>,
    /// The lines of HTML that are being read.
    html: Option<String>,
    /// In what is no part of the page that is shown.
    hidden: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str) -> Self {
        let breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            lines: std::iter::once(0).chain(breaks).collect(),
            page: Page::default(),
            slugs: HashMap::new(),
            around: Vec::new(),
            nested: 0,
            pictures: 0,
            heading: None,
            html: None,
            hidden: false,
        }
    }

    fn take(&mut self, event: Event<'_>, at: Range<usize>) {
        match event {
            Event::Start(tag) => self.begin(&tag, at),
            Event::End(end) => self.finish(end, at),
            Event::Html(html) => {
                if let Some(lines) = &mut self.html {
                    lines.push_str(&html);
                }
            }
            // words that stand for a picture lead nowhere
            Event::InlineHtml(_) if self.pictures > 0 => {}
            Event::InlineHtml(html) => self.tags(&html),
            Event::Text(_) if self.hidden => {}
            Event::Text(words) => {
                if words.contains(PLACEHOLDER) {
                    self.open(at.start);
                }
                self.words(&words, at);
            }
            Event::Code(words) => self.words(&words, at),
            Event::SoftBreak | Event::HardBreak => self.words(" ", at),
            Event::Rule
            | Event::TaskListMarker(_)
            | Event::FootnoteReference(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_) => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>, at: Range<usize>) {
        match tag {
            Tag::Heading { .. } => {
                self.heading = Some((String::new(), end_of_words(self.text, &at)));
            }
            Tag::HtmlBlock => self.html = Some(String::new()),
            Tag::MetadataBlock(_) => self.hidden = true,
            Tag::CodeBlock(_) => {
                self.fill();
                let lines = self.line(at.start)..self.line(at.end.saturating_sub(1)) + 1;
                self.page.code.push(lines);
            }
            Tag::Image { .. } => {
                self.pictures += 1;
                self.fill();
            }
            Tag::Emphasis => {
                let written = self.text.get(at.start..).unwrap_or_default();
                if written.starts_with(PLACEHOLDER) {
                    self.open(at.start);
                }
            }
            Tag::BlockQuote(_) | Tag::Item => self.nested += 1,
            _ => {}
        }
    }

    fn finish(&mut self, end: TagEnd, at: Range<usize>) {
        match end {
            TagEnd::Heading(level) => {
                if let Some((words, end)) = self.heading.take() {
                    self.head(words.trim(), level as usize, end, &at);
                }
            }
            TagEnd::HtmlBlock => {
                if let Some(html) = self.html.take() {
                    self.tags(&html);
                }
            }
            TagEnd::MetadataBlock(_) => self.hidden = false,
            TagEnd::Image => self.pictures = self.pictures.saturating_sub(1),
            TagEnd::BlockQuote(_) | TagEnd::Item => self.nested = self.nested.saturating_sub(1),
            _ => {}
        }
    }

    /// Words of a heading, or of what is below one.
    fn words(&mut self, words: &str, at: Range<usize>) {
        match &mut self.heading {
            Some((heading, end)) => heading.push_str(until(words, &at, *end)),
            None if words.trim().is_empty() => {}
            None => self.fill(),
        }
    }

    /// Tags, with what stands between them where they are a block.
    fn tags(&mut self, html: &str) {
        self.page.anchors.extend(html::read(html).anchors);
        if self.heading.is_none() && !is_only_tags(html) {
            self.fill();
        }
    }

    fn head(&mut self, words: &str, depth: usize, end: usize, at: &Range<usize>) {
        let slug = slug(words);
        let before = self.slugs.entry(slug.clone()).or_default();
        let anchor = match (own_name(self.text, at), *before) {
            (Some(own), _) => own.to_owned(),
            (None, 0) => slug,
            (None, count) => format!("{slug}-{count}"),
        };
        *before += 1;
        self.page.anchors.insert(anchor.clone());
        self.page.headings.push(Heading { anchor, end });
        if self.nested > 0 {
            // a part of what it stands in
            return self.fill();
        }
        let written = self.text.get(at.clone()).unwrap_or_default();
        self.page.sections.push(Section {
            heading: words.to_owned(),
            line: self.line(at.start),
            filled: false,
            placeholder: None,
            depth,
            end: self.line(at.end.saturating_sub(1)) + 1,
            underlined: !written.trim_start().starts_with('#'),
        });
        self.enter();
    }

    /// Takes the newest section in, and leaves those that it ends.
    fn enter(&mut self) {
        let Some((newest, others)) = self.page.sections.split_last() else {
            return;
        };
        let is_outer = |at: &usize| {
            let outer = others.get(*at);
            outer.is_some_and(|outer| outer.depth < newest.depth)
        };
        while self.around.last().is_some_and(|at| !is_outer(at)) {
            self.around.pop();
        }
        self.around.push(others.len());
    }

    /// Notes that there is something to read in the last section and those around it.
    fn fill(&mut self) {
        for at in &self.around {
            if let Some(section) = self.page.sections.get_mut(*at) {
                section.filled = true;
            }
        }
    }

    /// Notes that something is still to be written.
    fn open(&mut self, at: usize) {
        let line = self.line(at);
        if let Some(section) = self.page.sections.last_mut() {
            section.placeholder.get_or_insert(line);
        }
    }

    /// The line of a place, 1-based.
    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at)
    }
}

/// What of `words` stands before `end`.
pub fn until<'a>(words: &'a str, at: &Range<usize>, end: usize) -> &'a str {
    match () {
        () if at.end <= end => words,
        () if at.start >= end => "",
        // what is written otherwise than it is read is never cut
        () => words.get(..end - at.start).unwrap_or(words),
    }
}

/// The words of the heading that is written at `at`, with what is behind them.
fn heading_line<'a>(text: &'a str, at: &Range<usize>) -> &'a str {
    let written = text.get(at.clone()).unwrap_or_default().trim_end();
    match written.starts_with('#') {
        true => written.trim_end_matches('#').trim_end(),
        false => written
            .rsplit_once('\n')
            .map_or("", |(words, _)| words.trim_end()),
    }
}

/// `name` of a heading that ends in `{#name}`.
fn own_name<'a>(text: &'a str, at: &Range<usize>) -> Option<&'a str> {
    let (_, name) = heading_line(text, at).rsplit_once("{#")?;
    Some(name.strip_suffix('}')?.trim())
}

/// Where the words of a heading end, its `{#name}` left out.
fn end_of_words(text: &str, at: &Range<usize>) -> usize {
    match own_name(text, at) {
        Some(_) => heading_line(text, at)
            .rfind("{#")
            .map_or(at.end, |length| at.start + length),
        None => at.end,
    }
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

/// Whether HTML says nothing: blank, or tags and comments alone.
fn is_only_tags(html: &str) -> bool {
    let mut rest = html;
    while let Some(tag) = rest.trim_start().strip_prefix('<') {
        let end = if tag.starts_with("!--") { "-->" } else { ">" };
        match tag.split_once(end) {
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
    fn what_is_read_of_a_page_is_what_is_shown_of_it() {
        // what generators of sites keep for themselves
        let page = read("---\ntitle: Web\n---\n# Web\ntext\n");
        assert_eq!(page.sections.len(), 1);
        assert_eq!(page.sections[0].line, 4);
        // code, however it is written
        assert!(anchors("    <a id=\"x\">\n\ntext `<a id=\"y\">`\n").is_empty());
        // a comment on many lines
        assert_eq!(
            headings("# A\n<!-- later:\n## B\ntext -->\n"),
            [("A".to_owned(), false)]
        );
        // headings within something are anchors, and no sections
        let page = read("# A\n> # B\n\n- # C {#see}\n");
        assert_eq!(page.sections.len(), 1);
        assert!(page.sections[0].filled);
        assert_eq!(
            page.anchors.into_iter().collect::<Vec<_>>(),
            ["a", "b", "see"]
        );
    }

    #[test]
    fn what_stands_in_braces_is_no_part_of_the_words() {
        for (text, words, anchor) in [
            ("## Web `a` {#(x) y} ##", "Web a", "(x) y"),
            ("Web {#x}\n---", "Web", "x"),
            ("## Web {x}", "Web {x}", "web-x"),
            ("## {#x}", "", "x"),
            ("## A {#a_b_c*d*}", "A", "a_b_c*d*"),
        ] {
            let page = read(text);
            assert_eq!(page.sections[0].heading, words, "{text}");
            assert_eq!(page.headings[0].anchor, anchor, "{text}");
        }
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
            ("What to do first\n---\na\n\nWho\n---\nme", Some("a")),
            (
                "# First steps\na\n\nb\n---\nc\n\nD\n===\ne",
                Some("a\n\nb\nc"),
            ),
            // it underlines the whole paragraph
            ("# First steps\n\na\n\nb\nc\n===\nd", Some("a")),
            (
                "## **First** steps\n- # a\n\n> # b\n\nc",
                Some("- # a\n\n> # b\n\nc"),
            ),
            ("## First steps\n\n    # code\n\na", Some("    # code\n\na")),
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
