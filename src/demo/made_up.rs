//! Series that no computer has: functions of the seconds since the start, before it
//! too, so that there is an hour of history at once.
//!
//! The wave is what the demo's own alert watches. The others are what a StatsD
//! says of itself, so that the pack `statsd` has something to watch.

/// The made-up series and their values, `seconds` after the start.
pub fn samples(host: &str, seconds: i64) -> [(String, f64); 5] {
    [
        (format!("demo.{host}.wave"), wave(seconds)),
        (
            "stats.statsd.packets_received".to_owned(),
            120.0 + swing(seconds, 40.0),
        ),
        ("stats.statsd.bad_lines_seen".to_owned(), bad_lines(seconds)),
        ("stats.gauges.statsd.timestamp_lag".to_owned(), 0.0),
        (
            "stats.statsd.graphiteStats.calculationtime".to_owned(),
            12.0 + swing(seconds, 3.0),
        ),
    ]
}

/// Fine for 10 s, warning (70 and more) until 20 s, critical (90 and more) until
/// 32 s, then fine until two minutes are full and it begins anew.
fn wave(seconds: i64) -> f64 {
    let at = float(seconds.rem_euclid(120));
    match at {
        ..10.0 => 20.0 + 4.0 * at,
        ..20.0 => 62.0 + at,
        ..32.0 => 82.0 + at / 2.0,
        _ => 66.0 - at / 3.0,
    }
}

/// A client that sends what nobody can read for 25 minutes of each hour, last from
/// 40 to 15 minutes before the start.
fn bad_lines(seconds: i64) -> f64 {
    match (seconds + 2400).rem_euclid(3600) {
        ..1500 => 0.6,
        _ => 0.0,
    }
}

/// From 0 to `height` and back within ten minutes.
fn swing(seconds: i64, height: f64) -> f64 {
    let at = float(seconds.rem_euclid(600));
    height * (1.0 - (at - 300.0).abs() / 300.0)
}

fn float(seconds: i64) -> f64 {
    u32::try_from(seconds).map_or(0.0, f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wave_is_fine_then_warning_then_critical_then_fine() {
        let level = |seconds| match wave(seconds) {
            90.0.. => "critical",
            70.0.. => "warning",
            _ => "ok",
        };
        let expected = |seconds: i64| match seconds.rem_euclid(120) {
            0..10 => "ok",
            10..20 => "warning",
            20..32 => "critical",
            _ => "ok",
        };
        for seconds in -300..300 {
            let value = wave(seconds);
            assert_eq!(level(seconds), expected(seconds), "at {seconds} s: {value}");
        }
    }

    #[test]
    fn bad_lines_came_before_the_start_and_come_again() {
        for (seconds, expected) in [
            (-2401, 0.0),
            (-2400, 0.6),
            (-901, 0.6),
            (-900, 0.0),
            (0, 0.0),
            (1200, 0.6),
        ] {
            let found = bad_lines(seconds);
            assert!((found - expected).abs() < 1e-9, "at {seconds} s: {found}");
        }
    }

    #[test]
    fn what_swings_stays_between_its_ends() {
        assert!(swing(0, 3.0).abs() < 1e-9 && (swing(300, 3.0) - 3.0).abs() < 1e-9);
        let all = (-700..700).map(|seconds| swing(seconds, 3.0));
        assert!(all.into_iter().all(|value| (0.0..=3.0).contains(&value)));
    }
}
