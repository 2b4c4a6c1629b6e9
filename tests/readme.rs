//! What the pages say is so: every command of README, `docs/`, `alerts/` and
//! `examples/` is run, every configuration is verified, every link leads
//! somewhere.
//!
//! The README's ten minutes are in `tests/ten_minutes.rs`, beside a running demo.
//! Other commands run on stand-ins for Graphite, PagerDuty and the mail server, in a
//! folder that holds what the page says. The few that cannot be run here are
//! named in `instead`, each with the reason and with what is checked in place.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::agent::{Finished, Setup};
use support::graphite::{Graphite, Series};
use support::pagerduty::PagerDuty;
use support::proxy::Proxy;
use support::sink::Sink;
use support::smtp::{Manners, Smtp};

const ROUTING_KEY: &str = "0123456789abcdef0123456789abcdef";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every page that a newcomer may read, by its path.
fn pages() -> Vec<String> {
    let mut pages = [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "alerts/README.md",
        "examples/README.md",
    ]
    .map(str::to_owned)
    .to_vec();
    for folder in ["docs", "examples", "alerts/docs"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let page = match name.ends_with(".md") {
                true => format!("{folder}/{name}"),
                false => format!("{folder}/{name}/README.md"),
            };
            if root().join(&page).is_file() && !pages.contains(&page) {
                pages.push(page);
            }
        }
    }
    pages.sort();
    pages
}

/// What stands between two fences.
#[derive(Clone, Debug)]
struct Block {
    page: String,
    /// The heading that it stands below.
    section: String,
    line: usize,
    /// The word after the first fence.
    kind: String,
    text: String,
}

fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for page in pages() {
        let mut open: Option<Block> = None;
        let mut section = String::new();
        for (index, line) in read(&page).lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(kind), None) => {
                    open = Some(Block {
                        page: page.clone(),
                        section: section.clone(),
                        line: index + 1,
                        kind: kind.to_owned(),
                        text: String::new(),
                    });
                }
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {
                    if let Some(heading) = line.strip_prefix("## ") {
                        section = heading.to_owned();
                    }
                }
            }
        }
        assert!(open.is_none(), "{page}: a fence that nothing closes");
    }
    blocks
}

/// Those of a kind, but for those of the ten minutes, which have a test of their own.
fn blocks_of(kind: &str) -> Vec<Block> {
    let mut blocks = blocks();
    blocks.retain(|block| block.kind == kind && block.section != "Ten minutes");
    assert!(!blocks.is_empty(), "no block is {kind}");
    blocks
}

/// Code within a sentence, of all pages.
fn inline_code() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for page in pages() {
        let text = read(&page);
        let sentences = text.split("```").step_by(2);
        for sentence in sentences {
            let code = sentence.split('`').skip(1).step_by(2);
            found.extend(code.map(|code| (page.clone(), code.to_owned())));
        }
    }
    found
}

#[test]
fn every_block_is_of_a_kind_that_is_held_here() {
    for block in blocks() {
        let held = match block.kind.as_str() {
            "yaml" | "sh" | "json" => true,
            // a drawing, or what the program prints
            "" => {
                block.page == "ARCHITECTURE.md"
                    || ["error: ", "warning: ", "FAILED "]
                        .iter()
                        .any(|word| block.text.starts_with(word))
            }
            _ => false,
        };
        assert!(
            held,
            "{}:{}: `{}` is not held",
            block.page, block.line, block.kind
        );
    }
}

// --- configurations -------------------------------------------------------------------------

/// What the documentation's configurations read from the environment.
fn environment(setup: Setup) -> Setup {
    setup
        .env("PAGERDUTY_KEY", ROUTING_KEY)
        .env("SLACK_URL", "https://hooks.slack.example.com/x")
        .env("SMTP_URL", "smtp://localhost:25")
        .env("SMTP_PASSWORD", "secret")
        .env("GRAPHITE_PASSWORD", "secret")
}

