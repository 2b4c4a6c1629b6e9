//! What the pages of a folder lack, measured by the links that lead to them.

use std::collections::BTreeSet;

use super::fault::{Fault, Kind, list};
use super::folder::{self, Folder, Found};
use super::html;
use super::markdown::FIRST_STEPS;
use super::wanted::Wanted;
use crate::config::{BUILT_IN, Config};

/// What everybody who is woken looks for; each section by any of its names.
const SECTIONS: &[&[&str]] = &[&["What it means"], FIRST_STEPS];

const NO_PAGE: &str = "`graphite-pager docs scaffold` writes a page to fill in";
const NO_ALERT: &str =
    "where the alert was renamed, rename the page as well; where it is gone, take the page out";

/// Everything that is wrong with the pages, in the order of the alerts.
pub fn check(config: &Config, wanted: &[Wanted<'_>], folder: &Folder) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut missing = Vec::new();
    for wanted in wanted {
        match folder.pages.get(wanted.alert).map(Vec::as_slice) {
            None | Some([]) => missing.push(without_page(wanted)),
            Some([found]) => page(wanted, found, &mut faults),
            Some([found, others @ ..]) => {
                page(wanted, found, &mut faults);
                faults.extend(others.iter().map(|other| second(wanted, found, other)));
            }
        }
    }
    faults.extend(without_alert(config, folder));
    missing.extend(faults);
    missing
}

fn without_page(wanted: &Wanted<'_>) -> Fault {
    let nameable = folder::place("".as_ref(), wanted.alert).is_some();
    let (message, hint) = match (nameable, wanted.group) {
        (true, Some(_)) => (format!("alert `{}` has no page", wanted.alert), NO_PAGE),
        (true, None) => (
            format!("`{BUILT_IN}`, the agent's own troubles, has no page"),
            NO_PAGE,
        ),
        (false, _) => (
            format!("no file can have the name of alert `{}`", wanted.alert),
            "give the alert a link of its own, `docs:`, or another name: without `..`, empty parts, or a dot at its beginning, and not longer than 255 bytes",
        ),
    };
    Fault {
        kind: Kind::MissingPage,
        alert: Some(wanted.alert.to_owned()),
        page: None,
        line: None,
        place: wanted.place(),
        message,
        hint: hint.to_owned(),
    }
}

fn of_page(kind: Kind, wanted: &Wanted<'_>, found: &Found) -> Fault {
    Fault {
        kind,
        alert: Some(wanted.alert.to_owned()),
        page: Some(found.path.display().to_string()),
        line: None,
        place: None,
        message: String::new(),
        hint: String::new(),
    }
}

fn second(wanted: &Wanted<'_>, found: &Found, other: &Found) -> Fault {
    Fault {
        message: format!(
            "alert `{}` has a second page, beside `{}`",
            wanted.alert,
            found.path.display()
        ),
        hint: "make one page of them: which of them a link shows depends on how they are published"
            .to_owned(),
        ..of_page(Kind::TwoPages, wanted, other)
    }
}

/// What is wrong inside of a page.
fn page(wanted: &Wanted<'_>, found: &Found, faults: &mut Vec<Fault>) {
    let (page, alert) = (&found.page, wanted.alert);
    // of the agent's own page each section is about another trouble
    let sections = wanted.group.map_or(&[][..], |_| SECTIONS);
    for names in sections {
        let named = |heading: &str| names.iter().any(|name| heading.eq_ignore_ascii_case(name));
        let section = page.sections.iter().find(|section| named(&section.heading));
        let Some(name) = names.first() else { continue };
        let (line, what) = match section {
            None => (None, "has no section"),
            Some(section) if !section.filled => (Some(section.line), "has nothing in section"),
            Some(_) => continue,
        };
        faults.push(Fault {
            line,
            message: format!("the page of `{alert}` {what} `{name}`"),
            hint: format!("write a heading `## {name}` and what whoever is woken should know"),
            ..of_page(Kind::MissingSection, wanted, found)
        });
    }
    let missing: Vec<&String> = wanted.anchors.difference(&page.anchors).collect();
    if let Some(first) = missing.first() {
        let names = list(missing.iter().map(|name| name.as_str()));
        faults.push(Fault {
            message: format!("the page of `{alert}` has no anchor for {names}"),
            hint: format!(
                "write `<a id=\"{}\"></a>` where the link should lead",
                html::attribute(first)
            ),
            ..of_page(Kind::MissingAnchor, wanted, found)
        });
    }
    let open: Vec<_> = page
        .sections
        .iter()
        .filter_map(|section| Some((section.placeholder?, &*section.heading)))
        .collect();
    if let Some((line, _)) = open.first() {
        let names = list(open.iter().map(|(_, heading)| *heading));
        faults.push(Fault {
            line: Some(*line),
            message: format!("the page of `{alert}` is still as scaffolded under {names}"),
            hint:
                "write what is asked for there, or take the section out if there is nothing to say"
                    .to_owned(),
            ..of_page(Kind::Placeholder, wanted, found)
        });
    }
}

/// Pages that no link leads to. What lies in the folder of a page belongs to it.
fn without_alert(config: &Config, folder: &Folder) -> Vec<Fault> {
    let enabled = config.groups.iter().map(|group| &*group.name);
    let disabled = config.disabled.iter().map(|name| &**name);
    let known: BTreeSet<&str> = enabled.chain(disabled).chain([BUILT_IN]).collect();
    let belongs = |page: &str| {
        let ends = page
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([page.len()]);
        ends.filter_map(|end| page.get(..end))
            .any(|name| known.contains(name))
    };
    let strays = folder.pages.iter().filter(|(page, _)| !belongs(page));
    strays
        .flat_map(|(page, files)| files.iter().map(move |found| (page, found)))
        .map(|(page, found)| Fault {
            kind: Kind::PageWithoutAlert,
            alert: None,
            page: Some(found.path.display().to_string()),
            line: None,
            place: None,
            message: format!("there is no alert `{page}` for this page"),
            hint: NO_ALERT.to_owned(),
        })
        .collect()
}
