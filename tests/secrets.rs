//! No secret is ever seen: not in logs at any level, errors, lists, messages,
//! the store, or a `Debug`. Every secret that is planted here holds
//! `kept::MARKER`, so that one search finds any of them in any form.

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
use std::path::{Path, PathBuf};
use std::time::Duration;

use graphite_pager::config;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use support::agent::{Agent, Setup};
use support::graphite::{Failure, Graphite};
use support::kept::{self, MARKER, Noted, Run, base64, files_below};
use support::sink::{Answer, Request, Sink};
use support::smtp::{Manners, Smtp};
use support::{DEADLINE, poll};

// --- searching --------------------------------------------------------------------------------

/// A secret of 32 characters, as PagerDuty's are.
const KEY: &str = "s3cr3t789abcdef0123456789abcdef0";

/// The marker as it shows in base64, whatever stands before it.
fn markers() -> Vec<String> {
    let bytes = MARKER.as_bytes();
    let encoded = (0..3).map(|before| {
        let text = base64(&[&vec![0; before], bytes].concat());
        // characters that hold bits of the marker alone
        let (first, last) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
        text[first..last].to_owned()
    });
    encoded.chain([MARKER.to_owned()]).collect()
}

/// Where the first of `needles` is in `bytes`, with what stands around it.
fn found(bytes: &[u8], needles: &[String]) -> Option<String> {
    needles.iter().find_map(|needle| {
        let at = memchr::memmem::find(bytes, needle.as_bytes())?;
        let around = &bytes[at.saturating_sub(200)..(at + 100).min(bytes.len())];
        Some(format!(
            "`{needle}` in: {}",
            String::from_utf8_lossy(around)
        ))
    })
}

#[track_caller]
fn assert_hidden(what: &str, text: &str) {
    if let Some(place) = found(text.as_bytes(), &markers()) {
        panic!("a secret in {what}, {place}");
    }
}

/// Nothing that the agent left in its folder but its configuration.
#[track_caller]
fn assert_hidden_in_state(setup: &Setup) {
    let mut searched = 0;
    for file in files_below(setup.folder()) {
        if file.extension().is_some_and(|end| end == "yml") {
            continue;
        }
        searched += 1;
        let place = found(&fs::read(&file).unwrap(), &markers());
        assert!(place.is_none(), "{}: {place:?}", file.display());
    }
    assert!(searched > 0, "there is no store");
}

#[test]
fn the_search_finds_a_secret_in_every_form() {
    let needles = markers();
    for text in [
        "x s3cr3t-key y".to_owned(),
        base64(b"user:s3cr3t-key"),
        base64(b"\0user\0s3cr3t-key"),
        base64(b"a:s3cr3t"),
        base64(b"as3cr3t-key"),
        base64(b"s3cr3t-key"),
    ] {
        assert!(found(text.as_bytes(), &needles).is_some(), "{text}");
    }
    assert!(found(b"nothing here", &needles).is_none());
}

/// What a search of all runs came to.
#[derive(Default)]
struct Searched {
    runs: usize,
    /// Files of state.
    stores: usize,
    /// Secrets that were planted.
    planted: usize,
    faults: Vec<String>,
}

/// Looks for the marker in all that was kept in `folder`, and for every secret
/// of a run in what that run wrote. A run of which nothing is kept is a fault.
fn search(folder: &Path) -> Searched {
    let mut searched = Searched::default();
    for run in fs::read_dir(folder).unwrap() {
        let run = run.unwrap().path();
        searched.runs += 1;
        let Ok(list) = fs::read_to_string(run.join(kept::PLANTED)) else {
            let test = fs::read_to_string(run.join(kept::BEGUN)).unwrap_or_default();
            let fault = format!(
                "{}: nothing is kept of it, begun by `{test}`",
                run.display()
            );
            searched.faults.push(fault);
            continue;
        };
        let mut needles = markers();
        for secret in list.lines() {
            searched.planted += 1;
            let json = serde_json::to_string(secret).unwrap();
            needles.extend([
                secret.to_owned(),
                utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
                json[1..json.len() - 1].to_owned(),
                base64(secret.as_bytes()).trim_end_matches('=').to_owned(),
            ]);
        }
        for file in files_below(&run) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if name == kept::PLANTED || name == kept::BEGUN {
                continue;
            }
            searched.stores += usize::from(name != "stdout" && name != "stderr");
            let place = found(&fs::read(&file).unwrap(), &needles);
            let fault = place.map(|place| format!("{}: {place}", file.display()));
            searched.faults.extend(fault);
        }
    }
    searched
}

