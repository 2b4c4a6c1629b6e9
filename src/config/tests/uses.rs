//! Packs and files that are used, and their parameters.

use super::mistakes::heads;
use super::*;
use crate::config::packs;

/// A file of alerts with parameters.
const QUEUES: &str = "params:
  prefix: servers.*  # where they are
  critical: 1000  # jobs
  name: Queue  # of the alert
alerts:
- name: \"${param:name}\"
  target: aliasByNode(${param:prefix}.queue.length, -3)
  critical: ${param:critical}
- name: Workers
  target: ${param:prefix}.workers
  critical: \"< 1\"
";

fn bench(main: &str) -> Bench {
    Bench::new(&[
        ("alerts.yml", &format!("{HEAD}{main}")),
        ("packs/queues.yml", QUEUES),
    ])
}

/// What is printed of a file that uses others, lines counted from `main`'s first.
fn wrong_in(bench: &Bench) -> String {
    let printed = bench.printed(&["alerts.yml"]);
    let lines = printed.lines().map(|line| {
        let rest = line.strip_prefix("error: alerts.yml:");
        match rest.and_then(|rest| rest.split_once(':')) {
            Some((number, rest)) => {
                let number: u32 = number.parse().unwrap();
                format!("error: alerts.yml:{}:{rest}", number - 2)
            }
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn heads_of(main: &str) -> Vec<String> {
    let printed = wrong_in(&bench(main));
    let heads = printed
        .lines()
        .filter_map(|line| line.strip_prefix("error: "));
    heads.map(str::to_owned).collect()
}

/// Alert, target, critical condition of everything, in order.
fn alerts_of(loaded: &Loaded) -> Vec<String> {
    let alerts = loaded.config.groups.iter().flat_map(|group| &group.alerts);
    alerts
        .map(|alert| {
            let critical = alert.critical.as_ref();
            format!(
                "{} {} {}",
                alert.name,
                alert.targets[0].as_str(),
                critical.map(ToString::to_string).unwrap_or_default()
            )
        })
        .collect()
}

fn used(main: &str) -> Vec<String> {
    let loaded = bench(main).load(&["alerts.yml"]);
    alerts_of(&loaded.unwrap_or_else(|report| panic!("{report}")))
}

#[test]
fn a_file_is_used_with_its_defaults_and_with_other_values() {
    assert_eq!(
        used("use: [./packs/queues.yml]\n"),
        [
            "Queue aliasByNode(servers.*.queue.length, -3) >= 1000",
            "Workers servers.*.workers < 1"
        ]
    );
    assert_eq!(
        used(
            "use: [{./packs/queues.yml: {prefix: eu.*, critical: '< 5K', name: 1e3, disable: Workers}}]\n"
        ),
        ["1e3 aliasByNode(eu.*.queue.length, -3) < 5K"]
    );
}

#[test]
fn a_used_file_is_watched() {
    let loaded = bench("use: [./packs/queues.yml]\n")
        .load(&["alerts.yml"])
        .unwrap();
    assert!(
        loaded
            .files
            .iter()
            .any(|file| file.ends_with("packs/queues.yml"))
    );
}

#[test]
fn a_file_with_parameters_can_be_given_by_itself() {
    let loaded = bench("").load(&["alerts.yml", "packs/queues.yml"]).unwrap();
    assert_eq!(alerts_of(&loaded).len(), 2);
    assert!(loaded.files.iter().any(|file| file.ends_with("queues.yml")));
}

#[test]
fn every_pack_is_used_by_its_name_and_keeps_the_say_over_its_own_keys() {
    for pack in packs::ALL {
        let main = format!(
            "use: [{}]\ndefaults: {{every: 30s, no_data: ok, labels: {{a: b}}}}\n",
            pack.name
        );
        let loaded = bench(&main).load(&["alerts.yml"]);
        let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
        let alerts = loaded.config.groups.iter().flat_map(|group| &group.alerts);
        for alert in alerts {
            assert_eq!(alert.labels.get("a").map(String::as_str), Some("b"));
            assert!(
                alert.place.starts_with(&format!("pack {}:", pack.name)),
                "{}",
                alert.place
            );
        }
        let kept = pack.text.contains("no_data: keep");
        let keeps = loaded.config.groups.iter().flat_map(|group| &group.alerts);
        let keep = crate::alert::WithoutData::Keep;
        assert_eq!(
            keeps.filter(|alert| alert.no_data == keep).count() > 0,
            kept,
            "{}",
            pack.name
        );
    }
}

#[test]
fn the_design_s_example_is_sound() {
    let main = "use: [linux-collectd, {haproxy: {prefix: lb.*, critical: 300ms}}]\n";
    let alerts = used(main);
    let check = "HAProxy check duration aliasByNode(scale(lb.*.haproxy.*.*.check_duration, 0.001), -5, -3, -2) >= 300ms";
    assert!(alerts.iter().any(|alert| alert == check), "{alerts:#?}");
    assert!(
        alerts
            .iter()
            .any(|alert| alert.starts_with("Linux load (collectd) "))
    );
}

#[test]
fn what_is_written_out_comes_before_what_is_used_in_whichever_file() {
    let queue = "- {name: Queue, target: servers.slow.queue.length, critical: 5}\n";
    let bench = bench("use: [./packs/queues.yml]\n");
    std::fs::write(bench.path("z.yml"), queue).unwrap();
    let loaded = bench.load(&["alerts.yml", "z.yml"]).unwrap();
    let names: Vec<_> = loaded.config.groups[0]
        .alerts
        .iter()
        .map(|alert| alert.targets[0].as_str().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "servers.slow.queue.length",
            "aliasByNode(servers.*.queue.length, -3)"
        ]
    );
}

#[test]
fn a_used_file_that_lies_in_a_folder_of_the_configuration_is_no_file_of_its_own() {
    let bench = Bench::new(&[
        (
            "c/alerts.yml",
            &format!("{HEAD}use: [{{./packs/queues.yml: {{prefix: eu.*}}}}]\n"),
        ),
        ("c/packs/queues.yml", QUEUES),
    ]);
    let loaded = bench
        .load(&["c"])
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(alerts_of(&loaded).len(), 2);
    // nor is what it uses there by itself, and what is wrong with it is told once
    let uses =
        "params: {prefix: none}\nuse: [{./queues.yml: {prefix: \"${param:prefix}\", disable: }}]\n";
    std::fs::write(bench.path("c/packs/b.yml"), uses).unwrap();
    let main = format!("{HEAD}use: [{{./packs/b.yml: {{prefix: eu.*}}}}]\n");
    std::fs::write(bench.path("c/alerts.yml"), main).unwrap();
    let loaded = bench
        .load(&["c"])
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(alerts_of(&loaded)[1..], ["Workers eu.*.workers < 1"]);
    std::fs::write(
        bench.path("c/packs/b.yml"),
        uses.replace("prefix: none", "prefix: none, x: 1"),
    )
    .unwrap();
    assert_eq!(bench.printed(&["c"]).matches("error: ").count(), 1);
}

#[test]
fn files_use_others_with_values_that_are_handed_on() {
    let outer = "params: {where: servers.*}\nuse: [{./packs/queues.yml: {prefix: \"${param:where}.eu\"}}]\n";
    let bench = bench("use: [{./outer.yml: {where: x}}]\n");
    std::fs::write(bench.path("outer.yml"), outer).unwrap();
    let loaded = bench
        .load(&["alerts.yml"])
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(alerts_of(&loaded)[1], "Workers x.eu.workers < 1");
}

#[test]
fn a_pack_may_be_used_twice_for_different_targets() {
    let main = "use: [{./packs/queues.yml: {prefix: a}}, {./packs/queues.yml: {prefix: b, critical: 5}}]\n";
    let loaded = bench(main).load(&["alerts.yml"]).unwrap();
    assert_eq!(loaded.config.groups[0].alerts.len(), 2);
}

#[test]
fn values_may_come_from_the_environment_and_are_not_shown() {
    let main = "use: [{./packs/queues.yml: {critical: \"${LIMIT}\", prefix: \"${WHERE}.*\"}}]\n";
    let right = bench(main).with_env("LIMIT", "7").with_env("WHERE", "eu");
    let loaded = right.load(&["alerts.yml"]).unwrap();
    assert_eq!(
        alerts_of(&loaded)[0],
        "Queue aliasByNode(eu.*.queue.length, -3) >= 7"
    );
    let wrong = bench(main)
        .with_env("LIMIT", "hush")
        .with_env("WHERE", "(hush");
    let printed = wrong.printed(&["alerts.yml"]);
    assert!(
        !printed.contains("hush") && printed.contains("${LIMIT}"),
        "{printed}"
    );
}

#[test]
fn what_a_variable_holds_is_not_shown_where_it_names_nothing() {
    for value in [
        "hush",
        "./hush/hushed.yml",
        "https://hooks.example.com/hush",
    ] {
        let bench = bench("use: [\"${WHICH}\"]\n").with_env("WHICH", value);
        let printed = bench.printed(&["alerts.yml"]);
        assert!(
            !printed.contains("hush") && printed.contains("of this name"),
            "{printed}"
        );
    }
}

#[test]
fn a_value_that_stands_where_a_secret_belongs_is_hidden_where_it_was_given() {
    let pack = "params: {whom: none}\nalerts: [{name: A, target: a.b, critical: 1, pagerduty_key: \"${param:whom}\"}]\n";
    let bench = bench("use: [{./packs/paged.yml: {whom: 'two hushed words'}}]\n");
    std::fs::write(bench.path("packs/paged.yml"), pack).unwrap();
    let printed = bench.printed(&["alerts.yml"]);
    assert!(
        printed.contains("alerts.yml:3:") && !printed.contains("hushed"),
        "{printed}"
    );
}

#[test]
fn a_variable_that_reaches_a_secret_through_a_parameter_is_withheld_from_programs() {
    let text = "params: {whom: \"${PAGED}\", run: \"${SHOWN}\"}\n\
        graphite: {url: http://g.example.com}\n\
        receivers:\n\
        \x20 program: {command: {run: [\"${param:run}\"]}}\n\
        \x20 oncall: {pagerduty: {routing_key: \"${param:whom}\"}}\n\
        alerts: [{name: A, target: a.b, critical: 1}]\n";
    let bench = Bench::new(&[("alerts.yml", text)]);
    let bench = bench.with_env("PAGED", "word").with_env("SHOWN", "true");
    let loaded = bench.load(&["alerts.yml"]).unwrap();
    let destination = &loaded.config.receivers[0].destination;
    let crate::deliver::settings::Destination::Command(command) = destination else {
        panic!("{destination:?}");
    };
    assert!(command.withheld.contains("PAGED") && !command.withheld.contains("SHOWN"));
}

#[test]
fn a_wrong_value_is_told_once_at_its_place() {
    insta::assert_snapshot!(wrong_in(&bench("use:\n- ./packs/queues.yml:\n    critical: many\n    prefix: lb.(*\n")), @r#"
    error: alerts.yml:3:15: `critical` of alert `Queue` is `many`: `many` is no number
            critical: many
                      ^

    hint: write a number, or a condition such as `"> 90"`, `">= 1.5K"`, `"< 200MB"`, `"== 0"`, `"!= 1"`, `"inside 10..20"` or `"outside 10..20"`

    error: alerts.yml:4:13: `target` of alert `Queue`: `(` at character 12 is not closed: a `)` is missing
            prefix: lb.(*
                    ^

    hint: every bracket and quote needs its partner: Graphite answers an unbalanced target with nothing at all
    "#);
    // as often as it is put in
    let main = "use: [{linux-collectd: {prefix: 'lb.(*'}}]\n";
    assert_eq!(heads_of(main).len(), 1);
}

#[test]
fn every_mistake_is_found_at_its_place() {
    let check = |main: &str, expected: &[&str]| assert_eq!(heads_of(main), expected, "{main}");
    check(
        "use: haproxy\n",
        &["alerts.yml:1:6: `use`: expected a list, found text"],
    );
    check(
        "use: [haproxi]\n",
        &["alerts.yml:1:7: there is no pack `haproxi`"],
    );
    check(
        "use: [[a]]\n",
        &["alerts.yml:1:7: `use`: expected the name of a pack, found a list"],
    );
    check(
        "use:\n- ./packs/queues.yml:\n  prefix: lb.*\n",
        &["alerts.yml:2:3: an item of `use` names one pack, and this one has 2 keys"],
    );
    check(
        "use: [{./packs/queues.yml: eu}]\n",
        &["alerts.yml:1:28: parameters of `./packs/queues.yml`: expected a map, found text"],
    );
    check(
        "use: [./packs/x.yml]\n",
        &["alerts.yml:1:7: there is no file `packs/x.yml`"],
    );
    check(
        "use: [{./packs/queues.yml: {prefx: eu}}]\n",
        &["alerts.yml:1:29: `./packs/queues.yml` has no parameter `prefx`"],
    );
    check(
        "use: [{./packs/queues.yml: {critical: [1], prefix: }}]\n",
        &[
            "alerts.yml:1:39: `critical` of `./packs/queues.yml`: expected a number or text, found a list",
            "alerts.yml:1:50: `prefix` of `./packs/queues.yml`: expected a number or text, found nothing",
        ],
    );
    check(
        "use: [{./packs/queues.yml: {disable: [Workerz, Queue]}}]\n",
        &["alerts.yml:1:39: `./packs/queues.yml` has no alert `Workerz`"],
    );
    check(
        "use: [./packs/queues.yml, ./packs/queues.yml]\n",
        &[
            "alerts.yml:1:27: packs/queues.yml is used twice for the same targets, here and at alerts.yml:3:7",
        ],
    );
    check(
        "use: [./alerts.yml]\n",
        &["alerts.yml:1:7: `./alerts.yml` uses itself"],
    );
}

#[test]
fn what_is_used_cannot_touch_the_settings_of_the_whole_nor_use_itself() {
    let check = |pack: &str, expected: &[&str]| {
        let bench = bench("use: [./packs/x.yml]\n");
        std::fs::write(bench.path("packs/x.yml"), pack).unwrap();
        let printed = wrong_in(&bench);
        let heads: Vec<_> = printed
            .lines()
            .filter_map(|line| line.strip_prefix("error: "))
            .collect();
        assert_eq!(heads, expected, "{printed}");
    };
    let alerts = "alerts: [{name: A, target: a.b, critical: 1}]\n";
    check(
        &format!("instance: mine\ndefaults: {{for: 1h}}\nalert: []\n{alerts}"),
        &[
            "packs/x.yml:1:1: `instance` cannot stand in a file that another one uses",
            "packs/x.yml:2:1: `defaults` cannot stand in a file that another one uses",
            "packs/x.yml:3:1: `alert` cannot stand in a file that another one uses",
        ],
    );
    check("", &["alerts.yml:1:7: `./packs/x.yml` holds no alerts"]);
    check(
        "use: [../alerts.yml]\n",
        &["packs/x.yml:1:7: `../alerts.yml` uses itself through others"],
    );
}

#[test]
fn mistakes_in_parameters_are_found_where_they_are_declared_and_put_in() {
    let check = |text: &str, expected: &[&str]| {
        assert_eq!(
            heads(&printed(&format!("{HEAD}{text}")), 2),
            expected,
            "{text}"
        );
    };
    let load = "alerts: [{name: A, target: a.b, critical: 1}]\n";
    check(
        &format!("params: {{a: 1, b c: 2, disable: 3, d: [4], e: }}\n{load}"),
        &[
            "1:10: nothing in this file uses the parameter `a`",
            "1:16: `b c` cannot be the name of a parameter",
            "1:24: `disable` cannot be the name of a parameter",
            "1:39: `d` of `params`: expected a number or text, found a list",
            "1:45: `e` of `params`: expected a number or text, found nothing",
        ],
    );
    check(
        &format!("params: [a]\n{load}"),
        &["1:9: `params`: expected a map, found a list"],
    );
    let uses = "alerts: [{name: A, target: \"x.${param:a}\", critical: 1}]\n";
    check(uses, &["1:31: there is no parameter `a`"]);
    check(
        &format!("{uses}params: {{a: b}}\n"),
        &[
            "1:31: there is no parameter `a`",
            "2:10: nothing in this file uses the parameter `a`",
        ],
    );
    check(
        &format!(
            "params: {{prefix: a}}\n{}",
            uses.replace("param:a", "param:prefx")
        ),
        &[
            "1:10: nothing in this file uses the parameter `prefix`",
            "2:31: there is no parameter `prefx`",
        ],
    );
}

/// What comes of an alert in which `key` has the value that `line` gives it.
fn outcome(head: &str, key: &str, line: &str) -> String {
    let base = ["name: Load", "target: a.b", "warning: 7", "every: 1m"];
    let others = base
        .iter()
        .filter(|other| !other.starts_with(&format!("{key}:")));
    let others: String = others.map(|other| format!("  {other}\n")).collect();
    let text = format!("{head}{HEAD}alerts:\n-\n{others}  {line}\n");
    match Bench::new(&[("alerts.yml", &text)]).load(&["alerts.yml"]) {
        Ok(loaded) => {
            let mut config = loaded.config;
            let group = std::sync::Arc::make_mut(&mut config.groups[0]);
            group.alerts[0].place = "".into();
            format!("{group:?}")
        }
        // the same words, whatever the place
        Err(report) => report
            .0
            .iter()
            .map(|problem| format!("{}\n", problem.message))
            .collect(),
    }
}

#[test]
fn whatever_a_value_is_it_reads_as_if_it_had_been_written_in_its_place() {
    let keys = [
        "name", "target", "warning", "critical", "for", "every", "limit", "reduce", "no_data",
        "docs", "graph", "active",
    ];
    let values = [
        "5",
        "-1",
        "1.5",
        "0",
        "true",
        "off",
        "word",
        "5m",
        "\"5\"",
        "\"> 90%\"",
        "'outside 1..2'",
        "p99",
        "keep",
        "https://example.com",
        "a.b(",
        "'{{ alert }}'",
        "\"\"",
        "Mon-Fri 09:00-18:00",
        "'true'",
    ];
    for key in keys {
        for value in values {
            let written = outcome("", key, &format!("{key}: {value}"));
            let head = format!("params: {{x: {value}}}\n");
            for put_in in ["${param:x}", "\"${param:x}\""] {
                let line = format!("{key}: {put_in}");
                assert_eq!(
                    outcome(&head, key, &line),
                    written,
                    "{key}: {value} as {put_in}"
                );
            }
        }
    }
}

#[test]
fn a_warning_about_a_value_hides_no_error_about_it() {
    let text = "params: {url: http://g.example.com/render}\n\
        graphite: {url: \"${param:url}\"}\nreceivers: {a: {console: {}}, b: {console: {}}}\n\
        alerts: [{name: A, target: a.b, critical: \"${param:url}\"}]\n";
    let printed = printed(text);
    assert!(
        printed.contains("warning: ") && printed.contains("error: "),
        "{printed}"
    );
}

#[test]
fn a_parameter_is_its_own_file_s() {
    let bench = Bench::new(&[
        (
            "alerts.yml",
            &format!(
                "params: {{limit: 7}}\n{HEAD}alerts: [{{name: A, target: a.b, critical: \"${{param:limit}}\"}}]\n"
            ),
        ),
        (
            "b.yml",
            "alerts: [{name: B, target: c.d, critical: \"${param:limit}\"}]\n",
        ),
    ]);
    assert!(bench.load(&["alerts.yml"]).is_ok());
    let printed = bench.printed(&["alerts.yml", "b.yml"]);
    assert!(
        printed.starts_with("error: b.yml:1:44: there is no parameter `limit`"),
        "{printed}"
    );
}

#[test]
fn a_bench_of_uses_is_bounded() {
    let many = vec!["./packs/queues.yml"; 40].join(", ");
    let bench = Bench::new(&[
        (
            "alerts.yml",
            &format!("{HEAD}use: [{}]\n", vec!["./a.yml"; 40].join(", ")),
        ),
        ("a.yml", &format!("use: [{many}]\n")),
        (
            "packs/queues.yml",
            "- {name: A, target: a.b, critical: 1}\n",
        ),
    ]);
    let printed = bench.printed(&["alerts.yml"]);
    assert!(
        printed.contains("more than 1000 packs and files are used"),
        "{printed}"
    );
}

#[test]
fn the_packs_say_of_themselves_what_they_declare() {
    for pack in packs::ALL {
        assert!(pack.about().len() > 20, "{}", pack.name);
        let value: serde_json::Value = serde_yaml::from_str(pack.text).unwrap();
        let declared = value["params"].as_object().unwrap();
        let described: Vec<_> = pack.params().collect();
        assert_eq!(described.len(), declared.len(), "{}", pack.name);
        for param in described {
            let declared = &declared[param.name];
            let default = declared
                .as_str()
                .map_or_else(|| declared.to_string(), str::to_owned);
            assert_eq!(param.default, default, "{}: {}", pack.name, param.name);
            assert!(param.about.len() > 5, "{}: {}", pack.name, param.name);
        }
    }
}
