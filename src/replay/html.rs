//! A replay as one page: nothing of it is fetched from elsewhere, nothing of it
//! is a script, and its size is bounded.
//!
//! Names come from whoever sends metrics: every one is cleaned and escaped.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use super::record::{Incident, Record};
use super::report::Report;
use super::timeline;
use super::totals::Offender;
use super::values::{Drawn, MOST};
use super::warnings::once;
use crate::alert::{Alert, Group, duration};
use crate::deliver::text;
use crate::entities::encode;

/// Series that are drawn; incidents that are listed below one.
const DRAWN: usize = 200;
const LISTED: usize = 50;

/// Rows of the table of worst offenders.
const OFFENDERS: usize = 20;

const STYLE: &str = include_str!("page.css");

/// The whole page. `groups` are those that were replayed.
pub fn write(report: &Report<'_>, groups: &[Arc<Group>]) -> String {
    let from = report.local(report.span.from);
    let until = report.local(report.reached);
    let zone = report.zone.name();
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>Replay from {from} until {until}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>What would have been told</h1>\n<p>From <b>{from}</b> until <b>{until}</b> ({zone})</p>\n"
    );
    if report.stopped() {
        let end = report.local(report.span.until);
        let _ = writeln!(page, "<p class=\"note\">Stopped before its end, {end}.</p>");
    }
    tiles(&mut page, report);
    warnings(&mut page, report);
    receivers(&mut page, report);
    offenders(&mut page, report);
    timelines(&mut page, report, groups);
    page.push_str("</body>\n</html>\n");
    page
}

/// `text` as harmless text of a page.
pub(super) fn escaped(raw: &str) -> String {
    encode(&text::clean(raw))
}

fn tiles(page: &mut String, report: &Report<'_>) {
    let Record { incidents, .. } = report.record;
    let told = incidents.iter().flat_map(|incident| &incident.told);
    let calls: Vec<_> = told.filter(|told| told.calls()).collect();
    let nights = calls
        .iter()
        .filter_map(|told| super::totals::night(told.at, &report.zone));
    let at_night = nights.clone().count();
    let nights: BTreeSet<_> = nights.collect();
    let open = incidents
        .iter()
        .filter(|incident| incident.ended().is_none());
    page.push_str("<div class=\"tiles\">");
    for (count, what) in [
        (incidents.len(), "incidents"),
        (open.count(), "still open"),
        (calls.len(), "pages"),
        (at_night, "pages at night"),
        (nights.len(), "nights disturbed"),
    ] {
        let _ = write!(page, "<div><b>{count}</b>{what}</div>");
    }
    page.push_str("</div>\n");
}

fn warnings(page: &mut String, report: &Report<'_>) {
    if report.warnings.is_empty() {
        return;
    }
    page.push_str("<h2>What makes it doubtful</h2>\n<ul class=\"note\">\n");
    for said in once(&report.warnings) {
        let alerts = said.alerts.iter().map(|alert| escaped(alert));
        let (alerts, why) = (alerts.collect::<Vec<_>>().join(", "), escaped(said.text));
        let _ = writeln!(page, "<li><b>{alerts}</b>: {why}</li>");
    }
    page.push_str("</ul>\n");
}