/// Run last: the others must have written.
#[test]
#[ignore = "needs what the other tests wrote"]
fn nothing_that_the_suite_wrote_holds_a_secret() {
    let folder = std::env::var_os(kept::FOLDER)
        .unwrap_or_else(|| panic!("{} is not set: tests/run sets it", kept::FOLDER));
    let searched = search(folder.as_ref());
    let Searched {
        runs,
        stores,
        planted,
        faults,
    } = searched;
    println!("{runs} runs with {stores} files of state and {planted} secrets were searched");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(runs > 0 && stores > 0 && planted > 0, "nothing was kept");
}

/// A run in `folder` that has written this.
fn wrote<'a>(folder: &'a Path, stderr: &str) -> Run<'a> {
    Run {
        folder,
        arguments: &[],
        environment: &[],
        stdout: String::new(),
        stderr: stderr.to_owned(),
    }
}

#[test]
fn a_run_of_which_nothing_is_kept_is_missed_and_what_is_kept_is_searched() {
    let (all, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let [clean, leaks, _lost] = [(); 3].map(|()| Noted::below(all.path()));
    fs::write(folder.path().join("it.yml"), "password: planted-here").unwrap();
    clean.keep(&wrote(folder.path(), "nothing"));
    leaks.keep(&wrote(folder.path(), "it is planted-here, they say"));
    let searched = search(all.path());
    assert_eq!((searched.runs, searched.planted), (3, 2));
    let faults = searched.faults.join("\n");
    assert_eq!(searched.faults.len(), 2, "{faults}");
    for part in [
        "nothing is kept of it, begun by `a_run_of_which_nothing_is_kept_is_missed_",
        "stderr: `planted-here` in: it is planted-here, they say",
    ] {
        assert!(faults.contains(part), "{faults}");
    }
}

#[test]
#[should_panic(expected = " is not kept: ")]
fn what_cannot_be_kept_fails_the_test_whose_run_it_is() {
    let (all, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let noted = Noted::below(all.path());
    all.close().unwrap();
    noted.keep(&wrote(folder.path(), "nothing"));
}

// --- every receiver, failing in every way --------------------------------------------------------

/// Repeats all that it was sent, under the status that the path begins with.
fn echo(request: &Request) -> Answer {
    let status = request
        .path
        .trim_start_matches('/')
        .split(['/', '?'])
        .next();
    let mut said = format!("{} {}\n", request.method, request.path);
    for (name, value) in &request.headers {
        let _ = writeln!(said, "{name}: {value}");
    }
    // the head alone, the body alone, both: each may be cut at another place
    let (said, kind) = match request.path.contains("json") {
        true => (
            serde_json::json!({"message": said, "errors": [request.body]}).to_string(),
            "application/json",
        ),
        false => (said + &request.body, "text/plain"),
    };
    match status.unwrap_or_default() {
        "cut" => Answer::Cut,
        "302" => Answer::Status(
            302,
            vec![("location", format!("https://user:{KEY}@example.com/{KEY}"))],
            said,
        ),
        status => Answer::Status(
            status.parse().unwrap_or(200),
            vec![("content-type", kind.to_owned())],
            said,
        ),
    }
}

/// Where the receivers of [`receivers`] are.
struct Places {
    echo: Sink,
    witness: Sink,
    mails: Smtp,
}

impl Places {
    fn start() -> Self {
        let login = base64(b"\0pager\0s3cr3t-smtp");
        let refusal = format!(
            "535-no s3cr3t-smtp for you\r\n535-{}\r\n535 AUTH PLAIN {login} was refused",
            "x".repeat(480),
        );
        Self {
            echo: Sink::with(echo),
            witness: Sink::start(),
            mails: Smtp::start(Manners {
                auth: true,
                replies: [("AUTH".to_owned(), refusal)].into(),
                ..Manners::default()
            }),
        }
    }

    /// Name and settings of each that fails.
    fn failing(&self) -> Vec<(String, String)> {
        let address = self.echo.url().replace("http://", "");
        let mut all = Vec::new();
        for way in ["400", "403", "403json", "302", "429", "500", "cut", "gone"] {
            let (address, path) = match way {
                "gone" => ("127.0.0.1:1", way),
                _ => (address.as_str(), way),
            };
            let url = format!("http://s3cr3t-user:s3cr3t%2Dpass%20w@{address}/{path}/s3cr3t-path");
            all.push((
                format!("oncall-{way}"),
                format!("pagerduty: {{routing_key: {KEY}, url: '{url}'}}"),
            ));
            all.push((
                format!("hook-{way}"),
                format!(
                    "webhook: {{url: '{url}?token=s3cr3t-query%2F1&x=1', headers: {{Authorization: Bearer \
                     s3cr3t-bearer, Cookie: 'a=b; session=s3cr3t-cookie'}}, body: '{{\"key\": \"s3cr3t-body-1\", \
                     \"text\": \"{{{{ headline }}}}\"}}'}}"
                ),
            ));
            all.push((format!("chat-{way}"), format!("slack: {{url: '{url}'}}")));
        }
        all.push((
            "mail".to_owned(),
            format!(
                "email: {{to: [a@example.com], from: b@example.com, smtp: 'smtp://pager:s3cr3t-smtp@127.0.0.1:{}'}}",
                self.mails.port()
            ),
        ));
        let script = "echo \"$0 $* was refused\" >&2; exit 3";
        all.push((
            "script".to_owned(),
            format!("command: {{run: [/bin/sh, -c, '{script}', --token=s3cr3t-option, --password, s3cr3t-argument]}}"),
        ));
        all.push((
            "words".to_owned(),
            format!(
                "webhook: {{url: '{}/200/s3cr3t-path', headers: {{X-Key: s3cr3t-header}}, body: 's3cr3t-body-2 {{{{ value / 0 }}}}'}}",
                self.echo.url()
            ),
        ));
        all
    }

    /// A configuration with a secret wherever one can be.
    fn configuration(&self, graphite: &Graphite) -> String {
        let address = graphite.url().replace("http://", "");
        let mut text = format!(
            "graphite: {{url: 'http://grace:s3cr3t-graphite@{address}', headers: {{X-Scope: s3cr3t-scope, \
             Authorization-2: Bearer s3cr3t-two}}, timeout: 2s, error_for: 1s}}\n\
             docs_url: https://wiki.example.com/alerts\n\
             listen: off\n\
             defaults: {{every: 1s, settle: off, recover_for: 0s, no_data_for: 1s, missing_for: 1s}}\n\
             receivers:\n\
             \x20 screen: {{console: {{}}}}\n\
             \x20 witness: {{webhook: {{url: '{}', headers: {{X-Key: s3cr3t-witness}}}}}}\n",
            self.witness.url()
        );
        for (name, settings) in self.failing() {
            let _ = writeln!(text, "  {name}: {{{settings}, fallback_after: 1s}}");
        }
        text + "alerts:\n  - {name: Load, target: load, critical: 20, from: -10min}\n  - {name: Other, target: other, critical: 20, from: -10min}\n"
    }
}

/// What a failing receiver is said to have done.
fn failed(agent: &Agent, name: &str) -> bool {
    let names = [
        format!("receiver=\"{name}\""),
        format!("\"receiver\":\"{name}\""),
    ];
    agent.stderr().lines().any(|line| {
        names.iter().any(|name| line.contains(name.as_str()))
            && ["rejected: ", "not told yet: ", "told"]
                .iter()
                .any(|word| line.contains(word))
    })
}

/// Runs the agent until every receiver has failed, and looks everywhere.
fn fails_everywhere(filter: &str, format: &str) {
    let (graphite, places) = (Graphite::start(), Places::start());
    graphite.set_value("load", "web-1", 30.0);
    // a server, or a proxy before it, that repeats what it refuses
    let login = base64(b"grace:s3cr3t-graphite");
    let said = format!("no {login}, s3cr3t-graphite, Bearer s3cr3t-two or s3cr3t-scope here");
    graphite.fail_target("other", Failure::Status(403, "text/plain", said));
    let setup = Setup::new(&places.configuration(&graphite))
        .arguments(&["run", "-c", "alerts.yml", "--log-format", format])
        .env("RUST_LOG", filter);
    let mut agent = setup.start();
    for (name, _) in places.failing() {
        agent.wait(&format!("an end of `{name}`"), |agent| {
            failed(agent, &name).then_some(())
        });
    }
    agent.wait_stderr("403");
    // the rejections are incidents, told to others with what was answered
    let told = |part: &str| {
        let requests = places.witness.requests();
        requests
            .iter()
            .any(|request| request.body.contains(part))
            .then_some(())
    };
    for part in [
        "(receiver oncall-403)",
        "(receiver hook-403)",
        "(receiver mail)",
        "\"series\":\"Other\"",
    ] {
        assert!(
            poll(DEADLINE, || told(part)).is_some(),
            "{part} is not told"
        );
    }
    agent.stop();
    assert_hidden("the log", &agent.stderr());
    assert_hidden("what is printed", &agent.stdout());
    for request in places.witness.requests() {
        assert_hidden("a message", &request.body);
    }
    assert_hidden_in_state(&setup);
}

#[test]
fn receivers_that_repeat_what_they_refuse_show_no_secret_at_trace_level() {
    fails_everywhere("trace", "text");
}

#[test]
fn libraries_show_no_secret_at_trace_level_either() {
    fails_everywhere(
        "trace,graphite_pager=trace,reqwest=trace,hyper=trace,hyper_util=trace,rustls=trace,sqlx=trace,lettre=trace,tokio=trace",
        "json",
    );
}

#[test]
fn a_heartbeat_that_is_refused_shows_no_secret() {
    let (graphite, echo) = (Graphite::start(), Sink::with(echo));
    let address = echo.url().replace("http://", "");
    for way in ["403", "302", "cut"] {
        let text = format!(
            "graphite: {{url: '{}'}}\n\
             listen: off\n\
             heartbeat: 'http://s3cr3t-user:s3cr3t-pass@{address}/{way}/s3cr3t-path?s3cr3t=s3cr3t-query'\n\
             receivers: {{screen: {{console: {{}}}}}}\n\
             alerts: [{{name: Load, target: load, critical: 20, every: 1s}}]\n",
            graphite.url()
        );
        let mut agent = Setup::new(&text)
            .env("RUST_LOG", "trace,hyper=trace")
            .start();
        agent.wait_stderr("the heartbeat ");
        agent.kill();
        assert_hidden(way, &agent.stderr());
        assert_hidden_in_state(agent.setup());
    }
}

#[test]
fn a_kill_a_dry_run_and_a_reload_leave_no_secret() {
    let (graphite, places) = (Graphite::start(), Places::start());
    graphite.set_value("load", "web-1", 30.0);
    let configuration = places.configuration(&graphite);
    let setup = Setup::new(&configuration)
        .arguments(&["run", "-c", "alerts.yml", "--dry-run"])
        .env("RUST_LOG", "trace");
    let mut agent = setup.start();
    agent.wait_stdout("would tell oncall-403");
    setup.write(
        "alerts.yml",
        &configuration.replace(KEY, "[s3cr3t, s3cr3t]"),
    );
    agent.signal(rustix::process::Signal::HUP);
    agent.wait_stderr("the old one runs on");
    agent.kill();
    assert_hidden("the log", &agent.stderr());
    assert_hidden("what is printed", &agent.stdout());
    assert_hidden_in_state(&setup);
}

#[test]
fn commands_show_no_secret() {
    let (graphite, places) = (Graphite::start(), Places::start());
    graphite.set_value("load", "web-1", 30.0);
    let setup = Setup::new(&places.configuration(&graphite)).env("RUST_LOG", "trace");
    let mut commands: Vec<Vec<String>> = [
        "verify",
        "verify --format json",
        "check",
        "check --format json",
        "notify nobody",
    ]
    .iter()
    .map(|line| line.split(' ').map(str::to_owned).collect())
    .collect();
    for (name, _) in places.failing() {
        commands.push(vec!["notify".to_owned(), name]);
    }
    for command in commands {
        let mut words: Vec<&str> = command.iter().map(String::as_str).collect();
        words.extend(["-c", "alerts.yml"]);
        let done = setup.clone().arguments(&words).run();
        let name = command.join(" ");
        assert!(
            !(done.stdout + &done.stderr).is_empty(),
            "{name} says nothing"
        );
    }
    for command in ["verify", "check", "notify oncall-403", "notify mail"] {
        let mut words: Vec<&str> = command.split(' ').collect();
        words.extend(["-c", "alerts.yml"]);
        let done = setup.clone().arguments(&words).run();
        assert_hidden(command, &(done.stdout + &done.stderr));
    }
}

// --- a configuration with mistakes ----------------------------------------------------------------

/// One secret of every kind that a file can hold.
const FILE: &str = r#"graphite:
  url: "https://u:s3cr3t-url@graphite.example.com"
  headers: {X-Key: s3cr3t-header}
smtp: smtps://u:s3cr3t-smtp@mail.example.com
heartbeat: https://hc.example.com/s3cr3t-heart
receivers:
  pager: {pagerduty: {routing_key: s3cr3t-key, url: "https://x:s3cr3t-pd@events.example.com"}, levels: [critical]}
  chat: {slack: {url: "https://hooks.slack.com/s3cr3t-slack", channel: ops}}
  hook:
    webhook:
      url: https://example.com/s3cr3t-path?token=s3cr3t-query
      headers: {Authorization: Bearer s3cr3t-bearer}
      body: '{"key": "s3cr3t-body"}'
  script: {command: {run: [/bin/true, --token, s3cr3t-argument]}}
pagerduty_key: s3cr3t-flat
alerts:
  - name: Load
    target: aliasByNode(servers.*.loadavg.05, 1)
    warning: 10
    critical: 20
    pagerduty_key: s3cr3t-own
    slack_url: https://hooks.slack.com/s3cr3t-own-slack
"#;

/// What is said of a file.
fn said(folder: &tempfile::TempDir, text: &str) -> String {
    let path = folder.path().join("alerts.yml");
    fs::write(&path, text).unwrap();
    match config::load(&[path], &|_| None) {
        Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect(),
        Err(report) => format!("{report}{report:?}"),
    }
}

#[test]
fn a_file_that_is_damaged_anywhere_shows_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let sound = folder.path().join("sound.yml");
    fs::write(&sound, FILE).unwrap();
    let loaded = config::load(&[sound], &|_| None).unwrap();
    assert_hidden("the `Debug` of a configuration", &format!("{loaded:?}"));
    let mut damaged: BTreeSet<String> = BTreeSet::new();
    for (at, c) in FILE.char_indices() {
        let (before, after) = (&FILE[..at], &FILE[at + c.len_utf8()..]);
        damaged.insert(before.to_owned());
        if c.is_ascii_punctuation() || c == '\n' {
            for other in ["", " ", "=", "\"", "\n", "#", "${", "&a "] {
                damaged.insert(format!("{before}{other}{after}"));
            }
        }
    }
    let lines: Vec<&str> = FILE.lines().collect();
    for n in 0..lines.len() {
        let mut fewer = lines.clone();
        fewer.remove(n);
        damaged.insert(fewer.join("\n"));
        for shift in ["  ", "    ", "\t", "- ", "x: "] {
            let mut shifted = lines.clone();
            let line = format!("{shift}{}", lines[n]);
            shifted[n] = &line;
            damaged.insert(shifted.join("\n"));
        }
        let mut twice = lines.clone();
        twice.insert(n, lines[n]);
        damaged.insert(twice.join("\n"));
        let mut without_blanks = lines.clone();
        without_blanks[n] = lines[n].trim_start();
        damaged.insert(without_blanks.join("\n"));
    }
    assert!(damaged.len() > 2000, "{}", damaged.len());
    let shows = |text: &String| {
        let place = found(said(&folder, text).as_bytes(), &markers())?;
        Some(format!("{place}\n--- of\n{text}"))
    };
    let faults: Vec<String> = damaged.iter().filter_map(shows).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n=== and\n"));
}

#[test]
fn an_address_that_everybody_is_shown_may_hold_no_login() {
    let folder = tempfile::tempdir().unwrap();
    for line in [
        "docs_url: https://user:s3cr3t@wiki.example.com",
        "docs_url: https://s3cr3t-token@wiki.example.com",
        "graphite: {url: http://g, public_url: 'https://s3cr3t-token@g.example.com'}",
        "defaults: {docs: 'https://user:s3cr3t@wiki.example.com/{{ alert }}'}",
        "defaults: {graph: 'https://s3cr3t-token@g.example.com/'}",
        "defaults: {doc_url: 'https://s3cr3t-token@g.example.com/'}",
    ] {
        let graphite = if line.starts_with("graphite") {
            ""
        } else {
            "graphite: {url: http://g}\n"
        };
        let text = format!("{graphite}{line}\nalerts: [{{name: A, target: a, critical: 1}}]\n");
        let shown = said(&folder, &text);
        assert!(shown.contains("error: "), "{line}: {shown}");
        assert!(
            shown.contains("would be shown to everybody who is told"),
            "{shown}"
        );
        assert_hidden(line, &shown);
    }
}

// --- programs ---------------------------------------------------------------------------------------

#[test]
fn a_program_does_not_see_what_the_agent_logs_in_with() {
    let graphite = Graphite::start();
    graphite.set_value("load", "web-1", 30.0);
    let text = format!(
        "graphite: {{url: '{}', password: '${{GRAPHITE_WORD}}', username: u}}\n\
         listen: off\n\
         heartbeat: 'http://127.0.0.1:1/${{HEART}}'\n\
         receivers:\n\
         \x20 oncall: {{pagerduty: {{routing_key: '${{PD_KEY}}', url: 'http://127.0.0.1:1'}}, levels: [warning]}}\n\
         \x20 chat: {{slack: {{url: 'http://127.0.0.1:1/${{CHAT}}/${{HOME}}'}}, levels: [warning]}}\n\
         \x20 script: {{command: {{run: [/bin/sh, -c, 'env > env.part; mv env.part env.txt', '${{ARGUMENT}}']}}}}\n\
         alerts: [{{name: Load, target: load, critical: 20, from: -10min, every: 1s}}]\n",
        graphite.url()
    );
    let mut setup = Setup::new(&text)
        .env("HOME", "/home/pager")
        .env("TOOL_TOKEN", "for-the-program");
    let secret = [
        "GRAPHITE_WORD",
        "HEART",
        "PD_KEY",
        "CHAT",
        "PAGERDUTY_KEY",
        "SLACK_URL",
    ];
    for name in secret {
        setup = setup.env(name, "http://s3cr3t.example.com");
    }
    let setup = setup.env("ARGUMENT", "meant-for-it");
    let mut agent = setup.start();
    let file: PathBuf = setup.folder().join("env.txt");
    let seen = agent.wait("the program", |_| fs::read_to_string(&file).ok());
    let names: BTreeSet<&str> = seen
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    for name in secret {
        assert!(!names.contains(name), "{name} in {seen}");
    }
    for name in ["HOME", "PATH", "TOOL_TOKEN", "ARGUMENT"] {
        assert!(names.contains(name), "no {name} in {seen}");
    }
    assert!(!seen.contains(MARKER), "{seen}");
    agent.stop();
    fs::remove_file(file).unwrap();
    assert_hidden("the log", &agent.stderr());
}

#[test]
fn the_agents_command_line_holds_no_secret() {
    let (graphite, places) = (Graphite::start(), Places::start());
    graphite.set_value("load", "web-1", 30.0);
    let setup = Setup::new(&places.configuration(&graphite));
    let mut agent = setup.start();
    agent.wait_for(Duration::from_secs(60), "a page", |agent| {
        agent.stdout().contains("[CRITICAL]").then_some(())
    });
    let process = format!("/proc/{}", agent.pid().as_raw_nonzero());
    for file in ["cmdline", "comm", "environ"] {
        let text = fs::read(format!("{process}/{file}")).unwrap();
        assert_hidden(file, &String::from_utf8_lossy(&text));
    }
}
