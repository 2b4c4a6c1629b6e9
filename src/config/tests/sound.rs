//! What sound files mean.

use std::time::Duration;

use super::*;
use crate::alert::{Docs, GraphLink, Level, Levels, TimeSpec, WithoutData};
use crate::deliver::settings::{Destination, SmtpTls};
use crate::graphite::settings::Format;

const LOAD: &str = "alerts:\n- name: Load\n  target: a.b\n  warning: 10\n";
const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_page_of_the_design_is_read() {
    let bench = Bench::new(&[
        ("alerts.yml", include_str!("whole.yml")),
        ("key", "secret-password\n"),
    ])
    .with_env("PAGERDUTY_KEY", "R0123")
    .with_env("SLACK_URL", "https://hooks.slack.com/services/x");
    let loaded = bench
        .load(&["alerts.yml"])
        .unwrap_or_else(|report| panic!("{report}"));
    let config = loaded.config;
    assert_eq!(
        config.graphite.url.as_str(),
        "https://graphite.example.com/"
    );
    assert_eq!(
        config.graphite.password.as_ref().unwrap().expose(),
        "secret-password"
    );
    assert_eq!(
        config
            .receivers
            .iter()
            .map(|receiver| &*receiver.policy.name)
            .collect::<Vec<_>>(),
        ["oncall", "ops-mail", "chat", "hook", "script", "screen"]
    );
    assert_eq!(
        config.receivers[0].policy.levels,
        Levels {
            warning: false,
            no_data: true,
            critical: true
        }
    );
    assert_eq!(config.groups[0].alerts[0].for_, 2 * MINUTE);
    assert_eq!(
        config.routes[0]
            .notify
            .iter()
            .map(|name| &**name)
            .collect::<Vec<_>>(),
        ["oncall", "ops-mail"]
    );
    assert!(
        loaded.files.contains(&bench.path("key"))
            && loaded.files.contains(&bench.path("alerts.yml"))
    );
}

#[test]
fn defaults_of_everything() {
    let config = sound(&format!("{HEAD}{LOAD}")).config;
    let graphite = &config.graphite;
    assert_eq!(
        (
            graphite.timeout,
            graphite.concurrency,
            graphite.format,
            graphite.cache,
            graphite.gzip
        ),
        (MINUTE / 2, 4, Format::Auto, false, false)
    );
    assert_eq!(
        (
            graphite.max_response,
            graphite.error_for,
            graphite.not_found_is_empty
        ),
        (256 << 20, 5 * MINUTE, false)
    );
    assert_eq!(
        (&*config.instance, config.listen),
        ("graphite-pager", Some("127.0.0.1:9780".parse().unwrap()))
    );
    assert_eq!(config.store, Store::File("graphite-pager.db".into()));
    let alert = &config.groups[0].alerts[0];
    assert_eq!(
        (
            alert.for_,
            alert.recover_for,
            alert.no_data_for,
            alert.missing_for
        ),
        (Duration::ZERO, 2 * MINUTE, 2 * MINUTE, 5 * MINUTE)
    );
    assert_eq!(
        (
            alert.settle,
            alert.forget_after,
            alert.limit,
            alert.no_data_limit
        ),
        (
            Some(Duration::from_secs(5)),
            1440 * MINUTE,
            Some(10),
            Some(3)
        )
    );
    assert_eq!(
        (&alert.from, &alert.until),
        (&TimeSpec::Ago(5 * MINUTE), &None)
    );
    assert_eq!(
        (alert.no_data, alert.missing),
        (
            WithoutData::Level(Level::NoData),
            WithoutData::Level(Level::NoData)
        )
    );
    assert_eq!(
        (&alert.docs, &alert.graph),
        (&Docs::Nowhere, &GraphLink::Render)
    );
}

#[test]
fn rare_slots_have_no_clocks_by_default() {
    for rare in ["every: 1h", "schedule: \"0 6 * * *\""] {
        let alert = alert(&format!("{LOAD}  {rare}\n  missing_for: 7m\n"));
        assert_eq!(
            (alert.recover_for, alert.no_data_for, alert.missing_for),
            (Duration::ZERO, Duration::ZERO, 7 * MINUTE),
            "{rare}"
        );
    }
}

