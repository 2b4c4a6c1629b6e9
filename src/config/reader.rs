//! Typed access to a tree that collects problems instead of stopping.
//!
//! A getter returns `None` where the key is absent, and where its value is of
//! no use; in the second case the problem has been noted, so callers go on with
//! a default. "Is it given at all" is `has`. A value that came from outside
//! (`${...}`) is never quoted.

use super::code::{Allow, Code};
use super::context::Context;
use super::mask;
use super::problem::{Place, quote};
use super::scalar::{Text, broken, kind, text, truth};
use super::spots::Spot;
use super::suggest;
use super::tree::{Entry, Kind, Node};

/// A map with a name for messages, and perhaps one that it inherits from.
pub struct Map<'a> {
    /// Where problems go.
    pub context: &'a Context<'a>,
    /// What it is called: "alert `Load`", "`graphite`".
    pub what: String,
    /// Where it begins.
    pub place: Place,
    own: &'a [Entry],
    inherited: &'a [Entry],
    allow: Allow,
}

impl<'a> Map<'a> {
    /// Takes `node` as a map called `what`; anything else is a problem.
    pub fn of(context: &'a Context<'a>, node: &'a Node, what: impl Into<String>) -> Option<Self> {
        Self::of_or(context, node, what, "write `key: value`, one key a line")
    }

    /// The same, with a hint of its own for what is no map.
    pub fn of_or(
        context: &'a Context<'a>,
        node: &'a Node,
        what: impl Into<String>,
        hint: &'static str,
    ) -> Option<Self> {
        let what = what.into();
        match &node.kind {
            Kind::Map(entries) => Some(Self {
                context,
                what,
                place: node.place,
                own: entries,
                inherited: &[],
                allow: Allow::default(),
            }),
            _ if broken(node) => None,
            _ => {
                context.error(
                    node.place,
                    format!("{what}: expected a map, found {}", kind(node)),
                    hint,
                );
                None
            }
        }
    }

    /// The top level, put together from several files.
    pub fn top(context: &'a Context<'a>, entries: &'a [Entry], place: Place) -> Self {
        Self {
            context,
            what: String::new(),
            place,
            own: entries,
            inherited: &[],
            allow: Allow::default(),
        }
    }

    /// The same map by another name.
    pub fn called(self, what: String) -> Self {
        Self { what, ..self }
    }

    /// The same map, which takes from `defaults` what it has not itself.
    pub fn inheriting(mut self, defaults: Option<&Map<'a>>) -> Self {
        if let Some(defaults) = defaults {
            self.inherited = defaults.own;
        }
        self
    }

    /// The same map, which allows the warnings that its own `allow` names, and
    /// those that are allowed `around` it.
    pub fn allowing(mut self, around: Option<&Allow>) -> Self {
        let own = match self.owns("allow") {
            true => Allow::read(&self),
            false => Allow::default(),
        };
        self.allow = around.map_or_else(|| own.clone(), |around| own.and(around));
        self
    }

    /// The same map, a part of `around`: what is allowed there is allowed here.
    pub fn within(mut self, around: &Map<'_>) -> Self {
        self.allow = self.allow.and(&around.allow);
        self
    }

    /// The warnings that are allowed here.
    pub fn allow(&self) -> &Allow {
        &self.allow
    }

    /// Where it begins, and what is allowed there.
    pub fn spot(&self) -> Spot {
        Spot {
            place: self.place,
            allow: self.allow.clone(),
        }
    }

    /// Notes a warning, unless it is allowed here.
    pub fn warn(
        &self,
        code: Code,
        place: Place,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        if !self.allow.has(code) {
            self.context.warn(code, place, message, hint);
        }
    }

    /// Reports every key that is not in `known`.
    pub fn only(&self, known: &[&str]) {
        for entry in self.own.iter().take_while(|_| !self.context.full()) {
            if !known.contains(&&*entry.key) {
                let hint = suggest::hint(&entry.key, known.iter().copied(), "keys");
                let key = mask::key(&entry.key, entry.value.is_null());
                self.context.error(
                    entry.place,
                    format!("unknown key {key} in {}", self.what),
                    hint,
                );
            }
        }
    }

