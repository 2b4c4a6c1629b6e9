//! What keeps others out (`docs/security.md`): files that nobody else can read,
//! servers that must show who they are, credentials that go nowhere else,
//! templates that cannot eat the machine, and a process without rights.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;

use support::agent::{Agent, Setup};
use support::graphite::{Failure, Graphite};
use support::kept::files_below;
use support::sink::{Answer, Sink};
use support::smtp::{Manners, Smtp};
use support::{DEADLINE, poll};

const KEY: &str = "s3cr3t789abcdef0123456789abcdef0";

/// `load` is critical.
fn graphite() -> Graphite {
    let graphite = Graphite::start();
    graphite.set_value("load", "web-1", 30.0);
    graphite
}

fn configuration(graphite: &str, receivers: &str) -> String {
    format!(
        "graphite: {{{graphite}, timeout: 5s, error_for: 1s}}\n\
         listen: off\n\
         receivers:\n\x20 screen: {{console: {{}}}}\n{receivers}\
         alerts: [{{name: Load, target: load, critical: 20, every: 1s, from: -10min}}]\n"
    )
}

// --- files -----------------------------------------------------------------------------------------

/// Those files below `folder` that others than their owner can do anything with.
fn open_to_others(folder: &Path) -> Vec<String> {
    files_below(folder)
        .into_iter()
        .filter(|path| path.extension().is_none_or(|end| end != "yml"))
        .filter(|path| fs::metadata(path).unwrap().mode() & 0o077 != 0)
        .map(|path| path.display().to_string())
        .collect()
}

#[test]
fn nobody_else_can_read_its_state_whatever_the_umask_and_the_folder_allow() {
    let graphite = graphite();
    let text = configuration(&format!("url: '{}'", graphite.url()), "");
    for more in ["", "--dry-run"] {
        let program = env!("CARGO_BIN_EXE_graphite-pager");
        let line = format!("umask 000; exec {program} run -c alerts.yml {more}");
        let setup = Setup::new(&text)
            .program("/bin/sh")
            .arguments(&["-c", &line]);
        fs::set_permissions(setup.folder(), Permissions::from_mode(0o777)).unwrap();
        let mut agent = setup.start();
        agent.wait_stdout("[CRITICAL] Load web-1");
        let names: Vec<_> = files_below(setup.folder());
        assert!(
            names
                .iter()
                .any(|name| name.to_string_lossy().ends_with("-wal")),
            "{names:?}"
        );
        assert_eq!(open_to_others(setup.folder()), [""; 0], "while it runs");
        agent.kill();
        assert_eq!(open_to_others(setup.folder()), [""; 0], "after a kill");
        let mut agent = setup.start();
        agent.wait_stderr("watching ");
        agent.stop();
        assert_eq!(open_to_others(setup.folder()), [""; 0], "after a stop");
    }
}

#[test]
fn a_state_that_others_could_read_is_tightened_with_all_that_is_beside_it() {
    let graphite = graphite();
    let setup = Setup::new(&configuration(&format!("url: '{}'", graphite.url()), ""));
    let mut agent = setup.start();
    agent.wait_stdout("[CRITICAL] Load web-1");
    agent.kill();
    let state = ["graphite-pager.db", "graphite-pager.db-wal"];
    for name in state {
        fs::set_permissions(setup.folder().join(name), Permissions::from_mode(0o666)).unwrap();
    }
    let mut agent = setup.start();
    agent.wait_stderr("watching ");
    assert_eq!(open_to_others(setup.folder()), [""; 0]);
}

// --- TLS -------------------------------------------------------------------------------------------

/// A server of https that counts what it is asked, for `names`, and the file
/// with the authority that it hangs on.
struct Secure {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
    authority: tempfile::NamedTempFile,
}