#[test]
fn an_alerts_own_keys_win_over_defaults_and_their_rivals() {
    let own = |defaults: &str, line: &str| {
        sound(&format!("{HEAD}defaults: {{{defaults}}}\n{LOAD}  {line}\n"))
            .config
            .groups[0]
            .clone()
    };
    assert_eq!(
        own("every: 5m", "schedule: \"0 6 * * *\"").alerts[0].recover_for,
        Duration::ZERO
    );
    assert_eq!(
        own("schedule: \"0 6 * * *\"", "every: 5m").alerts[0].recover_for,
        2 * MINUTE
    );
    assert_eq!(
        own("no_data: critical", "allow_no_data: true").alerts[0].no_data,
        WithoutData::Ok
    );
    assert_eq!(
        own("allow_no_data: true", "no_data: keep").alerts[0].no_data,
        WithoutData::Keep
    );
    assert_eq!(own("for: 5m", "for: 0").alerts[0].for_, Duration::ZERO);
    assert_eq!(
        own("docs: \"https://d/{{ alert }}\"", "doc_url: https://w/").alerts[0].docs,
        Docs::Under("https://w".to_owned())
    );
    assert_eq!(
        own("critical: 20", "for: 1m").alerts[0]
            .critical
            .as_ref()
            .unwrap()
            .to_string(),
        ">= 20"
    );
}

#[test]
fn values_that_switch_off() {
    for off in ["off", "false", "'off'", "OFF"] {
        assert_eq!(
            alert(&format!("{LOAD}  settle: {off}\n")).settle,
            None,
            "{off}"
        );
        assert_eq!(
            sound(&format!("listen: {off}\n{HEAD}{LOAD}")).config.listen,
            None,
            "{off}"
        );
    }
    assert_eq!(
        alert(&format!("{LOAD}  limit: 0\n  no_data_limit: 0\n")).limit,
        None
    );
    assert_eq!(
        alert(&format!("{LOAD}  graph: false\n")).graph,
        GraphLink::Off
    );
    assert_eq!(
        alert(&format!("{LOAD}  settle: 0\n")).settle,
        Some(Duration::ZERO)
    );
}

#[test]
fn thresholds_may_be_numbers_or_text() {
    let warning = |text: &str| {
        alert(&format!(
            "alerts:\n- {{name: L, target: a.b, warning: {text}}}\n"
        ))
        .warning
        .unwrap()
        .to_string()
    };
    assert_eq!(warning("10"), ">= 10");
    assert_eq!(warning("\"10\""), ">= 10");
    assert_eq!(warning("-1e3"), ">= -1000");
    assert_eq!(warning("\"< 200MB\""), "< 200MB");
}

#[test]
fn text_is_kept_as_it_is_written() {
    let config = sound(&format!("{HEAD}alerts:\n- {{name: 1e3, target: a.b, warning: 1, labels: {{n: 007, b: yes}}, description: 1.50}}\n")).config;
    let alert = &config.groups[0].alerts[0];
    assert_eq!(
        (
            &*alert.name,
            alert.labels["n"].as_str(),
            alert.labels["b"].as_str()
        ),
        ("1e3", "007", "yes")
    );
    assert_eq!(alert.description.as_deref(), Some("1.50"));
    let keyed = sound(&format!("graphite: {{url: http://g}}\nreceivers: {{a: {{pagerduty: {{routing_key: 00000000000000000000000000000123}}}}}}\n{LOAD}")).config;
    let Destination::PagerDuty(pagerduty) = &keyed.receivers[0].destination else {
        panic!()
    };
    assert_eq!(
        pagerduty.routing_key.expose(),
        "00000000000000000000000000000123"
    );
}

#[test]
fn anchors_and_merge_keys_work() {
    let text = format!(
        "{HEAD}x-web: &web {{labels: {{team: web}}, for: 1m}}\nx-slow: &slow {{for: 9m, every: 5m}}\nalerts:\n- &first\n  <<: [*web, *slow]\n  name: A\n  target: &t a.b\n  warning: 1\n- {{<<: *first, name: B, for: 3m}}\n- {{name: C, target: *t, warning: 2}}\n"
    );
    let groups = sound(&text).config.groups;
    let find = |name: &str| {
        groups
            .iter()
            .find(|group| &*group.name == name)
            .unwrap()
            .alerts[0]
            .clone()
    };
    assert_eq!(
        (find("A").for_, find("A").labels["team"].as_str()),
        (MINUTE, "web")
    );
    assert_eq!(
        (find("B").for_, find("B").targets[0].as_str()),
        (3 * MINUTE, "a.b")
    );
    assert_eq!(find("C").targets[0].as_str(), "a.b");
}