    /// The keys that are its own, with their values, in file order.
    pub fn entries(&self) -> &'a [Entry] {
        self.own
    }

    /// Says whether `key` is its own and has a value.
    pub fn owns(&self, key: &str) -> bool {
        find(self.own, key).is_some()
    }

    /// Says whether `key` has a value, its own or inherited.
    pub fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    /// The key and its value; a key with nothing after it counts as absent.
    pub fn entry(&self, key: &str) -> Option<&'a Entry> {
        find(self.own, key).or_else(|| find(self.inherited, key))
    }

    /// Which of several keys that exclude each other is in force, its own before inherited ones.
    pub fn either(&self, keys: &[&str]) -> Option<&'a Entry> {
        let first = |entries: &'a [Entry]| keys.iter().find_map(|key| find(entries, key));
        first(self.own).or_else(|| first(self.inherited))
    }

    /// "`every` of alert `Load`", or of what it inherits the key from.
    pub fn name(&self, key: &str) -> String {
        if self.what.is_empty() {
            format!("`{key}`")
        } else if !self.inherited.is_empty() && !self.owns(key) && self.has(key) {
            format!("`{key}` of `defaults`")
        } else {
            format!("`{key}` of {}", self.what)
        }
    }

    /// The value of `key` as text.
    pub fn text(&self, key: &str) -> Option<Text<'a>> {
        self.entry(key)
            .and_then(|entry| text(self.context, &entry.value, &self.name(key), "text"))
    }

    /// The value of `key` as text that must not be empty.
    pub fn filled(&self, key: &str) -> Option<Text<'a>> {
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.context.error(
                text.place,
                format!("{} is empty", self.name(key)),
                "give it a value, or take the key out",
            );
            return None;
        }
        Some(text)
    }

    /// The value of `key`, read by `parse`; what it says is the message.
    pub fn parsed<T>(
        &self,
        key: &str,
        expected: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let entry = self.entry(key)?;
        let text = text(self.context, &entry.value, &self.name(key), expected)?;
        self.understood(key, text, expected, parse(text.value))
    }

    /// Reports `result`'s error as that of `text`, the value of `key`.
    pub fn understood<T>(
        &self,
        key: &str,
        text: Text<'_>,
        expected: &str,
        result: Result<T, String>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(_) if text.replaced() => {
                let message = format!(
                    "{}: the value of {} is not {expected}",
                    self.name(key),
                    text.quoted()
                );
                self.context
                    .error(text.place, message, self.context.advice_on_outside());
                None
            }
            Err(why) => {
                let (message, mut hint) = split_advice(&why);
                if hint.is_empty() {
                    hint = format!("write {expected}");
                }
                self.context
                    .error(text.place, format!("{}: {message}", self.name(key)), hint);
                None
            }
        }
    }

    /// The value of `key` as true or false.
    pub fn truth(&self, key: &str) -> Option<bool> {
        let entry = self.entry(key)?;
        truth(self.context, &entry.value, &self.name(key))
    }

    /// The value of `key` as a whole number of at least `least`.
    pub fn whole(&self, key: &str, least: usize) -> Option<usize> {
        let expected = format!("a whole number of at least {least}");
        self.parsed(key, &expected, |text| match text.trim().parse::<usize>() {
            Ok(number) if number >= least => Ok(number),
            _ => Err(format!("expected {expected}, found {}", quote(text))),
        })
    }

    /// The value of `key`, one of several words.
    pub fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Option<T> {
        let expected = format!(
            "one of {}",
            words
                .iter()
                .map(|(word, _)| format!("`{word}`"))
                .collect::<Vec<_>>()
                .join(", ")
        );
        let text = text(
            self.context,
            &self.entry(key)?.value,
            &self.name(key),
            &expected,
        )?;
        let found = words
            .iter()
            .find(|(word, _)| *word == text.value)
            .map(|(_, value)| *value);
        if found.is_none() {
            let hint = if text.replaced() {
                format!("set the variable to {expected}")
            } else {
                suggest::hint(text.value, words.iter().map(|(word, _)| *word), "words")
            };
            self.context.error(
                text.place,
                format!(
                    "{}: expected {expected}, found {}",
                    self.name(key),
                    text.quoted()
                ),
                hint,
            );
        }
        found
    }

    /// The value of `key` as texts: a list of them, or a single one.
    pub fn texts(&self, key: &str) -> Option<Vec<Text<'a>>> {
        let entry = self.entry(key)?;
        let name = self.name(key);
        match &entry.value.kind {
            Kind::List(items) => Some(
                items
                    .iter()
                    .filter_map(|item| text(self.context, item, &name, "text"))
                    .collect(),
            ),
            _ => text(self.context, &entry.value, &name, "a list of texts").map(|text| vec![text]),
        }
    }

    /// The value of `key` as a map of its own.
    pub fn map(&self, key: &str) -> Option<Map<'a>> {
        let entry = self.entry(key)?;
        let map = Map::of(self.context, &entry.value, self.name(key))?;
        Some(map.within(self))
    }
}

fn find<'a>(entries: &'a [Entry], key: &str) -> Option<&'a Entry> {
    entries
        .iter()
        .find(|entry| &*entry.key == key && !entry.value.is_null())
}

/// Parts a parser's sentence into what is wrong and what to do.
fn split_advice(why: &str) -> (String, String) {
    let line = why.lines().collect::<Vec<_>>().join(" ");
    if let Some((message, hint)) = line.split_once("; ") {
        return (message.to_owned(), hint.to_owned());
    }
    match line.split_once(": write ") {
        Some((message, hint)) => (message.to_owned(), format!("write {hint}")),
        None => (line, String::new()),
    }
}
