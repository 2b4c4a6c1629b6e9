#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tokio::sync::Barrier;

use super::fake::{Fake, Reply, Request, answer, json, page, raw};
use super::*;
use crate::graphite::Series;
use crate::secret::Secret;

pub(super) const LINE: &str = "a.b,60,180,60|1.0,2.0\n";
const LIST: &str = r#"[{"target": "a.b", "datapoints": [[1.0, 60], [2.0, 120]]}]"#;

pub(super) fn settings(url: &str) -> Settings {
    Settings {
        url: Url::parse(url).unwrap(),
        public_url: None,
        username: None,
        password: None,
        headers: Vec::new(),
        ca: None,
        timeout: Duration::from_secs(10),
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

pub(super) const QUERY: Query<'_> = Query {
    target: "a.b",
    from: "100",
    until: "200",
};

pub(super) async fn ask(client: &Client, query: &Query<'_>) -> Result<Vec<String>, FetchError> {
    let mut all = Vec::new();
    let summary = client
        .render(query, &mut |series: Series<'_>| {
            let values: Vec<_> = series
                .points
                .map(|p| format!("{}@{}", p.value, p.at))
                .collect();
            all.push(format!("{} {}", series.legend, values.join(" ")));
        })
        .await?;
    assert_eq!(summary.series, all.len());
    Ok(all)
}

async fn fails(reply: impl Fn() -> Reply + Send + Sync + 'static) -> FetchError {
    let fake = Fake::start(move |_| reply()).await;
    ask(&client(&fake), &QUERY).await.unwrap_err()
}

/// The sentence with the port made constant.
fn said(error: &FetchError) -> String {
    let text = error.to_string();
    match text.split_once("127.0.0.1:") {
        Some((before, after)) => {
            let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{before}127.0.0.1:1{after}")
        }
        None => text,
    }
}

#[tokio::test]
async fn an_answer_in_raw_is_handed_on() {
    let fake = Fake::start(|_| raw(LINE)).await;
    assert_eq!(
        ask(&client(&fake), &QUERY).await.unwrap(),
        ["a.b 1@60 2@120"]
    );
}

