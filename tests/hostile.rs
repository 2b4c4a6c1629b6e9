//! A series is named by whoever sends a metric. No name forges a header, a line
//! of a log, HTML, a mention, a terminal's escape, YAML or an argument, at any
//! receiver and in any output; and each is told all the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use support::agent::Setup;
use support::graphite::{Graphite, Series};
use support::mime;
use support::pagerduty::PagerDuty;
use support::sink::Sink;
use support::smtp::{Manners, Smtp};

/// What somebody could call a metric, or make of an alias.
fn legends() -> Vec<String> {
    [
        "web\r\nBcc: evil@example.com\r\nX-Evil: 1\r\n\r\n<script>alert(1)</script><img src=x onerror=alert(1)>",
        "\0nul\0",
        "\u{1b}]0;title\u{7}\u{1b}[2J\u{1b}[31mred\u{9b}31m",
        "\u{202e}gnol\u{2066}\u{2069}\u{200b}\u{2028}\u{2029}\u{85}\u{feff}\u{e0041}",
        "-rf",
        "--config=/etc/passwd",
        "$(touch pwned) `touch pwned`; touch pwned | touch pwned && touch pwned > pwned",
        "\"quotes' \\ \\\" {\"a\": [1]}",
        "{{ 7*7 }}{% for a in range(99) %}{{ labels }}{% endfor %}${HOME}${file:/etc/passwd}",
        "<!channel> <@U1> <http://evil.example.com|x> & <b>",
        "x reason=fine level=OK\n2026-01-01T00:00:00.000000Z ERROR forged line incident=0",
        "key: value\n- item\n? x\n!!python/object 'x'\n---\n...",
        "[OK] Load web-1 was CRITICAL, is over",
        "../../etc/passwd%00?x=1#y&z=%2e%2e",
        "=cmd|'/C calc'!A0",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["x".repeat(10_000), "\u{1b}\u{202e}".repeat(5000)])
    .collect()
}

