//! Which alerts and which of their thresholds no test reached: nothing was
//! judged by it; no incident of it came to the level.

use std::collections::HashMap;
use std::sync::Arc;

use crate::alert::world::World;
use crate::alert::{Alert, Group, Level};
use crate::config::Config;
use crate::play::{Happened, What};

/// What tests reached, by the place of each alert's definition.
#[derive(Debug, Default)]
pub struct Coverage {
    /// In the order in which they were met.
    reached: Vec<Reached>,
    /// Where each place stands in it.
    places: HashMap<Arc<str>, usize>,
}

/// What tests reached of one alert.
#[derive(Clone, Debug)]
pub struct Reached {
    /// Where it is defined: `alerts/web.yml:12`.
    pub place: Arc<str>,
    /// Its name.
    pub alert: Arc<str>,
    /// Whether a series was judged by it.
    pub judged: bool,
    /// Whether an incident came to its `warning`; `None`: it has none.
    pub warning: Option<bool>,
    /// Whether an incident came to its `critical`; `None`: it has none.
    pub critical: Option<bool>,
}

impl Reached {
    fn new(alert: &Alert) -> Self {
        Self {
            place: Arc::clone(&alert.place),
            alert: Arc::clone(&alert.name),
            judged: false,
            warning: alert.warning.is_some().then_some(false),
            critical: alert.critical.is_some().then_some(false),
        }
    }

    /// What no test reached, in words; nothing: all of it was reached.
    pub fn lacks(&self) -> Vec<&'static str> {
        if !self.judged {
            return vec!["no test judges a series by it"];
        }
        let levels = [
            (self.warning, "no test reaches `warning`"),
            (self.critical, "no test reaches `critical`"),
        ];
        let lacks = levels
            .into_iter()
            .filter(|(reached, _)| *reached == Some(false));
        lacks.map(|(_, words)| words).collect()
    }
}

impl Coverage {
    /// Counts the alerts of `config` among those that should be reached.
    pub fn expect(&mut self, config: &Config) {
        for alert in config.groups.iter().flat_map(|group| &group.alerts) {
            if !self.places.contains_key(&alert.place) {
                self.places
                    .insert(Arc::clone(&alert.place), self.reached.len());
                self.reached.push(Reached::new(alert));
            }
        }
    }

    /// Takes note of what an evaluation of `group` did.
    pub fn saw(&mut self, world: &World, group: Option<&Arc<Group>>, happened: &[Happened]) {
        let Some(group) = group else { return };
        let Some(life) = world.life(&group.name) else {
            return;
        };
        let judged = life.series.iter().map(|(_, known)| known);
        for known in judged.filter(|known| known.seen == life.pass) {
            let alert = group.alerts.get(usize::from(known.alert));
            let stands_in = known.active.as_ref().is_some_and(|active| active.stands_in);
            if let (Some(alert), false) = (alert, stands_in)
                && let Some(reached) = self.of(alert)
            {
                reached.judged = true;
            }
        }
        for Happened { what, .. } in happened {
            let What::Turned(turned) = what else { continue };
            let known = life.series.get(&turned.series);
            let known = known.filter(|_| turned.alert == group.name);
            let open = known.and_then(|known| known.active.as_ref()?.open);
            let by_data = open.is_some_and(|open| !open.by_want);
            let alert = known.and_then(|known| group.alerts.get(usize::from(known.alert)));
            if let (Some(alert), true) = (alert, by_data)
                && let Some(reached) = self.of(alert)
            {
                let level = match turned.to {
                    Level::Warning => &mut reached.warning,
                    Level::Critical => &mut reached.critical,
                    Level::Ok | Level::NoData => continue,
                };
                *level = level.map(|_| true);
            }
        }
    }

    fn of(&mut self, alert: &Alert) -> Option<&mut Reached> {
        let index = self.places.get(&alert.place)?;
        self.reached.get_mut(*index)
    }

    /// All alerts, those of one file in its order.
    pub fn alerts(&self) -> &[Reached] {
        &self.reached
    }
}
