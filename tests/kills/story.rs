//! What happens to an agent: series change, it is killed, paused or loses its
//! disk's last writes, is started again; and how it ends.

use std::fmt;
use std::time::Duration;

use rustix::process::Signal;

use super::bench::{Bench, Place};
use super::checker;
use super::dice::Dice;
use super::disk::{self, Disk, Files, Record, Recorder};
use super::evidence::Level;
use super::plan::Plan;
use crate::support::agent::Agent;

/// How long the right moment is waited for; then something else happens, and
/// the moment is waited for anew.
const PATIENCE: Duration = Duration::from_millis(2500);

/// How often the right moment is waited for; then any moment will do.
const TRIES: usize = 4;

/// How often nothing is done before everybody knows the truth.
const QUIET: usize = 3;

/// What a story came to.
#[derive(Default)]
pub struct Summary {
    pub messages: usize,
    pub repeats: usize,
    pub incidents: usize,
    /// Changes of the disk that were, or may have been, lost.
    pub unsynced: usize,
}

impl Summary {
    pub fn add(&mut self, other: &Self) {
        self.messages += other.messages;
        self.repeats += other.repeats;
        self.incidents += other.incidents;
        self.unsynced += other.unsynced;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} incidents, {} messages, {} of them repeats that the rule allows, {} changes not synced",
            self.incidents, self.messages, self.repeats, self.unsynced
        )
    }
}

/// The lives of one agent.
pub struct Story<'a> {
    pub bench: Bench,
    pub dice: Dice,
    name: String,
    lives: usize,
    pauses: usize,
    plan: &'a Plan,
    /// What becomes of the store's folder, and what it held before this life.
    disk: Option<(Recorder, Files)>,
    synced: usize,
    unsynced: usize,
}

impl<'a> Story<'a> {
    /// On a disk that loses what was not synced whenever the agent is killed.
    pub fn with_disk(name: &str, seed: u64, plan: &'a Plan) -> Self {
        let mut story = Self::new(name, seed, plan);
        story.disk = Some((Recorder::new(&story.bench.store()), Files::new()));
        story
    }

    pub fn new(name: &str, seed: u64, plan: &'a Plan) -> Self {
        Self {
            bench: Bench::new(),
            dice: Dice::new(seed),
            name: format!("{name}-{}-{seed}", std::process::id()),
            lives: 0,
            pauses: 0,
            plan,
            disk: None,
            synced: 0,
            unsynced: 0,
        }
    }

    fn life(&self) -> String {
        format!("{}-{}", self.name, self.lives)
    }

    /// Starts the agent.
    pub fn start(&mut self) -> Agent {
        self.lives += 1;
        let mut setup = self.bench.setup.clone().env("LIFE", self.life());
        if let Some((recorder, before)) = &mut self.disk {
            *before = disk::read(&self.bench.store());
            for (name, value) in recorder.environment() {
                setup = setup.env(name, value);
            }
        }
        setup.start()
    }

    /// Drops what was not synced in the life that has just ended, or a part of it.
    fn lose_power(&mut self) {
        let Some((recorder, before)) = &mut self.disk else {
            return;
        };
        let mut disk = Disk::new(std::mem::take(before));
        for record in recorder.take() {
            self.synced += usize::from(matches!(record, Record::Synced(_)));
            disk.follow(&record);
        }
        self.unsynced += disk.unsure();
        let after = disk.after_power_loss(&mut self.dice);
        disk::write(&self.bench.store(), &after);
    }

    /// Has something happen, and kills the agent at some point of what follows.
    pub fn kill(&mut self, agent: &mut Agent) {
        if self.lives % QUIET == 1 {
            // one that finds everything as it left it has nothing to say
            self.bench.evaluations(agent, 1);
        }
        self.bench.change(&mut self.dice);
        let place = if self.lives.is_multiple_of(QUIET) {
            self.bench.wait_until_all_know(agent);
            self.bench.evaluations(agent, 3);
            self.bench.trouble();
            Place::Quiet
        } else {
            self.catch(agent, Signal::KILL)
        };
        assert!(
            !agent.has_ended() || agent.wait_exit().code().is_none(),
            "the agent ended by itself"
        );
        agent.kill();
        self.bench.finish(&self.life());
        // what it had said by its end was taken until now
        self.bench.trouble();
        self.lose_power();
        self.plan.caught(place);
        // what is known to all must not be told again, so nothing new is told then
        if place != Place::Quiet && self.dice.flip() {
            // nobody looks meanwhile
            self.bench.change(&mut self.dice);
        }
    }

    /// Has something happen, and stops the agent for a while at some point of
    /// what follows; meanwhile more happens, and whoever talks to it may give up.
    pub fn pause(&mut self, agent: &mut Agent) {
        self.bench.change(&mut self.dice);
        let place = self.catch(agent, Signal::STOP);
        let (receivers, graphite) = (self.dice.flip(), self.dice.flip());
        if receivers {
            self.bench.hang_up();
        }
        if graphite {
            self.bench.graphite.down();
        }
        for _ in 0..self.dice.below(4) {
            self.pass(1000);
            self.bench.change(&mut self.dice);
        }
        if graphite {
            self.bench.graphite.up();
        }
        self.bench.trouble();
        agent.signal(Signal::CONT);
        self.plan.caught(place);
        self.pauses += 1;
        if self.pauses.is_multiple_of(QUIET) {
            self.bench.wait_until_all_know(agent);
        } else {
            self.pass(2000);
        }
    }

    /// Lets up to this many milliseconds pass.
    fn pass(&mut self, most: usize) {
        let time = u64::try_from(self.dice.below(most)).unwrap();
        std::thread::sleep(Duration::from_millis(time));
    }

    /// Sends `signal` at the place that is planned next; where it was in the end.
    /// Not everything that happens leads there: what does not is followed by more.
    fn catch(&mut self, agent: &Agent, signal: Signal) -> Place {
        let place = self.plan.next();
        if place == Place::Anywhere {
            self.pass(1300);
        } else {
            for again in 0..TRIES {
                if again > 0 {
                    self.bench.change(&mut self.dice);
                }
                let sprung = self.bench.trap(place, agent.pid(), signal, &mut self.dice);
                let caught = sprung.recv_timeout(PATIENCE).is_ok();
                self.bench.disarm();
                if caught || sprung.try_recv().is_ok() {
                    return place;
                }
            }
        }
        agent.signal(signal);
        self.bench.trouble();
        Place::Anywhere
    }

    /// Trouble ends: everything is told, nothing twice, and nothing is left to tell.
    pub fn end(mut self, mut agent: Agent) -> Summary {
        self.bench.set_all(Level::Critical);
        self.bench.wait_until_all_know(&mut agent);
        self.bench.set_all(Level::Ok);
        self.bench.wait_until_all_know(&mut agent);
        self.bench.evaluations(&mut agent, 2);
        assert_eq!(agent.stop().code(), Some(0));
        let told = self.bench.evidence().heard.len();
        let mut agent = self.start();
        self.bench.evaluations(&mut agent, 2);
        assert_eq!(agent.stop().code(), Some(0));
        let evidence = self.bench.evidence();
        assert_eq!(evidence.heard.len(), told, "something was still owed");
        let faults = checker::faults(&evidence);
        assert!(
            faults.is_empty(),
            "{} faults:\n{}",
            faults.len(),
            faults.join("\n")
        );
        assert_eq!(self.disk.is_some(), self.synced > 0, "syncs are recorded");
        Summary {
            unsynced: self.unsynced,
            messages: evidence.heard.len(),
            repeats: checker::repeats(&evidence),
            incidents: evidence.incidents().len(),
        }
    }
}
