//! A Graphite that fails, on the real binary: whatever it answers, nobody's
//! level changes falsely, others are on time, and what is wrong is said.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::time::Duration;

use support::agent::Setup;
use support::bomb::bomb;
use support::faults::{Bench, address, levels, said, wait_ready};
use support::graphite::{Failure, Series, epoch_now};
use support::sink::Sink;

const LOAD: &str = "name: Load, target: load, warning: 10, critical: 20";

/// What an agent may hold at any time, in kB (issue: 150 MB).
const MEMORY: u64 = 150_000;

/// An answer with this head, as it is, and the end of the connection.
fn bytes(head: &str, body: &[u8]) -> Failure {
    let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
    Failure::Raw([head.as_bytes(), body].concat())
}

/// `web-1` at 25, up to the first digit of its last value, in both formats and
/// both framings; none of the transports says how the answer would have gone on.
fn cut_numbers() -> Vec<Failure> {
    let start = epoch_now() / 60 * 60 - 120;
    let raw = format!("web-1,{start},{},60|25.0,25.0,2", start + 180);
    let json = format!(
        "[{{\"target\": \"web-1\", \"datapoints\": [[25.0, {start}], [25.0, {}], [2",
        start + 60
    );
    let mut failures = Vec::new();
    for (kind, body) in [("text/plain", raw), ("application/json", json)] {
        let (long, chunk) = (body.len() + 100, body.len());
        let more = chunk + 2;
        failures.extend([
            bytes(
                &format!("Content-Type: {kind}\r\nContent-Length: {long}"),
                body.as_bytes(),
            ),
            // cut within a chunk, between two, and where the length is not said at all
            bytes(
                &format!("Content-Type: {kind}\r\nTransfer-Encoding: chunked"),
                format!("{more:x}\r\n{body}").as_bytes(),
            ),
            bytes(
                &format!("Content-Type: {kind}\r\nTransfer-Encoding: chunked"),
                format!("{chunk:x}\r\n{body}\r\n").as_bytes(),
            ),
            bytes(
                &format!("Content-Type: {kind}\r\nConnection: close"),
                body.as_bytes(),
            ),
        ]);
    }
    failures
}

/// Each failure comes to a group of its own, all of which have an incident. Each
/// is said with its words, nothing moves, and it is one page.
fn nothing_moves(format: &str, failures: &[(Failure, &str)]) {
    let bench = Bench::start();
    let target = |n: usize| format!("t{n}");
    let count = failures.len();
    let alert = |n: usize| format!("name: L{n}, target: t{n}, critical: 20");
    let alerts: Vec<String> = (0..count).map(alert).collect();
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    for n in 0..count {
        let series = [
            Series::constant("web-1", 25.0),
            Series::constant("web-2", 1.0),
        ];
        bench.graphite.set(&target(n), series.to_vec());
    }
    let graphite = format!("timeout: 1s, error_for: 3s, concurrency: 50, format: {format}");
    let mut agent = Setup::new(&bench.configuration(&graphite, "", &alerts)).start();
    let address = address(&mut agent);
    bench.wait_events(count);
    for (n, (failure, _)) in failures.iter().enumerate() {
        bench.graphite.fail_target(&target(n), failure.clone());
    }
    for (n, (failure, words)) in failures.iter().enumerate() {
        let line = agent.wait_stderr(&format!("alert=\"L{n}\" target=\"t{n}\" "));
        assert!(
            line.contains("cannot fetch: ") && line.contains(words),
            "{failure:?}: no `{words}` in {line}"
        );
    }
    agent.wait_stdout("[CRITICAL] graphite-pager 127.0.0.1 is not answering");
    wait_ready(&mut agent, &address, 503, "Graphite does not answer");
    // past the times after which a series that is missing is told of, and forgotten
    let targets: Vec<String> = (0..count).map(target).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    bench.evaluated(&targets, 1);
    for target in &targets {
        bench.graphite.fail_target(target, None);
    }
    agent.wait_stdout("[OK] graphite-pager 127.0.0.1");
    wait_ready(&mut agent, &address, 200, "");
    bench.evaluated(&targets, 1);
    bench.wait_events(count + 2);
    let events = bench.events();
    let host = [
        "trigger graphite-pager/127.0.0.1",
        "resolve graphite-pager/127.0.0.1",
    ];
    assert_eq!(events[count..], host);
    assert_eq!(said(&agent, "").len(), count + 2, "{}", agent.stdout());
    for target in &targets {
        bench.graphite.set_value(target, "web-1", 1.0);
    }
    bench.wait_events(2 * count + 2);
    assert!(bench.pagerduty.open().is_empty());
}

