//! The thresholds of one alert: `warning`, `critical` and `recover` together.
//!
//! Two plain numbers say together which side is bad; a number beside a
//! condition follows it. [`conditions`] settles that once, so that nothing
//! after it asks for a direction. It knows no places: a [`Fault`] names keys,
//! and `config/` finds them in the file.
//!
//! Invariant: the warning and the critical condition of one alert differ.

use super::condition::{Condition, Direction, Test, Threshold, Written};
use super::quantity::{Quantity, shortest};

/// The keys `warning`, `critical` and `recover` could not be understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Which key: `warning`, `critical` or `recover`.
    pub key: &'static str,
    /// The other key, where the fault lies between two.
    pub between: Option<&'static str>,
    /// What is wrong, lowercase.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// The three conditions of an alert.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Conditions {
    /// Where this holds, a series is `warning`.
    pub warning: Option<Condition>,
    /// Where this holds, a series is `critical`.
    pub critical: Option<Condition>,
    /// Where this does not hold, an open incident does not see `ok`.
    pub recover: Option<Condition>,
}

/// Builds the conditions of the alert named `alert` from what is written.
///
/// # Errors
///
/// All faults at once, in the order warning, critical, recover.
pub fn conditions(
    alert: &str,
    warning: Option<&Written>,
    critical: Option<&Written>,
    recover: Option<&Written>,
) -> Result<Conditions, Vec<Fault>> {
    let read = |key: &'static str, written: Option<&Written>| {
        let read =
            |written| Threshold::read(written).map_err(|why| unreadable(alert, key, written, &why));
        written.map(read).transpose()
    };
    let pair = match (read("warning", warning), read("critical", critical)) {
        (Ok(None), Ok(None)) => Err(vec![unset(alert)]),
        (Ok(warning), Ok(critical)) => pair(alert, warning, critical).map_err(|fault| vec![fault]),
        (warning, critical) => Err(warning.err().into_iter().chain(critical.err()).collect()),
    };
    match (pair, read("recover", recover)) {
        (Ok((warning, critical)), Ok(recover)) => {
            let recover = recover
                .map(|recover| recovery(alert, recover, warning.as_ref(), critical.as_ref()))
                .transpose()
                .map_err(|fault| vec![fault])?;
            Ok(Conditions {
                warning,
                critical,
                recover,
            })
        }
        (pair, recover) => Err(pair
            .err()
            .into_iter()
            .flatten()
            .chain(recover.err())
            .collect()),
    }
}

fn unset(alert: &str) -> Fault {
    Fault {
        key: "warning",
        between: None,
        message: format!("alert `{alert}` has no threshold"),
        hint: Some("set `warning`, `critical` or both, such as `critical: 90`".to_owned()),
    }
}

fn unreadable(alert: &str, key: &'static str, written: &Written, why: &str) -> Fault {
    let message = match written {
        Written::Number(value) => format!("`{key}` of alert `{alert}` is {value}: {why}"),
        Written::Text(text) => format!("`{key}` of alert `{alert}` is `{text}`: {why}"),
    };
    let hint = "write a number, or a condition such as `\"> 90\"`, `\">= 1.5K\"`, `\"< 200MB\"`, \
                `\"== 0\"`, `\"!= 1\"`, `\"inside 10..20\"` or `\"outside 10..20\"`";
    Fault {
        key,
        between: None,
        message,
        hint: Some(hint.to_owned()),
    }
}

/// Gives the two thresholds their directions; they must not come out the same.
fn pair(
    alert: &str,
    warning: Option<Threshold>,
    critical: Option<Threshold>,
) -> Result<(Option<Condition>, Option<Condition>), Fault> {
    let (warning, critical) = match (warning, critical) {
        (Some(warning), Some(critical)) => (warning, critical),
        // one number alone: high is bad, as in the predecessor
        (warning, critical) => {
            let alone = |threshold: Threshold| threshold.towards(Direction::High);
            return Ok((warning.map(alone), critical.map(alone)));
        }
    };
    let direction = match (&warning, &critical) {
        (Threshold::Number(warning), Threshold::Number(critical)) => {
            if warning.value == critical.value {
                return Err(both(alert, &shortest(warning.value), true));
            }
            if critical.value > warning.value {
                Direction::High
            } else {
                Direction::Low
            }
        }
        // `warning: 10` beside `critical: "< 5"` is about the low side: read as
        // `>= 10` it would call every healthy value bad
        (Threshold::Number(_), explicit) | (explicit, _) => {
            explicit.direction().unwrap_or(Direction::High)
        }
    };
    let (warning, critical) = (warning.towards(direction), critical.towards(direction));
    if warning.same_as(&critical) {
        return Err(both(
            alert,
            &format!("`{critical}`"),
            critical.direction().is_some(),
        ));
    }
    Ok((Some(warning), Some(critical)))
}

