//! All files together: one top level, out of which the configuration is composed.
//!
//! `alerts`, `receivers` and `routes` of several files add up, `params` and `use`
//! are each file's own; every other key belongs to one file.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::alerts::{self, Surroundings};
use super::code::Code;
use super::context::Context;
use super::mask;
use super::predecessor::{self, Flat};
use super::problem::{Place, quote};
use super::reader::Map;
use super::receivers::Receivers;
use super::scalar;
use super::spots::{Spot, Spots};
use super::tree::{Entry, Kind, Node};
use super::values::{link_base, printable, secret_url, unless_off, url_fault};
use super::{Config, Store, graphite, groups, retired, routes, smtp};
use crate::deliver::settings::parse_url;

/// All keys of the top level, without the predecessor's.
pub const KEYS: &[&str] = &[
    "graphite",
    "instance",
    "docs_url",
    "docs_path",
    "store",
    "listen",
    "heartbeat",
    "smtp",
    "defaults",
    "receivers",
    "routes",
    "alerts",
    "use",
    "params",
    "allow",
];
/// What was done with when each file was read.
const OWN: &[&str] = &["use", "params"];
/// Sections that may stand in several files.
const MANY: &[&str] = &["receivers", "routes", "alerts"];

/// The top level of all files.
pub struct Whole {
    single: Vec<Entry>,
    many: Vec<Entry>,
    place: Place,
}

impl Whole {
    /// Puts the files' roots together; `used`: sections `alerts` of what they use.
    pub fn of(
        context: &Context<'_>,
        roots: &[(PathBuf, Rc<Node>)],
        used: Vec<Entry>,
    ) -> Option<Self> {
        let mut whole = Self {
            single: Vec::new(),
            many: Vec::new(),
            place: roots.first()?.1.place,
        };
        let mut known: HashMap<Rc<str>, Place> = HashMap::new();
        for (_, root) in roots {
            match &root.kind {
                Kind::Map(entries) => entries
                    .iter()
                    .for_each(|entry| whole.take(context, entry, &mut known)),
                Kind::List(_) => {
                    whole.many.push(Entry {
                        key: Rc::from("alerts"),
                        place: root.place,
                        value: Rc::clone(root),
                    });
                }
                Kind::Scalar(_) => {
                    let message = format!("expected a configuration, found {}", scalar::kind(root));
                    context.error(root.place, message, EXAMPLE);
                }
            }
        }
        whole.many.extend(used);
        Some(whole)
    }

    fn take(&mut self, context: &Context<'_>, entry: &Entry, known: &mut HashMap<Rc<str>, Place>) {
        // a place to keep anchors in: `x-web: &web {...}`
        if entry.key.starts_with("x-") || OWN.contains(&&*entry.key) {
            return;
        }
        if MANY.contains(&&*entry.key) {
            self.many.push(entry.clone());
            return;
        }
        if let Some(first) = known.get(&entry.key) {
            let message = format!(
                "{} is given in two files, here and at {}",
                mask::key(&entry.key, entry.value.is_null()),
                context.show(entry.place)
            );
            context.error(*first, message, "keep one of the two; only `alerts`, `receivers` and `routes` of several files add up");
            return;
        }
        known.insert(Rc::clone(&entry.key), entry.place);
        self.single.push(entry.clone());
    }

    fn sections(&self, name: &'static str) -> impl Iterator<Item = &Entry> {
        self.many.iter().filter(move |entry| &*entry.key == name)
    }

