//! What people write in a line: targets and times, thresholds and durations,
//! schedules and hours.

use std::time::Duration;

use chrono_tz::Tz;
use graphite_pager::alert::condition::{Conditions, Direction, Written, conditions};
use graphite_pager::alert::zone::local;
use graphite_pager::alert::{
    Active, Exclude, Reduce, Schedule, Target, TimeSpec, Timestamp, Zone, duration,
};

use super::calendar::{Crontab, Hours, shown};
use super::is_a_line;

fn text(data: &[u8]) -> Option<&str> {
    std::str::from_utf8(data).ok()
}

/// Lines: a target, a time, a legend.
pub fn target(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Target::parse(text) {
        Ok(target) => {
            assert_eq!(target.as_str(), text.trim());
            assert_eq!(Target::parse(target.as_str()), Ok(target));
            assert!(is_balanced(text.trim()), "{text:?}");
        }
        Err(why) => {
            is_a_line(&why, 400);
            // it names places that are there
            let named = why.split("character ").skip(1);
            for place in named.filter_map(|rest| {
                rest.split(|c: char| !c.is_ascii_digit())
                    .next()?
                    .parse::<usize>()
                    .ok()
            }) {
                assert!(
                    (1..=text.chars().count()).contains(&place),
                    "{text:?}: {why}"
                );
            }
        }
    }
    let mut lines = text.split('\n');
    let (entry, time, legend) = (
        lines.next().unwrap_or(""),
        lines.next().unwrap_or(""),
        lines.next().unwrap_or(""),
    );
    time_spec(time);
    let exclude = Exclude::new(vec![entry.to_owned()]);
    assert_eq!(exclude.excluded_by(entry), Some(entry));
    assert!(exclude.excluded_by(legend).is_none_or(|by| by == entry));
}

/// Whether brackets outside of quotes close each other; a backslash takes the
/// next character's meaning.
fn is_balanced(text: &str) -> bool {
    let mut open = Vec::new();
    let mut quote = None;
    let mut escaped = false;
    for c in text.chars() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (_, '\\') => escaped = true,
            (Some(q), _) => quote = Some(q).filter(|q| *q != c),
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, ')' | ']' | '}') if open.pop() != Some(c) => return false,
            _ => {}
        }
    }
    open.is_empty() && quote.is_none() && !escaped
}

fn time_spec(text: &str) {
    let slot = Timestamp::from_secs(1_700_000_000);
    match TimeSpec::parse(text) {
        Ok(spec @ TimeSpec::Ago(span)) => {
            let ago = i64::try_from(span.as_secs()).unwrap();
            assert_eq!(spec.render(slot), (1_700_000_000 - ago).max(0).to_string());
        }
        Ok(spec @ TimeSpec::Verbatim(_)) => {
            let sent = spec.render(slot);
            assert_eq!(sent, text.trim());
            assert!(!sent.chars().any(char::is_control));
        }
        Err(why) => is_a_line(&why, 400 + 10 * text.len()),
    }
}

/// Lines: warning, critical, recover.
pub fn threshold(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for line in text.split('\n').take(3) {
        span(line);
        if let Err(why) = Reduce::parse(line) {
            assert!(why.contains("expected"), "{why}");
        }
        alone(line);
    }
    let mut lines = text.split('\n').map(|line| match line.parse::<f64>() {
        // as YAML has a number
        Ok(number) if !line.contains(|c: char| c.is_alphabetic()) => Written::Number(number),
        _ => Written::Text(line.to_owned()),
    });
    let mut next = || {
        lines
            .next()
            .filter(|written| *written != Written::Text(String::new()))
    };
    let (warning, critical, recover) = (next(), next(), next());
    match conditions(
        "Load",
        warning.as_ref(),
        critical.as_ref(),
        recover.as_ref(),
    ) {
        Ok(found) => together(&found),
        Err(faults) => {
            assert!(!faults.is_empty());
            for fault in faults {
                assert!(!fault.message.is_empty());
                assert!(["warning", "critical", "recover"].contains(&fault.key));
            }
        }
    }
}

fn span(text: &str) {
    match duration::parse(text) {
        Ok(span) => {
            assert_eq!(duration::parse(&duration::format(span)), Ok(span));
            let rough = duration::parse(&duration::rough(span)).unwrap();
            assert!(
                rough <= span && span - rough <= span / 2,
                "{span:?} is about {rough:?}"
            );
        }
        Err(why) => assert!(!why.is_empty()),
    }
}

/// One threshold alone means what it says at its lines and just beside them.
fn alone(text: &str) {
    let written = Written::Text(text.to_owned());
    let Ok(Conditions {
        critical: Some(condition),
        ..
    }) = conditions("Load", None, Some(&written), None)
    else {
        return;
    };
    let lines = condition.lines();
    assert!(lines.iter().all(|line| line.is_finite()), "{text:?}");
    let words = condition.to_string();
    let (low, high) = (lines[0], lines[lines.len() - 1]);
    let sides = [low.next_down(), low, high, high.next_up()].map(|value| condition.holds(value));
    let expected = match words.split(' ').next().unwrap() {
        ">" => [false, false, false, true],
        ">=" => [false, true, true, true],
        "<" => [true, false, false, false],
        "<=" => [true, true, true, false],
        "==" => [false, true, true, false],
        "!=" => [true, false, false, true],
        "inside" => [false, true, true, false],
        "outside" => [true, false, false, true],
        other => panic!("{other:?} of {text:?}"),
    };
    assert_eq!(sides, expected, "{text:?} is `{words}`");
    // what a page shows can be written into the file again
    let again = Written::Text(words.clone());
    let again = conditions("Load", None, Some(&again), None)
        .unwrap_or_else(|faults| panic!("{words:?}: {faults:?}"));
    let again = again.critical.unwrap();
    assert_eq!((again.lines(), again.to_string()), (lines, words));
}