fn both(alert: &str, value: &str, directed: bool) -> Fault {
    let hint = if directed {
        "make `critical` higher than `warning` to alert on high values, lower to alert on low ones"
    } else {
        "leave `warning` out, or give it a condition of its own"
    };
    Fault {
        key: "warning",
        between: Some("critical"),
        message: format!("`warning` and `critical` of alert `{alert}` are both {value}"),
        hint: Some(hint.to_owned()),
    }
}

/// The condition of `recover`. A number means strictly the good side of it.
fn recovery(
    alert: &str,
    recover: Threshold,
    warning: Option<&Condition>,
    critical: Option<&Condition>,
) -> Result<Condition, Fault> {
    let number = match recover {
        Threshold::Explicit(condition) => return Ok(condition),
        Threshold::Number(number) => number,
    };
    let keyed = [("warning", warning), ("critical", critical)];
    let directed = || {
        keyed
            .into_iter()
            .filter_map(|(key, condition)| Some((key, condition?, condition?.direction()?)))
    };
    let high = directed().any(|(.., direction)| direction == Direction::High);
    let low = directed().any(|(.., direction)| direction == Direction::Low);
    if high == low {
        return Err(sideless(alert, &number));
    }
    for (key, condition, _) in directed() {
        let beyond = |line: &f64| {
            if high {
                number.value > *line
            } else {
                number.value < *line
            }
        };
        if condition.lines().iter().any(beyond) {
            return Err(wrong_side(alert, &number, key, condition, high));
        }
    }
    let test = if high {
        Test::Below(number.value)
    } else {
        Test::Above(number.value)
    };
    Ok(Condition::new(test, &number.text))
}

fn sideless(alert: &str, recover: &Quantity) -> Fault {
    let value = &recover.text;
    Fault {
        key: "recover",
        between: None,
        message: format!(
            "`recover` of alert `{alert}` is {value}, but its thresholds do not say which side is bad"
        ),
        hint: Some(format!(
            "write a condition: `recover: \"< {value}\"` or `recover: \"> {value}\"`"
        )),
    }
}