impl Secure {
    fn start(names: &[&str]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (tls, pem) = support::tls::server(names);
        let authority = tempfile::NamedTempFile::new().unwrap();
        fs::write(authority.path(), pem).unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (tls, kept) = (Arc::clone(&tls), Arc::clone(&kept));
                thread::spawn(move || {
                    let mut connection = rustls::ServerConnection::new(tls).unwrap();
                    let mut wire = rustls::Stream::new(&mut connection, &mut stream);
                    let mut buffer = [0; 4096];
                    // the first piece has the first line; a client that refuses sends none
                    if let Ok(length @ 1..) = wire.read(&mut buffer) {
                        let head = String::from_utf8_lossy(&buffer[..length]).into_owned();
                        let line = head.lines().next().unwrap_or_default().to_owned();
                        kept.lock().unwrap().push(line);
                        let answer = "HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                        let _ = wire.write_all(answer.as_bytes());
                        let _ = wire.flush();
                    }
                });
            }
        });
        Self {
            port,
            asked,
            authority,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// An agent whose every receiver and heartbeat is this server, with the
    /// authorities of `trusted` in place of the system's.
    fn agent(&self, graphite: &Graphite, trusted: &Path) -> Agent {
        let port = self.port;
        let receivers = format!(
            "  oncall: {{pagerduty: {{routing_key: {KEY}, url: 'https://127.0.0.1:{port}/pd'}}}}\n\
             \x20 hook: {{webhook: {{url: 'https://127.0.0.1:{port}/hook', headers: {{X-Key: {KEY}}}}}}}\n\
             \x20 chat: {{slack: {{url: 'https://127.0.0.1:{port}/chat'}}}}\n\
             heartbeat: https://127.0.0.1:{port}/heart\n"
        );
        Setup::new(&configuration(
            &format!("url: '{}'", graphite.url()),
            &receivers,
        ))
        .env("SSL_CERT_FILE", trusted.to_str().unwrap())
        .start()
    }
}

#[test]
fn a_server_that_shows_no_certificate_of_a_trusted_authority_is_told_nothing() {
    let graphite = graphite();
    let (stranger, named) = (
        Secure::start(&["127.0.0.1"]),
        Secure::start(&["elsewhere.example.com"]),
    );
    let other = Secure::start(&["127.0.0.1"]);
    for (server, trusted) in [
        (&stranger, other.authority.path()),
        (&named, named.authority.path()),
    ] {
        let mut agent = server.agent(&graphite, trusted);
        for name in ["oncall", "hook", "chat"] {
            let part = format!("receiver=\"{name}\"");
            let line = agent.wait(&format!("a refusal of {name}"), |agent| {
                let log = agent.stderr();
                let line = log.lines().find(|line| line.contains(&part))?;
                Some(line.to_owned())
            });
            assert!(line.contains("certificate"), "{line}");
        }
        assert!(server.asked().is_empty(), "{:?}", server.asked());
        let shown = agent.stderr();
        assert!(!shown.contains(KEY), "{shown}");
    }
    // the same server, trusted, is told: it is the certificate that made the difference
    let mut agent = stranger.agent(&graphite, stranger.authority.path());
    agent.wait("every request", |_| {
        let asked = stranger.asked().join("\n");
        let all = ["/pd/v2/enqueue", "/hook", "/chat", "/heart"];
        all.iter().all(|path| asked.contains(path)).then_some(())
    });
}

#[test]
fn a_graphite_that_shows_no_certificate_of_a_trusted_authority_gets_no_password() {
    let (server, other) = (Secure::start(&["127.0.0.1"]), Secure::start(&["127.0.0.1"]));
    let url = format!("url: 'https://user:{KEY}@127.0.0.1:{}'", server.port);
    let check = |trusted: &Path, more: &str| {
        Setup::new(&configuration(&format!("{url}{more}"), ""))
            .arguments(&["check", "-c", "alerts.yml"])
            .env("SSL_CERT_FILE", trusted.to_str().unwrap())
            .run()
    };
    let done = check(other.authority.path(), "");
    assert_eq!(done.code, Some(3), "{}", done.stderr);
    let shown = done.stdout + &done.stderr;
    assert!(
        shown.contains("no secure connection") && shown.contains("graphite.ca"),
        "{shown}"
    );
    assert!(server.asked().is_empty(), "{:?}", server.asked());
    check(server.authority.path(), "");
    let trusted = server.asked().len();
    assert!(trusted > 0, "the trusted one is asked");
    let ca = format!(", ca: '{}'", server.authority.path().display());
    check(other.authority.path(), &ca);
    assert!(
        server.asked().len() > trusted,
        "`graphite.ca` is trusted as well"
    );
}

