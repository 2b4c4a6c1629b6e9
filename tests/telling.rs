//! How people are told (design section 6), through the binary: a stand-in for
//! Graphite on one side, stand-ins for receivers on the other.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use support::agent::{Finished, Setup};
use support::bench::{
    Bench, KEY, OTHER_KEY, PASSWORD, PATH, Watched, assert_no_secret, events, hook, mail, messages,
    oncall, owned, wait_until,
};
use support::graphite::{Failure, PICTURE, Series};
use support::pagerduty::PagerDuty;
use support::sink::{Answer, Request, Sink};
use support::smtp::{Mail, Manners, Smtp};
use support::{DEADLINE, poll};

// --- PagerDuty ------------------------------------------------------------------------

#[test]
fn pagerduty_gets_all_that_is_known_with_links_to_documentation_and_graph() {
    let pagerduty = PagerDuty::start();
    let bench = Bench::new(
        &oncall(&pagerduty),
        "  labels: {team: web}\n  description: The load of a web server.\n",
    );
    bench.value(25.0);
    let mut agent = bench.start();
    pagerduty.sink.wait_for(1, DEADLINE);
    let event = pagerduty.accepted().remove(0);
    assert_eq!(event["routing_key"], KEY);
    assert_eq!(event["event_action"], "trigger");
    assert_eq!(event["dedup_key"], "it/Load/web-1");
    assert_eq!(event["client"], "graphite-pager");
    let payload = &event["payload"];
    assert_eq!(payload["summary"], "[CRITICAL] Load web-1 is 25 (>= 20)");
    assert_eq!(payload["severity"], "critical");
    assert_eq!(payload["source"], "web-1");
    assert_eq!(payload["component"], "web-1");
    assert_eq!(payload["group"], "Load");
    assert_eq!(payload["class"], "critical");
    let since = payload["timestamp"].as_str().unwrap();
    let since = chrono::DateTime::parse_from_rfc3339(since).unwrap();
    assert!((chrono::Utc::now() - since.to_utc()).num_seconds().abs() < 60);
    let details = &payload["custom_details"];
    for (name, expected) in [
        ("alert", json!("Load")),
        ("series", json!("web-1")),
        ("value", json!(25.0)),
        ("condition", json!(">= 20")),
        ("since", payload["timestamp"].clone()),
        ("target", json!("load")),
        ("labels", json!({"team": "web"})),
        ("description", json!("The load of a web server.")),
    ] {
        assert_eq!(details[name], expected, "{name} of {details}");
    }
    let links = event["links"].as_array().unwrap();
    assert_eq!(
        links[0]["href"],
        "https://wiki.example.com/alerts/Load#web-1"
    );
    let graph = url::Url::parse(links[1]["href"].as_str().unwrap()).unwrap();
    assert_eq!(graph.host_str(), Some("graphs.example.com"));
    let targets: Vec<_> = graph
        .query_pairs()
        .filter(|(name, _)| name == "target")
        .map(|(_, target)| target.into_owned())
        .collect();
    assert_eq!(targets[0], "grep(load,\"^web-1$\")");
    assert_eq!(targets.len(), 3, "with both thresholds: {targets:?}");
    assert_eq!(event["images"][0]["src"], links[1]["href"]);
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn a_raise_wakes_again_under_its_own_key_and_a_recovery_resolves_every_key() {
    let pagerduty = PagerDuty::start();
    let url = pagerduty.url();
    let receivers = format!(
        "  oncall: {{pagerduty: {{routing_key: {KEY}, url: '{url}', severity: {{warning: info, critical: error}}}}}}\n"
    );
    let bench = Bench::new(&receivers, "");
    bench.value(15.0);
    let _agent = bench.start();
    wait_until(owned(&["trigger it/Load/web-1"]), || events(&pagerduty));
    bench.value(25.0);
    let raised = [
        "trigger it/Load/web-1",
        "trigger it/Load/web-1/critical",
        "resolve it/Load/web-1",
    ];
    wait_until(owned(&raised), || events(&pagerduty));
    bench.value(15.0);
    wait_until(4, || events(&pagerduty).len());
    bench.value(1.0);
    wait_until(5, || events(&pagerduty).len());
    assert_eq!(
        events(&pagerduty)[3..],
        owned(&[
            "trigger it/Load/web-1/critical",
            "resolve it/Load/web-1/critical"
        ])
    );
    let accepted = pagerduty.accepted();
    let severities: Vec<_> = accepted
        .iter()
        .filter_map(|event| event["payload"]["severity"].as_str())
        .collect();
    assert_eq!(severities, ["info", "error", "info"]);
    let resolve = accepted[4].as_object().unwrap();
    assert_eq!(resolve.len(), 3, "key, action, dedup_key: {resolve:?}");
    bench.evaluations(2);
    assert!(pagerduty.open().is_empty() && events(&pagerduty).len() == 5);
}

#[test]
fn names_are_percent_encoded_in_keys_and_links_and_clipped_in_summaries() {
    let pagerduty = PagerDuty::start();
    let long = format!("a/b c&d#é|{}", "x".repeat(2000));
    let bench = Bench::new(&oncall(&pagerduty), "");
    bench
        .graphite
        .set("load", vec![Series::constant(&long, 25.0)]);
    let _agent = bench.start();
    pagerduty.sink.wait_for(1, DEADLINE);
    let event = pagerduty.accepted().remove(0);
    let key = event["dedup_key"].as_str().unwrap();
    assert!(
        key.starts_with("it/Load/a%2Fb%20c%26d%23%C3%A9%7Cxxx") && key.len() == 255,
        "{key}"
    );
    assert!(
        event["payload"]["summary"]
            .as_str()
            .unwrap()
            .chars()
            .count()
            <= 1024
    );
    let docs = event["links"][0]["href"].as_str().unwrap();
    assert!(
        docs.starts_with("https://wiki.example.com/alerts/Load#a%2Fb%20c%26d%23%C3%A9%7Cxxx"),
        "{docs}"
    );
    bench
        .graphite
        .set("load", vec![Series::constant(&long, 1.0)]);
    wait_until(true, || {
        pagerduty.open().is_empty() && pagerduty.accepted().len() == 2
    });
}

#[test]
fn an_event_that_is_called_invalid_is_sent_bare_and_then_the_fallback_is_told_at_once() {
    let (pagerduty, chat, boss) = (PagerDuty::start(), Sink::start(), Sink::start());
    pagerduty.sink.always(Some(Answer::Status(
        400,
        Vec::new(),
        format!("{{\"status\": \"invalid event\", \"message\": \"no\", \"errors\": [\"unknown {KEY}\"]}}"),
    )));
    let url = pagerduty.url();
    let receivers = format!(
        "  oncall: {{pagerduty: {{routing_key: {KEY}, url: '{url}'}}, fallback: chat}}\n{}{}",
        hook("chat", &chat, ""),
        hook("boss", &boss, ""),
    );
    let bench = Bench::new(&receivers, "  notify: [oncall]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    wait_until(true, || {
        messages(&chat).contains(&"new web-1 critical".to_owned())
    });
    let requests = pagerduty.sink.requests();
    let bodies: Vec<Value> = requests.iter().map(Request::json).collect();
    assert!(bodies[0]["links"].is_array() && bodies[0]["payload"]["custom_details"].is_object());
    for absent in ["links", "images"] {
        assert_eq!(bodies[1].get(absent), None, "the second one is bare");
    }
    assert_eq!(bodies[1]["payload"].get("custom_details"), None);
    assert_eq!(bodies[0]["dedup_key"], bodies[1]["dedup_key"]);
    // the receiver's trouble is told to everybody else
    wait_until(owned(&["new (receiver oncall) critical"]), || {
        messages(&boss)
    });
    wait_until(2, || messages(&chat).len());
    agent.wait_stderr("rejected: ");
    let oncall = pagerduty.sink.requests();
    assert!(
        oncall
            .iter()
            .all(|request| !request.body.contains("(receiver"))
    );
    assert_eq!(oncall.len(), 2, "the next try is a minute away");
    // the end goes out at once, because it is something else
    pagerduty.sink.always(None);
    bench.value(1.0);
    wait_until(owned(&["resolve it/Load/web-1"]), || events(&pagerduty));
    wait_until(true, || {
        messages(&chat).contains(&"resolved web-1 ok".to_owned())
    });
    wait_until(true, || {
        messages(&boss).contains(&"resolved (receiver oncall) ok".to_owned())
    });
}

