//! A page in Markdown as HTML, for a browser.
//!
//! Its anchors are those that `markdown.rs` reads, no more and no fewer. HTML in
//! a page is shown as it is written: `ssh <host>` is an instruction and no tag.
//! Only what makes an anchor, a line break (`<br>`) or a comment is taken for what
//! it is. Nothing is fetched from elsewhere: a picture from another server is a
//! link to it, and links lead to web pages, mail addresses and other pages alone.

use std::ops::Range;

use pulldown_cmark::{CowStr, Event, Tag, TagEnd, html as writer};
use url::Url;

use super::html;
use super::markdown::{self, Heading};
use crate::entities::encode;

/// The page `text` as the inside of a body. `base` is where it is shown; links to
/// the same host are written without it.
pub fn page(text: &str, base: &Url) -> String {
    let read = markdown::read(text);
    let renderer = Renderer {
        base,
        headings: read.headings.into_iter(),
        heading: None,
        open: Vec::new(),
        links: 0,
        pictures: 0,
        block: None,
        shown: 0,
    };
    let pieces = markdown::pieces(text);
    let mut page = String::with_capacity(text.len() * 2);
    writer::push_html(&mut page, Safe { renderer, pieces }.flatten());
    page
}

/// The pieces of a page, each made harmless.
struct Safe<'a, I> {
    renderer: Renderer<'a>,
    pieces: I,
}

impl<'a, I: Iterator<Item = (Event<'a>, Range<usize>)>> Iterator for Safe<'a, I> {
    type Item = Vec<Event<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        let (event, at) = self.pieces.next()?;
        Some(self.renderer.take(event, &at))
    }
}

/// What became of a link or a picture that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Link,
    Picture,
    /// Its words alone are shown.
    Words,
}

/// Where in the page it is.
struct Renderer<'a> {
    base: &'a Url,
    headings: std::vec::IntoIter<Heading>,
    /// Where the words of the heading end that is being written.
    heading: Option<usize>,
    open: Vec<Open>,
    /// How many of these are links; none stands in another.
    links: usize,
    /// How many pictures it is in the words of.
    pictures: usize,
    /// Lines of HTML that are being read.
    block: Option<String>,
    /// Tags of links that were shown as they are written, and not yet closed.
    shown: usize,
}

