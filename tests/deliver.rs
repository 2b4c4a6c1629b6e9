//! Every kind of receiver against real servers on loopback that misbehave.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use graphite_pager::alert::{Level, Timestamp};
use graphite_pager::deliver::message::{Key, Kind, Message, Outcome};
use graphite_pager::deliver::settings::{self, Destination};
use graphite_pager::deliver::template::Template;
use graphite_pager::deliver::{Sender, http, smtp as mail};
use graphite_pager::secret::Secret;
use lettre::transport::smtp::client::Certificate;
use support::pagerduty::PagerDuty;
use support::sink::{Answer, Sink};
use support::smtp::{Manners, Smtp};

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

/// For what is not about time: long enough for a busy machine.
const LONG: Duration = Duration::from_secs(20);

fn message() -> Message {
    let started = Timestamp::from_secs(1_795_435_200);
    Message {
        kind: Kind::New,
        instance: Arc::from("graphite-pager"),
        incident: "0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000".to_owned(),
        event: 1,
        reminder: 0,
        alert: Arc::from("Load"),
        series: "web-1".to_owned(),
        level: Level::Critical,
        told: Level::Ok,
        worst: Level::Critical,
        value: Some(23.4),
        condition: Some(">= 20".to_owned()),
        started,
        lasted: Duration::ZERO,
        changed: started,
        at: started,
        ended: None,
        no_data_since: None,
        words: None,
        reason: "critical since its first reading".to_owned(),
        target: Some("aliasByNode(servers.*.loadavg.05, 1)".to_owned()),
        labels: BTreeMap::from([("team".to_owned(), "web".to_owned())]),
        description: Some("The five-minute load of a web server.".to_owned()),
        first_steps: None,
        docs: Some("https://wiki.example.com/alerts/Load#web-1".to_owned()),
        graph: Some("https://graphite.example.com/render?target=a%26b".to_owned()),
        picture: None,
        key: Some(Key::Trigger("graphite-pager/Load/web-1".to_owned())),
    }
}

fn client() -> http::Client {
    http::Client::with_deadlines(LONG, LONG).unwrap()
}

async fn send(destination: &Destination, message: &Message) -> Outcome {
    let sender = Sender::new(destination, &client()).unwrap();
    let mut outcomes = sender.send(message, &[]).await;
    assert_eq!(outcomes.len(), 1);
    outcomes.remove(0)
}

fn later(outcome: &Outcome) -> (&str, Option<Duration>, bool) {
    match outcome {
        Outcome::Later {
            why, after, pause, ..
        } => (why, *after, *pause),
        other => panic!("expected later, found {other:?}"),
    }
}

fn rejected(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Rejected { why, .. } => why,
        other => panic!("expected a rejection, found {other:?}"),
    }
}

// PagerDuty

fn to_pagerduty(url: &str) -> Destination {
    Destination::PagerDuty(settings::PagerDuty {
        routing_key: Secret::new(ROUTING_KEY),
        url: Secret::new(url),
        severity: settings::Severities {
            warning: "warning",
            no_data: "error",
            critical: "critical",
        },
        summary: None,
    })
}

#[tokio::test]
async fn pagerduty_takes_a_trigger_with_all_that_is_known() {
    let server = PagerDuty::start();
    assert_eq!(
        send(&to_pagerduty(&server.url()), &message()).await,
        Outcome::Accepted
    );
    let events = server.accepted();
    let event = &events[0];
    assert_eq!(event["dedup_key"], "graphite-pager/Load/web-1");
    assert_eq!(
        event["payload"]["summary"],
        "[CRITICAL] Load web-1 is 23.4 (>= 20)"
    );
    assert_eq!(event["payload"]["severity"], "critical");
    assert_eq!(event["payload"]["timestamp"], "2026-11-23T12:00:00Z");
    assert_eq!(event["payload"]["component"], "web-1");
    assert_eq!(event["payload"]["group"], "Load");
    let details = &event["payload"]["custom_details"];
    assert_eq!(details["value"], 23.4);
    assert_eq!(details["condition"], ">= 20");
    assert_eq!(details["since"], "2026-11-23T12:00:00Z");
    assert_eq!(details["target"], "aliasByNode(servers.*.loadavg.05, 1)");
    assert_eq!(details["labels"]["team"], "web");
    assert_eq!(
        details["description"],
        "The five-minute load of a web server."
    );
    assert_eq!(
        event["links"][0]["href"],
        "https://wiki.example.com/alerts/Load#web-1"
    );
    assert_eq!(event["links"][1]["text"], "Graph");
    assert_eq!(
        event["images"][0]["src"],
        "https://graphite.example.com/render?target=a%26b"
    );
}

#[tokio::test]
async fn pagerduty_takes_a_resolve_with_its_key_alone() {
    let server = PagerDuty::start();
    let resolve = Message {
        key: Some(Key::Resolve("a/b/c".to_owned())),
        ..message()
    };
    assert_eq!(
        send(&to_pagerduty(&server.url()), &resolve).await,
        Outcome::Accepted
    );
    let event = server.accepted().remove(0);
    assert_eq!(event.as_object().unwrap().len(), 3);
    assert_eq!(event["event_action"], "resolve");
    assert_eq!(event["dedup_key"], "a/b/c");
}

