//! `docs scaffold` and `docs check`: a page for each alert, and links that lead somewhere.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use support::DEADLINE;
use support::agent::{Finished, Setup};
use support::sink::{Answer, Sink};

/// One alert on every host and one on a single series; no secret that it names is there.
const ALERTS: &str = "graphite: {url: https://graphite.example.com, username: me, password: '${file:/no/such}'}\n\
    docs_url: https://wiki.example.com/alerts\n\
    docs_path: ../pages\n\
    receivers: {oncall: {pagerduty: {routing_key: '${PAGERDUTY_KEY}'}}}\n\
    alerts:\n\
    - name: Load\n\
    \x20 target: aliasByNode(servers.*.loadavg.05, 1)\n\
    \x20 warning: 10\n\
    \x20 critical: 20\n\
    \x20 labels: {team: web}\n\
    - {name: Shop/Orders, target: \"alias(sumSeries(shop.*.orders), 'All shops')\", critical: '< 5', min_series: 1, description: Orders a minute.}\n";

/// What a person wrote.
const WRITTEN: &str = "# Load\n\n## What it means\n\nToo much to do.\n\n## What to do first\n\n1. Look.\n\n\
    <a id=\"(more)\"></a><a id='(more without data)'></a>\nMany.\n";

/// `conf/alerts.yml` with this text.
fn setup(alerts: &str) -> Setup {
    let setup = Setup::new("");
    std::fs::remove_file(setup.folder().join("alerts.yml")).unwrap();
    setup.write("conf/alerts.yml", alerts);
    setup
}

fn docs(setup: &Setup, arguments: &[&str]) -> Finished {
    let (command, rest) = arguments.split_first().unwrap();
    let all = [&["docs", command, "-c", "conf"], rest].concat();
    setup.clone().arguments(&all).run()
}