fn wrong_side(
    alert: &str,
    recover: &Quantity,
    key: &'static str,
    condition: &Condition,
    high: bool,
) -> Fault {
    let value = &recover.text;
    let (beyond, good, side) = if high {
        ("above", "lower", "high")
    } else {
        ("below", "higher", "low")
    };
    let line = condition
        .lines()
        .first()
        .copied()
        .map(shortest)
        .unwrap_or_default();
    Fault {
        key: "recover",
        between: Some(key),
        message: format!(
            "`recover` of alert `{alert}` is {value}, {beyond} its `{key}` (`{condition}`)"
        ),
        hint: Some(format!(
            "{side} values are bad here: make `recover` {line} or {good}"
        )),
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use super::*;
    use proptest::prelude::*;

    fn number(value: f64) -> Option<Written> {
        Some(Written::Number(value))
    }

    fn text(text: &str) -> Option<Written> {
        Some(Written::Text(text.to_owned()))
    }

    fn built(
        warning: Option<Written>,
        critical: Option<Written>,
        recover: Option<Written>,
    ) -> Result<[String; 3], Vec<Fault>> {
        let built = conditions(
            "Load",
            warning.as_ref(),
            critical.as_ref(),
            recover.as_ref(),
        )?;
        let shown =
            |condition: Option<Condition>| condition.map(|c| c.to_string()).unwrap_or_default();
        Ok([
            shown(built.warning),
            shown(built.critical),
            shown(built.recover),
        ])
    }

    fn check(
        warning: Option<Written>,
        critical: Option<Written>,
        recover: Option<Written>,
        expected: [&str; 3],
    ) {
        assert_eq!(built(warning, critical, recover).unwrap(), expected);
    }

    fn fault(
        warning: Option<Written>,
        critical: Option<Written>,
        recover: Option<Written>,
    ) -> Fault {
        let mut faults = built(warning, critical, recover).unwrap_err();
        assert_eq!(faults.len(), 1, "{faults:?}");
        faults.remove(0)
    }

    #[test]
    fn the_order_of_two_numbers_says_which_side_is_bad() {
        check(number(10.0), number(20.0), None, [">= 10", ">= 20", ""]);
        check(number(20.0), number(10.0), None, ["<= 20", "<= 10", ""]);
        check(number(-20.0), number(-10.0), None, [">= -20", ">= -10", ""]);
    }

    #[test]
    fn a_single_number_means_at_least() {
        check(number(10.5), None, None, [">= 10.5", "", ""]);
        check(None, number(0.0), None, ["", ">= 0", ""]);
    }

    #[test]
    fn a_quoted_number_is_a_number() {
        check(text("20"), number(10.0), None, ["<= 20", "<= 10", ""]);
        check(text(" 1e3 "), None, None, [">= 1000", "", ""]);
        check(text("9"), text("10"), None, [">= 9", ">= 10", ""]);
    }

    #[test]
    fn a_number_with_a_unit_is_a_number() {
        check(text("80%"), text("95 %"), None, [">= 80%", ">= 95%", ""]);
        check(text("1GB"), text("200MB"), None, ["<= 1GB", "<= 200MB", ""]);
    }

    #[test]
    fn equal_numbers_explain_themselves() {
        let fault = fault(number(10.0), text("10"), None);
        assert_eq!(fault.key, "warning");
        assert_eq!(fault.between, Some("critical"));
        assert_eq!(
            fault.message,
            "`warning` and `critical` of alert `Load` are both 10"
        );
        assert_eq!(
            fault.hint.as_deref(),
            Some(
                "make `critical` higher than `warning` to alert on high values, lower to alert on low ones"
            )
        );
    }

    #[test]
    fn equal_conditions_are_the_same_fault() {
        assert_eq!(
            fault(text("> 1K"), text(">1000"), None).message,
            "`warning` and `critical` of alert `Load` are both `> 1000`"
        );
        assert_eq!(
            fault(number(10.0), text("<= 10"), None).message,
            "`warning` and `critical` of alert `Load` are both `<= 10`"
        );
        assert!(
            fault(text("== 0"), text("== 0"), None)
                .hint
                .unwrap()
                .contains("leave `warning` out")
        );
    }

    #[test]
    fn a_number_beside_a_condition_takes_its_direction() {
        check(number(10.0), text("< 5"), None, ["<= 10", "< 5", ""]);
        check(text("> 5"), number(10.0), None, ["> 5", ">= 10", ""]);
        check(number(10.0), text("== 0"), None, [">= 10", "== 0", ""]);
        check(
            number(10.0),
            text("outside 0..100"),
            None,
            [">= 10", "outside 0..100", ""],
        );
    }

    #[test]
    fn a_range_runs_upwards() {
        let fault = fault(None, text("inside 20..10"), None);
        assert_eq!(fault.key, "critical");
        assert_eq!(
            fault.message,
            "`critical` of alert `Load` is `inside 20..10`: the lower end comes first: expected `10..20`"
        );
    }

    #[test]
    fn what_cannot_be_read_is_quoted_with_examples() {
        for written in [
            "",
            ">",
            "> high",
            "=> 5",
            "about 5",
            "inside 10",
            "inside ..",
            "> 5 parsecs",
            "5 < x",
        ] {
            let fault = fault(text(written), None, None);
            assert_eq!(fault.key, "warning");
            assert!(
                fault
                    .message
                    .starts_with(&format!("`warning` of alert `Load` is `{written}`: "))
            );
            assert!(fault.hint.unwrap().contains("inside 10..20"));
        }
    }

    #[test]
    fn what_is_not_finite_is_refused() {
        for written in [
            number(f64::NAN),
            number(f64::INFINITY),
            text("nan"),
            text("> inf"),
            text("1e999"),
        ] {
            assert_eq!(fault(None, written, None).key, "critical");
        }
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let faults = built(text("x"), number(f64::NAN), text("> y")).unwrap_err();
        assert_eq!(
            faults.iter().map(|fault| fault.key).collect::<Vec<_>>(),
            ["warning", "critical", "recover"]
        );
    }

    #[test]
    fn equal_thresholds_do_not_hide_a_fault_of_recover() {
        let faults = built(number(10.0), number(10.0), text("> y")).unwrap_err();
        let keys: Vec<_> = faults.iter().map(|fault| fault.key).collect();
        assert_eq!(keys, ["warning", "recover"]);
    }

    #[test]
    fn no_threshold_is_a_fault_of_warning() {
        let fault = fault(None, None, number(8.0));
        assert_eq!(
            (fault.key, fault.message.as_str()),
            ("warning", "alert `Load` has no threshold")
        );
    }

    #[test]
    fn a_recover_number_is_strictly_the_good_side() {
        check(
            number(10.0),
            number(20.0),
            number(8.0),
            [">= 10", ">= 20", "< 8"],
        );
        check(
            number(10.0),
            number(5.0),
            number(12.0),
            ["<= 10", "<= 5", "> 12"],
        );
        check(None, text("< 1GB"), text("2GB"), ["", "< 1GB", "> 2GB"]);
        check(
            text("> 10"),
            text("== 99"),
            number(10.0),
            ["> 10", "== 99", "< 10"],
        );
    }

    #[test]
    fn a_recover_condition_stands_as_it_is() {
        check(text("== 0"), None, text("!= 0"), ["== 0", "", "!= 0"]);
        check(
            number(10.0),
            number(20.0),
            text("inside 0..5"),
            [">= 10", ">= 20", "inside 0..5"],
        );
    }

    #[test]
    fn a_recover_number_without_a_side_wants_a_condition() {
        for (warning, critical) in [(None, text("== 0")), (text("> 10"), text("< 5"))] {
            let fault = fault(warning, critical, number(8.0));
            assert_eq!(fault.key, "recover");
            assert!(fault.hint.unwrap().contains("`recover: \"< 8\"`"));
        }
    }

    #[test]
    fn a_recover_number_beyond_a_threshold_is_refused() {
        let high = fault(number(10.0), number(20.0), number(12.0));
        assert_eq!((high.key, high.between), ("recover", Some("warning")));
        assert_eq!(
            high.message,
            "`recover` of alert `Load` is 12, above its `warning` (`>= 10`)"
        );
        assert_eq!(
            high.hint.as_deref(),
            Some("high values are bad here: make `recover` 10 or lower")
        );
        let low = fault(None, text("< 5"), number(4.0));
        assert_eq!(
            low.message,
            "`recover` of alert `Load` is 4, below its `critical` (`< 5`)"
        );
        assert_eq!(
            low.hint.as_deref(),
            Some("low values are bad here: make `recover` 5 or higher")
        );
    }

    #[test]
    fn a_recover_number_on_the_threshold_is_no_hysteresis_but_sound() {
        check(number(10.0), None, number(10.0), [">= 10", "", "< 10"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(warning in "\\PC*", recover in "\\PC*") {
            let _ = built(text(&warning), None, text(&recover));
        }

        #[test]
        fn no_near_miss_panics(written in "(inside|outside|[<>=!]{0,2}) ?[-+0-9.eKMGiBmsh% ]{0,16}") {
            let _ = built(text(&written), None, None);
        }

        #[test]
        fn two_numbers_judge_critical_only_what_they_judge_warning(
            warning in -100.0..100.0_f64, critical in -100.0..100.0_f64, value in -200.0..200.0_f64,
        ) {
            prop_assume!(warning != critical);
            let built = conditions("Load", number(warning).as_ref(), number(critical).as_ref(), None).unwrap();
            prop_assert!(!built.critical.unwrap().holds(value) || built.warning.unwrap().holds(value));
        }
    }
}