#[test]
fn a_429_is_tried_again_after_as_long_as_it_asks_for() {
    let pagerduty = PagerDuty::start();
    pagerduty.sink.next(Answer::retry_after(429, "3"));
    let bench = Bench::new(&oncall(&pagerduty), "");
    bench.value(25.0);
    let _agent = bench.start();
    let requests = pagerduty.sink.wait_for(2, DEADLINE);
    let waited = requests[1].at - requests[0].at;
    assert!(waited >= Duration::from_millis(2900), "{waited:?}");
    assert!(waited < Duration::from_secs(10), "{waited:?}");
    assert_eq!(requests[0].json(), requests[1].json());
}

#[test]
fn a_receiver_that_hangs_delays_no_other() {
    let (slow, fast) = (Sink::start(), Sink::start());
    slow.always(Some(Answer::Hang));
    let bench = Bench::new(&(hook("slow", &slow, "") + &hook("fast", &fast, "")), "");
    bench.value(15.0);
    let _agent = bench.start();
    slow.wait_for(1, DEADLINE);
    wait_until(owned(&["new web-1 warning"]), || messages(&fast));
    bench.value(25.0);
    wait_until(2, || messages(&fast).len());
    bench.value(1.0);
    wait_until(
        owned(&[
            "new web-1 warning",
            "raised web-1 critical",
            "resolved web-1 ok",
        ]),
        || messages(&fast),
    );
    assert_eq!(slow.requests().len(), 1, "it still hangs");
}

#[test]
fn what_stays_undelivered_for_fallback_after_is_told_to_the_fallback() {
    let (first, second) = (Sink::start(), Sink::start());
    first.always(Some(Answer::status(503)));
    let receivers = hook("first", &first, ", fallback: second, fallback_after: 2s")
        + &hook("second", &second, ", levels: [critical]");
    let bench = Bench::new(&receivers, "  notify: [first]\n");
    bench.value(25.0);
    let _agent = bench.start();
    let failed = first.wait_for(1, DEADLINE).remove(0).at;
    wait_until(true, || {
        messages(&second).contains(&"new web-1 critical".to_owned())
    });
    let told = second.requests().remove(0).at - failed;
    assert!(told >= Duration::from_secs(1), "{told:?}");
    bench.value(1.0);
    wait_until(true, || {
        messages(&second).contains(&"resolved web-1 ok".to_owned())
    });
    first.always(None);
    wait_until(owned(&["both web-1 ok"]), || messages(&first));
}