/// Verifies a piece of YAML together with what it leaves out.
fn verify_piece(piece: &str) -> Finished {
    let value: Value = serde_yaml::from_str(piece).unwrap();
    let known = [
        "graphite",
        "graphite_url",
        "alerts",
        "receivers",
        "routes",
        "defaults",
        "use",
    ];
    let has = |key: &str| value.get(key).is_some();
    let piece = match value.is_object() && !known.iter().any(|key| has(key)) {
        // keys of an alert
        true => format!(
            "- name: Own\n  target: own\n  critical: 1\n{}",
            indented(piece)
        ),
        false => piece.to_owned(),
    };
    let mut rest = String::new();
    if !has("graphite") && !has("graphite_url") {
        rest.push_str("graphite: {url: https://graphite.example.com}\n");
    }
    if !has("alerts") {
        rest.push_str("alerts: [{name: Other, target: other, critical: 1}]\n");
    }
    let missing = receivers_that_are_missing(&value);
    if !missing.is_empty() {
        rest.push_str("receivers:\n");
        for name in missing {
            rest.push_str(&format!("  {name}: {{console: {{}}}}\n"));
        }
    }
    let mut arguments = vec![
        "verify".to_owned(),
        "-c".to_owned(),
        "alerts.yml".to_owned(),
    ];
    if !rest.is_empty() {
        arguments.extend(["-c".to_owned(), "rest.yml".to_owned()]);
    }
    // a first line may say what it goes together with
    let first = piece.lines().next().unwrap_or_default();
    for word in first.split(" -c ").skip(2) {
        let path = root().join(word.split_whitespace().next().unwrap());
        arguments.extend(["-c".to_owned(), path.to_str().unwrap().to_owned()]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let setup = environment(Setup::new(&piece)).arguments(&arguments);
    setup.write("rest.yml", &rest);
    setup.run()
}

/// `piece` as keys of one alert that has what every alert needs.
fn indented(piece: &str) -> String {
    piece.lines().map(|line| format!("  {line}\n")).collect()
}

fn receivers_that_are_missing(value: &Value) -> BTreeSet<String> {
    let mut named = BTreeSet::new();
    for list in ["routes", "alerts"] {
        for entry in value[list].as_array().into_iter().flatten() {
            let notify = entry["notify"].as_array().into_iter().flatten();
            named.extend(notify.map(|name| name.as_str().unwrap().to_owned()));
        }
    }
    named.retain(|name| value["receivers"].get(name).is_none());
    named
}

#[test]
fn every_configuration_on_a_page_is_sound() {
    for block in blocks_of("yaml") {
        let finished = match is_a_test(&block) {
            true => tested(&block.page, |alerts| alerts),
            false => verify_piece(&block.text),
        };
        assert_eq!(
            finished.code,
            Some(0),
            "{}:{}\n{}",
            block.page,
            block.line,
            finished.stderr
        );
    }
}

/// Whether it is a file of alert tests.
fn is_a_test(block: &Block) -> bool {
    block.text.contains("\ntests:\n")
}

/// The folder of a page with an alert and its tests, as `load.yml` and `load.test.yml`.
fn load_and_its_tests(page: &str, changed: impl Fn(String) -> String) -> Setup {
    let (tests, alerts): (Vec<Block>, Vec<Block>) = blocks_of("yaml")
        .into_iter()
        .filter(|block| block.page == page)
        .partition(is_a_test);
    let setup = Setup::new("");
    std::fs::remove_file(setup.folder().join("alerts.yml")).unwrap();
    setup.write("load.yml", &changed(alerts[0].text.clone()));
    setup.write("load.test.yml", &tests[0].text);
    setup
}

fn tested(page: &str, changed: impl Fn(String) -> String) -> Finished {
    let setup = load_and_its_tests(page, changed);
    setup.arguments(&["test", "load.test.yml"]).run()
}

#[test]
fn the_failure_that_a_page_shows_is_printed_so() {
    let shown = blocks_of("");
    let shown: Vec<&Block> = shown
        .iter()
        .filter(|block| block.text.starts_with("FAILED "))
        .collect();
    assert!(!shown.is_empty());
    for block in shown {
        let finished = tested(&block.page, |alerts| alerts.replace("for: 2m", "for: 3m"));
        assert_eq!(finished.code, Some(1), "{}", finished.stderr);
        assert!(
            finished.stdout.starts_with(&block.text),
            "{}:{}\n{}",
            block.page,
            block.line,
            finished.stdout
        );
    }
}

#[test]
fn every_configuration_within_a_sentence_is_sound() {
    let mut count = 0;
    for (page, code) in inline_code() {
        if code.starts_with("defaults: {") {
            let finished = verify_piece(&code);
            assert_eq!(
                finished.code,
                Some(0),
                "{page}: {code}\n{}",
                finished.stderr
            );
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn the_mistake_that_a_page_shows_is_printed_so() {
    for block in blocks_of("") {
        let shown = block.text.trim_end();
        let of = |word| shown.strip_prefix(word).map(|place| (word, place));
        let Some((word, place)) = of("error: ").or_else(|| of("warning: ")) else {
            continue;
        };
        let mut place = place.split(':');
        let (file, number) = (place.next().unwrap(), place.next().unwrap());
        let source = shown.lines().nth(1).unwrap();
        // the line stands where it is said to stand, printed with four blanks before it
        let mut text = "graphite: {url: https://graphite.example.com}\n\
                        receivers: {a: {console: {}}, b: {console: {}}}\nalerts:\n"
            .to_owned();
        while text.lines().count() + 3 < number.parse().unwrap() {
            text.push_str("  # a comment\n");
        }
        let line = source.strip_prefix("    ").unwrap();
        text.push_str(&format!(
            "  - name: Load\n    target: a\n{line}\n    critical: 10\n"
        ));
        let setup = Setup::new("").arguments(&["verify", "-c", file]);
        setup.write(file, &text);
        let finished = setup.run();
        assert_eq!(finished.code, Some(i32::from(word == "error: ")));
        let printed = finished.stderr.split_once("\n\nwarning: ");
        let printed = printed.map_or(finished.stderr.as_str(), |(first, _)| first);
        assert_eq!(printed.trim_end(), shown, "{}:{}", block.page, block.line);
    }
}

#[test]
fn the_documented_json_is_what_a_webhook_gets() {
    let [block] = &blocks_of("json")[..] else {
        panic!("one block")
    };
    let documented: Value = serde_json::from_str(&block.text).unwrap();
    let sink = Sink::start();
    let setup = Setup::new(&format!(
        "graphite: {{url: 'http://127.0.0.1:1'}}\n\
         receivers: {{hook: {{webhook: {{url: '{}'}}}}}}\n\
         alerts: [{{name: Load, target: a, critical: 1}}]\n",
        sink.url()
    ));
    let finished = setup.arguments(&["notify", "hook"]).run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    let sent = sink.requests()[0].json();
    let keys = |value: &Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(keys(&sent), keys(&documented));
    // and each has its row in the table below it
    let page = read(&block.page);
    for key in keys(&sent) {
        assert!(
            page.contains(&format!("\n| `{key}` | ")),
            "no row for `{key}`"
        );
    }
}

// --- commands -------------------------------------------------------------------------------

/// A folder as the reader of a page has it, and stand-ins for all that is spoken to.
struct Reader {
    setup: Setup,
    _graphite: Graphite,
    _proxy: Proxy,
    _smtp: Smtp,
    /// What the stand-ins need to be, whatever a page exports.
    fixed: Vec<&'static str>,
}

impl Reader {
    fn of(page: &str) -> Self {
        let (graphite, smtp) = (Graphite::start(), Smtp::start(Manners::default()));
        let proxy = Proxy::start("events.pagerduty.com", &PagerDuty::start().url());
        let folder = Path::new(page).parent().unwrap();
        let mail = format!("smtp://127.0.0.1:{}", smtp.port());
        let configuration = match page {
            "README.md" | "docs/documentation.md" | "docs/replay.md" => blocks_of("yaml")[..]
                .iter()
                .find(|block| block.page == page)
                .unwrap()
                .text
                .replace("smtp://localhost:25", &mail),
            "CONTRIBUTING.md"
            | "alerts/README.md"
            | "examples/systemd/README.md"
            | "docs/editors.md"
            | "docs/import.md"
            | "docs/testing.md" => String::new(),
            _ => read(folder.join("alerts.yml").to_str().unwrap()),
        };
        // a fixed port may be taken by another test
        let setup = Setup::new(&format!("{configuration}\nlisten: off\n"));
        if page == "alerts/README.md" {
            let mine = blocks_of("yaml")
                .into_iter()
                .find(|block| block.page == page);
            setup.write("my.yml", &format!("{}listen: off\n", mine.unwrap().text));
        }
        if page == "README.md" {
            // it names the file without showing one: what a reader would have written
            let tests = "alerts: alerts.yml\ntests:\n- name: a calm host wakes nobody\n  every: 1m\n  series: [{alert: Load, name: web-1, values: '1x9'}]\n  expect: [{at: 5m, alert: Load, series: web-1, level: ok}]\n";
            setup.write("alerts.test.yml", tests);
        }
        if page == "docs/import.md" {
            let receivers = "receivers: {a: {console: {}}, b: {console: {}}}\nlisten: off\n";
            setup.write("pager.yml", receivers);
            for (theirs, ours, name) in [
                ("config.json", "beacon", "graphite-beacon.json"),
                ("triggers.json", "moira", "moira.json"),
                ("rules.yaml", "grafana", "grafana.yml"),
                ("graphite.cfg", "nagios", "nagios.cfg"),
            ] {
                setup.write(theirs, &read(&format!("tests/import/{name}")));
                // what a shell would have written
                let written = read(&format!("tests/import/{name}.expect.yml"));
                setup.write(&format!("alerts/{ours}.yml"), &written);
            }
        }
        if page == "docs/testing.md" {
            let files = load_and_its_tests(page, |alerts| alerts);
            for name in ["load.yml", "load.test.yml"] {
                let text = std::fs::read_to_string(files.folder().join(name)).unwrap();
                setup.write(name, &text);
            }
        }
        let tests = folder.join("alerts.test.yml");
        if root().join(&tests).is_file() {
            setup.write("alerts.test.yml", &read(tests.to_str().unwrap()));
        }
        setup.write("ca.pem", proxy.authority());
        let authority = setup.folder().join("ca.pem").to_str().unwrap().to_owned();
        let setup = setup
            .env("GRAPHITE_URL", graphite.url())
            .env("SMTP_URL", mail)
            .env("PAGERDUTY_KEY", ROUTING_KEY)
            .env("HTTPS_PROXY", proxy.url())
            .env("SSL_CERT_FILE", authority);
        Self {
            setup,
            _graphite: graphite,
            _proxy: proxy,
            _smtp: smtp,
            fixed: vec!["GRAPHITE_URL", "SMTP_URL", "PAGERDUTY_KEY"],
        }
    }

    /// Runs one line as a shell would.
    fn line(&self, line: &str) {
        // a pair of quotes holds one word
        let parts = line.split('"').enumerate();
        let words: Vec<&str> = parts
            .flat_map(|(index, part)| match index % 2 {
                0 => part.split_whitespace().collect(),
                _ => vec![part],
            })
            .collect();
        match words[..] {
            ["export", assignment] => {
                let (name, _) = assignment.split_once('=').unwrap();
                assert!(
                    self.fixed.contains(&name),
                    "{line}: nothing stands in for it"
                );
            }
            ["graphite-pager", ref arguments @ ..] => self.graphite_pager(arguments),
            _ => instead(line, &words),
        }
    }

    fn graphite_pager(&self, arguments: &[&str]) {
        // where a shell would write it to
        let arguments = match arguments {
            [arguments @ .., ">", _] => arguments,
            _ => arguments,
        };
        let setup = self.setup.clone().arguments(arguments);
        if arguments[0] == "run" {
            let mut agent = setup.start();
            agent.wait_stderr("watching");
            assert!(agent.stop().success());
            return;
        }
        if let ["docs", "serve", ..] = arguments {
            // a fixed port may be taken here, too
            let arguments = [arguments, &["--listen", "127.0.0.1:0"]].concat();
            let mut server = self.setup.clone().arguments(&arguments).start();
            server.wait_stderr("until Ctrl-C");
            assert!(server.stop().success());
            return;
        }
        let finished = setup.run();
        let code = match arguments {
            // the stand-in has no series: that reads as without data
            ["check", ..] => 3,
            // pages are to be filled in first
            ["docs", "check", ..] => 1,
            _ => 0,
        };
        assert_eq!(
            finished.code,
            Some(code),
            "{arguments:?}\n{}",
            finished.stderr
        );
        assert!(
            !finished.stderr.contains("error:"),
            "{arguments:?}\n{}",
            finished.stderr
        );
    }
}

/// What is checked of a command that cannot be run here, and why it cannot.
fn instead(line: &str, words: &[&str]) {
    match *words {
        // would build the program for release: the one that is tested is run instead
        ["cargo", "run", "--release", "--", ref arguments @ ..] => assert_parses(arguments),
        // installs into the home folder of whoever tests
        ["cargo", "install", "--path", "."] => assert!(root().join("Cargo.toml").is_file()),
        // would run this test again
        ["tests/run"] => {
            let help = Command::new(root().join("tests/run"))
                .arg("--help")
                .output()
                .unwrap();
            assert!(help.status.success());
        }
        // want root and systemd; the unit has a test of its own
        ["sudo", "cp", unit, "/etc/systemd/system/"] => assert!(root().join(unit).is_file()),
        ["sudo", "systemctl", "enable", "--now", unit] => {
            let unit = format!("examples/systemd/{unit}.service");
            assert!(root().join(unit).is_file());
        }
        _ => panic!("`{line}` is neither run nor is there a reason why not"),
    }
}

/// Whether the command line takes these arguments.
fn assert_parses(arguments: &[&str]) {
    let asked = [arguments, &["--help"]].concat();
    let finished = Setup::new("").arguments(&asked).run();
    assert_eq!(finished.code, Some(0), "{arguments:?}: {}", finished.stderr);
}

#[test]
fn every_command_on_a_page_works() {
    for block in blocks_of("sh") {
        let reader = Reader::of(&block.page);
        for line in block.text.lines() {
            let line = line.split(" #").next().unwrap().trim();
            if !line.is_empty() {
                println!("{}: {line}", block.page);
                reader.line(line);
            }
        }
    }
}

#[test]
fn every_command_within_a_sentence_is_one_that_the_program_knows() {
    let mut count = 0;
    for (page, code) in inline_code() {
        if let Some(arguments) = code.strip_prefix("graphite-pager ") {
            println!("{page}: {code}");
            assert_parses(&arguments.split_whitespace().collect::<Vec<_>>());
            count += 1;
        }
    }
    assert!(count > 5);
}

#[test]
fn the_unit_of_systemd_starts_what_there_is_where_it_may_write() {
    let unit = read("examples/systemd/graphite-pager.service");
    let value = |key: &str| {
        let line = unit
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{key}=")));
        line.unwrap_or_else(|| panic!("no {key}")).to_owned()
    };
    for line in unit
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let section = line.starts_with('[') && line.ends_with(']');
        assert!(
            section
                || line
                    .split_once('=')
                    .is_some_and(|(key, _)| !key.contains(' ')),
            "{line}"
        );
    }
    let start = value("ExecStart");
    let words: Vec<&str> = start.split_whitespace().collect();
    assert_eq!(words[0], "/usr/local/bin/graphite-pager");
    assert_parses(&words[1..]);
    // state is written into the working folder
    assert_eq!(
        value("WorkingDirectory"),
        format!("%S/{}", value("StateDirectory"))
    );
    // the same places as the README says
    let readme = read("README.md");
    for place in [
        "/usr/local/bin/",
        "/etc/graphite-pager/",
        value("EnvironmentFile").trim_start_matches('-'),
    ] {
        assert!(readme.contains(&format!("`{place}`")), "{place}");
    }
}

// --- the picture, links ---------------------------------------------------------------------

/// The picture's texts, row by row.
fn picture() -> Vec<Vec<String>> {
    let svg = read("docs/terminal.svg");
    let mut rows: Vec<(String, Vec<String>)> = Vec::new();
    for element in svg.split("<text ").skip(1) {
        let y = element
            .split("y=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap()
            .to_owned();
        let text = element
            .split('>')
            .nth(1)
            .unwrap()
            .split("</text")
            .next()
            .unwrap();
        let text = text
            .replace("&lt;", "<")
            .replace("&gt;", ">")
            .replace("&amp;", "&");
        match rows.last_mut().filter(|(last, _)| *last == y) {
            Some((_, row)) => row.push(text),
            None => rows.push((y, vec![text])),
        }
    }
    rows.into_iter().map(|(_, row)| row).collect()
}

#[test]
fn the_picture_shows_what_check_prints_of_the_readme_s_configuration() {
    let reader = Reader::of("README.md");
    let load = "aliasByNode(servers.*.loadavg.05, 1)";
    let disk = "aliasByNode(servers.*.diskspace.root.byte_percentfree, 1)";
    for (target, values) in [(load, [3.2, 23.4, 11.8]), (disk, [41.0, 64.0, 4.2])] {
        let mut series: Vec<Series> = ["db-1", "web-1", "web-3"]
            .into_iter()
            .zip(values)
            .map(|(host, value)| Series::constant(host, value))
            .collect();
        series.insert(2, Series::nulls("web-2"));
        reader._graphite.set(target, series);
    }
    let finished = reader.setup.clone().arguments(&["check"]).run();
    let cells = |line: &str| -> Vec<String> {
        let cells = line
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect()
    };
    let printed: Vec<Vec<String>> = finished.stdout.lines().map(cells).collect();
    let picture = picture();
    let at = picture
        .iter()
        .position(|row| row == &["$ graphite-pager check"])
        .unwrap();
    let shown = &picture[at + 1..=at + printed.len()];
    // a picture stands still, time does not
    let timeless = |row: &Vec<String>| -> Vec<String> {
        row.iter()
            .filter(|cell| !cell.ends_with(":00Z"))
            .cloned()
            .collect()
    };
    assert_eq!(
        shown.iter().map(timeless).collect::<Vec<_>>(),
        printed.iter().map(timeless).collect::<Vec<_>>()
    );
}

#[test]
fn every_link_leads_to_a_file_and_every_anchor_to_a_heading() {
    let mut count = 0;
    for page in pages() {
        let folder = root().join(&page).parent().unwrap().to_owned();
        let text = read(&page);
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() {
                root().join(&page)
            } else {
                folder.join(path)
            };
            assert!(target.exists(), "{page}: {link} leads nowhere");
            if !anchor.is_empty() {
                let headings = std::fs::read_to_string(target).unwrap();
                let found = headings.lines().any(|line| slug(line) == anchor);
                assert!(found, "{page}: no heading for {link}");
            }
            count += 1;
        }
    }
    assert!(count > 30);
}

#[test]
fn every_file_that_the_architecture_names_is_there() {
    let mut files = Vec::new();
    for folder in ["src", "tests", "docs"] {
        list(&root().join(folder), &mut files);
    }
    let mut count = 0;
    for (page, code) in inline_code() {
        let file = [".rs", ".md"].iter().any(|end| code.ends_with(end)) && !code.contains(' ');
        if page == "ARCHITECTURE.md" && file {
            assert!(
                files.iter().any(|path| path.ends_with(&code)),
                "`{code}` is not there"
            );
            count += 1;
        }
    }
    assert!(count > 30, "{count}");
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => list(&path, files),
            false => files.push(path),
        }
    }
}

/// A heading as the part of a link.
fn slug(line: &str) -> String {
    let heading = line.trim_start_matches('#').trim().to_lowercase();
    heading
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[test]
fn the_first_configuration_is_short() {
    let block = blocks_of("yaml")
        .into_iter()
        .find(|block| block.page == "README.md");
    let lines = block.unwrap().text.lines().count();
    assert!(lines <= 20, "{lines} lines");
}
