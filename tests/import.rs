//! `import`: files shaped as the projects document them, through the binary, and
//! what comes out given back to `verify`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use graphite_pager::alert::{Alert, Condition, Level, Point, Timestamp, Window, WithoutData};
use graphite_pager::config;
use graphite_pager::import::{self, Origin};
use support::agent::{Finished, Setup};
use support::sink::{Answer, Sink};

/// Each origin with its files in `tests/import/`; what comes out is beside them, as `NAME.expect.yml`.
const FILES: &[(&str, &str)] = &[
    ("graphite-beacon", "graphite-beacon.json"),
    ("graphite-beacon", "graphite-beacon.yml"),
    ("moira", "moira.json"),
    ("grafana", "grafana.yml"),
    ("grafana", "grafana-rules.json"),
    ("nagios", "nagios.cfg"),
    ("nagios", "nagios-lines.txt"),
];

const RECEIVERS: &str = "graphite: {url: http://graphite.example.com}\n\
    docs_url: https://wiki.example.com/alerts\n\
    receivers: {screen: {console: {}}, second: {console: {}}}\n";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/import")
}

fn run(arguments: &[&str]) -> Finished {
    let all = [&["import"], arguments].concat();
    Setup::new("").arguments(&all).run()
}

fn import_file(origin: &str, name: &str) -> Finished {
    run(&[origin, folder().join(name).to_str().unwrap()])
}

/// `verify` of `yaml` beside a Graphite and receivers.
fn verify(yaml: &str) -> Finished {
    let setup = Setup::new(RECEIVERS);
    setup.write("imported.yml", yaml);
    let arguments = [
        "verify",
        "-c",
        "alerts.yml",
        "-c",
        "imported.yml",
        "--format",
        "json",
    ];
    setup.arguments(&arguments).run()
}

/// A file with this text, imported.
fn import_text(origin: &str, text: &str) -> Finished {
    let setup = Setup::new("");
    setup.write("theirs", text);
    setup.arguments(&["import", origin, "theirs"]).run()
}

#[test]
fn files_of_each_origin_become_the_expected_configuration() {
    for (origin, name) in FILES {
        let finished = import_file(origin, name);
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
        let path = folder().join(format!("{name}.expect.yml"));
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            std::fs::write(&path, &finished.stdout).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            finished.stdout,
            expected,
            "{name}: UPDATE_EXPECTED=1 writes {}",
            path.display()
        );
    }
}

#[test]
fn what_comes_out_is_verified_beside_a_graphite_and_receivers() {
    for (origin, name) in FILES {
        let finished = verify(&import_file(origin, name).stdout);
        // Nagios asks again sooner than it asks at all, which has no equal
        let warnings: Vec<&str> = finished
            .stderr
            .lines()
            .filter(|line| line.starts_with("warning: ") && !line.ends_with("[GP011]"))
            .collect();
        assert_eq!(finished.code, Some(0), "{name}: {}", finished.stderr);
        assert!(warnings.is_empty(), "{name}: {}", finished.stderr);
        let rows: serde_json::Value = serde_json::from_str(&finished.stdout).unwrap();
        assert!(!rows.as_array().unwrap().is_empty(), "{name}");
    }
}

