//! Section `use:`: alerts that a file takes from packs and from other files.
//!
//! What is used may hold alerts, their parameters and a `use:` of its own, and
//! nothing else: whoever uses it keeps the say over everything that belongs to
//! the whole. Its alerts come after all that are written out, so that an
//! exception in one's own file stands before the pack's rule.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::context::Context;
use super::files;
use super::mask;
use super::packs::{self, Pack};
use super::params::{DISABLE, Params};
use super::problem::{Place, quote};
use super::scalar;
use super::suggest;
use super::tree::{self, Entry, Kind, Node, Scalar};

/// What a used file may hold beside `x-...`.
const KEYS: &[&str] = &["params", "use", "alerts"];
const EXAMPLE: &str = "write `use: [linux-collectd, {haproxy: {prefix: lb.*}}]`; `graphite-pager packs` lists the packs with their parameters";
/// Files that use others may use, each counted as often as it is used.
const MOST: usize = 1000;

/// What comes of all `use:` of a configuration.
#[derive(Default)]
pub struct Used {
    /// Sections `alerts`, each with the real path of the file that begins its chain of
    /// uses; each stands where it is used.
    alerts: Vec<(PathBuf, Entry)>,
    /// Files that were used, by their real path.
    files: HashSet<PathBuf>,
}

impl Used {
    /// Whether a file is used by another, so that it is none of its own.
    pub fn has(&self, path: &Path) -> bool {
        self.files.contains(&real(path))
    }

    /// The sections `alerts` of what is used by files of their own.
    pub fn into_alerts(self) -> Vec<Entry> {
        let Self { alerts, files } = self;
        let mut alerts = alerts;
        alerts.retain(|(root, _)| !files.contains(root));
        alerts.into_iter().map(|(_, section)| section).collect()
    }
}

/// Where used alerts come from.
#[derive(Clone, PartialEq, Eq)]
enum Origin {
    Pack(&'static str),
    /// Its real path.
    File(PathBuf),
}

/// One item of `use:`.
struct Item<'a> {
    place: Place,
    name: &'a str,
    /// `${...}` was replaced in it, so that it may not be shown.
    hidden: bool,
    params: &'a [Entry],
}

struct Reader<'a, 'c> {
    context: &'a Context<'c>,
    /// The real path of the file whose uses are read.
    root: PathBuf,
    used: Used,
    count: usize,
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// Reads everything that `roots` (files by their paths) use.
pub fn read(context: &Context<'_>, roots: &[(PathBuf, Rc<Node>)]) -> Used {
    let mut reader = Reader {
        context,
        root: PathBuf::new(),
        used: Used::default(),
        count: 0,
    };
    for (path, root) in roots {
        reader.root = real(path);
        reader.uses_of(root, &[Origin::File(real(path))]);
    }
    reader.used
}

impl Reader<'_, '_> {
    /// Reads what the last of `within` uses; `within`: it, and whoever uses it.
    fn uses_of(&mut self, root: &Node, within: &[Origin]) {
        let Kind::Map(entries) = &root.kind else {
            return;
        };
        for entry in entries.iter().filter(|entry| &*entry.key == "use") {
            let items = scalar::list(self.context, &entry.value, "`use`", EXAMPLE);
            let mut sound = matches!(entry.value.kind, Kind::List(_)) || entry.value.is_null();
            for item in items {
                let item = item_of(self.context, item);
                sound &= item.is_some_and(|item| self.take(&item, within).is_some());
            }
            if !sound {
                // alerts that nobody misses then may have been meant
                self.context.unreadable();
            }
        }
    }