#[test]
fn a_routing_key_gets_twenty_events_at_once_and_then_95_a_minute() {
    let pagerduty = PagerDuty::start();
    let bench = Bench::new(&oncall(&pagerduty), "  limit: 0\n");
    let series = (0..23).map(|n| Series::constant(&format!("web-{n}"), 25.0));
    bench.graphite.set("load", series.collect());
    let _agent = bench.start();
    let requests = pagerduty.sink.wait_for(23, DEADLINE);
    // three more than the burst, one each 0.63 s
    let all = requests[22].at - requests[0].at;
    assert!(all >= Duration::from_millis(1500), "{all:?}");
    let burst = requests[19].at - requests[0].at;
    assert!(burst < all / 2, "{burst:?} of {all:?}");
}

// --- mail -------------------------------------------------------------------------------

#[test]
fn mail_is_one_thread_with_text_html_and_the_graph_inside() {
    let smtp = Smtp::start(Manners::default());
    let bench = Bench::new(
        &mail(&smtp, "a@example.com, b@example.com", ""),
        "  description: The load of a web server.\n",
    );
    bench.value(15.0);
    let _agent = bench.start();
    smtp.wait_for(1, DEADLINE);
    bench.value(25.0);
    smtp.wait_for(2, DEADLINE);
    bench.value(1.0);
    let mails = smtp.wait_for(3, DEADLINE);
    let subjects: Vec<_> = mails
        .iter()
        .map(|mail| mail.header("Subject").unwrap())
        .collect();
    assert_eq!(
        subjects[..2],
        [
            "[WARNING] Load web-1 is 15 (>= 10)",
            "[CRITICAL] Load web-1 is 25 (>= 20), was WARNING"
        ]
    );
    assert!(
        subjects[2].starts_with("[OK] Load web-1 is 1, was CRITICAL for "),
        "{}",
        subjects[2]
    );
    let first = mails[0].header("Message-ID").unwrap();
    assert_eq!(
        (
            mails[0].header("In-Reply-To"),
            mails[0].header("References")
        ),
        (None, None)
    );
    for mail in &mails[1..] {
        assert_ne!(mail.header("Message-ID").unwrap(), first);
        assert_eq!(mail.header("In-Reply-To").as_ref(), Some(&first));
        assert_eq!(mail.header("References").as_ref(), Some(&first));
    }
    for mail in &mails {
        assert_eq!(mail.to, ["a@example.com", "b@example.com"]);
        assert_eq!(mail.from, "pager@example.com");
        assert_eq!(
            mail.header("Auto-Submitted").as_deref(),
            Some("auto-generated")
        );
    }
    assert_parts(&mails[0]);
    // the picture is asked for where Graphite is, and shows both thresholds
    let pictures: Vec<_> = bench
        .graphite
        .requests()
        .into_iter()
        .filter(|request| request.is_picture())
        .collect();
    assert_eq!(pictures.len(), 3, "one a mail");
    let targets: Vec<_> = pictures[0]
        .parameters
        .iter()
        .filter(|(name, _)| name == "target")
        .collect();
    assert_eq!(targets.len(), 3, "{targets:?}");
}

/// multipart/alternative { text, multipart/related { html, png by cid } }
fn assert_parts(mail: &Mail) {
    let place = |part: &str| {
        mail.data
            .find(part)
            .unwrap_or_else(|| panic!("no `{part}` in {}", mail.data))
    };
    let order = [
        "Content-Type: multipart/alternative",
        "Content-Type: text/plain",
        "Documentation: https://wiki.example.com/alerts/Load#web-1",
        "Content-Type: multipart/related",
        "Content-Type: text/html",
        "Content-ID: <graph.",
        "Content-Type: image/png",
    ];
    let mut places: Vec<_> = order[..5].iter().map(|part| place(part)).collect();
    assert!(places.is_sorted(), "{places:?} in {}", mail.data);
    places.extend(order[5..].iter().map(|part| place(part)));
    assert!(
        places[4] < places[5] && places[4] < places[6],
        "{}",
        mail.data
    );
    assert!(mail.data.contains("cid:graph."), "{}", mail.data);
    assert!(mail.data.contains("Content-Disposition: inline"));
    let encoded: String = mail.data[places[5].max(places[6])..]
        .split("\r\n\r\n")
        .nth(1)
        .unwrap()
        .split("\r\n--")
        .next()
        .unwrap()
        .replace("\r\n", "");
    assert!(encoded.starts_with(&base64(&PICTURE[..30])), "{encoded}");
}

/// Of as many bytes as make whole groups.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let letters = bytes.chunks(3).flat_map(|group| {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        (0..4)
            .rev()
            .map(move |n| char::from(LETTERS[usize::try_from(bits >> (6 * n) & 63).unwrap()]))
    });
    letters.collect()
}

#[test]
fn a_graph_that_does_not_come_never_holds_the_mail() {
    let smtp = Smtp::start(Manners::default());
    let bench = Bench::new(&mail(&smtp, "a@example.com", ""), "");
    bench.graphite.fail_pictures(Failure::status(500));
    bench.value(15.0);
    let _agent = bench.start();
    smtp.wait_for(1, DEADLINE);
    bench.graphite.fail_pictures(Failure::Hang);
    let before = Instant::now();
    bench.value(25.0);
    let mails = smtp.wait_for(2, DEADLINE);
    assert!(
        before.elapsed() < Duration::from_secs(12),
        "{:?}",
        before.elapsed()
    );
    for mail in mails {
        assert!(!mail.data.contains("image/png") && mail.data.contains("text/html"));
        assert!(
            mail.data
                .contains("Graph: https://graphs.example.com/render"),
            "{}",
            mail.data
        );
    }
}

