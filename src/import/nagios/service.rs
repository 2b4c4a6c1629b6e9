//! What a service says beside its command: when it is checked, who is told, what it is for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::objects::Object;
use super::words;
use crate::import::draft::Draft;
use crate::import::foreign::list;
use crate::import::yaml::Value;
use crate::import::{settings, span};

/// Keys of a service that are read.
const READ: &[&str] = &[
    "use",
    "name",
    "register",
    "host_name",
    "hostgroup_name",
    "service_description",
    "display_name",
    "check_command",
    "check_interval",
    "normal_check_interval",
    "retry_interval",
    "retry_check_interval",
    "max_check_attempts",
    "notes",
    "notes_url",
    "action_url",
    "contact_groups",
    "contacts",
    "servicegroups",
    "active_checks_enabled",
    "notifications_enabled",
    "check_period",
    "notification_period",
    "notification_interval",
    "first_notification_delay",
    "notification_options",
];
/// Keys of a service that mean nothing here.
const QUIET: &[&str] = &[
    "is_volatile",
    "initial_state",
    "passive_checks_enabled",
    "obsess_over_service",
    "check_freshness",
    "freshness_threshold",
    "event_handler_enabled",
    "low_flap_threshold",
    "high_flap_threshold",
    "flap_detection_enabled",
    "flap_detection_options",
    "process_perf_data",
    "retain_status_information",
    "retain_nonstatus_information",
    "stalking_options",
    "icon_image",
    "icon_image_alt",
    "parallelize_check",
    "failure_prediction_enabled",
    "importance",
];

/// Keys that are settings of receivers here, and which.
const TELLING: [(&str, &str); 3] = [
    ("notification_interval", "`repeat:` of a receiver reminds"),
    ("first_notification_delay", "`after:` of a receiver waits"),
    (
        "notification_options",
        "`levels:` and `resolved:` of a receiver say of what it is told",
    ),
];

/// What a service is called.
pub fn described(service: &Object) -> String {
    let name = service
        .get("service_description")
        .or_else(|| service.get("display_name"));
    name.unwrap_or("service").to_owned()
}

/// What services say of telling, which is said once.
pub fn lost(objects: &[Object]) -> Vec<String> {
    let services = || objects.iter().filter(|object| object.kind == "service");
    let said = |(key, here): &(&str, &str)| {
        let values: BTreeSet<&str> = services().filter_map(|service| service.get(key)).collect();
        (!values.is_empty()).then(|| format!("`{key}` of services ({}): {here}", list(values)))
    };
    TELLING.iter().filter_map(said).collect()
}

/// Adds what the service says beside its command.
///
/// # Errors
/// One of its times is none.
pub fn add(draft: &mut Draft, service: &Object, host: Option<&str>) -> Result<(), String> {
    let minutes = |keys: [&str; 2]| -> Result<Option<Duration>, String> {
        let Some((key, text)) = keys.iter().find_map(|key| Some((*key, service.get(key)?))) else {
            return Ok(None);
        };
        let number: Option<f64> = text.parse().ok();
        let span = number.and_then(|number| span::of(number, 60.0));
        span.map(Some)
            .ok_or_else(|| format!("its {key} `{text}` is no number of minutes"))
    };
    match minutes(["check_interval", "normal_check_interval"])?.filter(|every| every.as_secs() > 0)
    {
        Some(every) => draft.span("every", Duration::from_secs(every.as_secs())),
        None => draft.remark("its check interval is not in this file: `every: 1m` is taken"),
    }
    let attempts: u32 = service
        .get("max_check_attempts")
        .and_then(|text| text.parse().ok())
        .unwrap_or(1);
    let retry =
        minutes(["retry_interval", "retry_check_interval"])?.unwrap_or(Duration::from_secs(60));
    let lasting = retry
        .checked_mul(attempts.saturating_sub(1))
        .unwrap_or_default();
    if !lasting.is_zero() {
        draft.span("for", lasting);
    }
    let off = |key: &str| service.get(key) == Some("0");
    if off("active_checks_enabled") || off("notifications_enabled") {
        draft.set("enabled", Value::word("false"));
    }
    if off("notifications_enabled") {
        draft.remark("it is checked there and tells nobody; here it is switched off");
    }
    words_for_people(draft, service, host);
    remarks(draft, service);
    Ok(())
}

fn words_for_people(draft: &mut Draft, service: &Object, host: Option<&str>) {
    let mut labels = Vec::new();
    if let Some(host) = host {
        labels.push(("host".to_owned(), host.to_owned()));
    }
    for key in [
        "hostgroup_name",
        "servicegroups",
        "contact_groups",
        "contacts",
    ] {
        if let Some(value) = service.get(key) {
            labels.push((key.to_owned(), value.trim_start_matches('+').to_owned()));
        }
    }
    if !labels.is_empty() {
        draft.set("labels", Value::Map(labels));
    }
    if let Some(notes) = service.get("notes") {
        draft.set("description", Value::Text(notes.to_owned()));
    }
    let mut links = ["notes_url", "action_url"]
        .into_iter()
        .filter_map(|key| Some((key, service.get(key)?)));
    let link = links.find(|(_, link)| {
        !link.contains(['$', '@']) && !link.contains("{{") && settings::address(link).is_some()
    });
    if let Some((_, link)) = link {
        draft.set("docs", Value::Text(link.to_owned()));
    }
    for key in ["notes_url", "action_url"] {
        if let Some(text) = service
            .get(key)
            .filter(|text| link.is_none_or(|(_, link)| link != *text))
        {
            let shown = words::shown(&[text.to_owned()]);
            draft.remark(format!(
                "`{key} {shown}`: `docs:` takes one link, without macros"
            ));
        }
    }
}

fn remarks(draft: &mut Draft, service: &Object) {
    for key in ["check_period", "notification_period"] {
        if let Some(period) = service.get(key).filter(|period| *period != "24x7") {
            draft.remark(format!(
                "`{key} {period}`: `active:` takes hours, such as `Mon-Fri 09:00-18:00`"
            ));
        }
    }
    let known = |key: &str| READ.contains(&key) || QUIET.contains(&key) || key.starts_with('_');
    let others: Vec<&str> = service
        .keys
        .keys()
        .map(String::as_str)
        .filter(|key| !known(key))
        .collect();
    if !others.is_empty() {
        draft.remark(format!("without an equal, and left out: {}", list(others)));
    }
}