#[test]
fn statuses_and_pages_of_proxies_move_nothing_and_are_one_page() {
    let elsewhere = Sink::start();
    let text = |status, kind, body: &str| Failure::Status(status, kind, body.to_owned());
    nothing_moves(
        "auto",
        &[
            (Failure::status(502), "answered 502"),
            (Failure::status(503), "answered 503"),
            (Failure::status(504), "answered 504"),
            (Failure::login_page(), "a login page?"),
            (
                Failure::Redirect(format!("{}/login", elsewhere.url())),
                "another host and was not asked; a login page?",
            ),
            (Failure::Redirect("/login".to_owned()), "answered 404"),
            // no bytes at all, and a kind that no empty answer has
            (text(200, "text/html", ""), "a web page"),
            (text(200, "image/png", ""), "a picture, not json"),
            (
                text(200, "application/octet-stream", ""),
                "`application/octet-stream`, not raw",
            ),
            (text(204, "text/plain", ""), "answered 204"),
            (text(206, "text/plain", ""), "answered 206"),
            (Failure::Close, "cut off"),
            (Failure::Hang, "did not answer within 1s"),
            (
                Failure::Drip(Duration::from_secs(1)),
                "did not answer within 1s",
            ),
        ],
    );
    assert!(elsewhere.requests().is_empty());
}

#[test]
fn number_that_is_cut_in_the_middle_is_never_a_shorter_number() {
    let cut = cut_numbers();
    let (raw, json) = cut.split_at(4);
    std::thread::scope(|scope| {
        for (format, failures) in [("raw", raw), ("json", json)] {
            let failures = failures.iter();
            let failures: Vec<_> = failures
                .map(|failure| (failure.clone(), "was cut off"))
                .collect();
            scope.spawn(move || nothing_moves(format, &failures));
        }
    });
}

/// `target` was asked for each second; a busy machine may miss a few slots, and
/// whoever waited for a fetch that hangs would miss twenty.
fn on_time(bench: &Bench, target: &str) {
    let requests = bench.graphite.requests_for(target);
    let slots: Vec<i64> = requests
        .iter()
        .map(|request| request.parameter("until").unwrap().parse().unwrap())
        .collect();
    assert!(slots.len() > 3, "{slots:?}");
    let mut gaps = slots.windows(2).map(|two| two[1] - two[0]);
    assert!(gaps.all(|gap| gap <= 6), "{slots:?}");
}

