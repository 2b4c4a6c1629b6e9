//! Section `routes:`: which receivers are told of which alerts.

use std::collections::BTreeMap;

use globset::{Glob, GlobMatcher};

use super::alerts::names;
use super::reader::Map;
use super::receivers::Receivers;
use super::scalar;
use super::spots::Spot;
use super::tree::Entry;
use super::values::missing;
use crate::alert::Route;
use crate::alert::glob::matcher;

/// The keys of a route; below `match`, any key but `alert` and `series` is a label.
pub const KEYS: &[&str] = &["match", "notify", "continue", "allow"];

/// Reads one `routes:` section; what is allowed at the top level is allowed in it.
pub fn read(top: &Map<'_>, section: &Entry, receivers: &Receivers) -> Vec<(Route, Spot)> {
    let context = top.context;
    let example = "write `- {match: {team: db}, notify: [oncall]}`";
    let items = scalar::list(context, &section.value, "`routes`", example);
    items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| {
            let map = Map::of(context, item, format!("route {}", index + 1))?;
            let map = map.allowing(Some(top.allow()));
            Some((route(&map, receivers)?, map.spot()))
        })
        .collect()
}

fn route(map: &Map<'_>, receivers: &Receivers) -> Option<Route> {
    map.only(KEYS);
    if !map.has("notify") {
        missing(map, "notify", "write `notify: [oncall]`: who is told");
    }
    let notify = names(receivers, map, "notify");
    let mut route = Route {
        alert: None,
        series: None,
        labels: BTreeMap::new(),
        notify: Vec::new(),
        continue_: map.truth("continue").unwrap_or(false),
    };
    if let Some(matches) = map.map("match") {
        for entry in matches.entries() {
            let Some(glob) = glob(&matches, entry) else {
                continue;
            };
            match &*entry.key {
                "alert" => route.alert = Some(glob),
                "series" => route.series = Some(glob),
                label => {
                    route.labels.insert(label.to_owned(), glob);
                }
            }
        }
    }
    route.notify = notify?;
    Some(route)
}

fn glob(map: &Map<'_>, entry: &Entry) -> Option<GlobMatcher> {
    let text = scalar::text(map.context, &entry.value, &map.name(&entry.key), "text")?;
    let glob = Glob::new(text.value)
        .map_err(|error| error.kind().to_string().replace(';', ","))
        .and_then(|glob| matcher(&glob).map_err(str::to_owned));
    map.understood(&entry.key, text, "a pattern", glob.map_err(|why| format!("this pattern is not sound: {why}; `*` stands for anything, `?` for one character; before a literal `[` or `{{` write a backslash")))
}
