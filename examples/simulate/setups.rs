//! The configuration of a seed and its edits: once as the product has it, once
//! as the naive model has it, from the same few numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use globset::Glob;
use graphite_pager::alert::active::Active;
use graphite_pager::alert::condition::{Written, conditions};
use graphite_pager::alert::receiver::{Policy, Route};
use graphite_pager::alert::world::Setup;
use graphite_pager::alert::{
    Alert, Docs, Exclude, GraphLink, Group, Level, Levels, Reduce, Schedule, Target, TimeSpec,
    Timestamp, WithoutData, Zone,
};

use super::audience::{self, Audience, Said};
use super::chance::Chance;
use super::model;
use super::scenario::{Edit, MINUTE, SECOND};
use super::told::Addresses;

/// One configuration, in both forms.
pub struct Configured {
    pub setup: Setup,
    pub model: model::Setup,
    /// Who is told, as the checker has it.
    pub audience: Audience,
    /// Where each receiver is: another address is somebody else.
    pub addresses: Addresses,
}

/// Names of the receivers, in order.
pub const RECEIVERS: [&str; 5] = ["oncall", "pages", "mail", "chat", "boss"];

/// An instant before all days, in seconds since the epoch.
const SOME_TIME: i64 = 1_700_000_000;

/// Graphite's host.
pub const HOST: &str = "graphite.example";

/// The configuration of `seed` with `edit`.
pub fn configured(seed: u64, edit: Edit) -> Configured {
    let mut pairs = groups(seed, edit);
    match edit {
        Edit::Removed => drop(pairs.remove(0)),
        Edit::Renamed => rename(&mut pairs[0], "Load of webs"),
        _ => {}
    }
    let (policies, addresses) = receivers(seed, edit);
    let (routes, said) = routing(seed, &policies, &mut pairs);
    let audience = Audience {
        receivers: policies.clone(),
        routes: routes.clone(),
        said,
    };
    let (groups, models) = pairs.into_iter().unzip();
    Configured {
        setup: Setup {
            instance: Arc::from("sim"),
            host: Arc::from(HOST),
            error_for: Duration::from_secs(300),
            docs_url: Some("https://wiki.example.com".to_owned()),
            groups,
            receivers: policies,
            routes: routes.iter().map(route).collect(),
        },
        model: model::Setup {
            groups: models,
            host: HOST.to_owned(),
            error_for: 5 * MINUTE,
        },
        audience,
        addresses,
    }
}

/// Which ways lead to whom: plain ones on most days. Says so to the alerts.
fn routing(
    seed: u64,
    policies: &[Policy],
    pairs: &mut [Pair],
) -> (Vec<audience::Route>, BTreeMap<Arc<str>, Said>) {
    // a receiver that is called otherwise is named so everywhere, one that left nowhere
    let named = |names: &[&str]| -> Vec<Arc<str>> {
        let called = |name: &&str| match *name {
            "oncall" => policies
                .iter()
                .find(|p| matches!(&*p.name, "oncall" | "first")),
            name => policies.iter().find(|p| &*p.name == name),
        };
        let found = names.iter().filter_map(called);
        found.map(|policy| Arc::clone(&policy.name)).collect()
    };
    let mut routes = Vec::new();
    if Chance::new(seed, 20).once_in(2) {
        routes.push(audience::Route {
            alert: Some("Queue*"),
            notify: named(&["mail", "pages"]),
            ..audience::Route::default()
        });
    }
    let mut said: BTreeMap<Arc<str>, Said> = BTreeMap::new();
    let names = pairs.iter().map(|(group, _)| Arc::clone(&group.name));
    said.extend(names.map(|name| (name, Said::default())));
    // some that a fallback lies beside, for it is told nothing else
    match Chance::new(seed, 21).below(16) {
        0 => routes.push(audience::Route {
            alert: Some("Store"),
            notify: named(&["boss", "oncall"]),
            ..audience::Route::default()
        }),
        1 => routes.extend([
            audience::Route {
                series: Some("*b-*"),
                notify: named(&["oncall", "pages"]),
                continues: true,
                ..audience::Route::default()
            },
            audience::Route {
                alert: Some("Sto*"),
                notify: named(&["boss", "pages"]),
                ..audience::Route::default()
            },
        ]),
        2 => {
            for said in said.values_mut() {
                said.labels.insert("team".to_owned(), "web".to_owned());
            }
            routes.push(audience::Route {
                label: Some(("team", "we*")),
                notify: named(&["oncall", "boss"]),
                ..audience::Route::default()
            });
        }
        3 => {
            for said in said.values_mut() {
                said.notify = Some(named(&["oncall", "boss"]));
            }
        }
        _ => {}
    }
    for (group, _) in pairs {
        let said = &said[&group.name];
        for alert in &mut Arc::make_mut(group).alerts {
            alert.notify = said.notify.clone();
            alert.labels = said.labels.clone();
        }
    }
    (routes, said)
}

