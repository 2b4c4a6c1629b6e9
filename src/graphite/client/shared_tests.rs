//! Shared requests against a server that understands `aliasSub`, or does not,
//! and fails for some of its targets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures_util::future::join_all;
use proptest::prelude::*;

use super::fake::{Fake, Reply, Request, answer, json, page, raw};
use super::*;
use crate::graphite::Series;

fn settings(url: &str) -> Settings {
    Settings {
        url: Url::parse(url).unwrap(),
        public_url: None,
        username: None,
        password: None,
        headers: Vec::new(),
        ca: None,
        timeout: Duration::from_secs(20),
        concurrency: 4,
        format: Format::Auto,
        cache: false,
        gzip: false,
        max_response: 1 << 20,
        error_for: Duration::from_secs(300),
        not_found_is_empty: false,
    }
}

fn client(fake: &Fake) -> Client {
    Client::new(&settings(&fake.url())).unwrap()
}

/// Keeps what it takes, as one line a series.
#[derive(Clone, Debug, Default)]
struct Lines(Vec<String>);

impl Reader for Lines {
    fn take(&mut self, series: Series<'_>) {
        let values: Vec<_> = series
            .points
            .map(|p| format!("{}@{}", p.value, p.at))
            .collect();
        self.0
            .push(format!("{} {}", series.legend, values.join(" ")));
    }
}

/// What each of `targets` is answered with, asked for at once in the window that ends at `until`.
async fn ask_known(
    client: &Client,
    targets: &[(&str, usize)],
    until: &str,
) -> Vec<Result<Vec<String>, FetchError>> {
    let from = (until.parse::<i64>().unwrap() - 100).to_string();
    let asks = targets.iter().map(|&(target, known)| {
        let query = Query {
            target,
            from: &from,
            until,
        };
        async move {
            let asked = client.render_shared(&query, known, &Lines::default()).await;
            asked.map(|(lines, summary)| {
                assert_eq!(summary.series, lines.0.len());
                lines.0
            })
        }
    });
    join_all(asks).await
}

async fn ask(
    client: &Client,
    targets: &[&str],
    until: &str,
) -> Vec<Result<Vec<String>, FetchError>> {
    let targets: Vec<_> = targets.iter().map(|target| (*target, 0)).collect();
    ask_known(client, &targets, until).await
}

/// The targets of a request with the prefixes of their legends.
fn targets(request: &Request) -> Vec<(String, String)> {
    let parameters = request.parameters();
    let targets = parameters.iter().filter(|(key, _)| key == "target");
    targets.map(|(_, target)| plain(target)).collect()
}

/// A wrapped target as target and prefix; any other as it is.
fn plain(target: &str) -> (String, String) {
    let parts = || {
        let inner = target.strip_prefix("aliasSub(")?.strip_suffix("\")")?;
        inner.rsplit_once(", \"^\", \"")
    };
    let (target, prefix) = parts().unwrap_or((target, ""));
    (target.to_owned(), prefix.to_owned())
}

/// The targets of each request, in order of arrival.
fn asked(fake: &Fake) -> Vec<Vec<String>> {
    let of = |request: &Request| {
        targets(request)
            .into_iter()
            .map(|(target, _)| target)
            .collect()
    };
    fake.requests().iter().map(of).collect()
}

/// How many targets each request had.
fn sizes(fake: &Fake) -> Vec<usize> {
    asked(fake).iter().map(Vec::len).collect()
}

/// One line for each target, named as it.
fn lines(request: &Request) -> String {
    let targets = targets(request);
    let line = |(target, prefix): &(String, String)| format!("{prefix}{target},60,120,60|1.0\n");
    targets.iter().map(line).collect()
}

fn good(target: &str) -> Vec<String> {
    vec![format!("{target} 1@60")]
}

fn holds(request: &Request, wanted: &str) -> bool {
    targets(request).iter().any(|(target, _)| target == wanted)
}