    fn take(&mut self, item: &Item<'_>, within: &[Origin]) -> Option<()> {
        self.count += 1;
        if self.count > MOST {
            let message = format!("more than {MOST} packs and files are used");
            let hint =
                "a file that is used many times uses others many times: write out what you need";
            self.context.error(item.place, message, hint);
            return None;
        }
        let (origin, called, file) = self.open(item, within)?;
        self.context.set_used(file, item.place);
        let mut disable = item.params.iter();
        let disable = disable.find(|entry| &*entry.key == DISABLE && !entry.value.is_null());
        let values = item.params.iter().filter(|entry| &*entry.key != DISABLE);
        let params = Params::given(called.clone(), values.cloned().collect());
        let text = self.context.text(file);
        let root = tree::parse(self.context, file, &text, &params);
        let Some(root) = root.filter(|root| !root.is_null()) else {
            if self.context.parsed(file) {
                let message = format!("{called} holds no alerts");
                self.context
                    .error(item.place, message, "write `alerts:` into it");
            }
            return None;
        };
        self.context.hide_secrets(file, &root);
        self.only_alerts(&root, &called);
        if let Some(alerts) = alerts_of(&root) {
            let value = match disable {
                Some(disable) => without(self.context, alerts, disable, &called),
                None => Rc::clone(alerts),
            };
            let section = Entry {
                key: Rc::from("alerts"),
                place: item.place,
                value,
            };
            self.used.alerts.push((self.root.clone(), section));
        }
        let within = [within, &[origin]].concat();
        self.uses_of(&root, &within);
        Some(())
    }

    /// Finds what an item names: what it is, how it is called, and its number as a file.
    fn open(&mut self, item: &Item<'_>, within: &[Origin]) -> Option<(Origin, String, u32)> {
        if item.name.contains('/') {
            return self.open_file(item, within);
        }
        let Some(Pack { name, text, .. }) = packs::find(item.name) else {
            let hint = match item.name.ends_with(".yml") || item.name.ends_with(".yaml") {
                true => "a file is named with a `/` in its path, such as `./mine.yml`".to_owned(),
                false if item.hidden => {
                    "set the variable to the name of a pack; `graphite-pager packs` lists them"
                        .to_owned()
                }
                false => packs::advice(item.name),
            };
            let name = match item.hidden {
                true => "of this name".to_owned(),
                false => mask::key(item.name, false),
            };
            let message = format!("there is no pack {name}");
            self.context.error(item.place, message, hint);
            return None;
        };
        let called = format!("pack `{name}`");
        let origin = Origin::Pack(name);
        self.not_within(item, within, &origin)?;
        let path = PathBuf::from(format!("pack {name}"));
        let file = self.context.add_source(&path, text.to_owned());
        Some((origin, called, file))
    }

    fn open_file(&mut self, item: &Item<'_>, within: &[Origin]) -> Option<(Origin, String, u32)> {
        let name = item.name.strip_prefix("./").unwrap_or(item.name);
        let path = self.context.folder_of(item.place.file).join(name);
        if !path.is_file() {
            self.context.watch(&path);
            let (name, hint) = match item.hidden {
                true => (
                    "of this name".to_owned(),
                    "set the variable to the path of a file, or to the name of a pack",
                ),
                false => (
                    quote(&path.to_string_lossy()),
                    "a relative path is taken from the folder of the file that names it; a pack is named without a `/`",
                ),
            };
            let message = format!("there is no file {name}");
            self.context.error(item.place, message, hint);
            return None;
        }
        let origin = Origin::File(real(&path));
        self.not_within(item, within, &origin)?;
        self.used.files.insert(real(&path));
        let file = files::read(self.context, &path)?;
        let called = match item.hidden {
            true => "this file".to_owned(),
            false => quote(item.name),
        };
        Some((origin, called, file))
    }

    fn not_within(&self, item: &Item<'_>, within: &[Origin], origin: &Origin) -> Option<()> {
        if !within.contains(origin) {
            return Some(());
        }
        let name = match item.hidden {
            true => "this file".to_owned(),
            false => quote(item.name),
        };
        let message = match within.last() == Some(origin) {
            true => format!("{name} uses itself"),
            false => format!("{name} uses itself through others"),
        };
        let hint = "its alerts would be there without end: take one `use` of the circle out";
        self.context.error(item.place, message, hint);
        None
    }

