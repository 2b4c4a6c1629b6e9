//! What another configuration would have changed: pages gained, lost and moved.
//!
//! Pages are compared for each receiver, alert and series. Two at the same
//! instant and level are the same page. Of the others, one is moved where both
//! configurations had an incident that was open at the same time, for then they
//! are about the same trouble; what is left was lost or gained.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;

use super::csv::quoted;
use super::json::{Doubt, doubt};
use super::record::Record;
use super::report::Report;
use crate::alert::{Level, Timestamp};

/// A message that called somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// When.
    pub at: Timestamp,
    /// At which level.
    pub level: Level,
    /// From when until when its incident was open.
    open: (Timestamp, Timestamp),
}

/// A page that is not the same under both configurations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The alert.
    pub alert: Arc<str>,
    /// The series.
    pub series: Arc<str>,
    /// Who is called.
    pub receiver: Arc<str>,
    /// Under the present configuration; `None`: gained.
    pub before: Option<Page>,
    /// Under the other one; `None`: lost.
    pub after: Option<Page>,
}

impl Change {
    /// `gained`, `lost` or `moved`.
    pub fn kind(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "gained",
            (_, None) => "lost",
            _ => "moved",
        }
    }

    /// When the first of the two was.
    fn at(&self) -> Option<Timestamp> {
        let pages = [&self.before, &self.after];
        pages.into_iter().flatten().map(|page| page.at).min()
    }
}

/// Alert, series, receiver.
type Key = (Arc<str>, Arc<str>, Arc<str>);

/// What differs between two records, in order of time; incidents that were
/// still open are taken to have been until `end`.
pub fn changes(before: &Record, after: &Record, end: Timestamp) -> Vec<Change> {
    let (mut before, mut after) = (pages(before, end), pages(after, end));
    let keys: BTreeSet<Key> = before.keys().chain(after.keys()).cloned().collect();
    let mut changes = Vec::new();
    for key in keys {
        let old = before.remove(&key).unwrap_or_default();
        let new = after.remove(&key).unwrap_or_default();
        let (alert, series, receiver) = key;
        for (before, after) in paired(old, new) {
            changes.push(Change {
                alert: Arc::clone(&alert),
                series: Arc::clone(&series),
                receiver: Arc::clone(&receiver),
                before,
                after,
            });
        }
    }
    changes.sort_by_key(Change::at);
    changes
}

fn pages(record: &Record, end: Timestamp) -> BTreeMap<Key, Vec<Page>> {
    let mut pages: BTreeMap<Key, Vec<Page>> = BTreeMap::new();
    for incident in &record.incidents {
        let open = (incident.opened(), incident.ended().unwrap_or(end));
        for told in incident.told.iter().filter(|told| told.calls()) {
            let key = (
                Arc::clone(&incident.alert),
                Arc::clone(&incident.series),
                Arc::clone(&told.receiver),
            );
            pages.entry(key).or_default().push(Page {
                at: told.at,
                level: told.level,
                open,
            });
        }
    }
    pages
}

/// Those that are not the same, side by side.
fn paired(mut old: Vec<Page>, mut new: Vec<Page>) -> Vec<(Option<Page>, Option<Page>)> {
    old.retain(|page| {
        let same = |other: &Page| (other.at, other.level) == (page.at, page.level);
        match new.iter().position(same) {
            Some(index) => {
                new.remove(index);
                false
            }
            None => true,
        }
    });
    let mut pairs = Vec::new();
    for page in old {
        let overlaps = |other: &Page| {
            let ((from, until), (other_from, other_until)) = (page.open, other.open);
            from <= other_until && other_from <= until
        };
        let other = new.iter().position(overlaps).map(|index| new.remove(index));
        pairs.push((Some(page), other));
    }
    pairs.extend(new.into_iter().map(|page| (None, Some(page))));
    pairs
}

#[derive(Debug, Serialize)]
struct Whole<'a> {
    from: String,
    until: String,
    stopped: bool,
    timezone: &'a str,
    changes: Vec<Row<'a>>,
    receivers: Vec<Receiver<'a>>,
    warnings: Vec<Doubt<'a>>,
}

#[derive(Debug, Serialize)]
struct Row<'a> {
    change: &'static str,
    alert: &'a str,
    series: &'a str,
    receiver: &'a str,
    before: Option<Shown>,
    after: Option<Shown>,
}

#[derive(Debug, Serialize)]
struct Shown {
    at: String,
    level: Level,
}

