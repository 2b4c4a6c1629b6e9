//! Servers that answer anything: what a mail server, PagerDuty, a webhook,
//! Slack and Graphite say becomes an outcome with a short harmless reason, soon,
//! and only what reads as a yes is one.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use graphite_pager::deliver::message::{Key, Message, Outcome};
use graphite_pager::deliver::settings::{
    Destination, PagerDuty, Severities, Slack, Smtp, SmtpTls, Webhook,
};
use graphite_pager::deliver::smtp::{Deadlines, Server};
use graphite_pager::deliver::{Sender, http};
use graphite_pager::graphite::settings::{Format, Settings};
use graphite_pager::graphite::{Client, Query, Series};
use graphite_pager::secret::Secret;
use lettre::Address;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

use super::is_a_line;

/// For each step; servers here never make anybody wait, so it is not reached.
const STEP: Duration = Duration::from_secs(10);
/// An answer that ends is dealt with at once, on a slow machine in this time.
const LONGEST: Duration = Duration::from_secs(20);

const PASSWORD: &str = "Xk7Secret9qVz";

/// What one thread plays all its servers with: a listener for each input would
/// use up the ports of the machine.
struct Stage {
    runtime: Runtime,
    listener: TcpListener,
    http: http::Client,
}

impl Stage {
    fn build() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"));
        Self {
            runtime,
            listener: listener.unwrap(),
            http: http::Client::with_deadlines(STEP, STEP).unwrap(),
        }
    }
}

thread_local! {
    static STAGE: RefCell<Stage> = RefCell::new(Stage::build());
}

/// Runs to its end what talks to the listener, in bounded time.
fn run<T>(work: impl AsyncFnOnce(&TcpListener, u16, http::Client) -> T) -> T {
    let began = Instant::now();
    let done = STAGE.with_borrow(|stage| {
        let port = stage.listener.local_addr().unwrap().port();
        let work = work(&stage.listener, port, stage.http.clone());
        stage.runtime.block_on(work)
    });
    assert!(began.elapsed() < LONGEST, "took {:?}", began.elapsed());
    done
}

/// Says `script` and no more, and reads until the other side goes.
async fn say(mut stream: TcpStream, script: &[u8]) {
    let (mut from, mut to) = stream.split();
    let saying = async {
        let _ = to.write_all(script).await;
        let _ = to.shutdown().await;
    };
    let mut heard = [0; 4096];
    let listening = async { while matches!(from.read(&mut heard).await, Ok(1..)) {} };
    tokio::join!(saying, listening);
}

/// Whatever came of an attempt, its reason is fit for a log and a page; where
/// the server repeats the password that it was sent, not even half of it is shown.
fn fit(outcome: &Outcome, was_sent: bool, script: &[u8]) {
    if let Outcome::Later { why, .. } | Outcome::Rejected { why, .. } = outcome {
        is_a_line(why, 800);
        assert!(!why.is_empty());
        let times = |what: &str| {
            script
                .windows(what.len())
                .filter(|bytes| *bytes == what.as_bytes())
                .count()
        };
        let begin = &PASSWORD[..6];
        if was_sent && times(begin) == times(PASSWORD) {
            assert!(!why.contains(begin), "{why}");
        }
    }
    if let Outcome::Later {
        after: Some(after), ..
    } = outcome
    {
        assert!(*after <= Duration::from_secs(3600), "{after:?}");
    }
}

/// The first byte chooses how the server is spoken to, the rest is what it says.
pub fn smtp(data: &[u8]) {
    let Some((&kind, script)) = data.split_first() else {
        return;
    };
    let recipients: Vec<Address> = ["one@example.com", "two@example.com", "drei@example.com"]
        .iter()
        .take(1 + usize::from(kind & 1) * 2)
        .map(|address| address.parse().unwrap())
        .collect();
    let credentials = kind & 2 != 0;
    let outcomes = run(async |listener, port, _| {
        let settings = Smtp {
            host: "127.0.0.1".to_owned(),
            port,
            tls: if kind & 4 == 0 {
                SmtpTls::Opportunistic
            } else {
                SmtpTls::Required
            },
            credentials: credentials.then(|| ("user".to_owned(), Secret::new(PASSWORD))),
        };
        let deadlines = Deadlines {
            step: STEP,
            body: STEP,
            whole: STEP,
        };
        let server = Server::with(&settings, deadlines, None);
        let from: Address = "pager@example.com".parse().unwrap();
        // every conversation of the attempt is answered alike
        let serving = async {
            while let Ok((stream, _)) = listener.accept().await {
                say(stream, script).await;
            }
        };
        let mail = b"Subject: hello\r\n\r\nHello.\r\n";
        tokio::select! {
            outcomes = server.send(&from, &recipients, mail) => outcomes,
            () = serving => panic!("the listener is gone"),
        }
    });
    assert_eq!(outcomes.len(), recipients.len());
    outcomes
        .iter()
        .for_each(|outcome| fit(outcome, credentials, script));
    // a mail is taken by a greeting, EHLO, (AUTH,) MAIL, RCPT, DATA and the mail
    // itself, each answered with a yes
    let accepted = outcomes
        .iter()
        .filter(|outcome| **outcome == Outcome::Accepted)
        .count();
    if accepted > 0 {
        let yes = |digit: u8| {
            let lines = script.split(|byte| *byte == b'\n');
            lines
                .filter(|line| line.len() >= 3 && line[0] == digit && line.get(3) != Some(&b'-'))
                .count()
        };
        assert!(yes(b'3') >= 1, "without a 354: {outcomes:?}");
        // a yes of either kind to EHLO is one to lettre; it promises nobody anything
        assert!(yes(b'2') >= 3 + accepted, "too few answers: {outcomes:?}");
        let answers = yes(b'2') + yes(b'3');
        assert!(answers >= 5 + accepted, "too few answers: {outcomes:?}");
        assert!(kind & 4 == 0, "TLS was required: {outcomes:?}");
    }
}