impl Renderer<'_> {
    fn take<'a>(&mut self, event: Event<'a>, at: &Range<usize>) -> Vec<Event<'a>> {
        match event {
            Event::Start(tag) => self.begin(tag),
            Event::End(end) => self.finish(end),
            Event::Html(lines) => {
                if let Some(block) = &mut self.block {
                    block.push_str(&lines);
                }
                Vec::new()
            }
            Event::InlineHtml(_) if self.pictures > 0 => Vec::new(),
            Event::InlineHtml(tag) => self.inline(&tag),
            Event::Text(words) => match self.heading {
                Some(end) => {
                    let kept = markdown::until(&words, at, end).to_owned();
                    vec![Event::Text(CowStr::from(kept))]
                }
                None => vec![Event::Text(words)],
            },
            // what stands in the braces behind a heading's words
            _ if self.heading.is_some_and(|end| at.start >= end) => Vec::new(),
            other => vec![other],
        }
    }

    fn begin<'a>(&mut self, tag: Tag<'a>) -> Vec<Event<'a>> {
        match tag {
            Tag::HtmlBlock => {
                self.block = Some(String::new());
                Vec::new()
            }
            Tag::Heading { level, .. } => {
                let heading = self.headings.next();
                self.heading = heading.as_ref().map(|heading| heading.end);
                vec![Event::Start(Tag::Heading {
                    level,
                    id: heading.map(|heading| CowStr::from(heading.anchor)),
                    classes: Vec::new(),
                    attrs: Vec::new(),
                })]
            }
            Tag::Link {
                link_type,
                dest_url,
                title,
                id,
            } => {
                let dest_url = self.link(&dest_url).filter(|_| self.links == 0);
                let Some(dest_url) = dest_url.map(CowStr::from) else {
                    return self.words();
                };
                self.enter(Open::Link);
                vec![Event::Start(Tag::Link {
                    link_type,
                    dest_url,
                    title,
                    id,
                })]
            }
            Tag::Image {
                link_type,
                dest_url,
                title,
                id,
            } => {
                self.pictures += 1;
                let is_link = self.links == 0;
                let (open, dest_url) = match self.link(&dest_url) {
                    Some(here) if here.starts_with('/') => (Open::Picture, here),
                    Some(elsewhere) if is_link => (Open::Link, elsewhere),
                    _ => return self.words(),
                };
                let dest_url = CowStr::from(dest_url);
                self.enter(open);
                vec![Event::Start(match open {
                    Open::Picture => Tag::Image {
                        link_type,
                        dest_url,
                        title,
                        id,
                    },
                    _ => Tag::Link {
                        link_type,
                        dest_url,
                        title,
                        id,
                    },
                })]
            }
            other => vec![Event::Start(other)],
        }
    }

    fn finish<'a>(&mut self, end: TagEnd) -> Vec<Event<'a>> {
        match end {
            TagEnd::HtmlBlock => {
                let block = self.block.take().unwrap_or_default();
                vec![raw(self.html_block(&block))]
            }
            TagEnd::Heading(_) => {
                self.heading = None;
                vec![Event::End(end)]
            }
            TagEnd::Link => self.leave(),
            TagEnd::Image => {
                self.pictures -= 1;
                self.leave()
            }
            other => vec![Event::End(other)],
        }
    }

    /// Ends the link or the picture that was begun last.
    fn leave<'a>(&mut self) -> Vec<Event<'a>> {
        match self.open.pop() {
            Some(Open::Link) => {
                self.links -= 1;
                vec![Event::End(TagEnd::Link)]
            }
            Some(Open::Picture) => vec![Event::End(TagEnd::Image)],
            Some(Open::Words) | None => Vec::new(),
        }
    }

    /// Begins what only its words are shown of.
    fn words<'a>(&mut self) -> Vec<Event<'a>> {
        self.enter(Open::Words);
        Vec::new()
    }

    fn enter(&mut self, open: Open) {
        self.links += usize::from(open == Open::Link);
        self.open.push(open);
    }

    /// Where a link leads to; `None`: to nothing that a page may lead to.
    fn link(&self, to: &str) -> Option<String> {
        if to.starts_with('#') {
            return Some(to.to_owned());
        }
        let to = self.base.join(to).ok()?;
        if to.origin() == self.base.origin() {
            let path = to
                .as_str()
                .strip_prefix(self.base.origin().ascii_serialization().as_str())?;
            return Some(path.to_owned());
        }
        matches!(to.scheme(), "http" | "https" | "mailto").then(|| to.to_string())
    }

    fn inline<'a>(&mut self, tag: &str) -> Vec<Event<'a>> {
        let anchors = anchors(tag);
        let rest = match is_break(tag) {
            true => "<br>".to_owned(),
            false => encode(&self.without_anchors(tag)),
        };
        vec![raw(anchors + &rest)]
    }

    fn html_block(&mut self, block: &str) -> String {
        let anchors = anchors(block);
        let rest = self.without_anchors(block);
        match rest.trim().is_empty() {
            true if anchors.is_empty() => String::new(),
            true => format!("<p>{anchors}</p>\n"),
            false => format!(
                "<p class=\"html\">{anchors}{}</p>\n",
                encode(rest.trim_end())
            ),
        }
    }

    /// HTML without comments, and without tags that only make an anchor.
    fn without_anchors(&mut self, html: &str) -> String {
        let mut kept = String::new();
        let mut rest = html;
        while let Some((before, after)) = rest.split_once('<') {
            kept.push_str(before);
            let end = if after.starts_with("!--") { "-->" } else { ">" };
            let (tag, next) = after.split_once(end).unwrap_or((after, ""));
            rest = next;
            match self.kind(tag) {
                Kind::Nothing => {}
                Kind::Shown => {
                    kept.push('<');
                    kept.push_str(tag);
                    if after.len() > tag.len() {
                        kept.push_str(end);
                    }
                }
            }
        }
        kept + rest
    }

    /// What becomes of a tag, written without its brackets.
    fn kind(&mut self, tag: &str) -> Kind {
        let name = tag.split(|c: char| c.is_ascii_whitespace()).next();
        match name.unwrap_or_default().to_ascii_lowercase().as_str() {
            comment if comment.starts_with("!--") => Kind::Nothing,
            "a" | "a/" => {
                let only_names = !tag.to_ascii_lowercase().contains("href");
                if only_names && !html::read(&format!("<{tag}>")).anchors.is_empty() {
                    return Kind::Nothing;
                }
                self.shown += 1;
                Kind::Shown
            }
            "/a" if self.shown == 0 => Kind::Nothing,
            "/a" => {
                self.shown -= 1;
                Kind::Shown
            }
            _ => Kind::Shown,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It is shown as it is written.
    Shown,
    /// Nothing is shown of it.
    Nothing,
}

fn raw<'a>(html: String) -> Event<'a> {
    Event::InlineHtml(CowStr::from(html))
}

/// An anchor for each name that tags give.
fn anchors(html: &str) -> String {
    let names = html::read(html).anchors.into_iter();
    names
        .map(|name| format!("<a id=\"{}\"></a>", html::attribute(&name)))
        .collect()
}

fn is_break(tag: &str) -> bool {
    let name = tag.trim_start_matches('<').trim_end_matches('>');
    let name = name.trim_end_matches('/').trim();
    name.eq_ignore_ascii_case("br")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn render(text: &str) -> String {
        page(
            text,
            &Url::parse("http://pages/Web/Load/README.md").unwrap(),
        )
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(render(text).trim_end(), expected, "{text}");
    }

    #[test]
    fn headings_have_the_anchors_that_links_use() {
        check("## Web 1", "<h2 id=\"web-1\">Web 1</h2>");
        check(
            "## Web `x` {#(more) \"it\"}",
            "<h2 id=\"(more) &quot;it&quot;\">Web <code>x</code> </h2>",
        );
        check("# A\n# A", "<h1 id=\"a\">A</h1>\n<h1 id=\"a-1\">A</h1>");
    }

    #[test]
    fn tags_that_name_a_place_are_anchors_and_nothing_else() {
        check(
            "- <a id=\"(more)\"></a>`x`",
            "<ul>\n<li><a id=\"(more)\"></a><code>x</code></li>\n</ul>",
        );
        check(
            "<a name='x'>\n\ntext</a>",
            "<p><a id=\"x\"></a></p>\n<p>text</p>",
        );
        check("<!-- never shown -->", "");
        check("a <!-- b > c --> d", "<p>a  d</p>");
        check("a<br>b<BR />c", "<p>a<br>b<br>c</p>");
    }

    #[test]
    fn other_html_is_shown_as_it_is_written() {
        check(
            "ssh <host> & <b onclick=\"x()\">see</b>",
            "<p>ssh &lt;host&gt; &amp; &lt;b onclick=&quot;x()&quot;&gt;see&lt;/b&gt;</p>",
        );
        check(
            "<script>\nalert(1)\n</script>",
            "<p class=\"html\">&lt;script&gt;\nalert(1)\n&lt;/script&gt;</p>",
        );
        check(
            "<div id=\"x\">\n<a href=\"javascript:x\">y</a>\n</div>",
            "<p class=\"html\"><a id=\"x\"></a>&lt;div id=&quot;x&quot;&gt;\n&lt;a href=&quot;javascript:x&quot;&gt;y&lt;/a&gt;\n&lt;/div&gt;</p>",
        );
    }

    #[test]
    fn links_lead_to_pages_and_to_the_web_alone() {
        for (to, expected) in [
            ("#web-1", Some("#web-1")),
            ("../Disk/README.md#x", Some("/Web/Disk/README.md#x")),
            ("/Disk", Some("/Disk")),
            ("../../../../etc", Some("/etc")),
            ("https://a.example/b?c", Some("https://a.example/b?c")),
            ("//a.example/b", Some("http://a.example/b")),
            ("mailto:a@b.example", Some("mailto:a@b.example")),
            ("javascript:alert(1)", None),
            ("JaVaScRiPt:alert(1)", None),
            ("data:text/html,x", None),
            ("file:///etc/passwd", None),
        ] {
            let expected = match expected {
                Some(to) => format!("<p><a href=\"{to}\">x</a></p>"),
                None => "<p>x</p>".to_owned(),
            };
            check(&format!("[x]({to})"), &expected);
        }
    }

    #[test]
    fn pictures_beside_the_page_are_shown_and_others_are_links() {
        check(
            "![a graph](graph.png)",
            "<p><img src=\"/Web/Load/graph.png\" alt=\"a graph\" /></p>",
        );
        check(
            "![a graph](https://a.example/x.png)",
            "<p><a href=\"https://a.example/x.png\">a graph</a></p>",
        );
        check(
            "[![a](https://a.example/x.png)](https://b.example/)",
            "<p><a href=\"https://b.example/\">a</a></p>",
        );
        check("![a](data:image/png;base64,x)", "<p>a</p>");
        check(
            "![a <a id=\"x\"></a>b](c.png)",
            "<p><img src=\"/Web/Load/c.png\" alt=\"a b\" /></p>",
        );
    }

    #[test]
    fn tables_and_lists_to_tick_are_drawn() {
        let table = render("| a | b |\n|---|---|\n| 1 | <br> |\n");
        assert!(table.contains("<td>1</td><td><br></td>"), "{table}");
        let list = render("- [x] a\n- [ ] b\n");
        assert!(list.contains("checkbox"), "{list}");
    }

    proptest! {
        /// The anchors of what is shown are those that links are checked against.
        #[test]
        fn a_page_that_is_shown_has_the_anchors_that_are_read(
            text in "(# |## |A|b \\*|> |- |`|```\n|<a id=\"x\">|</a>|<a name=y href=z>|<p id=z>|<!--|-->|\\{#q\\}|\n|\n\n|    |\\||\\[a\\]\\(b\\)|!\\[|\\]\\(c\\)|---\n|&amp;|<br>){0,16}"
        ) {
            let shown = html::read(&render(&text)).anchors;
            prop_assert_eq!(shown, markdown::read(&text).anchors);
        }

        #[test]
        fn no_page_brings_in_tags_of_its_own(text in "[<>/a-c=\"'!\\- \n`&;]{0,60}|\\PC{0,60}") {
            let shown = render(&text).to_ascii_lowercase();
            for tag in ["<script", "<style", "<b ", "<b>", "<iframe", "onclick=\"", "javascript:"] {
                prop_assert!(!shown.contains(tag), "{}", shown);
            }
        }
    }
}
