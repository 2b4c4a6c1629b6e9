//! A replay's incidents as CSV (RFC 4180), a line each. Times are RFC 3339 in
//! UTC, spans in seconds.

use std::borrow::Cow;

use super::report::Report;
use crate::alert::Timestamp;

/// The first line.
const HEADING: &str = "alert,series,opened,ended,seconds,worst,reason,told";

/// All incidents; `ended` is empty where one was still open.
pub fn write(report: &Report<'_>) -> String {
    let mut text = format!("{HEADING}\r\n");
    for incident in &report.record.incidents {
        let fields = [
            incident.alert.to_string(),
            incident.series.to_string(),
            incident.opened().rfc3339(),
            incident.ended().map(Timestamp::rfc3339).unwrap_or_default(),
            incident.lasted(report.reached).as_secs().to_string(),
            incident.worst().as_str().to_owned(),
            incident.reason().to_owned(),
            report.told(incident),
        ];
        let fields: Vec<_> = fields.iter().map(|field| quoted(field)).collect();
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    text
}

pub(super) fn quoted(field: &str) -> Cow<'_, str> {
    match field.contains(['"', ',', '\r', '\n']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")).into(),
        false => field.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_field_is_quoted() {
        assert_eq!(quoted("plain 1"), "plain 1");
        assert_eq!(quoted("sum(a,b)"), "\"sum(a,b)\"");
        assert_eq!(quoted("say \"hi\""), "\"say \"\"hi\"\"\"");
        assert_eq!(quoted("two\nlines"), "\"two\nlines\"");
    }
}
