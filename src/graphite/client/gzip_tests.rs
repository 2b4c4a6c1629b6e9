//! What is compressed: asked for where the configuration says so, undone wherever it comes.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use super::fake::{Fake, Reply, answer, raw};
use super::tests::{LINE, QUERY, ask, settings};
use super::*;
use crate::secret::Secret;
use bomb::bomb;

#[path = "../../../tests/support/bomb.rs"]
mod bomb;

/// gzip of `LINE`.
const ZIPPED: &[u8] =
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b\xd4\x4b\xd2\x31\x33\xd0\x31\xb4\x30\x00\x52\
    \x35\x86\x7a\x06\x3a\x46\x7a\x06\x5c\x00\xdd\xce\xc0\xa6\x16\x00\x00\x00";

fn client(fake: &Fake, gzip: bool) -> Client {
    Client::new(&Settings {
        gzip,
        ..settings(&fake.url())
    })
    .unwrap()
}

/// An answer whose body is said to be gzip.
fn zipped(body: &[u8]) -> Reply {
    let kind = "text/plain\r\nContent-Encoding: gzip";
    Reply::Send(answer("200 OK", kind, body))
}

#[tokio::test]
async fn whatever_graphite_is_asked_for_says_whether_gzip_is_welcome() {
    for (gzip, expected) in [(true, "gzip"), (false, "identity")] {
        let fake = Fake::start(|_| raw(LINE)).await;
        let client = client(&fake, gzip);
        ask(&client, &QUERY).await.unwrap();
        let target = format!("a.{{{}}}", "b,".repeat(LONGEST_QUERY));
        let long = Query {
            target: &target,
            ..QUERY
        };
        ask(&client, &long).await.unwrap();
        client.functions().await;
        let graph = format!("{}/render?target=a.b", fake.url());
        client.picture(&graph).await;
        let requests = fake.requests();
        assert_eq!(requests.len(), 4);
        assert_eq!(requests[1].method, "POST");
        for request in requests {
            let said = request.headers.lines();
            let said: Vec<_> = said
                .filter_map(|line| line.strip_prefix("accept-encoding:"))
                .map(str::trim)
                .collect();
            assert_eq!(said, [expected], "{} {}", request.method, request.path);
        }
    }
}

#[tokio::test]
async fn a_header_of_its_own_says_what_is_welcome_instead() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let with = Settings {
        headers: vec![("ACCEPT-Encoding".into(), Secret::new("gzip;q=0.5"))],
        ..settings(&fake.url())
    };
    ask(&Client::new(&with).unwrap(), &QUERY).await.unwrap();
    let headers = &fake.requests()[0].headers;
    assert_eq!(headers.matches("accept-encoding:").count(), 1, "{headers}");
    assert!(headers.contains("accept-encoding: gzip;q=0.5"), "{headers}");
}

#[tokio::test]
async fn an_answer_in_gzip_is_read_asked_for_or_not() {
    for gzip in [true, false] {
        let fake = Fake::start(|_| zipped(ZIPPED)).await;
        let found = ask(&client(&fake, gzip), &QUERY).await.unwrap();
        assert_eq!(found, ["a.b 1@60 2@120"], "{gzip}");
    }
}

#[tokio::test]
async fn an_answer_without_gzip_is_read_where_it_was_asked_for() {
    let fake = Fake::start(|_| raw(LINE)).await;
    let found = ask(&client(&fake, true), &QUERY).await.unwrap();
    assert_eq!(found, ["a.b 1@60 2@120"]);
}

#[tokio::test]
async fn a_gzip_bomb_stops_at_the_limit_asked_for_or_not() {
    for gzip in [true, false] {
        let body = bomb(400_000); // 650 kB for 103 MB
        let fake = Fake::start(move |_| zipped(&body)).await;
        let error = ask(&client(&fake, gzip), &QUERY).await.unwrap_err();
        assert!(matches!(error, FetchError::TooLarge { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_broken_gzip_was_cut_off_asked_for_or_not() {
    for gzip in [true, false] {
        let body = bomb(10);
        let fake = Fake::start(move |_| zipped(&body)).await;
        let error = ask(&client(&fake, gzip), &QUERY).await.unwrap_err();
        assert!(matches!(error, FetchError::CutOff { .. }), "{error:?}");
    }
}
