//! The command line, as a newcomer meets it.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::agent::{Finished, Setup};
use support::http;

const COMMANDS: &[&str] = &[
    "run",
    "verify",
    "check",
    "test",
    "replay",
    "docs",
    "import",
    "packs",
    "notify",
    "demo",
    "schema",
    "completions",
    "man",
];

const SOUND: &str = "graphite: {url: http://graphite.example.com}\n\
    receivers: {screen: {console: {}}, second: {console: {}}}\n\
    alerts:\n\
    \x20 - {name: Load, target: 'servers.*.loadavg.05', warning: 10}\n\
    \x20 - {name: Queue, targets: [a.b, c.d], critical: '> 5', schedule: '0 4 1 1 *', notify: screen}\n";

fn graphite_pager(arguments: &[&str]) -> Finished {
    Setup::new(SOUND).arguments(arguments).run()
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect()
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    for arguments in [
        &["verify"][..],
        &["verify", "--format", "json"],
        &["packs"],
        &["schema"],
        &["man"],
    ] {
        let finished = Setup::new(SOUND).arguments(arguments).run_unread();
        assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
    }
}

// It takes most of a minute: named so that it begins first.
#[test]
fn a_demo_shows_warning_critical_and_recovery_within_a_minute_and_leaves_nothing_behind() {
    let setup = Setup::new("").arguments(&["demo"]);
    let folder = setup.folder().to_path_buf();
    std::fs::remove_file(folder.join("alerts.yml")).unwrap();
    for name in ["tmp", "home"] {
        std::fs::create_dir(folder.join(name)).unwrap();
    }
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let began = Instant::now();
    let mut agent = setup
        .env("TMPDIR", path("tmp"))
        .env("HOME", path("home"))
        .start();
    let levels = ["[WARNING] Wave ", "[CRITICAL] Wave ", "[OK] Wave "];
    for (index, level) in levels.into_iter().enumerate() {
        let left = Duration::from_secs(60).saturating_sub(began.elapsed());
        // this computer may have troubles of its own
        let line = agent.wait_for(left, level, |agent| {
            let stdout = agent.stdout();
            let line = stdout
                .lines()
                .filter(|line| line.contains("] Wave "))
                .nth(index)?;
            Some(line.to_owned())
        });
        assert!(line.starts_with(level), "{line}");
        let page = link(&line, "documentation");
        assert!(http::get(&page).text().contains("Wave"), "{page}");
        let graph = http::get(&link(&line, "graph"));
        assert_eq!(graph.status, 200);
        let kind = graph.header("content-type");
        assert!(kind.starts_with("image/"), "{kind}");
    }
    assert_eq!(names(&folder.join("tmp")).len(), 1, "its temporary folder");

    agent.signal(Signal::INT);
    assert_eq!(agent.wait_exit().code(), Some(0));
    assert_eq!(names(&folder.join("tmp")), [""; 0]);
    assert_eq!(names(&folder.join("home")), [""; 0]);
    assert_eq!(names(&folder).len(), 2, "{:?}", names(&folder));
}

#[test]
fn a_demo_ends_with_its_terminal() {
    let setup = Setup::new("").arguments(&["demo", "--log-level", "info"]);
    let temporary = setup.folder().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    let mut agent = setup.env("TMPDIR", temporary.to_str().unwrap()).start();
    agent.wait_stderr("watching");
    agent.signal(Signal::HUP);
    assert_eq!(agent.wait_exit().code(), Some(0));
    assert_eq!(names(&temporary), [""; 0]);
}

/// The URL after this word of a line.
fn link(line: &str, word: &str) -> String {
    let (_, after) = line.split_once(&format!("| {word} ")).unwrap();
    after.split([' ', '#']).next().unwrap().to_owned()
}

#[test]
fn help_of_each_command_shows_an_example() {
    for command in COMMANDS {
        let finished = graphite_pager(&[command, "--help"]);
        assert_eq!(finished.code, Some(0));
        let example = format!("  graphite-pager {command}");
        assert!(
            finished.stdout.contains("Example:\n") && finished.stdout.contains(&example),
            "{}",
            finished.stdout
        );
    }
}

#[test]
fn help_lists_every_command_and_no_other() {
    let finished = graphite_pager(&["--help"]);
    assert_eq!(finished.code, Some(0));
    let (_, after) = finished.stdout.split_once("Commands:\n").unwrap();
    let listed: Vec<&str> = after
        .lines()
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    assert_eq!(listed, COMMANDS);
}

#[test]
fn without_a_command_the_help_is_shown_and_it_is_an_error() {
    let finished = graphite_pager(&[]);
    assert_eq!(finished.code, Some(2));
    assert!(
        finished.stderr.contains("Usage: graphite-pager"),
        "{finished:?}"
    );
}

#[test]
fn version_is_that_of_the_package() {
    let finished = graphite_pager(&["--version"]);
    assert_eq!(
        finished.stdout,
        concat!("graphite-pager ", env!("CARGO_PKG_VERSION"), "\n")
    );
}