#[tokio::test]
async fn pagerduty_takes_events_of_monstrous_names() {
    let server = PagerDuty::start();
    let long = "日\u{1b}[31m\n\"<é>".repeat(20_000);
    let monster = Message {
        series: long.clone(),
        alert: Arc::from(long.as_str()),
        target: Some(long.clone()),
        description: Some(long.clone()),
        labels: (0..500)
            .map(|number| (format!("{number}{long}"), long.clone()))
            .collect(),
        first_steps: None,
        docs: Some(format!(
            "https://wiki.example.com/{}",
            "%20".repeat(100_000)
        )),
        graph: Some("http://graphite.example.com/render?x".to_owned()),
        reason: long.clone(),
        condition: Some(long.clone()),
        ..message()
    };
    assert_eq!(
        send(&to_pagerduty(&server.url()), &monster).await,
        Outcome::Accepted
    );
    let blank = Message {
        series: " ".to_owned(),
        ..message()
    };
    assert_eq!(
        send(&to_pagerduty(&server.url()), &blank).await,
        Outcome::Accepted
    );
    assert!(
        server.accepted()[0].get("images").is_none(),
        "only https pictures"
    );
}

#[tokio::test]
async fn pagerduty_400_is_sent_once_more_bare() {
    let server = PagerDuty::start();
    server
        .sink
        .next(Answer::Status(400, Vec::new(), "{}".to_owned()));
    assert_eq!(
        send(&to_pagerduty(&server.url()), &message()).await,
        Outcome::Accepted
    );
    let requests = server.sink.requests();
    assert_eq!(requests.len(), 2);
    let bare = requests[1].json();
    for field in ["links", "images", "client"] {
        assert!(bare.get(field).is_none(), "{field}");
    }
    assert!(bare["payload"].get("custom_details").is_none());
    assert_eq!(bare["dedup_key"], "graphite-pager/Load/web-1");
}

#[tokio::test]
async fn pagerduty_400_twice_is_rejected_with_its_own_words_and_without_the_key() {
    let server = PagerDuty::start();
    let body = format!(
        r#"{{"message":"Event object is invalid","errors":["no such key {ROUTING_KEY}"]}}"#
    );
    server
        .sink
        .always(Some(Answer::Status(400, Vec::new(), body)));
    let outcome = send(&to_pagerduty(&server.url()), &message()).await;
    let why = rejected(&outcome);
    assert!(
        why.contains("400 Bad Request: Event object is invalid: no such key ***"),
        "{why}"
    );
    assert!(!why.contains(ROUTING_KEY));
    assert_eq!(server.sink.requests().len(), 2);
}

#[tokio::test]
async fn pagerduty_429_pauses_for_as_long_as_it_says() {
    let server = PagerDuty::start();
    let destination = to_pagerduty(&server.url());
    server.sink.next(Answer::retry_after(429, "17"));
    assert_eq!(
        later(&send(&destination, &message()).await).1,
        Some(Duration::from_secs(17))
    );
    let date =
        (chrono::Utc::now() + chrono::Duration::seconds(60)).format("%a, %d %b %Y %H:%M:%S GMT");
    server
        .sink
        .next(Answer::retry_after(429, &date.to_string()));
    let outcome = send(&destination, &message()).await;
    let (_, after, pause) = later(&outcome);
    assert!(
        pause && after.unwrap() > Duration::from_secs(50),
        "{after:?}"
    );
    server.sink.next(Answer::status(429));
    assert_eq!(later(&send(&destination, &message()).await).1, None);
}

