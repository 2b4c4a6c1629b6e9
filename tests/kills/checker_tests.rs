//! The checker can fail: a sound story, and what it says once it is unsound.

use std::time::Duration;

use super::checker::{faults, repeats};
use super::evidence::{Evidence, Heard, Kind, Level, Reading, Said};

fn at(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds)
}

/// `web-1` is critical from slot 3 to 5, and everybody is told so at once.
fn sound() -> Evidence {
    let level = |slot| match slot {
        3..=5 => Level::Critical,
        _ => Level::Ok,
    };
    let readings = (1..=12).map(|slot| Reading {
        at: Duration::from_secs(u64::try_from(slot).unwrap()),
        slot,
        target: "load".to_owned(),
        series: "web-1".to_owned(),
        level: level(slot),
    });
    let mut evidence = Evidence {
        receivers: [
            ("oncall", Kind::Keys),
            ("mail", Kind::Messages),
            ("hook", Kind::Messages),
            ("script", Kind::CriticalMessages),
        ]
        .into(),
        readings: readings.collect(),
        ..Evidence::default()
    };
    for receiver in ["oncall", "mail", "hook", "script"] {
        evidence.heard.push(open(receiver, 3.1));
        evidence.heard.push(over(receiver, 6.1));
    }
    evidence
}

fn open(receiver: &'static str, seconds: f64) -> Heard {
    let keyed = receiver == "oncall";
    Heard {
        at: at(seconds),
        receiver,
        series: "web-1".to_owned(),
        incident: Some("one".to_owned()),
        event: Some(if keyed { 3 } else { 1 }),
        said: Said::Open(Level::Critical),
        identity: if keyed { "it/Load/web-1" } else { "one.1" }.to_owned(),
        started: Some(3).filter(|_| receiver != "mail"),
        changed: Some(3).filter(|_| receiver != "mail"),
        ended: None,
    }
}

fn over(receiver: &'static str, seconds: f64) -> Heard {
    let keyed = receiver == "oncall";
    let says_when = matches!(receiver, "hook" | "script");
    Heard {
        at: at(seconds),
        incident: Some("one".to_owned()).filter(|_| !keyed),
        event: Some(2).filter(|_| !keyed),
        said: Said::Over,
        identity: if keyed { "it/Load/web-1" } else { "one.2" }.to_owned(),
        started: Some(3).filter(|_| says_when),
        changed: Some(6).filter(|_| says_when),
        ended: Some(6).filter(|_| says_when),
        ..open(receiver, seconds)
    }
}

/// What `receiver` heard at place `index` of its messages, to be changed.
fn heard<'a>(evidence: &'a mut Evidence, receiver: &str, index: usize) -> &'a mut Heard {
    let mut of_it = evidence
        .heard
        .iter_mut()
        .filter(|one| one.receiver == receiver);
    of_it.nth(index).unwrap()
}

fn forget(evidence: &mut Evidence, receiver: &str, index: usize) {
    let mut count = 0;
    evidence.heard.retain(|one| {
        let mine = one.receiver == receiver;
        count += usize::from(mine);
        !mine || count != index + 1
    });
}

fn hear(evidence: &mut Evidence, heard: Heard) {
    evidence.heard.push(heard);
    evidence.heard.sort_by_key(|one| one.at);
}

fn check(evidence: &Evidence, expected: &str) {
    let found = faults(evidence);
    assert!(
        found.iter().any(|fault| fault.contains(expected)),
        "`{expected}` in {found:#?}"
    );
}

#[test]
fn sound_story_has_no_fault() {
    assert_eq!(faults(&sound()), Vec::<String>::new());
    assert_eq!(repeats(&sound()), 0);
}

#[test]
fn incident_that_nobody_heard_of_is_lost() {
    let mut evidence = sound();
    evidence.heard.clear();
    for receiver in ["oncall", "mail", "hook", "script"] {
        check(
            &evidence,
            &format!("lost: {receiver} never heard that web-1 was Critical at 3"),
        );
    }
}

#[test]
fn incident_that_one_of_several_did_not_hear_of_is_lost() {
    for receiver in ["oncall", "mail", "script"] {
        let mut evidence = sound();
        evidence.heard.retain(|one| one.receiver != receiver);
        check(&evidence, &format!("lost: {receiver} never heard"));
    }
}

#[test]
fn second_incident_is_not_covered_by_the_first() {
    let mut evidence = sound();
    evidence.readings[8].level = Level::Critical;
    check(
        &evidence,
        "lost: hook never heard that web-1 was Critical at 9",
    );
    check(
        &evidence,
        "lost: oncall never heard that web-1 was Critical at 9",
    );
}

#[test]
fn reading_that_was_never_judged_is_owed_to_nobody() {
    let mut evidence = sound();
    evidence.readings[8].level = Level::Critical;
    evidence.troubles = vec![at(9.01)];
    assert_eq!(faults(&evidence), Vec::<String>::new());
}

#[test]
fn warning_is_none_of_the_business_of_who_listens_to_critical() {
    let mut evidence = sound();
    for reading in &mut evidence.readings[2..5] {
        reading.level = Level::Warning;
    }
    evidence.heard.retain(|one| one.receiver != "script");
    for one in &mut evidence.heard {
        if one.said == Said::Open(Level::Critical) {
            one.said = Said::Open(Level::Warning);
        }
    }
    assert_eq!(faults(&evidence), Vec::<String>::new());
}

