//! Batches of any content, also of such that the agent would never write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::alert::delivery::Delivery;
use crate::alert::group::{Head, Source};
use crate::alert::incident::{About, Incident, IncidentId, Subject};
use crate::alert::lifecycle::{Active, Down, Missing, Open};
use crate::alert::world::{Batch, Memory};
use crate::alert::{Docs, GraphLink, Level, Timestamp};

/// A batch over few keys, so that later ones overwrite and delete.
pub fn batch() -> impl Strategy<Value = Batch> {
    let series = ((name(), name()), option::of(active().prop_map(Arc::new)));
    let page = vec((text(), any::<u16>()), 0..4);
    let page = page.prop_map(|names| Arc::new(names.into_iter().collect()));
    let known = ((name(), any::<u32>()), option::of(page));
    let deliveries = ((id(), name(), name()), option::of(delivery()));
    let rows = (
        vec((name(), option::of(head())), 0..4),
        vec(known, 0..4),
        vec(series, 0..6),
        vec((id(), option::of(incident())), 0..4),
        vec(deliveries, 0..4),
    );
    let memory = (option::of(at()), option::of(at()));
    let memory = memory.prop_map(|(outage_since, few_silent_since)| Memory {
        outage_since,
        few_silent_since,
    });
    (
        rows,
        option::of(memory),
        any::<bool>(),
        option::weighted(0.1, Just(())),
    )
        .prop_map(
            |((heads, known, series, incidents, deliveries), memory, owed, whole)| Batch {
                heads: unique(heads),
                known: unique(known),
                series: unique(series),
                incidents: unique(incidents),
                deliveries: unique(deliveries),
                memory,
                whole: whole.is_some(),
                owed,
            },
        )
}

/// A batch names each key once.
fn unique<K: Ord, V>(rows: Vec<(K, V)>) -> Vec<(K, V)> {
    rows.into_iter()
        .collect::<BTreeMap<K, V>>()
        .into_iter()
        .collect()
}

fn text() -> impl Strategy<Value = Arc<str>> {
    any::<String>().prop_map(Arc::from)
}

fn name() -> impl Strategy<Value = Arc<str>> {
    let names = [
        "",
        "Load",
        "load",
        "a'b\"c\\d",
        "{\"x\": 1}",
        "ä😀\u{0}\n|,",
        "1",
        "1.0",
        "null",
    ];
    select(names.to_vec()).prop_map(Arc::from)
}

fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp::from_millis)
}

fn span() -> impl Strategy<Value = Duration> {
    any::<u64>().prop_map(Duration::from_millis)
}

fn level() -> impl Strategy<Value = Level> {
    select(vec![
        Level::Ok,
        Level::Warning,
        Level::NoData,
        Level::Critical,
    ])
}

fn id() -> impl Strategy<Value = IncidentId> {
    (0_i64..5).prop_map(|n| IncidentId::new("i", "g", "s", Timestamp::from_secs(n), 1))
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("a value is finite", |value| value.is_finite())
}

fn head() -> impl Strategy<Value = Head> {
    let source = (any::<String>(), any::<u64>());
    let source = source.prop_map(|(target, answered)| Source {
        target,
        answered,
        claimed: answered % 2 == 0,
    });
    let counters = (any::<u64>(), any::<u64>(), any::<u64>());
    let slots = (option::of(at()), option::of(at()));
    let failing = (option::of(at()), option::of(any::<String>()));
    (
        counters,
        slots,
        vec(source, 0..3),
        failing,
        option::of(at()),
        any::<usize>(),
    )
        .prop_map(
            |(
                (number, answers, answered_ms),
                (slot, answered_at),
                sources,
                (failing_since, failure),
                judged_at,
                judged,
            )| Head {
                slot,
                number,
                answers,
                answered_ms,
                answered_at,
                sources,
                failing_since,
                failure,
                judged_at,
                judged,
            },
        )
}

