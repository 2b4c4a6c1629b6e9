//! How alerts live, through the binary (design section 5): what opens, raises,
//! lowers and resolves; restarts, reloads, and a store that fails.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant};

use chrono::{Datelike, Timelike};
use graphite_pager::alert::hash;
use rustix::process::{Resource, Rlimit, Signal, prlimit};
use support::agent::{Agent, Setup};
use support::graphite::{Failure, Graphite, Series, epoch_now};
use support::sink::Sink;
use support::{DEADLINE, http, poll};

/// Graphite with `load` at this value, `web-1` its only series.
fn graphite(value: f64) -> Graphite {
    let graphite = Graphite::start();
    graphite.set_value("load", "web-1", value);
    graphite
}

/// A configuration with a console; `more` are top-level lines, then come `alerts`.
fn configuration(graphite: &Graphite, more: &str, alerts: &str) -> String {
    format!(
        "graphite: {{url: '{}', timeout: 20s, error_for: 3s}}\n\
         listen: 127.0.0.1:0\n\
         receivers: {{screen: {{console: {{}}}}}}\n\
         defaults: {{every: 1s, settle: off, recover_for: 0}}\n\
         {more}\nalerts:\n{alerts}\n",
        graphite.url()
    )
}

const LOAD: &str = "- {name: Load, target: load, warning: 10, critical: 20}";

fn setup(graphite: &Graphite, alerts: &str) -> Setup {
    Setup::new(&configuration(graphite, "", alerts))
}

/// The messages of the console about `part`.
fn said(agent: &Agent, part: &str) -> Vec<String> {
    let lines = agent.stdout();
    lines
        .lines()
        .filter(|line| line.starts_with('[') && line.contains(part))
        .map(str::to_owned)
        .collect()
}

/// Where the agent says that it listens.
fn address(agent: &mut Agent) -> String {
    let line = agent.wait_stderr("health http://");
    line.split("health ").nth(1).unwrap().trim().to_owned()
}

/// Waits until `target` was asked for `count` more times.
fn more_requests(graphite: &Graphite, target: &str, count: usize) {
    let before = graphite.requests_for(target).len();
    graphite.wait_requests(target, before + count);
}

/// The slot that a request is for.
fn slot(request: &support::graphite::Request) -> i64 {
    request.parameter("until").unwrap().parse().unwrap()
}

// What the incident of a series goes through

