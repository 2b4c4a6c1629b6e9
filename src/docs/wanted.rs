//! Which pages there should be, and where in them links lead: every name of a
//! series that is known before Graphite is asked.

use std::collections::BTreeSet;
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use url::Url;

use super::legend;
use crate::alert::evaluate::TOO_FEW;
use crate::alert::{Docs, Group, WithoutData};
use crate::config::{BUILT_IN, Config};
use crate::deliver::links::{self, Context};

/// The names of overflow incidents (`alert/world/overflow.rs`).
pub const MORE: [&str; 2] = ["(more)", "(more without data)"];
/// The agent's own incident that has one name everywhere (`alert/world/agent.rs`).
const STORE: &str = "(store)";

/// A page that links lead to.
#[derive(Clone, Debug)]
pub struct Wanted<'a> {
    /// Its alert's name.
    pub alert: &'a str,
    /// Its alerts; `None`: the agent's own.
    pub group: Option<&'a Group>,
    /// Names of series that are known beforehand.
    pub anchors: BTreeSet<String>,
}

impl Wanted<'_> {
    /// Where its first alert is defined.
    pub fn place(&self) -> Option<String> {
        let first = self.group?.alerts.first()?;
        Some(first.place.to_string())
    }
}

/// An address that messages link to, without what follows `#`.
#[derive(Clone, Debug)]
pub struct Link {
    /// The address.
    pub url: Url,
    /// The alert that links there.
    pub alert: String,
    /// Where in the page it leads.
    pub anchors: BTreeSet<String>,
}

/// Every page that belongs in the configuration's own folder of pages. That of
/// an alert whose link leads elsewhere (`docs`, another `doc_url`) does not.
pub fn pages(config: &Config) -> Vec<Wanted<'_>> {
    let here = |docs: &Docs| match docs {
        Docs::Nowhere => true,
        Docs::Under(base) => config.docs_url.as_ref() == Some(base),
        Docs::Link(_) => false,
    };
    let groups = config.groups.iter().map(Arc::as_ref);
    let of_alerts = groups
        .filter(|group| group.alerts.iter().any(|alert| here(&alert.docs)))
        .map(|group| Wanted {
            alert: &group.name,
            group: Some(group),
            anchors: anchors(group),
        });
    let own = Wanted {
        alert: BUILT_IN,
        group: None,
        anchors: BTreeSet::from([STORE.to_owned()]),
    };
    of_alerts.chain([own]).collect()
}

/// The legends that are known beforehand; whether there are no others.
pub fn legends(group: &Group) -> (BTreeSet<String>, bool) {
    let targets = group.alerts.iter().flat_map(|alert| &alert.targets);
    let mut known = BTreeSet::new();
    let mut all = true;
    for legend in targets.map(legend::fixed) {
        all &= legend.is_some();
        known.extend(legend);
    }
    (known, all)
}

fn anchors(group: &Group) -> BTreeSet<String> {
    let (mut anchors, all) = legends(group);
    let count = anchors.len();
    let overflows = |limit: Option<usize>| limit.is_some_and(|limit| !all || count > limit);
    let [more, more_without_data] = MORE;
    for alert in &group.alerts {
        let is_told = |setting: WithoutData| matches!(setting, WithoutData::Level(_));
        if overflows(alert.limit) {
            anchors.insert(more.to_owned());
        }
        if overflows(alert.no_data_limit) && (is_told(alert.no_data) || is_told(alert.missing)) {
            anchors.insert(more_without_data.to_owned());
        }
        if alert.min_series.is_some() {
            anchors.insert(TOO_FEW.to_owned());
        }
    }
    anchors
}

/// Every address that messages link to, each once, and the alerts whose links
/// are known only with a series.
pub fn links(config: &Config) -> (Vec<Link>, BTreeSet<String>) {
    let mut found: Vec<Link> = Vec::new();
    let mut unknown = BTreeSet::new();
    for group in &config.groups {
        for alert in &group.alerts {
            // two that no template treats alike by chance
            let probes = ["web-1", "disk.Ω 2"].map(|series| {
                let context = Context {
                    alert: &alert.name,
                    series,
                    labels: &alert.labels,
                    target: alert.targets.first().map(crate::alert::Target::as_str),
                    instance: &config.instance,
                };
                let link = links::docs(&alert.docs, &context).ok().flatten();
                link.and_then(|link| Url::parse(&link).ok())
            });
            let Some((url, fragment)) = common(&probes) else {
                if alert.docs != Docs::Nowhere {
                    unknown.insert(alert.name.to_string());
                }
                continue;
            };
            let anchors = match (&alert.docs, fragment) {
                (Docs::Under(_), _) => anchors(group),
                (_, fragment) => fragment.into_iter().collect(),
            };
            add(&mut found, url, &alert.name, anchors);
        }
    }
    let own = config
        .docs_url
        .as_ref()
        .map(|base| format!("{base}/{BUILT_IN}"));
    if let Some(url) = own.and_then(|url| Url::parse(&url).ok()) {
        add(
            &mut found,
            url,
            BUILT_IN,
            BTreeSet::from([STORE.to_owned()]),
        );
    }
    (found, unknown)
}

/// The address that both links lead to, and where in it if that is the same too.
fn common(probes: &[Option<Url>; 2]) -> Option<(Url, Option<String>)> {
    let [Some(one), Some(other)] = probes else {
        return None;
    };
    let page = |url: &Url| {
        let mut page = url.clone();
        page.set_fragment(None);
        page
    };
    if page(one) != page(other) {
        return None;
    }
    let fragment = one.fragment().filter(|_| one == other);
    let fragment = fragment.filter(|fragment| !fragment.is_empty());
    let decoded = fragment.map(|text| percent_decode_str(text).decode_utf8_lossy().into_owned());
    Some((page(one), decoded))
}

fn add(found: &mut Vec<Link>, url: Url, alert: &str, anchors: BTreeSet<String>) {
    match found.iter_mut().find(|link| link.url == url) {
        Some(link) => link.anchors.extend(anchors),
        None => found.push(Link {
            url,
            alert: alert.to_owned(),
            anchors,
        }),
    }
}
