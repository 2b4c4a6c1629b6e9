//! PagerDuty, webhooks, Slack and programs that fail, through the binary: what
//! reaches whom, what the log says, and who is told of the trouble (design
//! section 6). Mail is in `faults_mail.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::Value;

use support::bench::{
    Bench, KEY, PATH, Watched, events, hook, messages, oncall, owned, wait_until,
};
use support::graphite::Series;
use support::pagerduty::PagerDuty;
use support::sink::{Answer, Request, Sink};
use support::{DEADLINE, poll};

/// A PagerDuty receiver with a key of its own, and further keys of the receiver.
fn pager(name: &str, key: char, url: &str, keys: &str) -> String {
    let key = format!("{}{key}", &KEY[..31]);
    format!("  {name}: {{pagerduty: {{routing_key: {key}, url: '{url}'}}{keys}}}\n")
}

/// What the log says of `receiver` in the first line that has `part`.
fn log(agent: &mut Watched, receiver: &str, part: &str) -> String {
    let name = format!("receiver=\"{receiver}\"");
    agent.wait(&format!("`{part}` of {receiver} in the log"), |agent| {
        let found = |line: &&str| line.contains(&name) && line.contains(part);
        agent.stderr().lines().find(found).map(ToOwned::to_owned)
    })
}

/// Host and port of a URL, as the log names them.
fn host(url: &str) -> &str {
    url.trim_start_matches("http://")
}

fn keys(pagerduty: &PagerDuty) -> Vec<Value> {
    let requests = pagerduty.sink.requests();
    requests
        .iter()
        .map(|request| request.json()["dedup_key"].clone())
        .collect()
}

// --- PagerDuty ---------------------------------------------------------------------------

#[test]
fn a_429_pauses_for_what_it_asks_for_be_it_a_date_and_nonsense_is_a_growing_wait() {
    let all: Vec<PagerDuty> = (0..4).map(|_| PagerDuty::start()).collect();
    let in_three = chrono::Utc::now() + chrono::Duration::seconds(5);
    let date = in_three.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let answers = [
        Answer::status(429),
        Answer::retry_after(429, "soon, I hope"),
        Answer::retry_after(429, "-5"),
        Answer::retry_after(429, &date),
    ];
    let mut receivers = String::new();
    for (n, (pagerduty, answer)) in all.iter().zip(&answers).enumerate() {
        for _ in 0..3 {
            pagerduty.sink.next(answer.clone());
        }
        let key = char::from(b'0' + u8::try_from(n).unwrap());
        receivers += &pager(&format!("p{n}"), key, &pagerduty.url(), "");
    }
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    for pagerduty in &all[..3] {
        // 1, 2 and 4 s, of which up to a quarter is taken off
        let requests = pagerduty.sink.wait_for(4, DEADLINE);
        let waits: Vec<_> = requests
            .windows(2)
            .map(|pair| pair[1].at - pair[0].at)
            .collect();
        for (wait, least) in waits.iter().zip([900, 1400, 2900]) {
            assert!(*wait >= Duration::from_millis(least), "{waits:?}");
        }
    }
    // a date in whole seconds, 5 s after the start of this test
    let second = all[3].sink.wait_for(2, DEADLINE).remove(1);
    let until = in_three - chrono::Duration::milliseconds(1500);
    let since = Instant::now() - second.at;
    let at = chrono::Utc::now() - chrono::Duration::from_std(since).unwrap();
    assert!(at >= until, "{at} is before {until}");
    for (n, pagerduty) in all.iter().enumerate() {
        wait_until(owned(&["trigger it/Load/web-1"]), || events(pagerduty));
        let line = log(&mut agent, &format!("p{n}"), "not told yet: ");
        let said = format!(
            "`{}` answered 429 Too Many Requests",
            host(&pagerduty.url())
        );
        assert!(line.contains(&said) && line.contains("WARN"), "{line}");
        assert!(keys(pagerduty).iter().all(|key| key == "it/Load/web-1"));
    }
}

