//! A store that fails, on the real binary: it stops no page, is told as an
//! incident, and what happened meanwhile is written when it works again.
//!
//! `tests/life.rs` has the file that may not grow, and the one that is deleted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::getuid;
use support::agent::{Agent, Setup};
use support::faults::{Bench, address, held_to_permissions, levels, said, wait_ready};

const LOAD: &str = "name: Load, target: load, warning: 10, critical: 20";

/// `web-1` is bad, `web-2` to `web-9` are well; the store is `state/pager.db`.
fn bench() -> (Bench, Setup) {
    let bench = Bench::start();
    bench.graphite.set_value("load", "web-1", 25.0);
    for n in 2..10 {
        bench.graphite.set_value("load", &format!("web-{n}"), 1.0);
    }
    let graphite = "timeout: 5s, error_for: 5s";
    let configuration = bench.configuration(graphite, "store: state/pager.db", &[LOAD]);
    let setup = Setup::new(&configuration);
    fs::create_dir(setup.folder().join("state")).unwrap();
    (bench, setup)
}

fn store(setup: &Setup) -> PathBuf {
    setup.folder().join("state/pager.db")
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What is asked of every store that fails while the agent runs: `fail` makes it
/// fail, which is said with `words`; `mend` ends that.
fn stops_no_page(
    bench: &Bench,
    mut agent: Agent,
    words: &str,
    fail: impl FnOnce(&mut Agent),
    mend: impl FnOnce(&mut Agent),
) {
    let address = address(&mut agent);
    bench.wait_event("trigger Load/web-1");
    bench.evaluated(&["load"], 1);
    fail(&mut agent);
    // something to write, in every place of the store
    bench.graphite.set_value("load", "web-2", 25.0);
    bench.wait_event("trigger Load/web-2");
    let line = agent.wait_stdout("[CRITICAL] graphite-pager (store) cannot be written: ");
    assert!(line.contains(words), "no `{words}` in {line}");
    bench.wait_event("trigger graphite-pager/(store)");
    wait_ready(&mut agent, &address, 503, "the store cannot be written");
    bench.graphite.set_value("load", "web-1", 1.0);
    bench.graphite.set_value("load", "web-3", 25.0);
    bench.wait_event("resolve Load/web-1");
    bench.wait_event("trigger Load/web-3");
    mend(&mut agent);
    bench.wait_event("resolve graphite-pager/(store)");
    agent.wait_stderr("the store is written again");
    wait_ready(&mut agent, &address, 200, "");
    nothing_lost_nothing_doubled(bench, agent);
}

/// What is asked where the agent itself mends what `fail` did, and says `words`.
fn heals(bench: &Bench, mut agent: Agent, words: &str, fail: impl FnOnce(&mut Agent)) {
    bench.wait_event("trigger Load/web-1");
    bench.evaluated(&["load"], 1);
    fail(&mut agent);
    bench.graphite.set_value("load", "web-2", 25.0);
    bench.wait_event("trigger Load/web-2");
    agent.wait_stderr(words);
    bench.graphite.set_value("load", "web-1", 1.0);
    bench.graphite.set_value("load", "web-3", 25.0);
    bench.wait_event("resolve Load/web-1");
    bench.wait_event("trigger Load/web-3");
    nothing_lost_nothing_doubled(bench, agent);
}

/// PagerDuty's events about `Load`.
fn of_load(bench: &Bench) -> Vec<String> {
    let mut events = bench.events();
    events.retain(|event| event.contains("Load/"));
    events
}

/// Whatever was told, a kill adds nothing; `web-2` and `web-3` burn, and end.
fn nothing_lost_nothing_doubled(bench: &Bench, mut agent: Agent) {
    // told is written after it was said
    bench.evaluated(&["load"], 1);
    agent.restart();
    bench.evaluated(&["load"], 1);
    assert_eq!(said(&agent, ""), Vec::<String>::new());
    for series in ["web-2", "web-3"] {
        bench.graphite.set_value("load", series, 1.0);
    }
    bench.wait_event("resolve Load/web-2");
    bench.wait_event("resolve Load/web-3");
    let mut events = of_load(bench);
    events.sort();
    let twice = ["resolve", "trigger"]
        .map(|action| ["web-1", "web-2", "web-3"].map(|series| format!("{action} Load/{series}")));
    assert_eq!(events, twice.concat());
    assert!(bench.pagerduty.open().is_empty(), "{:?}", bench.events());
}

// Full

/// A file system of 1 MiB that is mounted for those alone who are started in it.
struct Disk {
    holder: Child,
}

impl Disk {
    /// Mounts it at `state/`.
    fn mount(setup: &Setup) -> Self {
        let mut unshare = Command::new("unshare");
        if !getuid().is_root() {
            unshare.arg("--map-root-user");
        }
        unshare
            .args(["--mount", "sh", "-c"])
            .arg("mount -t tmpfs -o size=1m none state && echo mounted && read end")
            .current_dir(setup.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut holder = unshare.spawn().unwrap();
        let mut line = String::new();
        let mut output = BufReader::new(holder.stdout.take().unwrap());
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "mounted\n", "this system lets nobody mount a tmpfs");
        Self { holder }
    }

    /// Run on this disk.
    fn setup(&self, setup: Setup) -> Setup {
        let target = self.holder.id().to_string();
        let folder = setup.folder().display().to_string();
        let user = match getuid().is_root() {
            true => "",
            false => "--user --preserve-credentials",
        };
        // the folder is looked up once more: as it is behind the mount
        let enter = format!(
            "nsenter --mount --target {target} {user} sh -c 'cd {folder} && exec \"$@\"' sh \"$@\""
        );
        setup.under(&["sh", "-c", &format!("exec {enter}"), "sh"])
    }

    fn ballast(&self, setup: &Setup) -> PathBuf {
        let root = format!("/proc/{}/root", self.holder.id());
        let folder = setup.folder().strip_prefix("/").unwrap().to_owned();
        Path::new(&root).join(folder).join("state/ballast")
    }

    /// Not a byte is left.
    fn fill(&self, setup: &Setup) {
        let mut ballast = fs::File::create(self.ballast(setup)).unwrap();
        while ballast.write_all(&[0; 4096]).is_ok() {}
        while ballast.write_all(&[0]).is_ok() {}
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

#[test]
fn full_disk_stops_no_page_and_is_written_when_there_is_room() {
    let (bench, setup) = bench();
    let disk = Disk::mount(&setup);
    let setup = disk.setup(setup);
    let agent = setup.start();
    let fill = |_: &mut Agent| disk.fill(&setup);
    stops_no_page(&bench, agent, "full", fill, |_| {
        fs::remove_file(disk.ballast(&setup)).unwrap();
    });
}

#[test]
fn restart_on_a_full_disk_goes_on_from_what_is_stored() {
    let (bench, setup) = bench();
    let disk = Disk::mount(&setup);
    let setup = disk.setup(setup);
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    bench.evaluated(&["load"], 2);
    agent.kill();
    disk.fill(&setup);
    agent.restart();
    bench.evaluated(&["load"], 2);
    bench.graphite.set_value("load", "web-2", 25.0);
    bench.wait_event("trigger Load/web-2");
    bench.wait_event("trigger graphite-pager/(store)");
    assert_eq!(levels(&agent, "Load web-1"), Vec::<String>::new());
    bench.graphite.set_value("load", "web-1", 1.0);
    bench.wait_event("resolve Load/web-1");
    fs::remove_file(disk.ballast(&setup)).unwrap();
    bench.wait_event("resolve graphite-pager/(store)");
    bench.graphite.set_value("load", "web-3", 25.0);
    bench.wait_event("trigger Load/web-3");
    nothing_lost_nothing_doubled(&bench, agent);
}

// Slow, and refusing: a library between the agent and its files

/// Writes and syncs of the store's files do what the file `$FAULT` says: an
/// error of this number, or nothing for as long as it says `slow`, or for a
/// second where it says `crawl`.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int fault(int fd) {
    char link[64], path[4096], word[32] = "";
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    if (!strstr(path, ".db")) return 0;
    FILE *file = fopen(getenv("FAULT"), "r");
    if (!file) return 0;
    if (!fgets(word, sizeof word, file)) word[0] = 0;
    fclose(file);
    if (strncmp(word, "crawl", 5) == 0) return -2;
    return strncmp(word, "slow", 4) == 0 ? -1 : atoi(word);
}

static int fails(int fd, int may_wait) {
    int found = fault(fd);
    if (may_wait && found == -2) { usleep(1000000); found = 0; }
    while (may_wait && found < 0) { usleep(50000); found = fault(fd); }
    if (found <= 0) return 0;
    errno = found;
    return 1;
}

#define REAL(name) (real ? real : (real = dlsym(RTLD_NEXT, name)))

ssize_t write(int fd, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    return fails(fd, 0) ? -1 : REAL("write")(fd, bytes, count);
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    return fails(fd, 0) ? -1 : REAL("pwrite")(fd, bytes, count, at);
}
ssize_t pwrite64(int fd, const void *bytes, size_t count, off_t at) {
    static ssize_t (*real)(int, const void *, size_t, off_t);
    return fails(fd, 0) ? -1 : REAL("pwrite64")(fd, bytes, count, at);
}
int fdatasync(int fd) {
    static int (*real)(int);
    return fails(fd, 1) ? -1 : REAL("fdatasync")(fd);
}
int fsync(int fd) {
    static int (*real)(int);
    return fails(fd, 1) ? -1 : REAL("fsync")(fd);
}
"#;

/// The agent on a store that does what `fault` in its folder says.
fn shimmed(setup: Setup) -> Setup {
    fs::write(setup.folder().join("shim.c"), SHIM).unwrap();
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-o", "shim.so", "shim.c", "-ldl"])
        .current_dir(setup.folder())
        .status();
    assert!(built.unwrap().success());
    let path = |name: &str| setup.folder().join(name).display().to_string();
    let (shim, fault) = (path("shim.so"), path("fault"));
    setup.env("LD_PRELOAD", shim).env("FAULT", fault)
}

fn fault(agent: &Agent, word: &str) {
    agent.setup().write("fault", word);
}

#[test]
fn commit_that_takes_longer_than_five_seconds_stops_no_page() {
    let (bench, setup) = bench();
    let agent = shimmed(setup).start();
    let slow = |agent: &mut Agent| fault(agent, "slow");
    stops_no_page(
        &bench,
        agent,
        "a commit took longer than 5 s",
        slow,
        |agent| {
            fault(agent, "");
        },
    );
}

#[test]
fn disk_that_takes_a_second_for_each_commit_does_not_hold_up_one_page_for_each_other() {
    let bench = Bench::start();
    let target = |n: usize| format!("t{n}");
    let alert = |n: usize| format!("name: A{n}, target: t{n}, critical: 20");
    let alerts: Vec<String> = (0..6).map(alert).collect();
    let alerts: Vec<&str> = alerts.iter().map(String::as_str).collect();
    let all = |value: f64| {
        for n in 0..6 {
            bench.graphite.set_value(&target(n), "web-1", value);
        }
    };
    all(1.0);
    let mut agent = shimmed(bench.setup(&alerts)).start();
    bench.evaluated(&["t0", "t5"], 1);
    fault(&agent, "crawl");
    let begun = Instant::now();
    all(25.0);
    bench.wait_events(6);
    let all_told = begun.elapsed();
    println!("six pages took {all_told:?}");
    assert!(all_told < Duration::from_secs(20), "{all_told:?}");
    fault(&agent, "");
    assert!(agent.stop().success());
    assert_eq!(said(&agent, "(store)"), Vec::<String>::new());
}

#[test]
fn disk_that_errs_and_becomes_read_only_stops_no_page() {
    let (bench, setup) = bench();
    let agent = shimmed(setup).start();
    // EIO, and then EROFS: the kernel no longer trusts the disk
    let err = |agent: &mut Agent| fault(agent, "5");
    stops_no_page(&bench, agent, "disk I/O error", err, |agent| {
        fault(agent, "30");
        bench.evaluated(&["load"], 1);
        assert_eq!(levels(agent, "(store)"), ["CRITICAL"], "it is one trouble");
        fault(agent, "");
    });
}

// Read-only

#[test]
fn store_that_may_not_be_written_is_said_at_the_start() {
    let (bench, setup) = bench();
    let setup = held_to_permissions(setup);
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    bench.evaluated(&["load"], 1);
    // one that is open stays so
    mode(&store(&setup), 0o400);
    bench.graphite.set_value("load", "web-2", 25.0);
    bench.wait_event("trigger Load/web-2");
    bench.evaluated(&["load"], 2);
    assert!(agent.stop().success());
    let refused = |what: &str| {
        let finished = setup.run();
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        let words = "error: the store `state/pager.db` cannot be used: ";
        let lines = &finished.stderr;
        assert!(lines.contains(words), "{what}: {lines}");
        assert!(
            lines.contains("writable") || lines.contains("permissions"),
            "{what}: {lines}"
        );
    };
    refused("a file");
    mode(&store(&setup), 0o600);
    mode(&setup.folder().join("state"), 0o500);
    refused("a folder");
    mode(&setup.folder().join("state"), 0o700);
    let mut agent = setup.start();
    bench.evaluated(&["load"], 2);
    assert_eq!(said(&agent, ""), Vec::<String>::new());
    bench.graphite.set_value("load", "web-1", 1.0);
    agent.wait_stdout("[OK] Load web-1");
}

// Damaged

/// Overwrites `range` of a file, which stays the same file.
fn damage(path: &Path, range: std::ops::Range<u64>) {
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let length = usize::try_from(range.end - range.start).unwrap();
    file.write_all_at(&vec![0xa5; length], range.start).unwrap();
}

#[test]
fn damaged_store_is_refused_at_the_start_left_as_it_is_and_can_be_moved_away() {
    let (bench, setup) = bench();
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    bench.evaluated(&["load"], 1);
    assert!(agent.stop().success());
    let (path, whole) = (store(&setup), fs::read(store(&setup)).unwrap());
    let size = u64::try_from(whole.len()).unwrap();
    type Damage<'a> = (&'a str, Box<dyn Fn()>, &'a str);
    let damages: [Damage<'_>; 3] = [
        (
            "header",
            Box::new({
                let path = path.clone();
                move || damage(&path, 0..100)
            }),
            "is not a file of graphite-pager",
        ),
        (
            "middle",
            Box::new({
                let path = path.clone();
                move || damage(&path, 4096..size)
            }),
            "is damaged",
        ),
        (
            "half",
            Box::new({
                let path = path.clone();
                move || {
                    fs::OpenOptions::new()
                        .write(true)
                        .open(&path)
                        .unwrap()
                        .set_len(size / 2 / 4096 * 4096)
                        .unwrap()
                }
            }),
            "is damaged",
        ),
    ];
    for (what, damage, words) in damages {
        fs::write(&path, &whole).unwrap();
        damage();
        let damaged = fs::read(&path).unwrap();
        let finished = setup.run();
        assert_eq!(finished.code, Some(1), "{what}: {}", finished.stderr);
        let line = format!("error: the store `state/pager.db` {words}");
        assert!(
            finished.stderr.contains(&line),
            "{what}: {}",
            finished.stderr
        );
        assert_eq!(fs::read(&path).unwrap(), damaged, "{what}");
    }
    fs::rename(&path, path.with_extension("bad")).unwrap();
    let mut agent = setup.start();
    // what it knew is gone with the file: told again, with the same key
    agent.wait_stdout("[CRITICAL] Load web-1");
    assert_eq!(bench.pagerduty.open().len(), 1);
}

#[test]
fn store_that_is_overwritten_while_it_runs_is_set_aside_and_made_anew() {
    let (bench, setup) = bench();
    let agent = setup.start();
    let path = store(&setup);
    heals(
        &bench,
        agent,
        "was damaged while it was open (its beginning",
        |_| {
            damage(&path, 0..fs::metadata(&path).unwrap().len());
        },
    );
    assert!(setup.folder().join("state/pager.db.damaged").exists());
}

#[test]
fn store_that_is_cut_off_while_it_runs_is_set_aside_and_made_anew() {
    let (bench, setup) = bench();
    let agent = setup.start();
    heals(
        &bench,
        agent,
        "was damaged while it was open (it became shorter)",
        |_| {
            let file = fs::OpenOptions::new().write(true).open(store(&setup));
            file.unwrap().set_len(0).unwrap();
        },
    );
}

// Gone

#[test]
fn log_of_the_store_that_is_deleted_costs_nothing() {
    let (bench, setup) = bench();
    let agent = setup.start();
    heals(
        &bench,
        agent,
        "the store's log was deleted or moved",
        |_| {
            fs::remove_file(setup.folder().join("state/pager.db-wal")).unwrap();
        },
    );
}

#[test]
fn store_that_is_deleted_without_its_log_is_made_anew() {
    let (bench, setup) = bench();
    let agent = setup.start();
    heals(&bench, agent, "was deleted, moved or replaced", |_| {
        fs::remove_file(store(&setup)).unwrap();
    });
}

#[test]
fn folder_of_the_store_that_is_deleted_stops_no_page_until_it_is_there_again() {
    let (bench, setup) = bench();
    let agent = setup.start();
    let folder = setup.folder().join("state");
    let words = "deleted, moved or replaced";
    stops_no_page(
        &bench,
        agent,
        words,
        |_| fs::remove_dir_all(&folder).unwrap(),
        |_| {
            fs::create_dir(&folder).unwrap();
        },
    );
}

// Locked

/// Another program's connection.
struct Other(tokio::runtime::Runtime, sqlx::SqliteConnection);

impl Other {
    fn open(path: &Path) -> Self {
        use sqlx::ConnectOptions;
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(Duration::ZERO);
        let connection = runtime.block_on(options.connect()).unwrap();
        Self(runtime, connection)
    }

    fn run(&mut self, sql: &'static str) -> Result<(), String> {
        let run = sqlx::raw_sql(sql).execute(&mut self.1);
        self.0
            .block_on(run)
            .map(drop)
            .map_err(|error| error.to_string())
    }
}

#[test]
fn store_that_another_program_holds_is_refused_at_the_start_and_never_given_to_one_later() {
    let (bench, setup) = bench();
    let mut agent = setup.start();
    bench.wait_event("trigger Load/web-1");
    bench.evaluated(&["load"], 1);
    assert!(agent.stop().success());
    let mut other = Other::open(&store(&setup));
    other.run("BEGIN EXCLUSIVE").unwrap();
    let finished = setup.run();
    assert_eq!(finished.code, Some(1));
    let words = "error: the store `state/pager.db` is in use by another";
    assert!(finished.stderr.contains(words), "{}", finished.stderr);
    other.run("ROLLBACK").unwrap();
    drop(other);
    let agent = setup.start();
    bench.evaluated(&["load"], 1);
    // the other way round: whoever comes later is refused, and the agent works on
    let mut other = Other::open(&store(&setup));
    let refused = other.run("BEGIN IMMEDIATE").unwrap_err();
    assert!(refused.contains("locked"), "{refused}");
    drop(other);
    for series in ["web-2", "web-3"] {
        bench.graphite.set_value("load", series, 25.0);
        bench.wait_event(&format!("trigger Load/{series}"));
    }
    assert_eq!(said(&agent, "graphite-pager"), Vec::<String>::new());
    bench.graphite.set_value("load", "web-1", 1.0);
    bench.wait_event("resolve Load/web-1");
    nothing_lost_nothing_doubled(&bench, agent);
}
