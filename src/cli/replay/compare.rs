//! Prints what another configuration would have changed.

use super::Format;
use crate::cli::many;
use crate::cli::table::{self, Cell};
use crate::replay::compare::{self, Change, Page};
use crate::replay::report::Report;

/// What is printed; a table is printed at once and leaves nothing.
pub fn print(
    before: &Report<'_>,
    after: &Report<'_>,
    format: Format,
) -> Result<String, serde_json::Error> {
    let changes = compare::changes(before.record, after.record, before.reached);
    match format {
        Format::Table => {
            tables(&changes, before, after);
            Ok(String::new())
        }
        Format::Json => Ok(compare::json(&changes, before, after)? + "\n"),
        Format::Csv => Ok(compare::csv(&changes)),
    }
}

fn tables(changes: &[Change], before: &Report<'_>, after: &Report<'_>) {
    let count = |kind: &str| {
        let changes = changes.iter().filter(|change| change.kind() == kind);
        changes.count()
    };
    table::title(&format!(
        "{} gained, {} lost, {} moved, from {} until {} ({})",
        many(count("gained"), "page"),
        count("lost"),
        count("moved"),
        before.local(before.span.from),
        before.local(before.reached),
        before.zone.name()
    ));
    let page = |page: &Option<Page>| match page {
        Some(page) => Cell::coloured(
            &format!("{} {}", before.local(page.at), page.level.text()),
            page.level,
        ),
        None => "".into(),
    };
    if !changes.is_empty() {
        table::title("");
        let heading = ["", "ALERT", "SERIES", "RECEIVER", "BEFORE", "AFTER"];
        table::print(&heading, &[2, 1, 3], || {
            changes.iter().map(|change| {
                let sign = match change.kind() {
                    "gained" => "+",
                    "lost" => "-",
                    _ => "~",
                };
                vec![
                    sign.into(),
                    (&*change.alert).into(),
                    (&*change.series).into(),
                    (&*change.receiver).into(),
                    page(&change.before),
                    page(&change.after),
                ]
            })
        });
    }
    table::title("");
    let receivers = compare::receivers(before, after);
    let heading = ["RECEIVER", "PAGES", "AT NIGHT", "NIGHTS"];
    table::print(&heading, &[0], || {
        receivers.iter().map(|(name, counts)| {
            let counts = counts.iter();
            let counts = counts.map(|[before, after]| format!("{before} -> {after}").into());
            std::iter::once((*name).into()).chain(counts).collect()
        })
    });
}
