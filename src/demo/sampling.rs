//! The clockwork: every second a point of every series.
//!
//! The computer is asked off the runtime's threads, one question at a time: a
//! disk that does not answer costs its own points, never those of the made-up
//! series. These have a past as well.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::made_up;
use super::metrics::{Sample, Sampler};
use super::rings::{Rings, SECONDS};
use super::stopped;

/// How long the start waits for the computer's first answer.
const FIRST: Duration = Duration::from_secs(2);

/// Sampling that has begun.
pub struct Sampling {
    rings: Arc<Mutex<Rings>>,
    started: Instant,
    host: String,
    asking: Asking,
}

type Asking = JoinHandle<(Sampler, i64, Vec<Sample>)>;

/// Begins with a point of every series, as far as the computer answers soon.
pub async fn begin(rings: Arc<Mutex<Rings>>) -> Sampling {
    let sampler = Sampler::new();
    let host = sampler.host().to_owned();
    let mut sampling = Sampling {
        rings,
        started: Instant::now(),
        host,
        asking: ask(sampler),
    };
    sampling.record_past();
    sampling.record_made_up();
    // no answer in time: `run` takes it when it comes
    let _ = timeout(FIRST, sampling.take_answer()).await;
    sampling
}

fn ask(mut sampler: Sampler) -> Asking {
    tokio::task::spawn_blocking(move || {
        let at = now();
        let samples = sampler.sample(at);
        (sampler, at, samples)
    })
}

fn now() -> i64 {
    crate::now::now().as_secs()
}

impl Sampling {
    /// Goes on until the stop signal.
    pub async fn run(mut self, stop: watch::Receiver<bool>) {
        let mut ticks = interval(Duration::from_secs(1));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let stop = stopped(stop);
        tokio::pin!(stop);
        loop {
            tokio::select! {
                () = &mut stop => return,
                _ = ticks.tick() => {
                    self.record_made_up();
                    if self.asking.is_finished() {
                        self.take_answer().await;
                    }
                }
            }
        }
    }

    async fn take_answer(&mut self) {
        let sampler = match (&mut self.asking).await {
            Ok((sampler, at, samples)) => {
                self.record(at, &samples);
                sampler
            }
            // a panic in the system library must not end the demo
            Err(_) => Sampler::new(),
        };
        self.asking = ask(sampler);
    }

    fn record_made_up(&self) {
        let seconds = i64::try_from(self.started.elapsed().as_secs());
        let samples = made_up::samples(&self.host, seconds.unwrap_or_default());
        self.record(now(), &samples);
    }

    /// The hour before the start.
    fn record_past(&self) {
        let now = now();
        for ago in (1..SECONDS).rev() {
            self.record(now - ago, &made_up::samples(&self.host, -ago));
        }
    }

    fn record(&self, at: i64, samples: &[Sample]) {
        let mut rings = self.rings.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, value) in samples {
            rings.record(name, at, *value);
        }
    }
}
