//! Alerts of one name make a group: same schedule, same hours, different targets.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::alerts::Read;
use super::context::Context;
use super::problem::quote;
use super::spots::AlertSpots;
use crate::alert::{Alert, Group};

/// Groups `alerts` by name, in file order of their first alert, with the places
/// of each group's alerts; notes where those of a group don't fit.
pub fn of(context: &Context<'_>, alerts: Vec<Read>) -> (Vec<Arc<Group>>, Vec<Vec<AlertSpots>>) {
    let mut order: Vec<Vec<Read>> = Vec::new();
    let mut known: HashMap<Arc<str>, usize> = HashMap::new();
    for read in alerts {
        let at = *known
            .entry(Arc::clone(&read.alert.name))
            .or_insert(order.len());
        match order.get_mut(at) {
            Some(members) => {
                check(context, members, &read);
                members.push(read);
            }
            None => order.push(vec![read]),
        }
    }
    order.into_iter().filter_map(group).unzip()
}

/// The names of which no alert is enabled.
pub fn disabled(alerts: &[Read]) -> Vec<Arc<str>> {
    let enabled: HashSet<&str> = alerts
        .iter()
        .filter(|read| read.enabled)
        .map(|read| &*read.alert.name)
        .collect();
    let left = alerts.iter().map(|read| &read.alert.name);
    left.filter(|name| !enabled.contains(&***name))
        .map(Arc::clone)
        .collect()
}

fn group(members: Vec<Read>) -> Option<(Arc<Group>, Vec<AlertSpots>)> {
    let enabled: Vec<Read> = members.into_iter().filter(|read| read.enabled).collect();
    let times = enabled.first()?.times.clone();
    let parts = enabled.into_iter().map(|read| (read.alert, read.spots));
    let (mut alerts, spots): (Vec<Alert>, Vec<AlertSpots>) = parts.unzip();
    // kept for good, and mostly one
    alerts.shrink_to_fit();
    let name = Arc::clone(&alerts.first()?.name);
    let group = Group {
        name,
        alerts,
        schedule: times.schedule,
        active: times.active,
    };
    Some((Arc::new(group), spots))
}

fn check(context: &Context<'_>, members: &[Read], read: &Read) {
    let name = quote(&read.alert.name);
    let Some(first) = members.first() else { return };
    if let Some((keys, place)) = read.times.differs(&first.times) {
        let message = format!(
            "{keys} of alert {name} differs from that of the alert of the same name at {}",
            context.show(first.spots.alert.place)
        );
        let hint = "alerts of one name are evaluated together: give both the same, or give this one another name";
        context.error(place, message, hint);
    }
    let same = members
        .iter()
        .find(|member| same_targets(&member.alert, &read.alert));
    let Some(same) = same else { return };
    let used = [
        context.used_at(read.spots.alert.place),
        context.used_at(same.spots.alert.place),
    ];
    let paths =
        [read.spots.alert.place, same.spots.alert.place].map(|place| context.path_of(place));
    if let ([Some(here), Some(first)], true) = (used, paths[0] == paths[1]) {
        let message = format!(
            "{} is used twice for the same targets, here and at {}",
            paths[0].display(),
            context.show(first)
        );
        let hint = "take one of the two out; a second use wants targets of its own, such as another `prefix`";
        context.error(here, message, hint);
    } else {
        let message = format!(
            "alert {name} is a duplicate: one with the same name and target is at {}",
            context.show(same.spots.alert.place)
        );
        let hint = match used[0] {
            Some(_) => {
                "what is used leaves an alert out with `disable: [NAME]`; or take the other one out"
            }
            None => {
                "give this one another name or target, or take it out; the first of a name judges every series that both match"
            }
        };
        context.error(used[0].unwrap_or(read.spots.alert.place), message, hint);
    }
}

fn same_targets(one: &Alert, other: &Alert) -> bool {
    one.targets.len() == other.targets.len()
        && one
            .targets
            .iter()
            .all(|target| other.targets.contains(target))
}
