//! What a browser is shown of the pages: a list of the alerts with what their
//! pages lack, each page, and the pictures that lie beside it.
//!
//! Everything is read anew for each request. An address leads to a file of the
//! folder or to nothing: no part of it may begin with a dot, and a link out of
//! the folder is not followed. It knows no HTTP.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use url::Url;

use super::check;
use super::fault::Fault;
use super::folder::{self, Folder, Found};
use super::wanted;
use super::{markdown, render};
use crate::config::{BUILT_IN, Config};
use crate::deliver::text;
use crate::entities::encode;

mod list;

/// Bytes of a picture that are shown.
const PICTURE: u64 = 8 << 20;
/// Names of files that are pictures, and what they are.
const PICTURES: &[(&str, &str)] = &[
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("svg", "image/svg+xml"),
];
/// Where the style is: no page can have this name.
pub const STYLE: &str = "/.style.css";

/// What the pages are of, as it is at this moment.
#[derive(Clone, Debug)]
pub struct Source {
    /// The folder of the pages.
    pub root: PathBuf,
    /// The configuration; or why it cannot be read, for people.
    pub config: Result<Config, String>,
}

/// What is at an address.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// A page in HTML.
    Page(String),
    /// Nothing, as a page in HTML that says so.
    Missing(String),
    /// A picture, and of what type it is.
    Picture(&'static str, Vec<u8>),
}

/// What is at `path`, which begins with `/` and is not percent-encoded.
pub fn answer(source: &Source, path: &str) -> Answer {
    let name = path.trim_start_matches('/').trim_end_matches('/');
    if name.is_empty() {
        return Answer::Page(list::index(source));
    }
    let shown = text::name(name);
    let is_usable = |part: &str| !part.is_empty() && !part.starts_with('.');
    if !name.split('/').all(is_usable) || name.contains('\0') {
        return missing(&format!("There is no page `{shown}`."));
    }
    match found(source, name) {
        Ok(Some(answer)) => answer,
        Ok(None) => missing(&match knows(source, name) {
            true => format!(
                "Alert `{shown}` has no page yet: `graphite-pager docs scaffold` writes one to fill in."
            ),
            false => format!("There is neither an alert nor a page `{shown}`."),
        }),
        Err(error) => missing(&format!("`{shown}` cannot be shown: {error}.")),
    }
}

/// The page of the alert `name`, or the file of this name.
fn found(source: &Source, name: &str) -> io::Result<Option<Answer>> {
    let files = folder::files(&source.root, name).map_err(|(_, error)| error)?;
    if let Some(first) = files.first() {
        let text = folder::read_text(&inside(&source.root, first)?)?;
        let faults = faults_of(source, name, &files, &text);
        return Ok(Some(Answer::Page(page(
            source, name, first, &text, &faults,
        ))));
    }
    let path = source.root.join(name);
    let ending = path.extension().unwrap_or_default();
    let ending = ending.to_string_lossy().to_ascii_lowercase();
    let picture = PICTURES.iter().find(|(name, _)| *name == ending);
    let read = match picture {
        Some((_, kind)) => inside(&source.root, &path)
            .and_then(|path| picture_at(&path))
            .map(|bytes| Answer::Picture(kind, bytes)),
        None if ending == "md" => inside(&source.root, &path)
            .and_then(|path| folder::read_text(&path))
            .map(|text| Answer::Page(page(source, name, &path, &text, &[]))),
        None => return Ok(None),
    };
    match read {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        read => read.map(Some),
    }
}

/// The file that `path` leads to, if it lies in `root`.
fn inside(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let (root, path) = (root.canonicalize()?, path.canonicalize()?);
    match () {
        () if !path.starts_with(&root) => Err(io::Error::other("it leads out of the folder")),
        // a pipe would be waited for
        () if !path.is_file() => Err(io::Error::other("it is no file")),
        () => Ok(path),
    }
}

fn picture_at(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(PICTURE + 1)
        .read_to_end(&mut bytes)?;
    match bytes.len() as u64 > PICTURE {
        true => Err(io::Error::other("it is larger than 8 MiB")),
        false => Ok(bytes),
    }
}

/// Whether there is an alert of this name.
fn knows(source: &Source, name: &str) -> bool {
    let config = source.config.as_ref().ok();
    let mut groups = config.into_iter().flat_map(|config| &config.groups);
    name == BUILT_IN || groups.any(|group| *group.name == *name)
}