#[test]
fn incident_without_an_end_is_unfinished() {
    for receiver in ["oncall", "mail", "hook", "script"] {
        let mut evidence = sound();
        forget(&mut evidence, receiver, 1);
        check(
            &evidence,
            &format!("unfinished: the last word of {receiver}"),
        );
    }
}

#[test]
fn incident_that_was_over_before_it_was_told_is_a_resolve_at_most_by_key() {
    let mut evidence = sound();
    forget(&mut evidence, "oncall", 0);
    assert_eq!(faults(&evidence), Vec::<String>::new());
}

#[test]
fn same_level_twice_without_trouble_is_doubled() {
    for receiver in ["oncall", "mail", "hook", "script"] {
        let mut evidence = sound();
        hear(&mut evidence, open(receiver, 4.1));
        check(
            &evidence,
            &format!("doubled: {receiver} was told Open(Critical)"),
        );
        let mut evidence = sound();
        hear(&mut evidence, over(receiver, 7.1));
        check(&evidence, &format!("doubled: {receiver} was told Over"));
    }
}

#[test]
fn same_level_twice_with_a_kill_between_is_a_repeat() {
    for receiver in ["oncall", "mail", "hook", "script"] {
        let mut evidence = sound();
        evidence.troubles = vec![at(3.2)];
        hear(&mut evidence, open(receiver, 4.1));
        assert_eq!(faults(&evidence), Vec::<String>::new());
        assert_eq!(repeats(&evidence), 1);
    }
}

#[test]
fn same_level_twice_with_a_kill_long_after_is_doubled() {
    let mut evidence = sound();
    evidence.troubles = vec![at(9.5)];
    hear(&mut evidence, over("hook", 10.1));
    check(&evidence, "doubled: hook was told Over");
}

#[test]
fn same_level_twice_with_something_taken_after_it_is_doubled() {
    let mut evidence = sound();
    evidence.troubles = vec![at(4.5)];
    let mut other = open("hook", 4.2);
    other.incident = Some("other".to_owned());
    other.identity = "other.1".to_owned();
    hear(&mut evidence, other);
    hear(&mut evidence, open("hook", 5.1));
    check(&evidence, "doubled: hook was told Open(Critical) of one");
}

#[test]
fn repeat_under_another_name_is_said() {
    for (receiver, name) in [("mail", "one.1x"), ("oncall", "it/Load/web-1/critical")] {
        let mut evidence = sound();
        evidence.troubles = vec![at(3.2)];
        let mut again = open(receiver, 4.1);
        again.identity = name.to_owned();
        hear(&mut evidence, again);
        check(
            &evidence,
            &format!(
                "renamed: event {} of one",
                open(receiver, 0.0).event.unwrap()
            ),
        );
    }
}

#[test]
fn two_events_of_one_name_are_said() {
    let mut evidence = sound();
    heard(&mut evidence, "mail", 1).identity = "one.1".to_owned();
    check(&evidence, "confused: one.1");
}

#[test]
fn older_event_after_a_newer_one_is_disordered() {
    let mut evidence = sound();
    evidence.troubles = vec![at(6.2)];
    hear(&mut evidence, open("mail", 7.1));
    hear(&mut evidence, over("mail", 8.1));
    check(
        &evidence,
        "disordered: mail heard event 1 of one (web-1) after event 2",
    );
}

#[test]
fn end_that_was_not_read_is_untrue() {
    let mut evidence = sound();
    heard(&mut evidence, "hook", 1).ended = Some(5);
    check(
        &evidence,
        "untrue: hook was told that web-1 is Ok from Some(5)",
    );
}

#[test]
fn level_and_beginning_that_were_not_read_are_untrue() {
    let mut evidence = sound();
    heard(&mut evidence, "hook", 0).said = Said::Open(Level::Warning);
    check(&evidence, "untrue: hook was told that web-1 is Warning");
    let mut evidence = sound();
    heard(&mut evidence, "oncall", 0).started = Some(2);
    check(
        &evidence,
        "untrue: oncall was told that web-1 went bad at Some(2)",
    );
}

#[test]
fn end_while_it_is_bad_throughout_is_false() {
    let mut evidence = sound();
    heard(&mut evidence, "oncall", 1).at = at(5.5);
    check(&evidence, "falsely resolved: oncall closed it/Load/web-1");
    let mut evidence = sound();
    heard(&mut evidence, "mail", 1).at = at(5.5);
    check(&evidence, "falsely resolved: mail was told");
}

#[test]
fn key_that_another_took_the_place_of_may_be_closed() {
    let mut evidence = sound();
    let raised = Heard {
        identity: "it/Load/web-1/critical".to_owned(),
        event: Some(4),
        changed: Some(4),
        ..open("oncall", 4.1)
    };
    let mut closed = over("oncall", 6.2);
    closed.identity.clone_from(&raised.identity);
    hear(&mut evidence, raised);
    hear(&mut evidence, closed);
    heard(&mut evidence, "oncall", 2).at = at(4.2);
    assert_eq!(faults(&evidence), Vec::<String>::new());
}