#[tokio::test]
async fn targets_of_one_window_share_a_post_and_each_gets_its_own() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let client = client(&fake);
    let all = ask(&client, &["a", "b.*", "c"], "200").await;
    for (result, target) in all.into_iter().zip(["a", "b.*", "c"]) {
        assert_eq!(result.unwrap(), good(target));
    }
    let requests = fake.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].method, "POST");
    let parameters = requests[0].parameters();
    let expected = [
        ("target", r#"aliasSub(a, "^", "0|")"#),
        ("target", r#"aliasSub(b.*, "^", "1|")"#),
        ("target", r#"aliasSub(c, "^", "2|")"#),
        ("from", "100"),
        ("until", "200"),
        ("format", "raw"),
        ("noCache", "1"),
    ];
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    assert_eq!(parameters, expected.map(owned));
}

#[tokio::test]
async fn one_target_is_asked_for_as_it_is() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let all = ask(&client(&fake), &["a"], "200").await;
    assert_eq!(*all[0].as_ref().unwrap(), good("a"));
    let requests = fake.requests();
    assert_eq!(requests[0].method, "GET");
    assert_eq!(requests[0].parameter("target"), "a");
}

#[tokio::test]
async fn windows_that_differ_share_nothing() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let client = client(&fake);
    let (one, other) = tokio::join!(
        ask(&client, &["a", "b"], "200"),
        ask(&client, &["c", "d"], "201")
    );
    assert!(one.iter().chain(&other).all(Result::is_ok));
    let mut asked = asked(&fake);
    asked.sort();
    assert_eq!(asked, [["a", "b"], ["c", "d"]]);
}

#[tokio::test]
async fn requests_hold_so_many_targets_and_all_about_as_many() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let names: Vec<String> = (0..3 * crate::graphite::known::TARGETS + 1)
        .map(|n| format!("t{n}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = ask(&client(&fake), &names, "200").await;
    assert!(all.iter().all(Result::is_ok));
    let sizes = sizes(&fake);
    assert_eq!((sizes.len(), sizes.iter().sum::<usize>()), (4, names.len()));
    assert!(sizes.iter().all(|size| *size > 10), "{sizes:?}");
}

#[tokio::test]
async fn long_targets_share_a_request_up_to_what_proxies_take() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let names: Vec<String> = (0..5)
        .map(|n| format!("{}{n}", "x".repeat(30_000)))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = ask(&client(&fake), &names, "200").await;
    assert!(all.iter().all(Result::is_ok));
    let longest = fake
        .requests()
        .iter()
        .map(|request| request.body.len())
        .max();
    assert!(longest.unwrap() <= 64 << 10, "{longest:?}");
    assert_eq!(fake.requests().len(), 3);
}

#[tokio::test]
async fn culprit_stands_alone_in_few_requests_and_goes_alone_until_it_works() {
    let broken = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&broken);
    let fake = Fake::start(
        move |request| match holds(request, "t5") && fails.load(SeqCst) {
            true => page("500 Internal Server Error", "no such thing"),
            false => raw(&lines(request)),
        },
    )
    .await;
    let client = client(&fake);
    let names: Vec<String> = (0..16).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // the server can share, as far as anybody knows
    let others: Vec<&str> = names.iter().copied().filter(|name| *name != "t5").collect();
    assert!(ask(&client, &others, "200").await.iter().all(Result::is_ok));
    let check = async |until: &str, requests: usize| {
        let before = fake.requests().len();
        for (result, name) in ask(&client, &names, until).await.into_iter().zip(&names) {
            match *name == "t5" && broken.load(SeqCst) {
                true => {
                    let said = result.unwrap_err().to_string();
                    assert!(said.contains("answered 500: no such thing"), "{said}");
                }
                false => assert_eq!(result.unwrap(), good(name)),
            }
        }
        assert_eq!(
            fake.requests().len() - before,
            requests,
            "{:?}",
            asked(&fake)
        );
    };
    // 16, 8 + 8, 4 + 4, 2 + 2, 1 + 1
    check("201", 9).await;
    // those that were asked alone beside it share again one slot later
    check("202", 3).await;
    check("203", 2).await;
    broken.store(false, SeqCst);
    check("204", 2).await;
    check("205", 1).await;
}

