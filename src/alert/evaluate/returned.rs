//! Readings of the series that came back: who claims them, who leaves them
//! out, and what comes of a legend that comes more than once.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{Answer, Dropped, Pass, Reading, Seen, Why, badness, is_quiet};
use crate::alert::definition::{Alert, WithoutData};
use crate::alert::group::{Known, Life};
use crate::alert::lifecycle::Asks;

impl Pass<'_> {
    pub(super) fn answer(
        &mut self,
        life: &mut Life,
        (index, alert): (usize, &Alert),
        answer: &Answer,
        earlier_failed: bool,
    ) {
        for seen in &answer.series {
            let known = life.series.get(&seen.legend);
            match known.filter(|known| known.seen == life.pass) {
                Some(known) if usize::from(known.alert) == index => {
                    self.again(life, (index, alert), seen);
                    continue;
                }
                // claimed by an earlier alert; should all of them vanish, this one is
                // none that never matched anything
                Some(_) => {
                    self.claimed(life, (index, seen.target));
                    continue;
                }
                None => {}
            }
            if self.excluded.contains(&seen.legend) {
                continue;
            }
            let theirs = known.is_some_and(|known| self.owner(known.source) == Some(index));
            if earlier_failed && !theirs {
                // an earlier alert may claim it as soon as it is answered again
                continue;
            }
            match alert.exclude.excluded_by(&seen.legend) {
                Some(pattern) => self.exclude(life, &seen.legend, pattern),
                None => self.judge(life, (index, alert), seen),
            }
        }
    }

    fn claimed(&self, life: &mut Life, (index, target): (usize, u16)) {
        let source = usize::from(self.source(index, target));
        if let Some(source) = life.head.sources.get_mut(source) {
            source.claimed = true;
        }
    }

    fn judge(&mut self, life: &mut Life, (index, alert): (usize, &Alert), seen: &Seen) {
        let source = self.source(index, seen.target);
        let mut place = life.place(source, self.slot);
        let pass = life.pass;
        self.returned += 1;
        // the name that is known already, so that the answer's can go
        let (legend, known) = match life.series.entry(Arc::clone(&seen.legend)) {
            Entry::Occupied(entry) => (Arc::clone(entry.key()), entry.into_mut()),
            Entry::Vacant(entry) => {
                self.out.known_changed = true;
                (Arc::clone(entry.key()), entry.insert(Known::default()))
            }
        };
        if known.source != source {
            if let Some(before) = life.head.sources.get(usize::from(known.source)) {
                // what the new target answered before was not about this series
                place.answered = place.answered.min(before.answered);
            }
            known.source = source;
            self.out.known_changed = true;
        }
        known.seen = pass;
        known.alert = u16::try_from(index).unwrap_or(u16::MAX);
        if let Some(active) = &mut known.active
            && (active.missing.is_some() || active.stands_in)
        {
            let active = Arc::make_mut(active);
            active.missing = None;
            active.stands_in = false;
            self.out.touched.push(Arc::clone(&legend));
        }
        let asks = alert.asks(seen.value);
        let counts = matches!(alert.no_data, WithoutData::Level(_));
        self.out.judged += usize::from(counts);
        if is_quiet(&asks) && known.active.is_none() && !self.all {
            return;
        }
        self.push(Reading {
            legend,
            alert: index,
            source,
            asks,
            value: seen.value,
            why: Why::Returned,
            place,
            twice: false,
            counts,
        });
    }

    /// A legend that this alert's answer held before: the worst of them counts.
    fn again(&mut self, life: &Life, (index, alert): (usize, &Alert), seen: &Seen) {
        let asks = alert.asks(seen.value);
        let readings = &mut self.out.readings;
        let places = self.twice.get_or_insert_with(|| {
            let legends = readings.iter().enumerate();
            legends
                .map(|(place, reading)| (Arc::clone(&reading.legend), place))
                .collect()
        });
        let before = places
            .get(&seen.legend)
            .and_then(|&place| readings.get_mut(place));
        if let Some(reading) = before {
            reading.twice = true;
            let known = life.series.get(&seen.legend);
            let open = known.and_then(|known| known.active.as_ref()?.open);
            let held = open.and_then(|open| open.by_data).unwrap_or_default();
            if badness(&asks, held) > badness(&reading.asks, held) {
                reading.asks = asks;
                reading.value = seen.value;
            }
        } else if !is_quiet(&asks) && asks != Asks::Ignored {
            // the one before was quiet and left no reading
            let source = self.source(index, seen.target);
            self.push(Reading {
                legend: Arc::clone(&seen.legend),
                alert: index,
                source,
                asks,
                value: seen.value,
                why: Why::Returned,
                place: life.place(source, self.slot),
                twice: true,
                counts: matches!(alert.no_data, WithoutData::Level(_)),
            });
        }
    }

    pub(super) fn exclude(&mut self, life: &Life, legend: &Arc<str>, pattern: &str) {
        self.excluded.insert(Arc::clone(legend));
        if life.series.contains_key(legend) {
            self.out.known_changed = true;
            let reason = format!("is excluded now (`{pattern}`)");
            self.out.dropped.push(Dropped {
                legend: Arc::clone(legend),
                reason,
            });
        }
    }
}