/// The same as the product has it.
fn route(plain: &audience::Route) -> Route {
    Route {
        alert: plain.alert.map(glob),
        series: plain.series.map(glob),
        labels: plain
            .label
            .iter()
            .map(|(name, pattern)| ((*name).to_owned(), glob(pattern)))
            .collect(),
        notify: plain.notify.clone(),
        continue_: plain.continues,
    }
}

/// The receivers that are somewhere else under the second configuration, and
/// those that are only called otherwise, as (old, new).
pub fn changes(old: &Configured, new: &Configured) -> (BTreeSet<Arc<str>>, Renamed) {
    let moved = old.addresses.iter().filter(|(name, address)| {
        let now = new.addresses.get(*name);
        now.is_some_and(|now| now != *address)
    });
    let moved = moved.map(|(name, _)| Arc::clone(name)).collect();
    let renamed = old
        .addresses
        .iter()
        .filter(|(name, _)| !new.addresses.contains_key(*name))
        .filter_map(|(name, address)| {
            let at = |(other, there): &(&Arc<str>, &Arc<str>)| {
                *there == address && !old.addresses.contains_key(*other)
            };
            let (other, _) = new.addresses.iter().find(at)?;
            Some((Arc::clone(name), Arc::clone(other)))
        })
        .collect();
    (moved, renamed)
}

fn glob(text: &str) -> globset::GlobMatcher {
    Glob::new(text).expect("a glob").compile_matcher()
}

/// Names before and after.
pub type Renamed = Vec<(Arc<str>, Arc<str>)>;

type Pair = (Arc<Group>, model::Group);

fn rename(pair: &mut Pair, name: &str) {
    let group = Arc::make_mut(&mut pair.0);
    group.name = Arc::from(name);
    for alert in &mut group.alerts {
        alert.name = Arc::from(name);
    }
    pair.1.name = name.to_owned();
}

fn groups(seed: u64, edit: Edit) -> Vec<Pair> {
    let purpose = match edit {
        Edit::Thresholds => 11,
        _ => 10,
    };
    let mut chance = Chance::new(seed, purpose);
    // slots stay as they are, those of the rarest group aside: most edits are none of schedules
    let mut pace = Chance::new(seed, 12);
    let every = |pace: &mut Chance, choice: &[i64]| pace.of(choice) * SECOND;
    let swapped = edit == Edit::Targets;
    let plain = every(&mut pace, &[60, 120, 120, 300]);
    let claims = every(&mut pace, &[120, 300, 300]);
    let wide = every(&mut pace, &[120, 300, 600]);
    let targets = |pair: [&'static str; 2]| match swapped {
        false => pair.to_vec(),
        true => pair.iter().rev().copied().collect(),
    };
    let rare = chance.once_in(2).then_some("7 * * * *");
    vec![
        group(
            "Load",
            plain,
            None,
            vec![alert(&mut chance, "Load", &["load.*"], plain)],
        ),
        group(
            "Store",
            claims,
            None,
            vec![
                alert(&mut chance, "Store", &["db.*"], claims),
                alert(
                    &mut chance,
                    "Store",
                    &targets(["all.a.*", "all.b.*"]),
                    claims,
                ),
            ],
        ),
        group(
            "Queue",
            wide,
            None,
            vec![alert(&mut chance, "Queue", &["q.a", "q.b"], wide)],
        ),
        group(
            "Nightly",
            3600 * SECOND,
            rare,
            vec![alert(&mut chance, "Nightly", &["n.*"], 3600 * SECOND)],
        ),
    ]
}