#[test]
fn a_refused_address_costs_the_others_nothing_and_gives_them_no_second_mail() {
    let refuse = |manners: &mut Manners| {
        manners.replies.insert(
            "RCPT b@example.com".to_owned(),
            "550 5.1.1 no such user".to_owned(),
        );
    };
    let mut manners = Manners::default();
    refuse(&mut manners);
    let (smtp, boss) = (Smtp::start(manners), Sink::start());
    let receivers =
        mail(&smtp, "a@example.com, b@example.com, c@example.com", "") + &hook("boss", &boss, "");
    let bench = Bench::new(&receivers, "  notify: [mail]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    smtp.wait_for(1, DEADLINE);
    wait_until(owned(&["new (receiver mail) critical"]), || messages(&boss));
    agent.wait_stderr("no such user");
    // a change is another question; asked of all, answered by two
    bench.value(1.0);
    let mails = smtp.wait_for(2, DEADLINE);
    bench.evaluations(2);
    assert_eq!(smtp.mails().len(), 2);
    for mail in mails {
        assert_eq!(mail.to, ["a@example.com", "c@example.com"]);
    }
}

// --- the other kinds -------------------------------------------------------------------------

#[test]
fn every_kind_says_the_same_in_its_own_way() {
    let (webhook, own, broken, slack) =
        (Sink::start(), Sink::start(), Sink::start(), Sink::start());
    let receivers = format!(
        "{}  own: {{webhook: {{url: '{}/{PATH}', method: PUT, headers: {{X-Token: {PASSWORD}}}, body: '{{{{ headline }}}} in {{{{ labels.team }}}}'}}}}\n\
         \x20 broken: {{webhook: {{url: '{}/{PATH}', body: '{{{{ labels.nothing.of.that }}}}'}}}}\n\
         \x20 slack: {{slack: {{url: '{}/{PATH}', channel: '#ops'}}}}\n\
         \x20 script: {{command: {{run: [sh, -c, 'cat > told.part && mv told.part told.json']}}}}\n\
         \x20 screen: {{console: {{}}}}\n",
        hook("plain", &webhook, ""),
        own.url(),
        broken.url(),
        slack.url(),
    );
    let bench = Bench::new(
        &receivers,
        "  labels: {team: web}\n  description: The load of a web server.\n",
    );
    bench.value(25.0);
    let mut agent = bench.start();
    let headline = "[CRITICAL] Load web-1 is 25 (>= 20)";

    let request = webhook.wait_for(1, DEADLINE).remove(0);
    assert_eq!(
        (request.method.as_str(), request.header("content-type")),
        ("POST", Some("application/json"))
    );
    let body = request.json();
    for (name, expected) in [
        ("version", json!(1)),
        ("instance", json!("it")),
        ("number", json!(1)),
        ("event", json!("new")),
        ("status", json!("open")),
        ("headline", json!(headline)),
        ("alert", json!("Load")),
        ("series", json!("web-1")),
        ("level", json!("critical")),
        ("told", json!("ok")),
        ("worst", json!("critical")),
        ("value", json!(25.0)),
        ("condition", json!(">= 20")),
        ("ended", Value::Null),
        ("target", json!("load")),
        ("labels", json!({"team": "web"})),
        ("description", json!("The load of a web server.")),
        ("docs", json!("https://wiki.example.com/alerts/Load#web-1")),
    ] {
        assert_eq!(body[name], expected, "{name} of {body}");
    }
    assert!(
        body["graph"]
            .as_str()
            .unwrap()
            .starts_with("https://graphs.example.com/render?")
    );

    let request = own.wait_for(1, DEADLINE).remove(0);
    assert_eq!(
        (request.method.as_str(), request.header("x-token")),
        ("PUT", Some(PASSWORD))
    );
    assert_eq!(request.body, format!("{headline} in web"));

    let body = broken.wait_for(1, DEADLINE).remove(0).json();
    assert_eq!(body["headline"], headline);
    assert!(
        body["note"].as_str().unwrap().contains("`body` failed"),
        "{body}"
    );

    let body = slack.wait_for(1, DEADLINE).remove(0).json();
    assert_eq!(body["channel"], "#ops");
    assert!(
        body.to_string()
            .contains("[CRITICAL] Load web-1 is 25 (&gt;= 20)"),
        "{body}"
    );

    let told = bench.setup.folder().join("told.json");
    let told = poll(DEADLINE, || std::fs::read_to_string(&told).ok()).expect("the program was run");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&told["headline"], &told["version"]),
        (&json!(headline), &json!(1))
    );

    let line = agent.wait_stdout(headline);
    assert!(
        line.starts_with(headline) && line.contains("https://wiki.example.com/alerts/Load#web-1"),
        "{line}"
    );
    agent.wait_stderr("the template `body` failed");
}

#[test]
fn a_program_is_killed_at_its_deadline_with_all_that_it_started_and_told_again() {
    let receivers = "  script: {command: {run: [sh, -c, 'echo $$ >> pids; sh -c \"trap : TERM; sleep 600\" & echo $! >> pids; wait'], timeout: 1s}}\n";
    let bench = Bench::new(receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    agent.wait_stderr("did not end within 1s and was killed");
    let pids = bench.setup.folder().join("pids");
    // it is started again, and again killed: the first two must be gone
    let pids: Vec<String> = poll(DEADLINE, || {
        let pids = std::fs::read_to_string(&pids).unwrap_or_default();
        let pids: Vec<_> = pids.lines().map(ToOwned::to_owned).collect();
        (pids.len() >= 4).then_some(pids)
    })
    .expect("told again");
    for pid in &pids[..2] {
        let gone = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            (stat.is_empty() || stat.contains(") Z ")).then_some(())
        };
        assert!(poll(DEADLINE, gone).is_some(), "{pid} lives on");
    }
}