#[test]
fn what_is_not_there_is_an_unknown_command_or_option() {
    let unknown: &[&[&str]] = &[
        &["status"],
        &["silence", "add"],
        &["history"],
        &["docs", "publish"],
        &["schema", "packs"],
        &["help"],
        &["run", "--dryrun"],
        &["check", "--format", "xml"],
        &["completions", "tcl"],
        &["check", "Load", "Queue"],
    ];
    for arguments in unknown {
        let finished = graphite_pager(arguments);
        assert_eq!(finished.code, Some(2), "{arguments:?}: {finished:?}");
        assert!(finished.stderr.starts_with("error: "), "{finished:?}");
        assert!(finished.stdout.is_empty(), "{finished:?}");
    }
}

#[test]
fn a_key_that_is_not_there_yet_is_an_unknown_key() {
    let finished = Setup::new(&format!("{SOUND}external_url: https://pager.example.com\n"))
        .arguments(&["verify"])
        .run();
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .contains("alerts.yml:6:1: unknown key `external_url`"),
        "{}",
        finished.stderr
    );
}

#[test]
fn each_shell_gets_completions_that_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let finished = graphite_pager(&["completions", shell]);
        assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));
        for command in COMMANDS {
            assert!(finished.stdout.contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn the_manual_has_a_page_for_each_command() {
    let finished = graphite_pager(&["man"]);
    assert_eq!(finished.code, Some(0));
    assert!(
        finished.stdout.contains(".TH graphite-pager 1"),
        "{}",
        finished.stdout
    );

    let setup = Setup::new(SOUND).arguments(&["man", "--dir", "pages"]);
    std::fs::create_dir(setup.folder().join("pages")).unwrap();
    assert_eq!(setup.run().code, Some(0));
    let pages = names(&setup.folder().join("pages"));
    for command in COMMANDS {
        let page = format!("graphite-pager-{command}.1");
        assert!(pages.contains(&page), "no {page} in {pages:?}");
    }
}

#[test]
fn verify_lists_each_alert_with_whom_it_tells_and_when_it_is_next() {
    let finished = graphite_pager(&["verify"]);
    assert_eq!(finished.code, Some(0));
    assert!(
        finished.stderr.contains("ok: 2 alerts and 2 receivers"),
        "{}",
        finished.stderr
    );
    let lines: Vec<Vec<&str>> = finished
        .stdout
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    assert_eq!(lines[0], ["ALERT", "NEXT", "NOTIFY", "TARGETS"]);
    assert_eq!(lines[1][0], "Load");
    assert_eq!(lines[1][2..], ["screen, second", "servers.*.loadavg.05"]);
    assert_eq!(lines[2][0], "Queue");
    assert_eq!(lines[2][2..], ["screen", "a.b, c.d"]);
    assert!(lines[2][1].ends_with("-01-01T04:00:00Z"), "{lines:?}");
}

#[test]
fn verify_prints_the_same_for_programs() {
    let finished = graphite_pager(&["verify", "--format", "json"]);
    assert_eq!(finished.code, Some(0));
    let rows: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 2);
    assert_eq!(rows[0]["alert"], "Load");
    assert_eq!(rows[1]["targets"], serde_json::json!(["a.b", "c.d"]));
    assert_eq!(rows[1]["notify"], serde_json::json!(["screen"]));
    let next = rows[0]["next"].as_str().unwrap();
    let next = chrono::DateTime::parse_from_rfc3339(next).unwrap();
    let ahead = next.signed_duration_since(chrono::Utc::now()).num_seconds();
    assert!((-1..=60).contains(&ahead), "{ahead} s");
}

#[test]
fn an_empty_folder_is_said_with_what_to_do() {
    for command in ["run", "verify", "check"] {
        let setup = Setup::new("").arguments(&[command]);
        std::fs::remove_file(setup.folder().join("alerts.yml")).unwrap();
        let finished = setup.run();
        let code = if command == "check" { 3 } else { 1 };
        assert_eq!(finished.code, Some(code), "{finished:?}");
        for part in [
            "error: this folder has neither `alerts.yml` nor a folder `alerts`",
            "`--config PATH`",
            "`graphite-pager demo`",
        ] {
            assert!(finished.stderr.contains(part), "{}", finished.stderr);
        }
        assert_eq!(names(setup.folder()), [""; 0], "it wrote nothing");
    }
}

#[test]
fn a_folder_called_alerts_is_read_where_there_is_no_file() {
    let setup = Setup::new("").arguments(&["verify"]);
    std::fs::remove_file(setup.folder().join("alerts.yml")).unwrap();
    setup.write("alerts/all.yml", SOUND);
    assert_eq!(setup.run().code, Some(0));
}

#[test]
fn a_receiver_that_is_not_there_is_said_with_those_that_are() {
    let finished = graphite_pager(&["notify", "oncall"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .contains("no receiver is called `oncall`: screen, second"),
        "{}",
        finished.stderr
    );
}

#[test]
fn logs_can_be_read_by_programs() {
    let setup =
        Setup::new(&format!("{SOUND}listen: off\n")).arguments(&["run", "--log-format", "json"]);
    let mut agent = setup.start();
    let line = agent.wait_stderr("watching 2 alerts");
    let line: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["level"], "INFO");
    assert!(agent.stop().success());
}