#[test]
fn several_files_and_folders_make_one_configuration() {
    let alert = |name: &str| format!("alerts: [{{name: {name}, target: a.{name}, warning: 1}}]\n");
    let bench = Bench::new(&[
        ("main.yml", HEAD),
        ("d/z.yml", &alert("Z")),
        ("d/a/b.yaml", &alert("B")),
        ("d/list.yml", "- {name: L, target: a.l, warning: 1}\n"),
        (
            "d/more.yml",
            "receivers: {c: {console: }}\nroutes: [{notify: c}]\n",
        ),
        ("d/b.test.yml", "tests: []\n"),
        ("d/.hidden.yml", "nonsense: [\n"),
        ("d/..data/z.yml", "nonsense: [\n"),
        ("d/notes.txt", "nonsense: [\n"),
    ]);
    let loaded = bench
        .load(&["main.yml", "d", "d/z.yml"])
        .unwrap_or_else(|report| panic!("{report}"));
    let names: Vec<_> = loaded
        .config
        .groups
        .iter()
        .map(|group| group.name.to_string())
        .collect();
    assert_eq!(names, ["B", "L", "Z"]);
    assert_eq!(loaded.config.receivers.len(), 3);
    assert!(loaded.files.contains(&bench.path("d")) && loaded.files.contains(&bench.path("d/a")));
}

#[test]
fn default_paths_prefer_the_file() {
    let bench = Bench::new(&[("alerts/x.yml", "")]);
    assert_eq!(default_paths(bench.folder.path()), [bench.path("alerts")]);
    std::fs::write(bench.path("alerts.yml"), "").unwrap();
    assert_eq!(
        default_paths(bench.folder.path()),
        [bench.path("alerts.yml")]
    );
}

#[test]
fn variables_and_files_are_put_into_strings() {
    let text = format!("instance: \"a-${{NAME}}-$${{NAME}}-${{file:sub/key}}-$5\"\n{HEAD}{LOAD}");
    let bench = Bench::new(&[("conf/alerts.yml", &text), ("conf/sub/key", "k\n\n")])
        .with_env("NAME", "${OTHER}");
    let loaded = bench
        .load(&["conf/alerts.yml"])
        .unwrap_or_else(|report| panic!("{report}"));
    // what is put in is not looked at again
    assert_eq!(&*loaded.config.instance, "a-${OTHER}-${NAME}-k-$5");
    assert!(loaded.files.contains(&bench.path("conf/sub/key")));
}

#[test]
fn numbers_may_come_from_variables() {
    let text = format!(
        "graphite: {{url: http://g, concurrency: \"${{N}}\"}}\n{LOAD}  critical: ${{CRIT}}\n"
    );
    let bench = Bench::new(&[("alerts.yml", &text)])
        .with_env("N", "7")
        .with_env("CRIT", "20");
    let config = bench
        .load(&["alerts.yml"])
        .unwrap_or_else(|report| panic!("{report}"))
        .config;
    assert_eq!(
        (
            config.graphite.concurrency,
            config.groups[0].alerts[0]
                .critical
                .as_ref()
                .unwrap()
                .to_string()
        ),
        (7, ">= 20".to_owned())
    );
}

#[test]
fn disabled_alerts_are_left_out() {
    let config = sound(&format!(
        "{HEAD}{LOAD}- {{name: Off, target: c.d, warning: 1, enabled: false}}\n"
    ))
    .config;
    assert_eq!(config.groups.len(), 1);
}

#[test]
fn credentials_move_out_of_graphites_url() {
    let config = sound(&format!(
        "graphite: {{url: \"https://me%40x:p%2Fw@g.example.com/base/render/\"}}\n{LOAD}"
    ))
    .config;
    assert_eq!(config.graphite.url.as_str(), "https://g.example.com/base");
    assert_eq!(
        (
            config.graphite.username.as_deref(),
            config.graphite.password.unwrap().expose()
        ),
        (Some("me@x"), "p/w")
    );
}

