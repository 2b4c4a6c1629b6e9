//! Says on standard error how far a command is: a bar on a terminal; elsewhere a
//! line now and then, or nothing. A short one is over before anything is said.

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::alert::duration;

/// When a terminal is first shown something, and how often.
const ON_A_TERMINAL: Duration = Duration::from_millis(300);
/// Characters of the bar.
const BAR: usize = 30;

/// How far it is, as it was last said.
#[derive(Debug)]
pub struct Progress {
    began: Instant,
    said: Option<Instant>,
    terminal: bool,
    /// How often it is said; `None`: never.
    pause: Option<Duration>,
}

impl Progress {
    /// Where there is no terminal, a line each `pause`.
    pub fn with_lines(pause: Duration) -> Self {
        Self::new(Some(pause))
    }

    /// Nothing where there is no terminal.
    pub fn on_a_terminal() -> Self {
        Self::new(None)
    }

    fn new(elsewhere: Option<Duration>) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            began: Instant::now(),
            said: None,
            terminal,
            pause: match terminal {
                true => Some(ON_A_TERMINAL),
                false => elsewhere,
            },
        }
    }

    /// Says how far it is, if that is due: which share of all, and what that is.
    pub fn show(&mut self, share: f64, what: &dyn Display) {
        let since = self.said.unwrap_or(self.began);
        if self.pause.is_none_or(|pause| since.elapsed() < pause) {
            return;
        }
        self.said = Some(Instant::now());
        let line = line(share, what, self.began.elapsed());
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

fn line(share: f64, what: &dyn Display, passed: Duration) -> String {
    let share = share.clamp(0.0, 1.0);
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
    format!("[{bar}] {:3.0} %, {what}, {left}", share * 100.0)
}

/// Becomes true at the first Ctrl-C.
pub fn stopped_by_ctrl_c() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            let _ = stop.send(true);
        }
        // whoever waits for it waits for as long as the program lives
        stop.closed().await;
    });
    stopped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_how_much_is_done_and_how_long_the_rest_takes() {
        let line = |share| line(share, &"at 2026-11-23T18:00:00Z", Duration::from_secs(30));
        assert_eq!(
            line(0.25),
            "[#######.......................]  25 %, at 2026-11-23T18:00:00Z, 1m30s left"
        );
        assert!(line(0.0).ends_with("just begun"));
        assert!(line(1.0).ends_with("100 %, at 2026-11-23T18:00:00Z, 0s left"));
        assert!(line(f64::NAN).ends_with("just begun"));
    }
}
