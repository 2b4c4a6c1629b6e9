//! Writes series as `format=raw` and `format=json`, as graphite-web 1.1 does.

use std::fmt::Write;

use super::evaluate::Series;

/// `name,start,end,step|v,v,...`, one series a line; `None` for a gap.
pub fn raw(series: &[Series]) -> String {
    let mut text = String::new();
    for series in series {
        // writing to a String cannot fail
        let _ = write!(
            text,
            "{},{},{},{}|",
            series.name, series.start, series.end, series.step
        );
        for (index, value) in series.values.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            let _ = match value {
                Some(value) => write!(text, "{comma}{value:?}"),
                None => write!(text, "{comma}None"),
            };
        }
        text.push('\n');
    }
    text
}

/// `[{"target": ..., "tags": {"name": ...}, "datapoints": [[v|null, epoch], ...]}]`
pub fn json(series: &[Series]) -> String {
    let list = series
        .iter()
        .map(|series| {
            serde_json::json!({
                "target": series.name,
                "tags": {"name": series.path},
                "datapoints": series.points().map(|(at, value)| (value, at)).collect::<Vec<_>>(),
            })
        })
        .collect();
    serde_json::Value::Array(list).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use proptest::prelude::*;

    use super::*;

    fn series(name: &str, values: Vec<Option<f64>>) -> Series {
        let end = 100 + i64::try_from(values.len()).unwrap();
        Series {
            name: name.to_owned(),
            path: "a.b".to_owned(),
            start: 100,
            end,
            step: 1,
            values,
            line: false,
        }
    }

    #[test]
    fn raw_has_one_line_a_series_and_none_for_gaps() {
        let text = raw(&[
            series("a, b|c", vec![Some(1.0), None]),
            series("d", vec![Some(2.5)]),
        ]);
        assert_eq!(text, "a, b|c,100,102,1|1.0,None\nd,100,101,1|2.5\n");
    }

    #[test]
    fn json_has_value_then_time_and_the_metric_as_a_tag() {
        let text = json(&[series("a \"b\"", vec![Some(1.0), None])]);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            serde_json::json!([{"target": "a \"b\"", "tags": {"name": "a.b"}, "datapoints": [[1.0, 100], [null, 101]]}])
        );
    }

    #[test]
    fn no_series_is_an_empty_body_or_an_empty_list() {
        assert_eq!(raw(&[]), "");
        assert_eq!(json(&[]), "[]");
    }

    proptest! {
        /// Read as the facts page says: the last `|`, then three times from the right at `,`.
        #[test]
        fn raw_can_be_read_from_the_right(
            name in "[^\n\r]{0,20}",
            values in prop::collection::vec(prop::option::of(prop::num::f64::NORMAL), 1..20),
        ) {
            let text = raw(&[series(&name, values.clone())]);
            let (head, tail) = text.trim_end_matches('\n').rsplit_once('|').unwrap();
            let parts: Vec<_> = head.rsplitn(4, ',').collect();
            prop_assert_eq!(parts[3], name);
            prop_assert_eq!(parts[2], "100");
            let read: Vec<Option<f64>> = tail.split(',').map(|value| value.parse().ok()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
