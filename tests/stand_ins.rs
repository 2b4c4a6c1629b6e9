//! The stand-ins that black-box tests rely on do what they say.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::time::Duration;

use rustix::process::Signal;
use support::agent::Setup;
use support::graphite::{Failure, Graphite, PICTURE, Series};
use support::http;

fn raw(graphite: &Graphite, query: &str) -> String {
    http::get(&format!("{}/render?format=raw&{query}", graphite.url())).text()
}

#[test]
fn a_window_holds_the_bucket_of_until_and_not_that_of_from() {
    let graphite = Graphite::start();
    graphite.set(
        "a.*",
        vec![Series::starting("x", 600, &[Some(1.0), None, Some(3.0)])],
    );
    assert_eq!(
        raw(&graphite, "target=a.*&from=540&until=730"),
        "x,600,780,60|1.0,None,3.0\n"
    );
    assert_eq!(
        raw(&graphite, "target=a.*&from=600&until=660"),
        "x,660,720,60|None\n"
    );
}

#[test]
fn values_that_end_now_stand_in_the_newest_bucket() {
    let graphite = Graphite::start();
    graphite.set(
        "a",
        vec![Series::ending("x", &[Some(1.0), Some(f64::NAN)]).step(10)],
    );
    assert_eq!(
        raw(&graphite, "target=a&from=970&until=1005"),
        "x,980,1010,10|None,1.0,nan\n"
    );
}

#[test]
fn targets_are_answered_in_order_and_unknown_ones_with_nothing() {
    let graphite = Graphite::start();
    graphite.set("b", vec![Series::constant("of b", 1.0)]);
    graphite.set(
        "a",
        vec![Series::constant("of a", 2.0), Series::nulls("null")],
    );
    graphite.remove("a", "null");
    let url = format!("{}/render", graphite.url());
    let answer = http::post_form(
        &url,
        &[
            ("target", "b"),
            ("target", "none"),
            ("target", "aliasSub(a, \"^\", \"7|\")"),
            ("format", "json"),
        ],
    );
    let series: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    let names: Vec<_> = series
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["target"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["of b", "7|of a"]);
    let request = graphite.requests_for("a").pop().unwrap();
    assert_eq!(
        (request.method.as_str(), request.targets().len()),
        ("POST", 3)
    );
}

#[test]
fn every_failure_is_seen_by_the_client() {
    let graphite = Graphite::start();
    graphite.set("a", vec![Series::constant("x", 1.0)]);
    let url = format!("{}/render?target=a&format=raw", graphite.url());
    let send = || http::send("GET", &url, "", b"");
    for (failure, expected) in [
        (Failure::status(503), Some(503)),
        (Failure::login_page(), Some(200)),
        (
            Failure::Redirect("http://127.0.0.1:1/".to_owned()),
            Some(302),
        ),
        (Failure::unknown_function("x"), Some(400)),
        (
            Failure::Raw(b"HTTP/1.1 200 OK\r\n\r\nx".to_vec()),
            Some(200),
        ),
        (Failure::Slow(Duration::from_millis(1)), Some(200)),
        (Failure::Drip(Duration::from_micros(10)), Some(200)),
        (Failure::Cut, None),
        (Failure::Close, None),
    ] {
        graphite.fail_target("a", failure.clone());
        assert_eq!(
            send().ok().map(|answer| answer.status),
            expected,
            "{failure:?}"
        );
    }
    graphite.fail_target("a", Failure::LeftOut);
    assert_eq!(send().unwrap().text(), "");
    graphite.fail_target("a", None);
    assert!(send().unwrap().text().starts_with("x,"));
}

#[test]
fn a_server_that_is_down_refuses_and_comes_back_on_its_port() {
    let graphite = Graphite::start();
    let url = format!("{}/render?target=a&format=raw", graphite.url());
    graphite.down();
    assert!(http::send("GET", &url, "", b"").is_err());
    graphite.up();
    assert_eq!(http::get(&url).status, 200);
}

#[test]
fn pictures_are_pictures_and_fail_alone() {
    let graphite = Graphite::start();
    let picture = format!("{}/render?target=a&width=586", graphite.url());
    assert_eq!(http::get(&picture).body, PICTURE);
    graphite.fail_pictures(Failure::status(500));
    assert_eq!(http::get(&picture).status, 500);
    assert_eq!(http::get(&format!("{picture}&format=raw")).status, 200);
}

#[test]
fn servers_of_other_makes_refuse_what_those_refuse() {
    let graphite = Graphite::start();
    let url = format!("{}/render", graphite.url());
    graphite.refuse_post(405);
    assert_eq!(
        http::post_form(&url, &[("target", "a"), ("format", "json")]).status,
        405
    );
    graphite.json_only(true);
    assert_eq!(http::get(&format!("{url}?target=a&format=raw")).status, 400);
    assert_eq!(
        http::get(&format!("{url}?target=a&format=json")).text(),
        "[]"
    );
    assert_eq!(
        http::get(&format!("{url}?target={}&format=json", "a".repeat(4100))).status,
        414
    );
}

/// The agent's process, with a shell in its place.
fn shell(script: &str) -> Setup {
    Setup::new("").program("/bin/sh").arguments(&["-c", script])
}

#[test]
fn what_a_process_writes_is_waited_for_and_kept() {
    let mut agent = shell("echo one; echo two >&2; cat alerts.yml; exec sleep 60").start();
    assert_eq!(agent.wait_stdout("on"), "one");
    assert_eq!(agent.wait_stderr("two"), "two");
    assert_eq!(agent.stop().code(), None);
}

#[test]
fn signals_reach_the_process_and_its_exit_code_comes_back() {
    let mut agent =
        shell("trap 'echo again' USR1; trap 'exit 7' TERM; echo up; while :; do sleep 0.01; done")
            .start();
    agent.wait_stdout("up");
    agent.signal(Signal::USR1);
    agent.wait_stdout("again");
    assert_eq!(agent.stop().code(), Some(7));
}

#[test]
fn a_restart_keeps_the_folder() {
    let mut agent = shell("echo x >> kept; wc -l < kept; exec sleep 60").start();
    agent.wait_stdout("1");
    agent.restart();
    agent.wait_stdout("2");
}

#[test]
fn the_environment_is_kept_out_and_what_the_test_sets_comes_in() {
    let script = "echo ${NO_PROXY:-none} $DOCS_URL; exit 3";
    let finished = shell(script).env("DOCS_URL", "here").run();
    assert_eq!(
        (finished.code, finished.stdout.as_str()),
        (Some(3), "none here\n")
    );
}
