//! The text of a page to fill in: what the configuration knows, and a question
//! for everything that only a person does.

use std::fmt::Write as _;

use super::html;
use super::legend;
use super::markdown::{self, PLACEHOLDER};
use super::ready;
use super::wanted::{MORE, Wanted, legends};
use crate::alert::evaluate::TOO_FEW;
use crate::alert::{Alert, Condition, Group};

/// The page about the agent's own troubles: nothing of it is left open.
const OWN: &str = include_str!("../../alerts/docs/graphite-pager/README.md");

/// The page of `wanted`; `today` as it stands in the history of thresholds.
pub fn page(wanted: &Wanted<'_>, today: &str) -> String {
    let Some(group) = wanted.group else {
        return OWN.to_owned();
    };
    if let Some(page) = ready::page(&group.name) {
        return with_anchors(page, wanted);
    }
    let mut page = format!("# {}\n", plain(&group.name));
    section(&mut page, "What it means", &meaning(group));
    section(
        &mut page,
        "Why it matters",
        &open("who or what suffers while this lasts, and how soon it gets worse."),
    );
    section(
        &mut page,
        "First steps",
        &open("what whoever is woken looks at and does first, in numbered steps."),
    );
    section(&mut page, "Who owns it", &owners(group));
    section(&mut page, "History of thresholds", &history(group, today));
    section(&mut page, "Series", &series(wanted, group));
    if let Some(text) = many(wanted) {
        section(&mut page, "Many at once", &text);
    }
    page
}

/// A page that is ready, with the names that a parameter of its pack changed.
fn with_anchors(page: &str, wanted: &Wanted<'_>) -> String {
    let known = markdown::read(page).anchors;
    let missing = wanted.anchors.difference(&known);
    let missing: String = missing.map(|name| anchor(name)).collect();
    match missing.is_empty() {
        true => page.to_owned(),
        false => format!("{page}\n{missing}\n"),
    }
}

fn section(page: &mut String, heading: &str, text: &str) {
    let _ = write!(page, "\n## {heading}\n\n{}\n", text.trim_end());
}

/// What a person has to write.
fn open(what: &str) -> String {
    format!("{PLACEHOLDER} {what}_")
}

fn meaning(group: &Group) -> String {
    let mut texts: Vec<String> = Vec::new();
    for text in group
        .alerts
        .iter()
        .filter_map(|alert| alert.description.as_deref())
    {
        let text = plain(text);
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    match texts.is_empty() {
        true => open("what is measured, and what is wrong when it is told."),
        false => texts.join("\n\n"),
    }
}

fn owners(group: &Group) -> String {
    const OWNERS: &[&str] = &["owner", "team", "service"];
    let labels = group.alerts.iter().flat_map(|alert| &alert.labels);
    let mut lines: Vec<String> = labels
        .filter(|(label, _)| OWNERS.contains(&label.as_str()))
        .map(|(label, value)| format!("- {label}: {}", plain(value)))
        .collect();
    lines.sort();
    lines.dedup();
    match lines.is_empty() {
        true => open("who may change this alert, and who knows more by day."),
        false => lines.join("\n"),
    }
}

fn history(group: &Group, today: &str) -> String {
    let mut table = "| since | of | warning | critical | why |\n|---|---|---|---|---|\n".to_owned();
    for alert in &group.alerts {
        let shown = |condition: &Option<Condition>| {
            let shown = condition
                .as_ref()
                .map(|condition| cell(&condition.to_string()));
            shown.unwrap_or_default()
        };
        let _ = writeln!(
            table,
            "| {today} | {} | {} | {} | {} |",
            cell(&targets(alert)),
            shown(&alert.warning),
            shown(&alert.critical),
            open("what the numbers rest on.")
        );
    }
    table
}

fn targets(alert: &Alert) -> String {
    let targets: Vec<&str> = alert
        .targets
        .iter()
        .map(crate::alert::Target::as_str)
        .collect();
    targets.join(", ")
}

fn series(wanted: &Wanted<'_>, group: &Group) -> String {
    let (known, all) = legends(group);
    let mut text = String::new();
    if !all {
        text.push_str("A link leads to the place in this page that has the series' name. If one needs words of its own,\nwrite a line `<a id=\"NAME\"></a>` and the words after it. These make the names:\n\n");
        let targets = group.alerts.iter().flat_map(|alert| &alert.targets);
        for target in targets.filter(|target| legend::fixed(target).is_none()) {
            let _ = writeln!(text, "- {}", code(target.as_str()));
        }
    }
    for name in &known {
        let _ = writeln!(text, "- {}{}", anchor(name), code(name));
    }
    if wanted.anchors.contains(TOO_FEW) {
        let _ = writeln!(
            text,
            "- {}{}: fewer series came back than there should be",
            anchor(TOO_FEW),
            code(TOO_FEW)
        );
    }
    text
}

fn many(wanted: &Wanted<'_>) -> Option<String> {
    let names = MORE.iter().filter(|name| wanted.anchors.contains(**name));
    let anchors: Vec<String> = names.map(|name| anchor(name)).collect();
    (!anchors.is_empty()).then(|| {
        format!(
            "{}\nSeries that are not told one by one. Look for what they have in common before looking at any of them.",
            anchors.concat()
        )
    })
}

fn anchor(name: &str) -> String {
    format!("<a id=\"{}\"></a>", html::attribute(name))
}

/// `text` as it stands, in Markdown.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut line_begins = true;
    for c in text.trim().chars() {
        let special = matches!(c, '\\' | '`' | '*' | '[' | '<' | '&');
        // at the beginning of a line they make headings, lists and the like
        if special || (line_begins && matches!(c, '#' | '-' | '+' | '=' | '>' | '|' | '~' | '_')) {
            plain.push('\\');
        }
        line_begins = c == '\n';
        plain.push(c);
    }
    plain
}

/// `text` as code on one line.
fn code(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    let runs = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(runs + 1);
    match runs {
        0 => format!("`{text}`"),
        _ => format!("{fence} {text} {fence}"),
    }
}

/// The same in a table, where `|` ends a cell even inside of code.
fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_targets_stand_as_they_are() {
        assert_eq!(plain("# <b>*x*</b>"), "\\# \\<b>\\*x\\*\\</b>");
        assert_eq!(plain("Disk use (1)"), "Disk use (1)");
        assert_eq!(code("a`b"), "`` a`b ``");
        assert_eq!(cell("a|b"), "`a\\|b`");
        assert_eq!(anchor("a\"<b>"), "<a id=\"a&quot;&lt;b&gt;\"></a>");
    }
}