#[test]
fn incident_opens_rises_falls_and_ends_by_its_clocks() {
    let graphite = graphite(1.0);
    let alerts =
        "- {name: Load, target: load, warning: 10, critical: 20, for: 2s, recover_for: 1s}";
    let mut agent = setup(&graphite, alerts).start();
    graphite.wait_requests("load", 1);
    graphite.set_value("load", "web-1", 15.0);
    graphite.forget_requests();
    agent.wait_stdout("[WARNING] Load web-1 is 15 (>= 10) for 2s");
    let slots: Vec<_> = graphite.requests_for("load").iter().map(slot).collect();
    assert!(slots.len() >= 3, "the third reading opens it: {slots:?}");
    graphite.set_value("load", "web-1", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-1 is 25 (>= 20) for 2s");
    graphite.set_value("load", "web-1", 15.0);
    agent.wait("the fall to warning", |agent| {
        (said(agent, "Load web-1").len() == 3).then_some(())
    });
    graphite.set_value("load", "web-1", 1.0);
    agent.wait_stdout("[OK] Load web-1");
    let levels: Vec<_> = said(&agent, "Load web-1")
        .iter()
        .map(|line| line.split(']').next().unwrap().to_owned())
        .collect();
    assert_eq!(levels, ["[WARNING", "[CRITICAL", "[WARNING", "[OK"]);
    for event in ["opened", "raised", "lowered", "resolved"] {
        agent.wait_stderr(event);
    }
}

// Restarts

#[test]
fn clock_of_for_survives_a_kill() {
    let graphite = graphite(25.0);
    let alerts = "- {name: Load, target: load, critical: 20, every: 2s, for: 8s}";
    let mut agent = setup(&graphite, alerts).start();
    let first = slot(&graphite.wait_requests("load", 1)[0]);
    graphite.wait_requests("load", 3);
    agent.restart();
    agent.wait_stdout("[CRITICAL] Load web-1");
    // begun anew, it would have come three slots later
    let late = epoch_now() - (first + 8);
    assert!(late <= 3, "{late} s after the fifth reading was due");
}

#[test]
fn incident_survives_a_kill_and_is_told_once() {
    let graphite = graphite(25.0);
    let mut agent = setup(&graphite, LOAD).start();
    agent.wait_stdout("[CRITICAL] Load web-1");
    // told is written after it was said
    more_requests(&graphite, "load", 2);
    agent.restart();
    more_requests(&graphite, "load", 3);
    assert_eq!(said(&agent, "Load"), Vec::<String>::new());
    graphite.set_value("load", "web-1", 1.0);
    agent.wait_stdout("[OK] Load web-1");
    assert_eq!(said(&agent, "Load").len(), 1);
}

#[test]
fn newest_slot_missed_while_no_agent_ran_is_evaluated_at_the_start() {
    let graphite = graphite(25.0);
    let mut agent = setup(
        &graphite,
        "- {name: Load, target: load, critical: 20, every: 3s, for: 1h}",
    )
    .start();
    let seen = slot(&graphite.wait_requests("load", 1)[0]);
    agent.wait_stderr("watching");
    poll(DEADLINE, || (epoch_now() > seen).then_some(())).unwrap();
    agent.kill();
    graphite.forget_requests();
    poll(DEADLINE, || (epoch_now() > seen + 6).then_some(())).unwrap();
    let mut agent = agent.setup().start();
    let request = graphite.wait_requests("load", 1).remove(0);
    assert_eq!(slot(&request), seen + 6, "the newest, at once");
    agent.wait_stderr("missed slots");
}

// Leaving the configuration

#[test]
fn alert_that_leaves_ends_at_once_after_sighup_and_says_so() {
    let graphite = graphite(25.0);
    graphite.set_value("disk", "sda", 95.0);
    let disk = "- {name: Disk, target: disk, critical: 90}";
    let setup = setup(&graphite, &format!("{LOAD}\n{disk}"));
    let mut agent = setup.start();
    agent.wait_stdout("[CRITICAL] Load web-1");
    agent.wait_stdout("[CRITICAL] Disk sda");
    setup.write("alerts.yml", &configuration(&graphite, "", disk));
    agent.wait_stderr("the new configuration is in use");
    // a deployment may be half-way
    more_requests(&graphite, "disk", 2);
    assert_eq!(said(&agent, "Load").len(), 1);
    let asked = graphite.requests_for("load").len();
    agent.signal(Signal::HUP);
    let line = agent.wait_stdout("[OK] Load web-1");
    assert!(line.contains("left the configuration"), "{line}");
    more_requests(&graphite, "disk", 2);
    assert_eq!(graphite.requests_for("load").len(), asked);
    assert_eq!(
        said(&agent, "Disk").len(),
        1,
        "what is unchanged is not told again"
    );
}

#[test]
fn alert_that_is_renamed_ends_and_begins() {
    let graphite = graphite(25.0);
    let setup = setup(&graphite, LOAD);
    let mut agent = setup.start();
    agent.wait_stdout("[CRITICAL] Load web-1");
    let renamed = LOAD.replace("Load", "Busy");
    setup.write("alerts.yml", &configuration(&graphite, "", &renamed));
    agent.signal(Signal::HUP);
    agent.wait_stdout("[OK] Load web-1");
    agent.wait_stdout("[CRITICAL] Busy web-1");
}

// Reloads

#[test]
fn configuration_swapped_as_kubernetes_does_it_is_read_and_judges_from_the_present_state() {
    let graphite = graphite(15.0);
    let setup = setup(&graphite, "").arguments(&["run", "-c", "conf"]);
    std::fs::remove_file(setup.folder().join("alerts.yml")).unwrap();
    let stricter = LOAD.replace("20", "12");
    for (version, alerts) in [("..1", LOAD), ("..2", &stricter)] {
        let path = format!("conf/{version}/alerts.yml");
        setup.write(&path, &configuration(&graphite, "", alerts));
    }
    let conf = setup.folder().join("conf");
    symlink("..1", conf.join("..data")).unwrap();
    symlink("..data/alerts.yml", conf.join("alerts.yml")).unwrap();
    let mut agent = setup.start();
    agent.wait_stdout("[WARNING] Load web-1");
    symlink("..2", conf.join("..tmp")).unwrap();
    std::fs::rename(conf.join("..tmp"), conf.join("..data")).unwrap();
    let swapped = Instant::now();
    // judged by the new threshold, and not opened once more
    agent.wait_stdout("[CRITICAL] Load web-1 is 15 (>= 12)");
    assert!(
        swapped.elapsed() >= Duration::from_secs(5),
        "{:?}",
        swapped.elapsed()
    );
    assert_eq!(said(&agent, "Load").len(), 2);
    agent.wait_stderr("raised");
}

#[test]
fn bad_configuration_changes_nothing_and_is_said_with_its_place() {
    let graphite = graphite(1.0);
    let setup = setup(&graphite, LOAD);
    let mut agent = setup.start();
    graphite.wait_requests("load", 1);
    let bad = format!("{LOAD}\n- {{name: Disk, target: disk, critical: ninety}}");
    setup.write("alerts.yml", &configuration(&graphite, "", &bad));
    agent.signal(Signal::HUP);
    agent.wait_stderr("the new configuration cannot be used: the old one runs on");
    let line = agent.wait_stderr("error: ");
    assert!(line.contains("alerts.yml:8:"), "{line}");
    more_requests(&graphite, "load", 2);
    graphite.set_value("load", "web-1", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-1");
    assert!(graphite.requests_for("disk").is_empty());
    // no alert at all is no configuration either
    setup.write("alerts.yml", &configuration(&graphite, "", "[]"));
    agent.signal(Signal::HUP);
    agent.wait("the second refusal", |agent| {
        (agent.stderr().matches("the old one runs on").count() >= 2).then_some(())
    });
    more_requests(&graphite, "load", 2);
}

#[test]
fn unchanged_alert_keeps_its_running_clock_through_a_reload() {
    let graphite = graphite(25.0);
    let load = "- {name: Load, target: load, critical: 20, for: 6s}";
    let setup = setup(&graphite, load);
    let mut agent = setup.start();
    let first = slot(&graphite.wait_requests("load", 1)[0]);
    graphite.wait_requests("load", 4);
    let more = format!("{load}\n- {{name: Disk, target: disk, critical: 90}}");
    setup.write("alerts.yml", &configuration(&graphite, "", &more));
    agent.signal(Signal::HUP);
    graphite.wait_requests("disk", 1);
    agent.wait_stdout("[CRITICAL] Load web-1");
    let late = epoch_now() - (first + 6);
    assert!(late <= 2, "{late} s after the seventh reading was due");
    let slots: Vec<_> = graphite.requests_for("load").iter().map(slot).collect();
    let next = slots.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(
        next.clone().all(|gap| gap == 1),
        "a slot was lost: {slots:?}"
    );
}

// Others' trouble

#[test]
fn slow_target_delays_no_other() {
    let graphite = graphite(1.0);
    graphite.set_value("slow", "db-1", 1.0);
    graphite.fail_target("slow", Failure::Hang);
    let slow = "- {name: Slow, target: slow, critical: 20}";
    let mut agent = setup(&graphite, &format!("{slow}\n{LOAD}")).start();
    graphite.wait_requests("slow", 1);
    let mut slots: Vec<_> = graphite.wait_requests("load", 5).iter().map(slot).collect();
    // asked for together once, it is asked for again without the one that hangs
    slots.dedup();
    assert!(
        slots.windows(2).all(|pair| pair[1] - pair[0] == 1),
        "{slots:?}"
    );
    graphite.set_value("load", "web-1", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-1");
    let asked = graphite.requests_for("slow");
    let together = asked.iter().filter(|request| request.targets().len() > 1);
    assert_eq!(asked.len() - together.count(), 1, "still hanging");
}

#[test]
fn graphite_that_is_down_at_the_start_is_said_and_paged_for() {
    let graphite = graphite(1.0);
    graphite.down();
    let started = Instant::now();
    let mut agent = setup(&graphite, LOAD).start();
    let address = address(&mut agent);
    agent.wait_stderr("cannot fetch");
    assert_eq!(http::get(&format!("{address}/healthz")).status, 200);
    agent.wait("unreadiness", |_| {
        let ready = http::get(&format!("{address}/readyz"));
        assert_eq!(ready.status, 503);
        ready
            .text()
            .contains("Graphite does not answer")
            .then_some(())
    });
    agent.wait_stdout("[CRITICAL] graphite-pager 127.0.0.1 is not answering");
    let after = started.elapsed();
    assert!(
        after >= Duration::from_secs(3),
        "before error_for: {after:?}"
    );
    graphite.up();
    agent.wait_stdout("[OK] graphite-pager 127.0.0.1");
    assert_eq!(http::get(&format!("{address}/readyz")).status, 200);
    assert_eq!(said(&agent, "Load"), Vec::<String>::new());
}

// Start and stop

#[test]
fn agent_stops_quickly_and_well_whatever_hangs() {
    let graphite = graphite(1.0);
    graphite.fail(Failure::Hang);
    let mut agent = setup(&graphite, LOAD).start();
    graphite.wait_requests("load", 1);
    for signal in [Signal::TERM, Signal::INT] {
        let asked = Instant::now();
        agent.signal(signal);
        assert_eq!(agent.wait_exit().code(), Some(0));
        assert!(
            asked.elapsed() < Duration::from_secs(3),
            "{:?}",
            asked.elapsed()
        );
        assert!(agent.stderr().contains("stopped"));
        graphite.forget_requests();
        agent.restart();
        graphite.wait_requests("load", 1);
    }
}

#[test]
fn second_agent_on_the_same_store_is_refused() {
    let graphite = graphite(25.0);
    let setup = setup(&graphite, LOAD);
    let mut agent = setup.start();
    agent.wait_stdout("[CRITICAL] Load web-1");
    let second = setup.run();
    assert_eq!(second.code, Some(1));
    assert!(
        second
            .stderr
            .contains("error: the store `graphite-pager.db` is in use by another agent"),
        "{}",
        second.stderr
    );
    assert_eq!(second.stdout, "");
    // nor did it take the lock away from the first: a third one gets in no better
    assert_eq!(setup.run().code, Some(1));
    graphite.set_value("load", "web-1", 1.0);
    agent.wait_stdout("[OK] Load web-1");
}

#[test]
fn store_that_cannot_be_opened_is_said_with_path_cause_and_advice() {
    let graphite = graphite(1.0);
    let run = |store: &str| {
        let finished =
            Setup::new(&configuration(&graphite, &format!("store: {store}"), LOAD)).run();
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(finished.stderr.contains(store), "{}", finished.stderr);
        finished.stderr
    };
    let missing = run("none/state.db");
    assert!(missing.contains("No such file or directory"), "{missing}");
    assert!(
        missing.contains("check that its folder exists and is writable"),
        "{missing}"
    );
    let text = run("alerts.yml");
    assert!(text.contains("is not a file of graphite-pager"), "{text}");
    assert!(text.contains("name another file in `store:`"), "{text}");
    assert!(graphite.requests().is_empty());
}

#[test]
fn address_that_is_taken_is_said_with_advice() {
    let graphite = graphite(1.0);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let configuration =
        configuration(&graphite, "", LOAD).replace("127.0.0.1:0", &address.to_string());
    let finished = Setup::new(&configuration).run();
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .contains(&format!("cannot listen on {address}")),
        "{}",
        finished.stderr
    );
    assert!(
        finished
            .stderr
            .contains("set `listen:` to a free address, or to `off`")
    );
}

#[test]
fn without_listening_the_agent_works_as_ever() {
    let graphite = graphite(25.0);
    let configuration = configuration(&graphite, "", LOAD).replace("127.0.0.1:0", "off");
    let mut agent = Setup::new(&configuration).start();
    agent.wait_stderr("health off");
    agent.wait_stdout("[CRITICAL] Load web-1");
    let sockets = format!("/proc/{}/net/tcp", agent.pid().as_raw_nonzero());
    let listening = |line: &str| {
        // state 0A is LISTEN, the tenth column the inode
        let columns: Vec<_> = line.split_whitespace().collect();
        (columns.get(3) == Some(&"0A")).then(|| format!("socket:[{}]", columns[9]))
    };
    let table = std::fs::read_to_string(sockets).unwrap();
    let listeners: Vec<_> = table.lines().filter_map(listening).collect();
    let folder = format!("/proc/{}/fd", agent.pid().as_raw_nonzero());
    for file in std::fs::read_dir(folder).unwrap().flatten() {
        let name = std::fs::read_link(file.path()).unwrap_or_default();
        assert!(!listeners.contains(&name.display().to_string()), "{name:?}");
    }
}

#[test]
fn agent_is_ready_once_it_has_evaluated() {
    let graphite = graphite(1.0);
    graphite.fail(Failure::Slow(Duration::from_secs(1)));
    let mut agent = setup(&graphite, LOAD).start();
    let address = address(&mut agent);
    let ready = http::get(&format!("{address}/readyz"));
    assert_eq!(
        (ready.status, ready.text().trim()),
        (503, "not ready: nothing has been evaluated yet")
    );
    assert_eq!(http::get(&format!("{address}/healthz")).status, 200);
    agent.wait("readiness", |_| {
        (http::get(&format!("{address}/readyz")).status == 200).then_some(())
    });
    assert_eq!(http::get(&format!("{address}/nothing")).status, 404);
}

#[test]
fn heart_beats_only_while_all_is_well() {
    let graphite = graphite(1.0);
    graphite.down();
    let heart = Sink::start();
    let more = format!("heartbeat: {}/ping/s3cr3t", heart.url());
    let mut agent = Setup::new(&configuration(&graphite, &more, LOAD)).start();
    agent.wait_stdout("[CRITICAL] graphite-pager 127.0.0.1");
    assert!(heart.requests().is_empty(), "it is not well");
    graphite.up();
    let beats = heart.wait_for(1, DEADLINE);
    assert_eq!(
        (beats[0].method.as_str(), beats[0].path.as_str()),
        ("GET", "/ping/s3cr3t")
    );
    assert!(!graphite.requests_for("load").is_empty());
    assert!(
        !agent.stderr().contains("/ping/s3cr3t"),
        "the address is a secret"
    );
}

// The store fails while the agent runs

/// No file of the process may grow beyond this; `None`: any size.
fn limit_files(agent: &Agent, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    prlimit(Some(agent.pid()), Resource::Fsize, limit).unwrap();
}

/// Alerts go on while the store fails; what happened meanwhile is written in the end.
fn store_fails(
    graphite: &Graphite,
    mut agent: Agent,
    fail: impl FnOnce(&Agent),
    mend: impl FnOnce(&Agent),
) {
    let address = address(&mut agent);
    agent.wait_stdout("[CRITICAL] Load web-1");
    fail(&agent);
    agent.wait_stdout("[CRITICAL] graphite-pager (store) cannot be written");
    let mut ready = 0;
    graphite.set_value("load", "web-1", 1.0);
    agent.wait_stdout("[OK] Load web-1");
    graphite.set_value("load", "web-2", 25.0);
    agent.wait_stdout("[CRITICAL] Load web-2");
    mend(&agent);
    agent.wait_stdout("[OK] graphite-pager (store)");
    agent.wait("readiness", |_| {
        ready = http::get(&format!("{address}/readyz")).status;
        (ready == 200).then_some(())
    });
    more_requests(graphite, "load", 2);
    agent.restart();
    more_requests(graphite, "load", 2);
    assert_eq!(
        said(&agent, ""),
        Vec::<String>::new(),
        "all of it was written"
    );
    graphite.set_value("load", "web-2", 1.0);
    agent.wait_stdout("[OK] Load web-2");
}

#[test]
fn store_that_is_full_stops_no_page_and_is_written_when_it_works_again() {
    let graphite = graphite(25.0);
    let agent = setup(&graphite, LOAD).start();
    let full = |agent: &Agent| limit_files(agent, Some(1));
    store_fails(&graphite, agent, full, |agent| {
        limit_files(agent, None);
    });
}

#[test]
fn store_that_is_full_makes_the_agent_unready() {
    let graphite = graphite(1.0);
    let mut agent = setup(&graphite, LOAD).start();
    let address = address(&mut agent);
    graphite.wait_requests("load", 2);
    limit_files(&agent, Some(1));
    agent.wait("unreadiness", |_| {
        let ready = http::get(&format!("{address}/readyz"));
        (ready.status == 503 && ready.text().contains("the store cannot be written")).then_some(())
    });
    assert_eq!(http::get(&format!("{address}/healthz")).status, 200);
    // it stops all the same, and says what is lost
    agent.signal(Signal::TERM);
    assert_eq!(agent.wait_exit().code(), Some(0));
    assert!(
        agent.stderr().contains("the store still fails"),
        "{}",
        agent.stderr()
    );
}

#[test]
fn store_that_is_deleted_is_made_anew() {
    let graphite = graphite(25.0);
    let agent = setup(&graphite, LOAD).start();
    let delete = |agent: &Agent| {
        for entry in std::fs::read_dir(agent.setup().folder()).unwrap().flatten() {
            if entry.file_name().to_string_lossy().contains(".db") {
                std::fs::remove_file(entry.path()).unwrap();
            }
        }
    };
    store_fails(&graphite, agent, delete, |_| {});
}

// The schedule

#[test]
fn calendar_says_its_next_time_in_its_zone() {
    let graphite = graphite(1.0);
    let alerts = "- {name: Report, target: load, critical: 20, schedule: '30 9 * * mon', timezone: Europe/Berlin}\n\
         - {name: Backup, target: load, critical: 20, schedule: '5 4 * * *'}\n\
         - {name: Load, target: load, critical: 20, every: 1m}";
    let verify =
        setup(&graphite, alerts).arguments(&["verify", "-c", "alerts.yml", "--format", "json"]);
    let finished = verify.env("TZ", "America/New_York").run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let rows: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
    let next = |index: usize| {
        chrono::DateTime::parse_from_rfc3339(rows[index]["next"].as_str().unwrap()).unwrap()
    };
    let now = chrono::Utc::now();
    let report = next(0).with_timezone(&chrono_tz::Europe::Berlin);
    assert_eq!(
        (report.weekday(), report.hour(), report.minute()),
        (chrono::Weekday::Mon, 9, 30)
    );
    assert!(
        report > now - chrono::TimeDelta::minutes(1) && report <= now + chrono::TimeDelta::days(8)
    );
    let backup = next(1).to_utc();
    assert_eq!((backup.hour(), backup.minute()), (4, 5));
    assert!(backup <= now + chrono::TimeDelta::hours(25));
    assert!(next(2).to_utc() <= now + chrono::TimeDelta::seconds(61));
}

#[test]
fn failed_evaluation_of_a_rare_alert_is_tried_again_after_ten_seconds() {
    let graphite = graphite(25.0);
    graphite.fail(Failure::status(503));
    // a name whose slot is soon
    let soon = u64::try_from(epoch_now() + 3).unwrap() % 360;
    let mut names = (0..).map(|number| format!("Rare {number}"));
    let name = names.find(|name| hash::stable(name.as_bytes()) % 360 == soon);
    let rare = format!(
        "- {{name: {}, target: load, critical: 20, every: 6m}}",
        name.unwrap()
    );
    let mut agent = setup(&graphite, &rare).start();
    let first = graphite.wait_requests("load", 1).remove(0);
    graphite.fail(None);
    agent.wait_stdout("[CRITICAL] Rare");
    let again = graphite.requests_for("load").pop().unwrap();
    assert_eq!(slot(&again), slot(&first), "the same slot");
    let after = again.at - first.at;
    assert!((10..13).contains(&after.as_secs()), "{after:?}");
}

// Size

#[test]
fn thousand_alerts_fit_into_twenty_megabytes() {
    let graphite = Graphite::start();
    let mut alerts = String::new();
    for number in 0..1000 {
        let target = format!("servers.web-{number}.load");
        graphite.set(&target, vec![Series::constant(&target, 1.0)]);
        alerts.push_str(&format!(
            "- {{name: Load {number}, target: {target}, warning: 10, critical: 20, every: 4s}}\n"
        ));
    }
    let mut agent = setup(&graphite, &alerts).start();
    agent.wait_stderr("watching 1000 alerts");
    // they share requests
    let asked = || -> usize {
        let requests = graphite.requests();
        requests.iter().map(|request| request.targets().len()).sum()
    };
    let all = || (asked() >= 1500).then_some(());
    poll(DEADLINE, all).unwrap_or_else(|| panic!("only {} targets", asked()));
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", agent.pid().as_raw_nonzero())).unwrap();
    // the rest of what is resident is the program itself: some 12 MB of a
    // release build, more of the unoptimised one that is tested here
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kib: u64 = line
        .and_then(|line| line.split_whitespace().nth(1))
        .unwrap()
        .parse()
        .unwrap();
    println!("resident beside the program: {kib} KiB");
    assert!(kib < 12 * 1024, "{kib} KiB are resident");
}

/// Heaps that threads have beside the process's own: glibc reserves 64 MiB for
/// each, of which the beginning can be written.
#[cfg(target_env = "gnu")]
fn heaps(agent: &Agent) -> usize {
    const RESERVED: u64 = 64 << 20;
    let maps = format!("/proc/{}/maps", agent.pid().as_raw_nonzero());
    let maps = std::fs::read_to_string(maps).unwrap();
    let mapped: Vec<(u64, u64, &str)> = maps
        .lines()
        .map(|line| {
            let mut words = line.split_whitespace();
            let (start, end) = words.next().unwrap().split_once('-').unwrap();
            let number = |hex| u64::from_str_radix(hex, 16).unwrap();
            (number(start), number(end), words.next().unwrap())
        })
        .collect();
    let is_heap = |two: &&[(u64, u64, &str)]| {
        let (first, rest) = (two[0], two[1]);
        first.0 % RESERVED == 0
            && (first.2, rest.2) == ("rw-p", "---p")
            && rest.1 - first.0 == RESERVED
    };
    mapped.windows(2).filter(is_heap).count()
}

#[cfg(target_env = "gnu")]
#[test]
fn the_agent_runs_on_one_heap_unless_somebody_chose_otherwise() {
    let graphite = graphite(30.0);
    for chosen in [None, Some("3")] {
        let mut setup = setup(&graphite, LOAD);
        if let Some(chosen) = chosen {
            setup = setup.env("MALLOC_ARENA_MAX", chosen);
        }
        let mut agent = setup.start();
        agent.wait_stdout("[CRITICAL]");
        assert_eq!(heaps(&agent) > 0, chosen.is_some(), "{chosen:?}");
        assert!(agent.stop().success());
    }
}
