//! The real services that `tests/run` starts, as the tests rely on them; and
//! the stand-ins beside them, so that a test on a stand-in says something
//! about the real thing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::io::Write;
use std::net::TcpStream;

use lettre::address::Envelope;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use support::graphite::{Failure, Graphite, Series, epoch_now};
use support::{DEADLINE, http, poll};

fn service(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: this test needs the services of tests/run"))
}

/// Sends points to the real Graphite, and waits until its answers show the last.
fn feed(metric: &str, points: &[(i64, f64)]) {
    let mut carbon = TcpStream::connect(service("CARBON_TEST_ADDR")).unwrap();
    for (at, value) in points {
        writeln!(carbon, "{metric} {value} {at}").unwrap();
    }
    drop(carbon);
    let (at, value) = points.last().unwrap();
    let url = format!(
        "{}/render?target={metric}&format=raw&from={}&until={at}",
        service("GRAPHITE_TEST_URL"),
        at - 60
    );
    let seen = || {
        http::get(&url)
            .text()
            .trim_end()
            .ends_with(&format!("{value:?}"))
            .then_some(())
    };
    poll(DEADLINE, seen)
        .unwrap_or_else(|| panic!("{metric} is not seen: {}", http::get(&url).text()));
}

/// The minute's start some minutes ago.
fn minutes_ago(minutes: i64) -> i64 {
    (epoch_now().div_euclid(60) - minutes) * 60
}

#[test]
#[ignore = "needs the real Graphite of tests/run"]
fn stand_in_answers_as_the_real_graphite() {
    let first = minutes_ago(5);
    feed("standin.web-1", &[(first, 1.0), (first + 120, 2.5)]);
    let stand_in = Graphite::start();
    let values = [Some(1.0), None, Some(2.5)];
    stand_in.set(
        "standin.*",
        vec![Series::starting("standin.web-1", first, &values)],
    );
    for format in ["raw", "json"] {
        for (from, until) in [
            (first - 60, first + 120),
            (first, first + 60),
            (first + 119, first + 121),
            (first - 200, first + 179),
        ] {
            let query = format!(
                "/render?target=standin.*&target=nothing&format={format}&from={from}&until={until}"
            );
            let [real, ours] = [service("GRAPHITE_TEST_URL"), stand_in.url()]
                .map(|url| http::get(&format!("{url}{query}")));
            assert_eq!(
                ours.header("content-type"),
                real.header("content-type"),
                "{query}"
            );
            assert_eq!(
                decoded(format, &ours.text()),
                decoded(format, &real.text()),
                "{query}"
            );
        }
    }
}

/// JSON apart from its blanks and the order of its keys; raw as it is.
fn decoded(format: &str, text: &str) -> serde_json::Value {
    if format == "json" {
        serde_json::from_str(text).unwrap()
    } else {
        text.into()
    }
}

#[test]
#[ignore = "needs the real Graphite of tests/run"]
fn stand_in_refuses_as_the_real_graphite() {
    let stand_in = Graphite::start();
    stand_in.fail_target("nope(a)", Failure::unknown_function("nope"));
    for query in [
        "target=nope(a)",
        "target=a&from=nonsense",
        "target=a&from=1000&until=1000",
    ] {
        let query = format!("/render?format=raw&{query}");
        let [real, ours] = [service("GRAPHITE_TEST_URL"), stand_in.url()]
            .map(|url| http::get(&format!("{url}{query}")));
        assert_eq!(ours.status, real.status, "{query}");
    }
    let long = format!("/render?format=raw&target={}", "a".repeat(4100));
    let [real, ours] = [service("GRAPHITE_TEST_URL"), stand_in.url()]
        .map(|url| http::get(&format!("{url}{long}")));
    // gunicorn says 400 or 414 by its version, nginx says 414
    assert!(
        ours.status == 414 && matches!(real.status, 400 | 414),
        "{}",
        real.status
    );
}

