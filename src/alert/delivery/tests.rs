#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]
use std::sync::Arc;

use super::*;
use crate::alert::incident::{IncidentId, Subject};
use crate::alert::level::Levels;

const LEVELS: [Level; 4] = [Level::Ok, Level::Warning, Level::NoData, Level::Critical];

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_000_000 + seconds)
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// An incident at `level`, or one that is over.
fn incident(level: Level) -> Incident {
    Incident {
        instance: Arc::from("graphite-pager"),
        id: IncidentId::new("i", "g", "s", at(0), 1),
        group: Arc::from("g"),
        series: Arc::from("s"),
        subject: Subject::Series,
        level,
        worst: Level::Critical,
        started: at(0),
        changed: at(0),
        ended: (level == Level::Ok).then(|| at(0)),
        event: 1,
        value: None,
        condition: None,
        lasted: Duration::ZERO,
        no_data_since: None,
        words: None,
        reason: Arc::default(),
        about: Arc::default(),
        inside: None,
        also: BTreeSet::new(),
    }
}

fn messaging() -> Policy {
    Policy {
        name: Arc::from("r"),
        levels: Levels::ALL,
        resolved: true,
        repeat: None,
        after: Duration::ZERO,
        fallback: None,
        fallback_after: secs(300),
        default: false,
        keyed: false,
        recipients: Vec::new(),
    }
}

fn keyed() -> Policy {
    Policy {
        keyed: true,
        ..messaging()
    }
}

fn now() -> Situation {
    Situation {
        routed: true,
        held: false,
        all_levels: false,
        now: at(0),
    }
}

fn told(level: Level) -> Delivery {
    Delivery {
        told: level,
        highest: level,
        told_at: Some(at(0)),
        ..Delivery::default()
    }
}

fn only(level: Level) -> Levels {
    Levels {
        warning: level == Level::Warning,
        no_data: level == Level::NoData,
        critical: level == Level::Critical,
    }
}

#[test]
fn desired_is_the_level_where_it_is_listened_to_and_routed_and_open_else_ok() {
    for level in LEVELS {
        for listened in [Level::Warning, Level::NoData, Level::Critical] {
            for routed in [true, false] {
                for all_levels in [true, false] {
                    let policy = Policy {
                        levels: only(listened),
                        ..messaging()
                    };
                    let situation = Situation {
                        routed,
                        all_levels,
                        ..now()
                    };
                    let wanted = routed && (all_levels || level == listened);
                    let expected = if wanted { level } else { Level::Ok };
                    assert_eq!(desired(&incident(level), &policy, &situation), expected);
                }
            }
        }
    }
}

/// Every combination of what a delivery can hold and what it can meet.
fn combinations() -> impl Iterator<Item = (Delivery, Policy, Incident, Situation)> {
    (0..4_u32 * 4 * 4 * 4 * 64).map(|mut n| {
        let mut pick = |count: u32| {
            let picked = n % count;
            n /= count;
            usize::try_from(picked).unwrap()
        };
        let (level, told_level, listened, highest) = (
            LEVELS[pick(4)],
            LEVELS[pick(4)],
            LEVELS[pick(4)],
            LEVELS[pick(4)],
        );
        let mut flag = || pick(2) == 1;
        let (routed, held, is_keyed, resolved, owed, sent) =
            (flag(), flag(), flag(), flag(), flag(), flag());
        let delivery = Delivery {
            told: told_level,
            highest: if told_level == Level::Ok {
                Level::Ok
            } else {
                highest.max(told_level)
            },
            told_at: Some(at(-10)),
            owed: owed && told_level == Level::Ok,
            key: (is_keyed && told_level != Level::Ok).then_some(Level::Ok),
            sent: if is_keyed && (sent || told_level != Level::Ok) {
                BTreeSet::from([Level::Ok])
            } else {
                BTreeSet::new()
            },
            ..Delivery::default()
        };
        let levels = if listened == Level::Ok {
            Levels::ALL
        } else {
            only(listened)
        };
        let policy = Policy {
            levels,
            keyed: is_keyed,
            resolved,
            ..messaging()
        };
        (
            delivery,
            policy,
            incident(level),
            Situation {
                routed,
                held,
                ..now()
            },
        )
    })
}