#[test]
fn a_mail_server_that_must_show_a_certificate_and_cannot_gets_no_password_and_no_mail() {
    for (implicit, url) in [
        (false, "smtp://user:s3cr3t-mail@127.0.0.1:PORT?tls=required"),
        (true, "smtps://user:s3cr3t-mail@127.0.0.1:PORT"),
    ] {
        let server = Smtp::start(Manners {
            starttls: true,
            implicit,
            auth: true,
            ..Manners::default()
        });
        let url = url.replace("PORT", &server.port().to_string());
        let receivers = format!(
            "  mail: {{email: {{to: [a@example.com], from: b@example.com, smtp: '{url}'}}}}\n"
        );
        let done = Setup::new(&configuration("url: 'http://127.0.0.1:1'", &receivers))
            .arguments(&["notify", "mail", "-c", "alerts.yml"])
            .run();
        let shown = done.stdout + &done.stderr;
        assert_eq!(done.code, Some(1), "{shown}");
        assert!(
            shown.contains("shows a certificate that does not verify"),
            "{shown}"
        );
        assert!(server.mails().is_empty());
        let commands = server.commands().join("\n");
        assert!(
            !commands.contains("AUTH") && !commands.contains("MAIL"),
            "{commands}"
        );
    }
}

#[test]
fn no_key_of_the_configuration_turns_verification_off() {
    for key in [
        "insecure",
        "verify",
        "tls_verify",
        "skip_verify",
        "insecure_skip_verify",
        "tls",
    ] {
        let receivers = format!(
            "  hook: {{webhook: {{url: 'https://h.example.com/x', {key}: false}}}}\n\
             \x20 oncall: {{pagerduty: {{routing_key: {KEY}, {key}: false}}}}\n\
             \x20 chat: {{slack: {{url: 'https://h.example.com/x', {key}: false}}}}\n\
             \x20 mail: {{email: {{to: [a@example.com], from: b@example.com, {key}: false, smtp: 'smtps://h?{key}=none'}}}}\n"
        );
        let done = Setup::new(&configuration(
            &format!("url: 'http://g', {key}: false"),
            &receivers,
        ))
        .arguments(&["verify", "-c", "alerts.yml"])
        .run();
        assert_eq!(done.code, Some(1));
        let refused = done.stderr.matches(&format!("unknown key `{key}`")).count();
        assert_eq!(refused, 5, "{}", done.stderr);
        assert!(done.stderr.contains("`smtp`"), "{}", done.stderr);
    }
}

// --- redirects -------------------------------------------------------------------------------------