// --- who is told what -------------------------------------------------------------------------------

#[test]
fn routes_levels_and_resolved_decide_who_is_told() {
    let sinks: Vec<Sink> = (0..5).map(|_| Sink::start()).collect();
    let receivers = hook("night", &sinks[0], ", levels: [critical]")
        + &hook("quiet", &sinks[1], ", resolved: false")
        + &hook("usual", &sinks[2], "")
        + &hook("other", &sinks[3], "")
        + &hook("rest", &sinks[4], ", default: true");
    let routes = "routes:\n\
        - {match: {team: web, series: 'web-*'}, notify: [night, quiet], continue: true}\n\
        - {match: {alert: L*}, notify: [usual]}\n\
        - {match: {alert: Load}, notify: [other]}\n";
    let bench = Bench::with(&receivers, "  labels: {team: web}\n", routes);
    bench.value(15.0);
    let _agent = bench.start();
    wait_until(owned(&["new web-1 warning"]), || messages(&sinks[2]));
    bench.value(25.0);
    wait_until(2, || messages(&sinks[2]).len());
    wait_until(owned(&["new web-1 critical"]), || messages(&sinks[0]));
    bench.value(15.0);
    wait_until(3, || messages(&sinks[2]).len());
    wait_until(2, || messages(&sinks[0]).len());
    let left = sinks[0].requests().remove(1).json();
    assert_eq!(left["event"], "left");
    let headline = left["headline"].as_str().unwrap();
    assert!(
        headline.contains("no longer CRITICAL: now WARNING"),
        "{headline}"
    );
    bench.value(1.0);
    wait_until(
        owned(&[
            "new web-1 warning",
            "raised web-1 critical",
            "changed web-1 warning",
            "resolved web-1 ok",
        ]),
        || messages(&sinks[2]),
    );
    bench.evaluations(2);
    assert_eq!(messages(&sinks[0]).len(), 2);
    assert_eq!(
        messages(&sinks[1]),
        [
            "new web-1 warning",
            "raised web-1 critical",
            "changed web-1 warning"
        ]
    );
    assert_eq!((messages(&sinks[3]), messages(&sinks[4])), (vec![], vec![]));
}

#[test]
fn without_a_route_the_default_receivers_are_told_and_an_alerts_own_list_goes_before_all() {
    let (a, b) = (Sink::start(), Sink::start());
    let receivers = hook("a", &a, ", default: true") + &hook("b", &b, "");
    let bench = Bench::new(
        &receivers,
        "- {name: Own, target: own, warning: 10, every: 1s, settle: off, notify: [b]}\n",
    );
    bench.graphite.set("own", vec![Series::constant("x", 15.0)]);
    bench.value(25.0);
    let _agent = bench.start();
    wait_until(owned(&["new web-1 critical"]), || messages(&a));
    wait_until(owned(&["new x warning"]), || messages(&b));
    bench.evaluations(2);
    assert_eq!((messages(&a).len(), messages(&b).len()), (1, 1));
}

#[test]
fn after_delays_and_repeat_reminds() {
    let (late, again) = (Sink::start(), Sink::start());
    let receivers = hook("late", &late, ", after: 3s") + &hook("again", &again, ", repeat: 2s");
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let _agent = bench.start();
    let reminders = again.wait_for(3, DEADLINE);
    let late = late.wait_for(1, DEADLINE).remove(0);
    let delay = late.at - reminders[0].at;
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(8)).contains(&delay),
        "{delay:?}"
    );
    assert_eq!(
        messages(&again)[..3],
        owned(&[
            "new web-1 critical",
            "reminder web-1 critical",
            "reminder web-1 critical"
        ])
    );
    for pair in reminders.windows(2) {
        let pause = pair[1].at - pair[0].at;
        assert!(pause >= Duration::from_millis(1900), "{pause:?}");
    }
    let ids: Vec<_> = reminders
        .iter()
        .map(|request| request.header("idempotency-key").unwrap())
        .collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
    bench.value(1.0);
    wait_until(Some("resolved web-1 ok".to_owned()), || {
        messages(&again).last().cloned()
    });
}

#[test]
fn beyond_the_limit_one_incident_stands_for_the_rest() {
    let (pagerduty, chat) = (PagerDuty::start(), Sink::start());
    let bench = Bench::new(
        &(oncall(&pagerduty) + &hook("chat", &chat, "")),
        "  limit: 2\n",
    );
    let series = |values: [f64; 5]| {
        let names = ["a", "b", "c", "d", "e"];
        names
            .into_iter()
            .zip(values)
            .map(|(name, value)| Series::constant(name, value))
            .collect()
    };
    bench
        .graphite
        .set("load", series([15.0, 15.0, 15.0, 15.0, 1.0]));
    let _agent = bench.start();
    chat.wait_for(3, DEADLINE);
    let more = chat
        .requests()
        .into_iter()
        .map(|request| request.json())
        .find(|body| body["series"] == "(more)")
        .unwrap();
    let headline = more["headline"].as_str().unwrap();
    assert!(
        headline.starts_with("[WARNING] Load (more) 2 more series: "),
        "{headline}"
    );
    // one of them gets worse: that wakes
    bench
        .graphite
        .set("load", series([15.0, 15.0, 15.0, 25.0, 25.0]));
    wait_until(true, || {
        events(&pagerduty).contains(&"trigger it/Load/%28more%29/critical".to_owned())
    });
    bench.graphite.set("load", series([1.0; 5]));
    wait_until(true, || pagerduty.open().is_empty());
    wait_until(3, || {
        messages(&chat)
            .iter()
            .filter(|message| message.starts_with("resolved"))
            .count()
    });
    assert_eq!(messages(&chat).len(), 7, "{:?}", messages(&chat));
}