#[test]
fn all_origins_together_are_one_configuration() {
    let setup = Setup::new(RECEIVERS);
    let mut arguments = vec!["verify".to_owned()];
    for (index, (origin, name)) in FILES
        .iter()
        .enumerate()
        .filter(|(_, (_, name))| *name != "graphite-beacon.yml")
    {
        let path = format!("{index}.yml");
        setup.write(&path, &import_file(origin, name).stdout);
        arguments.extend(["-c".to_owned(), path]);
    }
    arguments.extend(["-c", "alerts.yml"].map(str::to_owned));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let finished = setup.arguments(&arguments).run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[test]
fn no_secret_of_a_foreign_file_is_copied_or_shown() {
    for (origin, name) in FILES {
        let text = std::fs::read_to_string(folder().join(name)).unwrap();
        let finished = import_file(origin, name);
        assert!(
            !finished.stdout.contains("hush"),
            "{name}: {}",
            finished.stdout
        );
        assert!(
            !finished.stderr.contains("hush"),
            "{name}: {}",
            finished.stderr
        );
        if text.contains("\"password\"") {
            assert!(
                finished.stdout.contains("${SMTP_PASSWORD}"),
                "{}",
                finished.stdout
            );
        }
    }
}

#[test]
fn settings_that_stood_beside_the_alerts_load_once_their_marks_are_taken_off() {
    let finished = import_file("graphite-beacon", "graphite-beacon.json");
    let settings: Vec<&str> = finished
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("#     "))
        .collect();
    let setup = Setup::new(&format!("{}\n", settings.join("\n")));
    setup.write("imported.yml", &finished.stdout);
    let secrets = [
        ("GRAPHITE_PASSWORD", "not-shown-either"),
        ("SMTP_PASSWORD", "not-shown-at-all"),
        ("SLACK_URL", "https://hooks.example.com/x"),
        ("PAGERDUTY_KEY", "0123456789abcdef0123456789abcdef"),
    ];
    let setup = secrets
        .iter()
        .fold(setup, |setup, (name, value)| setup.env(name, *value));
    let finished = setup
        .arguments(&["verify", "-c", "alerts.yml", "-c", "imported.yml"])
        .run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("and 4 receivers"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_summary_says_what_became_of_each() {
    let finished = import_file("graphite-beacon", "graphite-beacon.json");
    let begin = "graphite-beacon: 2 taken whole, 2 with remarks, 3 not at all\n\
        \x20 with 1 remark: MEM\n\
        \x20 with 2 remarks: Queue\n\
        \x20 not taken: Site: it asks a web page for its status (`source: url`), not Graphite\n";
    assert!(finished.stderr.starts_with(begin), "{}", finished.stderr);
    assert!(
        finished.stderr.contains("3 things without an equal"),
        "{}",
        finished.stderr
    );
}

#[test]
fn nothing_taken_is_a_failure_that_prints_comments() {
    let finished = import_text(
        "moira",
        r#"{"list": [{"name": "Up", "targets": ["up"], "trigger_source": "prometheus_remote"}]}"#,
    );
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stdout.contains("# not taken: `Up`"),
        "{}",
        finished.stdout
    );
    assert!(
        finished
            .stdout
            .lines()
            .all(|line| line.is_empty() || line.trim_start().starts_with('#'))
    );
    assert!(
        finished
            .stderr
            .starts_with("Moira: 0 taken whole, 0 with remarks, 1 not at all"),
        "{}",
        finished.stderr
    );
}

#[track_caller]
fn refused(origin: &str, text: &str, expected: &[&str]) {
    let finished = import_text(origin, text);
    assert_eq!((finished.code, &*finished.stdout), (Some(1), ""));
    for part in expected {
        assert!(
            finished.stderr.contains(part),
            "{part}: {}",
            finished.stderr
        );
    }
}

#[test]
fn files_of_others_are_told_apart() {
    let file = |name: &str| std::fs::read_to_string(folder().join(name)).unwrap();
    let moira = [
        "error: cannot import `theirs`: this is no file of Grafana",
        "hint: this looks like Moira: use `import moira`",
    ];
    refused("grafana", &file("moira.json"), &moira);
    refused(
        "moira",
        &file("graphite-beacon.yml"),
        &["this looks like graphite-beacon: use `import graphite-beacon`"],
    );
    refused(
        "graphite-beacon",
        &file("grafana.yml"),
        &["this looks like Grafana: use `import grafana`"],
    );
    refused(
        "nagios",
        &file("moira.json"),
        &["this looks like Moira: use `import moira`"],
    );
    refused(
        "moira",
        &file("nagios.cfg"),
        &["this looks like Nagios: use `import nagios`"],
    );
    refused(
        "nagios",
        "object CheckCommand \"graphite\" {\n}\n",
        &["Icinga 2"],
    );
    refused(
        "graphite-beacon",
        "alerts: [{name: x, target: a}]",
        &["configuration of graphite-pager already"],
    );
}

#[test]
fn what_cannot_be_read_is_said() {
    refused("moira", "", &["cannot import `theirs`: it is empty"]);
    refused(
        "moira",
        "{\"list\": [",
        &["it is not JSON: EOF while parsing"],
    );
    refused("grafana", "groups: [", &["it is not YAML: "]);
    refused("moira", "just words", &["neither JSON nor YAML"]);
    let finished = run(&["moira", "nothing.json"]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished
            .stderr
            .contains("error: cannot read `nothing.json`: "),
        "{}",
        finished.stderr
    );
    let finished = run(&["prometheus", "nothing.json"]);
    assert_eq!(finished.code, Some(2));
    assert!(
        finished
            .stderr
            .contains("graphite-beacon, moira, grafana, nagios"),
        "{}",
        finished.stderr
    );
}

#[test]
fn standard_input_is_a_file_too() {
    let setup = Setup::new("");
    setup.write(
        "moira.json",
        &std::fs::read_to_string(folder().join("moira.json")).unwrap(),
    );
    let shell = ["sh", "-c", "\"$0\" \"$@\" < moira.json"];
    let finished = setup
        .arguments(&["import", "moira", "-"])
        .under(&shell)
        .run();
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout, import_file("moira", "moira.json").stdout);
}

