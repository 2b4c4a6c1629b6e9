//! What YAML repeats: anchors, aliases and merge keys.
//!
//! An alias shares the node that it repeats, so it costs nothing here; what it
//! would cost to walk is counted, and the depth that it adds.

use std::rc::Rc;

use serde_yaml::granit_parser::Span;

use super::mask;
use super::problem::{Place, quote};
use super::tree::{
    Composer, DEEPEST, Entry, Frame, Key, Kind, MOST_VALUES, Node, Open, OpenMap, Stop,
};

impl Composer<'_, '_> {
    pub(super) fn unresolved(&mut self, name: &str, span: &Span) -> Result<(), Stop> {
        // `password: *word` may be a secret that wants quotes
        let name = if self.hide_token(span) {
            "of this name".to_owned()
        } else {
            quote(name)
        };
        let hint = "mark the value to repeat with `&`, before this line and in this file; text that begins with `*` needs quotes";
        self.context.error(
            self.place(span),
            format!("there is no anchor {name} to repeat"),
            hint,
        );
        if self.expects_key() {
            self.set_key(Key::Unusable);
            return Ok(());
        }
        let mut node = self.scalar("", false, span);
        if let Kind::Scalar(scalar) = &mut node.kind {
            scalar.broken = true;
        }
        self.add(Rc::new(node), 0)
    }

    /// Hides a tag, an anchor or an alias that stands where a secret may have been meant.
    pub(super) fn hide_token(&self, span: &Span) -> bool {
        let key = match self.stack.last() {
            Some(Frame {
                open: Open::Map(map),
                ..
            }) => match (&map.key, map.entries.last()) {
                (Some(Key::Text(key, _)), _) => Some(key),
                (Some(Key::Merge(_) | Key::Unusable), _) => None,
                // an anchor is told after its scalar
                (None, last) => last.map(|entry| &entry.key),
            },
            _ => None,
        };
        let secret = key.is_some_and(|key| !mask::is_open(key));
        if let Some(range) = span.byte_range().filter(|_| secret) {
            self.context.hide_range(self.file, range);
        }
        secret
    }

    pub(super) fn alias(&mut self, anchor: usize, span: &Span) -> Result<(), Stop> {
        let place = self.place(span);
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            self.context.error(
                place,
                "this alias repeats the value that it stands in",
                "repeat a value that is complete before this line",
            );
            return Err(Stop);
        };
        if self.expects_key() {
            match &node.kind {
                Kind::Scalar(scalar) => self.set_key(Key::Text(scalar.text.as_str().into(), place)),
                _ => {
                    self.context.error(
                        place,
                        "a key must be text, found a list or a map",
                        "write `key: value`",
                    );
                    self.set_key(Key::Unusable);
                }
            }
            return Ok(());
        }
        self.count(node.weight, place)?;
        if self.stack.len() + node.height > DEEPEST {
            self.context.error(
                place,
                format!("aliases nest deeper than {DEEPEST} levels"),
                "a configuration needs fewer than ten",
            );
            return Err(Stop);
        }
        self.add(node, 0)
    }

    pub(super) fn count(&mut self, more: usize, place: Place) -> Result<(), Stop> {
        self.repeated = self.repeated.saturating_add(more);
        if self.repeated > MOST_VALUES {
            let message = format!("aliases repeat more than {MOST_VALUES} values");
            self.context.error(
                place,
                message,
                "an alias of aliases grows without bound: write out what you need",
            );
            return Err(Stop);
        }
        Ok(())
    }

    pub(super) fn remember(&mut self, anchor: usize, node: impl FnOnce() -> Rc<Node>) {
        if anchor != 0 && anchor != usize::MAX {
            self.anchors.insert(anchor, node());
        }
    }

    pub(super) fn merge_from(&mut self, node: Rc<Node>, place: Place) {
        let maps = match &node.kind {
            Kind::Map(_) => vec![node],
            Kind::List(items) if items.iter().all(|item| matches!(item.kind, Kind::Map(_))) => {
                items.clone()
            }
            _ => {
                self.context.error(
                    place,
                    "`<<` takes a map, or a list of maps",
                    "write `<<: *name`, where `&name` marks a map",
                );
                return;
            }
        };
        if let Some(Frame {
            open: Open::Map(map),
            ..
        }) = self.stack.last_mut()
        {
            map.merges = maps;
        }
    }

    /// The map's own entries, then those of merged maps that it has not, earlier maps first.
    pub(super) fn merge(&mut self, map: OpenMap) -> Result<Vec<Entry>, Stop> {
        let OpenMap {
            mut entries,
            mut known,
            merges,
            ..
        } = map;
        for merged in merges {
            let Kind::Map(inherited) = &merged.kind else {
                continue;
            };
            self.count(inherited.len(), merged.place)?;
            for entry in inherited {
                if !known.contains_key(&entry.key) {
                    known.insert(Rc::clone(&entry.key), entries.len());
                    entries.push(entry.clone());
                }
            }
        }
        Ok(entries)
    }
}