fn scaffolded(alerts: &str) -> Setup {
    let setup = setup(alerts);
    let finished = docs(&setup, &["scaffold"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    setup
}

/// The same with every page written by a person.
fn written() -> Setup {
    let setup = setup(ALERTS);
    setup.write("pages/Load/README.md", WRITTEN);
    let orders = "<a id=\"All shops\"></a><a id=\"(too few series)\"></a>\n# Orders\n## what it means\nx\n## First steps\ny\n";
    setup.write("pages/Shop/Orders.md", orders);
    setup.write(
        "pages/graphite-pager/index.md",
        "# It\n## The store {#(store)}\nx\n",
    );
    setup.write("pages/README.md", "All pages.\n");
    let finished = docs(&setup, &["check"]);
    assert_eq!((finished.code, &*finished.stdout), (Some(0), ""));
    assert!(finished.stderr.contains("ok: the pages of 2 alerts"));
    setup
}

fn faults(setup: &Setup, arguments: &[&str]) -> Vec<Value> {
    let arguments = [&["check", "--format", "json"], arguments].concat();
    let finished = docs(setup, &arguments);
    let faults: Vec<Value> = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {finished:?}"));
    assert_eq!(
        finished.code,
        Some(i32::from(!faults.is_empty())),
        "{finished:?}"
    );
    faults
}

/// Kind, alert, page and line of each.
fn kinds(faults: &[Value]) -> Vec<String> {
    let shown = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    faults
        .iter()
        .map(|fault| ["kind", "alert", "page", "line"].map(|key| shown(&fault[key])))
        .map(|parts| parts.join(" "))
        .collect()
}

/// Every file below the folder, with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => {
                found.insert(path.clone(), std::fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

// --- scaffold -------------------------------------------------------------------------------

#[test]
fn the_pages_of_packs_are_written_in_full() {
    let configuration = "graphite: {url: http://graphite.example.com}\n\
        docs_path: ../pages\nuse: [{statsd: {instance: counter}}, {kafka: {cluster: eu}}, {haproxy: {prefix: lb.*}}]\n";
    let setup = setup(configuration);
    let scaffold = docs(&setup, &["scaffold"]);
    assert_eq!(scaffold.code, Some(0), "{}", scaffold.stderr);
    let check = docs(&setup, &["check"]);
    assert_eq!((check.code, &*check.stdout), (Some(0), ""));
}

#[test]
fn scaffold_writes_a_page_for_each_alert_where_its_link_looks_for_it() {
    let setup = setup(ALERTS);
    let finished = docs(&setup, &["scaffold"]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    // `docs_path` is taken from the folder of the configuration file
    let mut said: Vec<&str> = finished.stdout.lines().collect();
    said.sort_unstable();
    let expected = [
        "written conf/../pages/Load/README.md",
        "written conf/../pages/Shop/Orders/README.md",
        "written conf/../pages/graphite-pager/README.md",
    ];
    assert_eq!(said, expected);
    assert!(finished.stderr.contains("3 pages written, 0 left alone"));
    let page = std::fs::read_to_string(setup.folder().join("pages/Load/README.md")).unwrap();
    let headings: Vec<&str> = page.lines().filter(|line| line.starts_with('#')).collect();
    let expected = [
        "# Load",
        "## What it means",
        "## Why it matters",
        "## First steps",
        "## Who owns it",
        "## History of thresholds",
        "## Series",
        "## Many at once",
    ];
    assert_eq!(headings, expected);
    for part in [
        "- team: web",
        "`>= 10` | `>= 20`",
        "<a id=\"(more)\"></a>",
        "`aliasByNode(servers.*.loadavg.05, 1)`",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    let page = setup.folder().join("pages/Shop/Orders/README.md");
    let page = std::fs::read_to_string(page).unwrap();
    for part in [
        "Orders a minute.",
        "<a id=\"All shops\"></a>",
        "<a id=\"(too few series)\"></a>",
    ] {
        assert!(page.contains(part), "no {part} in\n{page}");
    }
    // one series is never many
    assert!(!page.contains("(more)"), "{page}");
}

#[test]
fn a_second_scaffold_changes_nothing_and_says_what_it_left_alone() {
    let setup = scaffolded(ALERTS);
    let before = files(setup.folder());
    let finished = docs(&setup, &["scaffold"]);
    assert_eq!(finished.code, Some(0));
    assert_eq!(files(setup.folder()), before);
    assert_eq!(finished.stdout.matches("left alone conf").count(), 3);
    assert!(finished.stderr.contains("0 pages written, 3 left alone"));
}

#[test]
fn scaffold_touches_no_page_that_a_person_wrote_whatever_its_form() {
    let setup = setup(ALERTS);
    setup.write("pages/Load.md", "mine");
    setup.write("pages/Shop/Orders/INDEX.md", "mine, too");
    let before = files(&setup.folder().join("pages"));
    let finished = docs(&setup, &["scaffold"]);
    assert!(finished.stderr.contains("1 page written, 2 left alone"));
    let mut after = files(&setup.folder().join("pages"));
    after.retain(|path, _| !path.ends_with("graphite-pager/README.md"));
    assert_eq!(after, before);
}

#[test]
fn scaffolded_pages_lack_nothing_but_what_a_person_has_to_write() {
    let setup = scaffolded(ALERTS);
    let faults = faults(&setup, &[]);
    let kinds = kinds(&faults);
    let expected = [
        "placeholder Load conf/../pages/Load/README.md 5",
        "placeholder Shop/Orders conf/../pages/Shop/Orders/README.md 9",
    ];
    assert_eq!(kinds, expected);
    let message = faults[0]["message"].as_str().unwrap();
    let part = "still as scaffolded under `What it means`, `Why it matters`, `First steps`, `History of thresholds`";
    assert!(message.contains(part), "{message}");
}

#[test]
fn a_name_that_leads_out_of_the_folder_gets_no_page_and_the_others_do() {
    let setup = setup(
        "alerts:\n- {name: ../../x, target: a.b, critical: 1}\n- {name: Ok, target: a.c, critical: 1}\n",
    );
    let finished = docs(&setup, &["scaffold", "--docs-path", "deep/pages"]);
    assert_eq!(finished.code, Some(1));
    let part = "no file can have the name of alert `../../x`";
    assert!(finished.stderr.contains(part), "{}", finished.stderr);
    let written: Vec<PathBuf> = files(setup.folder()).into_keys().collect();
    let expected = [
        "conf/alerts.yml",
        "deep/pages/Ok/README.md",
        "deep/pages/graphite-pager/README.md",
    ];
    assert_eq!(written, expected.map(|path| setup.folder().join(path)));
    let checked = docs(&setup, &["check", "--docs-path", "deep/pages"]);
    assert!(
        checked
            .stdout
            .contains("hint: give the alert a link of its own")
    );
}

#[test]
fn without_a_folder_both_commands_say_how_to_name_one() {
    let setup = setup("alerts: [{name: Load, target: a.b, critical: 1}]\n");
    for command in ["check", "scaffold"] {
        let finished = docs(&setup, &[command]);
        assert_eq!(finished.code, Some(1));
        assert!(finished.stderr.contains("nothing says where the pages are"));
        assert!(finished.stderr.contains("hint: write `docs_path: docs`"));
    }
    let finished = docs(&setup, &["check", "--docs-path", "nowhere"]);
    assert_eq!(finished.code, Some(1));
    let stderr = finished.stderr;
    assert!(stderr.contains("there is no folder `nowhere`"), "{stderr}");
    assert!(stderr.contains("hint: `graphite-pager docs scaffold`"));
}

#[test]
fn the_manual_and_the_completions_know_both_commands() {
    let setup = Setup::new("");
    std::fs::create_dir(setup.folder().join("man")).unwrap();
    let made = setup.clone().arguments(&["man", "--dir", "man"]).run();
    assert_eq!(made.code, Some(0));
    for command in ["check", "scaffold"] {
        let page = setup
            .folder()
            .join(format!("man/graphite-pager-docs-{command}.1"));
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains("docs\\-path"), "{page}");
    }
    let completions = setup.arguments(&["completions", "bash"]).run().stdout;
    for word in ["scaffold", "--docs-path", "--online"] {
        assert!(completions.contains(word), "{word}");
    }
}

// --- check ----------------------------------------------------------------------------------

#[test]
fn check_finds_an_alert_without_a_page_and_a_page_without_an_alert() {
    let setup = written();
    let pages = setup.folder().join("pages");
    std::fs::rename(pages.join("Load"), pages.join("Laod")).unwrap();
    let found = faults(&setup, &[]);
    let expected = [
        "missing-page Load null null",
        "page-without-alert null conf/../pages/Laod/README.md null",
    ];
    assert_eq!(kinds(&found), expected);
    assert_eq!(found[0]["place"], "conf/alerts.yml:6");
    let finished = docs(&setup, &["check"]);
    let expected = "error: conf/alerts.yml:6: alert `Load` has no page\n\n\
        hint: `graphite-pager docs scaffold` writes a page to fill in\n\n\
        error: conf/../pages/Laod/README.md: there is no alert `Laod` for this page\n\n\
        hint: where the alert was renamed, rename the page as well; where it is gone, take the page out\n";
    assert_eq!(finished.stdout, expected);
}

#[test]
fn check_finds_missing_sections_and_anchors_and_says_what_to_write() {
    let setup = written();
    let page = "# Load\n\n## What it means\n\n## Else\n\n```\n## First steps\n<a id=\"(more)\"></a>\n```\n";
    setup.write("pages/Load/README.md", page);
    let found = faults(&setup, &[]);
    let expected = [
        "missing-section Load conf/../pages/Load/README.md 3",
        "missing-section Load conf/../pages/Load/README.md null",
        "missing-anchor Load conf/../pages/Load/README.md null",
    ];
    assert_eq!(kinds(&found), expected);
    let text = |at: usize, key: &str| found[at][key].as_str().unwrap().to_owned();
    assert!(text(0, "message").contains("has nothing in section `What it means`"));
    assert!(text(1, "message").contains("has no section `First steps`"));
    let part = "has no anchor for `(more without data)`, `(more)`";
    assert!(text(2, "message").contains(part));
    assert!(text(2, "hint").contains("write `<a id=\"(more without data)\"></a>`"));
}

#[test]
fn check_finds_a_second_page_of_an_alert() {
    let setup = written();
    setup.write("pages/Load.md", WRITTEN);
    let found = faults(&setup, &[]);
    let expected = ["two-pages Load conf/../pages/Load.md null"];
    assert_eq!(kinds(&found), expected);
}

#[test]
fn pages_of_disabled_alerts_and_what_lies_beside_a_page_are_left_alone() {
    let setup = written();
    let more = "- {name: Off, target: x.y, critical: 1, enabled: false}\n\
        - {name: Else, target: x.z, critical: 1, docs: 'https://else.example.com'}\n";
    setup.write("conf/alerts.yml", &format!("{ALERTS}{more}"));
    setup.write("pages/Off/README.md", "later");
    setup.write("pages/Load/details/queue.md", "more about it");
    setup.write("pages/Load/graph.svg", "<svg/>");
    setup.write("pages/.git/notes.md", "no page");
    assert_eq!(faults(&setup, &[]), Vec::<Value>::new());
}

#[test]
fn the_pages_of_the_packs_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let alerts = root.join("alerts");
    let pages = alerts.join("docs");
    let paths = [&alerts, &pages].map(|path| path.to_str().unwrap());
    let finished = Setup::new("")
        .arguments(&["docs", "check", "-c", paths[0], "--docs-path", paths[1]])
        .run();
    assert_eq!((finished.code, &*finished.stdout), (Some(0), ""));
}

// --- online ---------------------------------------------------------------------------------

/// Alerts whose pages `sink` publishes.
fn published(sink: &Sink) -> Setup {
    let url = sink.url();
    setup(&format!(
        "graphite: {{url: http://graphite.example.com}}\n\
         docs_url: {url}/alerts\n\
         alerts:\n\
         - {{name: Disk use, target: 'servers.*.disk', critical: 90}}\n\
         - {{name: Queue, target: a.queue, critical: 5, doc_url: {url}/queues}}\n\
         - {{name: Own, target: a.own, critical: 5, docs: '{url}/own?x=1#first'}}\n\
         - {{name: Each, target: 'a.*', critical: 5, docs: '{url}/{{{{ series }}}}'}}\n"
    ))
}

fn html(body: &str) -> Answer {
    let kind = ("content-type", "text/html; charset=utf-8".to_owned());
    Answer::Status(200, vec![kind], body.to_owned())
}

/// A page with every anchor.
const WHOLE: &str = "<!doctype html><h2 id='(more)'>x</h2><a name=\"(more without data)\"></a>\
    <p id=a.queue><p id=\"first\"><h2 id=\"user-content-(store)\">The store</h2>";

fn online(setup: &Setup) -> Vec<Value> {
    faults(setup, &["--online", "--timeout", "2s"])
}

#[test]
fn online_every_link_is_asked_for_once_as_messages_write_it() {
    let sink = Sink::with(|_| html(WHOLE));
    let setup = published(&sink);
    let finished = docs(&setup, &["check", "--online"]);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    assert!(finished.stderr.contains("4 links"), "{}", finished.stderr);
    let note = "note: the links of `Each` depend on the series";
    assert!(finished.stderr.contains(note), "{}", finished.stderr);
    let mut asked: Vec<String> = sink.requests().into_iter().map(|r| r.path).collect();
    asked.sort();
    let expected = [
        "/alerts/Disk%20use",
        "/alerts/graphite-pager",
        "/own?x=1",
        "/queues/Queue",
    ];
    assert_eq!(asked, expected);
}

#[test]
fn online_a_page_that_is_not_there_and_one_without_its_anchors_are_found() {
    let sink = Sink::with(|request| match &*request.path {
        "/alerts/Disk%20use" => Answer::status(404),
        "/queues/Queue" => html("<!-- <p id=a.queue> --><script>'<p id=a.queue>'</script>"),
        _ => html(WHOLE),
    });
    let setup = published(&sink);
    let found = online(&setup);
    let url = sink.url();
    let expected = [
        format!("link-failed Disk use {url}/alerts/Disk%20use null"),
        format!("missing-anchor Queue {url}/queues/Queue null"),
    ];
    assert_eq!(kinds(&found), expected);
    let text = |at: usize, key: &str| found[at][key].as_str().unwrap().to_owned();
    assert!(text(0, "message").contains("answers 404 Not Found"));
    assert!(text(0, "hint").contains("publish the page"));
    assert!(text(1, "message").contains("no anchor for `a.queue`"));
}

#[test]
fn online_redirects_stay_on_the_host_and_a_login_page_is_no_page() {
    let sink = Sink::with(|request| {
        let to =
            |place: &str| Answer::Status(302, vec![("location", place.to_owned())], String::new());
        match &*request.path {
            "/alerts/Disk%20use" => to("/alerts/Disk%20use/"),
            // nobody is there: were it followed, the fault would be another
            "/queues/Queue" => to("http://login.example.com/?next=queue"),
            "/own?x=1" => to("/login"),
            "/login" => html("<form><input name=p type=PASSWORD></form>"),
            "/alerts/graphite-pager" => to("/alerts/graphite-pager"),
            _ => html(WHOLE),
        }
    });
    let found = online(&published(&sink));
    let messages: Vec<&str> = found
        .iter()
        .map(|fault| fault["message"].as_str().unwrap())
        .collect();
    let expected = [
        "the page of `Queue` redirects to another host, `http://login.example.com`: a login page, perhaps",
        "the page of `Own` shows a login page",
        "the page of `graphite-pager` redirects more than 5 times",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn online_a_server_that_hangs_or_never_ends_costs_a_bounded_time() {
    let sink = Sink::with(|request| match &*request.path {
        "/A00" => Answer::Endless(200),
        _ => Answer::Hang,
    });
    let mut alerts = format!(
        "graphite: {{url: http://graphite.example.com}}\ndocs_url: {}\nalerts:\n",
        sink.url()
    );
    for number in 0..60 {
        alerts += &format!("- {{name: A{number:02}, target: a.{number}, critical: 1}}\n");
    }
    let began = Instant::now();
    let found = online(&setup(&alerts));
    assert!(began.elapsed() < DEADLINE, "{:?}", began.elapsed());
    assert_eq!(found.len(), 61);
    // read as far as a page may be long, or as far as there is time
    assert_eq!(found[0]["alert"], "A00");
    let message = found[1]["message"].as_str().unwrap();
    assert!(message.contains("took too long to answer"), "{message}");
    let message = found[59]["message"].as_str().unwrap();
    assert!(message.contains("was not asked for"), "{message}");
    assert!(sink.requests().len() < 12, "{}", sink.requests().len());
}

#[test]
fn online_what_nobody_listens_at_is_said_without_a_password() {
    let setup = setup(
        "graphite: {url: http://graphite.example.com}\n\
         alerts: [{name: Load, target: a.b, critical: 1}]\n",
    );
    let setup = setup.env("DOCS_URL", "http://wiki:s3cr3t@127.0.0.1:1/alerts");
    let finished = docs(&setup, &["check", "--online", "--timeout", "2s"]);
    assert_eq!(finished.code, Some(1));
    let part = "error: http://127.0.0.1:1/alerts/Load: the page of `Load` cannot be asked for";
    assert!(finished.stdout.contains(part), "{}", finished.stdout);
    assert!(!format!("{finished:?}").contains("s3cr3t"));
}