/// What `docs check` finds of the page of `name`.
fn faults_of(source: &Source, name: &str, files: &[PathBuf], first: &str) -> Vec<Fault> {
    let Ok(config) = &source.config else {
        return Vec::new();
    };
    let mut wanted = wanted::pages(config);
    wanted.retain(|wanted| wanted.alert == name);
    let found = files.iter().enumerate().map(|(index, path)| Found {
        path: path.clone(),
        page: match index {
            0 => markdown::read(first),
            // that it is there is its fault
            _ => markdown::Page::default(),
        },
    });
    let pages = BTreeMap::from([(name.to_owned(), found.collect())]);
    check::check(config, &wanted, &Folder { pages })
}

fn page(source: &Source, name: &str, file: &Path, text: &str, faults: &[Fault]) -> String {
    let mut body = "<nav><a href=\"/\">All alerts</a></nav>\n".to_owned();
    if let Err(why) = &source.config {
        unread(&mut body, why);
    }
    if !faults.is_empty() {
        body.push_str("<div class=\"bad\">");
        faults_below(&mut body, faults);
        body.push_str("</div>\n");
    }
    let below = file.strip_prefix(&source.root).unwrap_or(file);
    let text = match base(below) {
        Some(base) => render::page(text, &base),
        None => format!("<pre>{}</pre>\n", encode(text)),
    };
    let _ = write!(
        body,
        "<main>\n{text}</main>\n<footer>{}</footer>\n",
        encode(&text::clean(&file.to_string_lossy()))
    );
    shell(name, &body)
}

/// Where the links of the file `below` the folder are seen from.
fn base(below: &Path) -> Option<Url> {
    let mut base = Url::parse("http://pages.invalid/").ok()?;
    let parts = below.iter().map(|part| part.to_string_lossy());
    base.path_segments_mut().ok()?.clear().extend(parts);
    Some(base)
}

fn missing(why: &str) -> Answer {
    let body = format!(
        "<nav><a href=\"/\">All alerts</a></nav>\n<main><h1>Not here</h1>\n<p>{}</p></main>\n",
        with_code(why)
    );
    Answer::Missing(shell("Not here", &body))
}

/// What is wrong, one below the other.
fn faults_below(body: &mut String, faults: &[Fault]) {
    body.push_str("<ul>");
    for fault in faults {
        let line = fault
            .line
            .map_or(String::new(), |line| format!(" (line {line})"));
        let place = match (&fault.alert, &fault.page) {
            (None, Some(page)) => format!("`{}`: ", text::clean(page)),
            _ => String::new(),
        };
        let said = format!("{place}{}{line}", text::clean(&fault.message));
        let _ = write!(body, "<li>{}</li>", with_code(&said));
    }
    body.push_str("</ul>");
}

fn unread(body: &mut String, why: &str) {
    let why = encode(&text::clean_lines(why));
    let _ = writeln!(body, "<div class=\"bad\"><pre>{why}</pre></div>");
}

/// Escaped text in which every second part between back-ticks is code.
fn with_code(text: &str) -> String {
    let part = |(index, part): (usize, &str)| match index % 2 {
        0 => encode(part),
        _ => format!("<code>{}</code>", encode(part)),
    };
    text.split('`').enumerate().map(part).collect()
}

