//! One YAML file as a tree that keeps places.
//!
//! Built from the events of the YAML parser rather than through serde, because
//! serde stops at its first error and gives numbers where the text matters
//! (`name: 1e3`, a routing key of digits). Scalars keep their text; what it
//! means is for the one who reads it. Aliases share nodes, so an alias bomb
//! costs nothing to build; what it would cost to walk is bounded here. The tree
//! is never deeper than [`DEEPEST`], through aliases too: recursion is safe.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use serde_yaml::granit_parser::{Event, Options, Parser, ScalarStyle, Span, Tag};

use super::context::Context;
use super::mask;
pub use super::node::{Entry, Kind, Node, Scalar};
use super::params::{Param, Params};
use super::problem::Place;
use super::stand_ins;
use super::substitute;
use super::syntax;

/// Levels of nesting; a sound configuration has eight.
pub(super) const DEEPEST: usize = 64;
/// Values that a file may have, and that aliases and merge keys may add to it.
pub(super) const MOST_VALUES: usize = 1_000_000;

/// Reads one file; its problems go to `context`. `None` where there is nothing
/// to go on with: an empty file (not reported here) or a fault of syntax (reported).
pub fn parse(context: &Context<'_>, file: u32, text: &str, params: &Params) -> Option<Rc<Node>> {
    let mut options = Options::default();
    options.emit_unresolved_aliases = true;
    options.emit_anchor_events = true;
    options.set_emit_comments(false);
    let mut composer = Composer {
        context,
        file,
        text,
        params,
        stack: Vec::new(),
        anchors: HashMap::new(),
        values: 0,
        repeated: 0,
        root: None,
    };
    let mut documents = 0;
    for item in Parser::new_from_str_with_options(text, options) {
        let (event, span) = match item {
            Ok(item) => item,
            Err(error) => {
                syntax::report(context, file, text, &error);
                return None;
            }
        };
        if matches!(event, Event::DocumentStart(..)) {
            documents += 1;
            if documents > 1 {
                let hint = "take out the `---`, or put each document into a file of its own: several files make one configuration";
                context.error(
                    composer.place(&span),
                    "a second YAML document begins here",
                    hint,
                );
                break;
            }
        }
        if composer.event(event, &span).is_err() {
            context.unparsed(file);
            return None;
        }
    }
    params.finish(context);
    composer.root
}

/// The rest of the file is not worth reading; why has been reported.
pub(super) struct Stop;

/// A collection whose end has not come yet.
pub(super) struct Frame {
    pub(super) place: Place,
    pub(super) anchor: usize,
    pub(super) open: Open,
}

pub(super) enum Open {
    List(Vec<Rc<Node>>),
    Map(OpenMap),
}

#[derive(Default)]
pub(super) struct OpenMap {
    pub(super) entries: Vec<Entry>,
    /// Where each key stands in `entries`.
    pub(super) known: HashMap<Rc<str>, usize>,
    pub(super) merges: Vec<Rc<Node>>,
    pub(super) key: Option<Key>,
}

pub(super) enum Key {
    Text(Rc<str>, Place),
    Merge(Place),
    /// It has been reported; its value is dropped.
    Unusable,
}

pub(super) struct Composer<'a, 'c> {
    pub(super) context: &'a Context<'c>,
    pub(super) file: u32,
    pub(super) text: &'a str,
    params: &'a Params,
    pub(super) stack: Vec<Frame>,
    pub(super) anchors: HashMap<usize, Rc<Node>>,
    pub(super) values: usize,
    pub(super) repeated: usize,
    pub(super) root: Option<Rc<Node>>,
}