#[test]
fn a_delivery_is_due_exactly_when_desired_and_told_differ() {
    for (delivery, policy, incident, situation) in combinations() {
        let wanted = desired(&incident, &policy, &situation);
        let owes = delivery.owes(&incident, &policy, &situation);
        let case = format!("{delivery:?} {policy:?} {} {situation:?}", incident.level);
        let expected = match (delivery.told, wanted) {
            // nothing differs; what may have been taken, or was missed, is ended
            (Level::Ok, Level::Ok) if policy.keyed => {
                match delivery.sent.is_empty() || !policy.resolved {
                    true => Owes::Nothing,
                    false => Owes::Now(Tell::Resolved),
                }
            }
            (Level::Ok, Level::Ok) => {
                match delivery.owed && !incident.is_open() && situation.routed {
                    true => Owes::Now(Tell::Both),
                    false => Owes::Nothing,
                }
            }
            (told, wanted) if told == wanted => Owes::Nothing,
            (_, Level::Ok) => {
                let over = !incident.is_open() || !situation.routed;
                match (over || policy.keyed, policy.resolved) {
                    (true, true) => Owes::Now(Tell::Resolved),
                    (true, false) => Owes::Nothing,
                    (false, _) => Owes::Now(Tell::Left),
                }
            }
            _ if situation.held => Owes::Nothing,
            (Level::Ok, _) => Owes::Now(Tell::New),
            (_, wanted) if wanted > delivery.highest => Owes::Now(Tell::Raised),
            _ => Owes::Now(Tell::Changed),
        };
        assert_eq!(owes, expected, "{case}");
    }
}

#[test]
fn after_is_counted_from_the_level_that_is_listened_to() {
    let policy = Policy {
        after: secs(1800),
        ..messaging()
    };
    let mut delivery = Delivery::default();
    let owes = |delivery: &Delivery, seconds| {
        let situation = Situation {
            now: at(seconds),
            ..now()
        };
        delivery.owes(&incident(Level::Critical), &policy, &situation)
    };
    delivery.listen(Level::Warning, at(0));
    delivery.listen(Level::Critical, at(600));
    assert_eq!(owes(&delivery, 1799), Owes::Later(at(1800)));
    assert_eq!(owes(&delivery, 1800), Owes::Now(Tell::New));
    delivery.listen(Level::Ok, at(1801));
    delivery.listen(Level::Critical, at(2000));
    assert_eq!(owes(&delivery, 2000), Owes::Later(at(3800)));
}

#[test]
fn a_reminder_is_counted_from_the_last_accepted_message() {
    let policy = Policy {
        repeat: Some(secs(3600)),
        ..messaging()
    };
    let mut delivery = told(Level::Critical);
    let owes = |delivery: &Delivery, seconds, held| {
        let situation = Situation {
            now: at(seconds),
            held,
            ..now()
        };
        delivery.owes(&incident(Level::Critical), &policy, &situation)
    };
    assert_eq!(owes(&delivery, 10, false), Owes::Later(at(3600)));
    assert_eq!(owes(&delivery, 3600, false), Owes::Now(Tell::Reminder));
    assert_eq!(owes(&delivery, 3600, true), Owes::Nothing);
    delivery.accepted(Tell::Reminder, Level::Critical, None, at(4000));
    assert_eq!(delivery.reminders, 1);
    assert_eq!(owes(&delivery, 4001, false), Owes::Later(at(7600)));
}

#[test]
fn without_repeat_nobody_is_reminded() {
    let situation = Situation {
        now: at(1_000_000),
        ..now()
    };
    let owes = told(Level::Critical).owes(&incident(Level::Critical), &messaging(), &situation);
    assert_eq!(owes, Owes::Nothing);
}

