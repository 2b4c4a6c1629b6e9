//! The render client against a real Graphite.
//!
//! Ignored unless one runs: `GRAPHITE_TEST_URL` names its address and
//! `CARBON_TEST_ADDR` where it takes lines. Each test writes metrics of its own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use graphite_pager::graphite::settings::Format;
use graphite_pager::graphite::{
    Client, FetchError, GraphLines, GraphWindow, Query, Reader, Series, Settings, graph_url,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

fn address() -> Url {
    let text = std::env::var("GRAPHITE_TEST_URL").expect("GRAPHITE_TEST_URL is not set");
    Url::parse(&text).unwrap()
}

fn client(format: Format) -> Client {
    client_of(address(), format)
}

fn client_of(url: Url, format: Format) -> Client {
    Client::new(&settings(url, format)).unwrap()
}

fn settings(url: Url, format: Format) -> Settings {
    Settings {
        url,
        public_url: None,
        username: None,
        password: None,
        headers: Vec::new(),
        ca: None,
        timeout: Duration::from_secs(20),
        concurrency: 4,
        format,
        cache: false,
        gzip: false,
        max_response: 256 << 20,
        error_for: Duration::from_secs(300),
        not_found_is_empty: false,
    }
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

fn write(lines: &[(&str, f64, i64)]) {
    let carbon = std::env::var("CARBON_TEST_ADDR").expect("CARBON_TEST_ADDR is not set");
    let mut stream = std::net::TcpStream::connect(carbon).unwrap();
    for (name, value, at) in lines {
        writeln!(stream, "{name} {value} {at}").unwrap();
    }
}

type Read = (String, Vec<(i64, String)>);

async fn ask(client: &Client, target: &str) -> Result<Vec<Read>, FetchError> {
    let until = now();
    let (from, until) = ((until - 600).to_string(), until.to_string());
    let query = Query {
        target,
        from: &from,
        until: &until,
    };
    let mut all = Vec::new();
    client
        .render(&query, &mut |series: Series<'_>| {
            let points = series.points.map(|p| (p.at, p.value.to_string()));
            all.push((series.legend.into_owned(), points.collect()));
        })
        .await?;
    Ok(all)
}

/// Asks until the target has series with values: carbon takes a moment.
async fn wait_for(client: &Client, target: &str, count: usize) -> Vec<Read> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let all = ask(client, target).await.unwrap();
        let filled = all.iter().filter(|s| s.1.iter().any(|p| p.1 != "NaN"));
        if filled.count() >= count {
            return all;
        }
        assert!(Instant::now() < deadline, "{target}: {all:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn a_compressed_answer_says_the_same() {
    let minute = now() / 60 * 60;
    let names: Vec<_> = (0..20).map(|number| format!("zipped.{number}")).collect();
    let lines = names.iter().map(|name| (&**name, 1.5, minute - 120));
    write(&lines.collect::<Vec<_>>());
    for format in [Format::Raw, Format::Json] {
        let plain = client(format);
        let zipped = Client::new(&Settings {
            gzip: true,
            ..settings(address(), format)
        });
        wait_for(&plain, "zipped.*", names.len()).await;
        let expected = ask(&plain, "zipped.*").await.unwrap();
        let found = ask(&zipped.unwrap(), "zipped.*").await.unwrap();
        assert_eq!(found, expected, "{format:?}");
    }
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn raw_and_json_say_the_same() {
    let minute = now() / 60 * 60;
    let lines: Vec<_> = ["same.a", "same.b"]
        .into_iter()
        .flat_map(|name| [(name, 1.5, minute - 180), (name, -2e-7, minute - 120)])
        .collect();
    write(&lines);
    let (raw, json) = (client(Format::Raw), client(Format::Json));
    wait_for(&raw, "same.*", 2).await;
    for target in [
        "same.*",
        "alias(same.a, 'a b, c|d \"e\" ä 😀')",
        "divideSeries(same.a, same.none)",
        "countSeries(same.*)",
        "scale(same.*, 1e300)",
        "removeBelowValue(same.*, 1e9)",
        "alias(same.*, 'twice')",
        "same.nothing",
    ] {
        let all = ask(&raw, target).await.unwrap();
        assert_eq!(all, ask(&json, target).await.unwrap(), "{target}");
        assert_eq!(all.is_empty(), target == "same.nothing", "{target}");
    }
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn its_own_words_are_quoted() {
    for format in [Format::Auto, Format::Json] {
        let client = client(format);
        let text = ask(&client, "nofunc(a)").await.unwrap_err().to_string();
        assert!(text.contains("answered 400: Invalid parameters"), "{text}");
        assert!(text.contains("unknown function: nofunc"), "{text}");
        let text = ask(&client, "scale(constantLine(3),\"x\")").await;
        let text = text.unwrap_err().to_string();
        assert!(text.contains("answered 500: "), "{text}");
        assert!(text.contains("rror: "), "{text}");
        assert!(!text.contains("Traceback"), "{text}");
    }
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn a_target_of_any_length_is_asked_for() {
    let target = format!("group({})", vec!["constantLine(3)"; 900].join(","));
    let all = ask(&client(Format::Auto), &target).await.unwrap();
    assert_eq!(all.len(), 900);
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn a_link_shows_that_one_series_whatever_it_is_called() {
    let client = client(Format::Raw);
    for legend in [
        "web-1",
        "cpu.user (5%)",
        "f(a,b){c}[d]^|+*?$",
        "it's",
        "say \"hi\"",
        "it's \"hi\"",
        r"C:\temp\x41\",
        "a & b = c # d + e; 100% ?",
        "löad 😀",
        "(",
        "]{",
    ] {
        // How the test's own alias can be written; the link has to do with the legend alone.
        let quote = if legend.contains('"') { '\'' } else { '"' };
        let named = match legend {
            // A string cannot end in a backslash, but a replacement can.
            r"C:\temp\x41\" => r#"aliasSub(constantLine(1),"^.*$","C:\\temp\\x41\\")"#.to_owned(),
            "it's \"hi\"" => r##"aliasSub(alias(constantLine(1),"it's #hi#"),"#",'"')"##.to_owned(),
            _ => format!("alias(constantLine(1),{quote}{legend}{quote})"),
        };
        let target = format!(
            "group({named},alias(constantLine(2),\"other\"),alias(constantLine(3),\"xweb-1x\"))"
        );
        let before = ask(&client, &named).await.unwrap();
        assert_eq!(before[0].0, legend, "the test's own target {named}");
        let link = graph_url(
            &address(),
            &target,
            legend,
            &GraphLines::default(),
            GraphWindow::LastHour,
        );
        let link = Url::parse(&link).unwrap();
        let narrowed = link
            .query_pairs()
            .find(|p| p.0 == "target")
            .unwrap()
            .1
            .into_owned();
        let all = ask(&client, &narrowed).await.unwrap();
        let names: Vec<_> = all.iter().map(|s| s.0.as_str()).collect();
        assert_eq!(names, [legend], "{narrowed}");
    }
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn a_graph_with_both_thresholds_is_a_picture() {
    let lines = GraphLines {
        warning: vec![10.0],
        critical: vec![20.0, -1e30],
    };
    let until = now();
    let window = GraphWindow::Between {
        from: until - 3600,
        until,
    };
    let link = graph_url(
        &address(),
        "alias(constantLine(5),'a b')",
        "a b",
        &lines,
        window,
    );
    let picture = client(Format::Auto).picture(&link).await.unwrap();
    // The header of a PNG: width and height at bytes 16 to 24.
    assert_eq!(picture[16..24], [0, 0, 2, 74, 0, 0, 1, 52]);
}

/// The same server at another address, and how many requests were posted there.
async fn counted() -> (Url, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let here = format!("http://{}", listener.local_addr().unwrap());
    let posted = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&posted);
    let there = address().socket_addrs(|| None).unwrap()[0];
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            let server = tokio::net::TcpStream::connect(there).await.unwrap();
            tokio::spawn(async move {
                let (mut asks, mut answered) = client.into_split();
                let (mut answers, mut asked) = server.into_split();
                let back = tokio::io::copy(&mut answers, &mut answered);
                let forth = async {
                    let mut bytes = vec![0; 64 << 10];
                    while let Ok(length @ 1..) = asks.read(&mut bytes).await {
                        // a request begins a piece: nobody sends the next before its answer
                        if bytes.starts_with(b"POST /render") {
                            count.fetch_add(1, Ordering::SeqCst);
                        }
                        asked.write_all(&bytes[..length]).await.unwrap();
                    }
                };
                let _ = tokio::join!(back, forth);
            });
        }
    });
    (Url::parse(&here).unwrap(), posted)
}

/// Keeps what it takes.
#[derive(Clone, Default)]
struct Kept(Vec<Read>);

impl Reader for Kept {
    fn take(&mut self, series: Series<'_>) {
        let points = series.points.map(|p| (p.at, p.value.to_string()));
        let points = points.collect();
        self.0.push((series.legend.into_owned(), points));
    }
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn targets_that_share_a_request_are_answered_as_each_alone() {
    let minute = now() / 60 * 60;
    let lines: Vec<_> = ["shared.a.load", "shared.b.load", "shared.c|d.load"]
        .into_iter()
        .flat_map(|name| (1..=9).map(move |ago| (name, ago as f64, minute - 60 * ago)))
        .chain((1..=9).map(|ago| ("shared.tagged;host=web-1", 2.0, minute - 60 * ago)))
        .collect();
    write(&lines);
    let targets = [
        "shared.*.load",
        // twice: what one does to its series is not seen by the other
        "shared.a.load",
        "shared.a.load",
        "aliasByNode(shared.*.load, 1)",
        "aliasByNode(shared.*.load, 1)",
        "alias(shared.a.load, '5|x|')",
        "aliasSub(shared.*.load, \"^shared\\.(.)\\.load$\", \"\\1|\")",
        "aliasSub(shared.*.load, \"^\", \"3|\")",
        "alias(shared.a.load, 'a b, c|d \"e\" ä 😀')",
        "shared.*.load|scale(2)|alias(\"piped\")",
        "template(shared.$host.load, host=\"b\")",
        "group(shared.a.load, shared.b.load)",
        "sumSeries(shared.*.load)",
        "divideSeries(shared.a.load, shared.none)",
        "movingAverage(shared.a.load, 3)",
        "timeShift(shared.*.load, \"2min\")",
        "summarize(shared.a.load, \"5min\", \"sum\")",
        "sortByMaxima(shared.*.load)",
        "seriesByTag('name=shared.tagged')",
        "constantLine(7)",
        "threshold(3, \"High|er\")",
        "removeBelowValue(shared.*.load, 1e9)",
        "shared.nothing",
    ];
    for format in [Format::Raw, Format::Json] {
        let (url, posted) = counted().await;
        let client = client_of(url, format);
        wait_for(&client, "shared.*.load", 3).await;
        wait_for(&client, "seriesByTag('name=shared.tagged')", 1).await;
        let until = now();
        let (from, until) = ((until - 600).to_string(), until.to_string());
        let query = |target| Query {
            target,
            from: &from,
            until: &until,
        };
        let shared = async || {
            let asks = targets.map(|target| {
                let client = client.clone();
                async move {
                    client
                        .render_shared(&query(target), 0, &Kept::default())
                        .await
                }
            });
            let all = futures_util::future::join_all(asks).await;
            let all = all.into_iter().map(|result| result.unwrap().0.0);
            all.collect::<Vec<_>>()
        };
        let first = shared().await;
        // of more than twenty, two requests each time; a busy machine may ask the second time alone
        let second = shared().await;
        assert!(posted.load(Ordering::SeqCst) >= 2);
        for (n, target) in targets.iter().enumerate() {
            let mut alone = Kept::default();
            client
                .render(&query(target), &mut |series| alone.take(series))
                .await
                .unwrap();
            assert_eq!(first[n], alone.0, "{target}");
            assert_eq!(second[n], alone.0, "{target}");
            assert_eq!(alone.0.is_empty(), *target == "shared.nothing", "{target}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Graphite: GRAPHITE_TEST_URL, CARBON_TEST_ADDR"]
async fn target_that_it_refuses_costs_those_that_share_its_request_nothing() {
    for format in [Format::Auto, Format::Json] {
        let client = client(format);
        for round in 0..3 {
            let until = (now() + round).to_string();
            let from = (now() - 600).to_string();
            let targets = [
                "constantLine(1)",
                "nofunc(a)",
                "constantLine(2)",
                "scale(constantLine(3),\"x\")",
                "alias(constantLine(4), '1|x')",
            ];
            let asks = targets.map(|target| {
                let query = Query {
                    target,
                    from: &from,
                    until: &until,
                };
                let client = client.clone();
                async move { client.render_shared(&query, 0, &Kept::default()).await }
            });
            let all = futures_util::future::join_all(asks).await;
            let said = |n: usize| match &all[n] {
                Ok((kept, _)) => kept.0[0].0.clone(),
                Err(error) => error.to_string(),
            };
            assert_eq!((said(0).as_str(), said(2).as_str()), ("1.0", "2.0"));
            assert!(said(1).contains("unknown function: nofunc"), "{}", said(1));
            assert!(said(3).contains("answered 500: "), "{}", said(3));
            assert_eq!(said(4), "1|x");
        }
    }
}