#[test]
fn nothing_follows_a_redirect_to_another_host() {
    let graphite = graphite();
    let (thief, here, mails) = (
        Sink::start(),
        Sink::start(),
        Smtp::start(Manners::default()),
    );
    for status in [301, 302, 303, 307, 308] {
        let to = vec![("location", format!("{}/stolen", thief.url()))];
        here.always(Some(Answer::Status(status, to, String::new())));
        let base = here.url();
        let receivers = format!(
            "  oncall: {{pagerduty: {{routing_key: {KEY}, url: '{base}/pd'}}}}\n\
             \x20 hook: {{webhook: {{url: '{base}/hook', headers: {{Authorization: Bearer {KEY}}}}}}}\n\
             \x20 chat: {{slack: {{url: '{base}/chat'}}}}\n"
        );
        let mut agent = Setup::new(&configuration(
            &format!("url: '{}'", graphite.url()),
            &receivers,
        ))
        .start();
        let before = here.requests().len();
        agent.wait("a request of each", |_| {
            let requests = here.requests();
            let paths: BTreeSet<&str> = requests[before..]
                .iter()
                .map(|request| request.path.as_str())
                .collect();
            let all = ["/pd/v2/enqueue", "/hook", "/chat"];
            all.iter().all(|path| paths.contains(path)).then_some(())
        });
        for name in ["oncall", "hook", "chat"] {
            agent.wait(&format!("an end of {name}"), |agent| {
                let part = format!("receiver=\"{name}\"");
                let told = |line: &str| {
                    line.contains(&part) && line.contains("redirects are not followed")
                };
                agent.stderr().lines().any(told).then_some(())
            });
        }
        agent.kill();
        assert!(
            thief.requests().is_empty(),
            "{status}: {:?}",
            thief.requests()
        );
    }
    // Graphite, its pictures included
    let url = graphite
        .url()
        .replace("http://", &format!("http://user:{KEY}@"));
    let graphite_keys = format!("url: '{url}', headers: {{X-Key: {KEY}}}");
    let receivers = format!(
        "  mail: {{email: {{to: [a@example.com], from: b@example.com, smtp: 'smtp://127.0.0.1:{}'}}}}\n",
        mails.port()
    );
    graphite.fail_pictures(Failure::Redirect(format!("{}/stolen", thief.url())));
    let mut agent = Setup::new(&configuration(&graphite_keys, &receivers)).start();
    agent.wait("a mail", |_| (!mails.mails().is_empty()).then_some(()));
    let asked = graphite.requests();
    assert!(
        asked.iter().any(support::graphite::Request::is_picture),
        "a picture is asked for"
    );
    assert!(
        !mails.mails()[0].data.contains("image/png"),
        "there is none"
    );
    graphite.fail(Failure::Redirect(format!("{}/stolen", thief.url())));
    agent.wait_stderr("which is another host and was not asked");
    assert!(thief.requests().is_empty(), "{:?}", thief.requests());
}

#[test]
fn a_heartbeat_goes_to_no_stranger_and_follows_no_redirect() {
    let (graphite, thief, here) = (graphite(), Sink::start(), Sink::start());
    let stranger = Secure::start(&["127.0.0.1"]);
    let to = vec![("location", format!("{}/stolen", thief.url()))];
    here.always(Some(Answer::Status(302, to, String::new())));
    for (address, expected) in [
        (here.url(), "the heartbeat was refused"),
        (
            format!("https://127.0.0.1:{}", stranger.port),
            "the heartbeat could not be sent",
        ),
    ] {
        let heart = format!("heartbeat: {address}/ping/{KEY}\n");
        let mut agent = Setup::new(&configuration(
            &format!("url: '{}'", graphite.url()),
            &heart,
        ))
        .start();
        agent.wait_stderr(expected);
        assert!(!agent.stderr().contains(KEY), "{}", agent.stderr());
    }
    assert!(thief.requests().is_empty() && stranger.asked().is_empty());
}

// --- templates -------------------------------------------------------------------------------------