#[tokio::test]
async fn culprit_of_the_first_request_is_found_in_halves_too() {
    let fake = Fake::start(|request| match holds(request, "t5") {
        true => page("500 Internal Server Error", "no such thing"),
        false => raw(&lines(request)),
    })
    .await;
    let names: Vec<String> = (0..16).map(|n| format!("t{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let all = ask(&client(&fake), &names, "200").await;
    let failed = all.iter().filter(|result| result.is_err()).count();
    assert_eq!((failed, sizes(&fake).len()), (1, 9));
}

#[tokio::test]
async fn whatever_way_one_fails_its_neighbours_are_served() {
    let cut = |request: &Request| {
        let text = lines(request);
        Reply::Send(answer("200 OK", "text/plain", text.trim_end()))
    };
    type Answer = fn(&Request) -> Reply;
    let ways: [(&str, Answer); 5] = [
        ("answered 502", |_| page("502 Bad Gateway", "")),
        ("answered 403", |_| page("403 Forbidden", "")),
        ("was cut off", cut),
        ("a web page", |_| page("200 OK", "Sign in")),
        ("makes no sense", |_| raw("a,60,120,60|1.0\nnonsense\n")),
    ];
    for (words, reply) in ways {
        let fake = Fake::start(move |request| match holds(request, "bad") {
            true => reply(request),
            false => raw(&lines(request)),
        })
        .await;
        let client = client(&fake);
        for until in ["200", "201", "202"] {
            let all = ask(&client, &["a", "bad", "b", "c"], until).await;
            for (result, name) in all.into_iter().zip(["a", "bad", "b", "c"]) {
                match name {
                    "bad" => {
                        let said = result.unwrap_err().to_string();
                        assert!(said.contains(words), "{said}");
                    }
                    _ => assert_eq!(result.unwrap(), good(name), "{words}"),
                }
            }
        }
        let alone = asked(&fake)
            .iter()
            .filter(|asked| **asked == ["bad"])
            .count();
        assert_eq!(alone, 3, "once in each slot");
        assert!(sizes(&fake).contains(&3), "the others share again: {words}");
    }
}

#[tokio::test]
async fn after_a_time_out_each_goes_alone_in_that_slot_and_nobody_waits_for_long() {
    let fake = Fake::start(|request| match holds(request, "bad") {
        true => Reply::Hang(Vec::new()),
        false => raw(&lines(request)),
    })
    .await;
    let client = Client::new(&Settings {
        timeout: Duration::from_secs(4),
        ..settings(&fake.url())
    })
    .unwrap();
    let begun = Instant::now();
    let served = async {
        let others = ask(&client, &["a", "b", "c"], "200").await;
        (others, begun.elapsed())
    };
    let hangs = async {
        let all = ask(&client, &["bad"], "200").await;
        (all, begun.elapsed())
    };
    let ((others, soon), (bad, late)) = tokio::join!(served, hangs);
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    assert!(matches!(bad[0], Err(FetchError::Timeout { .. })), "{bad:?}");
    assert!(soon < late - Duration::from_secs(2), "{soon:?} {late:?}");
    assert_eq!(sizes(&fake), [4, 1, 1, 1, 1]);
    // another window of the same slot
    let query = |target| Query {
        target,
        from: "50",
        until: "200",
    };
    let (d, e) = (query("d"), query("e"));
    let reader = Lines::default();
    let both = tokio::join!(
        client.render_shared(&d, 0, &reader),
        client.render_shared(&e, 0, &reader)
    );
    assert!(both.0.is_ok() && both.1.is_ok());
    assert_eq!(sizes(&fake)[5..], [1, 1]);
    // the next slot: together but for the one that hung
    let (others, _) = tokio::join!(
        ask(&client, &["a", "b", "c"], "201"),
        ask(&client, &["bad"], "201")
    );
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    let mut last = sizes(&fake).split_off(7);
    last.sort_unstable();
    assert_eq!(last, [1, 3]);
}

#[tokio::test]
async fn those_that_hang_leave_turns_to_others() {
    let fake = Fake::start(|request| match asked_for(request).starts_with("bad") {
        true => Reply::Hang(Vec::new()),
        false => raw(&lines(request)),
    })
    .await;
    let client = Client::new(&Settings {
        timeout: Duration::from_secs(2),
        concurrency: 2,
        ..settings(&fake.url())
    })
    .unwrap();
    let bad = ["bad1", "bad2", "bad3"];
    assert!(ask(&client, &bad, "200").await.iter().all(Result::is_err));
    let begun = Instant::now();
    let good = async {
        let all = ask(&client, &["a", "b"], "201").await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        begun.elapsed()
    };
    let hang = async {
        let all = ask(&client, &bad, "201").await;
        assert!(all.iter().all(Result::is_err));
        begun.elapsed()
    };
    let (soon, late) = tokio::join!(good, hang);
    assert!(soon < late - Duration::from_secs(2), "{soon:?} {late:?}");
}

fn asked_for(request: &Request) -> String {
    targets(request).remove(0).0
}

#[tokio::test]
async fn what_is_left_out_of_a_shared_answer_is_asked_for_alone() {
    // "gone" has two series alone, and fewer beside others
    let fake = Fake::start(|request| {
        let alone = targets(request).len() == 1;
        let text = targets(request)
            .iter()
            .fold(String::new(), |mut text, (target, prefix)| {
                match target.as_str() {
                    "left.out" if !alone => {}
                    "short" if !alone => text += &format!("{prefix}one,60,120,60|1.0\n"),
                    "left.out" | "short" => {
                        text += &format!("{prefix}one,60,120,60|1.0\n{prefix}two,60,120,60|2.0\n");
                    }
                    "empty" => {}
                    _ => text += &format!("{prefix}{target},60,120,60|1.0\n"),
                }
                text
            });
        raw(&text)
    })
    .await;
    let client = client(&fake);
    let names = [
        ("a", 1),
        ("left.out", 0),
        ("short", 2),
        ("empty", 0),
        ("b", 0),
    ];
    let both = vec!["one 1@60".to_owned(), "two 2@60".to_owned()];
    for until in ["200", "201", "202"] {
        let all = ask_known(&client, &names, until).await;
        let all: Vec<_> = all.into_iter().map(Result::unwrap).collect();
        assert_eq!(
            all,
            [good("a"), both.clone(), both.clone(), Vec::new(), good("b")]
        );
    }
    let alone = |name: &str| {
        asked(&fake)
            .iter()
            .filter(|asked| **asked == [name])
            .count()
    };
    assert_eq!(
        (alone("left.out"), alone("short"), alone("empty")),
        (3, 3, 3)
    );
    assert_eq!((alone("a"), alone("b")), (0, 0));
}

#[tokio::test]
async fn fewer_series_than_are_known_are_believed_once_they_were_asked_for_alone() {
    let count = Arc::new(AtomicUsize::new(3));
    let series = Arc::clone(&count);
    let fake = Fake::start(move |request| {
        let line = |(target, prefix): (String, String)| -> String {
            let line = |n| format!("{prefix}{target}{n},60,120,60|1.0\n");
            (0..series.load(SeqCst)).map(line).collect()
        };
        raw(&targets(request).into_iter().map(line).collect::<String>())
    })
    .await;
    let client = client(&fake);
    let check = async |until: &str, known: usize, requests: &[usize]| {
        let before = fake.requests().len();
        let all = ask_known(&client, &[("a", known), ("b", 0)], until).await;
        let count = count.load(SeqCst);
        assert!(all.into_iter().all(|result| result.unwrap().len() == count));
        assert_eq!(sizes(&fake)[before..], *requests);
    };
    check("200", 0, &[2]).await;
    check("201", 3, &[2]).await;
    count.store(2, SeqCst);
    check("202", 3, &[2, 1]).await;
    check("203", 2, &[2]).await;
    count.store(4, SeqCst);
    check("204", 2, &[2]).await;
    count.store(3, SeqCst);
    check("205", 4, &[2, 1]).await;
}

#[tokio::test]
async fn server_that_does_not_rename_is_asked_for_one_at_a_time_from_then_on() {
    let fake = Fake::start(|request| {
        let line = |(target, _): &(String, String)| format!("{target},60,120,60|1.0\n");
        raw(&targets(request).iter().map(line).collect::<String>())
    })
    .await;
    let client = client(&fake);
    for until in ["200", "201", "202"] {
        let all = ask(&client, &["a", "b", "c"], until).await;
        for (result, target) in all.into_iter().zip(["a", "b", "c"]) {
            assert_eq!(result.unwrap(), good(target));
        }
    }
    // once in halves, once more when all worked alone, then never again
    let sizes = sizes(&fake);
    let shared: Vec<_> = sizes.iter().filter(|size| **size > 1).collect();
    assert_eq!(shared, [&3, &2, &3]);
    assert_eq!(sizes.len() - shared.len(), 9);
}

#[tokio::test]
async fn server_that_knows_no_alias_sub_is_asked_for_one_at_a_time_from_then_on() {
    let fake = Fake::start(
        |request| match request.parameter("target").starts_with("aliasSub(") {
            true => page("400 Bad Request", "unknown function: aliasSub"),
            false => raw(&lines(request)),
        },
    )
    .await;
    let client = client(&fake);
    for until in ["200", "201", "202", "203"] {
        let all = ask(&client, &["a", "b", "c"], until).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
    }
    // as above; the first time in raw and in json
    let sizes = sizes(&fake);
    let shared: Vec<_> = sizes.iter().filter(|size| **size > 1).collect();
    assert!(shared.len() <= 5, "{sizes:?}");
    assert_eq!(sizes.len() - shared.len(), 12);
    assert!(
        sizes.iter().rev().take(6).all(|size| *size == 1),
        "{sizes:?}"
    );
}

#[tokio::test]
async fn outage_at_the_start_does_not_make_a_server_one_that_cannot_share() {
    let down = Arc::new(AtomicBool::new(true));
    let fails = Arc::clone(&down);
    let fake = Fake::start(move |request| match fails.load(SeqCst) {
        true => page("503 Service Unavailable", ""),
        false => raw(&lines(request)),
    })
    .await;
    let client = client(&fake);
    for until in ["200", "201"] {
        assert!(
            ask(&client, &["a", "b"], until)
                .await
                .iter()
                .all(Result::is_err)
        );
    }
    down.store(false, SeqCst);
    for until in ["202", "203"] {
        assert!(
            ask(&client, &["a", "b"], until)
                .await
                .iter()
                .all(Result::is_ok)
        );
    }
    assert_eq!(sizes(&fake).last(), Some(&2));
}

#[tokio::test]
async fn target_that_cannot_be_an_argument_goes_alone() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let all = ask(&client(&fake), &["a", "x,y", "b"], "200").await;
    assert!(all.iter().all(Result::is_ok));
    let mut asked = asked(&fake);
    asked.sort();
    assert_eq!(asked, [vec!["a", "b"], vec!["x,y"]]);
}

#[tokio::test]
async fn where_post_is_refused_requests_are_as_short_as_a_get_may_be() {
    for status in ["405 Method Not Allowed", "403 Forbidden"] {
        let fake = Fake::start(move |request| match request.method.as_str() {
            "POST" => page(status, "no POST here"),
            _ => raw(&lines(request)),
        })
        .await;
        let client = client(&fake);
        let names: Vec<String> = (0..20).map(|n| format!("{}{n}", "x".repeat(100))).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        for until in ["200", "201", "202"] {
            let all = ask(&client, &names, until).await;
            assert!(all.iter().all(Result::is_ok), "{all:?}");
        }
        let gets = fake.requests();
        let gets = gets.iter().filter(|request| request.method == "GET");
        assert!(
            gets.map(|request| request.path.len())
                .all(|length| length < 2100)
        );
        if status.starts_with("405") {
            let posts = fake
                .requests()
                .iter()
                .filter(|request| request.method == "POST")
                .count();
            assert_eq!(posts, 1);
            assert!(
                sizes(&fake).iter().skip(1).all(|size| *size > 3),
                "{:?}",
                sizes(&fake)
            );
        }
    }
}

#[tokio::test]
async fn server_that_does_json_alone_is_shared_too() {
    let fake = Fake::start(|request| {
        if request.parameter("format") != "json" {
            return page("400 Bad Request", "only json");
        }
        let line = |(target, prefix): &(String, String)| {
            format!(r#"{{"target": "{prefix}{target} \"\u00e4\"", "datapoints": [[1.0, 60]]}}"#)
        };
        let lines: Vec<String> = targets(request).iter().map(line).collect();
        json(&format!("[{}]", lines.join(",")))
    })
    .await;
    let client = client(&fake);
    for until in ["200", "201"] {
        let all = ask(&client, &["a", "b"], until).await;
        for (result, target) in all.into_iter().zip(["a", "b"]) {
            assert_eq!(result.unwrap(), good(&format!("{target} \"ä\"")));
        }
    }
    assert_eq!(sizes(&fake), [2, 2, 2]);
}

#[tokio::test]
async fn large_target_goes_alone() {
    // few points of many bytes: what is read slowly goes alone as well
    let large = vec!["1.000000000000000000"; 60_000].join(",");
    let fake = Fake::start(move |request| {
        let line = |(target, prefix): &(String, String)| {
            let values = match target.as_str() {
                "large" => large.as_str(),
                _ => "1.0",
            };
            format!("{prefix}{target},60,120,60|{values}\n")
        };
        raw(&targets(request).iter().map(line).collect::<String>())
    })
    .await;
    let client = Client::new(&Settings {
        max_response: 256 << 20,
        ..settings(&fake.url())
    })
    .unwrap();
    for until in ["200", "201"] {
        let all = ask(&client, &["a", "large", "b"], until).await;
        assert!(all.iter().all(Result::is_ok));
    }
    assert_eq!(sizes(&fake)[0], 3);
    let mut asked = asked(&fake).split_off(1);
    asked.sort();
    assert_eq!(asked, [vec!["a", "b"], vec!["large"]]);
}

#[tokio::test]
async fn nobody_there_is_told_at_once() {
    // bound, so that nobody else is given the port, and not listening
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    let client = Client::new(&settings(&url)).unwrap();
    let all = ask(&client, &["a", "b"], "200").await;
    for result in all {
        assert!(
            matches!(result, Err(FetchError::Refused { .. })),
            "{result:?}"
        );
    }
}

/// Panics at one legend.
#[derive(Clone)]
struct Trap;

impl Reader for Trap {
    fn take(&mut self, series: Series<'_>) {
        assert_ne!(series.legend, "trap", "the reader's own words");
    }
}

#[tokio::test]
async fn panic_of_one_reader_reaches_its_own_caller_alone() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let client = client(&fake);
    let own = client.clone();
    let trapped = tokio::spawn(async move {
        let query = Query {
            target: "trap",
            from: "100",
            until: "200",
        };
        own.render_shared(&query, 0, &Trap).await.map(|_| ())
    });
    // in the same round, whichever comes first
    let others = ask(&client, &["a", "b"], "200").await;
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    assert!(trapped.await.unwrap_err().is_panic());
}

#[tokio::test]
async fn whoever_is_gone_is_not_asked_for() {
    let fake = Fake::start(|request| raw(&lines(request))).await;
    let client = client(&fake);
    // waits for others, and is given up
    let gone = timeout(Duration::from_millis(1), ask(&client, &["gone"], "200"));
    assert!(gone.await.is_err());
    let others = ask(&client, &["a", "b"], "200").await;
    assert!(others.iter().all(Result::is_ok));
    assert_eq!(asked(&fake), [["a", "b"]]);
}

#[derive(Clone, Debug)]
struct Given {
    legend: String,
    values: Vec<i32>,
}

fn answers() -> impl Strategy<Value = Vec<Vec<Given>>> {
    let series = (
        r#"[a-z0-9 ,|.(){}"'\\äλ😀<\]\[]{0,12}"#,
        prop::collection::vec(-1000..1000_i32, 0..5),
    )
        .prop_map(|(legend, values)| Given { legend, values });
    prop::collection::vec(prop::collection::vec(series, 0..4), 1..6)
}

/// The answer for these targets, as a server writes it.
fn body(given: &[Vec<Given>], targets: &[(String, String)], json: bool) -> String {
    let mut parts = Vec::new();
    for (target, prefix) in targets {
        let index: usize = target[1..].parse().unwrap();
        for Given { legend, values } in &given[index] {
            let name = format!("{prefix}{legend}");
            parts.push(match json {
                false => {
                    let end = 60 + 60 * values.len();
                    let values: Vec<_> = values.iter().map(|v| format!("{v}.0")).collect();
                    format!("{name},60,{end},60|{}\n", values.join(","))
                }
                true => {
                    let points = values.iter().enumerate();
                    let points: Vec<_> = points
                        .map(|(n, v)| format!("[{v}, {}]", 60 + 60 * n))
                        .collect();
                    let name = serde_json::to_string(&name).unwrap();
                    format!(
                        r#"{{"target": {name}, "datapoints": [{}]}}"#,
                        points.join(",")
                    )
                }
            });
        }
    }
    match json {
        true => format!("[{}]", parts.join(", ")),
        false => parts.concat(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn shared_and_single_answers_read_the_same_cut_at_any_byte(
        given in answers(), format_json in any::<bool>(), at in any::<prop::sample::Index>()
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let answers = given.clone();
            // the whole in two chunks, wherever they are cut
            let fake = Fake::start(move |request| {
                let body = body(&answers, &targets(request), format_json);
                let kind = if format_json { "application/json" } else { "text/plain" };
                let cut = at.index(body.len() + 1);
                let (first, second) = body.as_bytes().split_at(cut);
                let mut reply = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
                for chunk in [first, second].iter().filter(|chunk| !chunk.is_empty()) {
                    reply.extend(format!("{:x}\r\n", chunk.len()).bytes());
                    reply.extend_from_slice(chunk);
                    reply.extend(b"\r\n");
                }
                reply.extend(b"0\r\n\r\n");
                Reply::Send(reply)
            }).await;
            let format = if format_json { Format::Json } else { Format::Raw };
            let new = || Client::new(&Settings { format, ..settings(&fake.url()) }).unwrap();
            let names: Vec<String> = (0..given.len()).map(|n| format!("t{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let together = ask(&new(), &names, "200").await;
            for (name, together) in names.iter().zip(together) {
                let alone = ask(&new(), &[name], "200").await.remove(0).unwrap();
                assert_eq!(together.unwrap(), alone);
            }
            if given.len() > 1 {
                assert_eq!(sizes(&fake)[0], given.len());
            }
        });
    }
}