fn group(name: &str, every: i64, cron: Option<&str>, alerts: Vec<(Alert, model::Alert)>) -> Pair {
    let (alerts, models) = alerts.into_iter().unzip();
    let schedule = match cron {
        Some(expression) => Schedule::cron(expression, Zone::UTC),
        None => Schedule::every(span(every), name),
    };
    let schedule = schedule.expect("a schedule");
    let one_slot = schedule.latest_at(Timestamp::from_secs(SOME_TIME));
    let active = (name == "Queue" && every == 600 * SECOND).then(|| {
        Active::parse(
            "Mon-Sat 07:00-21:00",
            "Europe/Berlin".parse().expect("zone"),
        )
        .expect("hours")
    });
    (
        Arc::new(Group {
            name: Arc::from(name),
            alerts,
            schedule,
            active,
        }),
        model::Group {
            name: name.to_owned(),
            alerts: models,
            every,
            one_slot: one_slot.expect("a slot").as_millis(),
        },
    )
}

fn span(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

/// Thresholds as people write them, and as the model has them.
fn thresholds(chance: &mut Chance) -> ([Option<Written>; 3], [Option<model::Condition>; 3]) {
    use model::Condition::*;
    let number = |value| Some(Written::Number(value));
    let text = |text: &str| Some(Written::Text(text.to_owned()));
    match chance.below(7) {
        0 | 1 => (
            [number(9.0), number(20.0), None],
            [Some(Above(9.0)), Some(Above(20.0)), None],
        ),
        2 => (
            [number(9.0), number(20.0), number(6.0)],
            [Some(Above(9.0)), Some(Above(20.0)), Some(LessThan(6.0))],
        ),
        3 => (
            [number(0.9), number(0.5), None],
            [Some(Below(0.9)), Some(Below(0.5)), None],
        ),
        4 => (
            [text("> 9"), text("outside 0..20"), None],
            [Some(MoreThan(9.0)), Some(Outside(0.0, 20.0)), None],
        ),
        5 => ([None, number(15.0), None], [None, Some(Above(15.0)), None]),
        _ => (
            [text("== 15"), text("inside 20..30"), None],
            [Some(Equal(15.0)), Some(Inside(20.0, 30.0)), None],
        ),
    }
}

fn without(chance: &mut Chance) -> (WithoutData, model::Without) {
    let level = |level, same| (WithoutData::Level(level), model::Without::Level(same));
    match chance.below(8) {
        0..=3 => level(Level::NoData, model::Level::NoData),
        4 => level(Level::Warning, model::Level::Warning),
        5 => level(Level::Critical, model::Level::Critical),
        6 => (WithoutData::Ok, model::Without::Ok),
        _ => (WithoutData::Keep, model::Without::Keep),
    }
}

fn alert(chance: &mut Chance, name: &str, targets: &[&str], every: i64) -> (Alert, model::Alert) {
    let (written, [warning, critical, recover]) = thresholds(chance);
    let [w, c, r] = &written;
    let product = conditions(name, w.as_ref(), c.as_ref(), r.as_ref()).expect("conditions");
    let (no_data, model_no_data) = without(chance);
    let (missing, model_missing) = match chance.once_in(3) {
        true => without(chance),
        false => (no_data, model_no_data.clone()),
    };
    let settle = chance.of(&[Some(5 * SECOND), Some(5 * SECOND), Some(65 * SECOND), None]);
    let max_age = chance.of(&[None, None, None, Some(3 * MINUTE)]);
    let for_ = chance.of(&[0, 0, every, 2 * every, 90 * SECOND]);
    let recover_for = chance.of(&[0, 2 * MINUTE, 2 * MINUTE, 7 * MINUTE]);
    let no_data_for = chance.of(&[0, 2 * MINUTE, 2 * MINUTE, 11 * MINUTE]);
    let missing_for = chance.of(&[0, 5 * MINUTE, 5 * MINUTE, 12 * MINUTE]);
    let forget_after = chance.of(&[20 * MINUTE, 2 * 60 * MINUTE, 24 * 60 * MINUTE]);
    let min_series = chance.of(&[None, None, Some(2), Some(4)]);
    let exclude: Vec<String> = chance
        .of(&[&[][..], &[], &["web-1"], &["cache *", "db-2"]])
        .iter()
        .map(ToString::to_string)
        .collect();
    let limit = chance.of(&[Some(10), Some(3), Some(1), None]);
    let no_data_limit = chance.of(&[Some(3), Some(3), Some(1), None]);
    let alert = Alert {
        name: Arc::from(name),
        place: Arc::from("alerts.yml:1"),
        targets: targets
            .iter()
            .map(|t| Target::parse(t).expect("a target"))
            .collect(),
        warning: product.warning,
        critical: product.critical,
        recover: product.recover,
        reduce: Reduce::Last,
        from: TimeSpec::Ago(Duration::from_secs(300)),
        until: None,
        max_age: max_age.map(span),
        settle: settle.map(span),
        for_: span(for_),
        recover_for: span(recover_for),
        no_data,
        no_data_for: span(no_data_for),
        missing,
        missing_for: span(missing_for),
        forget_after: span(forget_after),
        min_series,
        exclude: Exclude::new(exclude.clone()),
        limit,
        no_data_limit,
        notify: None,
        labels: BTreeMap::new(),
        description: None,
        docs: Docs::Under("https://wiki.example.com".to_owned()),
        graph: GraphLink::Off,
    };
    let model = model::Alert {
        targets: targets.iter().map(ToString::to_string).collect(),
        warning,
        critical,
        recover,
        settle,
        max_age,
        for_,
        recover_for,
        no_data: model_no_data,
        no_data_for,
        missing: model_missing,
        missing_for,
        forget_after,
        min_series,
        exclude,
        limit,
        no_data_limit,
    };
    (alert, model)
}

fn receivers(seed: u64, edit: Edit) -> (Vec<Policy>, Addresses) {
    let mut chance = Chance::new(seed, if edit == Edit::Levels { 14 } else { 13 });
    let levels = |warning, no_data, critical| Levels {
        warning,
        no_data,
        critical,
    };
    let plain = |name: &str| Policy {
        name: Arc::from(name),
        levels: Levels::ALL,
        resolved: true,
        repeat: None,
        after: Duration::ZERO,
        fallback: None,
        fallback_after: Duration::from_secs(300),
        default: false,
        keyed: false,
        recipients: Vec::new(),
    };
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
    let minutes = |chance: &mut Chance, choice: &[u64]| Duration::from_secs(60 * chance.of(choice));
    let mut policies = vec![
        Policy {
            levels: levels(false, true, true),
            keyed: true,
            repeat: hours(4),
            fallback: Some(Arc::from("mail")),
            ..plain("oncall")
        },
        Policy {
            keyed: true,
            repeat: hours(4),
            after: minutes(&mut chance, &[0, 0, 10]),
            ..plain("pages")
        },
        Policy {
            repeat: chance.of(&[None, hours(1), hours(4)]),
            recipients: ["a", "b", "c"]
                .map(|name| Arc::from(format!("{name}@example.com")))
                .to_vec(),
            ..plain("mail")
        },
        Policy {
            resolved: chance.below(4) > 0,
            levels: chance.of(&[
                Levels::ALL,
                levels(true, false, true),
                levels(true, true, false),
            ]),
            ..plain("chat")
        },
        Policy {
            levels: chance.of(&[levels(false, false, true), levels(false, true, false)]),
            after: minutes(&mut chance, &[0, 5, 30]),
            fallback: Some(Arc::from("chat")),
            ..plain("boss")
        },
    ];
    if Chance::new(seed, 22).once_in(16) {
        for policy in &mut policies {
            policy.default = matches!(&*policy.name, "oncall" | "pages" | "boss");
        }
    }
    let mut addresses: Addresses = RECEIVERS
        .iter()
        .map(|name| (Arc::from(*name), Arc::from(format!("{name}-1"))))
        .collect();
    match edit {
        Edit::Left => {
            policies.remove(0);
            addresses.remove("oncall");
        }
        Edit::Moved => drop(addresses.insert(Arc::from("oncall"), Arc::from("oncall-2"))),
        Edit::Called => {
            policies[0].name = Arc::from("first");
            if let Some(address) = addresses.remove("oncall") {
                addresses.insert(Arc::from("first"), address);
            }
        }
        _ => {}
    }
    (policies, addresses)
}