fn shell(title: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{}</title>\n<link rel=\"stylesheet\" href=\"{STYLE}\">\n</head>\n<body>\n{body}</body>\n</html>\n",
        encode(&text::name(title))
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use std::os::unix::fs::symlink;

    use super::*;

    /// What a site with these alerts and these files in `pages/` shows at `path`.
    fn shown(files: &[(&str, &str)], path: &str) -> Answer {
        let folder = tempfile::tempdir().unwrap();
        answer(&source(folder.path(), files), path)
    }

    fn source(folder: &Path, files: &[(&str, &str)]) -> Source {
        let yaml = "graphite: {url: http://g}\ndocs_path: pages\nalerts:\n- {name: Load, target: 'a.*.b', warning: 1, description: Busy <hosts>.}\n- {name: Web/Disk, target: a.b, warning: 1}\n- {name: Own, target: a.b, warning: 1, docs: 'https://own'}\n";
        let all = [("../alerts.yml", yaml), ("../secret.png", "secret")];
        for (name, text) in all.iter().chain(files) {
            let path = folder.join("pages").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let loaded = crate::config::load(&[folder.join("alerts.yml")], &|_| None).unwrap();
        Source {
            root: folder.join("pages"),
            config: Ok(loaded.config),
        }
    }

    fn page_of(answer: Answer) -> String {
        match answer {
            Answer::Page(page) => page,
            other => format!("no page: {other:?}"),
        }
    }

    #[test]
    fn the_list_has_every_alert_with_what_its_page_lacks() {
        let files = [
            ("Web/Disk.md", "# Disk\n## What it means\nx\n"),
            ("Gone.md", "x"),
        ];
        let index = page_of(shown(&files, "/"));
        for part in [
            "alerts.yml</h2>",
            "<b>Load</b> <span class=\"mark\">no page</span><p class=\"dim\">Busy &lt;hosts&gt;.</p>",
            "<a href=\"/Web%2FDisk\">Web/Disk</a> <span class=\"mark\">faults</span>",
            "has no section <code>First steps</code>",
            "<b>Own</b> <span class=\"dim\">its link leads elsewhere</span>",
            "<h2>Pages without an alert</h2>",
            "3 alerts, 2 pages are missing, 3 faults.",
        ] {
            assert!(index.contains(part), "{part}\n{index}");
        }
    }

    #[test]
    fn a_page_is_where_the_link_of_a_message_leads() {
        let files = [
            (
                "Load/README.md",
                "# Load\n![](graph.png)\n<a id=\"web-1\"></a>\n",
            ),
            ("Web/Disk.md", "# Disk\n[load](../Load)\n"),
        ];
        let load = page_of(shown(&files, "/Load"));
        assert!(load.contains("src=\"/Load/graph.png\""), "{load}");
        assert!(load.contains("<a id=\"web-1\"></a>"), "{load}");
        // it says what is missing, as `docs check` does
        assert!(
            load.contains("has no section <code>What it means</code>"),
            "{load}"
        );
        let disk = page_of(shown(&files, "/Web/Disk"));
        assert!(disk.contains("<a href=\"/Load\">load</a>"), "{disk}");
        // as a link between pages writes it
        let file = page_of(shown(&files, "/Load/README.md"));
        assert!(file.contains("<h1 id=\"load\">Load</h1>"), "{file}");
    }

    #[test]
    fn what_is_not_there_is_said() {
        for (path, part) in [
            ("/Load", "Alert <code>Load</code> has no page yet"),
            (
                "/Other<b>",
                "neither an alert nor a page <code>Other&lt;b&gt;</code>",
            ),
            ("/graph.png", "neither an alert nor a page"),
        ] {
            let Answer::Missing(page) = shown(&[], path) else {
                panic!("{path} is there")
            };
            assert!(page.contains(part), "{page}");
        }
    }

    #[test]
    fn pictures_are_shown_and_other_files_are_not() {
        let files = [
            ("Load/graph.PNG", "png"),
            ("Load/notes.txt", "x"),
            ("Load/x.html", "x"),
        ];
        let picture = shown(&files, "/Load/graph.PNG");
        assert_eq!(picture, Answer::Picture("image/png", b"png".to_vec()));
        for path in ["/Load/notes.txt", "/Load/x.html", "/Load/graph.PNG/x.png"] {
            assert!(matches!(shown(&files, path), Answer::Missing(_)), "{path}");
        }
    }

    #[test]
    fn a_picture_has_a_bound() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path(), &[("big.png", "")]);
        let big = File::create(source.root.join("big.png")).unwrap();
        big.set_len(PICTURE + 1).unwrap();
        let Answer::Missing(page) = answer(&source, "/big.png") else {
            panic!("it was shown")
        };
        assert!(page.contains("larger than 8 MiB"), "{page}");
    }

    #[test]
    fn nothing_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path(), &[(".git/x.png", "x"), ("Load/x.md", "x")]);
        let link = |to: &str, name: &str| symlink(to, source.root.join(name)).unwrap();
        link("../secret.png", "link.png");
        link("../alerts.yml", "Load.md");
        link("..", "up");
        for path in [
            "/../secret.png",
            "/Load/../../secret.png",
            "/./../secret.png",
            "//etc/hostname.png",
            "/.git/x.png",
            "/link.png",
            "/Load",
            "/up/secret.png",
            "/a\0.png",
        ] {
            let answer = answer(&source, path);
            let Answer::Missing(page) = answer else {
                panic!("{path}: {answer:?}")
            };
            assert!(!page.contains("graphite:"), "{page}");
        }
        // one within it is a file like any other
        link("x.md", "Load/y.md");
        assert!(matches!(answer(&source, "/Load/y.md"), Answer::Page(_)));
    }

    #[test]
    fn a_configuration_that_cannot_be_read_is_said_and_pages_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let mut source = source(folder.path(), &[("Load.md", "# Load\n")]);
        source.config = Err("error: alerts.yml:1:1: <oh>".to_owned());
        let index = page_of(answer(&source, "/"));
        assert!(index.contains("alerts.yml:1:1: &lt;oh&gt;"), "{index}");
        let page = page_of(answer(&source, "/Load"));
        assert!(page.contains("<h1 id=\"load\">") && page.contains("&lt;oh&gt;"));
    }
}