#[test]
#[ignore = "needs the real Graphite of tests/run"]
fn built_in_graphite_of_the_demo_reads_expressions_as_the_real_one() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    let demo = runtime
        .block_on(graphite_pager::demo::start(false, stopped))
        .unwrap();
    let names = |url: &str, target: &str| {
        let query: String = url::form_urlencoded::byte_serialize(target.as_bytes()).collect();
        let answer = http::get(&format!(
            "{url}/render?target={query}&format=raw&from=-10min"
        ));
        let lines = answer.text();
        let legends = lines.lines().map(|line| {
            line.rsplit_once('|')
                .unwrap()
                .0
                .rsplitn(4, ',')
                .last()
                .unwrap()
                .to_owned()
        });
        legends.collect::<Vec<_>>()
    };
    let wave = names(&demo.url, "demo.*.wave").pop().unwrap();
    let host = wave.split('.').nth(1).unwrap();
    feed(&wave, &[(minutes_ago(2), 1.0)]);
    let grep = format!(
        "grep(aliasByNode(demo.*.wave, 1), \"^{}$\")",
        host.replace('-', "\\-")
    );
    for target in [
        "demo.*.wave",
        "demo.*.{wave,none}",
        "demo.?*.wav[a-e]",
        "aliasByNode(demo.*.wave, 1, -1)",
        "aliasByNode(demo.*.wave,1,9)",
        "alias(demo.*.wave, 'a, b|c')",
        "aliasByNode(alias(demo.*.wave,'x'),0)",
        "threshold(70, \"Warning\")",
        "constantLine(20)",
        "constantLine(2.5)",
        "threshold(2)",
        "threshold(-2e3, label='High', color='red')",
        grep.as_str(),
        "grep(demo.*.wave,'^wave$')",
        "demo.*",
    ] {
        assert_eq!(
            names(&demo.url, target),
            names(&service("GRAPHITE_TEST_URL"), target),
            "{target}"
        );
    }
}

type Mailer = AsyncSmtpTransport<Tokio1Executor>;
type Security = fn(TlsParameters) -> Tls;

/// A client that trusts the authority of the test server.
fn mailer(address: &str, tls: Security, login: Option<Credentials>) -> Mailer {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (host, port) = address.split_once(':').unwrap();
    let authority = std::fs::read(service("SMTP_TEST_CA")).unwrap();
    let parameters = TlsParameters::builder(host.to_owned())
        .add_root_certificate(Certificate::from_pem(&authority).unwrap())
        .build_rustls()
        .unwrap();
    let builder = Mailer::builder_dangerous(host)
        .port(port.parse().unwrap())
        .tls(tls(parameters));
    match login {
        Some(login) => builder.credentials(login).build(),
        None => builder.build(),
    }
}

fn envelope(to: &[&str]) -> Envelope {
    let to = to.iter().map(|address| address.parse().unwrap()).collect();
    Envelope::new(Some("pager@example.com".parse().unwrap()), to).unwrap()
}

/// The mails whose text contains `part`.
fn mails(part: &str) -> Vec<serde_json::Value> {
    let entries = std::fs::read_dir(service("SMTP_TEST_MAILS")).unwrap();
    let files = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    let mails = files.map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap());
    mails
        .filter(|mail: &serde_json::Value| mail["data"].as_str().unwrap().contains(part))
        .collect()
}

#[tokio::test]
#[ignore = "needs the real mail server of tests/run"]
async fn mail_server_keeps_mails_from_all_three_doors() {
    let login = || Credentials::new(service("SMTP_TEST_USER"), service("SMTP_TEST_PASSWORD"));
    let doors: [(&str, Security, _); 3] = [
        ("PLAIN", |_| Tls::None, None),
        ("STARTTLS", Tls::Required, Some(login())),
        ("TLS", Tls::Wrapper, Some(login())),
    ];
    for (door, tls, login) in doors {
        let address = service(&format!("SMTP_TEST_{door}"));
        let body = format!("Subject: through {door} door\r\n\r\nx\r\n");
        let to = envelope(&["ops@example.com", "dev@example.com"]);
        mailer(&address, tls, login)
            .send_raw(&to, body.as_bytes())
            .await
            .unwrap();
        let kept = mails(&format!("through {door} door"));
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0]["door"], door.to_lowercase());
        assert_eq!(
            kept[0]["to"],
            serde_json::json!(["ops@example.com", "dev@example.com"])
        );
        assert_eq!(kept[0]["from"], "pager@example.com");
    }
}

#[tokio::test]
#[ignore = "needs the real mail server of tests/run"]
async fn mail_server_wants_a_password_where_there_is_tls() {
    let wrong = Credentials::new(service("SMTP_TEST_USER"), "wrong".to_owned());
    for login in [None, Some(wrong)] {
        let mailer = mailer(&service("SMTP_TEST_TLS"), Tls::Wrapper, login);
        let sent = mailer
            .send_raw(&envelope(&["ops@example.com"]), b"Subject: x\r\n\r\n")
            .await;
        assert!(sent.is_err_and(|error| error.is_permanent()));
    }
}

#[tokio::test]
#[ignore = "needs the real mail server of tests/run"]
async fn mail_server_refuses_whom_it_is_told_to() {
    let mailer = mailer(&service("SMTP_TEST_PLAIN"), |_| Tls::None, None);
    let send = async |to: &str| {
        mailer
            .send_raw(&envelope(&[to]), b"Subject: x\r\n\r\n")
            .await
    };
    assert!(
        send("refused@example.com")
            .await
            .is_err_and(|error| error.is_permanent())
    );
    assert!(
        send("later@example.com")
            .await
            .is_err_and(|error| error.is_transient())
    );
}