    /// Composes the configuration; `None` where something that it cannot be without is missing.
    pub fn read<'a>(&'a self, context: &'a Context<'a>) -> Option<(Config, Spots)> {
        let top = Map::top(context, &self.single, self.place).allowing(None);
        let known: Vec<&str> = KEYS
            .iter()
            .chain(predecessor::KEYS)
            .copied()
            .chain(graphite::FLAT.iter().map(|(flat, _)| *flat))
            .collect();
        retired::only(&top, &known);
        let graphite = graphite::read(&top);
        let smtp = smtp::read(&top).unwrap_or_else(smtp::local);
        let mut receivers = Receivers::default();
        for section in self.sections("receivers") {
            receivers.read(&top, section, &smtp);
        }
        let mut flat = Flat::read(&top, &mut receivers);
        receivers.check_fallbacks(context);
        let (routes, route_spots) = self
            .sections("routes")
            .flat_map(|section| routes::read(&top, section, &receivers))
            .unzip();
        let docs_url = docs_url(&top);
        let (alerts, sound) = self.alerts(&top, docs_url.clone(), &receivers, &mut flat);
        let disabled = groups::disabled(&alerts);
        let (groups, alert_spots) = groups::of(context, alerts);
        if !receivers.is_faulty() {
            self.warn_of_receivers(&top, &sound);
        }
        receivers.warn_of_shared_keys(&top);
        let instance =
            printable(&top, "instance").map_or_else(|| Arc::from("graphite-pager"), Arc::from);
        let (store, heartbeat) = (store(&top), secret_url(&top, "heartbeat"));
        let listen = unless_off(&top, "listen", listen).unwrap_or(Some(LISTEN));
        // last: everything has been looked at by now
        let graphite = graphite?;
        let spots = Spots {
            sources: Arc::default(),
            top: top.spot(),
            graphite: graphite_spot(&top),
            receivers: receivers.spots(&top),
            routes: route_spots,
            groups: alert_spots,
        };
        let config = Config {
            instance,
            graphite,
            docs_url,
            docs_path: docs_path(&top),
            first_steps: super::FirstSteps::new(),
            store,
            listen,
            heartbeat,
            receivers: sound,
            routes,
            groups,
            disabled,
        };
        Some((config, spots))
    }

    fn alerts<'a>(
        &'a self,
        top: &Map<'a>,
        docs_url: Option<String>,
        receivers: &Receivers,
        flat: &mut Flat,
    ) -> (Vec<alerts::Read>, Vec<super::Receiver>) {
        let context = top.context;
        let around = Surroundings {
            defaults: top.map("defaults").map(|map| map.allowing(None)),
            docs_url,
            receivers,
        };
        if let Some(defaults) = &around.defaults {
            alerts::check_defaults(&around, defaults);
        }
        let mut sound = receivers.sound.clone();
        let mut read = Vec::new();
        let mut number = 0;
        for section in self.sections("alerts") {
            for item in scalar::list(context, &section.value, "`alerts`", ALERTS) {
                number += 1;
                if context.full() {
                    break;
                }
                if let Some(alert) = alerts::read(&around, context, item, number) {
                    read.push((alert, &**item));
                }
            }
        }
        self.expect_alerts(
            context,
            number,
            &read.iter().map(|(read, _)| read).collect::<Vec<_>>(),
        );
        let own: Vec<_> = read
            .iter()
            .map(|(read, item)| self.own(&around, context, item, read, flat, &mut sound))
            .collect();
        for ((read, _), own) in read.iter_mut().zip(&own) {
            flat.apply(own, &mut read.alert, &sound);
        }
        flat.shut_out(&mut sound);
        (read.into_iter().map(|(read, _)| read).collect(), sound)
    }

    fn own<'a>(
        &self,
        around: &Surroundings<'a>,
        context: &'a Context<'a>,
        item: &'a Node,
        read: &alerts::Read,
        flat: &mut Flat,
        sound: &mut Vec<super::Receiver>,
    ) -> predecessor::Own {
        let map = Map::of(context, item, format!("alert {}", quote(&read.alert.name)));
        let map = map.map(|map| map.inheriting(around.defaults.as_ref()));
        map.map(|map| flat.own(&map, &read.alert, sound))
            .unwrap_or_default()
    }

    fn expect_alerts(&self, context: &Context<'_>, number: usize, read: &[&alerts::Read]) {
        let place = self
            .sections("alerts")
            .next()
            .map_or(self.place, |entry| entry.place);
        if number == 0 && context.complete() {
            context.error(place, "there is no alert", ALERTS);
        } else if read.len() == number
            && number > 0
            && read.iter().all(|read| !read.enabled)
            && context.complete()
        {
            context.error(
                place,
                "every alert has `enabled: false`",
                "enable one: an agent without alerts would watch nothing",
            );
        }
    }

    fn warn_of_receivers(&self, top: &Map<'_>, sound: &[super::Receiver]) {
        let place = self
            .sections("receivers")
            .next()
            .map_or(self.place, |entry| entry.place);
        match sound {
            [] => top.warn(
                Code::NoReceiver,
                place,
                "nobody is told: there is no receiver",
                "add `receivers: {screen: {console: {}}}`, or one that pages",
            ),
            [only] => {
                let message = format!(
                    "everything hangs on one receiver, {}",
                    quote(&only.policy.name)
                );
                top.warn(
                    Code::SingleReceiver,
                    place,
                    message,
                    "define a second one of another kind, and name it in `fallback:` of the first",
                );
            }
            _ => {}
        }
    }
}