impl Composer<'_, '_> {
    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(value, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && !self.text_tag(span, tag.as_ref());
                if self.expects_key() {
                    self.key(&value, plain, span);
                    let (place, range) = (self.place(span), span.byte_range().unwrap_or_default());
                    self.remember(anchor, || Rc::new(Node::key(&value, place, range)));
                    return Ok(());
                }
                let node = Rc::new(self.scalar(&value, plain, span));
                self.add(node, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.text_tag(span, tag.as_ref());
                self.open(Open::List(Vec::new()), anchor, span)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.text_tag(span, tag.as_ref());
                self.open(Open::Map(OpenMap::default()), anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => self.unresolved(&name, span),
            Event::Anchor(..) => {
                self.hide_token(span);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    pub(super) fn place(&self, span: &Span) -> Place {
        place(self.file, &span.start)
    }

    /// Says whether the tag asks for text; reports tags that mean nothing here.
    fn text_tag(&self, span: &Span, tag: Option<&Cow<'_, Tag>>) -> bool {
        let Some(tag) = tag else { return false };
        match tag.core_suffix() {
            Some(core) => core == "str",
            None if tag.handle() == "!" && tag.suffix().is_empty() => true,
            None => {
                let hint = "take the tag out; `${file:PATH}` in a string reads a file, `${NAME}` the environment";
                let token = span.tag_span().unwrap_or(*span);
                self.hide_token(&token);
                self.context
                    .error(self.place(&token), "YAML tags have no meaning here", hint);
                true
            }
        }
    }

    pub(super) fn expects_key(&self) -> bool {
        matches!(
            self.stack.last(),
            Some(Frame {
                open: Open::Map(OpenMap { key: None, .. }),
                ..
            })
        )
    }

    /// The keys that lead to the value that comes next.
    fn keys(&self) -> Vec<&str> {
        self.stack
            .iter()
            .filter_map(|frame| match &frame.open {
                Open::Map(OpenMap {
                    key: Some(Key::Text(key, _)),
                    ..
                }) => Some(&**key),
                _ => None,
            })
            .collect()
    }

    pub(super) fn set_key(&mut self, key: Key) {
        if let Some(Frame {
            open: Open::Map(map),
            ..
        }) = self.stack.last_mut()
        {
            map.key = Some(key);
        }
    }

    fn key(&mut self, value: &str, plain: bool, span: &Span) {
        let place = self.place(span);
        let key = if plain && value == "<<" {
            Key::Merge(place)
        } else {
            Key::Text(value.into(), place)
        };
        self.set_key(key);
    }

    pub(super) fn scalar(&self, value: &str, plain: bool, span: &Span) -> Node {
        let place = self.place(span);
        let range = span.byte_range().unwrap_or_default();
        let raw = self.text.get(range.clone()).unwrap_or_default();
        let lead = (raw.len() >= value.len() && !raw.contains(['\n', '\r']))
            .then(|| raw.find(value).filter(|at| *at <= 1))
            .flatten()
            .and_then(|at| u32::try_from(at).ok());
        let mut done = substitute::replace(self.context, self.params, value, place, lead);
        if done.stood_in {
            done.text = stand_ins::fitting(&self.keys(), value, done.text);
        }
        let mut scalar = Scalar {
            text: done.text,
            written: done.changed.then_some(done.written),
            plain,
            broken: done.broken,
            lead,
            span: range,
        };
        let values_at = self.as_written(&mut scalar, value, &done.params);
        Node::scalar(values_at.unwrap_or(place), scalar)
    }

    /// Makes of a scalar with parameters in it what it would be if their values had
    /// been written there; says where its faults are to be looked for.
    fn as_written(&self, scalar: &mut Scalar, raw: &str, params: &[&Param]) -> Option<Place> {
        let first = params.first()?;
        if mask::hides_scalar(&self.keys()) {
            for param in params {
                if let Some(value) = param.scalar() {
                    self.context
                        .hide_range(param.place().file, value.span.clone());
                }
            }
        }
        scalar.lead = None;
        let is_all = raw.strip_prefix("${").and_then(|rest| rest.find('}')) == Some(raw.len() - 3);
        if let (true, Some(value)) = (is_all, first.scalar()) {
            (scalar.plain, scalar.lead) = (value.plain, value.lead);
            return Some(first.place());
        }
        params.iter().find_map(|param| param.given_at())
    }

    fn open(&mut self, open: Open, anchor: usize, span: &Span) -> Result<(), Stop> {
        let place = self.place(span);
        if self.stack.len() >= DEEPEST {
            self.context.error(
                place,
                format!("nested deeper than {DEEPEST} levels"),
                "a configuration needs fewer than ten",
            );
            return Err(Stop);
        }
        if self.expects_key() {
            self.context.error(
                place,
                "a key must be text, found a list or a map",
                "write `key: value`",
            );
            self.set_key(Key::Unusable);
            // its pieces are read into a frame of their own and dropped
            self.stack.push(Frame {
                place,
                anchor: usize::MAX,
                open,
            });
            return Ok(());
        }
        self.stack.push(Frame {
            place,
            anchor,
            open,
        });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        let Some(frame) = self.stack.pop() else {
            return Ok(());
        };
        let kind = match frame.open {
            Open::List(items) => Kind::List(items),
            Open::Map(map) => Kind::Map(self.merge(map)?),
        };
        let node = Rc::new(Node::collection(frame.place, kind));
        if frame.anchor == usize::MAX {
            self.context.hide(self.file, &node);
            return Ok(());
        }
        self.add(node, frame.anchor)
    }

    pub(super) fn add(&mut self, node: Rc<Node>, anchor: usize) -> Result<(), Stop> {
        self.values += 1;
        if self.values > MOST_VALUES {
            let message = format!("this file has more than {MOST_VALUES} values");
            self.context
                .error(node.place, message, "divide it into several files");
            return Err(Stop);
        }
        self.remember(anchor, || Rc::clone(&node));
        let is_top = self.stack.len() == 1;
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame {
                open: Open::List(items),
                ..
            }) => items.push(node),
            Some(Frame {
                open: Open::Map(map),
                ..
            }) => match map.key.take() {
                Some(Key::Text(key, place)) => {
                    if let Some(first) = map.known.get(&key).and_then(|at| map.entries.get(*at)) {
                        report_twice(self.context, &key, first.place, place);
                        self.context.hide(self.file, &node);
                    } else {
                        if is_top && &*key == "params" {
                            self.params.declare(self.context, &node);
                        }
                        map.known.insert(Rc::clone(&key), map.entries.len());
                        map.entries.push(Entry {
                            key,
                            place,
                            value: node,
                        });
                    }
                }
                Some(Key::Merge(place)) => {
                    if map.merges.is_empty() {
                        self.merge_from(node, place);
                    } else {
                        self.context.error(
                            place,
                            "`<<` is given twice in one map",
                            "write `<<: [*one, *other]`",
                        );
                    }
                }
                Some(Key::Unusable) | None => self.context.hide(self.file, &node),
            },
        }
        Ok(())
    }
}

fn report_twice(context: &Context<'_>, key: &str, first: Place, second: Place) {
    let message = format!(
        "{} is given twice in one map, here and at {}",
        mask::key(key, false),
        context.show(second)
    );
    context.error(first, message, "keep one of the two");
}

pub(super) fn place(file: u32, mark: &serde_yaml::granit_parser::Marker) -> Place {
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Place {
        file,
        line: number(mark.line()),
        column: number(mark.col() + 1),
        offset: mark.byte_offset().unwrap_or(0),
    }
}