/// The first byte chooses who is answered, the rest is the whole answer.
pub fn http(data: &[u8]) {
    let Some((&kind, script)) = data.split_first() else {
        return;
    };
    match kind % 5 {
        0 => graphite(script, Format::Raw),
        1 => graphite(script, Format::Json),
        kind => receiver(kind, script),
    }
}

/// Reads a request and says `script`, as often as somebody connects.
async fn serve(listener: &TcpListener, script: &[u8], served: &AtomicUsize) {
    while let Ok((stream, _)) = listener.accept().await {
        answer(stream, script, served).await;
    }
}

async fn answer(mut stream: TcpStream, script: &[u8], served: &AtomicUsize) {
    let mut request = Vec::new();
    let mut chunk = [0; 16 * 1024];
    while !is_whole(&request) {
        match stream.read(&mut chunk).await {
            Ok(length @ 1..) => request.extend_from_slice(&chunk[..length]),
            _ => return,
        }
    }
    served.fetch_add(1, Relaxed);
    say(stream, script).await;
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let head = head.to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    body.len() >= length.unwrap_or(0)
}

/// The status that a plain answer begins with; `None`: none that is clear.
fn status(script: &[u8]) -> Option<u16> {
    let blank = script.iter().take_while(|byte| b"\r\n".contains(byte));
    let line = &script[blank.count()..];
    let rest = line
        .strip_prefix(b"HTTP/1.1 ")
        .or_else(|| line.strip_prefix(b"HTTP/1.0 "))?;
    let status = std::str::from_utf8(rest.get(..3)?).ok()?;
    status.parse().ok().filter(|status| *status >= 200)
}

/// An answer that another one follows.
fn is_preliminary(script: &[u8]) -> bool {
    status(script).is_none()
        && script
            .windows(4)
            .any(|bytes| bytes == b".1 1" || bytes == b".0 1")
}

fn receiver(kind: u8, script: &[u8]) {
    let message = Message {
        key: Some(if kind == 2 {
            Key::Trigger("key".to_owned())
        } else {
            Key::Resolve("key".to_owned())
        }),
        ..super::templates::message()
    };
    let served = AtomicUsize::new(0);
    let outcome = run(async |listener, port, http| {
        let url = Secret::new(format!("http://127.0.0.1:{port}/{PASSWORD}"));
        let destination = match kind {
            2 => Destination::PagerDuty(PagerDuty {
                routing_key: Secret::new(PASSWORD),
                url: Secret::new(format!("http://127.0.0.1:{port}")),
                severity: Severities {
                    warning: "warning",
                    no_data: "error",
                    critical: "critical",
                },
                summary: None,
            }),
            3 => Destination::Slack(Slack {
                url,
                channel: None,
                text: None,
            }),
            _ => Destination::Webhook(Webhook {
                url,
                method: "POST".to_owned(),
                headers: vec![("x-token".to_owned(), Secret::new(PASSWORD))],
                body: None,
            }),
        };
        let sender = Sender::new(&destination, &http).unwrap();
        let nobody = [Arc::from("")];
        let serving = serve(listener, script, &served);
        tokio::select! {
            outcomes = sender.send(&message, &nobody) => outcomes,
            () = serving => panic!("the listener is gone"),
        }
    });
    let [outcome] = outcome.as_slice() else {
        panic!("{outcome:?}");
    };
    fit(outcome, true, script);
    let status = status(script);
    match outcome {
        Outcome::Accepted => assert!(
            status.is_some_and(|status| status < 300) || is_preliminary(script),
            "{status:?}"
        ),
        Outcome::Later { .. } => {}
        // no answer, or half of one, is no refusal
        Outcome::Rejected { .. } => {
            let refused =
                |status| matches!(status, 300..=428 | 430..=499 | 600..=999) && status != 408;
            assert!(
                status.is_some_and(refused) || is_preliminary(script),
                "{status:?}: {outcome:?}"
            );
        }
    }
    // one attempt; a bare event after a 400 of PagerDuty is the only second one
    assert!(served.load(Relaxed) <= 2);
}

fn graphite(script: &[u8], format: Format) {
    let served = AtomicUsize::new(0);
    let result = run(async |listener, port, _| {
        let settings = Settings {
            url: format!("http://127.0.0.1:{port}").parse().unwrap(),
            public_url: None,
            username: Some("user".to_owned()),
            password: Some(Secret::new(PASSWORD)),
            headers: Vec::new(),
            ca: None,
            timeout: STEP,
            concurrency: 1,
            format,
            cache: false,
            gzip: false,
            max_response: 1 << 20,
            error_for: Duration::ZERO,
            not_found_is_empty: false,
        };
        let client = Client::new(&settings).unwrap();
        let query = Query {
            target: "a.b",
            from: "-5min",
            until: "now",
        };
        let mut points = 0;
        let mut sink = |series: Series<'_>| points += series.points.count();
        let serving = serve(listener, script, &served);
        tokio::select! {
            result = client.render(&query, &mut sink) => result,
            () = serving => panic!("the listener is gone"),
        }
    });
    match result {
        Ok(_) => {
            assert!(status(script).is_some_and(|status| status < 300) || is_preliminary(script))
        }
        Err(error) => {
            // a server that says what it was never sent gives nothing away
            is_a_line(&error.to_string(), 1500);
        }
    }
}