/// Each would take all time or all memory if it were let.
fn greedy() -> Vec<(&'static str, String)> {
    let doubling = "{% set ns = namespace(x='0123456789abcdef') %}{% for i in range(90) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x|length }}";
    let straight = "{% set a = 'xxxxxxxxxxxxxxxx' %}".to_owned()
        + &"{% set a = a ~ a %}".repeat(60)
        + "{{ a|length }}";
    let captured = "{% set a %}{% for i in range(9000) %}{{ series }}{% endfor %}{% endset %}\
                    {% set b %}{% for i in range(9000) %}{{ a }}{% endfor %}{% endset %}{{ b|length }}";
    let text = |text: &str| text.to_owned();
    vec![
        (
            "loops",
            text(
                "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
            ),
        ),
        (
            "silent-loops",
            text(
                "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
            ),
        ),
        ("repeat", text("{{ 'x' * 100000000 }}")),
        ("quiet-repeat", text("{{ ('x' * 100000000)|length }}")),
        (
            "list",
            "{% set a = [1] %}".to_owned()
                + &"{% set a = [a, a] %}".repeat(30)
                + "{{ (a ~ a)|length }}",
        ),
        (
            "output",
            text("{% for a in range(9000) %}{{ series * 1000 }}{% endfor %}"),
        ),
        ("doubling", text(doubling)),
        ("straight", straight),
        ("captured", text(captured)),
        (
            "replace",
            text(
                "{% set ns = namespace(x='aaaaaaaaaa') %}{% for i in range(30) %}{% set ns.x = ns.x|replace('a', 'aaaaaaaaaa') %}{% endfor %}{{ ns.x|length }}",
            ),
        ),
        (
            "join",
            text("{% set x = '0123456789' * 100 %}{{ range(99999)|join(x)|length }}"),
        ),
        ("indent", text("{{ ('a\\n' * 9000)|indent(9000)|length }}")),
        (
            "sort",
            text("{% for a in range(9000) %}{{ range(99999)|sort|length }}{% endfor %}"),
        ),
        (
            "macro",
            text("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
        ),
        (
            "nest",
            text(
                "{% set ns = namespace(x=1) %}{% for i in range(30000) %}{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
            ),
        ),
        ("power", text("{{ 9 ** 9 ** 9 ** 9 }}")),
        ("include", text("{% include 'alerts.yml' %}")),
        ("import", text("{% import '/etc/passwd' as x %}{{ x }}")),
        ("extends", text("{% extends '/etc/passwd' %}")),
    ]
}

#[test]
fn no_template_takes_all_time_or_memory_and_each_costs_its_own_words_alone() {
    let (graphite, sink) = (graphite(), Sink::start());
    let mut receivers = String::new();
    for (name, template) in greedy() {
        let body = template.replace('\'', "''");
        let _ = writeln!(
            receivers,
            "  {name}: {{webhook: {{url: '{}/{name}', body: '{body}'}}}}",
            sink.url()
        );
    }
    let mut agent = Setup::new(&configuration(
        &format!("url: '{}'", graphite.url()),
        &receivers,
    ))
    .start();
    let requests = agent.wait("every message", |_| {
        let requests = sink.requests();
        (requests.len() >= greedy().len()).then_some(requests)
    });
    for request in requests {
        let (path, body) = (&request.path, &request.body);
        assert!(
            body.contains("[CRITICAL] Load web-1 is 30"),
            "{path}: {body}"
        );
        assert!(
            body.contains("The template `body` failed"),
            "{path}: {body}"
        );
    }
    let peak = agent.memory_peak().unwrap();
    assert!(peak < 100_000, "{peak} kB");
    // and the next evaluation is on time
    let asked = graphite.requests_for("load").len();
    graphite.wait_requests("load", asked + 2);
}

#[test]
fn a_template_that_is_nested_without_end_is_an_error_or_rendered_and_no_crash() {
    let (graphite, sink) = (graphite(), Sink::start());
    // as much as fits, and much more
    for room in [2000, 16_000, 100_000] {
        for (begin, inside, middle, close, end) in [
            ("{{ ", "(", "1", ")", " }}"),
            ("{{ ", "[", "1", "]", " }}"),
            ("{{ ", "not ", "1", "", " }}"),
            ("{{ ", "-", "1", "", " }}"),
            ("{{ ", "1~", "1", "", " }}"),
            ("{{ ", "1**", "1", "", " }}"),
            ("{{ ", "1 if 1 else ", "1", "", " }}"),
            ("{{ 1", "|abs", "", "", " }}"),
            ("{{ labels", ".a", "", "", " }}"),
            ("{% if 0 %}", "{% elif 0 %}", "", "", "{% endif %}"),
            ("", "{% if 1 %}", "1", "{% endif %}", ""),
            ("", "{% for a in labels %}", "1", "{% endfor %}", ""),
        ] {
            let depth = room / (inside.len() + close.len());
            let body = [
                begin,
                &inside.repeat(depth),
                middle,
                &close.repeat(depth),
                end,
            ]
            .concat();
            let receivers = format!(
                "  hook: {{webhook: {{url: '{}/', body: '{body}'}}}}\n",
                sink.url()
            );
            let setup = Setup::new(&configuration(
                &format!("url: '{}'", graphite.url()),
                &receivers,
            ));
            let done = setup
                .clone()
                .arguments(&["verify", "-c", "alerts.yml"])
                .run();
            let said = &done.stderr[..done.stderr.len().min(500)];
            match (room, done.code) {
                // sound after all: then it can be used, too
                (2000 | 16_000, Some(0)) => {
                    let arguments = ["notify", "hook", "-c", "alerts.yml"];
                    assert_eq!(setup.arguments(&arguments).run().code, Some(0), "{inside}");
                }
                (_, code) => {
                    assert_eq!(code, Some(1), "{inside}: {said}");
                    assert!(said.contains("`body` of"), "{inside}: {said}");
                }
            }
        }
    }
}

// --- a process without rights ------------------------------------------------------------------------

/// The unit, keys and values.
fn unit() -> Vec<(String, String)> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/systemd/graphite-pager.service");
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_unit_of_systemd_takes_every_right_that_the_agent_does_not_need() {
    let unit = unit();
    for (key, value) in [
        ("DynamicUser", "yes"),
        ("StateDirectory", "graphite-pager"),
        ("WorkingDirectory", "%S/graphite-pager"),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("PrivateTmp", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX"),
        ("SystemCallFilter", "@system-service"),
        ("SystemCallFilter", "~@privileged @resources"),
        ("MemoryMax", "512M"),
        ("LimitCORE", "0"),
        ("UMask", "0077"),
        ("Restart", "always"),
    ] {
        let pair = (key.to_owned(), value.to_owned());
        assert!(unit.contains(&pair), "{key}={value} is not in {unit:?}");
    }
    // the program tells systemd nothing, so a unit that waited for it would kill it
    for key in ["WatchdogSec", "NotifyAccess"] {
        assert!(!unit.iter().any(|(name, _)| name == key), "{key}");
    }
    assert!(!unit.contains(&("Type".to_owned(), "notify".to_owned())));
}

#[test]
fn the_unit_of_systemd_names_options_that_systemd_knows() {
    // as of systemd 252; systemd itself is asked where it is there
    const KNOWN: &[&str] = &[
        "AmbientCapabilities",
        "After",
        "CapabilityBoundingSet",
        "Description",
        "Documentation",
        "DynamicUser",
        "EnvironmentFile",
        "ExecReload",
        "ExecStart",
        "KeyringMode",
        "LimitCORE",
        "LoadCredential",
        "LockPersonality",
        "MemoryDenyWriteExecute",
        "MemoryMax",
        "NoNewPrivileges",
        "PrivateDevices",
        "PrivateTmp",
        "PrivateUsers",
        "ProcSubset",
        "ProtectClock",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectHostname",
        "ProtectKernelLogs",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "ProtectProc",
        "ProtectSystem",
        "RemoveIPC",
        "Restart",
        "RestartSec",
        "RestrictAddressFamilies",
        "RestrictNamespaces",
        "RestrictRealtime",
        "RestrictSUIDSGID",
        "StartLimitIntervalSec",
        "StateDirectory",
        "StateDirectoryMode",
        "SystemCallArchitectures",
        "SystemCallErrorNumber",
        "SystemCallFilter",
        "TasksMax",
        "TimeoutStopSec",
        "Type",
        "UMask",
        "WantedBy",
        "Wants",
        "WorkingDirectory",
    ];
    for (key, _) in unit() {
        assert!(KNOWN.contains(&key.as_str()), "{key}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("graphite-pager.service");
    let source =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/systemd/graphite-pager.service");
    let text = fs::read_to_string(source).unwrap();
    let program = env!("CARGO_BIN_EXE_graphite-pager");
    fs::write(
        &path,
        text.replace("/usr/local/bin/graphite-pager", program),
    )
    .unwrap();
    let verify = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output();
    if let Ok(output) = verify {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // of this unit alone: the machine's own may be at fault
        let faults: Vec<&str> = said
            .lines()
            .filter(|line| line.contains("graphite-pager"))
            .collect();
        assert!(faults.is_empty(), "{faults:?}");
    }
}

/// What a line of `/proc/PID/status` says.
fn status(agent: &Agent, name: &str) -> String {
    let path = format!("/proc/{}/status", agent.pid().as_raw_nonzero());
    let text = fs::read_to_string(path).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{name}:")));
    line.unwrap().trim().to_owned()
}

/// The uid of those who are nobody.
const NOBODY: u32 = 65534;

/// As the unit runs it: no user of the system's, no rights, nothing to write to
/// but its state. Where the machine lets a test make a mount namespace, all the
/// rest is read-only too; where the test is an ordinary user's, it is run as that.
#[test]
fn it_runs_as_an_ordinary_user_without_rights_who_can_write_its_state_alone() {
    let graphite = graphite();
    let (receivers, sink) = (tempfile::tempdir().unwrap(), Sink::start());
    let hook = format!("  hook: {{webhook: {{url: '{}/'}}}}\n", sink.url());
    let setup = Setup::new(&configuration(&format!("url: '{}'", graphite.url()), &hook));
    let state = receivers.path().join("state");
    fs::create_dir(&state).unwrap();
    // the build's own folder may be closed to others
    let program = receivers.path().join("graphite-pager");
    fs::copy(env!("CARGO_BIN_EXE_graphite-pager"), &program).unwrap();
    for folder in [setup.folder(), receivers.path()] {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
    }
    let config: PathBuf = setup.folder().join("alerts.yml");
    fs::set_permissions(&config, Permissions::from_mode(0o444)).unwrap();
    let run = format!(
        "cd {}; exec {} run -c {}",
        state.display(),
        program.display(),
        config.display()
    );
    let is_root = rustix::process::geteuid().is_root();
    let namespaces = is_root
        && Command::new("unshare")
            .args(["--mount", "true"])
            .status()
            .is_ok_and(|status| status.success());
    let mut agent = if is_root {
        std::os::unix::fs::chown(&state, Some(NOBODY), Some(NOBODY)).unwrap();
        let drop = format!(
            "setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --no-new-privs --bounding-set -all"
        );
        let line = match namespaces {
            true => format!(
                "mount --make-rprivate / && mount --bind {0} {0} && mount -o remount,ro,bind / && ! touch {1}/x 2>/dev/null && exec {drop} sh -c '{run}'",
                state.display(),
                receivers.path().display(),
            ),
            false => format!("exec {drop} sh -c '{run}'"),
        };
        let words: &[&str] = match namespaces {
            true => &["--mount", "sh", "-c", &line],
            false => &["-c", &line],
        };
        let shell = if namespaces { "unshare" } else { "/bin/sh" };
        setup.program(shell).arguments(words).start()
    } else {
        setup.program("/bin/sh").arguments(&["-c", &run]).start()
    };
    agent.wait_stdout("[CRITICAL] Load web-1 is 30");
    agent.wait("the message", |_| sink.requests().first().cloned());
    assert!(
        !status(&agent, "Uid")
            .split_whitespace()
            .any(|uid| uid == "0")
    );
    if is_root {
        assert_eq!(status(&agent, "NoNewPrivs"), "1");
        assert_eq!(status(&agent, "CapEff"), "0000000000000000");
        assert_eq!(status(&agent, "CapBnd"), "0000000000000000");
    }
    assert!(agent.stop().success());
    let left: Vec<_> = files_below(&state);
    assert_eq!(left, [state.join("graphite-pager.db")]);
    assert_eq!(open_to_others(&state), [""; 0]);
    assert!(
        poll(DEADLINE, || agent
            .stderr()
            .contains("stopped")
            .then_some(()))
        .is_some()
    );
}