#[derive(Debug, Serialize)]
struct Receiver<'a> {
    receiver: &'a str,
    pages: [usize; 2],
    pages_at_night: [usize; 2],
    nights: [usize; 2],
}

/// Of each receiver, what it would have had before and after: pages, pages at
/// night, nights.
pub fn receivers<'a>(
    before: &'a Report<'_>,
    after: &'a Report<'_>,
) -> Vec<(&'a str, [[usize; 2]; 3])> {
    let names: BTreeSet<_> = before
        .receivers
        .keys()
        .chain(after.receivers.keys())
        .collect();
    let names = names.into_iter().map(|name| {
        let totals = [before, after].map(|report| report.receivers.get(name));
        let count = |of: fn(&super::totals::ReceiverTotal) -> usize| {
            totals.map(|total| total.map_or(0, of))
        };
        let counts = [
            count(|total| total.calls),
            count(|total| total.calls_at_night),
            count(|total| total.nights.len()),
        ];
        (&**name, counts)
    });
    names.collect()
}

/// What differs, as JSON. The warnings are those of `before`.
///
/// # Errors
/// As `serde_json`.
pub fn json(
    changes: &[Change],
    before: &Report<'_>,
    after: &Report<'_>,
) -> Result<String, serde_json::Error> {
    let receivers = receivers(before, after).into_iter();
    let receivers = receivers.map(|(receiver, [pages, pages_at_night, nights])| Receiver {
        receiver,
        pages,
        pages_at_night,
        nights,
    });
    serde_json::to_string_pretty(&Whole {
        from: before.span.from.rfc3339(),
        until: before.reached.rfc3339(),
        stopped: before.stopped(),
        timezone: before.zone.name(),
        changes: changes.iter().map(row).collect(),
        receivers: receivers.collect(),
        warnings: before.warnings.iter().map(doubt).collect(),
    })
}

fn row(change: &Change) -> Row<'_> {
    let shown = |page: &Page| Shown {
        at: page.at.rfc3339(),
        level: page.level,
    };
    Row {
        change: change.kind(),
        alert: &change.alert,
        series: &change.series,
        receiver: &change.receiver,
        before: change.before.as_ref().map(shown),
        after: change.after.as_ref().map(shown),
    }
}

/// What differs, as CSV: a line for each page.
pub fn csv(changes: &[Change]) -> String {
    let mut text =
        "change,alert,series,receiver,before,level before,after,level after\r\n".to_owned();
    for change in changes {
        let (alert, series, receiver) = (
            quoted(&change.alert),
            quoted(&change.series),
            quoted(&change.receiver),
        );
        let page = |page: &Option<Page>| match page {
            Some(page) => format!("{},{}", page.at, page.level),
            None => ",".to_owned(),
        };
        let (before, after) = (page(&change.before), page(&change.after));
        let kind = change.kind();
        let _ = write!(
            text,
            "{kind},{alert},{series},{receiver},{before},{after}\r\n"
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(at: i64, level: Level, open: (i64, i64)) -> Page {
        Page {
            at: Timestamp::from_secs(at),
            level,
            open: (Timestamp::from_secs(open.0), Timestamp::from_secs(open.1)),
        }
    }

    #[test]
    fn the_same_page_is_no_change() {
        let one = || vec![page(60, Level::Critical, (60, 120))];
        assert_eq!(paired(one(), one()), []);
        // whatever became of its incident later
        let longer = vec![page(60, Level::Critical, (60, 900))];
        assert_eq!(paired(one(), longer), []);
    }

    #[test]
    fn a_page_about_the_same_trouble_is_moved() {
        let old = page(60, Level::Warning, (60, 300));
        let new = page(180, Level::Warning, (180, 300));
        let moved = (Some(old.clone()), Some(new.clone()));
        assert_eq!(paired(vec![old], vec![new]), [moved]);
    }

    #[test]
    fn a_page_of_another_level_is_moved_too() {
        let old = page(60, Level::Warning, (60, 300));
        let new = page(60, Level::Critical, (60, 300));
        let moved = (Some(old.clone()), Some(new.clone()));
        assert_eq!(paired(vec![old], vec![new]), [moved]);
    }

    #[test]
    fn pages_about_other_troubles_are_lost_and_gained() {
        let old = page(60, Level::Critical, (60, 120));
        let new = page(900, Level::Critical, (900, 960));
        let expected = [(Some(old.clone()), None), (None, Some(new.clone()))];
        assert_eq!(paired(vec![old], vec![new]), expected);
    }
}