fn triggers() -> String {
    std::fs::read_to_string(folder().join("moira.json")).unwrap()
}

fn text(status: u16, body: &str) -> Answer {
    Answer::Status(status, Vec::new(), body.to_owned())
}

fn redirect(to: &str) -> Answer {
    Answer::Status(302, vec![("location", to.to_owned())], String::new())
}

/// The sink's address with a login.
fn with_login(url: &str) -> String {
    url.replacen("http://", "http://me:hush-url@", 1)
}

#[test]
fn a_url_is_asked_with_its_login_which_nobody_sees() {
    let sink = Sink::with(|request| match request.header("authorization") {
        Some(login) if login.starts_with("Basic ") => text(200, &triggers()),
        _ => text(401, "who are you?"),
    });
    let url = format!("{}/api/trigger?token=hush-token", sink.url());
    let finished = run(&["moira", &with_login(&url)]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    assert_eq!(finished.stdout, import_file("moira", "moira.json").stdout);
    let finished = run(&["moira", &url]);
    assert_eq!((finished.code, &*finished.stdout), (Some(1), ""));
    assert!(
        finished.stderr.contains("answers 401 Unauthorized"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stderr.contains("hush"), "{}", finished.stderr);
}

#[test]
fn a_login_goes_along_where_its_host_sends_the_request_on() {
    let sink = Sink::with(|request| match request.header("authorization") {
        None => text(401, "who are you?"),
        Some(_) if request.path.ends_with("trigger") => redirect("/api/trigger/"),
        Some(_) => text(200, &triggers()),
    });
    let url = with_login(&format!("{}/api/trigger", sink.url()));
    let finished = run(&["moira", &url]);
    assert_eq!(finished.code, Some(0), "{}", finished.stderr);
}

#[test]
fn a_url_that_gives_no_file_is_an_error_that_names_its_host_alone() {
    for (answer, expected) in [
        (text(500, "hush"), "answers 500 Internal Server Error"),
        (text(200, "<html>hush</html>"), "neither JSON nor YAML"),
        (
            redirect("https://login.example.com/?next=hush"),
            "redirects to another host, `https://login.example.com`",
        ),
        (redirect("/api/trigger"), "redirects more than 5 times"),
    ] {
        let sink = Sink::start();
        sink.always(Some(answer));
        let url = with_login(&format!("{}/api/trigger?token=hush", sink.url()));
        let finished = run(&["moira", &url]);
        assert_eq!((finished.code, &*finished.stdout), (Some(1), ""));
        assert!(finished.stderr.contains(expected), "{}", finished.stderr);
        assert!(!finished.stderr.contains("hush"), "{}", finished.stderr);
    }
    let finished = run(&["moira", "http://me:hush@127.0.0.1:1/x"]);
    assert!(
        finished
            .stderr
            .contains("error: `127.0.0.1:1` cannot be connected to"),
        "{}",
        finished.stderr
    );
}

#[test]
fn more_than_a_file_may_have_is_not_read() {
    let sink = Sink::with(|_| Answer::Endless(200));
    let finished = run(&["moira", &sink.url()]);
    assert_eq!(finished.code, Some(1));
    assert!(
        finished.stderr.contains("it is larger than 16 MiB"),
        "{}",
        finished.stderr
    );
    refused(
        "moira",
        &" ".repeat((16 << 20) + 1),
        &["it is larger than 16 MiB"],
    );
}

/// What graphite-beacon calls our levels.
fn level_of(alert: &Alert, values: &[Option<f64>]) -> &'static str {
    let points = (0..).zip(values).map(|(index, value)| Point {
        at: index * 60,
        value: value.unwrap_or(f64::NAN),
    });
    let points: Vec<Point> = points.collect();
    let until = Timestamp::from_secs(i64::try_from(values.len()).unwrap() * 60);
    let window = Window {
        until,
        settle: None,
        max_age: None,
    };
    let Some(value) = alert.reduce.apply(points.into_iter(), Some(60), &window) else {
        return match alert.no_data {
            WithoutData::Level(Level::Critical) => "critical",
            WithoutData::Level(Level::Warning) => "warning",
            _ => "normal",
        };
    };
    let holds = |condition: &Option<Condition>| {
        condition
            .as_ref()
            .is_some_and(|condition| condition.holds(value.value))
    };
    match () {
        () if holds(&alert.critical) => "critical",
        () if holds(&alert.warning) => "warning",
        () => "normal",
    }
}

/// Rules as people write them, and values on, beside and far from their numbers.
fn beacon_cases() -> Vec<serde_json::Value> {
    let rules: &[&[&str]] = &[
        &["critical: < 200MB", "warning: < 400MB"],
        &["critical: >= 80%", "warning: >= 70%"],
        &["warning: > 1K AND < 5K", "critical: >= 5K"],
        &["critical: < 10 OR > 40", "warning: <= 15 OR >= 35"],
        &["warning: > 10 OR < 5 AND < 3"],
        &["critical: == 0", "warning: != 1"],
        &["warning: > 3Mil", "critical: > 2Bil"],
        &["warning: > 2ms", "critical: > 1s"],
        &["warning: > 10K / 3", "critical: > 2Kbps * 2"],
        &["warning: > 5", "warning: < 2", "normal: == 7"],
        &["warning: > 1M", "critical: > 5Tb"],
        &["critical: > historical * 2", "warning: > 100"],
    ];
    let numbers = [
        0.0,
        1.0,
        2.0,
        3.0,
        5.0,
        7.0,
        10.0,
        15.0,
        35.0,
        40.0,
        70.0,
        80.0,
        100.0,
        0.002,
        1e3,
        4e3,
        5e3,
        3e6,
        2e9,
        10_000.0 / 3.0,
        200.0 * 1_048_576.0,
        400.0 * 1_048_576.0,
        2_592_000.0,
        5.0 * 1_099_511_627_776.0,
    ];
    let near = numbers
        .into_iter()
        .flat_map(|number: f64| [number.next_down(), number, number.next_up()]);
    let mut windows: Vec<Vec<Option<f64>>> = near.map(|value| vec![Some(value)]).collect();
    windows.push(vec![None, None]);
    windows.push(vec![Some(1.0), None, Some(90.0), None]);
    windows.push(vec![Some(90.0), Some(1.0), Some(12.5)]);
    let mut cases = Vec::new();
    for (index, rules) in rules.iter().enumerate() {
        let method = ["average", "last_value", "sum", "minimum", "maximum"][index % 5];
        let no_data = ["critical", "warning", "normal"][index % 3];
        for values in &windows {
            cases.push(serde_json::json!({"rules": rules, "method": method, "no_data": no_data, "values": values}));
        }
    }
    cases
}

#[test]
#[ignore = "needs graphite-beacon"]
fn graphite_beacon_itself_gives_the_same_levels() {
    let python = std::env::var("GRAPHITE_BEACON_PYTHON")
        .expect("GRAPHITE_BEACON_PYTHON is not set: this test needs the peers of tests/run");
    let cases = beacon_cases();
    let mut theirs = Command::new(python)
        .arg(folder().join("beacon.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let text = serde_json::to_string(&cases).unwrap();
    theirs
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let printed = theirs.wait_with_output().unwrap();
    assert!(printed.status.success());
    let theirs: Vec<String> = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(theirs.len(), cases.len());
    let mut different = Vec::new();
    for (case, theirs) in cases.iter().zip(theirs) {
        let mut alert = case.clone();
        alert["name"] = "case".into();
        alert["query"] = "a.b".into();
        let file = serde_json::json!({"alerts": [alert]}).to_string();
        let imported = import::import(Origin::GraphiteBeacon, &file).unwrap();
        let graphite = |name: &str| (name == "GRAPHITE_URL").then(|| "http://graphite".to_owned());
        let loaded = config::load_text(Path::new("x.yml"), &imported.yaml, &graphite).unwrap();
        let values: Vec<Option<f64>> = serde_json::from_value(case["values"].clone()).unwrap();
        let ours = level_of(&loaded.config.groups[0].alerts[0], &values);
        if ours != theirs {
            different.push(format!("{case}: ours {ours}, theirs {theirs}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
