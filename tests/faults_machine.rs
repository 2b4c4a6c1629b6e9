//! A machine, a neighbour and a configuration that fail, on the real binary:
//! file descriptors run out, two agents run at once, and files are replaced by
//! halves of files.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, prlimit};
use support::agent::{Agent, Setup};
use support::faults::{Bench, address, held_to_permissions, levels, said, wait_ready};

const LOAD: &str = "name: Load, target: load, critical: 20";
const DISK: &str = "name: Disk, target: disk, critical: 90";

/// The configuration in a folder: `conf/main.yml`, `conf/load.yml` and
/// `conf/disk.yml`; `web-1` and `sda` are bad.
fn folder(bench: &Bench) -> Setup {
    bench.graphite.set_value("load", "web-1", 25.0);
    bench.graphite.set_value("disk", "sda", 95.0);
    let setup = Setup::new("").arguments(&["run", "-c", "conf"]);
    let whole = bench.configuration("timeout: 5s, error_for: 1s", "", &[]);
    setup.write(
        "conf/main.yml",
        whole.trim_end().trim_end_matches("alerts:"),
    );
    setup.write("conf/load.yml", &file(LOAD));
    setup.write("conf/disk.yml", &file(DISK));
    setup
}

fn file(alert: &str) -> String {
    format!("alerts:\n  - {{{alert}}}\n")
}

// File descriptors

/// No file beyond this number of them can be opened.
fn limit_files(agent: &Agent, current: u64) {
    let maximum = Some(4096);
    let limit = Rlimit {
        current: Some(current),
        maximum,
    };
    prlimit(Some(agent.pid()), Resource::Nofile, limit).unwrap();
}