/// Has PagerDuty accept whatever is owed at `level` until nothing is, as `tell key` words.
fn accept_all(delivery: &mut Delivery, level: Level) -> Vec<String> {
    let mut words = Vec::new();
    while let Owes::Now(tell) = delivery.owes(&incident(level), &keyed(), &now()) {
        let key = delivery.key_for(tell, level);
        if matches!(
            tell,
            Tell::New | Tell::Raised | Tell::Changed | Tell::Reminder
        ) {
            delivery.sent.insert(key);
        }
        delivery.accepted(tell, level, Some(key), at(0));
        let verb = match tell {
            Tell::Stray(_) | Tell::Resolved => "resolve",
            _ => "trigger",
        };
        words.push(format!("{verb} {key}"));
        assert!(words.len() < 10, "{words:?}");
    }
    words
}

#[test]
fn a_raise_wakes_under_a_key_of_its_own_and_then_ends_the_one_before() {
    let mut delivery = Delivery::default();
    assert_eq!(accept_all(&mut delivery, Level::Warning), ["trigger ok"]);
    assert_eq!(
        accept_all(&mut delivery, Level::NoData),
        ["trigger no_data", "resolve ok"]
    );
    assert_eq!(
        accept_all(&mut delivery, Level::Critical),
        ["trigger critical", "resolve no_data"]
    );
    // below the highest that was accepted: the open key is updated
    assert_eq!(
        accept_all(&mut delivery, Level::Warning),
        ["trigger critical"]
    );
    assert_eq!(
        accept_all(&mut delivery, Level::Critical),
        ["trigger critical"]
    );
    assert_eq!(accept_all(&mut delivery, Level::Ok), ["resolve critical"]);
    assert_eq!(delivery.sent, BTreeSet::new());
    assert_eq!(
        (delivery.told, delivery.highest, delivery.key),
        (Level::Ok, Level::Ok, None)
    );
}

#[test]
fn a_lowering_updates_the_open_key() {
    let mut delivery = Delivery::default();
    assert_eq!(accept_all(&mut delivery, Level::Critical), ["trigger ok"]);
    assert_eq!(accept_all(&mut delivery, Level::Warning), ["trigger ok"]);
}

#[test]
fn a_key_whose_trigger_was_never_answered_is_ended_once_the_present_state_is_accepted() {
    let mut delivery = Delivery::default();
    accept_all(&mut delivery, Level::Warning);
    // a raise that nobody answered, and that is no longer so
    delivery.sent.insert(Level::Critical);
    delivery.failed(Level::Critical, "no answer".to_owned(), None, 0.0, at(0));
    assert_eq!(
        accept_all(&mut delivery, Level::Warning),
        ["resolve critical"]
    );
    // and the same at the end
    delivery.sent.insert(Level::Critical);
    assert_eq!(
        accept_all(&mut delivery, Level::Ok),
        ["resolve ok", "resolve critical"]
    );
}

#[test]
fn a_level_that_comes_back_while_its_keys_are_being_ended_is_told_anew() {
    let mut delivery = Delivery::default();
    accept_all(&mut delivery, Level::Warning);
    delivery.sent.insert(Level::Critical);
    // left: the first key is ended, the other one not yet
    delivery.accepted(Tell::Resolved, Level::Ok, Some(Level::Ok), at(0));
    assert_eq!(
        accept_all(&mut delivery, Level::Warning),
        ["trigger ok", "resolve critical"]
    );
}

/// PagerDuty listens to no warnings: has it be sent what is owed at `level`, without an answer.
fn send_unanswered(delivery: &mut Delivery, level: Level) -> String {
    let policy = without_warnings();
    let Owes::Now(tell) = delivery.owes(&incident(level), &policy, &now()) else {
        panic!("{delivery:?} owes nothing at {level}");
    };
    let level = desired(&incident(level), &policy, &now());
    let key = delivery.key_for(tell, level);
    delivery.attempted(level, Some(key));
    let trigger = level != Level::Ok;
    if trigger {
        delivery.sent.insert(key);
    }
    delivery.failed(level, "no answer".to_owned(), None, 0.0, at(0));
    let verb = if trigger { "trigger" } else { "resolve" };
    format!("{verb} {key}")
}

