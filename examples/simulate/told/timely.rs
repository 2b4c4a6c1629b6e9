//! Whether it is time to tell it: hours, `after`, `repeat`, `Retry-After`.

use std::sync::Arc;

use graphite_pager::alert::delivery::Tell;
use graphite_pager::alert::incident::{Incident, Subject};
use graphite_pager::alert::world::World;
use graphite_pager::alert::{Levels, Timestamp};

use super::{Known, MINUTE, Sending, Told, Verdict};

/// When something is told.
#[derive(Clone, Copy, Debug)]
pub struct Time {
    /// Milliseconds since the start of the day.
    pub now: i64,
    pub wall: Timestamp,
    /// The clock was set on this day: spans by the wall are what they are.
    pub clock_was_set: bool,
}

impl Told {
    /// An address asked to be told nothing before this; a start forgets that.
    pub fn leave_alone(&mut self, address: &Arc<str>, until: i64) {
        self.left_alone.insert(Arc::clone(address), until);
    }

    /// Is it time for what is about to be told?
    pub fn timely(
        &self,
        sending: &Sending,
        incident: &Incident,
        world: &World,
        time: Time,
    ) -> Verdict {
        let early = if self.is_left_alone(sending, time) {
            "told in spite of Retry-After"
        } else if sending.word() != "open" {
            return Ok(());
        } else if is_off(incident, world, time.wall) {
            "told outside its hours"
        } else if self.is_before_after(sending, incident, time) {
            "told before its `after` is over"
        } else if self.is_reminded_early(sending, time) {
            "reminded before its `repeat` is over"
        } else {
            return Ok(());
        };
        let (alert, series) = (&sending.message.alert, &sending.message.series);
        let words = format!(
            "{:?} of {alert} {series} to {}",
            sending.job.tell, sending.address
        );
        Err((early, words))
    }

    fn is_left_alone(&self, sending: &Sending, time: Time) -> bool {
        let until = self.left_alone.get(&sending.address);
        until.is_some_and(|until| time.now < *until) && !time.clock_was_set
    }

    fn is_before_after(&self, sending: &Sending, incident: &Incident, time: Time) -> bool {
        let policy = &sending.policy;
        let watched = self.watched.get(&incident.id).into_iter();
        let mut listening = watched.flat_map(|watched| &watched.listening);
        let listens = listening.find(|(name, _)| *name == policy.name);
        let listens = listens.map_or(0, |(_, since)| time.now - since);
        // one who joins late is as late as the incident is old; whoever listens to
        // all levels does so from its first slot, however late that was judged
        let begun = match policy.levels == Levels::ALL {
            true => incident.started,
            false => incident.changed,
        };
        let stands = millis(time.wall.since(begun));
        // it counts from the slot, which was asked for up to half a minute later,
        // and was seen up to a minute and a tick after that
        let early = listens.max(stands) + 3 * MINUTE < millis(policy.after);
        let series = incident.subject == Subject::Series;
        sending.job.tell == Tell::New && series && early && !time.clock_was_set
    }

    fn is_reminded_early(&self, sending: &Sending, time: Time) -> bool {
        let job = &sending.job;
        let Some(repeat) = sending.policy.repeat.filter(|_| job.tell == Tell::Reminder) else {
            return false;
        };
        let early = |recipient: &Arc<str>| {
            let heard = self.heard.get(&super::who(sending, recipient));
            heard.is_some_and(|heard| {
                heard.known != Known::Unsure && time.now - heard.at < millis(repeat)
            })
        };
        let knows = !time.clock_was_set && !self.confused.contains(&sending.address);
        knows && job.recipients.iter().any(early)
    }
}

fn is_off(incident: &Incident, world: &World, wall: Timestamp) -> bool {
    let mut groups = world.setup().groups.iter();
    let group = groups.find(|group| group.name == incident.group);
    let hours = group.and_then(|group| group.active.as_ref());
    hours.is_some_and(|hours| !hours.covers(wall))
}

pub(super) fn millis(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}
