//! Alerts that share requests, on the real binary: nobody is judged worse, later
//! or under another name for those that are asked for beside it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::time::Duration;

use support::agent::Setup;
use support::faults::{Bench, levels, said};
use support::graphite::{Failure, Request, Series};
use support::{DEADLINE, poll};

/// Requests for data that hold more than one target.
fn shared(bench: &Bench) -> Vec<Request> {
    let mut requests = bench.graphite.requests();
    requests.retain(|request| !request.is_picture() && request.targets().len() > 1);
    requests
}

/// Waits until so many requests held all of these targets, and no others.
fn wait_shared(bench: &Bench, targets: &[&str], count: usize) {
    let mut wanted: Vec<String> = targets.iter().map(ToString::to_string).collect();
    wanted.sort();
    let of = |request: &Request| {
        let mut targets = request.targets();
        targets.sort();
        targets
    };
    let so_far = shared(bench).len();
    let enough = || {
        let requests = shared(bench).split_off(so_far);
        let all = requests.iter().filter(|request| of(request) == wanted);
        (all.count() >= count).then_some(())
    };
    poll(DEADLINE, enough).unwrap_or_else(|| {
        let requests: Vec<_> = shared(bench).iter().map(of).collect();
        panic!("no {count} requests for {wanted:?}: {requests:?}")
    });
}

#[test]
fn alerts_of_one_second_share_a_post_and_each_series_is_its_own() {
    let bench = Bench::start();
    // legends that look like what tells targets apart
    let legends = [
        "web|1",
        "0|web",
        "1|0|x",
        "|",
        "ä \"quoted\" 'name', {x}",
        "7",
    ];
    let target = |n: usize| format!("aliasByNode(servers.s{n}.*.load, {n})");
    for (n, legend) in legends.iter().enumerate() {
        bench
            .graphite
            .set(&target(n), vec![Series::constant(legend, 25.0)]);
    }
    let alerts: Vec<String> = (0..legends.len())
        .map(|n| format!("name: G{n}, target: '{}', critical: 20", target(n)))
        .collect();
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    let mut agent = bench.setup(&alerts).start();
    for (n, legend) in legends.iter().enumerate() {
        let line = agent.wait_stdout(&format!("[CRITICAL] G{n} {legend} is 25"));
        assert!(
            !line.contains("aliasSub"),
            "the link is to the user's own target: {line}"
        );
    }
    bench.wait_events(legends.len());
    let targets: Vec<String> = (0..legends.len()).map(target).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    wait_shared(&bench, &targets, 2);
    for request in shared(&bench) {
        assert_eq!(request.method, "POST");
        assert!(request.parameter("maxDataPoints").is_none());
        let wrapped = request.parameter("target").unwrap();
        assert!(
            wrapped.starts_with("aliasSub(aliasByNode(servers."),
            "{wrapped}"
        );
        assert!(wrapped.ends_with(", \"^\", \"0|\")"), "{wrapped}");
    }
    for (n, legend) in legends.iter().enumerate() {
        bench
            .graphite
            .set(&target(n), vec![Series::constant(legend, 1.0)]);
    }
    bench.wait_events(2 * legends.len());
    assert!(bench.pagerduty.open().is_empty());
    for event in bench.pagerduty.accepted() {
        assert!(!event.to_string().contains("aliasSub"), "{event}");
    }
}

#[test]
fn one_bad_target_costs_its_neighbours_nothing_and_travels_alone_until_it_works() {
    let bench = Bench::start();
    let alert = |n: usize| format!("name: G{n}, target: t{n}, critical: 20");
    let alerts: Vec<String> = (0..8).map(alert).collect();
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    let targets: Vec<String> = (0..8).map(|n| format!("t{n}")).collect();
    let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
    for target in &targets {
        bench.graphite.set_value(target, "web-1", 1.0);
    }
    let mut agent = bench.setup(&alerts).start();
    wait_shared(&bench, &targets, 1);
    bench
        .graphite
        .fail_target("t3", Failure::unknown_function("nofunc"));
    let line = agent.wait_stdout("[CRITICAL] graphite-pager G3 cannot be fetched");
    assert!(line.contains("unknown function: nofunc"), "{line}");
    let others: Vec<&str> = targets.iter().copied().filter(|one| *one != "t3").collect();
    wait_shared(&bench, &others, 2);
    let line = agent.wait_stderr("cannot fetch: ");
    assert!(line.contains("target=\"t3\""), "{line}");
    for target in &others {
        bench.graphite.set_value(target, "web-1", 25.0);
    }
    for target in &others {
        agent.wait_stdout(&format!("[CRITICAL] G{} web-1", &target[1..]));
    }
    bench.graphite.fail_target("t3", None);
    agent.wait_stdout("[OK] graphite-pager G3");
    wait_shared(&bench, &targets, 2);
    for other in &others {
        let group = format!("graphite-pager G{}", &other[1..]);
        assert_eq!(said(&agent, &group), Vec::<String>::new());
    }
    assert!(!agent.stderr().contains("aliasSub"), "{}", agent.stderr());
}

