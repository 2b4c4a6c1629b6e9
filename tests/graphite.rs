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
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use graphite_pager::graphite::settings::Format;
use graphite_pager::graphite::{
    Client, FetchError, GraphLines, GraphWindow, Query, Series, Settings, graph_url,
};
use url::Url;

fn address() -> Url {
    let text = std::env::var("GRAPHITE_TEST_URL").expect("GRAPHITE_TEST_URL is not set");
    Url::parse(&text).unwrap()
}

fn client(format: Format) -> Client {
    Client::new(&Settings {
        url: address(),
        public_url: None,
        username: None,
        password: None,
        headers: Vec::new(),
        ca: None,
        timeout: Duration::from_secs(20),
        concurrency: 4,
        format,
        cache: false,
        max_response: 256 << 20,
        error_for: Duration::from_secs(300),
        not_found_is_empty: false,
    })
    .unwrap()
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