const LISTEN: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9780);
/// What an empty file is told to hold.
pub const EXAMPLE: &str = "write `graphite: {url: https://graphite.example.com}` and `alerts: [{name: Load, target: servers.*.loadavg.05, warning: 10, critical: 20}]`";
const ALERTS: &str =
    "write `alerts: [{name: Load, target: servers.*.loadavg.05, warning: 10, critical: 20}]`";

fn graphite_spot(top: &Map<'_>) -> Spot {
    let entry = top.either(&["graphite", "graphite_url"]);
    Spot {
        place: entry.map_or(top.place, |entry| entry.place),
        ..top.spot()
    }
}

fn docs_url(top: &Map<'_>) -> Option<String> {
    let in_file = link_base(top, "docs_url");
    let Some(value) = top.context.env_filled("DOCS_URL") else {
        return in_file;
    };
    match parse_url(value.trim()) {
        Ok(_) => Some(value.trim().trim_end_matches('/').to_owned()),
        Err(why) => {
            let why = url_fault(&why);
            let (message, hint) = why.split_once("; ").unwrap_or((&why, ""));
            top.context.error_of(
                &PathBuf::from("environment"),
                format!("DOCS_URL: {message}"),
                hint,
            );
            None
        }
    }
}

/// A folder; a relative path is taken from the folder of the file that names it.
fn docs_path(top: &Map<'_>) -> Option<PathBuf> {
    if top.context.rehearses() && top.text("docs_path")?.value.is_empty() {
        return None;
    }
    let text = top.filled("docs_path")?;
    let result = match text.value.contains('\0') {
        true => Err("no path can hold a NUL character; take it out".to_owned()),
        false if text.value.contains("://") => Err(
            "expected a folder, found a URL; where the pages are published is `docs_url`"
                .to_owned(),
        ),
        false => Ok(top
            .context
            .folder_of(text.place.file)
            .join(text.value.trim())),
    };
    top.understood("docs_path", text, "the path of a folder", result)
}

fn store(top: &Map<'_>) -> Store {
    let path = top.filled("store").and_then(|text| {
        let result = match text.value.split_once("://").map(|(scheme, _)| scheme) {
            Some("postgres" | "postgresql") => Err("PostgreSQL is not available in this version yet; name a file, such as `store: graphite-pager.db`".to_owned()),
            Some(_) => Err("expected the path of a file; such as `store: graphite-pager.db`".to_owned()),
            None if text.value.contains('\0') => Err("no path can hold a NUL character; take it out".to_owned()),
            None => Ok(PathBuf::from(text.value)),
        };
        top.understood("store", text, "the path of a file", result)
    });
    Store::File(path.unwrap_or_else(|| PathBuf::from("graphite-pager.db")))
}

fn listen(top: &Map<'_>, key: &str) -> Option<SocketAddr> {
    top.parsed(key, "an address and port", |text| {
        let text = text.trim();
        let numeric = text.strip_prefix("localhost:").map_or_else(|| text.to_owned(), |port| format!("127.0.0.1:{port}"));
        let numeric = if numeric.starts_with(':') { format!("0.0.0.0{numeric}") } else { numeric };
        numeric.parse().map_err(|_| format!("expected an address and port, found {}; write `127.0.0.1:9780`, `0.0.0.0:9780`, `[::]:9780` or `off`", quote(text)))
    })
}
