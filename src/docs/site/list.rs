//! The list of all alerts, by the file that defines them, with what `docs check`
//! finds of their pages.

use std::fmt::Write as _;

use super::{Source, faults_below, shell, unread};
use crate::config::{BUILT_IN, Config};
use crate::deliver::{links, text};
use crate::docs::check;
use crate::docs::fault::{Fault, Kind};
use crate::docs::folder::Folder;
use crate::docs::wanted::{self, Wanted};
use crate::entities::encode;

/// The list of all alerts.
pub fn index(source: &Source) -> String {
    let mut body = "<main>\n<h1>Alerts and their pages</h1>\n".to_owned();
    let config = match &source.config {
        Ok(config) => config,
        Err(why) => {
            unread(&mut body, why);
            body.push_str("</main>\n");
            return shell("Alerts", &body);
        }
    };
    let folder = Folder::read(&source.root).unwrap_or_else(|(path, error)| {
        let why = format!("cannot read `{}`: {error}", path.display());
        unread(&mut body, &why);
        Folder::default()
    });
    let wanted = wanted::pages(config);
    let faults = check::check(config, &wanted, &folder);
    summary(&mut body, config, &faults);
    for (file, alerts) in by_file(config, &wanted) {
        let _ = writeln!(
            body,
            "<h2>{}</h2>\n<ul class=\"alerts\">",
            encode(&text::clean(&file))
        );
        for alert in alerts {
            alert.write(&mut body, &faults);
        }
        body.push_str("</ul>\n");
    }
    let strays = faults.iter().filter(|fault| fault.alert.is_none());
    let strays: Vec<Fault> = strays.cloned().collect();
    if !strays.is_empty() {
        body.push_str("<h2>Pages without an alert</h2>\n<div class=\"bad\">");
        faults_below(&mut body, &strays);
        body.push_str("</div>\n");
    }
    body.push_str("</main>\n");
    shell("Alerts", &body)
}

fn summary(body: &mut String, config: &Config, faults: &[Fault]) {
    let without = faults
        .iter()
        .filter(|fault| fault.kind == Kind::MissingPage);
    let without = without.count();
    let others = faults.len() - without;
    let alerts = config.groups.len();
    let plural = |count: usize, one: &str, many: &str| match count {
        1 => format!("1 {one}"),
        count => format!("{count} {many}"),
    };
    let _ = write!(
        body,
        "<p class=\"dim\">{}",
        plural(alerts, "alert", "alerts")
    );
    if without > 0 {
        let _ = write!(
            body,
            ", {}",
            plural(without, "page is missing", "pages are missing")
        );
    }
    if others > 0 {
        let _ = write!(body, ", {}", plural(others, "fault", "faults"));
    }
    let all_well = if faults.is_empty() {
        ", and nothing is missing"
    } else {
        ""
    };
    let _ = writeln!(body, "{all_well}.</p>");
}

/// An alert as the list shows it.
struct Listed<'a> {
    name: &'a str,
    description: Option<&'a str>,
    /// Its page belongs into the folder.
    here: bool,
}

/// The alerts of each file, in the order of the configuration; the agent's own at the end.
fn by_file<'a>(config: &'a Config, wanted: &[Wanted<'a>]) -> Vec<(String, Vec<Listed<'a>>)> {
    let mut files: Vec<(String, Vec<Listed<'a>>)> = Vec::new();
    for group in &config.groups {
        let first = group.alerts.first();
        let place = first.map_or("", |alert| &alert.place);
        let file = place.rsplit_once(':').map_or(place, |(file, _)| file);
        let listed = Listed {
            name: &group.name,
            description: first.and_then(|alert| alert.description.as_deref()),
            here: wanted.iter().any(|wanted| wanted.alert == &*group.name),
        };
        match files.iter_mut().find(|(name, _)| name == file) {
            Some((_, alerts)) => alerts.push(listed),
            None => files.push((file.to_owned(), vec![listed])),
        }
    }
    let own = Listed {
        name: BUILT_IN,
        description: Some("Troubles of the agent itself: Graphite, receivers, the store."),
        here: true,
    };
    files.push(("built in".to_owned(), vec![own]));
    files
}

impl Listed<'_> {
    fn write(&self, body: &mut String, faults: &[Fault]) {
        let name = encode(&text::clean(self.name));
        let mine = faults
            .iter()
            .filter(|fault| fault.alert.as_deref() == Some(self.name));
        let mine: Vec<Fault> = mine.cloned().collect();
        let has_page = !mine.iter().any(|fault| fault.kind == Kind::MissingPage);
        body.push_str("<li>");
        let _ = match self.here && has_page {
            true => write!(body, "<a href=\"/{}\">{name}</a>", links::encode(self.name)),
            false => write!(body, "<b>{name}</b>"),
        };
        let mark = match (self.here, has_page, mine.len()) {
            (false, ..) => " <span class=\"dim\">its link leads elsewhere</span>",
            (_, false, _) => " <span class=\"mark\">no page</span>",
            (_, _, 0) => "",
            (_, _, 1) => " <span class=\"mark\">1 fault</span>",
            _ => " <span class=\"mark\">faults</span>",
        };
        body.push_str(mark);
        if let Some(description) = self.description {
            let _ = write!(
                body,
                "<p class=\"dim\">{}</p>",
                encode(&text::clean(description))
            );
        }
        if has_page && !mine.is_empty() {
            faults_below(body, &mine);
        }
        body.push_str("</li>\n");
    }
}