#[tokio::test]
async fn statuses_mean_later_or_never() {
    let server = PagerDuty::start();
    let destination = to_pagerduty(&server.url());
    for status in [408, 500, 502, 503, 504] {
        server.sink.next(Answer::status(status));
        let outcome = send(&destination, &message()).await;
        assert!(!later(&outcome).2, "{status}");
    }
    for status in [401, 403, 404, 413] {
        server.sink.next(Answer::status(status));
        rejected(&send(&destination, &message()).await);
    }
    for status in [200, 202, 204] {
        server.sink.next(Answer::status(status));
        assert_eq!(send(&destination, &message()).await, Outcome::Accepted);
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let (server, other) = (PagerDuty::start(), Sink::start());
    let location = vec![("location", other.url())];
    server
        .sink
        .next(Answer::Status(307, location, String::new()));
    let outcome = send(&to_pagerduty(&server.url()), &message()).await;
    assert!(rejected(&outcome).contains("redirects are not followed"));
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn a_hang_costs_one_deadline_and_pauses() {
    let server = PagerDuty::start();
    server.sink.next(Answer::Hang);
    let hurried = http::Client::with_deadlines(LONG, Duration::from_millis(300)).unwrap();
    let sender = Sender::new(&to_pagerduty(&server.url()), &hurried).unwrap();
    let outcome = sender.send(&message(), &[]).await.remove(0);
    let (why, _, pause) = later(&outcome);
    assert!(pause && why.contains("did not answer in time"), "{why}");
}

#[tokio::test]
async fn a_cut_after_the_request_is_tried_later() {
    let server = PagerDuty::start();
    server.sink.next(Answer::Cut);
    assert!(!later(&send(&to_pagerduty(&server.url()), &message()).await).2);
}

#[tokio::test]
async fn a_refused_connection_pauses_and_tells_no_path() {
    let hook = settings::Webhook {
        url: Secret::new("http://user:hush@127.0.0.1:1/services/T0SECRET?token=hush"),
        method: "POST".to_owned(),
        headers: Vec::new(),
        body: None,
    };
    let outcome = send(&Destination::Webhook(hook), &message()).await;
    let (why, _, pause) = later(&outcome);
    assert!(
        pause && why.starts_with("cannot connect to `127.0.0.1:1`"),
        "{why}"
    );
    assert!(!why.contains("SECRET") && !why.contains("hush"), "{why}");
}

#[tokio::test]
async fn a_sender_shows_no_secret_and_can_be_sent_to_a_worker() {
    let server = PagerDuty::start();
    let sender = Sender::new(
        &to_pagerduty(&format!("{}/T0SECRET", server.url())),
        &client(),
    )
    .unwrap();
    assert_eq!(format!("{sender:?}"), "pagerduty");
    let outcomes = tokio::spawn(async move { sender.send(&message(), &[]).await })
        .await
        .unwrap();
    assert!(
        rejected(&outcomes[0]).contains("404"),
        "the stand-in knows no such path"
    );
    assert_eq!(server.sink.requests()[0].path, "/T0SECRET/v2/enqueue");
}

// webhook and Slack

fn to_webhook(server: &Sink, body: Option<&str>) -> Destination {
    Destination::Webhook(settings::Webhook {
        url: Secret::new(format!("{}/hook?token=s3cr3t-token", server.url())),
        method: "PUT".to_owned(),
        headers: vec![("X-Token".to_owned(), Secret::new("s3cr3t-header"))],
        body: body.map(|body| Template::parse(body).unwrap()),
    })
}

#[tokio::test]
async fn a_webhook_gets_the_documented_json() {
    let server = Sink::start();
    assert_eq!(
        send(&to_webhook(&server, None), &message()).await,
        Outcome::Accepted
    );
    let request = server.requests().remove(0);
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("PUT", "/hook?token=s3cr3t-token")
    );
    assert_eq!(request.header("content-type"), Some("application/json"));
    assert_eq!(
        request.header("idempotency-key"),
        Some("0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.1.new")
    );
    assert_eq!(request.header("x-token"), Some("s3cr3t-header"));
    let page = include_str!("../docs/webhook.md");
    let body = request.json();
    assert_eq!(body["headline"], "[CRITICAL] Load web-1 is 23.4 (>= 20)");
    for field in body.as_object().unwrap().keys() {
        assert!(
            page.contains(&format!("| `{field}` |")),
            "{field} is not documented"
        );
    }
}

#[tokio::test]
async fn a_webhook_gets_the_users_own_body() {
    let server = Sink::start();
    let own = r#"{"text": {{ headline | tojson }}, "value": {{ value }}}"#;
    let nasty = Message {
        series: "a\"b".to_owned(),
        value: Some(12.0),
        ..message()
    };
    assert_eq!(
        send(&to_webhook(&server, Some(own)), &nasty).await,
        Outcome::Accepted
    );
    let body = server.requests().remove(0).json();
    assert_eq!(body["text"], "[CRITICAL] Load a\"b is 12 (>= 20)");
    assert_eq!(body["value"], 12);
}

#[tokio::test]
async fn a_failing_template_costs_no_notification_and_is_said() {
    let server = Sink::start();
    let outcome = send(&to_webhook(&server, Some("{{ labels.x.y.z }}")), &message()).await;
    assert_eq!(outcome, Outcome::Accepted);
    let body = server.requests().remove(0).json();
    assert!(
        body["note"]
            .as_str()
            .unwrap()
            .contains("template `body` failed"),
        "{body}"
    );
    assert_eq!(body["alert"], "Load");
}

#[tokio::test]
async fn what_a_webhook_answers_is_shown_without_its_secrets() {
    let server = Sink::start();
    let echo = "no s3cr3t-token, no s3cr3t-header\u{1b}[31m".to_owned();
    server.next(Answer::Status(403, Vec::new(), echo));
    let outcome = send(&to_webhook(&server, None), &message()).await;
    let why = rejected(&outcome);
    assert!(
        why.contains("403 Forbidden: no ***, no ***\\u{1b}"),
        "{why}"
    );
}

#[tokio::test]
async fn an_endless_answer_is_read_no_further_than_a_person_would() {
    let server = Sink::start();
    server.next(Answer::Status(500, Vec::new(), "x".repeat(5_000_000)));
    let outcome = send(&to_webhook(&server, None), &message()).await;
    assert!(later(&outcome).0.len() < 1000);
}

#[tokio::test]
async fn slack_gets_escaped_text_a_colour_and_links() {
    let server = Sink::start();
    let slack = settings::Slack {
        url: Secret::new(format!("{}/services/T0/B0/x", server.url())),
        channel: Some("#ops".to_owned()),
        text: None,
    };
    let nasty = Message {
        series: "<!channel> & co".to_owned(),
        ..message()
    };
    assert_eq!(
        send(&Destination::Slack(slack), &nasty).await,
        Outcome::Accepted
    );
    let body = server.requests().remove(0).json();
    assert_eq!(
        body["text"],
        "[CRITICAL] Load &lt;!channel&gt; &amp; co is 23.4 (&gt;= 20)"
    );
    assert_eq!(body["channel"], "#ops");
    assert_eq!(body["attachments"][0]["color"], "#e01e5a");
    let text = body["attachments"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("<https://wiki.example.com/alerts/Load#web-1|Documentation>"),
        "{text}"
    );
}

#[tokio::test]
async fn slack_gets_the_users_own_text_with_values_escaped() {
    let server = Sink::start();
    let slack = settings::Slack {
        url: Secret::new(server.url()),
        channel: None,
        text: Some(
            Template::parse("*{{ level_text }}* <https://x.example.com|x> {{ series }}").unwrap(),
        ),
    };
    let nasty = Message {
        series: "<!channel>".to_owned(),
        ..message()
    };
    assert_eq!(
        send(&Destination::Slack(slack), &nasty).await,
        Outcome::Accepted
    );
    let body = server.requests().remove(0).json();
    assert_eq!(
        body["text"],
        "*CRITICAL* <https://x.example.com|x> &lt;!channel&gt;"
    );
}

// mail

const TIGHT: mail::Deadlines = mail::Deadlines {
    step: Duration::from_millis(400),
    body: Duration::from_millis(600),
    whole: Duration::from_secs(3),
};

const PATIENT: mail::Deadlines = mail::Deadlines {
    step: LONG,
    body: LONG,
    whole: LONG,
};

const TO: [&str; 3] = ["a@example.com", "b@example.com", "c@example.com"];

fn smtp_settings(server: &Smtp, tls: settings::SmtpTls) -> settings::Smtp {
    settings::Smtp {
        host: "127.0.0.1".to_owned(),
        port: server.port(),
        tls,
        credentials: None,
    }
}

async fn converse_within(
    deadlines: mail::Deadlines,
    settings: &settings::Smtp,
    root: Option<Certificate>,
) -> Vec<Outcome> {
    let server = mail::Server::with(settings, deadlines, root);
    let to: Vec<lettre::Address> = TO.iter().map(|to| to.parse().unwrap()).collect();
    let text = b"Subject: x\r\n\r\nhello\r\n.stuffed\r\n";
    server
        .send(&"pager@example.com".parse().unwrap(), &to, text)
        .await
}

async fn converse(settings: &settings::Smtp, root: Option<Certificate>) -> Vec<Outcome> {
    converse_within(PATIENT, settings, root).await
}

async fn outcomes_of(manners: Manners) -> (Smtp, Vec<Outcome>) {
    let server = Smtp::start(manners);
    let settings = smtp_settings(&server, settings::SmtpTls::Opportunistic);
    let outcomes = converse(&settings, None).await;
    (server, outcomes)
}

/// With deadlines that a server which says nothing runs into soon.
async fn hurried_outcomes_of(manners: Manners) -> Vec<Outcome> {
    let server = Smtp::start(manners);
    let settings = smtp_settings(&server, settings::SmtpTls::Opportunistic);
    converse_within(TIGHT, &settings, None).await
}

#[tokio::test]
async fn one_mail_reaches_all_recipients() {
    let (server, outcomes) = outcomes_of(Manners::default()).await;
    assert_eq!(outcomes, vec![Outcome::Accepted; 3]);
    let mail = server.mails().remove(0);
    assert_eq!(mail.from, "pager@example.com");
    assert_eq!(mail.to, TO);
    assert!(mail.data.contains("\r\n.stuffed\r\n"));
    assert_eq!(server.commands().last().map(String::as_str), Some("QUIT"));
}

#[tokio::test]
async fn a_refused_recipient_costs_the_others_nothing() {
    let (server, outcomes) = outcomes_of(Manners::replying(&[
        ("RCPT b@example.com", "550 5.1.1 no such user"),
        ("RCPT c@example.com", "450 busy"),
    ]))
    .await;
    assert_eq!(outcomes[0], Outcome::Accepted);
    assert!(
        matches!(&outcomes[1], Outcome::Rejected { why, smtp: true } if why.contains("550") && why.contains("no such user")),
        "{outcomes:?}"
    );
    assert!(
        matches!(&outcomes[2], Outcome::Later { pause: false, .. }),
        "{outcomes:?}"
    );
    assert_eq!(server.mails()[0].to, ["a@example.com"]);
}

#[tokio::test]
async fn without_an_accepted_recipient_no_mail_is_sent() {
    let (server, outcomes) = outcomes_of(Manners::replying(&[("RCPT", "554 no")])).await;
    assert!(
        outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Rejected { smtp: true, .. }))
    );
    assert!(!server.commands().iter().any(|command| command == "DATA"));
}