#[test]
fn an_absurd_retry_after_silences_one_key_and_its_fallback_is_told() {
    let (absurd, other) = (PagerDuty::start(), PagerDuty::start());
    let (chat, boss) = (Sink::start(), Sink::start());
    absurd
        .sink
        .next(Answer::retry_after(429, "99999999999999999999999999"));
    let receivers = pager(
        "absurd",
        '1',
        &absurd.url(),
        ", fallback: chat, fallback_after: 3s",
    ) + &pager("other", '2', &other.url(), "")
        + &hook("chat", &chat, "")
        + &hook("boss", &boss, ", default: true");
    let bench = Bench::new(&receivers, "  notify: [absurd, other]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    wait_until(owned(&["new web-1 critical"]), || messages(&chat));
    wait_until(owned(&["new (receiver absurd) critical"]), || {
        messages(&boss)
    });
    let told = boss.requests().remove(0).json()["headline"].to_string();
    assert!(
        told.contains("cannot be told: ") && told.contains("429 Too Many Requests"),
        "{told}"
    );
    assert_eq!(events(&other), ["trigger it/Load/web-1"]);
    assert_eq!(absurd.sink.requests().len(), 1, "it is left alone");
    // a start is a fresh try
    assert_eq!(agent.stop().code(), Some(0));
    let _agent = bench.start();
    wait_until(owned(&["trigger it/Load/web-1"]), || events(&absurd));
    bench.value(1.0);
    wait_until(true, || absurd.open().is_empty() && other.open().is_empty());
    wait_until(owned(&["new web-1 critical", "resolved web-1 ok"]), || {
        messages(&chat)
    });
}

#[test]
fn a_29_second_answer_is_taken_and_what_gives_none_within_30_is_sent_again() {
    let (hangs, drips, other) = (PagerDuty::start(), PagerDuty::start(), PagerDuty::start());
    let late = Sink::start();
    hangs.sink.next(Answer::Hang);
    drips.sink.next(Answer::Drip(Duration::from_secs(1)));
    let taken = Box::new(Answer::status(200));
    late.next(Answer::After(Duration::from_secs(29), taken));
    let receivers = pager("hangs", '1', &hangs.url(), "")
        + &pager("drips", '2', &drips.url(), "")
        + &pager("other", '3', &other.url(), "")
        + &hook("late", &late, "");
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    hangs.sink.wait_for(1, DEADLINE);
    drips.sink.wait_for(1, DEADLINE);
    let begun = late.wait_for(1, DEADLINE).remove(0).at;
    // another incident meanwhile: other keys are told at once
    bench.graphite.put("load", Series::constant("web-2", 25.0));
    wait_until(
        owned(&["trigger it/Load/web-1", "trigger it/Load/web-2"]),
        || events(&other),
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
    // what came before the deadline is taken, and not sent again
    let deadline = Duration::from_secs(90);
    agent.wait_for(deadline, "the late answer", |agent| {
        let told = |line: &str| line.contains("receiver=\"late\"") && line.contains("INFO told ");
        agent.stderr().lines().any(told).then_some(())
    });
    // what did not is sent again under the same key
    for (receiver, pagerduty) in [("hangs", &hangs), ("drips", &drips)] {
        let line = log(&mut agent, receiver, "not told yet: ");
        let said = format!("`{}` did not answer in time", host(&pagerduty.url()));
        assert!(line.contains(&said), "{line}");
        wait_until(2, || pagerduty.open().len());
        let keys = keys(pagerduty);
        assert_eq!(keys[0], keys[1], "the most urgent goes first again");
        let events = events(pagerduty);
        assert_eq!(events, ["trigger it/Load/web-1", "trigger it/Load/web-2"]);
    }
    wait_until(owned(&["new web-1 critical", "new web-2 critical"]), || {
        messages(&late)
    });
    bench.evaluations(1);
    assert_eq!(late.requests().len(), 2);
}

#[test]
fn a_redirect_is_never_followed_and_said() {
    let (elsewhere, boss) = (Sink::start(), Sink::start());
    let (pagerduty, moved) = (PagerDuty::start(), Sink::start());
    let to = |status| {
        let location = format!("{}/{PATH}", elsewhere.url());
        Answer::Status(status, vec![("location", location)], String::new())
    };
    pagerduty.sink.always(Some(to(307)));
    moved.always(Some(to(302)));
    let receivers =
        oncall(&pagerduty) + &hook("moved", &moved, "") + &hook("boss", &boss, ", default: true");
    let bench = Bench::new(&receivers, "  notify: [oncall, moved]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    for (receiver, url, words) in [
        ("oncall", pagerduty.url(), "307 Temporary Redirect"),
        ("moved", moved.url(), "302 Found"),
    ] {
        let line = log(&mut agent, receiver, "rejected: ");
        let said = format!(
            "`{}` answered {words}: redirects are not followed, give the receiver's final `url`",
            host(&url)
        );
        assert!(line.contains(&said) && line.contains("ERROR"), "{line}");
        let trouble = format!("new (receiver {receiver}) critical");
        wait_until(true, || messages(&boss).contains(&trouble));
    }
    bench.evaluations(1);
    assert_eq!(elsewhere.requests().len(), 0, "nothing followed");
    assert_eq!(
        pagerduty.sink.requests().len(),
        1,
        "not tried at once again"
    );
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn a_connection_that_is_closed_after_the_request_costs_a_repeat_with_the_same_key() {
    let pagerduty = PagerDuty::start();
    let chat = Sink::start();
    for sink in [&pagerduty.sink, &chat] {
        sink.next(Answer::Cut);
    }
    let bench = Bench::new(&(oncall(&pagerduty) + &hook("chat", &chat, "")), "");
    bench.value(25.0);
    let mut agent = bench.start();
    wait_until(owned(&["trigger it/Load/web-1"]), || events(&pagerduty));
    wait_until(owned(&["new web-1 critical"]), || messages(&chat));
    for (receiver, url) in [("oncall", pagerduty.url()), ("chat", chat.url())] {
        let line = log(&mut agent, receiver, "not told yet: ");
        let said = format!("`{}` gave no answer: ", host(&url));
        assert!(line.contains(&said), "{line}");
    }
    bench.evaluations(1);
    assert_eq!(keys(&pagerduty), ["it/Load/web-1"; 2]);
    // a receiver without keys can tell by the header
    let requests = chat.requests();
    assert_eq!(requests.len(), 2);
    let ids: Vec<_> = requests
        .iter()
        .map(|request| request.header("idempotency-key"))
        .collect();
    assert!(
        ids[0].is_some() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
}

#[test]
fn an_answer_counts_by_its_status_however_odd_or_endless_its_body() {
    let (fails, takes, odd) = (PagerDuty::start(), PagerDuty::start(), PagerDuty::start());
    fails.sink.next(Answer::Endless(500));
    takes.sink.next(Answer::Endless(202));
    let garbage = "\u{0}<html>{\"status\": \"nonsense".to_owned();
    odd.sink.next(Answer::Status(202, Vec::new(), garbage));
    let receivers = pager("fails", '1', &fails.url(), "")
        + &pager("takes", '2', &takes.url(), "")
        + &pager("odd", '3', &odd.url(), "");
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    for receiver in ["takes", "odd"] {
        log(&mut agent, receiver, "INFO told ");
    }
    let line = log(&mut agent, "fails", "not told yet: ");
    assert!(
        line.contains("answered 500 Internal Server Error: xxx") && line.len() < 1000,
        "{} characters: {line}",
        line.len()
    );
    log(&mut agent, "fails", "INFO told ");
    bench.evaluations(1);
    let requests = [&fails, &takes, &odd].map(|pagerduty| pagerduty.sink.requests().len());
    assert_eq!(requests, [2, 1, 1]);
    let peak = agent.memory_peak().unwrap();
    assert!(peak < 150_000, "{peak} kB");
    bench.value(1.0);
    for pagerduty in [&fails, &takes, &odd] {
        wait_until(true, || pagerduty.open().is_empty());
    }
}

// --- webhooks, Slack, names -----------------------------------------------------------------

#[test]
fn a_slack_webhook_that_is_gone_is_a_rejection_that_others_hear_of_at_once() {
    let (forbidden, gone) = (Sink::start(), Sink::start());
    let (chat, boss) = (Sink::start(), Sink::start());
    forbidden.always(Some(Answer::Status(
        403,
        Vec::new(),
        format!("action_prohibited for {PATH}"),
    )));
    gone.always(Some(Answer::Status(
        404,
        Vec::new(),
        "no_service".to_owned(),
    )));
    let slack = |name: &str, sink: &Sink| {
        format!(
            "  {name}: {{slack: {{url: '{}/services/{PATH}'}}, fallback: chat}}\n",
            sink.url()
        )
    };
    let receivers = slack("forbidden", &forbidden)
        + &slack("gone", &gone)
        + &hook("chat", &chat, "")
        + &hook("boss", &boss, ", default: true");
    let bench = Bench::new(&receivers, "  notify: [forbidden, gone]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    for (receiver, sink, words) in [
        (
            "forbidden",
            &forbidden,
            "403 Forbidden: action_prohibited for ***",
        ),
        ("gone", &gone, "404 Not Found: no_service"),
    ] {
        let line = log(&mut agent, receiver, "rejected: ");
        let said = format!("`{}` answered {words}", host(&sink.url()));
        assert!(line.contains(&said) && line.contains("ERROR"), "{line}");
        let trouble = format!("new (receiver {receiver}) critical");
        wait_until(true, || messages(&boss).contains(&trouble));
    }
    wait_until(owned(&["new web-1 critical"]), || messages(&chat));
    for request in boss.requests() {
        assert!(!request.body.contains(PATH), "{}", request.body);
    }
    bench.evaluations(1);
    assert_eq!((forbidden.requests().len(), gone.requests().len()), (1, 1));
    // a restart tries again, and mends nothing
    assert_eq!(agent.stop().code(), Some(0));
    let mut agent = bench.start();
    forbidden.wait_for(2, DEADLINE);
    gone.wait_for(2, DEADLINE);
    bench.evaluations(2);
    let ended = |told: &String| told.starts_with("resolved");
    assert!(!messages(&boss).iter().any(ended), "{:?}", messages(&boss));
    // another state is another question
    gone.always(None);
    bench.value(1.0);
    let end = gone.wait_for(3, DEADLINE).remove(2);
    assert!(
        end.body.contains("[OK] Load web-1 was CRITICAL from "),
        "{}",
        end.body
    );
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn a_name_that_does_not_resolve_is_tried_later_and_delays_nobody() {
    let (chat, boss) = (Sink::start(), Sink::start());
    let receivers = format!(
        "  hook: {{webhook: {{url: 'https://hooks.nowhere.invalid/{PATH}'}}, fallback: chat, fallback_after: 2s}}\n\
         \x20 oncall: {{pagerduty: {{routing_key: {KEY}, url: 'https://events.nowhere.invalid'}}, fallback_after: 2s}}\n\
         \x20 mail: {{email: {{to: [a@example.com], from: b@example.com, smtp: 'smtp://mail.nowhere.invalid'}}, fallback_after: 2s}}\n"
    ) + &hook("chat", &chat, "")
        + &hook("boss", &boss, ", default: true");
    let bench = Bench::new(&receivers, "  notify: [hook, oncall, mail, boss]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    for (receiver, host) in [
        ("hook", "hooks.nowhere.invalid"),
        ("oncall", "events.nowhere.invalid"),
        ("mail", "mail.nowhere.invalid:25"),
    ] {
        let line = log(&mut agent, receiver, "not told yet: ");
        let said = format!("cannot connect to `{host}`: ");
        assert!(line.contains(&said) && line.contains("WARN"), "{line}");
        let trouble = format!("new (receiver {receiver}) critical");
        wait_until(true, || messages(&boss).contains(&trouble));
    }
    wait_until(owned(&["new web-1 critical"]), || messages(&chat));
    assert_eq!(messages(&boss)[0], "new web-1 critical");
    // each is tried again and again, for as long as it lasts
    agent.wait("a second try of each", |agent| {
        let text = agent.stderr();
        let tries = |name: &str| {
            let name = format!("receiver=\"{name}\"");
            let failed = |line: &&str| line.contains(&name) && line.contains("not told yet: ");
            text.lines().filter(failed).count()
        };
        (["hook", "oncall", "mail"]
            .iter()
            .all(|name| tries(name) > 1))
        .then_some(())
    });
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn two_hundred_owed_messages_delay_no_other_receiver_and_each_arrives_once() {
    let (down, fine) = (Sink::start(), Sink::start());
    down.always(Some(Answer::status(503)));
    let receivers = hook("down", &down, "") + &hook("fine", &fine, "");
    let bench = Bench::new(&receivers, "  limit: 0\n");
    let series = |n: usize, value| Series::constant(&format!("web-{n}"), value);
    bench
        .graphite
        .set("load", (0..200).map(|n| series(n, 15.0)).collect());
    let mut agent = bench.start();
    wait_until(200, || messages(&fine).len());
    // one that is worse is tried among the first, not behind all the others
    bench.graphite.put("load", series(200, 25.0));
    wait_until(Some("new web-200 critical".to_owned()), || {
        messages(&fine).last().cloned()
    });
    wait_until(true, || {
        let asked = |request: &Request| request.json()["series"] == "web-200";
        down.requests().iter().any(asked)
    });
    down.always(None);
    wait_until(201, || messages(&down).len());
    bench.evaluations(1);
    let distinct: BTreeSet<_> = messages(&down).into_iter().collect();
    assert_eq!((distinct.len(), messages(&down).len()), (201, 201));
    assert_eq!(agent.stop().code(), Some(0));
}

// --- programs -----------------------------------------------------------------------------

fn script(name: &str, run: &str, keys: &str) -> String {
    format!("  {name}: {{command: {{run: {run}}}{keys}}}\n")
}

/// Waits for a file in the folder of the agent to say this.
fn wait_file(bench: &Bench, name: &str, expected: &str) {
    let file: PathBuf = bench.setup.folder().join(name);
    wait_until(expected.to_owned(), || {
        std::fs::read_to_string(&file).unwrap_or_default()
    });
}

#[test]
fn a_program_that_is_missing_is_a_rejection_and_runs_once_it_is_there() {
    let (chat, boss) = (Sink::start(), Sink::start());
    let receivers = script("missing", "[./not-there]", ", fallback: chat")
        + &script("barred", "[./not-mine]", "")
        + &hook("chat", &chat, "")
        + &hook("boss", &boss, ", default: true");
    let bench = Bench::new(&receivers, "  notify: [missing, barred]\n");
    // there, but without the right to run it
    bench.setup.write("not-mine", "#!/bin/sh\n");
    bench.value(25.0);
    let mut agent = bench.start();
    for (receiver, said) in [
        (
            "missing",
            "cannot start `./not-there`: No such file or directory",
        ),
        ("barred", "cannot start `./not-mine`: Permission denied"),
    ] {
        let line = log(&mut agent, receiver, "rejected: ");
        assert!(line.contains(said) && line.contains("ERROR"), "{line}");
        let trouble = format!("new (receiver {receiver}) critical");
        wait_until(true, || messages(&boss).contains(&trouble));
    }
    wait_until(owned(&["new web-1 critical"]), || messages(&chat));
    // somebody puts it there; the end is another question than what was refused
    bench
        .setup
        .write("not-there", "#!/bin/sh\necho told >> said\n");
    let program = bench.setup.folder().join("not-there");
    let mut rights = std::fs::metadata(&program).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut rights, 0o755);
    std::fs::set_permissions(&program, rights).unwrap();
    bench.value(1.0);
    wait_file(&bench, "said", "told\n");
    wait_until(true, || {
        messages(&boss).contains(&"resolved (receiver missing) ok".to_owned())
    });
}

#[test]
fn a_program_that_fails_is_run_again_until_it_does_not() {
    let receivers = script(
        "fails",
        "[sh, -c, 'echo x >> runs; echo no such host >&2; test $(wc -l < runs) -ge 2']",
        "",
    );
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    let line = log(&mut agent, "fails", "not told yet: ");
    assert!(
        line.contains("`sh` ended with exit code 1: no such host") && line.contains("WARN"),
        "{line}"
    );
    log(&mut agent, "fails", "INFO told ");
    bench.evaluations(1);
    wait_file(&bench, "runs", "x\nx\n");
}

#[test]
fn a_program_that_prints_megabytes_or_reads_nothing_is_no_trouble() {
    // 64 MB each way, and a page that is larger than a pipe
    let receivers = script(
        "loud",
        "[sh, -c, 'head -c 67108864 /dev/zero; head -c 67108864 /dev/zero >&2; cat > /dev/null']",
        "",
    ) + &script("deaf", "[sh, -c, 'echo x >> deaf']", "")
        + &script("shuts", "[sh, -c, 'exec <&-; echo x >> shuts']", "");
    let description = format!("  description: '{}'\n", "long ".repeat(40_000));
    let bench = Bench::new(&receivers, &description);
    bench.value(25.0);
    let mut agent = bench.start();
    for receiver in ["loud", "deaf", "shuts"] {
        log(&mut agent, receiver, "INFO told ");
    }
    let peak = agent.memory_peak().unwrap();
    assert!(peak < 150_000, "{peak} kB");
    assert!(!agent.stderr().contains("not told yet"));
    bench.evaluations(1);
    wait_file(&bench, "deaf", "x\n");
    wait_file(&bench, "shuts", "x\n");
}

#[test]
fn a_program_whose_child_lives_on_is_told_at_once_and_the_child_is_gone_at_the_deadline() {
    let run = "[sh, -c, 'sh -c \"trap : TERM HUP INT; echo \\$\\$ > child; while :; do sleep 600; done\" & exit 0'], timeout: 2s";
    let bench = Bench::new(&script("forks", run, ""), "");
    bench.value(25.0);
    let mut agent = bench.start();
    log(&mut agent, "forks", "INFO told ");
    let child = poll(DEADLINE, || {
        let text = std::fs::read_to_string(bench.setup.folder().join("child")).ok()?;
        text.trim().parse::<u32>().ok()
    });
    let child = child.expect("a child");
    let gone = || {
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    };
    assert!(poll(DEADLINE, gone).is_some(), "{child} lives on");
    bench.evaluations(1);
    assert!(!agent.stderr().contains("not told yet"));
}
