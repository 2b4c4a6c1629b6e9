//! Readings of the series that came back: who claims them, who leaves them
//! out, and what comes of a legend that comes more than once.

use std::sync::Arc;

use super::answer::Quiet;
use super::{Answer, Dropped, Pass, Reading, Seen, Why, badness, is_quiet};
use crate::alert::definition::{Alert, WithoutData};
use crate::alert::group::Life;
use crate::alert::lifecycle::{Asks, Place};
use crate::alert::roster::Id;

impl Pass<'_> {
    /// Judges what came back, piece by piece, and drops it.
    pub(super) fn answer(
        &mut self,
        life: &mut Life,
        (index, alert): (usize, &Alert),
        mut answer: Answer,
        earlier_failed: bool,
    ) {
        // first, whatever their order: of a legend that comes twice the worst counts
        if let Some(Quiet { roster, marks }) = answer.quiet.take() {
            for id in marks.iter() {
                let id = match &roster {
                    None => Some(id),
                    // one that was forgotten meanwhile is new with the next answer
                    Some(other) => life.series.find(other.name(id)),
                };
                if let Some(id) = id {
                    self.still_quiet(life, (index, alert), id, earlier_failed);
                }
            }
        }
        for piece in answer.into_pieces() {
            for seen in piece.series() {
                self.returned(life, (index, alert), seen, earlier_failed);
            }
        }
    }

    fn returned(
        &mut self,
        life: &mut Life,
        (index, alert): (usize, &Alert),
        seen: Seen<'_>,
        earlier_failed: bool,
    ) {
        let found = life.series.find(seen.legend);
        let known = found.map(|id| life.series.at(id));
        if let Some(known) = known
            && known.seen == life.pass
        {
            if usize::from(known.alert) == index {
                self.again(life, (index, alert), seen);
            } else {
                // claimed by an earlier alert; should all of them vanish, this one is
                // none that never matched anything
                self.claimed(life, (index, seen.target));
            }
            return;
        }
        if self.excluded.contains(seen.legend) {
            return;
        }
        let theirs = || known.is_some_and(|known| self.owner(known.source) == Some(index));
        if earlier_failed && !theirs() {
            // an earlier alert may claim it as soon as it is answered again
            if let Some(source) = known.map(|known| known.source) {
                self.is_there(life, seen.legend, source);
            }
            return;
        }
        match alert.exclude.excluded_by(seen.legend) {
            Some(pattern) => self.exclude(life, &Arc::from(seen.legend), pattern),
            None => self.judge(life, (index, alert), seen, found),
        }
    }

    /// A known series was returned, though nobody may judge it now: it is not
    /// missing, and should it be so again, that begins anew.
    fn is_there(&mut self, life: &mut Life, legend: &str, source: u16) {
        let alert = self.owner(source).and_then(|at| self.group.alerts.get(at));
        if alert.is_some_and(|alert| alert.exclude.excluded_by(legend).is_some()) {
            self.there.insert(Arc::from(legend));
        }
        // to change it, even to the same, may copy it
        let active = life.series.active(legend);
        if active.is_none_or(|active| active.missing.is_none()) {
            return;
        }
        if let Some(active) = life.series.changed_active(legend) {
            active.missing = None;
            self.out.touched.push(Arc::from(legend));
        }
    }

    /// A known series of the alert's only target, which reads quietly ok.
    fn still_quiet(
        &mut self,
        life: &mut Life,
        (index, alert): (usize, &Alert),
        id: Id,
        earlier_failed: bool,
    ) {
        let known = life.series.at(id);
        if known.seen == life.pass {
            self.claimed(life, (index, 0));
            return;
        }
        let legend = life.series.name(id);
        if self.excluded.contains(legend)
            || earlier_failed && self.owner(known.source) != Some(index)
        {
            return;
        }
        if let Some(pattern) = alert.exclude.excluded_by(legend) {
            let legend = life.series.shared(legend);
            self.exclude(life, &legend, pattern);
            return;
        }
        let (place, quiet) = self.claim(life, (index, alert), id, 0);
        if !quiet || self.all {
            self.push(Reading {
                legend: life.series.legend(id),
                alert: index,
                source: self.source(index, 0),
                asks: Asks::CountsAsOk,
                value: None,
                why: Why::Returned,
                place,
                twice: false,
                counts: counts(alert),
            });
        }
    }

    fn claimed(&self, life: &mut Life, (index, target): (usize, u16)) {
        let source = usize::from(self.source(index, target));
        if let Some(source) = life.head.sources.get_mut(source) {
            source.claimed = true;
        }
    }

    /// `found` is its place, if it is known.
    fn judge(
        &mut self,
        life: &mut Life,
        (index, alert): (usize, &Alert),
        seen: Seen<'_>,
        found: Option<Id>,
    ) {
        let id = found.unwrap_or_else(|| {
            self.out.known_changed = true;
            life.series.add(seen.legend, 0)
        });
        let (place, quiet) = self.claim(life, (index, alert), id, seen.target);
        let asks = alert.asks(seen.value);
        if is_quiet(&asks) && quiet && !self.all {
            return;
        }
        self.push(Reading {
            legend: life.series.legend(id),
            alert: index,
            source: self.source(index, seen.target),
            asks,
            value: seen.value,
            why: Why::Returned,
            place,
            twice: false,
            counts: counts(alert),
        });
    }

    /// Notes that the alert returned a series. Gives where its reading stands, and
    /// whether it is quietly ok so far.
    fn claim(
        &mut self,
        life: &mut Life,
        (index, alert): (usize, &Alert),
        id: Id,
        target: u16,
    ) -> (Place, bool) {
        let source = self.source(index, target);
        let mut place = life.place(source, self.slot);
        self.returned += 1;
        self.out.judged += usize::from(counts(alert));
        let known = life.series.at(id);
        let quiet = known.active.is_none();
        let back = known
            .active
            .is_some_and(|a| a.missing.is_some() || a.stands_in);
        if known.source != source {
            if let Some(before) = life.head.sources.get(usize::from(known.source)) {
                // what the new target answered before was not about this series
                place.answered = place.answered.min(before.answered);
            }
            life.series.set_source(id, source);
            self.out.known_changed = true;
        }
        let by = u16::try_from(index).unwrap_or(u16::MAX);
        life.series.mark(id, life.pass, by);
        if back {
            let legend = life.series.legend(id);
            if let Some(active) = life.series.changed_active(&legend) {
                active.missing = None;
                active.stands_in = false;
            }
            self.out.touched.push(legend);
        }
        (place, quiet)
    }

    /// A legend that this alert's answer held before: the worst of them counts.
    fn again(&mut self, life: &Life, (index, alert): (usize, &Alert), seen: Seen<'_>) {
        let asks = alert.asks(seen.value);
        let readings = &mut self.out.readings;
        let places = self.twice.get_or_insert_with(|| {
            let legends = readings.iter().enumerate();
            legends
                .map(|(place, reading)| (Arc::clone(&reading.legend), place))
                .collect()
        });
        let before = places
            .get(seen.legend)
            .and_then(|&place| readings.get_mut(place));
        if let Some(reading) = before {
            reading.twice = true;
            let open = life.series.active(seen.legend).and_then(|is| is.open);
            let held = open.and_then(|open| open.by_data).unwrap_or_default();
            if badness(&asks, held) > badness(&reading.asks, held) {
                reading.asks = asks;
                reading.value = seen.value;
            }
        } else if !is_quiet(&asks) && asks != Asks::Ignored {
            // the one before was quiet and left no reading
            let source = self.source(index, seen.target);
            self.push(Reading {
                legend: Arc::from(seen.legend),
                alert: index,
                source,
                asks,
                value: seen.value,
                why: Why::Returned,
                place: life.place(source, self.slot),
                twice: true,
                counts: counts(alert),
            });
        }
    }

    pub(super) fn exclude(&mut self, life: &Life, legend: &Arc<str>, pattern: &str) {
        self.excluded.insert(Arc::clone(legend));
        if life.series.find(legend).is_some() {
            self.out.known_changed = true;
            let reason = format!("is excluded now (`{pattern}`)");
            self.out.dropped.push(Dropped {
                legend: Arc::clone(legend),
                reason,
            });
        }
    }
}

/// Whether series of `alert` that are there count for silence in numbers.
fn counts(alert: &Alert) -> bool {
    matches!(alert.no_data, WithoutData::Level(_))
}