#[test]
fn mail_settings_are_taken_apart() {
    let text = format!(
        "graphite: {{url: http://g}}\nsmtp: \"smtps://u:p@mail.example.com\"\nreceivers:\n  a: {{email: {{to: [\"Ops <ops@example.com>\", ops@EXAMPLE.com], cc: boss@example.com, from: pager@example.com}}}}\n  b: {{email: {{to: x@example.com, from: pager@example.com, smtp: \"smtp://other:587?tls=required\"}}}}\n{LOAD}"
    );
    let config = sound(&text).config;
    assert_eq!(
        config.receivers[0]
            .policy
            .recipients
            .iter()
            .map(|address| &**address)
            .collect::<Vec<_>>(),
        ["ops@example.com", "boss@example.com"]
    );
    let smtp = |index: usize| match &config.receivers[index].destination {
        Destination::Email(email) => email.smtp.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (smtp(0).host.as_str(), smtp(0).port, smtp(0).tls),
        ("mail.example.com", 465, SmtpTls::Implicit)
    );
    assert_eq!(
        (smtp(1).host.as_str(), smtp(1).port, smtp(1).tls),
        ("other", 587, SmtpTls::Required)
    );
}

#[test]
fn pagerduty_reminds_and_others_do_not() {
    let text = format!(
        "graphite: {{url: http://g}}\nreceivers:\n  a: {{pagerduty: {{routing_key: k, url: https://events.eu.pagerduty.com/v2/enqueue}}}}\n  b: {{pagerduty: {{routing_key: k2}}, repeat: off}}\n  c: {{console: }}\n{LOAD}"
    );
    let config = sound(&text).config;
    let repeats: Vec<_> = config
        .receivers
        .iter()
        .map(|receiver| (receiver.policy.repeat, receiver.policy.keyed))
        .collect();
    assert_eq!(
        repeats,
        [(Some(240 * MINUTE), true), (None, true), (None, false)]
    );
    let Destination::PagerDuty(pagerduty) = &config.receivers[0].destination else {
        panic!()
    };
    assert_eq!(pagerduty.url.expose(), "https://events.eu.pagerduty.com");
}