#[tokio::test]
async fn a_yes_that_answers_another_question_is_no_acceptance() {
    // a reply too many, and each is taken for that to the next command
    for (step, reply) in [
        ("GREETING", "220 one\r\n220 two"),
        ("MAIL", "354 go on"),
        ("RCPT", "354 go on"),
        ("DATA", "250 ok"),
        (".", "354 go on"),
    ] {
        let (_, outcomes) = outcomes_of(Manners::replying(&[(step, reply)])).await;
        for outcome in &outcomes {
            assert!(
                matches!(outcome, Outcome::Later { why, .. } if why.contains("expected")),
                "{step}: {outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn an_answer_to_ehlo_that_the_mail_library_cannot_read_is_tried_later() {
    for (tls, implicit, starttls) in [
        (settings::SmtpTls::Opportunistic, false, false),
        (settings::SmtpTls::Required, false, true),
        (settings::SmtpTls::Implicit, true, false),
    ] {
        let server = Smtp::start(Manners {
            implicit,
            starttls,
            ..Manners::replying(&[("EHLO", "250-mail.example.com\r\n250-  \r\n250 SIZE 1000000")])
        });
        let outcomes = converse(&smtp_settings(&server, tls), root(&server)).await;
        for outcome in &outcomes {
            assert!(
                matches!(outcome, Outcome::Later { why, unsure: false, .. } if why.contains("what cannot be read")),
                "{outcome:?}"
            );
        }
    }
}

#[tokio::test]
async fn codes_decide_between_later_and_never_at_every_step() {
    for step in ["GREETING", "EHLO", "MAIL", "DATA", "."] {
        for (code, permanent) in [
            ("450", false),
            ("451", false),
            ("452", false),
            ("550", true),
            ("552", true),
            ("554", true),
        ] {
            let (server, outcomes) =
                outcomes_of(Manners::replying(&[(step, &format!("{code} so it is"))])).await;
            for outcome in &outcomes {
                match outcome {
                    Outcome::Rejected { why, smtp: true } => {
                        assert!(permanent && why.contains("so it is"), "{step} {why}")
                    }
                    Outcome::Later { why, .. } => {
                        assert!(!permanent && why.contains("so it is"), "{step} {why}")
                    }
                    other => panic!("{step} {code}: {other:?}"),
                }
            }
            assert!(server.mails().is_empty());
        }
    }
}

#[tokio::test]
async fn a_server_that_closes_with_421_is_left_alone() {
    let (_, outcomes) = outcomes_of(Manners::replying(&[("MAIL", "421 closing")])).await;
    assert!(
        outcomes.iter().all(|outcome| later(outcome).2),
        "{outcomes:?}"
    );
}

#[tokio::test]
async fn a_recipient_at_whom_the_server_hangs_up_costs_the_others_nothing() {
    let silent = Manners {
        silent_at: Some("RCPT b@example.com".to_owned()),
        ..Manners::default()
    };
    for manners in [
        Manners::replying(&[("RCPT b@example.com", "421 closing")]),
        Manners::replying(&[("RCPT b@example.com", "")]),
        silent,
    ] {
        let server = Smtp::start(manners);
        let settings = smtp_settings(&server, settings::SmtpTls::Opportunistic);
        let deadlines = mail::Deadlines {
            step: Duration::from_secs(3),
            ..PATIENT
        };
        let outcomes = converse_within(deadlines, &settings, None).await;
        assert!(!later(&outcomes[1]).2, "the server works");
        for at in [0, 2] {
            assert_eq!(outcomes[at], Outcome::Accepted);
        }
        assert_eq!(server.mails().len(), 1);
        assert_eq!(server.mails()[0].to, ["a@example.com", "c@example.com"]);
    }
}

#[tokio::test]
async fn a_server_that_hangs_up_at_every_recipient_is_not_asked_about_each() {
    let (server, outcomes) = outcomes_of(Manners::replying(&[("RCPT", "421 closing")])).await;
    assert!(later(&outcomes[2]).2, "{outcomes:?}");
    let asked = server.commands();
    let asked = asked.iter().filter(|line| line.starts_with("MAIL")).count();
    assert_eq!(asked, 3);
}

#[tokio::test]
async fn a_server_without_a_greeting_costs_one_deadline() {
    let began = Instant::now();
    let outcomes = hurried_outcomes_of(Manners {
        no_greeting: true,
        ..Manners::default()
    })
    .await;
    assert!(began.elapsed() < TIGHT.whole);
    let (why, _, pause) = later(&outcomes[0]);
    assert!(pause && why.contains("(greeting)"), "{why}");
}

#[tokio::test]
async fn silence_at_any_step_ends_at_a_deadline() {
    for step in ["EHLO", "MAIL", "RCPT", "DATA", "."] {
        let outcomes = hurried_outcomes_of(Manners {
            silent_at: Some(step.to_owned()),
            ..Manners::default()
        })
        .await;
        assert!(
            outcomes.iter().any(|outcome| later(outcome).2),
            "{step}: {outcomes:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_drips_bytes_ends_at_a_deadline() {
    let began = Instant::now();
    let outcomes = hurried_outcomes_of(Manners {
        slow: Some(Duration::from_millis(100)),
        ..Manners::default()
    })
    .await;
    assert!(later(&outcomes[0]).2 && began.elapsed() < TIGHT.whole);
}

#[tokio::test]
async fn a_server_that_dies_after_data_is_tried_later_for_those_it_took() {
    let (_, outcomes) = outcomes_of(Manners::replying(&[
        ("RCPT b@example.com", "550 no"),
        (".", ""),
    ]))
    .await;
    assert!(!later(&outcomes[0]).2);
    rejected(&outcomes[1]);
    assert!(!later(&outcomes[2]).2);
}

#[tokio::test]
async fn a_mail_that_was_taken_is_taken_whatever_quit_says() {
    for manners in [
        Manners::replying(&[("QUIT", "")]),
        Manners {
            silent_at: Some("QUIT".to_owned()),
            ..Manners::default()
        },
    ] {
        let (_, outcomes) = outcomes_of(manners).await;
        assert_eq!(outcomes, vec![Outcome::Accepted; 3]);
    }
}

#[tokio::test]
async fn a_port_where_nobody_listens_pauses() {
    for tls in [
        settings::SmtpTls::Opportunistic,
        settings::SmtpTls::Implicit,
    ] {
        let nobody = settings::Smtp {
            host: "127.0.0.1".to_owned(),
            port: 1,
            tls,
            credentials: None,
        };
        let outcomes = converse(&nobody, None).await;
        let (why, _, pause) = later(&outcomes[0]);
        assert!(
            pause && why.contains("`127.0.0.1:1`") && why.contains("refused"),
            "{why}"
        );
    }
}

#[tokio::test]
async fn a_name_that_does_not_resolve_pauses() {
    let nowhere = settings::Smtp {
        host: "nowhere.invalid".to_owned(),
        port: 25,
        tls: settings::SmtpTls::Opportunistic,
        credentials: None,
    };
    let began = Instant::now();
    let outcomes = converse(&nowhere, None).await;
    let (why, _, pause) = later(&outcomes[0]);
    assert!(
        pause && why.starts_with("cannot connect to `nowhere.invalid:25`"),
        "{why}"
    );
    assert!(began.elapsed() < LONG);
}

fn root(server: &Smtp) -> Option<Certificate> {
    Some(Certificate::from_pem(server.authority().as_bytes()).unwrap())
}

#[tokio::test]
async fn starttls_is_used_where_offered_even_with_a_certificate_of_its_own() {
    let (server, outcomes) = outcomes_of(Manners {
        starttls: true,
        ..Manners::default()
    })
    .await;
    assert_eq!(outcomes, vec![Outcome::Accepted; 3]);
    assert!(server.mails()[0].encrypted);
}

#[tokio::test]
async fn required_and_implicit_tls_verify_the_certificate() {
    for tls in [settings::SmtpTls::Required, settings::SmtpTls::Implicit] {
        let implicit = tls == settings::SmtpTls::Implicit;
        let server = Smtp::start(Manners {
            starttls: !implicit,
            implicit,
            ..Manners::default()
        });
        let settings = smtp_settings(&server, tls);
        let outcomes = converse(&settings, None).await;
        assert!(
            rejected(&outcomes[0]).contains("certificate that does not verify"),
            "{outcomes:?}"
        );
        assert_eq!(
            converse(&settings, root(&server)).await,
            vec![Outcome::Accepted; 3]
        );
        assert!(server.mails()[0].encrypted);
    }
}

#[tokio::test]
async fn required_tls_that_is_not_offered_is_a_rejection() {
    let server = Smtp::start(Manners::default());
    let outcomes = converse(&smtp_settings(&server, settings::SmtpTls::Required), None).await;
    assert!(rejected(&outcomes[0]).contains("does not offer STARTTLS"));
    assert!(
        !server
            .commands()
            .iter()
            .any(|command| command.starts_with("MAIL"))
    );
}

#[tokio::test]
async fn implicit_tls_against_a_plain_or_silent_server_ends() {
    for manners in [
        Manners::default(),
        Manners {
            no_greeting: true,
            ..Manners::default()
        },
    ] {
        let server = Smtp::start(manners);
        let outcomes = converse_within(
            TIGHT,
            &smtp_settings(&server, settings::SmtpTls::Implicit),
            None,
        )
        .await;
        later(&outcomes[0]);
    }
}

#[tokio::test]
async fn a_password_is_sent_to_log_in_and_never_shown() {
    let server = Smtp::start(Manners {
        auth: true,
        starttls: true,
        ..Manners::default()
    });
    let mut settings = smtp_settings(&server, settings::SmtpTls::Required);
    settings.credentials = Some(("pager".to_owned(), Secret::new("hush-hush")));
    assert_eq!(
        converse(&settings, root(&server)).await,
        vec![Outcome::Accepted; 3]
    );
    let auth = server.mails()[0].auth.clone().unwrap();
    // \0pager\0hush-hush
    assert_eq!(auth, "AUTH PLAIN AHBhZ2VyAGh1c2gtaHVzaA==");
    let mut manners = Manners::replying(&[("AUTH", "535 5.7.8 bad credentials")]);
    (manners.auth, manners.starttls) = (true, true);
    server.behave(manners);
    let outcomes = converse(&settings, root(&server)).await;
    let why = rejected(&outcomes[0]);
    assert!(
        why.contains("535 to AUTH: 5.7.8 bad credentials") && !why.contains("hush"),
        "{why}"
    );
}

#[tokio::test]
async fn a_password_for_a_server_that_wants_none_is_said() {
    let server = Smtp::start(Manners::default());
    let mut settings = smtp_settings(&server, settings::SmtpTls::Opportunistic);
    settings.credentials = Some(("pager".to_owned(), Secret::new("hush-hush")));
    let outcomes = converse(&settings, None).await;
    assert!(rejected(&outcomes[0]).contains("neither AUTH PLAIN nor LOGIN"));
}

fn to_email(server: &Smtp) -> settings::Email {
    settings::Email {
        to: vec![
            "Ops <a@example.com>".parse().unwrap(),
            "b@example.com".parse().unwrap(),
        ],
        cc: vec!["c@example.com".parse().unwrap()],
        from: "Pager <pager@example.com>".parse().unwrap(),
        smtp: smtp_settings(server, settings::SmtpTls::Opportunistic),
        subject: None,
        text: None,
        graph: true,
    }
}

async fn mail(email: settings::Email, message: &Message, to: &[&str]) -> Vec<Outcome> {
    let sender = Sender::new(&Destination::Email(Box::new(email)), &client()).unwrap();
    let to: Vec<Arc<str>> = to.iter().map(|&to| Arc::from(to)).collect();
    sender.send(message, &to).await
}

#[tokio::test]
async fn a_mail_goes_to_those_asked_for_and_shows_all() {
    let server = Smtp::start(Manners::default());
    let outcomes = mail(
        to_email(&server),
        &message(),
        &["c@example.com", "a@example.com"],
    )
    .await;
    assert_eq!(outcomes, vec![Outcome::Accepted; 2]);
    let mail = server.mails().remove(0);
    assert_eq!(mail.to, ["c@example.com", "a@example.com"]);
    assert_eq!(
        mail.header("To").as_deref(),
        Some("Ops <a@example.com>, b@example.com")
    );
    assert_eq!(mail.header("Cc").as_deref(), Some("c@example.com"));
    assert_eq!(
        mail.header("Subject").as_deref(),
        Some("[CRITICAL] Load web-1 is 23.4 (>= 20)")
    );
    assert_eq!(
        mail.header("Auto-Submitted").as_deref(),
        Some("auto-generated")
    );
}

#[tokio::test]
async fn mails_of_one_incident_are_one_thread() {
    let server = Smtp::start(Manners::default());
    let later = Message {
        kind: Kind::Reminder,
        event: 2,
        ..message()
    };
    for message in [message(), later.clone(), later] {
        mail(to_email(&server), &message, &["a@example.com"]).await;
    }
    let mails = server.mails();
    let first = mails[0].header("Message-ID").unwrap();
    assert_eq!(
        first,
        "<0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.1@graphite-pager>"
    );
    assert_eq!(mails[0].header("In-Reply-To"), None);
    assert_eq!(mails[1].header("In-Reply-To"), Some(first.clone()));
    assert_eq!(mails[1].header("References"), Some(first));
    assert_eq!(mails[1].header("Message-ID"), mails[2].header("Message-ID"));
    assert_ne!(mails[0].header("Message-ID"), mails[1].header("Message-ID"));
}

#[tokio::test]
async fn the_graph_is_inside_where_there_is_one() {
    let server = Smtp::start(Manners::default());
    let pictured = Message {
        picture: Some(bytes::Bytes::from_static(b"\x89PNG\r\n\x1a\nrest")),
        ..message()
    };
    mail(to_email(&server), &pictured, &["a@example.com"]).await;
    mail(
        settings::Email {
            graph: false,
            ..to_email(&server)
        },
        &pictured,
        &["a@example.com"],
    )
    .await;
    let mails = server.mails();
    let data = mails[0].data.replace("=\r\n", "");
    for expected in [
        "multipart/alternative",
        "multipart/related",
        "Content-Type: image/png",
        "Content-ID: <graph.0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.1@graphite-pager>",
        "cid:graph.0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.1@graphite-pager",
        "iVBORw0KGgpyZXN0",
    ] {
        assert!(data.contains(expected), "{expected} in {data}");
    }
    assert!(!mails[1].data.contains("related") && !mails[1].data.contains("cid:"));
}

#[tokio::test]
async fn no_series_can_forge_a_header_or_html() {
    let server = Smtp::start(Manners::default());
    let hostile = Message {
        series: "x\r\nBcc: evil@example.com\r\n\r\n<script>alert(1)</script>\u{202e}\"' é"
            .repeat(50),
        instance: Arc::from("my host\r\n<x>@..é."),
        first_steps: None,
        docs: Some("javascript:alert(1)".to_owned()),
        description: Some("long ".repeat(1000) + &"x".repeat(5000)),
        ..message()
    };
    assert_eq!(
        mail(to_email(&server), &hostile, &["a@example.com"]).await,
        [Outcome::Accepted]
    );
    let mail = server.mails().remove(0);
    assert_eq!(mail.header("Bcc"), None);
    assert_eq!(
        mail.header("Message-ID").as_deref(),
        Some("<0199aaaa-bbbb-7ccc-8ddd-eeeeffff0000.1@my-host---x--.->")
    );
    let data = mail.data.replace("=\r\n", "").replace("=3D", "=");
    let (_, html) = data.split_once("text/html").unwrap();
    assert!(html.contains("&lt;script&gt;"), "{html}");
    assert!(
        !html.contains("<script") && !html.contains("href=\"javascript"),
        "{html}"
    );
}

#[tokio::test]
async fn own_subject_and_text_take_the_place_of_the_built_in() {
    let server = Smtp::start(Manners::default());
    let own = settings::Email {
        subject: Some(Template::parse("{{ alert }}\n{{ series }}").unwrap()),
        text: Some(Template::parse("Mind <{{ series }}>!\nNow.").unwrap()),
        ..to_email(&server)
    };
    mail(own, &message(), &["a@example.com"]).await;
    let broken = settings::Email {
        text: Some(Template::parse("{{ labels.a.b }}").unwrap()),
        ..to_email(&server)
    };
    mail(broken, &message(), &["a@example.com"]).await;
    let mails = server.mails();
    assert_eq!(mails[0].header("Subject").as_deref(), Some(r"Load\nweb-1"));
    assert!(
        mails[0].data.contains("Mind <web-1>!\r\nNow."),
        "{}",
        mails[0].data
    );
    assert!(
        mails[0].data.contains("Mind &lt;web-1&gt;!"),
        "{}",
        mails[0].data
    );
    assert!(
        mails[1]
            .data
            .replace("=\r\n", "")
            .contains("The template `text` failed"),
        "{}",
        mails[1].data
    );
    assert!(mails[1].data.contains("five-minute load"));
}

// programs and the console

fn script(text: &str, timeout: Duration) -> Destination {
    Destination::Command(settings::Command {
        program: "/bin/sh".into(),
        arguments: vec!["-c".to_owned(), text.to_owned()],
        timeout,
        withheld: Default::default(),
    })
}

#[tokio::test]
async fn a_program_gets_the_documented_json() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("got");
    let outcome = send(
        &script(&format!("cat > '{}'", file.display()), LONG),
        &message(),
    )
    .await;
    assert_eq!(outcome, Outcome::Accepted);
    let got: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(got["headline"], "[CRITICAL] Load web-1 is 23.4 (>= 20)");
}

#[tokio::test]
async fn a_program_that_does_not_read_or_says_much_is_no_trouble() {
    let large = Message {
        description: Some("x".repeat(1_000_000)),
        ..message()
    };
    assert_eq!(
        send(&script("exit 0", LONG), &large).await,
        Outcome::Accepted
    );
    let noise = "i=0; while [ $i -lt 5000 ]; do echo 0123456789012345678901234567890123456789; i=$((i+1)); done; cat >/dev/null";
    assert_eq!(send(&script(noise, LONG), &large).await, Outcome::Accepted);
}

#[tokio::test]
async fn a_program_that_fails_is_tried_later_with_its_last_line() {
    let outcome = send(
        &script(
            "echo first >&2; echo 'the \u{1b}[31mlast' >&2; exit 3",
            LONG,
        ),
        &message(),
    )
    .await;
    let (why, _, pause) = later(&outcome);
    assert_eq!(why, "`/bin/sh` ended with exit code 3: the \\u{1b}[31mlast");
    assert!(!pause);
    let outcome = send(&script("kill -9 $$", LONG), &message()).await;
    assert!(later(&outcome).0.contains("signal 9"));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_refused() {
    let nowhere = Destination::Command(settings::Command {
        program: "/nowhere/at/all".into(),
        arguments: Vec::new(),
        timeout: LONG,
        withheld: Default::default(),
    });
    let outcome = send(&nowhere, &message()).await;
    assert!(rejected(&outcome).starts_with("cannot start `/nowhere/at/all`"));
}

/// Waits until the process whose number is in `file` is gone.
async fn gone(file: &std::path::Path) -> bool {
    let number = std::fs::read_to_string(file).unwrap();
    let status = format!("/proc/{}/stat", number.trim());
    let end = Instant::now() + Duration::from_secs(5);
    while Instant::now() < end {
        match std::fs::read_to_string(&status) {
            // a zombie is as good as gone, its new parent may be slow
            Ok(status) if !status.contains(") Z ") => {
                tokio::time::sleep(Duration::from_millis(20)).await
            }
            _ => return true,
        }
    }
    false
}

#[tokio::test]
async fn a_program_is_killed_at_its_deadline_with_all_that_it_forked() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child");
    let text = format!(
        "trap '' TERM; (trap '' TERM; sleep 60) & echo $! > '{}'; wait",
        file.display()
    );
    let began = Instant::now();
    let outcome = send(&script(&text, Duration::from_millis(500)), &message()).await;
    assert!(
        later(&outcome).0.contains("did not end within 500ms"),
        "{outcome:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    assert!(gone(&file).await);
}

#[tokio::test]
async fn a_child_that_holds_the_output_open_holds_nobody_and_ends_at_the_deadline() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("child");
    let text = format!("sleep 60 & echo $! > '{}'", file.display());
    let began = Instant::now();
    assert_eq!(
        send(&script(&text, Duration::from_secs(2)), &message()).await,
        Outcome::Accepted
    );
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(gone(&file).await);
}

#[tokio::test]
async fn the_console_accepts_from_several_workers_at_once() {
    let messages = [message(), message(), message()];
    let sends = messages
        .iter()
        .map(|message| send(&Destination::Console, message));
    assert_eq!(
        futures_util::future::join_all(sends).await,
        vec![Outcome::Accepted; 3]
    );
}