#[test]
fn outside_its_hours_an_alert_tells_nobody_anything_new() {
    let (chat, other) = (Sink::start(), Sink::start());
    // an hour that is not now, whatever the time
    let hour = |ahead| {
        (chrono::Utc::now() + chrono::Duration::hours(ahead))
            .format("%H:00")
            .to_string()
    };
    let active = format!("  active: '{}-{}'\n  notify: [chat]\n", hour(6), hour(8));
    let alert = active
        + "- {name: Other, target: load, warning: 10, every: 1s, settle: off, notify: [other]}\n";
    let bench = Bench::new(
        &(hook("chat", &chat, "") + &hook("other", &other, "")),
        &alert,
    );
    bench.value(25.0);
    let _agent = bench.start();
    wait_until(1, || messages(&other).len());
    bench.evaluations(3);
    assert_eq!(messages(&chat), [""; 0]);
}

// --- starts, stops, kills, reloads ---------------------------------------------------------------------

#[test]
fn a_kill_between_trigger_and_resolve_costs_neither_and_doubles_neither() {
    let (pagerduty, chat) = (PagerDuty::start(), Sink::start());
    let bench = Bench::new(&(oncall(&pagerduty) + &hook("chat", &chat, "")), "");
    bench.value(25.0);
    let mut agent = bench.start();
    agent.wait_stderr("told");
    wait_until((1, 1), || (events(&pagerduty).len(), messages(&chat).len()));
    // both are recorded once the next evaluation is
    bench.evaluations(3);
    agent.kill();
    bench.value(1.0);
    agent.restart();
    let all = ["trigger it/Load/web-1", "resolve it/Load/web-1"];
    wait_until(owned(&all), || events(&pagerduty));
    wait_until(owned(&["new web-1 critical", "resolved web-1 ok"]), || {
        messages(&chat)
    });
    bench.evaluations(3);
    assert_eq!((events(&pagerduty).len(), messages(&chat).len()), (2, 2));
}

#[test]
fn what_was_not_told_before_a_kill_is_told_after_the_start() {
    let (pagerduty, chat) = (PagerDuty::start(), Sink::start());
    pagerduty.sink.always(Some(Answer::Cut));
    let bench = Bench::new(&(oncall(&pagerduty) + &hook("chat", &chat, "")), "");
    bench.value(25.0);
    let mut agent = bench.start();
    pagerduty.sink.wait_for(1, DEADLINE);
    wait_until(1, || messages(&chat).len());
    bench.evaluations(2);
    pagerduty.sink.always(None);
    agent.restart();
    wait_until(owned(&["trigger it/Load/web-1"]), || events(&pagerduty));
    bench.evaluations(2);
    assert_eq!(messages(&chat).len(), 1);
}

#[test]
fn what_came_and_went_before_it_could_be_told_is_resolved_or_told_in_one() {
    let (pagerduty, chat) = (PagerDuty::start(), Sink::start());
    for sink in [&pagerduty.sink, &chat] {
        sink.always(Some(Answer::retry_after(503, "2")));
    }
    let bench = Bench::new(&(oncall(&pagerduty) + &hook("chat", &chat, "")), "");
    bench.value(25.0);
    let _agent = bench.start();
    pagerduty.sink.wait_for(1, DEADLINE);
    chat.wait_for(1, DEADLINE);
    bench.value(1.0);
    bench.evaluations(2);
    pagerduty.sink.always(None);
    chat.always(None);
    wait_until(owned(&["resolve it/Load/web-1"]), || events(&pagerduty));
    wait_until(owned(&["both web-1 ok"]), || messages(&chat));
    let both = chat.requests().pop().unwrap().json();
    let headline = both["headline"].as_str().unwrap();
    assert!(
        headline.starts_with("[OK] Load web-1 was CRITICAL from "),
        "{headline}"
    );
    bench.evaluations(2);
    assert_eq!((events(&pagerduty).len(), messages(&chat).len()), (1, 1));
}

#[test]
fn a_stop_finishes_what_is_being_sent() {
    let receivers = "  script: {command: {run: [sh, -c, 'cat > /dev/null; touch begun; sleep 2; echo x >> told']}}\n";
    let bench = Bench::new(receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    let (begun, told) = (
        bench.setup.folder().join("begun"),
        bench.setup.folder().join("told"),
    );
    poll(DEADLINE, || begun.exists().then_some(())).unwrap();
    assert_eq!(agent.stop().code(), Some(0));
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "x\n");
    // and it was recorded
    agent.restart();
    bench.evaluations(3);
    assert_eq!(std::fs::read_to_string(&told).unwrap(), "x\n");
}

#[test]
fn a_stop_takes_no_longer_than_ten_seconds_and_what_hung_is_repeated_with_the_same_key() {
    let pagerduty = PagerDuty::start();
    pagerduty.sink.always(Some(Answer::Hang));
    let bench = Bench::new(&oncall(&pagerduty), "");
    bench.value(25.0);
    let mut agent = bench.start();
    pagerduty.sink.wait_for(1, DEADLINE);
    let before = Instant::now();
    assert_eq!(agent.stop().code(), Some(0));
    assert!(
        before.elapsed() < Duration::from_secs(10),
        "{:?}",
        before.elapsed()
    );
    pagerduty.sink.always(None);
    agent.restart();
    wait_until(owned(&["trigger it/Load/web-1"]), || events(&pagerduty));
}