/// No value is both recovered and critical where numbers say so.
fn together(found: &Conditions) {
    assert!(found.warning.is_some() || found.critical.is_some());
    let every = [&found.warning, &found.critical, &found.recover];
    let lines: Vec<f64> = every
        .iter()
        .filter_map(|condition| condition.as_ref())
        .flat_map(|condition| condition.lines())
        .collect();
    if let (Some(warning), Some(critical)) = (&found.warning, &found.critical) {
        let near = lines
            .iter()
            .flat_map(|line| [line.next_down(), *line, line.next_up()]);
        let differ = near
            .into_iter()
            .any(|value| warning.holds(value) != critical.holds(value));
        let unlike = warning.lines() == critical.lines()
            && warning.to_string().split(' ').next() == critical.to_string().split(' ').next();
        assert!(differ || !unlike, "`{warning}` and `{critical}`");
        if (warning.direction(), critical.direction())
            == (Some(Direction::High), Some(Direction::Low))
        {
            // both were written out
            assert!(warning.to_string().starts_with('>') && critical.to_string().starts_with('<'));
        }
    }
}

/// Lines: a crontab expression, a time zone, epoch seconds, hours.
pub fn schedule(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or("");
    let (expression, zone, at, hours) = (next(), next(), next(), next());
    // looked at with tables of another library
    let named = zone.parse::<Zone>().ok().zip(zone.parse::<Tz>().ok());
    let berlin = || ("Europe/Berlin".parse().unwrap(), Tz::Europe__Berlin);
    let (ours, zone) = named.unwrap_or_else(berlin);
    // within the calendar, and where offsets are whole minutes
    let at = at
        .parse::<i64>()
        .unwrap_or(1_774_700_000)
        .clamp(100_000_000, 4_090_000_000);
    // rules that changed of late are in one of the two only; `zone.rs` holds the rest
    let mut minutes = (at / 60 - AROUND..at / 60 + 8 * 24 * 60).step_by(15);
    let ours_shows = |minute: i64| local(&ours, Timestamp::from_secs(minute * 60));
    if !minutes.all(|minute| ours_shows(minute) == Some(shown(zone, minute))) {
        return;
    }
    match (
        Schedule::cron(expression, ours.clone()),
        Crontab::parse(expression),
    ) {
        (Ok(schedule), Some(naive)) => {
            assert!(naive.ever_fires(), "{expression:?}");
            walk(&schedule, &naive, zone, at);
        }
        (Ok(_), None) => panic!("{expression:?} was taken"),
        (Err(why), naive) => {
            assert!(
                why.contains("schedule") || why.contains("never fires"),
                "{why}"
            );
            assert!(
                naive.is_none_or(|naive| !naive.ever_fires()),
                "{expression:?}: {why}"
            );
        }
    }
    if let Ok(active) = Active::parse(hours, ours) {
        active_hours(&active, Hours::parse(hours).as_ref(), zone, at);
    } else {
        assert!(Hours::parse(hours).is_none(), "{hours:?} was refused");
    }
}

/// Minutes that are looked at on either side.
const AROUND: i64 = 2 * 24 * 60;

fn walk(schedule: &Schedule, naive: &Crontab, zone: Tz, at: i64) {
    let (first, last) = (at / 60 - AROUND, at / 60 + AROUND);
    let clock: Vec<_> = (first..=last).map(|minute| shown(zone, minute)).collect();
    let slots = naive.slots(first, &clock);
    // a time that the clock showed before the first minute may be skipped only later
    let slots: Vec<i64> = slots
        .into_iter()
        .filter(|slot| *slot > first + 24 * 60)
        .map(|minute| minute * 60)
        .collect();
    let now = Timestamp::from_secs(at);
    let after = slots.iter().copied().find(|slot| *slot > at);
    let found = schedule.next_after(now).map(Timestamp::as_secs);
    let within = found.filter(|slot| *slot <= last * 60);
    assert_eq!(within, after, "the next after {at} in {zone}");
    let before = slots.iter().copied().rfind(|slot| *slot <= at);
    let found = schedule.latest_at(now).map(Timestamp::as_secs);
    let within = found.filter(|slot| *slot > (first + 24 * 60) * 60);
    assert_eq!(within, before, "the latest at {at} in {zone}");
    let end = Timestamp::from_secs(last * 60);
    let count = slots.iter().filter(|slot| **slot > at).count();
    assert_eq!(
        schedule.count_between(now, end, 10_000),
        count as u64,
        "after {at} in {zone}"
    );
    if let Some(slot) = after {
        let period = schedule.period_before(Timestamp::from_secs(slot));
        assert!(period > Duration::ZERO);
        if let Some(before) = before {
            assert_eq!(period, Duration::from_secs((slot - before) as u64));
        }
    }
}

fn active_hours(active: &Active, naive: Option<&Hours>, zone: Tz, at: i64) {
    let covers = |minute: i64| active.covers(Timestamp::from_secs(minute * 60));
    let first = at / 60;
    let now = covers(first);
    let changed = (first + 1..first + 8 * 24 * 60).find(|minute| covers(*minute) != now);
    let found = active.next_change(Timestamp::from_secs(first * 60));
    assert_eq!(
        found,
        changed.map(|minute| Timestamp::from_secs(minute * 60)),
        "after {at} in {zone}"
    );
    if let Some(naive) = naive {
        for minute in first..first + AROUND {
            assert_eq!(
                covers(minute),
                naive.covers(shown(zone, minute)),
                "minute {minute} in {zone}"
            );
        }
    }
}