/// What moves a cursor, hides text or turns its direction round.
fn is_harmful(c: char) -> bool {
    c.is_control() && c != '\n'
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[track_caller]
fn assert_harmless(what: &str, text: &str) {
    let place = text.find(is_harmful).map(|at| {
        let from = (0..=at.saturating_sub(80))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        text[from.unwrap_or(0)..]
            .chars()
            .take(120)
            .collect::<String>()
    });
    assert!(place.is_none(), "{what}: {place:?}");
}

/// Each legend as the series of an alert of its own.
fn graphite() -> Graphite {
    let graphite = Graphite::start();
    // raw has one series a line, json can say any name
    graphite.json_only(true);
    for (n, legend) in legends().iter().enumerate() {
        graphite.set(&format!("t{n}"), vec![Series::constant(legend, 30.0)]);
    }
    graphite
}

fn configuration(graphite: &Graphite, receivers: &str) -> String {
    let mut text = format!(
        "graphite: {{url: '{}', format: json}}\n\
         listen: off\n\
         docs_url: https://wiki.example.com/alerts\n\
         defaults: {{every: 1s, settle: off, from: -10min, critical: 20}}\n\
         receivers:\n\x20 screen: {{console: {{}}}}\n{receivers}alerts:\n",
        graphite.url()
    );
    for n in 0..legends().len() {
        let _ = writeln!(text, "  - {{name: A{n}, target: t{n}}}");
    }
    text
}

#[test]
fn no_name_of_a_series_forges_anything_at_any_receiver() {
    let (graphite, pagerduty, hook, chat) =
        (graphite(), PagerDuty::start(), Sink::start(), Sink::start());
    let (mails, own) = (
        Smtp::start(Manners::default()),
        Smtp::start(Manners::default()),
    );
    let words = "{{ series }} {{ headline }}";
    let script = "cat > got.$$.part; printf '%s\\n' \"$#\" \"$@\" > args.$$; mv got.$$.part got.$$";
    let receivers = format!(
        "  oncall: {{pagerduty: {{routing_key: 0123456789abcdef0123456789abcdef, url: '{}'}}}}\n\
         \x20 own: {{pagerduty: {{routing_key: fedcba9876543210fedcba9876543210, url: '{}', summary: '{words}'}}}}\n\
         \x20 hook: {{webhook: {{url: '{}/hook'}}}}\n\
         \x20 chat: {{slack: {{url: '{}/chat', channel: ops}}}}\n\
         \x20 chat-own: {{slack: {{url: '{}/own', text: '{words}'}}}}\n\
         \x20 mail: {{email: {{to: [a@example.com], from: b@example.com, smtp: 'smtp://127.0.0.1:{}'}}}}\n\
         \x20 mail-own: {{email: {{to: [a@example.com], from: b@example.com, smtp: 'smtp://127.0.0.1:{}', subject: '{words}', text: '{words}'}}}}\n\
         \x20 script: {{command: {{run: [/bin/sh, -c, '{}', sh, fixed]}}}}\n",
        pagerduty.url(),
        pagerduty.url(),
        hook.url(),
        chat.url(),
        chat.url(),
        mails.port(),
        own.port(),
        script.replace('\'', "''"),
    );
    let setup = Setup::new(&configuration(&graphite, &receivers));
    let mut agent = setup.start();
    let count = legends().len();
    let got = || -> Vec<_> {
        let names = support::kept::files_below(setup.folder());
        let name =
            |path: &std::path::PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
        names
            .into_iter()
            .filter(|path| name(path).starts_with("got.") && !name(path).ends_with(".part"))
            .collect()
    };
    agent.wait("all messages", |agent| {
        let all = [
            pagerduty.accepted().len() / 2,
            hook.requests().len(),
            chat.requests().len() / 2,
            mails.mails().len(),
            own.mails().len(),
            got().len(),
            agent.stdout().lines().count(),
        ];
        all.iter().all(|found| *found >= count).then_some(())
    });
    agent.stop();

    // terminals: one line a message, each of them ours
    let (screen, log) = (agent.stdout(), agent.stderr());
    assert_harmless("the screen", &screen);
    assert!(
        screen.lines().all(|line| line.starts_with("[CRITICAL] A")),
        "{screen}"
    );
    assert_harmless("the log", &log);
    let ours = |line: &str| {
        line.split(' ')
            .next()
            .is_some_and(|at| chrono::DateTime::parse_from_rfc3339(at).is_ok())
    };
    assert!(log.lines().all(ours), "{log}");
    let level = |line: &str| line.split_whitespace().nth(1) == Some("ERROR");
    assert!(!log.lines().any(level), "{log}");
    // a name is one value of a line, whatever it holds
    let named = |line: &&str| line.contains(" series=");
    assert!(log.lines().any(|line| named(&line)));
    assert!(
        log.lines()
            .filter(named)
            .all(|line| line.contains(" series=\"")),
        "{log}"
    );

    for request in pagerduty.sink.requests() {
        assert_eq!(request.answered, Some(202), "{}", request.body);
        let summary = request.json()["payload"]["summary"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_harmless("a summary", &summary.replace('\n', "\u{1b}"));
    }
    let names: BTreeSet<String> = hook
        .requests()
        .iter()
        .map(|request| request.json()["series"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        legends().into_iter().collect(),
        "a program gets the name as it is"
    );
    for request in hook.requests().iter().chain(&chat.requests()) {
        let headers: BTreeSet<&str> = request
            .headers
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        let known = [
            "accept",
            "accept-encoding",
            "content-length",
            "content-type",
            "host",
            "idempotency-key",
            "user-agent",
        ];
        assert!(
            headers.iter().all(|name| known.contains(name)),
            "{headers:?}"
        );
    }
    for request in chat.requests() {
        let body = request.json();
        let text = body["text"].as_str().unwrap();
        assert!(!text.contains(['<', '>']), "{text}");
        let links = body["attachments"][0]["text"].as_str().unwrap();
        for (at, _) in links.match_indices('<') {
            assert!(
                links[at..].starts_with("<https://wiki.example.com/alerts/")
                    || links[at..].starts_with(&format!("<{}/", graphite.url())),
                "{links}"
            );
        }
        if request.path == "/chat" {
            assert_eq!(body["channel"], "ops");
        }
    }
    for mail in mails.mails().iter().chain(&own.mails()) {
        assert_mail(&mail.data);
    }
    for path in got() {
        let message: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert!(
            legends()
                .iter()
                .any(|legend| message["series"] == legend.as_str())
        );
    }
    for path in support::kept::files_below(setup.folder()) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!name.contains("pwned"), "{name}");
        if name.starts_with("args.") {
            assert_eq!(fs::read_to_string(path).unwrap(), "1\nfixed\n");
        }
    }
}

/// One mail as it travels: our headers and no other, and HTML that only shows.
#[track_caller]
fn assert_mail(data: &str) {
    let (headers, _) = mime::split(data);
    let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
    let known = [
        "from",
        "date",
        "subject",
        "message-id",
        "auto-submitted",
        "to",
        "mime-version",
        "content-type",
    ];
    assert!(names.iter().all(|name| known.contains(name)), "{names:?}");
    let once: BTreeSet<&&str> = names.iter().collect();
    assert_eq!(once.len(), names.len(), "{names:?}");
    for part in mime::parts(data) {
        let text = match part.header("content-type") {
            kind if kind.starts_with("text/") => part.text().replace("\r\n", "\n"),
            _ => continue,
        };
        assert_harmless("a mail", &text);
        if part.header("content-type").starts_with("text/html") {
            let tags: BTreeSet<String> = text
                .split('<')
                .skip(1)
                .map(|tag| {
                    tag.split([' ', '>'])
                        .next()
                        .unwrap()
                        .trim_start_matches('/')
                        .to_owned()
                })
                .collect();
            for tag in [
                "script",
                "img",
                "b",
                "@U1",
                "!channel",
                "http://evil.example.com|x",
            ] {
                // a picture of ours has `cid:` as its source
                assert!(
                    !tags.contains(tag) || tag == "img" && !text.contains("src=x"),
                    "{tag}: {text}"
                );
            }
            assert!(!text.contains("onerror=alert(1)>"), "{text}");
        }
    }
}

#[test]
fn logs_for_programs_are_one_object_a_line_whatever_a_series_is_called() {
    let graphite = graphite();
    let setup = Setup::new(&configuration(&graphite, ""))
        .arguments(&["run", "-c", "alerts.yml", "--log-format", "json"])
        .env("RUST_LOG", "trace");
    let mut agent = setup.start();
    agent.wait("all lines", |agent| {
        (agent.stdout().lines().count() >= legends().len()).then_some(())
    });
    agent.stop();
    let mut series = BTreeSet::new();
    for line in agent.stderr().lines() {
        let object: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(
            object["timestamp"].is_string() && object["level"].is_string(),
            "{line}"
        );
        assert_ne!(object["message"], "forged line");
        let texts = object
            .as_object()
            .unwrap()
            .values()
            .filter_map(Value::as_str);
        texts.for_each(|text| assert_harmless("a field", text));
        series.extend(object["series"].as_str().map(str::to_owned));
    }
    assert!(
        series.contains("-rf") && series.len() == legends().len(),
        "{series:?}"
    );
}

#[test]
fn check_prints_one_line_a_series_and_sound_json_whatever_it_is_called() {
    let graphite = graphite();
    let setup = Setup::new(&configuration(&graphite, ""));
    let table = setup
        .clone()
        .arguments(&["check", "-c", "alerts.yml"])
        .run();
    assert_eq!(table.code, Some(2), "{}", table.stderr);
    assert_harmless("the table", &table.stdout);
    assert_harmless("what is said", &table.stderr);
    let rows = table
        .stdout
        .lines()
        .filter(|line| line.contains("CRITICAL"))
        .count();
    // one legend says so itself
    assert_eq!(rows, legends().len(), "{}", table.stdout);
    let json = setup
        .arguments(&["check", "-c", "alerts.yml", "--format", "json"])
        .run();
    let Value::Array(rows) = serde_json::from_str(&json.stdout).unwrap() else {
        panic!()
    };
    let names: BTreeSet<&str> = rows
        .iter()
        .map(|row| row["series"].as_str().unwrap())
        .collect();
    let all = legends();
    assert_eq!(names, all.iter().map(String::as_str).collect());
    for row in &rows {
        for key in ["docs_url", "graph_url"] {
            let link = url::Url::parse(row[key].as_str().unwrap()).unwrap();
            let host = link.host_str().unwrap();
            assert!(["wiki.example.com", "127.0.0.1"].contains(&host), "{link}");
            let raw = row[key].as_str().unwrap();
            assert!(
                raw.bytes()
                    .all(|byte| byte.is_ascii_graphic() && !b"<>\"'`{}|\\".contains(&byte)),
                "{raw}"
            );
        }
    }
}

#[test]
fn an_answer_that_fails_in_hostile_words_forges_nothing() {
    use support::graphite::Failure;
    let graphite = Graphite::start();
    let words = legends().join(" / ");
    let text = format!(
        "graphite: {{url: '{}', error_for: 1s}}\nlisten: off\nreceivers: {{screen: {{console: {{}}}}}}\n\
         alerts: [{{name: Bad, target: bad, critical: 1, every: 1s}}, {{name: Good, target: good, critical: 1, every: 1s}}]\n",
        graphite.url()
    );
    for kind in ["text/plain", "text/html"] {
        graphite.fail_target("bad", Failure::Status(400, kind, words.clone()));
        let mut agent = Setup::new(&text).start();
        agent.wait_stdout("[CRITICAL] graphite-pager Bad");
        agent.stop();
        assert_harmless("the screen", &agent.stdout());
        assert_harmless("the log", &agent.stderr());
        let ours = |line: &str| {
            line.split(' ')
                .next()
                .is_some_and(|at| chrono::DateTime::parse_from_rfc3339(at).is_ok())
        };
        assert!(agent.stderr().lines().all(ours), "{}", agent.stderr());
        assert!(
            agent
                .stdout()
                .lines()
                .all(|line| line.starts_with("[CRITICAL] graphite-pager")),
            "{}",
            agent.stdout()
        );
    }
}