/// Each failure on a target of its own, beside one that is well.
fn endless(failures: Vec<(Failure, &str)>) {
    let bench = Bench::start();
    bench.graphite.set_value("load", "web-1", 1.0);
    let alert = |n: usize| format!("name: E{n}, target: e{n}, critical: 20, every: 3s");
    let endless: Vec<_> = (0..failures.len()).map(alert).collect();
    let alerts: Vec<&str> = endless.iter().map(String::as_str).chain([LOAD]).collect();
    for (n, (failure, _)) in failures.iter().enumerate() {
        bench
            .graphite
            .fail_target(&format!("e{n}"), failure.clone());
    }
    let graphite = "timeout: 20s, error_for: 1s";
    let mut agent = Setup::new(&bench.configuration(graphite, "", &alerts)).start();
    for (n, (_, words)) in failures.iter().enumerate() {
        let line = agent.wait_stdout(&format!("[CRITICAL] graphite-pager E{n} cannot be fetched"));
        assert!(line.contains(words), "{line}");
    }
    bench.graphite.set_value("load", "web-1", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-1");
    on_time(&bench, "load");
    let peak = agent.memory_peak().unwrap();
    println!("at most {peak} kB were resident");
    assert!(peak < MEMORY, "{peak} kB");
    assert_eq!(said(&agent, "[OK]"), Vec::<String>::new());
}

#[test]
fn endless_lines_fail_in_little_memory_and_delay_nobody() {
    let now = epoch_now();
    let line = format!("servers.web-1.load,{now},{},60|1.0\n", now + 60);
    let lines = Failure::endless("text/plain", b"", line.as_bytes());
    let many = "too many series";
    endless(vec![
        (lines.clone(), many),
        (lines.clone(), many),
        (lines, many),
    ]);
}

#[test]
fn endless_line_fails_in_little_memory_and_delays_nobody() {
    let line = Failure::endless("text/plain", b"web-1,1,2,1|", b"25.0,");
    let long = "found no end";
    endless(vec![
        (line.clone(), long),
        (line.clone(), long),
        (line, long),
    ]);
}

#[test]
fn endless_json_fails_in_little_memory_and_delays_nobody() {
    let json = |begin: &str, piece: &str| {
        Failure::endless("application/json", begin.as_bytes(), piece.as_bytes())
    };
    let series = r#"{"target": "web-1", "datapoints": [[1.0, 1795423560]]},"#;
    endless(vec![
        (json("[", series), "too many series"),
        (json("[{\"target\": \"", "web-1"), "found no end"),
        (
            json("[{\"target\": \"web-1\", \"datapoints\": [[1", "1"),
            "found no end",
        ),
    ]);
}

#[test]
fn endless_document_and_gzip_bomb_fail_in_little_memory_and_delay_nobody() {
    let points = r#"[{"target": "web-1", "datapoints": ["#;
    let points = Failure::endless("application/json", points.as_bytes(), b"[1.0, 1795423560],");
    let report = Failure::endless("application/json", b"{\"error\": \"", b"no storage ");
    let bomb = bomb(400_000); // 650 kB of 103 MB
    let head = format!(
        "Content-Type: text/plain\r\nContent-Encoding: gzip\r\nContent-Length: {}",
        bomb.len()
    );
    endless(vec![
        (points, "found no end"),
        (report, "no storage"),
        (bytes(&head, &bomb), "found no end"),
    ]);
}

#[test]
fn target_that_a_carbonapi_leaves_out_of_its_answer_is_not_believed_to_be_gone() {
    let bench = Bench::start();
    let fleet = |from: u32| -> Vec<Series> {
        let series = |n| Series::constant(&format!("web-{n}"), 25.0);
        (from..from + 3).map(series).collect()
    };
    bench.graphite.set("old", fleet(1));
    bench.graphite.set("new", fleet(4));
    let alerts = [
        "name: Fleet, targets: [old, new], critical: 20",
        "name: New, target: new, critical: 30",
        LOAD,
    ];
    bench.graphite.set_value("load", "web-1", 1.0);
    let mut agent = bench.setup(&alerts).start();
    bench.wait_events(6);
    bench.evaluated(&["old", "new"], 1);
    bench
        .graphite
        .fail_target("new", Failure::LeftOutAmongOthers);
    // what was asked of the others was answered, and goes on being judged
    bench.evaluated(&["new", "load"], 3);
    bench.graphite.set_value("load", "web-1", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-1");
    for group in ["Fleet", "New"] {
        let line = agent.wait_stdout(&format!(
            "[CRITICAL] graphite-pager {group} cannot be fetched"
        ));
        assert!(line.contains("answered 503"), "{line}");
    }
    bench.graphite.fail_target("new", None);
    agent.wait_stdout("[OK] graphite-pager Fleet");
    agent.wait_stdout("[OK] graphite-pager New");
    bench.evaluated(&["old", "new", "load"], 2);
    assert_eq!(said(&agent, "[NO DATA]"), Vec::<String>::new());
    assert_eq!(said(&agent, "[OK]").len(), 2);
    for n in 1..=6 {
        let series = format!("web-{n}");
        let target = if n > 3 { "new" } else { "old" };
        bench.graphite.set_value(target, &series, 1.0);
    }
    for n in 1..=6 {
        bench.wait_event(&format!("resolve Fleet/web-{n}"));
    }
}

#[test]
fn answer_for_other_targets_than_asked_resolves_nothing_that_is_known() {
    let bench = Bench::start();
    bench.graphite.set(
        "load",
        vec![
            Series::constant("web-1", 25.0),
            Series::constant("web-2", 1.0),
        ],
    );
    let load = "name: Load, target: load, critical: 20, missing_for: 3s, forget_after: 1h";
    let mut agent = bench.setup(&[load]).start();
    agent.wait_stdout("[CRITICAL] Load web-1");
    bench.evaluated(&["load"], 1);
    let others = [
        Series::constant("db-1", 99.0),
        Series::constant("db-2", 1.0),
    ];
    bench.graphite.set("load", others.to_vec());
    let begin = std::time::Instant::now();
    // what came is judged as what it says it is: nothing in an answer says what it is an answer to
    agent.wait_stdout("[CRITICAL] Load db-1 is 99");
    let line = agent.wait_stdout("[NO DATA] Load web-2 has no data since");
    assert!(
        begin.elapsed() >= Duration::from_secs(2),
        "{line}: {:?}",
        begin.elapsed()
    );
    bench.graphite.set(
        "load",
        vec![
            Series::constant("web-1", 25.0),
            Series::constant("web-2", 1.0),
        ],
    );
    agent.wait_stdout("[OK] Load web-2");
    bench.evaluated(&["load"], 1);
    assert_eq!(
        levels(&agent, "Load web-1"),
        ["CRITICAL"],
        "it was never over"
    );
    bench.graphite.set_value("load", "web-1", 1.0);
    agent.wait_stdout("[OK] Load web-1");
}

#[test]
fn one_hanging_target_of_fifty_is_told_by_its_name_and_delays_no_other() {
    let bench = Bench::start();
    let alerts: Vec<String> = (0..50)
        .map(|n| format!("name: G{n}, target: t{n}, critical: 20, every: 2s"))
        .collect();
    for n in 0..50 {
        bench.graphite.set_value(&format!("t{n}"), "web-1", 1.0);
    }
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    let configuration = bench.configuration("timeout: 2s, error_for: 2s", "", &alerts);
    let mut agent = Setup::new(&configuration).start();
    bench.evaluated(&["t7", "t49"], 1);
    bench.graphite.fail_target("t7", Failure::Hang);
    let since = bench.graphite.requests().len();
    let line = agent.wait_stdout("[CRITICAL] graphite-pager G7 cannot be fetched");
    assert!(
        line.contains("did not answer within 2s; narrow the target"),
        "{line}"
    );
    let mut slots = vec![Vec::new(); 50];
    for request in &bench.graphite.requests()[since..] {
        let slot: i64 = request.parameter("until").unwrap().parse().unwrap();
        for target in request.targets() {
            slots[target[1..].parse::<usize>().unwrap()].push(slot);
        }
    }
    for (n, slots) in slots.iter().enumerate().filter(|(n, _)| *n != 7) {
        let gaps = slots.windows(2).map(|two| two[1] - two[0]);
        assert!(
            slots.len() > 1 && gaps.clone().all(|gap| gap <= 4),
            "t{n}: {slots:?}"
        );
    }
    bench.graphite.fail_target("t7", None);
    agent.wait_stdout("[OK] graphite-pager G7");
    bench.wait_events(2);
    assert_eq!(
        bench.events(),
        ["trigger graphite-pager/G7", "resolve graphite-pager/G7"]
    );
}

#[test]
fn yesterdays_data_are_no_data_where_max_age_says_so() {
    let bench = Bench::start();
    let yesterday = epoch_now() / 60 * 60 - 86_400;
    let answer = |value: f64| {
        let body = format!("web-1,{yesterday},{},60|{value},{value}\n", yesterday + 120);
        Failure::Status(200, "text/plain", body)
    };
    let alerts = [
        "name: Dated, target: dated, critical: 20, max_age: 10m",
        "name: Undated, target: undated, critical: 20",
    ];
    for target in ["dated", "undated"] {
        bench.graphite.set_value(target, "web-1", 25.0);
    }
    let mut agent = bench.setup(&alerts).start();
    agent.wait_stdout("[CRITICAL] Dated web-1");
    agent.wait_stdout("[CRITICAL] Undated web-1");
    for target in ["dated", "undated"] {
        bench.graphite.fail_target(target, answer(1.0));
    }
    // without `max_age` a point counts as far back as the answer reaches
    agent.wait_stdout("[OK] Undated web-1");
    bench.evaluated(&["dated"], 2);
    assert_eq!(levels(&agent, "Dated"), ["CRITICAL"], "only data lower");
    bench.graphite.fail_target("dated", answer(99.0));
    bench.evaluated(&["dated"], 2);
    bench.graphite.fail_target("dated", None);
    bench.graphite.set_value("dated", "web-1", 1.0);
    agent.wait_stdout("[OK] Dated web-1 is 1");
    assert_eq!(levels(&agent, "Dated"), ["CRITICAL", "OK"]);
}

#[test]
fn agent_that_is_killed_in_an_outage_tells_of_it_once_and_resolves_nothing() {
    let bench = Bench::start();
    bench.graphite.set(
        "load",
        vec![
            Series::constant("web-1", 25.0),
            Series::constant("web-2", 1.0),
        ],
    );
    let mut agent = bench.setup(&[LOAD]).start();
    bench.wait_event("trigger Load/web-1");
    bench.evaluated(&["load"], 1);
    bench.graphite.fail(Failure::status(503));
    bench.wait_event("trigger graphite-pager/127.0.0.1");
    // told is written after it was said
    bench.evaluated(&["load"], 2);
    agent.kill();
    let expected = ["trigger Load/web-1", "trigger graphite-pager/127.0.0.1"];
    assert_eq!(bench.events(), expected);
    // past all times, and past what a restart may ask anew
    agent.restart();
    agent.wait_stderr("cannot fetch");
    let address = address(&mut agent);
    wait_ready(&mut agent, &address, 503, "Graphite does not answer");
    bench.graphite.set_value("load", "web-1", 1.0);
    bench.graphite.fail(None);
    bench.wait_events(4);
    bench.evaluated(&["load"], 2);
    let mut ends = bench.events().split_off(2);
    ends.sort();
    assert_eq!(
        ends,
        ["resolve Load/web-1", "resolve graphite-pager/127.0.0.1"]
    );
    assert_eq!(said(&agent, "[NO DATA]"), Vec::<String>::new());
}