fn table(page: &mut String, heading: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    page.push_str("<div class=\"wide\"><table>\n<tr>");
    for cell in heading {
        let _ = write!(page, "<th>{cell}</th>");
    }
    page.push_str("</tr>\n");
    for row in rows {
        page.push_str("<tr>");
        for cell in row {
            let _ = write!(page, "<td>{cell}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table></div>\n");
}

fn receivers(page: &mut String, report: &Report<'_>) {
    if report.receivers.is_empty() {
        return;
    }
    page.push_str("<h2>Receivers</h2>\n");
    let heading = [
        "Receiver",
        "Messages",
        "Pages",
        "Pages at night",
        "Nights disturbed",
    ];
    let rows = report.receivers.iter().map(|(name, total)| {
        vec![
            escaped(name),
            total.messages.to_string(),
            total.calls.to_string(),
            total.calls_at_night.to_string(),
            total.nights.len().to_string(),
        ]
    });
    table(page, &heading, rows);
}

fn offenders(page: &mut String, report: &Report<'_>) {
    if report.offenders.is_empty() {
        page.push_str("<p>There would have been no incident.</p>\n");
        return;
    }
    page.push_str("<h2>Worst offenders</h2>\n");
    let heading = ["Alert", "Series", "Pages", "Incidents", "Lasted", "Worst"];
    let rows = report.offenders.iter().take(OFFENDERS).enumerate();
    let rows = rows.map(|(index, offender)| {
        let Offender { worst, .. } = offender;
        vec![
            escaped(&text::name(&offender.alert)),
            format!(
                "<a href=\"#s{index}\">{}</a>",
                escaped(&text::name(&offender.series))
            ),
            offender.calls.to_string(),
            offender.incidents.to_string(),
            duration::format(offender.lasted),
            format!("<span class=\"{}\">{}</span>", worst.as_str(), worst.text()),
        ]
    });
    table(page, &heading, rows);
}

fn timelines(page: &mut String, report: &Report<'_>, groups: &[Arc<Group>]) {
    let mut incidents: BTreeMap<(&str, &str), Vec<&Incident>> = BTreeMap::new();
    for incident in &report.record.incidents {
        let key = (&*incident.alert, &*incident.series);
        incidents.entry(key).or_default().push(incident);
    }
    let bad = report
        .offenders
        .iter()
        .map(|offender| (&offender.alert, &offender.series));
    let quiet = report
        .values
        .into_iter()
        .flat_map(super::values::Values::names);
    let quiet = quiet.filter(|(alert, series)| !incidents.contains_key(&(&***alert, &***series)));
    let all: Vec<_> = bad.chain(quiet).collect();
    page.push_str("<h2>Series</h2>\n<p class=\"legend\"><span class=\"values\">values as judged</span> <span class=\"warning\">WARNING</span> \
         <span class=\"no_data\">NO DATA</span> <span class=\"critical\">CRITICAL</span> <span class=\"night\">night</span> \
         <span class=\"call\">\u{25b2} somebody was called</span></p>\n");
    for (index, (alert, series)) in all.iter().take(DRAWN).enumerate() {
        let drawn = report.values.and_then(|values| values.of(alert, series));
        let drawn = drawn.and_then(|drawn| Some((drawn, judged_by(groups, alert, drawn)?)));
        let incidents = incidents
            .get(&(&***alert, &***series))
            .map_or(&[][..], Vec::as_slice);
        let _ = writeln!(
            page,
            "<section id=\"s{index}\"><h3>{} <small>{}</small></h3>",
            escaped(&text::name(series)),
            escaped(&text::name(alert))
        );
        page.push_str(&timeline::draw(report, incidents, drawn));
        list(page, report, incidents);
        page.push_str("</section>\n");
    }
    let more = all.len().saturating_sub(DRAWN);
    if more > 0 {
        let _ = writeln!(
            page,
            "<p class=\"note\">{more} more series are not drawn; the worst are.</p>"
        );
    }
    if report.values.is_some_and(super::values::Values::is_full) {
        let _ = writeln!(
            page,
            "<p class=\"note\">Values were kept of {MOST} series; those beyond are drawn without.</p>"
        );
    }
}

fn judged_by<'g>(groups: &'g [Arc<Group>], alert: &str, drawn: &Drawn) -> Option<&'g Alert> {
    let group = groups.iter().find(|group| *group.name == *alert)?;
    group.alerts.get(drawn.alert)
}

fn list(page: &mut String, report: &Report<'_>, incidents: &[&Incident]) {
    if incidents.is_empty() {
        return;
    }
    let plural = if incidents.len() == 1 { "" } else { "s" };
    let _ = writeln!(
        page,
        "<details><summary>{} incident{plural}</summary>",
        incidents.len()
    );
    let heading = ["Opened", "Lasted", "Worst", "Told", "Reason"];
    let rows = incidents.iter().take(LISTED).map(|incident| {
        let open = if incident.ended().is_none() {
            ", still open"
        } else {
            ""
        };
        let worst = incident.worst();
        vec![
            report.local(incident.opened()),
            format!(
                "{}{open}",
                duration::format(incident.lasted(report.reached))
            ),
            format!("<span class=\"{}\">{}</span>", worst.as_str(), worst.text()),
            escaped(&report.told(incident)),
            escaped(incident.reason()),
        ]
    });
    table(page, &heading, rows);
    let more = incidents.len().saturating_sub(LISTED);
    if more > 0 {
        let _ = writeln!(page, "<p>and {more} more</p>");
    }
    page.push_str("</details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_bring_markup_along() {
        assert_eq!(
            escaped("<img src=x onerror='a()'>&\"\n"),
            "&lt;img src=x onerror=&#39;a()&#39;&gt;&amp;&quot;\\n"
        );
    }
}
