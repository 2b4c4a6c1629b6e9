//! What is wrong with a page or a link, and how a list of it is printed.

use std::fmt::Write as _;

use serde::Serialize;

use crate::deliver::text;

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An alert has no page.
    MissingPage,
    /// A page belongs to no alert.
    PageWithoutAlert,
    /// An alert has more than one page.
    TwoPages,
    /// A page lacks something that everybody who is woken looks for.
    MissingSection,
    /// Links lead to a place that the page does not have.
    MissingAnchor,
    /// A page still has what `docs scaffold` left to be written.
    Placeholder,
    /// A link does not lead to a page.
    LinkFailed,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What kind it is.
    pub kind: Kind,
    /// The alert, where it is about one.
    pub alert: Option<String>,
    /// The page's file or address, where there is one.
    pub page: Option<String>,
    /// The line of the file, 1-based.
    pub line: Option<usize>,
    /// Where the alert is defined, where there is no page.
    pub place: Option<String>,
    /// Lowercase, one line.
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// All of them for people; a hint that several in a row share stands once.
pub fn report(faults: &[Fault]) -> String {
    let mut report = String::new();
    for (index, fault) in faults.iter().enumerate() {
        let place = fault.page.as_deref().or(fault.place.as_deref());
        report.push_str("error: ");
        if let Some(place) = place {
            report.push_str(&text::clean(place));
            if let Some(line) = fault.line {
                let _ = write!(report, ":{line}");
            }
            report.push_str(": ");
        }
        let _ = writeln!(report, "{}", text::clean(&fault.message));
        let next = faults.get(index + 1);
        if next.is_none_or(|next| next.hint != fault.hint) {
            let _ = writeln!(report, "\nhint: {}", text::clean(&fault.hint));
            if next.is_some() {
                report.push('\n');
            }
        }
    }
    report
}

/// `` `a`, `b` and 3 more ``
pub fn list<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 5;
    let more = names.len().saturating_sub(SHOWN);
    let shown: Vec<String> = names
        .take(SHOWN)
        .map(|name| format!("`{}`", text::name(name)))
        .collect();
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
