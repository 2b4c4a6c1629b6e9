//! Configurations that are only played: nothing from outside is needed.

use super::*;

fn rehearsed(yaml: &str, env: &[(&str, &str)]) -> Result<Loaded, Report> {
    let bench = Bench::new(&[("alerts.yml", yaml)]);
    let env = |name: &str| {
        let known = env.iter().find(|(known, _)| *known == name);
        known.map(|(_, value)| (*value).to_owned())
    };
    rehearse(&[bench.path("alerts.yml")], &env)
}

#[test]
fn a_rehearsal_needs_no_graphite_no_secret_and_no_file() {
    let loaded = rehearsed(
        "graphite: {ca: /no/such.pem, username: pager, password: '${file:/no/such}', headers: {X-Auth: '${TOKEN}'}}\n\
         docs_url: ${WIKI}\n\
         docs_path: ${PAGES}\n\
         smtp: smtp://pager:${SMTP_PASSWORD}@mail:${PORT}\n\
         heartbeat: ${HEARTBEAT}\n\
         receivers:\n\
         \x20 oncall: {pagerduty: {routing_key: '${PAGERDUTY_KEY}'}}\n\
         \x20 backup: {pagerduty: {routing_key: '${file:/run/secrets/backup}'}}\n\
         \x20 mail: {email: {to: ['${OPS}', 'ops@${DOMAIN}'], from: '${FROM}'}}\n\
         \x20 chat: {slack: {url: '${SLACK_URL}'}}\n\
         \x20 hook: {webhook: {url: 'https://example.com/${TOKEN}'}}\n\
         \x20 script: {command: {run: ['${SCRIPT}', '${ARGUMENT}']}}\n\
         alerts: [{name: Load, target: 'servers.${DC}.load', critical: 1, labels: {team: '${TEAM}'}, slack_url: '${OTHER}'}]\n",
        &[],
    );
    let config = loaded.unwrap_or_else(|report| panic!("{report}")).config;
    assert_eq!(config.graphite.url.host_str(), Some("graphite"));
    assert_eq!(config.receivers.len(), 7);
    assert_eq!(config.docs_path, None, "no folder is made up");
    let keys: Vec<_> = config.receivers[..2]
        .iter()
        .map(|receiver| &receiver.destination)
        .collect();
    assert_ne!(keys[0], keys[1], "two keys do not become one");
    let alert = &config.groups[0].alerts[0];
    assert_eq!(alert.targets[0].as_str(), "servers.DC.load");
    assert_eq!(alert.labels["team"], "TEAM");
}

#[test]
fn a_rehearsal_takes_the_variables_that_it_is_given() {
    let yaml = "alerts: [{name: Load, target: a, critical: '${LIMIT}'}]\n";
    let loaded = rehearsed(yaml, &[("LIMIT", "20")]).unwrap();
    let critical = loaded.config.groups[0].alerts[0].critical.clone().unwrap();
    assert!(critical.holds(20.0) && !critical.holds(19.0));
    let report = rehearsed(yaml, &[]).unwrap_err().to_string();
    assert!(
        report.contains("a test of alerts does so itself"),
        "{report}"
    );
}

#[test]
fn a_rehearsal_still_finds_every_mistake() {
    let yaml = "receivers: {oncall: {pagerduty: {routing_kye: '${KEY}'}}}\n\
                alerts: [{name: Load, target: a, critical: 1, notify: on-call}]\n";
    let report = rehearsed(yaml, &[]).unwrap_err().to_string();
    assert!(report.contains("did you mean `routing_key`?"), "{report}");
    assert!(report.contains("did you mean `oncall`?"), "{report}");
    let broken = rehearsed(
        "alerts: [{name: '${no name}', target: a, critical: 1}]",
        &[],
    );
    assert!(broken.is_err());
}