fn active() -> impl Strategy<Value = Active> {
    let clocks = (
        option::of(at()),
        option::of(at()),
        option::of(at()),
        option::of(at()),
    );
    let missing = (any::<u64>(), any::<u64>());
    let missing = missing.prop_map(|(answers, answered_ms)| Missing {
        answers,
        answered_ms,
    });
    let down = (at(), level()).prop_map(|(since, highest)| Down { since, highest });
    let open = (
        id(),
        level(),
        any::<bool>(),
        option::of(level()),
        option::of(select(vec![Subject::More, Subject::MoreWithoutData])),
        option::of(down),
    );
    let open = open.prop_map(|(id, level, by_want, by_data, inside, down)| Open {
        id,
        level,
        by_want,
        by_data,
        inside,
        down,
    });
    let rest = (
        option::of(any::<u64>()),
        option::of(missing),
        any::<bool>(),
        option::of(level()),
    );
    (clocks, rest, option::of(open)).prop_map(
        |(
            (critical_since, warning_since, without_since, lacking_since),
            (last_data, missing, stands_in, silent),
            open,
        )| Active {
            critical_since,
            warning_since,
            without_since,
            last_data,
            lacking_since,
            missing,
            stands_in,
            silent,
            open,
        },
    )
}

fn about() -> impl Strategy<Value = About> {
    let docs = prop_oneof![
        Just(Docs::Nowhere),
        any::<String>().prop_map(Docs::Under),
        any::<String>().prop_map(Docs::Link),
    ];
    let graph = prop_oneof![
        Just(GraphLink::Off),
        Just(GraphLink::Render),
        any::<String>().prop_map(GraphLink::Link),
    ];
    let lines = || vec(finite(), 0..3);
    let labels = proptest::collection::btree_map(any::<String>(), any::<String>(), 0..3);
    let words = (
        option::of(any::<String>()),
        labels,
        option::of(any::<String>()),
    );
    let notify = option::of(vec(text(), 0..3));
    (
        words,
        docs,
        graph,
        (lines(), lines()),
        any::<bool>(),
        notify,
    )
        .prop_map(
            |(
                (target, labels, description),
                docs,
                graph,
                (warning, critical),
                in_graphite,
                notify,
            )| About {
                target,
                labels,
                description,
                docs,
                graph,
                warning,
                critical,
                in_graphite,
                notify,
            },
        )
}

fn incident() -> impl Strategy<Value = Arc<Incident>> {
    let subject = select(vec![
        Subject::Series,
        Subject::More,
        Subject::MoreWithoutData,
        Subject::Agent,
        Subject::Silence,
    ]);
    let names = (id(), text(), text(), subject.clone());
    let levels = (level(), level(), any::<u32>());
    let times = (at(), at(), option::of(at()), option::of(at()), span());
    let said = (
        option::of(finite()),
        option::of(any::<String>()),
        option::of(any::<String>()),
        any::<String>(),
    );
    let told = (
        option::of(subject),
        proptest::collection::btree_set(text(), 0..3),
    );
    (names, levels, times, said, about(), told).prop_map(
        |(names, levels, times, (value, condition, words, reason), about, (inside, also))| {
            Arc::new(Incident {
                instance: Arc::from("graphite-pager"),
                id: names.0,
                group: names.1,
                series: names.2,
                subject: names.3,
                level: levels.0,
                worst: levels.1,
                event: levels.2,
                started: times.0,
                changed: times.1,
                ended: times.2,
                no_data_since: times.3,
                lasted: times.4,
                value,
                condition: condition.map(Arc::from),
                words,
                reason: reason.into(),
                about: Arc::new(about),
                inside,
                also,
            })
        },
    )
}

fn delivery() -> impl Strategy<Value = Delivery> {
    let times = (
        option::of(at()),
        option::of(at()),
        option::of(at()),
        option::of(at()),
    );
    let keys = (option::of(level()), vec(level(), 0..3));
    let tries = (
        any::<u32>(),
        any::<u32>(),
        option::of(level()),
        option::of(any::<String>()),
    );
    (
        level(),
        level(),
        times,
        keys,
        tries,
        (any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |(
                told,
                highest,
                times,
                (key, sent),
                (reminders, tries, tried, why),
                (owed, rejected),
            )| Delivery {
                perhaps: tried,
                told,
                highest,
                told_at: times.0,
                listening_since: times.1,
                due_since: times.2,
                next_try: times.3,
                key,
                sent: BTreeSet::from_iter(sent),
                reminders,
                tries,
                tried,
                why,
                owed,
                rejected,
            },
        )
}