#[test]
fn a_receiver_that_moves_is_told_the_end_there_and_the_beginning_here() {
    let (old, new, chat) = (PagerDuty::start(), PagerDuty::start(), Sink::start());
    let bench = Bench::new(&(oncall(&old) + &hook("chat", &chat, "")), "");
    bench.value(25.0);
    let mut agent = bench.start();
    wait_until((1, 1), || (events(&old).len(), messages(&chat).len()));
    let receivers = format!(
        "  oncall: {{pagerduty: {{routing_key: {OTHER_KEY}, url: '{}'}}}}\n{}",
        new.url(),
        hook("chat", &chat, ", repeat: 1h"),
    );
    bench.rewrite(&receivers, "");
    agent.signal(rustix::process::Signal::HUP);
    agent.wait_stderr("the new configuration is in use");
    wait_until(owned(&["trigger it/Load/web-1"]), || events(&new));
    wait_until(
        owned(&["trigger it/Load/web-1", "resolve it/Load/web-1"]),
        || events(&old),
    );
    assert_eq!(new.accepted()[0]["routing_key"], OTHER_KEY);
    bench.evaluations(2);
    assert_eq!(
        messages(&chat).len(),
        1,
        "another policy is no other address"
    );
}

#[test]
fn other_words_or_another_name_for_the_same_key_tell_nothing_anew() {
    let pagerduty = PagerDuty::start();
    let bench = Bench::new(&oncall(&pagerduty), "");
    bench.value(25.0);
    let agent = bench.start();
    wait_until(1, || events(&pagerduty).len());
    let receiver = |name: &str| {
        let url = pagerduty.url();
        format!(
            "  {name}: {{pagerduty: {{routing_key: {KEY}, url: '{url}', summary: '{{{{ alert }}}}'}}}}\n"
        )
    };
    for name in ["oncall", "pager"] {
        bench.rewrite(&receiver(name), "");
        agent.signal(rustix::process::Signal::HUP);
        bench.evaluations(2);
    }
    bench.value(1.0);
    wait_until(
        owned(&["trigger it/Load/web-1", "resolve it/Load/web-1"]),
        || events(&pagerduty),
    );
}

// --- dry runs, proxies, secrets --------------------------------------------------------------------------

#[test]
fn a_dry_run_tells_nobody_and_prints_what_it_would_tell_whom() {
    let (pagerduty, chat) = (PagerDuty::start(), Sink::start());
    let bench = Bench::new(&(oncall(&pagerduty) + &hook("chat", &chat, "")), "");
    bench.value(25.0);
    let setup = bench
        .setup
        .clone()
        .arguments(&["run", "-c", "alerts.yml", "--dry-run"]);
    let mut agent = Watched(setup.start());
    let line = agent.wait_stdout("(would tell oncall)");
    assert!(
        line.starts_with("[CRITICAL] Load web-1 is 25 (>= 20)"),
        "{line}"
    );
    agent.wait_stdout("(would tell chat)");
    bench.value(1.0);
    agent.wait_stdout("[OK] Load web-1");
    assert_eq!(agent.stop().code(), Some(0));
    assert_eq!(pagerduty.sink.requests().len() + chat.requests().len(), 0);
}

/// A proxy that refuses everything and remembers the first line of what it was asked.
fn proxy() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let first = first_line(&mut stream);
            kept.lock().unwrap().push(first);
            let _ = stream.write_all(b"HTTP/1.1 502 no\r\ncontent-length: 0\r\n\r\n");
        }
    });
    (address, asked)
}