#[test]
fn series_left_out_of_a_shared_answer_right_after_a_start_is_not_gone() {
    let bench = Bench::start();
    let fleet = vec![
        Series::constant("web-1", 1.0),
        Series::constant("web-2", 25.0),
    ];
    bench.graphite.set("fleet", fleet);
    bench.graphite.set_value("load", "web-1", 1.0);
    let alerts = [
        "name: Fleet, target: fleet, critical: 20",
        "name: Load, target: load, critical: 20",
    ];
    let mut agent = bench.setup(&alerts).start();
    bench.wait_event("trigger Fleet/web-2");
    wait_shared(&bench, &["fleet", "load"], 2);
    agent.kill();
    bench
        .graphite
        .fail_target("fleet", Failure::ShortAmongOthers);
    agent.restart();
    // past the times after which it would be told as missing, and forgotten
    bench.evaluated(&["load"], 5);
    let alone = bench.graphite.requests_for("fleet");
    assert!(alone.iter().any(|request| request.targets().len() == 1));
    bench.graphite.set_value("load", "web-1", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-1");
    bench.wait_event("trigger Load/web-1");
    assert_eq!(
        bench.events(),
        ["trigger Fleet/web-2", "trigger Load/web-1"]
    );
    assert_eq!(said(&agent, "NO DATA"), Vec::<String>::new());
    assert_eq!(said(&agent, "[OK]"), Vec::<String>::new());
}

#[test]
fn server_without_alias_sub_is_asked_for_one_target_at_a_time() {
    let bench = Bench::start();
    bench.graphite.no_alias_sub();
    for target in ["a", "b", "c"] {
        bench.graphite.set_value(target, "web-1", 25.0);
    }
    let alerts = [
        "name: A, target: a, critical: 20",
        "name: B, target: b, critical: 20",
        "name: C, target: c, critical: 20",
    ];
    let mut agent = bench.setup(&alerts).start();
    for group in ["A", "B", "C"] {
        agent.wait_stdout(&format!("[CRITICAL] {group} web-1"));
    }
    let line = agent.wait_stderr("does not answer for several targets in one request");
    assert!(line.contains("unknown function: aliasSub"), "{line}");
    let before = shared(&bench).len();
    bench.evaluated(&["a", "b", "c"], 4);
    assert_eq!(shared(&bench).len(), before);
    for target in ["a", "b", "c"] {
        bench.graphite.set_value(target, "web-1", 1.0);
    }
    for group in ["A", "B", "C"] {
        agent.wait_stdout(&format!("[OK] {group} web-1"));
        assert_eq!(
            levels(&agent, &format!("{group} web-1")),
            ["CRITICAL", "OK"]
        );
    }
}

#[test]
fn check_shares_requests_and_names_the_one_that_fails() {
    let bench = Bench::start();
    for n in 0..10 {
        bench
            .graphite
            .set_value(&format!("t{n}"), "web-1", f64::from(n));
    }
    bench.graphite.fail_target("t4", Failure::status(500));
    let alerts: Vec<String> = (0..10)
        .map(|n| format!("name: G{n}, target: t{n}, critical: 9"))
        .collect();
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    let setup = Setup::new(&bench.configuration("", "", &alerts));
    let arguments = ["check", "-c", "alerts.yml", "--format", "json"];
    let finished = setup.arguments(&arguments).run();
    let rows: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let read: Vec<String> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {}", row["alert"].as_str().unwrap(), row["value"]))
        .collect();
    let expected: Vec<String> = (0..10)
        .filter(|n| *n != 4)
        .map(|n| format!("G{n} {n}.0"))
        .collect();
    assert_eq!(read, expected);
    assert_eq!(finished.code, Some(2), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("alert `G4`, target `t4`"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stdout.contains("aliasSub"), "{}", finished.stdout);
    assert!(!shared(&bench).is_empty());
}

#[test]
fn drawn_out_answer_makes_nobody_late_beside_it() {
    let bench = Bench::start();
    for target in ["load", "slow"] {
        bench.graphite.set_value(target, "web-1", 1.0);
    }
    let alerts = [
        "name: Load, target: load, critical: 20",
        "name: Slow, target: slow, critical: 20",
    ];
    let configuration = bench.configuration("timeout: 20s", "", &alerts);
    let mut agent = Setup::new(&configuration).start();
    wait_shared(&bench, &["load", "slow"], 1);
    bench
        .graphite
        .fail_target("slow", Failure::Slow(Duration::from_secs(3)));
    bench.graphite.wait_requests("slow", 4);
    bench.graphite.set_value("load", "web-1", 25.0);
    bench.graphite.set_value("slow", "web-1", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-1");
    agent.wait_stdout("[CRITICAL] Slow web-1");
    bench.evaluated(&["load"], 3);
    let slots = bench.graphite.requests_for("load");
    let slot = |request: &Request| request.parameter("until").unwrap().parse::<i64>().unwrap();
    let slots: Vec<i64> = slots.iter().map(slot).collect();
    // a busy machine may miss a slot or two
    assert!(
        slots.windows(2).all(|two| two[1] - two[0] <= 3),
        "{slots:?}"
    );
    assert_eq!(said(&agent, "graphite-pager"), Vec::<String>::new());
}