fn without_warnings() -> Policy {
    Policy {
        levels: Levels {
            warning: false,
            ..Levels::ALL
        },
        ..keyed()
    }
}

#[test]
fn what_follows_an_unanswered_end_wakes_under_a_key_of_its_own_and_so_does_a_raise_of_it() {
    let mut delivery = Delivery::default();
    accept_all(&mut delivery, Level::Critical);
    assert_eq!(
        send_unanswered(&mut delivery, Level::Warning),
        "resolve ok",
        "no longer a level that it listens to"
    );
    assert_eq!(
        accept_all(&mut delivery, Level::NoData),
        ["trigger no_data", "resolve ok"]
    );
    assert_eq!(
        accept_all(&mut delivery, Level::Critical),
        ["trigger critical", "resolve no_data"],
        "what was critical before that end woke nobody for this"
    );
    assert_eq!(accept_all(&mut delivery, Level::Ok), ["resolve critical"]);
}

#[test]
fn the_level_before_an_unanswered_end_goes_to_the_key_that_it_had_and_counts_anew() {
    let mut delivery = Delivery::default();
    accept_all(&mut delivery, Level::Critical);
    accept_all(&mut delivery, Level::NoData);
    send_unanswered(&mut delivery, Level::Warning);
    assert_eq!(accept_all(&mut delivery, Level::NoData), ["trigger ok"]);
    assert_eq!(
        accept_all(&mut delivery, Level::Critical),
        ["trigger critical", "resolve ok"]
    );
}

#[test]
fn a_raise_of_what_nobody_answered_after_an_unanswered_end_wakes_as_well() {
    let mut delivery = Delivery::default();
    accept_all(&mut delivery, Level::NoData);
    send_unanswered(&mut delivery, Level::Warning);
    assert_eq!(send_unanswered(&mut delivery, Level::NoData), "trigger ok");
    assert_eq!(
        accept_all(&mut delivery, Level::Critical),
        ["trigger critical", "resolve ok"]
    );
    // and where it was critical before: that page is open still, or opens with this
    send_unanswered(&mut delivery, Level::Warning);
    assert_eq!(
        send_unanswered(&mut delivery, Level::NoData),
        "trigger no_data"
    );
    assert_eq!(
        accept_all(&mut delivery, Level::Critical),
        ["trigger critical", "resolve no_data"]
    );
}

#[test]
fn an_end_that_is_still_owed_after_another_attempt_is_one_that_may_have_been_taken() {
    let mut delivery = Delivery::default();
    accept_all(&mut delivery, Level::NoData);
    accept_all(&mut delivery, Level::Critical);
    assert_eq!(
        send_unanswered(&mut delivery, Level::Warning),
        "resolve critical"
    );
    send_unanswered(&mut delivery, Level::NoData);
    // one of the two keys is ended for certain, and the other one perhaps
    delivery.accepted(Tell::Resolved, Level::Ok, Some(Level::NoData), at(0));
    assert_eq!(
        accept_all(&mut delivery, Level::NoData),
        ["trigger no_data", "resolve critical"]
    );
}

#[test]
fn of_several_unanswered_levels_somebody_may_have_acknowledged_the_lowest() {
    let mut delivery = Delivery::default();
    assert_eq!(
        send_unanswered(&mut delivery, Level::Critical),
        "trigger ok"
    );
    assert_eq!(send_unanswered(&mut delivery, Level::NoData), "trigger ok");
    assert_eq!(
        accept_all(&mut delivery, Level::Critical),
        ["trigger critical", "resolve ok"]
    );
}

#[test]
fn what_came_and_went_before_the_first_answer_is_resolved_and_never_triggered() {
    let mut delivery = Delivery {
        owed: true,
        sent: BTreeSet::from([Level::Ok]),
        ..Delivery::default()
    };
    assert_eq!(accept_all(&mut delivery, Level::Ok), ["resolve ok"]);
    assert!(!delivery.owed);
}