    fn only_alerts(&self, root: &Node, called: &str) {
        let entries = match &root.kind {
            Kind::Map(entries) => entries.as_slice(),
            Kind::List(_) => return,
            Kind::Scalar(_) => {
                let message = format!("{called}: expected alerts, found {}", scalar::kind(root));
                self.context.error(root.place, message, "write `alerts:`");
                return;
            }
        };
        for entry in entries {
            let key = &*entry.key;
            if KEYS.contains(&key) || key.starts_with("x-") {
                continue;
            }
            let shown = mask::key(key, entry.value.is_null());
            let hint = match super::whole::KEYS.contains(&key) {
                true => {
                    "it belongs to the whole: write it into a file that is given with `--config`"
                        .to_owned()
                }
                false => suggest::hint(key, KEYS.iter().copied(), "keys"),
            };
            let message = format!("{shown} cannot stand in a file that another one uses");
            self.context.error(entry.place, message, hint);
        }
    }
}

fn item_of<'a>(context: &Context<'_>, node: &'a Node) -> Option<Item<'a>> {
    let (name, value) = match &node.kind {
        Kind::Map(entries) => match entries.as_slice() {
            [entry] => (&*entry.key, Some(&entry.value)),
            entries => {
                let message = format!(
                    "an item of `use` names one pack, and this one has {} keys",
                    entries.len()
                );
                let hint = "indent parameters below the name of their pack, or write `- {haproxy: {prefix: lb.*}}`";
                context.error(node.place, message, hint);
                return None;
            }
        },
        _ => {
            let text = scalar::text(context, node, "`use`", "the name of a pack")?;
            return Some(Item {
                place: text.place,
                name: text.value,
                hidden: text.replaced(),
                params: &[],
            });
        }
    };
    let params = match value.map(|value| (value, &value.kind)) {
        Some((_, Kind::Map(entries))) => entries.as_slice(),
        Some((value, _)) if !value.is_null() => {
            if !scalar::broken(value) {
                let message = format!(
                    "parameters of {}: expected a map, found {}",
                    mask::key(name, false),
                    scalar::kind(value)
                );
                context.error(value.place, message, "write `{prefix: lb.*}`");
            }
            return None;
        }
        _ => &[],
    };
    Some(Item {
        place: node.place,
        name,
        hidden: false,
        params,
    })
}

/// The alerts of a used file.
fn alerts_of(root: &Rc<Node>) -> Option<&Rc<Node>> {
    match &root.kind {
        Kind::List(_) => Some(root),
        Kind::Map(entries) => entries
            .iter()
            .find(|entry| &*entry.key == "alerts")
            .map(|entry| &entry.value),
        Kind::Scalar(_) => None,
    }
}

/// `alerts` with those that `disable` names switched off.
fn without(context: &Context<'_>, alerts: &Rc<Node>, disable: &Entry, called: &str) -> Rc<Node> {
    let Kind::List(items) = &alerts.kind else {
        return Rc::clone(alerts);
    };
    let single = [Rc::clone(&disable.value)];
    let texts = match &disable.value.kind {
        Kind::List(texts) => texts.as_slice(),
        _ => &single,
    };
    let mut items = items.clone();
    for node in texts {
        let name = format!("`{DISABLE}` of {called}");
        let Some(text) = scalar::text(context, node, &name, "the name of an alert") else {
            continue;
        };
        let mut found = false;
        for item in &mut items {
            if name_of(item) == Some(text.value) {
                *item = switched_off(item, node.place);
                found = true;
            }
        }
        if !found {
            let message = format!("{called} has no alert {}", text.quoted());
            let hint = suggest::hint(
                text.value,
                items.iter().filter_map(|item| name_of(item)),
                "alerts",
            );
            context.error(text.place, message, hint);
        }
    }
    Rc::new(Node::collection(alerts.place, Kind::List(items)))
}

fn name_of(alert: &Node) -> Option<&str> {
    let Kind::Map(entries) = &alert.kind else {
        return None;
    };
    let name = entries.iter().find(|entry| &*entry.key == "name")?;
    match &name.value.kind {
        Kind::Scalar(scalar) => Some(&scalar.text),
        Kind::List(_) | Kind::Map(_) => None,
    }
}

/// The alert with `enabled: false`, whatever it says of that itself.
fn switched_off(alert: &Node, place: Place) -> Rc<Node> {
    let Kind::Map(entries) = &alert.kind else {
        return Rc::new(Node::collection(alert.place, Kind::Map(Vec::new())));
    };
    let no = Scalar {
        text: "false".to_owned(),
        written: None,
        plain: true,
        broken: false,
        lead: None,
        span: 0..0,
    };
    let enabled = Entry {
        key: Rc::from("enabled"),
        place,
        value: Rc::new(Node::scalar(place, no)),
    };
    let others = entries.iter().filter(|entry| &*entry.key != "enabled");
    let entries = std::iter::once(enabled).chain(others.cloned()).collect();
    Rc::new(Node::collection(alert.place, Kind::Map(entries)))
}
