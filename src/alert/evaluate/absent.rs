//! Readings for what did not come back: series that are gone, targets that
//! match nothing, answers with too few series.

use std::sync::Arc;
use std::time::Duration;

use super::{Came, Dropped, Pass, Reading, TOO_FEW, Why, without};
use crate::alert::definition::{Alert, WithoutData};
use crate::alert::duration;
use crate::alert::group::Life;
use crate::alert::lifecycle::{Asks, Missing, Place};
use crate::alert::roster::Known;

impl Pass<'_> {
    /// Readings for what an answer lacks as a whole.
    pub(super) fn stand_ins(
        &mut self,
        life: &mut Life,
        (index, alert): (usize, &Alert),
        came: &Came,
    ) {
        if came.empty && !self.knows_any(life, index) {
            let name = alert.name_of_targets();
            self.stand_in(life, (index, alert), &name, Why::NothingMatched);
        }
        let Some((wanted, found)) = alert.min_series.zip(came.found) else {
            return;
        };
        if found < wanted {
            let why = Why::TooFew { found, wanted };
            self.stand_in(life, (index, alert), TOO_FEW, why);
        }
    }

    /// Whether series of the alert are known; those that earlier alerts claimed
    /// count as its own for as long as these know any.
    fn knows_any(&self, life: &Life, index: usize) -> bool {
        let sources = self.sources.get(index).into_iter().flatten();
        let claimed = sources
            .filter_map(|source| life.head.sources.get(usize::from(*source)))
            .any(|source| source.claimed);
        let mine = |known: Known<'_>| {
            let owner = self.owner(known.source);
            !known.active.is_some_and(|active| active.stands_in)
                && (owner == Some(index) || claimed && owner.is_some_and(|owner| owner < index))
        };
        life.series.iter().any(|(_, known)| mine(known))
    }

    fn stand_in(&mut self, life: &mut Life, (index, alert): (usize, &Alert), name: &str, why: Why) {
        let source = self.source(index, 0);
        let place = life.place(source, self.slot);
        let legend: Arc<str> = Arc::from(name);
        let asks = without(alert.no_data, false);
        let idle = matches!(asks, Asks::CountsAsOk | Asks::Ignored);
        if idle && !self.all && life.series.find(&legend).is_none() {
            return;
        }
        let before = life.series.len();
        let id = life.series.add(&legend, 0);
        self.out.known_changed |= life.series.len() != before;
        let known = life.series.at(id);
        if known.seen == life.pass {
            return;
        }
        let (alert_before, source_before) = (known.alert, known.source);
        life.series.mark(id, life.pass, alert_before);
        let active = life.series.active_mut(&legend);
        let stood_in = active.is_none_or(|active| std::mem::replace(&mut active.stands_in, true));
        // a start must find the alert that it stands for
        self.out.known_changed |= !stood_in || source_before != source;
        life.series.set_source(id, source);
        self.returned += 1;
        let counts = why == Why::NothingMatched && matches!(alert.no_data, WithoutData::Level(_));
        self.out.judged += usize::from(counts);
        let twice = false;
        let value = None;
        self.push(Reading {
            legend,
            alert: index,
            source,
            asks,
            value,
            why,
            place,
            twice,
            counts,
        });
    }

    /// Readings for the known series that no alert returned.
    pub(super) fn not_returned(&mut self, life: &mut Life, answers: &[Option<Came>]) {
        if self.returned == life.series.len() {
            return;
        }
        let pass = life.pass;
        let mut gone: Vec<Arc<str>> = life
            .series
            .iter()
            .filter(|(legend, known)| known.seen != pass && !self.excluded.contains(*legend))
            .map(|(legend, _)| life.series.shared(legend))
            .collect();
        // a map has no order, and the same slot must give the same result
        gone.sort_unstable();
        for legend in gone {
            self.gone(life, &legend, answers);
        }
    }

    fn gone(&mut self, life: &mut Life, legend: &Arc<str>, answers: &[Option<Came>]) {
        let head = (life.head.answers, life.head.answered_ms);
        let Some(known) = life.series.get(legend) else {
            return;
        };
        let source = known.source;
        let place = life.place(source, self.slot);
        let owner = self.owner(source);
        let group = self.group;
        let alert = owner.and_then(|index| group.alerts.get(index));
        if known.active.is_some_and(|active| active.stands_in) {
            if self.nobody_calls_for(legend, answers) {
                let (asks, why) = (Asks::CountsAsOk, Why::NoLongerCalledFor);
                self.push_gone(legend, (owner, source), asks, why, place, false);
            }
            return;
        }
        // to leave out what nobody returned needs no answer of other alerts
        let answered = owner.is_some_and(|index| matches!(answers.get(index), Some(Some(_))));
        if answered
            && !self.there.contains(legend)
            && let Some(pattern) = alert.and_then(|alert| alert.exclude.excluded_by(legend))
        {
            self.exclude(life, legend, pattern);
            return;
        }
        if !self.complete {
            // nothing vanishes now, but for its own alert this was a slot without
            // data: its target counts as answered
            let lasts = known.active.is_some_and(|is| is.last_data.is_none());
            if answered
                && lasts
                && let Some(active) = life.series.changed_active(legend)
            {
                active.last_data = Some(place.answered);
                self.out.touched.push(Arc::clone(legend));
            }
            return;
        }
        let (missing, missing_for, forget_after) = match (alert, group.alerts.first()) {
            (Some(alert), _) => (alert.missing, alert.missing_for, Some(alert.forget_after)),
            (None, Some(first)) => (first.missing, first.missing_for, None),
            (None, None) => return,
        };
        let Some(active) = life.series.active_mut(legend) else {
            return;
        };
        let missing_since = &mut active.missing;
        if missing_since.is_none() {
            self.out.touched.push(Arc::clone(legend));
        }
        let since = *missing_since.get_or_insert(Missing {
            answers: head.0,
            answered_ms: head.1,
        });
        let further = head.0.saturating_sub(since.answers);
        let absent = Duration::from_millis(head.1.saturating_sub(since.answered_ms));
        let forgotten = match forget_after {
            Some(after) => further >= 1 && absent >= missing_for.saturating_add(after),
            None => absent >= missing_for,
        };
        if forgotten {
            self.out.known_changed = true;
            let reason = match alert {
                Some(_) => format!(
                    "has been gone for {} and is forgotten",
                    duration::rough(absent)
                ),
                None => "its target left the configuration, so it is forgotten".to_owned(),
            };
            self.out.dropped.push(Dropped {
                legend: Arc::clone(legend),
                reason,
            });
            return;
        }
        let reads = alert.is_some() && absent >= missing_for;
        let asks = if reads {
            without(missing, true)
        } else {
            Asks::Ignored
        };
        let counts = alert.is_some() && matches!(missing, WithoutData::Level(_));
        self.out.judged += usize::from(counts);
        self.push_gone(legend, (owner, source), asks, Why::Gone, place, counts);
    }

    /// Whether each alert that a stand-in may stand for was answered, at least
    /// one: what an outage hides is not over.
    fn nobody_calls_for(&self, name: &str, answers: &[Option<Came>]) -> bool {
        let may_call = |alert: &Alert| match name {
            TOO_FEW => alert.min_series.is_some(),
            _ => alert.name_of_targets() == name,
        };
        let alerts = || self.group.alerts.iter().zip(answers);
        let answered =
            |(alert, answer): (&Alert, &Option<Came>)| answer.is_some() || !may_call(alert);
        alerts().any(|(_, answer)| answer.is_some()) && alerts().all(answered)
    }

    fn push_gone(
        &mut self,
        legend: &Arc<str>,
        (owner, source): (Option<usize>, u16),
        asks: Asks,
        why: Why,
        place: Place,
        counts: bool,
    ) {
        self.push(Reading {
            legend: Arc::clone(legend),
            alert: owner.unwrap_or(0),
            source,
            asks,
            value: None,
            why,
            place,
            twice: false,
            counts,
        });
    }
}