#[test]
fn waits_double_from_a_second_to_five_minutes_and_chance_takes_off_a_quarter_at_most() {
    let waits: Vec<u64> = (1..=11)
        .map(|tries| backoff(tries, 0.0).as_secs())
        .collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    assert_eq!(backoff(1, 1.0), secs(1));
    assert_eq!(backoff(10, 1.0), secs(225));
    assert_eq!(backoff(u32::MAX, 0.5), Duration::from_millis(262_500));
}

#[test]
fn one_that_does_not_answer_is_left_alone_whatever_changes_meanwhile() {
    let mut delivery = Delivery::default();
    delivery.failed(Level::Warning, "503".to_owned(), Some(secs(30)), 0.0, at(0));
    assert_eq!(delivery.not_before(Level::Warning, at(29)), Some(at(30)));
    assert_eq!(delivery.not_before(Level::Critical, at(29)), Some(at(30)));
    assert_eq!(delivery.not_before(Level::Warning, at(30)), None);
}

#[test]
fn one_that_refused_is_asked_again_after_a_minute_and_then_every_five() {
    let mut delivery = Delivery::default();
    let mut time = 0;
    for wait in [60, 300, 300] {
        delivery.refused(Level::Warning, "400".to_owned(), false, at(time));
        assert_eq!(
            delivery.not_before(Level::Warning, at(time)),
            Some(at(time + wait))
        );
        time += wait;
    }
}

#[test]
fn a_mail_server_that_refused_is_asked_again_after_a_minute_and_then_every_fifteen() {
    let mut delivery = Delivery::default();
    let mut time = 0;
    for wait in [60, 900, 900] {
        delivery.refused(Level::Warning, "550".to_owned(), true, at(time));
        assert_eq!(
            delivery.not_before(Level::Warning, at(time)),
            Some(at(time + wait))
        );
        time += wait;
    }
}

#[test]
fn what_was_refused_is_tried_at_once_when_something_else_is_to_be_said() {
    let mut delivery = Delivery::default();
    delivery.refused(Level::Warning, "400".to_owned(), false, at(0));
    assert_eq!(delivery.not_before(Level::Critical, at(1)), None);
    delivery.refused(Level::Critical, "400".to_owned(), false, at(1));
    assert_eq!(delivery.not_before(Level::Critical, at(2)), Some(at(61)));
    delivery.try_again();
    assert_eq!(delivery.not_before(Level::Critical, at(2)), None);
}

#[test]
fn a_refusal_stands_until_something_is_accepted() {
    let mut delivery = Delivery::default();
    delivery.refused(Level::Warning, "400".to_owned(), false, at(0));
    delivery.failed(Level::Warning, "timed out".to_owned(), None, 0.0, at(60));
    assert!(delivery.rejected);
    delivery.accepted(Tell::New, Level::Warning, None, at(61));
    assert_eq!(
        (delivery.rejected, delivery.tries, delivery.why),
        (false, 0, None)
    );
}

#[test]
fn the_most_urgent_come_first() {
    let mut tells = [
        (Tell::Reminder, Level::Critical),
        (Tell::Changed, Level::Critical),
        (Tell::Resolved, Level::Ok),
        (Tell::New, Level::Warning),
        (Tell::New, Level::Critical),
    ];
    tells.sort_by_key(|(tell, level)| tell.urgency(*level));
    tells.reverse();
    let order = [
        Tell::Reminder,
        Tell::Changed,
        Tell::Resolved,
        Tell::New,
        Tell::New,
    ];
    assert_eq!(
        tells.iter().map(|(tell, _)| *tell).collect::<Vec<_>>(),
        order
    );
    let urgency = |tell: Tell, level| tell.urgency(level);
    assert_eq!(
        urgency(Tell::Raised, Level::Critical),
        urgency(Tell::New, Level::Critical)
    );
    assert_eq!(
        urgency(Tell::Raised, Level::NoData),
        urgency(Tell::New, Level::Warning)
    );
    for end in [Tell::Both, Tell::Left, Tell::Stray(Level::Ok)] {
        assert_eq!(
            urgency(end, Level::Critical),
            urgency(Tell::Resolved, Level::Ok)
        );
    }
}
