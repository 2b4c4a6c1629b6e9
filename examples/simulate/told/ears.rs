//! What was last heard of each incident: a few receivers' words, which are all
//! asked for together.

use std::collections::BTreeMap;
use std::sync::Arc;

use graphite_pager::alert::incident::IncidentId;

use super::{Heard, Who};

/// An address, a recipient there, and what was last heard.
pub(super) type Ear = (Arc<str>, Arc<str>, Heard);

/// The last words, by incident, address and recipient.
#[derive(Default)]
pub(super) struct Ears(BTreeMap<IncidentId, Vec<Ear>>);

impl Ears {
    /// What was heard of one incident.
    pub fn of(&self, id: IncidentId) -> &[Ear] {
        self.0.get(&id).map_or(&[], Vec::as_slice)
    }

    pub fn get(&self, (id, address, recipient): &Who) -> Option<&Heard> {
        find(self.of(*id), address, recipient)
    }

    pub fn get_mut(&mut self, (id, address, recipient): &Who) -> Option<&mut Heard> {
        let mut ears = self.0.get_mut(id)?.iter_mut();
        let ear = ears.find(|(there, who, _)| there == address && who == recipient);
        ear.map(|(.., heard)| heard)
    }

    /// Returns what was heard before.
    pub fn insert(&mut self, (id, address, recipient): Who, heard: Heard) -> Option<Heard> {
        let ears = self.0.entry(id).or_default();
        let name = (&address, &recipient);
        match ears.binary_search_by(|(there, who, _)| (there, who).cmp(&name)) {
            Ok(place) => Some(std::mem::replace(&mut ears[place].2, heard)),
            Err(place) => {
                ears.insert(place, (address, recipient, heard));
                None
            }
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (IncidentId, &Ear)> {
        let of_one = |(id, ears): (&IncidentId, _)| std::iter::repeat(*id).zip(ears);
        self.0.iter().flat_map(of_one)
    }

    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Ear> {
        self.0.values_mut().flatten()
    }

    pub fn retain(&mut self, mut keeps: impl FnMut(IncidentId, &Ear) -> bool) {
        self.0.retain(|id, ears| {
            ears.retain(|ear| keeps(*id, ear));
            !ears.is_empty()
        });
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }
}

/// What `recipient` heard, of what was heard of one incident.
pub(super) fn find<'a>(ears: &'a [Ear], address: &Arc<str>, who: &Arc<str>) -> Option<&'a Heard> {
    let mut ears = ears.iter();
    let ear = ears.find(|(there, other, _)| there == address && other == who);
    ear.map(|(.., heard)| heard)
}