#[tokio::test]
async fn a_fetch_may_run_as_a_task_of_its_own() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let client = client(&fake);
    let task = tokio::spawn(async move { ask(&client, &QUERY).await });
    assert_eq!(task.await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn the_bytes_of_an_answer_are_counted() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let summary = client(&fake)
        .render(&QUERY, &mut |_: Series<'_>| ())
        .await
        .unwrap();
    assert_eq!(
        summary,
        Summary {
            series: 1,
            bytes: LINE.len() as u64
        }
    );
}

#[tokio::test]
async fn an_answer_without_series_is_empty() {
    for reply in [
        answer("200 OK", "text/plain", ""),
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_vec(),
    ] {
        let fake = Fake::start(move |_| Reply::Send(reply.clone())).await;
        assert!(ask(&client(&fake), &QUERY).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_slow_answer_is_read_byte_by_byte() {
    let fake = Fake::start(|_| Reply::Drip(answer("200 OK", "text/plain", LINE))).await;
    assert_eq!(
        ask(&client(&fake), &QUERY).await.unwrap(),
        ["a.b 1@60 2@120"]
    );
}

#[tokio::test]
async fn a_request_says_what_is_asked_and_nothing_that_changes_values() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let query = Query {
        target: "f(a&b#c+d, 'ä')",
        ..QUERY
    };
    ask(&client(&fake), &query).await.unwrap();
    let request = &fake.requests()[0];
    assert!(request.path.starts_with("/render?"), "{}", request.path);
    assert_eq!(request.method, "GET");
    let expected = [
        ("target", "f(a&b#c+d, 'ä')"),
        ("from", "100"),
        ("until", "200"),
        ("format", "raw"),
        ("noCache", "1"),
    ];
    let expected: Vec<_> = expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
    assert_eq!(request.parameters(), expected);
}

#[tokio::test]
async fn caches_are_used_where_that_is_wanted() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let cached = Settings {
        cache: true,
        ..settings(&fake.url())
    };
    ask(&Client::new(&cached).unwrap(), &QUERY).await.unwrap();
    assert!(!fake.requests()[0].path.contains("noCache"));
}

#[tokio::test]
async fn credentials_headers_and_name_are_sent() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let with = Settings {
        username: Some("pager".into()),
        password: Some(Secret::new("key")),
        headers: vec![("X-Scope".into(), Secret::new("prod"))],
        url: Url::parse(&format!("{}/graphite", fake.url())).unwrap(),
        ..settings(&fake.url())
    };
    ask(&Client::new(&with).unwrap(), &QUERY).await.unwrap();
    let request = &fake.requests()[0];
    assert!(request.path.starts_with("/graphite/render?"));
    for header in [
        "authorization: basic cgfnzxi6a2v5",
        "x-scope: prod",
        "accept-encoding: identity",
        concat!("user-agent: graphite-pager/", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(
            request.headers.contains(header),
            "{header} in {}",
            request.headers
        );
    }
}

#[tokio::test]
async fn a_connection_is_kept() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let client = client(&fake);
    for _ in 0..5 {
        ask(&client, &QUERY).await.unwrap();
    }
    assert_eq!(fake.connections.load(SeqCst), 1);
}

#[tokio::test]
async fn a_kept_connection_that_is_gone_costs_no_fetch() {
    // Closed in the moment of its second use, as servers do.
    let count = AtomicUsize::new(0);
    let fake = Fake::start(move |_| match count.fetch_add(1, SeqCst) {
        1 => Reply::Close(Vec::new()),
        _ => raw(LINE),
    })
    .await;
    let client = client(&fake);
    ask(&client, &QUERY).await.unwrap();
    ask(&client, &QUERY).await.unwrap();
    assert_eq!(fake.connections.load(SeqCst), 2);
}

#[tokio::test]
async fn only_so_many_requests_are_in_flight() {
    let two = Arc::new(Barrier::new(2));
    let fake =
        Fake::start(move |_| Reply::Together(two.clone(), answer("200 OK", "text/plain", LINE)))
            .await;
    let client = Client::new(&Settings {
        concurrency: 2,
        ..settings(&fake.url())
    })
    .unwrap();
    let asked = (0..6).map(|_| ask(&client, &QUERY));
    for result in futures_util::future::join_all(asked).await {
        result.unwrap();
    }
    assert_eq!(fake.most_at_once.load(SeqCst), 2);
}

// Formats

fn only_json(request: &Request) -> Reply {
    match request.parameter("format").as_str() {
        "json" => json(LIST),
        _ => Reply::Send(answer(
            "400 Bad Request",
            "text/plain",
            "unsupported format",
        )),
    }
}

#[tokio::test]
async fn a_server_that_refuses_raw_is_asked_for_json_from_then_on() {
    let fake = Fake::start(only_json).await;
    let client = client(&fake);
    for _ in 0..2 {
        assert_eq!(ask(&client, &QUERY).await.unwrap(), ["a.b 1@60 2@120"]);
    }
    let formats: Vec<_> = fake
        .requests()
        .iter()
        .map(|r| r.parameter("format"))
        .collect();
    assert_eq!(formats, ["raw", "json", "json"]);
}

#[tokio::test]
async fn a_server_that_answers_raw_with_something_else_is_asked_for_json() {
    for (kind, body) in [
        ("application/json", LIST),
        ("text/plain", LIST),
        ("image/png", "\u{89}PNG"),
        ("application/json", r#"{"error": "unknown format"}"#),
    ] {
        let fake = Fake::start(move |request| match request.parameter("format").as_str() {
            "json" => json(LIST),
            _ => Reply::Send(answer("200 OK", kind, body)),
        })
        .await;
        assert_eq!(
            ask(&client(&fake), &QUERY).await.unwrap(),
            ["a.b 1@60 2@120"],
            "{kind} {body}"
        );
    }
}

#[tokio::test]
async fn a_bad_target_does_not_cost_a_server_its_raw() {
    let fake = Fake::start(|request| match request.parameter("target").as_str() {
        "bad" => page("400 Bad Request", "no such function"),
        _ => raw(LINE),
    })
    .await;
    let client = client(&fake);
    let bad = Query {
        target: "bad",
        ..QUERY
    };
    assert!(ask(&client, &bad).await.is_err());
    ask(&client, &QUERY).await.unwrap();
    assert!(ask(&client, &bad).await.is_err());
    let formats: Vec<_> = fake
        .requests()
        .iter()
        .map(|r| r.parameter("format"))
        .collect();
    // Asked for json once, while nothing was known; then raw was seen to work.
    assert_eq!(formats, ["raw", "json", "raw", "raw"]);
}

#[tokio::test]
async fn a_format_that_is_set_is_asked_for() {
    let fake = Fake::start(only_json).await;
    let with = |format| {
        Client::new(&Settings {
            format,
            ..settings(&fake.url())
        })
        .unwrap()
    };
    assert!(ask(&with(Format::Raw), &QUERY).await.is_err());
    assert_eq!(fake.requests().len(), 1);
    ask(&with(Format::Json), &QUERY).await.unwrap();
    assert_eq!(fake.requests()[1].parameter("format"), "json");
}

#[tokio::test]
async fn a_good_status_with_an_error_in_it_is_an_error() {
    let error = fails(|| json(r#"{"error": "cannot parse\n \"x\""}"#)).await;
    assert_eq!(
        said(&error),
        "`http://127.0.0.1:1/render` reports an error: cannot parse \"x\"; check the target"
    );
}

// Methods

fn long() -> String {
    format!("group({})", vec!["servers.web-1.load"; 300].join(","))
}

#[tokio::test]
async fn a_long_target_is_posted() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let target = long();
    ask(
        &client(&fake),
        &Query {
            target: &target,
            ..QUERY
        },
    )
    .await
    .unwrap();
    let request = &fake.requests()[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/render")
    );
    assert!(
        request
            .headers
            .contains("content-type: application/x-www-form-urlencoded")
    );
    assert_eq!(request.parameter("target"), target);
}

#[tokio::test]
async fn where_post_is_refused_a_long_target_goes_by_get_from_then_on() {
    for status in [
        "403 Forbidden",
        "405 Method Not Allowed",
        "411 Length Required",
    ] {
        let fake = Fake::start(move |request| match request.method.as_str() {
            "POST" => page(status, "no"),
            _ => raw(LINE),
        })
        .await;
        let client = client(&fake);
        let target = long();
        for _ in 0..2 {
            ask(
                &client,
                &Query {
                    target: &target,
                    ..QUERY
                },
            )
            .await
            .unwrap();
        }
        let requests = fake.requests();
        let methods: Vec<_> = requests.iter().map(|r| r.method.as_str()).collect();
        assert_eq!(methods, ["POST", "GET", "GET"]);
        assert_eq!(requests[2].parameter("target"), target);
    }
}

#[tokio::test]
async fn where_get_is_refused_too_post_is_not_given_up() {
    let fake = Fake::start(|_| page("403 Forbidden", "Go away")).await;
    let client = client(&fake);
    let target = long();
    for _ in 0..2 {
        let error = ask(
            &client,
            &Query {
                target: &target,
                ..QUERY
            },
        )
        .await
        .unwrap_err();
        assert!(matches!(error, FetchError::Status { status: 403, .. }));
    }
    let requests = fake.requests();
    let methods: Vec<_> = requests.iter().map(|r| r.method.as_str()).collect();
    assert_eq!(methods, ["POST", "GET", "POST", "GET"]);
}

// Redirects

fn to(location: String) -> Reply {
    Reply::Send(
        format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
            .into_bytes(),
    )
}

#[tokio::test]
async fn a_redirect_within_the_host_keeps_credentials_method_and_body() {
    let fake = Fake::start(|request| match request.path.as_str() {
        "/new/render" => raw(LINE),
        _ => to("/new/render".into()),
    })
    .await;
    let with = Settings {
        username: Some("pager".into()),
        ..settings(&fake.url())
    };
    let target = long();
    ask(
        &Client::new(&with).unwrap(),
        &Query {
            target: &target,
            ..QUERY
        },
    )
    .await
    .unwrap();
    let request = &fake.requests()[1];
    assert_eq!(request.method, "POST");
    assert_eq!(request.parameter("target"), target);
    assert!(request.headers.contains("authorization: basic"));
}

#[tokio::test]
async fn nothing_at_all_is_sent_to_another_host() {
    let other = Fake::start(|_| raw(LINE)).await;
    let location = format!("{}/login?next=/render", other.url());
    let fake = Fake::start(move |_| to(location.clone())).await;
    let with = Settings {
        username: Some("pager".into()),
        password: Some(Secret::new("key")),
        headers: vec![("X-Key".into(), Secret::new("secret"))],
        ..settings(&fake.url())
    };
    let error = ask(&Client::new(&with).unwrap(), &QUERY).await.unwrap_err();
    let expected = FetchError::Redirect {
        url: format!("{}/render", fake.url()),
        to: other.url(),
    };
    assert_eq!(error, expected);
    assert!(!error.to_string().contains("next"), "{error}");
    assert_eq!(other.connections.load(SeqCst), 0);
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let error = fails(|| to("/render".into())).await;
    assert!(
        matches!(error, FetchError::TooManyRedirects { .. }),
        "{error}"
    );
}

// Ways of failing

#[tokio::test]
async fn nobody_there_is_refused() {
    // bound, so that nobody else is given the port, and not listening
    let nobody = tokio::net::TcpSocket::new_v4().unwrap();
    nobody.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    let error = ask(&Client::new(&settings(&url)).unwrap(), &QUERY)
        .await
        .unwrap_err();
    assert_eq!(
        said(&error),
        "`http://127.0.0.1:1/render` refused the connection; check that Graphite runs there and that `graphite.url` names its port"
    );
}

#[tokio::test]
async fn a_host_without_an_address_is_named() {
    let client = Client::new(&settings("http://graphite.invalid:8080")).unwrap();
    let error = ask(&client, &QUERY).await.unwrap_err();
    assert!(
        matches!(&error, FetchError::Dns { host, .. } if host == "graphite.invalid"),
        "{error:?}"
    );
}

#[tokio::test]
async fn the_time_is_for_the_whole_answer() {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n";
    for reply in [
        (|_| Reply::Hang(Vec::new())) as fn(&str) -> Reply,
        |head| Reply::Hang(format!("{head}a,60").into_bytes()),
        // Bytes that keep coming are no reason to wait on.
        |head| Reply::Endless(head.as_bytes().to_vec(), LINE.as_bytes().to_vec()),
    ] {
        let fake = Fake::start(move |_| reply(head)).await;
        let with = Settings {
            timeout: Duration::from_millis(100),
            max_response: u64::MAX,
            ..settings(&fake.url())
        };
        let error = ask(&Client::new(&with).unwrap(), &QUERY).await.unwrap_err();
        assert!(matches!(error, FetchError::Timeout { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_hanging_server_holds_nobody_up_for_ever() {
    let fake = Fake::start(|_| Reply::Hang(Vec::new())).await;
    let with = Settings {
        timeout: Duration::from_millis(50),
        concurrency: 1,
        ..settings(&fake.url())
    };
    let client = Client::new(&with).unwrap();
    let asked = (0..10).map(|_| ask(&client, &QUERY));
    let results = futures_util::future::join_all(asked).await;
    let busy = results
        .iter()
        .filter(|r| matches!(r, Err(FetchError::Busy { .. })))
        .count();
    let late = results
        .iter()
        .filter(|r| matches!(r, Err(FetchError::Timeout { .. })))
        .count();
    assert!(busy >= 1 && late >= 1 && busy + late == 10, "{results:?}");
}

#[tokio::test]
async fn graphites_own_words_are_quoted() {
    let error = fails(|| {
        page(
            "400 Bad Request",
            "Invalid parameters (unknown function: &quot;a&#x27;b&quot;)",
        )
    })
    .await;
    assert_eq!(
        said(&error),
        "`http://127.0.0.1:1/render` answered 400: Invalid parameters (unknown function: \"a'b\"); check the target and its times"
    );
    let error = fails(|| {
        page(
            "502 Bad Gateway",
            "<html><h1>502 Bad Gateway</h1><hr>nginx</html>",
        )
    })
    .await;
    assert_eq!(
        said(&error),
        "`http://127.0.0.1:1/render` answered 502: 502 Bad Gateway nginx; look into Graphite's log, and that of any proxy before it"
    );
}

#[tokio::test]
async fn a_failure_without_an_end_is_told_all_the_same() {
    let error = fails(|| {
        Reply::Endless(
            b"HTTP/1.1 500 Oops\r\nConnection: close\r\n\r\n".to_vec(),
            vec![b'x'; 9000],
        )
    })
    .await;
    assert!(
        matches!(&error, FetchError::Status { status: 500, words, .. } if words.len() < 310),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_missing_address_is_a_failure_unless_it_is_said_to_be_empty() {
    for status in ["404 Not Found", "204 No Content"] {
        let fake = Fake::start(move |_| page(status, "")).await;
        let error = ask(&client(&fake), &QUERY).await.unwrap_err();
        assert!(
            error.to_string().contains("`graphite.not_found: empty`"),
            "{error}"
        );
        let with = Settings {
            not_found_is_empty: true,
            ..settings(&fake.url())
        };
        assert!(
            ask(&Client::new(&with).unwrap(), &QUERY)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_status_that_brings_no_whole_answer_is_no_empty_answer() {
    for status in ["204 No Content", "205 Reset Content", "206 Partial Content"] {
        let error = fails(move || Reply::Send(answer(status, "text/plain", b""))).await;
        assert!(matches!(error, FetchError::Status { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_login_page_is_no_empty_answer() {
    for body in ["<html><title>Sign in</title><p>User: </html>", ""] {
        let error = fails(move || page("200 OK", body)).await;
        assert!(matches!(error, FetchError::LoginPage { .. }), "{error:?}");
    }
    let error = fails(|| raw("<!DOCTYPE html>\n<title>Sign in</title>\n")).await;
    assert!(matches!(error, FetchError::LoginPage { .. }), "{error:?}");
}

#[tokio::test]
async fn a_picture_is_no_empty_answer() {
    let error = fails(|| Reply::Send(answer("200 OK", "image/png", b"\x89PNG"))).await;
    assert!(
        matches!(
            error,
            FetchError::WrongFormat {
                found: Content::Picture,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn another_content_type_is_named() {
    let error = fails(|| Reply::Send(answer("200 OK", "text/csv", "a,b"))).await;
    assert!(error.to_string().contains("`text/csv`, not raw"), "{error}");
}

#[tokio::test]
async fn an_answer_that_ends_early_was_cut_off() {
    let chunked =
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n";
    for cut in [
        // Shorter than its length, though a line ended.
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 99\r\n\r\n{LINE}"),
        // Without the last chunk.
        format!("{chunked}{:x}\r\n{LINE}\r\n", LINE.len()),
        // Until the connection ends, in the middle of a number.
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\na.b,60,180,60|1.0,2".to_owned(),
        // Before its head.
        "HTTP/1.1 20".to_owned(),
        String::new(),
    ] {
        let bytes = cut.clone().into_bytes();
        let error = fails(move || Reply::Close(bytes.clone())).await;
        assert!(
            matches!(error, FetchError::CutOff { .. }),
            "{cut}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_json_answer_that_ends_early_was_cut_off() {
    let body = "[{\"target\": \"a\", \"datapoints\": [[1";
    let fake = Fake::start(move |_| json(body)).await;
    let with = Settings {
        format: Format::Json,
        ..settings(&fake.url())
    };
    let error = ask(&Client::new(&with).unwrap(), &QUERY).await.unwrap_err();
    assert!(matches!(error, FetchError::CutOff { .. }), "{error:?}");
}

#[tokio::test]
async fn nonsense_says_where_it_is() {
    let error = fails(|| raw("a,60,120,60|1\nMemoryError\n")).await;
    assert_eq!(
        said(&error),
        "the answer of `http://127.0.0.1:1/render` makes no sense at line 2: expected `name,start,end,step|values`, found `MemoryError`; check that `graphite.url` is Graphite's own address"
    );
}

#[tokio::test]
async fn more_than_the_limit_is_not_read() {
    let endless = || {
        Reply::Endless(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n".to_vec(),
            LINE.repeat(1000).into_bytes(),
        )
    };
    let announced = || {
        Reply::Hang(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2000000\r\n\r\n"
                .to_vec(),
        )
    };
    for error in [fails(endless).await, fails(announced).await] {
        assert!(
            matches!(
                error,
                FetchError::TooLarge {
                    limit: 1_048_576,
                    ..
                }
            ),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn no_error_shows_a_secret() {
    let fake = Fake::start(|_| page("401 Unauthorized", "")).await;
    let with = Settings {
        username: Some("pager".into()),
        password: Some(Secret::new("hunter2")),
        headers: vec![("X-Key".into(), Secret::new("hunter2"))],
        url: Url::parse(&format!("{}?token=hunter2", fake.url())).unwrap(),
        ..settings(&fake.url())
    };
    let client = Client::new(&with).unwrap();
    let error = ask(&client, &QUERY).await.unwrap_err();
    let all = format!("{error} {error:?} {client:?}");
    assert!(!all.contains("hunter2"), "{all}");
    assert!(all.contains("`graphite.username`"), "{all}");
    let headers = vec![("X-Key".to_owned(), Secret::new("hunter2\n"))];
    let error = Client::new(&Settings { headers, ..with }).unwrap_err();
    assert!(error.to_string().contains("`X-Key`") && !error.to_string().contains("hunter2"));
}

#[test]
fn the_host_is_named_without_its_port() {
    for (url, expected) in [
        ("https://graphite.example.com/x", "graphite.example.com"),
        ("http://graphite.example.com:8080", "graphite.example.com"),
        ("http://[::1]:8080", "[::1]"),
    ] {
        assert_eq!(Client::new(&settings(url)).unwrap().host(), expected);
    }
}

// TLS

const CA: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/src/graphite/client/fixtures/ca.pem"
);

/// Answers one https request for each connection, on a thread of its own.
fn secure() -> u16 {
    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    let certificate =
        CertificateDer::from_pem_slice(include_bytes!("fixtures/server.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("fixtures/server.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let session = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut stream = rustls::StreamOwned::new(session, stream.unwrap());
            if stream.read(&mut [0; 4096]).is_ok() {
                let _ = stream.write_all(&answer("200 OK", "text/plain", LINE));
            }
        }
    });
    port
}

#[tokio::test]
async fn a_private_authority_is_trusted_where_it_is_named() {
    let url = format!("https://localhost:{}", secure());
    let with = Settings {
        ca: Some(Path::new(CA).to_owned()),
        ..settings(&url)
    };
    assert_eq!(
        ask(&Client::new(&with).unwrap(), &QUERY)
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_certificate_of_nobody_known_is_not_trusted() {
    let url = format!("https://localhost:{}", secure());
    // The private authority alone would do, but the name is another one.
    for (url, ca, advice) in [
        (url.clone(), None, "set `graphite.ca`"),
        (
            url.replace("localhost", "127.0.0.1"),
            Some(Path::new(CA).to_owned()),
            "a name that its certificate has",
        ),
    ] {
        let Ok(client) = Client::new(&Settings {
            ca,
            ..settings(&url)
        }) else {
            continue; // a machine without any authorities
        };
        let error = ask(&client, &QUERY).await.unwrap_err();
        assert!(matches!(error, FetchError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let plain = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", plain.local_addr().unwrap());
    std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().unwrap();
        let _ = stream.read(&mut [0; 512]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let with = Settings {
        ca: Some(Path::new(CA).to_owned()),
        ..settings(&url)
    };
    let error = ask(&Client::new(&with).unwrap(), &QUERY).await.unwrap_err();
    assert!(
        error.to_string().contains("it may speak plain http there"),
        "{error}"
    );
}

// Pictures

const PNG: &[u8] = b"\x89PNG\r\n\x1a\nrest";

#[tokio::test]
async fn a_graph_is_fetched_from_graphite_by_its_public_address_too() {
    let fake = Fake::start(|_| Reply::Send(answer("200 OK", "image/png", PNG))).await;
    let with = Settings {
        username: Some("pager".into()),
        public_url: Some(Url::parse("https://graphs.example.com/g").unwrap()),
        ..settings(&fake.url())
    };
    let client = Client::new(&with).unwrap();
    for url in [
        format!("{}/render?target=a", fake.url()),
        "https://graphs.example.com/g/render?target=a".into(),
    ] {
        assert_eq!(client.picture(&url).await.as_deref(), Some(PNG), "{url}");
    }
    let request = &fake.requests()[1];
    assert_eq!(request.path, "/render?target=a");
    assert!(request.headers.contains("authorization: basic"));
}

#[tokio::test]
async fn no_picture_is_fetched_from_anywhere_else() {
    let fake = Fake::start(|_| Reply::Send(answer("200 OK", "image/png", PNG))).await;
    let client = client(&fake);
    for url in [
        format!("{}/admin?target=a", fake.url()),
        fake.url().replace("127.0.0.1", "localhost") + "/render?target=a",
        "https://grafana.example.com/render?target=a".into(),
        "not an address".into(),
    ] {
        assert_eq!(client.picture(&url).await, None, "{url}");
    }
    assert_eq!(fake.connections.load(SeqCst), 0);
}

#[tokio::test]
async fn what_is_no_picture_is_none() {
    let huge = [PNG, &vec![0; 3 << 20]].concat();
    for reply in [
        answer("200 OK", "text/html", PNG),
        answer("200 OK", "image/png", "<html>"),
        answer("500 Oops", "image/png", PNG),
        answer("200 OK", "image/png", huge),
    ] {
        let fake = Fake::start(move |_| Reply::Send(reply.clone())).await;
        let url = format!("{}/render?target=a", fake.url());
        assert_eq!(client(&fake).picture(&url).await, None);
    }
}

#[tokio::test]
async fn no_picture_is_asked_for_while_graphite_is_down() {
    let up = Arc::new(AtomicUsize::new(0));
    let is_up = up.clone();
    let fake = Fake::start(move |request| {
        match (is_up.load(SeqCst), request.parameter("format").as_str()) {
            (0, _) => page("503 Service Unavailable", ""),
            (_, "raw") => raw(LINE),
            _ => Reply::Send(answer("200 OK", "image/png", PNG)),
        }
    })
    .await;
    let client = client(&fake);
    let url = format!("{}/render?target=a", fake.url());
    ask(&client, &QUERY).await.unwrap_err();
    let before = fake.requests().len();
    assert_eq!(client.picture(&url).await, None);
    assert_eq!(fake.requests().len(), before);
    up.store(1, SeqCst);
    ask(&client, &QUERY).await.unwrap();
    assert_eq!(client.picture(&url).await.as_deref(), Some(PNG));
}

#[tokio::test]
async fn one_picture_is_fetched_at_a_time() {
    let fake = Fake::start(|_| Reply::Send(answer("200 OK", "image/png", PNG))).await;
    let client = client(&fake);
    let url = format!("{}/render?target=a", fake.url());
    let all = futures_util::future::join_all((0..5).map(|_| client.picture(&url))).await;
    assert!(all.iter().all(Option::is_some));
    assert_eq!(fake.connections.load(SeqCst), 1);
}
