//! What evaluations read of each series, to be drawn: no more of it than a
//! drawing has room for.

use std::collections::HashMap;
use std::sync::Arc;

use super::span::Span;
use crate::alert::{Group, Timestamp, Value};

/// Columns of a drawing.
pub const COLUMNS: usize = 720;

/// Series whose values are kept; those beyond are drawn without.
pub const MOST: usize = 2000;

/// The values that were read.
#[derive(Clone, Debug)]
pub struct Values {
    span: Span,
    series: HashMap<(Arc<str>, Arc<str>), Drawn>,
}

/// The values of one series.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The alert of its group that judges it.
    pub alert: usize,
    /// Of each column the least and the greatest value; NaN where there was none.
    pub columns: Box<[(f64, f64)]>,
}

impl Values {
    /// None yet.
    pub fn new(span: Span) -> Self {
        Self {
            span,
            series: HashMap::new(),
        }
    }

    /// What was read of a series.
    pub fn of(&self, alert: &Arc<str>, series: &Arc<str>) -> Option<&Drawn> {
        let key = (Arc::clone(alert), Arc::clone(series));
        self.series.get(&key)
    }

    /// Every series of which values are kept, by alert and name.
    pub fn names(&self) -> impl Iterator<Item = (&Arc<str>, &Arc<str>)> {
        let mut names: Vec<_> = self
            .series
            .keys()
            .map(|(alert, series)| (alert, series))
            .collect();
        names.sort();
        names.into_iter()
    }

    /// Whether there may be more series than these.
    pub fn is_full(&self) -> bool {
        self.series.len() >= MOST
    }

    /// Adds what alert `index` of `group` read of `legend` at `slot`.
    pub fn read(
        &mut self,
        (group, index): (&Group, usize),
        legend: &Arc<str>,
        slot: Timestamp,
        value: Option<Value>,
    ) {
        let key = (Arc::clone(&group.name), Arc::clone(legend));
        if self.series.len() >= MOST && !self.series.contains_key(&key) {
            return;
        }
        let span = self.span;
        let drawn = self.series.entry(key).or_insert_with(|| Drawn {
            alert: index,
            columns: vec![(f64::NAN, f64::NAN); columns(group, span)].into(),
        });
        // an earlier alert of the group claims it
        drawn.alert = drawn.alert.min(index);
        let column = span.column(slot, drawn.columns.len());
        let column = drawn.columns.get_mut(column);
        if let (Some((least, greatest)), Some(Value { value, .. })) = (column, value) {
            *least = least.min(value);
            *greatest = greatest.max(value);
        }
    }
}

/// Columns that `group` is drawn in: no more than it has evaluations, so that
/// each has a value.
fn columns(group: &Group, span: Span) -> usize {
    let most = u64::try_from(COLUMNS).unwrap_or(u64::MAX);
    let slots = group
        .schedule
        .count_between(span.from, span.until, most + 1);
    let columns = slots.saturating_sub(1).clamp(1, most);
    usize::try_from(columns).unwrap_or(COLUMNS)
}
