//! Every mistake is found, at its place, with all others.

use super::*;

/// What is wrong with a file that is `HEAD` and `body`: places and messages; lines count from `body`'s first.
fn wrong(body: &str) -> Vec<String> {
    heads(&printed(&format!("{HEAD}{body}")), 2)
}

/// The first line of each problem, `error: alerts.yml:` taken off and lines shifted.
pub fn heads(printed: &str, shift: u32) -> Vec<String> {
    printed
        .lines()
        .filter_map(|line| line.strip_prefix("error: "))
        .map(|line| {
            match line
                .strip_prefix("alerts.yml:")
                .and_then(|rest| rest.split_once(':'))
            {
                Some((number, rest)) => match number.parse::<u32>() {
                    Ok(number) => format!("{}:{rest}", number.saturating_sub(shift)),
                    Err(_) => line.to_owned(),
                },
                None => line.to_owned(),
            }
        })
        .collect()
}

/// One mistake in an alert that is sound but for `line`, its fourth.
fn check(line: &str, expected: &str) {
    let body = format!("alerts:\n- name: Load\n  target: a.b\n  {line}\n  warning: 10\n");
    assert_eq!(wrong(&body), [format!("4:{expected}")], "{line}");
}

#[test]
fn an_error_shows_place_line_caret_and_hint() {
    let text = format!(
        "{HEAD}alerts:\n  - name: Load\n    target: a.b\n    warning: 10\n    critical: 10\n"
    );
    insta::assert_snapshot!(printed(&text), @r"
    error: alerts.yml:6:14: `warning` and `critical` of alert `Load` are both 10
            warning: 10
                     ^

    hint: make `critical` higher than `warning` to alert on high values, lower to alert on low ones
    ");
}

#[test]
fn all_problems_are_reported_at_once_in_order() {
    let body = "alerts:\n- name: Load\n  target: a.b\n  warnin: 1\n  critical: 2\n  every: 0\n- target: c.d\n  critical: 1\n";
    assert_eq!(
        wrong(body),
        [
            "4:3: unknown key `warnin` in alert `Load`",
            "6:10: `every` of alert `Load`: expected a duration longer than zero, such as `30s` or `5m`, found `0`",
            "7:3: alert 2 has no `name`",
        ]
    );
}

#[test]
fn faults_of_one_key_of_an_alert() {
    check("warnings: 1", "3: unknown key `warnings` in alert `Load`");
    check(
        "critical: 10",
        "13: `warning` and `critical` of alert `Load` are both 10",
    );
    check(
        "critical: .nan",
        "13: `critical` of alert `Load`: expected a finite number, found `.nan`",
    );
    check(
        "critical: true",
        "13: `critical` of alert `Load`: expected a number or a condition, found `true`",
    );
    check(
        "critical: {a: 1}",
        "13: `critical` of alert `Load`: expected a number or a condition, found a map",
    );
    check("for: -5m", "8: `for` of alert `Load`: `-5m` is negative");
    check("for: 5", "8: `for` of alert `Load`: `5` has no unit");
    check(
        "for: [5m]",
        "8: `for` of alert `Load`: expected a duration such as `30s` or `5m`, found a list",
    );
    check(
        "max_age: 0",
        "12: `max_age` of alert `Load`: expected a duration longer than zero, such as `30s` or `5m`, found `0`",
    );
    check(
        "min_series: -1",
        "15: `min_series` of alert `Load`: expected a whole number of at least 1, found `-1`",
    );
    check(
        "limit: 1.5",
        "10: `limit` of alert `Load`: expected a whole number of at least 0, found `1.5`",
    );
    check(
        "no_data: maybe",
        "12: `no_data` of alert `Load`: expected one of `alert`, `warning`, `critical`, `ok`, `keep`, found `maybe`",
    );
    check(
        "timezone: Europe/Berln",
        "13: `timezone` of alert `Load`: there is no time zone `Europe/Berln`",
    );
    check(
        "notify: [c]",
        "12: `notify` of alert `Load`: there is no receiver `c`",
    );
    check(
        "notify: []",
        "11: `notify` of alert `Load` is empty: nobody would be told",
    );
    check(
        "doc_url: wiki",
        "12: `doc_url` of alert `Load`: expected http:// or https:// and a host",
    );
    check(
        "enabled: perhaps",
        "12: `enabled` of alert `Load`: expected `true` or `false`, found `perhaps`",
    );
    check(
        "labels: [a]",
        "11: `labels` of alert `Load`: expected a map, found a list",
    );
    check(
        "labels: {a: [b]}",
        "15: `a` of `labels` of alert `Load`: expected text, found a list",
    );
    check(
        "exclude: {a: b}",
        "12: `exclude` of alert `Load`: expected a list of texts, found a map",
    );
}

#[test]
fn templates_cron_and_hours_are_checked() {
    for line in [
        "docs: \"{{ series\"",
        "graph: \"{% if %}\"",
        "schedule: \"* * *\"",
        "active: never",
        "from: 5min",
        "until: \"\"",
        "reduce: mean",
    ] {
        let found = wrong(&format!(
            "alerts:\n- name: Load\n  target: a.b\n  {line}\n  warning: 10\n"
        ));
        assert!(
            found.len() == 1 && found[0].starts_with("4:"),
            "{line}: {found:?}"
        );
    }
}

#[test]
fn missing_keys_are_reported_at_the_first_line() {
    assert_eq!(
        wrong("alerts:\n- warning: 1\n"),
        ["2:3: alert 1 has no `name`", "2:3: alert 1 has no `target`"]
    );
    assert_eq!(
        wrong("alerts:\n- name: Load\n  target: a.b\n"),
        ["2:3: alert `Load` has no threshold"]
    );
    assert_eq!(
        wrong("alerts:\n- name:\n  target: a.b\n  warning: 1\n"),
        ["2:3: alert 1 has no `name`"]
    );
    assert_eq!(
        wrong("alerts:\n- name: ''\n  target: a.b\n  warning: 1\n"),
        ["2:9: `name` of alert 1 is empty"]
    );
}

#[test]
fn faults_between_two_keys_are_reported_at_the_first() {
    let alert = |lines: &str| wrong(&format!("alerts:\n- name: Load\n  {lines}\n"));
    assert_eq!(
        alert("critical: 5\n  target: a\n  warning: 5"),
        ["3:13: `warning` and `critical` of alert `Load` are both 5"]
    );
    assert_eq!(
        alert("schedule: \"0 * * * *\"\n  target: a.b\n  warning: 5\n  every: 5m"),
        ["3:3: `every` and `schedule` of alert `Load` are both given, here and at alerts.yml:8:3"]
    );
    assert_eq!(
        alert("no_data: ok\n  target: a.b\n  warning: 5\n  allow_no_data: false"),
        [
            "3:3: `no_data` and `allow_no_data` of alert `Load` are both given, here and at alerts.yml:8:3"
        ]
    );
    assert_eq!(
        alert("target: a.b\n  warning: 5\n  targets: [a.c]"),
        ["3:3: `target` and `targets` of alert `Load` are both given, here and at alerts.yml:7:3"]
    );
    assert_eq!(
        alert("from: -5min\n  target: a.b\n  warning: 5\n  until: -10min"),
        ["3:9: `from` of alert `Load` is not before `until`: the window is empty"]
    );
}

#[test]
fn an_unbalanced_target_is_shown_where_it_goes_wrong() {
    insta::assert_snapshot!(printed(&format!("{HEAD}alerts:\n- name: Load\n  target: \"sum(a.{{b,c)}}\"\n  warning: 1\n")), @r#"
    error: alerts.yml:5:18: `target` of alert `Load`: `{` at character 7 is open, but `)` at character 11 closes another: expected `}`
          target: "sum(a.{b,c)}"
                         ^

    hint: every bracket and quote needs its partner: Graphite answers an unbalanced target with nothing at all
    "#);
}

#[test]
fn duplicate_keys_are_found_at_every_level() {
    let text = "graphite: {url: http://g, url: http://h}\ngraphite: {url: http://i}\nreceivers:\n  a: {console: {}}\n  a: {console: {}}\nalerts:\n- name: Load\n  target: a.b\n  warning: 1\n  name: Other\n";
    assert_eq!(
        heads(&printed(text), 0),
        [
            "1:1: `graphite` is given twice in one map, here and at alerts.yml:2:1",
            "1:12: `url` is given twice in one map, here and at alerts.yml:1:27",
            "4:3: `a` is given twice in one map, here and at alerts.yml:5:3",
            "7:3: `name` is given twice in one map, here and at alerts.yml:10:3",
        ]
    );
}

#[test]
fn alerts_of_one_name_must_fit_together() {
    let group = |line: &str| {
        wrong(&format!(
            "alerts:\n- {{name: Load, target: a.b, warning: 1}}\n- {{name: Load, target: {line}, warning: 1}}\n"
        ))
    };
    assert_eq!(
        group("a.b"),
        [
            "3:3: alert `Load` is a duplicate: one with the same name and target is at alerts.yml:4:3"
        ]
    );
    assert_eq!(
        group("a.c, every: 5m"),
        [
            "3:29: `every` or `schedule` of alert `Load` differs from that of the alert of the same name at alerts.yml:4:3"
        ]
    );
    assert_eq!(
        group("a.c, timezone: Europe/Berlin"),
        [
            "3:29: `timezone` of alert `Load` differs from that of the alert of the same name at alerts.yml:4:3"
        ]
    );
    assert_eq!(
        group("a.c, active: \"Mon-Fri 09:00-18:00\""),
        [
            "3:29: `active` of alert `Load` differs from that of the alert of the same name at alerts.yml:4:3"
        ]
    );
    assert_eq!(group("a.c, every: 60s"), [""; 0]);
}

#[test]
fn the_built_in_alert_keeps_its_name() {
    assert_eq!(
        wrong("alerts:\n- {name: graphite-pager, target: a.b, warning: 1}\n"),
        ["2:10: the name `graphite-pager` is that of the built-in alert"]
    );
}

const ALERT: &str = "alerts: [{name: Load, target: a.b, warning: 1}]\n";

#[test]
fn receivers_are_checked() {
    let receiver = |lines: &str| {
        heads(
            &printed(&format!(
                "graphite: {{url: http://g}}\n{ALERT}receivers:\n  x: {lines}\n  y: {{console: {{}}}}\n"
            )),
            3,
        )
    };
    assert_eq!(
        receiver("{}"),
        ["1:3: receiver `x` does not say how it is told"]
    );
    assert_eq!(
        receiver("{consle: {}}"),
        ["1:7: unknown key `consle` in receiver `x`"]
    );
    assert_eq!(
        receiver("{console: {}, command: {run: [x]}}"),
        ["1:7: receiver `x` is both `console` and `command`, here and at alerts.yml:4:20"]
    );
    assert_eq!(
        receiver("{console: {a: 1}}"),
        ["1:17: unknown key `a` in `console` of receiver `x`"]
    );
    assert_eq!(
        receiver("{console: {}, levels: []}"),
        ["1:28: `levels` of receiver `x` is empty: this receiver would never be told anything"]
    );
    assert_eq!(
        receiver("{console: {}, levels: [ok]}"),
        ["1:29: `levels` of receiver `x`: unknown level `ok`"]
    );
    assert_eq!(
        receiver("{console: {}, fallback: x}"),
        ["1:30: `fallback` of receiver `x` is the receiver itself"]
    );
    assert_eq!(
        receiver("{console: {}, fallback: z}"),
        ["1:30: `fallback` of receiver `x`: there is no receiver `z`"]
    );
    assert_eq!(
        receiver("{command: {run: []}}"),
        ["1:22: `run` of `command` of receiver `x` names no program"]
    );
    assert_eq!(
        receiver("{command: {run: ls -l}}"),
        ["1:22: `run` of `command` of receiver `x`: expected a list, found text"]
    );
    assert_eq!(
        receiver("{command: {run: [a], timeout: 0s}}"),
        [
            "1:36: `timeout` of `command` of receiver `x`: expected a duration longer than zero, such as `30s` or `5m`, found `0s`"
        ]
    );
    assert_eq!(
        receiver("{pagerduty: {}}"),
        ["1:18: `pagerduty` of receiver `x` has no `routing_key`"]
    );
    assert_eq!(
        receiver("{pagerduty: {routing_key: k, severity: {warning: bad}}}").len(),
        1
    );
    assert_eq!(
        receiver("{email: {to: [nobody], from: a@b.c}}"),
        ["1:20: `to` of `email` of receiver `x`: expected a mail address, found `nobody`"]
    );
    assert_eq!(
        receiver("{email: {to: a@b.c}}"),
        ["1:14: `email` of receiver `x` has no `from`"]
    );
    assert_eq!(
        receiver("{webhook: {url: https://h, headers: {\"a b\": c}}}"),
        ["1:43: `a b` is no name of a header"]
    );
    assert_eq!(
        receiver("{webhook: {url: https://h, body: \"{{ x\"}}").len(),
        1
    );
}

#[test]
fn receivers_are_not_counted_while_one_of_them_is_wrong() {
    for (receivers, codes) in [
        ("{}", ["GP001"].as_slice()),
        ("{a: {console: {}}}", &["GP002"]),
        ("{a: {console: true}}", &[]),
        ("{a: {console: {}}, b: {console: true}}", &[]),
        ("[a]", &[]),
    ] {
        let printed = printed(&format!(
            "graphite: {{url: 'http://g'}}\nreceivers: {receivers}\n{ALERT}"
        ));
        for code in ["GP001", "GP002"] {
            let expected = codes.contains(&code);
            assert_eq!(printed.contains(code), expected, "{receivers}:\n{printed}");
        }
        let hinted = printed.contains("hint: write `console: {}`: it has no settings");
        assert_eq!(
            hinted,
            receivers.contains("true"),
            "{receivers}:\n{printed}"
        );
    }
}

#[test]
fn fallbacks_that_lead_in_a_circle_are_said_once() {
    let text = format!(
        "graphite: {{url: http://g}}\n{ALERT}receivers:\n  a: {{console: {{}}, fallback: b}}\n  b: {{console: {{}}, fallback: c}}\n  c: {{console: {{}}, fallback: a}}\n"
    );
    assert_eq!(
        heads(&printed(&text), 0),
        ["4:30: `fallback` of receiver `a` leads back to itself: `a` -> `b` -> `c` -> `a`"]
    );
}

#[test]
fn routes_are_checked() {
    let routes = |text: &str| wrong(&format!("{ALERT}routes:\n{text}"));
    assert_eq!(
        routes("- {match: {team: db}}"),
        ["3:3: route 1 has no `notify`"]
    );
    assert_eq!(
        routes("- {notify: [aa]}"),
        ["3:13: `notify` of route 1: there is no receiver `aa`"]
    );
    assert_eq!(
        routes("- {notify: [a], continu: true}"),
        ["3:17: unknown key `continu` in route 1"]
    );
    assert_eq!(
        routes("  a: b"),
        ["3:3: `routes`: expected a list, found a map"]
    );
    let nested = format!("{}a{}", "{b,".repeat(300), "}".repeat(300));
    let found = routes(&format!("- {{match: {{series: '{nested}'}}, notify: [a]}}"));
    assert!(
        found[0].contains("it is too long, or nested too deeply"),
        "{found:?}"
    );
}

#[test]
fn the_top_level_is_checked() {
    let top = |line: &str| wrong(&format!("{line}\n{ALERT}"));
    assert_eq!(
        top("alert: []"),
        ["1:1: unknown key `alert` at the top level"]
    );
    assert_eq!(
        top("listen: 9780"),
        ["1:9: `listen`: expected an address and port, found `9780`"]
    );
    assert_eq!(
        top("store: postgres://u@h/db"),
        ["1:8: `store`: PostgreSQL is not available in this version yet"]
    );
    assert_eq!(
        top("defaults: {name: x, for: 5}"),
        [
            "1:12: `name` cannot be a default",
            "1:26: `for` of `defaults`: `5` has no unit"
        ]
    );
    assert_eq!(
        top("defaults: {critical: 1}"),
        ["1:22: `warning` and `critical` of alert `Load` are both 1"]
    );
    assert_eq!(
        top("docs_url: wiki"),
        ["1:11: `docs_url`: expected http:// or https:// and a host"]
    );
    assert_eq!(
        top("docs_path: https://wiki.example.com/alerts"),
        ["1:12: `docs_path`: expected a folder, found a URL"]
    );
}

#[test]
fn what_alerts_inherit_is_wrong_once() {
    let body = "defaults: {warning: 5, critical: 5, every: 0}\nalerts:\n- {name: A, target: a}\n- {name: B, target: b}\n";
    assert_eq!(
        wrong(body),
        [
            "1:21: `warning` and `critical` of `defaults` are both 5",
            "1:44: `every` of `defaults`: expected a duration longer than zero, such as `30s` or `5m`, found `0`",
        ]
    );
}

#[test]
fn graphite_has_to_be_somewhere() {
    assert_eq!(
        heads(&printed(ALERT), 0),
        ["1:1: nothing says where Graphite is"]
    );
    assert_eq!(
        heads(&printed(&format!("graphite: {{}}\n{ALERT}")), 0),
        ["1:11: nothing says where Graphite is"]
    );
    let both = format!("graphite: {{url: http://g}}\ngraphite_url: http://h\n{ALERT}");
    assert_eq!(
        heads(&printed(&both), 0),
        ["1:12: `graphite_url` and `url` of `graphite` are both given, here and at alerts.yml:2:1"]
    );
    let twice = format!("graphite: {{url: \"http://u:p@g\", username: v}}\n{ALERT}");
    assert_eq!(
        heads(&printed(&twice), 0),
        ["1:17: user and password are given twice: in Graphite's URL and in keys of their own"]
    );
}

#[test]
fn answers_are_compressed_or_not_and_that_is_said_once() {
    let section = |keys: &str| {
        printed(&format!(
            "allow: [GP001]\ngraphite: {{url: http://g, {keys}}}\n{ALERT}"
        ))
    };
    insta::assert_snapshot!(section("gzip: auto"), @r"
    error: alerts.yml:2:33: `gzip` of `graphite`: expected `true` or `false`, found `auto`
        graphite: {url: http://g, gzip: auto}
                                        ^

    hint: write `true` or `false`
    ");
    insta::assert_snapshot!(section("gzip: true, headers: {accept-encoding: gzip}"), @r"
    error: alerts.yml:2:27: `gzip` of `graphite` and its header `Accept-Encoding` are both given, here and at alerts.yml:2:49
        graphite: {url: http://g, gzip: true, headers: {accept-encoding: ***}}
                                  ^

    hint: keep `gzip`, and take the header out
    ");
    let other = section("headers: {Accept-Encoding: identity}, gzip: false");
    assert!(
        other.starts_with("error: alerts.yml:2:37: `gzip`"),
        "{other}"
    );
    for alone in [
        "headers: {Accept-Encoding: gzip}",
        "gzip: ~, headers: {Accept-Encoding: gzip}",
    ] {
        assert_eq!(section(alone), "", "{alone}");
    }
}

#[test]
fn files_without_alerts_are_told_what_to_write() {
    for text in ["", "\n\n", "# nothing yet\n", "---\n", "~\n"] {
        let printed = printed(text);
        assert!(
            printed.starts_with("error: alerts.yml:1:1: this file holds no configuration\n"),
            "{text:?}: {printed}"
        );
        assert!(printed.contains("hint: write `graphite:"), "{text:?}");
    }
    assert_eq!(wrong(""), ["0:1: there is no alert"]);
    assert_eq!(wrong("alerts: []"), ["1:1: there is no alert"]);
    assert_eq!(
        wrong("alerts:\n- {name: A, target: a.b, warning: 1, enabled: false}"),
        ["1:1: every alert has `enabled: false`"]
    );
    assert_eq!(
        wrong("alerts: {name: A}"),
        [
            "1:1: there is no alert",
            "1:9: `alerts`: expected a list, found a map"
        ]
    );
}

#[test]
fn syntax_errors_have_a_place_and_a_hint() {
    insta::assert_snapshot!(printed("alerts:\n- name: x\n\ttarget: y\n"), @r"
    error: alerts.yml:3:1: a tab stands where YAML wants blanks
          target: y
        ^

    hint: indent with blanks; most editors can turn tabs into blanks
    ");
    insta::assert_snapshot!(printed("alerts:\n- name: a: b\n"), @r"
    error: alerts.yml:2:10: this is not YAML: mapping values are not allowed in this context
        - name: a: ***
                 ^

    hint: is the line indented like its neighbours, with a blank after each `:`? put text that contains `: ` into quotes
    ");
    insta::assert_snapshot!(printed("alerts: [a, b\n"), @r"
    error: alerts.yml:1:9: this is not YAML: unclosed bracket `[`
        alerts: [***, ***
                ^

    hint: write what closes it; text that begins with `[` or `{` needs quotes
    ");
    let check = |text: &str, expected: &str| {
        let printed = printed(text);
        assert!(
            printed
                .lines()
                .any(|line| line == format!("error: alerts.yml:{expected}")),
            "{text:?}: {printed}"
        );
        let errors = printed
            .lines()
            .filter(|line| line.starts_with("error: "))
            .count();
        assert_eq!(
            printed
                .lines()
                .filter(|line| line.starts_with("hint: "))
                .count(),
            errors
                + printed
                    .lines()
                    .filter(|line| line.starts_with("warning: "))
                    .count(),
            "{printed}"
        );
    };
    check("a: \"b\n", "1:4: this is not YAML: unclosed quote");
    check(
        "a: @b\n",
        "1:4: this is not YAML: unexpected character: `@`",
    );
    check(
        "a:\n  b: 1\n c: 2\n",
        "3:2: this is not YAML: while parsing a block mapping, did not find expected key",
    );
    check(
        "a: {b: c\nd: e\n",
        "2:2: a map that begins with `{` has no end",
    );
    check(
        "a: 1\n---\nb: 2\n",
        "2:1: a second YAML document begins here",
    );
    check(
        "alerts:\n- name: *b\n",
        "2:9: there is no anchor `b` to repeat",
    );
    check("a: !x b\n", "1:4: YAML tags have no meaning here");
    check(
        "? [a]\n: b\n",
        "1:3: a key must be text, found a list or a map",
    );
}

#[test]
fn deep_nesting_and_alias_bombs_are_refused_quickly() {
    for (open, close) in [("[", "]"), ("{a: ", "}"), ("- ", ""), ("? ", "")] {
        let text = format!("alerts: {}{}", open.repeat(20_000), close.repeat(20_000));
        assert!(printed(&text).contains("hint: "), "{open}");
        let unclosed = format!("alerts:\n {}", open.repeat(20_000));
        assert!(printed(&unclosed).starts_with("error: "), "{open}");
    }
    let mut bomb = "x-0: &x0 [a, a, a, a, a, a, a, a, a, a]\n".to_owned();
    for level in 1..20 {
        let alias = format!("*x{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("x-{level}: &x{level} [{alias}]\n"));
    }
    assert_eq!(
        heads(&printed(&bomb), 0),
        ["6:46: aliases repeat more than 1000000 values"]
    );
}

#[test]
fn an_alias_of_itself_is_refused() {
    assert!(printed("a: &a [*a]\n").contains("this alias repeats the value that it stands in"));
}

#[test]
fn files_that_are_no_text_are_refused() {
    let check = |bytes: &[u8], expected: &str| {
        let bench = Bench::new(&[]);
        std::fs::write(bench.path("alerts.yml"), bytes).unwrap();
        assert!(
            bench.printed(&["alerts.yml"]).starts_with(expected),
            "{}",
            bench.printed(&["alerts.yml"])
        );
    };
    check(
        b"\x7fELF\x00\x00",
        "error: alerts.yml: this is a binary file",
    );
    check(b"\xff\xfea\x00", "error: alerts.yml: this file is UTF-16");
    check(
        b"alerts:\n- nam\xff",
        "error: alerts.yml:2:6: a byte here is not UTF-8 text",
    );
    check(
        &vec![b'#'; (16 << 20) + 1],
        "error: alerts.yml: cannot read this file: it is larger than 16 MiB",
    );
}

#[test]
fn paths_that_cannot_be_read_are_all_named() {
    let bench = Bench::new(&[("empty/readme.txt", "x")]);
    let printed = bench.printed(&["none.yml", "empty"]);
    assert!(
        printed.contains("none.yml: cannot read this file: there is no such file"),
        "{printed}"
    );
    assert!(
        printed.contains("empty: there is no `*.yml` or `*.yaml` in this folder"),
        "{printed}"
    );
}

#[test]
fn a_section_in_two_files_names_both() {
    let bench = Bench::new(&[
        ("a.yml", HEAD),
        ("b.yml", &format!("graphite: {{url: http://h}}\n{ALERT}")),
    ]);
    let printed = bench.printed(&["a.yml", "b.yml"]);
    assert!(
        printed.starts_with(
            "error: a.yml:1:1: `graphite` is given in two files, here and at b.yml:1:1\n"
        ),
        "{printed}"
    );
}

#[test]
fn a_file_that_cannot_be_parsed_makes_nothing_else_look_missing() {
    let bench = Bench::new(&[
        ("a.yml", "receivers: {oncall: {console: {}}\n"),
        (
            "b.yml",
            "graphite: {url: http://h}\nalerts: [{name: L, target: a.b, warning: 1, notify: oncall}]\n",
        ),
    ]);
    assert_eq!(
        bench
            .printed(&["a.yml", "b.yml"])
            .matches("error: ")
            .count(),
        1
    );
}

#[test]
fn values_from_outside_that_cannot_be_had() {
    let bench = Bench::new(&[
        ("empty", "\n"),
        (
            "alerts.yml",
            &format!(
                "{HEAD}{ALERT}instance: \"a-${{NOPE}}-${{file:none}}-${{file:empty}}-${{a b}}-${{\"\n"
            ),
        ),
    ]);
    let found = heads(&bench.printed(&["alerts.yml"]), 0);
    assert_eq!(
        found,
        [
            "4:14: the environment variable `NOPE` is not set",
            &format!("4:22: cannot read `{}`: there is no such file", "none"),
            "4:35: cannot read `empty`: it is empty",
            "4:49: what stands between `${` and `}` is no name of an environment variable",
            "4:56: `${` has no `}`",
        ]
    );
}

#[test]
fn a_large_broken_file_is_refused_in_time_and_briefly() {
    let many = format!("alerts:\n{}", "- a\n".repeat(50_000));
    let printed = printed(&many);
    assert!(printed.matches("error: ").count() <= 1001);
    assert!(printed.contains("more problems"), "{}", printed.len());
    let line = format!("alerts: [{}", "a, ".repeat(200_000));
    assert!(super::printed(&line).len() < 10_000);
}

#[test]
fn an_alerts_own_keys_of_the_predecessor_are_checked_with_the_rest() {
    assert_eq!(
        wrong("alerts:\n- {name: L, target: a.b, warning: x, pagerduty_key: a b, slack_url: z}\n")
            .len(),
        3
    );
}

#[test]
fn a_zone_named_by_its_city_is_found() {
    let text = format!("{HEAD}alerts: [{{name: L, target: a.b, warning: 1, timezone: berlin}}]\n");
    assert!(printed(&text).contains("hint: did you mean `Europe/Berlin`?"));
}

#[test]
fn a_receiver_whose_fallbacks_lead_into_a_circle_is_not_blamed_for_it() {
    let receivers = "  t: {console: {}, fallback: a}\n  a: {console: {}, fallback: b}\n  b: {console: {}, fallback: a}\n";
    let text = format!("graphite: {{url: http://g}}\n{ALERT}receivers:\n{receivers}");
    assert_eq!(
        heads(&printed(&text), 0),
        ["5:30: `fallback` of receiver `a` leads back to itself: `a` -> `b` -> `a`"]
    );
}

#[test]
fn what_is_no_secret_is_shown() {
    for line in [
        "graphite_url: nowhere",
        "docs_url: nowhere",
        "listen: nowhere",
        "instanc: paris",
        "store: x://y",
    ] {
        assert!(
            printed(line).contains(&format!("\n    {line}\n")),
            "{}",
            printed(line)
        );
    }
}

#[test]
fn a_warning_that_there_is_not_cannot_be_allowed() {
    check(
        "allow: GP0I2",
        "10: `allow` of alert `Load`: there is no warning `GP0I2`",
    );
    let text = format!(
        "{HEAD}allow: [GP001, GP1]\ndefaults: {{allow: [no-receiver]}}\nroutes: [{{notify: a, allow: gp012}}]\nalerts: [{{name: L, target: a.b, warning: 1}}]\n"
    );
    let printed = printed(&text);
    for part in [
        "alerts.yml:3:16: `allow`: there is no warning `GP1`",
        "alerts.yml:4:20: `allow` of `defaults`: there is no warning `no-receiver`",
        "alerts.yml:5:29: `allow` of route 1: there is no warning `gp012`",
        "hint: did you mean `GP012`?",
        "hint: known codes: `GP001`, ",
    ] {
        assert!(printed.contains(part), "no {part}:\n{printed}");
    }
    assert_eq!(printed.matches("error: ").count(), 3, "{printed}");
}