fn first_line(stream: &mut TcpStream) -> String {
    let mut buffer = [0; 200];
    let length = stream.read(&mut buffer).unwrap_or(0);
    let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
    text.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn https_proxy_and_no_proxy_are_honoured() {
    let ((address, asked), (direct, past)) = (proxy(), proxy());
    let direct = direct.replace("http://", "https://");
    let receivers = format!(
        "  oncall: {{pagerduty: {{routing_key: {KEY}}}}}\n  here: {{webhook: {{url: '{direct}/{PATH}'}}}}\n"
    );
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let setup = bench
        .setup
        .clone()
        .env("HTTPS_PROXY", address)
        .env("NO_PROXY", "127.0.0.1");
    let mut agent = Watched(setup.start());
    agent.wait("a request to the proxy", |_| {
        (!asked.lock().unwrap().is_empty()).then_some(())
    });
    agent.wait("a request past the proxy", |_| {
        (!past.lock().unwrap().is_empty()).then_some(())
    });
    let asked = asked.lock().unwrap().clone();
    assert!(
        asked
            .iter()
            .all(|line| line == "CONNECT events.pagerduty.com:443 HTTP/1.1"),
        "{asked:?}"
    );
    let past = past.lock().unwrap().clone();
    assert!(
        past.iter().all(|line| !line.starts_with("CONNECT")),
        "{past:?}"
    );
}

#[test]
fn whatever_goes_wrong_no_secret_is_shown() {
    // echoes what it was sent, as some servers do in their errors
    let echo = Sink::with(|request| {
        Answer::Status(
            403,
            Vec::new(),
            format!("no {} for {}", request.path, request.body),
        )
    });
    let smtp = Smtp::start(Manners {
        replies: [("GREETING".to_owned(), format!("554 not you {PASSWORD}"))].into(),
        ..Manners::default()
    });
    let receivers = format!(
        "  oncall: {{pagerduty: {{routing_key: {KEY}, url: '{0}'}}}}\n{1}\
         \x20 slack: {{slack: {{url: '{0}/{PATH}'}}}}\n\
         \x20 gone: {{webhook: {{url: 'http://user:{PASSWORD}@127.0.0.1:1/{PATH}?token={PASSWORD}'}}}}\n\
         \x20 mail: {{email: {{to: [a@example.com], from: b@example.com, smtp: 'smtp://user:{PASSWORD}@127.0.0.1:{2}?tls=none'}}}}\n",
        echo.url(),
        hook("hook", &echo, ""),
        smtp.port(),
    );
    let receivers = receivers.replace("?tls=none", "");
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let setup = bench.setup.clone().env("RUST_LOG", "debug");
    let mut agent = Watched(setup.start());
    for name in ["oncall", "hook", "slack", "gone", "mail"] {
        let part = format!("receiver=\"{name}\"");
        agent.wait(&format!("a failure of {name}"), |agent| {
            let failed = |line: &str| {
                line.contains(&part)
                    && (line.contains("rejected: ") || line.contains("not told yet: "))
            };
            agent.stderr().lines().any(failed).then_some(())
        });
    }
    assert!(
        agent.stderr().contains("403"),
        "what the server said is shown"
    );
}

// --- notify ---------------------------------------------------------------------------------------------------

fn notify(receivers: &str, name: &str) -> (Finished, Setup) {
    let graphite = "http://127.0.0.1:1";
    let setup = Setup::new(&format!(
        "graphite: {{url: '{graphite}'}}\ninstance: it\nlisten: off\nreceivers:\n{receivers}\nalerts:\n- {{name: Load, target: load, warning: 10}}\n"
    ));
    let setup = setup.arguments(&["notify", "-c", "alerts.yml", name]);
    let finished = setup.run();
    assert_no_secret(&finished.stdout, &finished.stderr);
    (finished, setup)
}

#[test]
fn notify_sends_a_test_incident_and_its_end_through_every_kind() {
    let (pagerduty, sink, smtp) = (
        PagerDuty::start(),
        Sink::start(),
        Smtp::start(Manners::default()),
    );
    let receivers = oncall(&pagerduty)
        + &hook("hook", &sink, "")
        + &format!("  slack: {{slack: {{url: '{}/{PATH}'}}}}\n", sink.url())
        + &mail(&smtp, "a@example.com, b@example.com", "")
        + "  script: {command: {run: [sh, -c, 'cat >> told; echo >> told']}}\n  screen: {console: {}}\n";

    let (finished, _) = notify(&receivers, "oncall");
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert_eq!(
        events(&pagerduty),
        [
            "trigger it/graphite-pager/test",
            "resolve it/graphite-pager/test"
        ]
    );

    assert_eq!(notify(&receivers, "hook").0.code, Some(0));
    assert_eq!(messages(&sink), ["new test critical", "resolved test ok"]);

    assert_eq!(notify(&receivers, "slack").0.code, Some(0));
    assert_eq!(sink.requests().len(), 4);

    assert_eq!(notify(&receivers, "mail").0.code, Some(0));
    let mails = smtp.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[0].to, ["a@example.com", "b@example.com"]);
    assert_eq!(
        mails[1].header("In-Reply-To"),
        mails[0].header("Message-ID")
    );

    let (finished, setup) = notify(&receivers, "script");
    assert_eq!(finished.code, Some(0));
    assert_eq!(
        std::fs::read_to_string(setup.folder().join("told"))
            .unwrap()
            .lines()
            .count(),
        2
    );

    let (finished, _) = notify(&receivers, "screen");
    assert_eq!(finished.code, Some(0));
    let lines: Vec<_> = finished.stdout.lines().collect();
    assert!(
        lines.len() == 2 && lines[0].starts_with("[CRITICAL] ") && lines[1].starts_with("[OK] "),
        "{lines:?}"
    );
}

#[test]
fn notify_that_is_refused_says_what_was_answered_and_exits_1() {
    let pagerduty = PagerDuty::start();
    let answer = "{\"message\": \"Event object is invalid\", \"errors\": [\"no such key\"]}";
    pagerduty
        .sink
        .always(Some(Answer::Status(400, Vec::new(), answer.to_owned())));
    let (finished, _) = notify(&oncall(&pagerduty), "oncall");
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("no such key"),
        "{}",
        finished.stderr
    );
}

#[test]
fn notify_of_a_receiver_that_is_not_there_names_those_that_are() {
    let sink = Sink::start();
    let (finished, _) = notify(
        &(hook("chat", &sink, "") + &hook("boss", &sink, "")),
        "oncal",
    );
    assert_eq!(finished.code, Some(1));
    for part in ["`oncal`", "chat", "boss"] {
        assert!(finished.stderr.contains(part), "{}", finished.stderr);
    }
    assert_eq!(sink.requests().len(), 0);
}

#[test]
fn notify_sends_the_end_to_those_who_took_the_beginning_whoever_else_refused() {
    let mut manners = Manners::default();
    manners.replies.insert(
        "RCPT b@example.com".to_owned(),
        "550 no such user".to_owned(),
    );
    let smtp = Smtp::start(manners);
    let (finished, _) = notify(&mail(&smtp, "a@example.com, b@example.com", ""), "mail");
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("b@example.com") && finished.stderr.contains("no such user"),
        "{}",
        finished.stderr
    );
    assert_eq!(smtp.mails().len(), 2);
}

#[test]
fn notify_resolves_at_pagerduty_what_it_may_have_opened() {
    let pagerduty = PagerDuty::start();
    pagerduty.sink.next(Answer::Cut);
    let (finished, _) = notify(&oncall(&pagerduty), "oncall");
    assert_eq!(finished.code, Some(1));
    assert_eq!(events(&pagerduty), ["resolve it/graphite-pager/test"]);
}