/// Hundredths of a second that it has computed.
fn computed(agent: &Agent) -> u64 {
    let stat = format!("/proc/{}/stat", agent.pid().as_raw_nonzero());
    let stat = fs::read_to_string(stat).unwrap();
    let (_, fields) = stat.rsplit_once(')').unwrap();
    let fields: Vec<_> = fields.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[test]
fn agent_without_file_descriptors_says_so_tells_what_it_can_and_recovers() {
    let bench = Bench::start();
    let setup = folder(&bench);
    let mut agent = setup.start();
    let address = address(&mut agent);
    bench.wait_event("trigger Load/web-1");
    bench.wait_event("trigger Disk/sda");
    bench.evaluated(&["load", "disk"], 1);
    limit_files(&agent, 3);
    // its connections end, and there is no room for new ones
    bench.graphite.down();
    bench.graphite.up();
    let before = computed(&agent);
    let begun = std::time::Instant::now();
    let line = agent.wait_stdout("[CRITICAL] graphite-pager 127.0.0.1 is not answering");
    let words = "Too many open files (os error 24); this is the agent's own limit: raise it";
    assert!(line.contains(words), "{line}");
    // over the connection that it has
    bench.wait_event("trigger graphite-pager/127.0.0.1");
    // whoever asks for its health must not make it spin
    let asked = std::net::TcpStream::connect(address.trim_start_matches("http://")).unwrap();
    // a folder that cannot be listed is no configuration without alerts
    agent.wait_stderr("the new configuration cannot be used: the old one runs on");
    let line = agent.wait_stderr("error: conf: cannot list this folder: Too many open files");
    assert!(!line.is_empty());
    let share = computed(&agent) - before;
    let most = u64::try_from(begun.elapsed().as_millis() / 10).unwrap() / 2;
    assert!(share < most, "{share} of {most} hundredths of a second");
    drop(asked);
    limit_files(&agent, 1024);
    agent.wait_stdout("[OK] graphite-pager 127.0.0.1");
    wait_ready(&mut agent, &address, 200, "");
    agent.wait_stderr("the new configuration is in use");
    bench.evaluated(&["load", "disk"], 1);
    assert_eq!(said(&agent, "").len(), 4, "{}", agent.stdout());
    bench.graphite.set_value("load", "web-1", 1.0);
    bench.wait_event("resolve Load/web-1");
}

#[test]
fn agent_that_has_few_file_descriptors_from_the_start_watches_and_tells() {
    let bench = Bench::start();
    for n in 0..20 {
        bench.graphite.set_value(&format!("t{n}"), "web-1", 25.0);
    }
    let alert = |n: usize| format!("name: A{n}, target: t{n}, critical: 20");
    let alerts: Vec<String> = (0..20).map(alert).collect();
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    let limited = ["sh", "-c", "ulimit -n 24; exec \"$@\"", "sh"];
    let mut agent = bench.setup(&alerts).under(&limited).start();
    bench.wait_events(20);
    agent.wait("all lines", |agent| {
        (agent.stdout().lines().count() >= 20).then_some(())
    });
    let limits = format!("/proc/{}/limits", agent.pid().as_raw_nonzero());
    let limits = fs::read_to_string(limits).unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    assert_eq!(line.unwrap().split_whitespace().nth(3), Some("24"));
    assert_eq!(levels(&agent, ""), ["CRITICAL"; 20]);
    assert!(agent.stop().success());
}

// Two agents

#[test]
fn two_agents_of_one_name_page_once_for_each_incident_and_resolve_it() {
    let bench = Bench::start();
    bench.graphite.set_value("load", "web-1", 25.0);
    let configuration = |store: &str| {
        let store = format!("store: {store}");
        bench.configuration("timeout: 5s, error_for: 5s", &store, &[LOAD])
    };
    let (first, second) = (
        Setup::new(&configuration("a.db")),
        Setup::new(&configuration("b.db")),
    );
    let (first, mut second) = (first.start(), second.start());
    bench.wait_events(2);
    // one key, one incident, whoever tells of it
    assert_eq!(bench.pagerduty.open().len(), 1);
    bench.evaluated(&["load"], 2);
    second.kill();
    bench.graphite.set_value("load", "web-1", 1.0);
    bench.wait_event("resolve Load/web-1");
    assert!(bench.pagerduty.open().is_empty());
    // what the second one still thinks to be open, it ends: that does no harm
    second.restart();
    bench.wait_events(4);
    bench.evaluated(&["load"], 2);
    assert_eq!(
        bench.events(),
        [
            "trigger Load/web-1",
            "trigger Load/web-1",
            "resolve Load/web-1",
            "resolve Load/web-1"
        ]
    );
    assert_eq!(levels(&first, ""), ["CRITICAL", "OK"]);
}

// Configuration

/// Reads the configuration, which is refused with these words, while all goes on.
fn refused(bench: &Bench, agent: &mut Agent, words: &str) {
    let before = agent.stderr().len();
    agent.signal(Signal::HUP);
    agent.wait(words, |agent| {
        let lines = &agent.stderr()[before..];
        let said = lines.contains("the new configuration cannot be used: the old one runs on");
        (said && lines.contains(words)).then_some(())
    });
    bench.evaluated(&["load", "disk"], 0);
}

#[test]
fn half_a_configuration_changes_nothing_and_is_said_with_its_place() {
    let bench = Bench::start();
    let setup = held_to_permissions(folder(&bench));
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    bench.wait_event("trigger Disk/sda");
    let path = setup.folder().join("conf/load.yml");
    // in the middle of a line
    setup.write(
        "conf/load.yml",
        "alerts:\n  - {name: Load, target: load, criti",
    );
    refused(&bench, &mut agent, "error: conf/load.yml:2:");
    setup.write("conf/load.yml", "");
    refused(
        &bench,
        &mut agent,
        "error: conf/load.yml:1:1: this file holds no configuration",
    );
    fs::set_permissions(&path, Permissions::from_mode(0o000)).unwrap();
    refused(
        &bench,
        &mut agent,
        "error: conf/load.yml: cannot read this file: permission denied",
    );
    fs::remove_file(&path).unwrap();
    symlink("nowhere.yml", &path).unwrap();
    refused(
        &bench,
        &mut agent,
        "error: conf/load.yml: cannot read this file: there is no such file\n\nhint: it is a link to something",
    );
    fs::remove_file(&path).unwrap();
    // what is whole again is read
    setup.write("conf/load.yml", &file(&LOAD.replace("20", "90")));
    agent.signal(Signal::HUP);
    agent.wait_stderr("the new configuration is in use");
    agent.wait_stdout("[OK] Load web-1 is 25");
    assert_eq!(levels(&agent, "Load"), ["CRITICAL", "OK"]);
    assert_eq!(levels(&agent, "Disk"), ["CRITICAL"]);
}

#[test]
fn subfolder_that_may_not_be_entered_is_no_subfolder_without_alerts() {
    let bench = Bench::start();
    let setup = held_to_permissions(folder(&bench));
    setup.write("conf/teams/web/load.yml", &file(LOAD));
    fs::remove_file(setup.folder().join("conf/load.yml")).unwrap();
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    // it can be listed, but nothing in it can be looked at
    let teams = setup.folder().join("conf/teams");
    fs::set_permissions(&teams, Permissions::from_mode(0o400)).unwrap();
    let words = "error: conf/teams/web: cannot look at this: ";
    refused(&bench, &mut agent, words);
    fs::set_permissions(&teams, Permissions::from_mode(0o700)).unwrap();
    agent.signal(Signal::HUP);
    agent.wait_stderr("the new configuration is in use alerts=2");
    bench.evaluated(&["load"], 1);
    assert_eq!(levels(&agent, "Load"), ["CRITICAL"]);
}

#[test]
fn configuration_that_is_written_slowly_is_read_when_it_is_whole() {
    let bench = Bench::start();
    let setup = folder(&bench);
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    bench.wait_event("trigger Disk/sda");
    // each piece ends in the middle of a word, but for the last
    let whole = file(&LOAD.replace("20", "90"));
    let mut path = File::create(setup.folder().join("conf/load.yml")).unwrap();
    for piece in whole.as_bytes().chunks(whole.len() / 3) {
        path.write_all(piece).unwrap();
        path.flush().unwrap();
        sleep(Duration::from_secs(2));
    }
    agent.wait_stderr("the new configuration is in use");
    assert!(
        !agent.stderr().contains("cannot be used"),
        "{}",
        agent.stderr()
    );
    agent.wait_stdout("[OK] Load web-1 is 25");
    assert_eq!(levels(&agent, "Disk"), ["CRITICAL"]);
}

#[test]
fn file_that_vanishes_from_a_folder_for_a_moment_resolves_nothing() {
    let bench = Bench::start();
    let setup = folder(&bench);
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    bench.wait_event("trigger Disk/sda");
    let (path, away) = (
        setup.folder().join("conf/load.yml"),
        setup.folder().join("away"),
    );
    // so long that it is noticed
    fs::rename(&path, &away).unwrap();
    agent.wait_stderr("the new configuration is in use alerts=1");
    bench.evaluated(&["disk"], 1);
    fs::rename(&away, &path).unwrap();
    agent.wait_stderr("the new configuration is in use alerts=2");
    bench.evaluated(&["load", "disk"], 1);
    assert_eq!(said(&agent, "").len(), 2, "{}", agent.stdout());
    bench.graphite.set_value("load", "web-1", 1.0);
    agent.wait_stdout("[OK] Load web-1 is 1");
}
