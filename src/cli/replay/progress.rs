//! Says on standard error how far a replay is: a bar on a terminal, a line now
//! and then elsewhere. A short one is over before anything is said.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use crate::alert::duration;
use crate::replay;

/// When a terminal is first shown something, and how often.
const ON_A_TERMINAL: Duration = Duration::from_millis(300);
/// The same elsewhere.
const ELSEWHERE: Duration = Duration::from_secs(10);
/// Characters of the bar.
const BAR: usize = 30;

/// How far it is, as it was last said.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    said: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Nothing is said yet.
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            said: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// Says how far it is, if that is due.
    pub fn show(&mut self, at: replay::Progress) {
        let pause = match self.terminal {
            true => ON_A_TERMINAL,
            false => ELSEWHERE,
        };
        if self.said.unwrap_or(self.began).elapsed() < pause {
            return;
        }
        self.said = Some(Instant::now());
        let line = line(at, self.began.elapsed());
        let mut out = std::io::stderr().lock();
        let _ = match self.terminal {
            true => write!(out, "\r{line}\u{1b}[K"),
            false => writeln!(out, "{line}"),
        };
        let _ = out.flush();
    }

    /// Takes the bar away.
    pub fn end(&self) {
        if self.terminal && self.said.is_some() {
            eprint!("\r\u{1b}[K");
        }
    }
}

fn line(progress: replay::Progress, passed: Duration) -> String {
    let share = progress.share.clamp(0.0, 1.0);
    let full = (share * BAR as f64) as usize;
    let bar: String = (0..BAR).map(|n| if n < full { '#' } else { '.' }).collect();
    let left = match share > 0.0 {
        true => {
            let seconds = passed.as_secs_f64() * (1.0 - share) / share;
            let left = Duration::try_from_secs_f64(seconds.ceil()).unwrap_or_default();
            format!("{} left", duration::format(left))
        }
        false => "just begun".to_owned(),
    };
    format!(
        "[{bar}] {:3.0} %, at {}, {left}",
        share * 100.0,
        progress.at
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::Timestamp;

    #[test]
    fn the_line_says_how_much_is_done_and_how_long_the_rest_takes() {
        let at = Timestamp::from_secs(1_795_456_800);
        let line = |share| line(replay::Progress { share, at }, Duration::from_secs(30));
        assert_eq!(
            line(0.25),
            "[#######.......................]  25 %, at 2026-11-23T18:00:00Z, 1m30s left"
        );
        assert!(line(0.0).ends_with("just begun"));
        assert!(line(1.0).ends_with("100 %, at 2026-11-23T18:00:00Z, 0s left"));
    }
}
