//! The built-in Graphite over HTTP, as the agent and a browser meet it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::*;

struct Answer {
    status: u16,
    kind: String,
    body: String,
}

struct Running {
    demo: Demo,
    stop: watch::Sender<bool>,
}

impl Running {
    async fn start() -> Self {
        let (stop, stopped) = watch::channel(false);
        Self {
            demo: super::start(false, stopped).await.unwrap(),
            stop,
        }
    }

    async fn send(&self, head: &str, body: &str) -> Answer {
        let address = self.demo.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "{head} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\
             Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let head = head.to_ascii_lowercase();
        let kind = head
            .lines()
            .find_map(|line| line.strip_prefix("content-type: "))
            .unwrap_or_default();
        Answer {
            status: head[9..12].parse().unwrap(),
            kind: kind.to_owned(),
            body: body.to_owned(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(&format!("GET {path}"), "").await
    }
}

#[tokio::test]
async fn there_is_a_wave_from_the_first_moment() {
    let running = Running::start().await;
    let answer = running
        .get("/render?target=demo.*.wave&format=raw&from=-1min")
        .await;
    assert_eq!((answer.status, answer.kind.as_str()), (200, "text/plain"));
    let (head, values) = answer.body.trim_end().rsplit_once('|').unwrap();
    let head: Vec<_> = head.rsplitn(4, ',').collect();
    let [step, end, start] = [0, 1, 2].map(|n| head[n].parse::<i64>().unwrap());
    assert_eq!((step, end - start), (1, 60));
    assert_eq!(values.split(',').count(), 60);
    assert!(
        values
            .split(',')
            .any(|value| value.parse::<f64>().is_ok_and(|value| value < 70.0)),
        "{values}"
    );
}

#[tokio::test]
async fn every_alert_finds_what_this_computer_must_have() {
    let running = Running::start().await;
    for target in [
        "load.1min",
        "load.per_cpu",
        "memory.used_percent",
        "swap.used_percent",
        "wave",
    ] {
        let answer = running
            .get(&format!(
                "/render/?target=demo.*.{target}&format=json&from=-1min"
            ))
            .await;
        let series: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(series.as_array().unwrap().len(), 1, "{target}: {series}");
        let points = series[0]["datapoints"].as_array().unwrap();
        assert!(
            points.iter().any(|point| point[0].is_number()),
            "{target}: {series}"
        );
    }
}

#[tokio::test]
async fn a_form_is_read_like_a_query_string() {
    let running = Running::start().await;
    let form = "target=alias(demo.*.wave%2C%20%27a%26b%27)&target=threshold(70%2C%22Warning%22)&format=raw";
    let answer = running.send("POST /render", form).await;
    let names: Vec<_> = answer
        .body
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(names, ["a&b", "Warning"]);
}

#[tokio::test]
async fn targets_that_share_a_request_are_told_apart() {
    let running = Running::start().await;
    let form = "target=aliasSub(alias(demo.*.wave%2C+%27a|b%27)%2C+%22%5E%22%2C+%220|%22)\
        &target=aliasSub(demo.*.none%2C+%22%5E%22%2C+%221|%22)\
        &target=aliasSub(aliasByNode(demo.*.wave%2C+2)%2C+%22%5E%22%2C+%222|%22)&format=raw";
    let answer = running.send("POST /render", form).await;
    let names: Vec<_> = answer
        .body
        .lines()
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(names, ["0|a|b", "2|wave"]);
}

#[tokio::test]
async fn an_unknown_function_is_refused_in_graphites_words() {
    let running = Running::start().await;
    let answer = running
        .get("/render?target=scaleToMoon(demo.*.wave)&format=raw")
        .await;
    assert_eq!(
        (answer.status, answer.kind.as_str()),
        (400, "text/html; charset=utf-8")
    );
    assert_eq!(
        answer.body,
        "Invalid parameters (Received request for unknown function: scaleToMoon)"
    );
}

#[tokio::test]
async fn a_metric_that_is_not_there_is_an_answer_without_series() {
    let running = Running::start().await;
    let answer = running.get("/render?target=nothing.*&format=json").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
}

#[tokio::test]
async fn a_graph_link_opens_as_a_drawing() {
    let running = Running::start().await;
    let answer = running
        .get("/render?target=demo.*.wave&target=threshold(90,%22Critical%22)&from=-1h")
        .await;
    assert_eq!(
        (answer.status, answer.kind.as_str()),
        (200, "image/svg+xml")
    );
    assert!(answer.body.starts_with("<svg "), "{}", answer.body);
}

#[tokio::test]
async fn documentation_links_lead_to_pages_with_the_series_as_anchors() {
    let running = Running::start().await;
    let answer = running.get("/docs/Wave").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.body.contains("<h2>First steps</h2>") && answer.body.contains("<li id=\""),
        "{}",
        answer.body
    );
    assert_eq!(running.get("/docs/nothing").await.status, 404);
    assert_eq!(running.get("/").await.status, 200);
}

#[tokio::test]
async fn a_form_that_is_too_big_is_refused() {
    let running = Running::start().await;
    let answer = running.send("POST /render", &"a".repeat(300 * 1024)).await;
    assert_eq!(answer.status, 413);
}

#[tokio::test]
async fn it_ends_with_the_stop_signal_and_frees_its_port() {
    let running = Running::start().await;
    let address = running.demo.url.strip_prefix("http://").unwrap().to_owned();
    running.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(10), running.demo.task)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn it_ends_when_nobody_is_left_to_stop_it() {
    let running = Running::start().await;
    drop(running.stop);
    tokio::time::timeout(Duration::from_secs(10), running.demo.task)
        .await
        .unwrap()
        .unwrap();
}