#[test]
fn doubtful_set_ups_are_warned_of() {
    let codes = |text: &str| {
        sound(text)
            .warnings
            .iter()
            .filter_map(|problem| problem.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        codes(&format!("graphite: {{url: http://g}}\n{LOAD}")),
        [Code::NoReceiver]
    );
    assert_eq!(
        codes(&format!(
            "graphite: {{url: http://g}}\nreceivers: {{a: {{console: }}}}\n{LOAD}"
        )),
        [Code::SingleReceiver]
    );
    assert_eq!(codes(&format!("{HEAD}{LOAD}")), []);
    assert_eq!(
        codes(&format!(
            "graphite: {{url: \"http://u:p@g.example.com\"}}\nreceivers: {{a: {{console: }}, b: {{console: }}}}\n{LOAD}"
        )),
        [Code::PlainHttpPassword]
    );
}

#[test]
fn two_receivers_at_one_key_are_warned_of() {
    let text = format!(
        "graphite: {{url: http://g}}\nreceivers:\n  a: {{pagerduty: {{routing_key: k}}, levels: warning}}\n  b: {{pagerduty: {{routing_key: k}}, levels: critical}}\n{LOAD}"
    );
    let warnings = sound(&text).warnings;
    assert_eq!(
        warnings
            .iter()
            .map(|problem| (problem.code, problem.at))
            .collect::<Vec<_>>(),
        [(Some(Code::SharedKey), Some((4, 3)))]
    );
}

/// The codes of what is warned of.
fn warned(text: &str) -> Vec<String> {
    let warnings = sound(text).warnings;
    let codes = warnings.iter().filter_map(|problem| problem.code);
    codes.map(|code| code.to_string()).collect()
}

#[test]
fn a_warning_can_be_allowed_where_it_stands() {
    let old = "redis_url: redis://localhost";
    let smtp = "smtp: 'smtp://u:p@mail.example.com'";
    let mail = |smtp: &str| format!("email: {{to: a@b.c, from: a@b.c{smtp}}}");
    for (allowed, text) in [
        (
            "GP001",
            format!("graphite: {{url: http://g}}\nALLOW\n{LOAD}"),
        ),
        (
            "GP002",
            format!("graphite: {{url: http://g}}\nreceivers: {{a: {{console: }}}}\nALLOW\n{LOAD}"),
        ),
        (
            "GP003",
            format!(
                "graphite: {{url: http://g}}\nreceivers: {{a: {{pagerduty: {{routing_key: k}}}}, b: {{pagerduty: {{routing_key: k}}, ALLOW}}}}\n{LOAD}"
            ),
        ),
        (
            "GP003",
            format!(
                "graphite: {{url: http://g}}\npagerduty_key: k\nreceivers: {{b: {{pagerduty: {{routing_key: k}}}}}}\nALLOW\n{LOAD}"
            ),
        ),
        (
            "GP004",
            format!(
                "graphite: {{url: 'http://u:p@g.example.com'}}\nreceivers: {{a: {{console: }}, b: {{console: }}}}\nALLOW\n{LOAD}"
            ),
        ),
        ("GP005", format!("{HEAD}{smtp}\nALLOW\n{LOAD}")),
        (
            "GP005",
            format!(
                "graphite: {{url: http://g}}\nreceivers: {{a: {{console: }}, b: {{{}, ALLOW}}}}\n{LOAD}",
                mail(&format!(", {smtp}"))
            ),
        ),
        (
            "GP006",
            format!(
                "graphite: {{url: http://g/render}}\nreceivers: {{a: {{console: }}, b: {{console: }}}}\nALLOW\n{LOAD}"
            ),
        ),
        ("GP007", format!("{HEAD}{old}\nALLOW\n{LOAD}")),
        ("GP007", format!("{HEAD}{LOAD}  hipchat_room: x\n  ALLOW\n")),
        (
            "GP007",
            format!("{HEAD}defaults: {{hipchat_room: x, ALLOW}}\n{LOAD}"),
        ),
    ] {
        let with = |code: &str| warned(&text.replace("ALLOW", &format!("allow: {code}")));
        assert_eq!(with("[]"), [allowed], "{text}");
        assert_eq!(with(allowed), [""; 0], "{text}");
        assert_eq!(with("[GP010, GP029]"), [allowed], "{text}");
    }
}

#[test]
fn what_the_top_level_allows_no_alert_is_allowed_by_it() {
    let text = format!("{HEAD}allow: GP007\n{LOAD}  hipchat_room: x\n");
    assert_eq!(warned(&text), ["GP007"]);
}

#[test]
fn a_warning_is_printed_with_its_code() {
    insta::assert_snapshot!(printed(&format!("{HEAD}redis_url: redis://r\n{LOAD}")), @r"
    warning: alerts.yml:3:1: `redis_url` has no effect any more [GP007]
        redis_url: ***
        ^

    hint: state is kept in a file of its own (`store:`); Redis is not needed
    ");
}

mod predecessor {
    use super::*;

    const OLD: &str = r#"
graphite_url: http://me:pw@graphite.example.com
docs_url: https://docs.example.com/alerts
pagerduty_key: K0
slack_url: https://hooks.slack.com/services/x
stdout_enabled: yes
redis_url: redis://localhost
hipchat_key: abc
alerts:
  - name: Load
    target: aliasByNode(servers.*.loadavg.05,1)
    warning: 10
    critical: 20
    from: -1min
    exclude:
      - web-1
  - name: Disk
    target: aliasByNode(servers.*.disk,1)
    warning: 20
    critical: 10
    allow_no_data: true
    pagerduty_key: K1
  - name: Memory
    target: aliasByNode(servers.*.memory,1)
    warning: 20
    critical: 10
    slack_url: https://hooks.slack.com/services/y
"#;

    fn names(config: &Config) -> Vec<&str> {
        config
            .receivers
            .iter()
            .map(|receiver| &*receiver.policy.name)
            .collect()
    }

    fn notify(config: &Config, index: usize) -> Option<Vec<&str>> {
        config.groups[index].alerts[0]
            .notify
            .as_ref()
            .map(|names| names.iter().map(|name| &**name).collect())
    }

    #[test]
    fn its_file_runs_unchanged() {
        let loaded = sound(OLD);
        let config = &loaded.config;
        assert_eq!(config.graphite.username.as_deref(), Some("me"));
        assert_eq!(
            names(config),
            [
                "pagerduty_key",
                "slack_url",
                "stdout_enabled",
                "pagerduty_key of Disk",
                "slack_url of Memory"
            ]
        );
        assert_eq!(
            config.groups[0].alerts[0].docs,
            Docs::Under("https://docs.example.com/alerts".to_owned())
        );
        assert_eq!(config.groups[0].alerts[0].from, TimeSpec::Ago(MINUTE));
        let warned: Vec<_> = loaded
            .warnings
            .iter()
            .map(|problem| (problem.at.unwrap().0, problem.code.unwrap()))
            .collect();
        assert_eq!(
            warned,
            [
                (2, Code::PlainHttpPassword),
                (7, Code::RetiredKey),
                (8, Code::RetiredKey)
            ]
        );
    }

    #[test]
    fn an_alerts_own_key_replaces_the_flat_ones_of_its_kind() {
        let config = sound(OLD).config;
        assert_eq!(notify(&config, 0), None);
        assert_eq!(
            notify(&config, 1).unwrap(),
            ["slack_url", "stdout_enabled", "pagerduty_key of Disk"]
        );
        assert_eq!(
            notify(&config, 2).unwrap(),
            ["pagerduty_key", "stdout_enabled", "slack_url of Memory"]
        );
        // `Load` is routed to whoever is told by default: not to the receivers of the other two
        let default: Vec<_> = config
            .receivers
            .iter()
            .map(|receiver| receiver.policy.default)
            .collect();
        assert_eq!(default, [true, true, true, false, false]);
    }

    #[test]
    fn a_key_per_level_becomes_a_receiver_with_that_level() {
        let text = format!(
            "graphite_url: http://g\npagerduty: {{nominal: N, warning: W, critical: C, no_data: W}}\n{LOAD}"
        );
        let loaded = sound(&text);
        let receivers: Vec<_> = loaded
            .config
            .receivers
            .iter()
            .map(|receiver| (&*receiver.policy.name, receiver.policy.levels))
            .collect();
        assert_eq!(
            receivers,
            [
                (
                    "pagerduty.warning+no_data",
                    Levels {
                        warning: true,
                        no_data: true,
                        critical: false
                    }
                ),
                (
                    "pagerduty.critical",
                    Levels {
                        warning: false,
                        no_data: false,
                        critical: true
                    }
                ),
            ]
        );
        assert!(
            loaded
                .warnings
                .iter()
                .any(|problem| problem.code == Some(Code::RetiredKey))
        );
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let env = [
            ("GRAPHITE_URL", "http://e:f@env.example.com"),
            ("DOCS_URL", "https://env.example.com/docs/"),
            ("PAGERDUTY_KEY", "EK"),
            ("SLACK_URL", "https://env.example.com/slack"),
        ];
        let bench = env.iter().fold(
            Bench::new(&[("alerts.yml", OLD)]),
            |bench, (name, value)| bench.with_env(name, value),
        );
        let config = bench
            .load(&["alerts.yml"])
            .unwrap_or_else(|report| panic!("{report}"))
            .config;
        assert_eq!(
            (
                config.graphite.url.as_str(),
                config.graphite.username.as_deref()
            ),
            ("http://env.example.com/", Some("e"))
        );
        assert_eq!(
            config.docs_url.as_deref(),
            Some("https://env.example.com/docs")
        );
        let Destination::PagerDuty(pagerduty) = &config.receivers[0].destination else {
            panic!()
        };
        assert_eq!(pagerduty.routing_key.expose(), "EK");
        let user = Bench::new(&[("alerts.yml", OLD)])
            .with_env("GRAPHITE_USER", "u")
            .with_env("GRAPHITE_PASS", "p");
        let graphite = user.load(&["alerts.yml"]).unwrap().config.graphite;
        assert_eq!(
            (
                graphite.username.as_deref(),
                graphite.password.unwrap().expose()
            ),
            (Some("u"), "p")
        );
    }

    #[test]
    fn variables_make_no_receivers_by_themselves() {
        let bench = Bench::new(&[("alerts.yml", &format!("{HEAD}{LOAD}"))])
            .with_env("PAGERDUTY_KEY", "EK")
            .with_env("SLACK_URL", "https://x");
        assert_eq!(
            names(&bench.load(&["alerts.yml"]).unwrap().config),
            ["a", "b"]
        );
    }
}

#[cfg(unix)]
#[test]
fn a_mounted_config_map_is_read_once() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new(&[("..2026/alerts.yml", &format!("{HEAD}{LOAD}"))]);
    symlink("..2026", bench.path("..data")).unwrap();
    symlink("..data/alerts.yml", bench.path("alerts.yml")).unwrap();
    symlink(".", bench.path("loop")).unwrap();
    let loaded = bench
        .load(&[""])
        .unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(loaded.config.groups.len(), 1);
    assert!(loaded.files.contains(&bench.path("alerts.yml")));
}
