//! The agent: ties schedule, fetching, judging, writing and telling together.
//!
//! One task owns the state (`keeper.rs`); each group has a task that fetches
//! (`poll.rs`), each receiver one that tells (`teller.rs`). They meet in the
//! keeper's bounded queue only. On a stop, fetching ends first, then a send
//! that is under way is finished, then everything is written.

mod clock;
pub mod compose;
pub mod desk;
pub mod fetch;
mod health;
mod heartbeat;
mod keeper;
mod poll;
pub mod receivers;
mod reload;
pub mod slots;
mod teller;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

use self::clock::Clock;
use self::compose::Shown;
pub use self::health::{Health, State};
use self::keeper::{Event, Keeper, QUEUE, Reload};
use self::poll::{Assignment, Before, poll};
use self::receivers::Changes;
pub use self::reload::{Watched, changed};
use self::teller::{Lines, Teller, Voice};
use self::writer::Writer;
use crate::alert::Group;
use crate::alert::group::Head;
use crate::alert::world::{Saved, Setup, World};
use crate::config::{Config, FirstSteps, Receiver};
use crate::deliver::{self, Sender};
use crate::graphite::Client;
use crate::now::now;
use crate::store::Sqlite;

/// How long a send that is under way at a stop may take.
const FINISH: Duration = Duration::from_secs(8);

/// How the agent runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Everything but telling, which goes to standard output.
    pub dry_run: bool,
}

/// Why the agent could not start.
#[derive(Debug)]
pub struct StartError(pub String);

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

/// A running agent.
pub struct Agent {
    config: Config,
    options: Options,
    health: Arc<Health>,
    events: mpsc::Sender<Event>,
    changes: watch::Receiver<u64>,
    /// Changes when the clock jumps.
    jumps: watch::Receiver<()>,
    graphite: watch::Sender<Client>,
    http: deliver::http::Client,
    lines: Lines,
    groups: BTreeMap<Arc<str>, Polled>,
    tellers: BTreeMap<Arc<str>, Worker>,
    /// Receivers that left or moved and are still told ends where they were.
    retired: BTreeMap<Arc<str>, Receiver>,
    keeper: JoinHandle<()>,
    heartbeat: Option<Worker>,
}

struct Polled {
    group: Arc<Group>,
    assignment: watch::Sender<Assignment>,
    task: JoinHandle<()>,
}

struct Worker {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Worker {
    /// Asks it to stop, and waits for what it is doing at most `within`.
    async fn stop(self, within: Duration) {
        let _ = self.stop.send(true);
        let mut task = self.task;
        if timeout(within, &mut task).await.is_err() {
            task.abort();
        }
    }
}

impl Agent {
    /// Starts everything that `config` says, on the state that `store` holds.
    ///
    /// # Errors
    /// Where the store cannot be read, and where a client or a receiver cannot
    /// be set up.
    pub async fn start(
        config: Config,
        mut store: Sqlite,
        options: Options,
    ) -> Result<Self, StartError> {
        let client = Client::new(&config.graphite).map_err(|error| StartError(chain(&error)))?;
        let http = deliver::http::Client::new().map_err(StartError)?;
        let saved = store
            .load()
            .await
            .map_err(|error| StartError(error.to_string()))?;
        let mut before: BTreeMap<Arc<str>, Before> = saved
            .heads
            .iter()
            .map(|(name, head)| (Arc::clone(name), before(name, head, &saved)))
            .collect();
        let world = World::new(setup_for(&config, options), saved, now());
        for (name, before) in &mut before {
            before.known.series = world.known(name);
        }
        let health = Arc::new(Health::default());
        let (events, received) = mpsc::channel(QUEUE);
        let (changed, changes) = watch::channel(0);
        let (clock, jumps) = Clock::new(now());
        let (graphite, _) = watch::channel(client);
        let shown = shown(&config);
        let keeper = Keeper::new(
            world,
            shown,
            Writer::start(store),
            Arc::clone(&health),
            changed,
            clock,
        );
        let mut agent = Self {
            keeper: tokio::spawn(keeper.run(received)),
            config,
            options,
            health,
            events,
            changes,
            jumps,
            graphite,
            http,
            lines: Lines::default(),
            groups: BTreeMap::new(),
            tellers: BTreeMap::new(),
            retired: BTreeMap::new(),
            heartbeat: None,
        };
        for receiver in agent.config.receivers.clone() {
            agent.tell(&receiver, Arc::clone(&receiver.policy.name))?;
        }
        for group in agent.config.groups.clone() {
            let before = before.remove(&group.name).unwrap_or_default();
            agent.poll(group, before);
        }
        agent.beat();
        Ok(agent)
    }

    /// How it is doing.
    pub fn health(&self) -> Arc<Health> {
        Arc::clone(&self.health)
    }

    /// Resolves when the task that owns the state has ended, which it does not
    /// before a stop unless something is very wrong.
    pub async fn failed(&mut self) {
        let _ = (&mut self.keeper).await;
    }

    /// Goes over to a new configuration: what is unchanged runs on.
    ///
    /// # Errors
    /// Where a client or a receiver cannot be set up; then nothing has changed.
    pub async fn reload(&mut self, config: Config, at_once: bool) -> Result<(), StartError> {
        let client = match config.graphite == self.config.graphite {
            true => self.graphite.borrow().clone(),
            false => Client::new(&config.graphite).map_err(|error| StartError(chain(&error)))?,
        };
        for receiver in &config.receivers {
            Sender::new(&receiver.destination, &self.http).map_err(|error| {
                StartError(format!("receiver `{}`: {error}", receiver.policy.name))
            })?;
        }
        let changes = Changes::between(&self.config.receivers, &config.receivers);
        let came_back = changes.came_back(&self.retired, &self.config.receivers, &config.receivers);
        let old = std::mem::replace(&mut self.config, config);
        // they finish what they are sending: it was meant for the old address
        let stop = changes
            .changed
            .iter()
            .chain(came_back.iter().map(|(name, _)| name));
        let stop = stop.filter_map(|name| self.tellers.remove(name));
        let stop: Vec<Worker> = stop.collect();
        futures_util::future::join_all(stop.into_iter().map(|worker| worker.stop(FINISH))).await;
        let (reply, retired) = oneshot::channel();
        let reload = Reload {
            setup: setup_for(&self.config, self.options),
            shown: shown(&self.config),
            moved: changes.moved,
            renamed: changes.renamed,
            came_back: came_back.clone(),
            at_once,
            reply,
        };
        let sent = self.events.send(Event::Reload(Box::new(reload))).await;
        let retired = match sent {
            Ok(()) => retired.await.unwrap_or_default(),
            Err(_) => Vec::new(),
        };
        let other_graphite = old.graphite != self.config.graphite;
        self.graphite.send_replace(client);
        for (name, retired) in retired {
            if let Some(receiver) = old.receivers.iter().find(|r| r.policy.name == name) {
                self.tell(receiver, Arc::clone(&retired))?;
                self.retired.insert(retired, receiver.clone());
            }
        }
        // of a mail's recipients perhaps not all are back
        for (name, _) in came_back {
            if let Some(receiver) = self.retired.get(&name).cloned() {
                self.tell(&receiver, name)?;
            }
        }
        for receiver in self.config.receivers.clone() {
            if !self.tellers.contains_key(&receiver.policy.name) {
                self.tell(&receiver, Arc::clone(&receiver.policy.name))?;
            }
        }
        self.tellers.retain(|_, worker| !worker.task.is_finished());
        self.retired
            .retain(|name, _| self.tellers.contains_key(name));
        self.assign(other_graphite);
        if old.heartbeat != self.config.heartbeat {
            if let Some(worker) = self.heartbeat.take() {
                worker.stop(Duration::from_secs(1)).await;
            }
            self.beat();
        }
        Ok(())
    }

    /// Messages quote these pages from now on; nothing else changes.
    pub async fn quote(&mut self, first_steps: FirstSteps) {
        self.config.first_steps = first_steps;
        let shown = Box::new(shown(&self.config));
        // the keeper is gone at the end alone, when nobody is told any more
        let _ = self.events.send(Event::Shown(shown)).await;
    }

    /// Gives every group its task, and every task its group.
    fn assign(&mut self, client_changed: bool) {
        let configured: BTreeMap<Arc<str>, Arc<Group>> = self
            .config
            .groups
            .iter()
            .map(|group| (Arc::clone(&group.name), Arc::clone(group)))
            .collect();
        self.groups.retain(|name, polled| {
            let stays = configured.contains_key(name);
            if !stays {
                polled.assignment.send_replace(None);
            }
            stays
        });
        for (name, group) in configured {
            match self.groups.get_mut(&name) {
                None => self.poll(group, Before::default()),
                Some(polled) if polled.group != group || client_changed => {
                    let client = self.graphite.borrow().clone();
                    polled
                        .assignment
                        .send_replace(Some((Arc::clone(&group), client)));
                    polled.group = group;
                }
                Some(_) => {}
            }
        }
    }

    fn poll(&mut self, group: Arc<Group>, before: Before) {
        let client = self.graphite.borrow().clone();
        let (assignment, assigned) = watch::channel(Some((Arc::clone(&group), client)));
        let (events, health) = (self.events.clone(), Arc::clone(&self.health));
        let jumps = self.jumps.clone();
        let task = tokio::spawn(poll(assigned, jumps, before, events, health));
        self.groups.insert(
            Arc::clone(&group.name),
            Polled {
                group,
                assignment,
                task,
            },
        );
    }

    fn tell(&mut self, receiver: &Receiver, name: Arc<str>) -> Result<(), StartError> {
        let voice = match self.options.dry_run {
            true => Voice::Dry,
            false => {
                let sender = Sender::new(&receiver.destination, &self.http).map_err(|error| {
                    StartError(format!("receiver `{}`: {error}", receiver.policy.name))
                })?;
                Voice::Real(Box::new(sender))
            }
        };
        let (stop, stopped) = watch::channel(false);
        let teller = Teller {
            name: Arc::clone(&name),
            voice,
            line: self.lines.of(&receiver.destination),
            graphite: self.graphite.subscribe(),
            events: self.events.clone(),
            changes: self.changes.clone(),
            stop: stopped,
        };
        let task = tokio::spawn(teller.run());
        self.tellers.insert(name, Worker { stop, task });
        Ok(())
    }

    fn beat(&mut self) {
        if let (Some(url), false) = (self.config.heartbeat.clone(), self.options.dry_run) {
            let (stop, stopped) = watch::channel(false);
            let beat = heartbeat::beat(url, self.http.clone(), Arc::clone(&self.health), stopped);
            self.heartbeat = Some(Worker {
                stop,
                task: tokio::spawn(beat),
            });
        }
    }

    /// Stops everything: no new fetches, sends under way are finished, the rest
    /// is written. Takes ten seconds at most, and then some for the store.
    pub async fn stop(mut self) {
        for polled in self.groups.values() {
            polled.assignment.send_replace(None);
            polled.task.abort();
        }
        let workers = std::mem::take(&mut self.tellers).into_values();
        let workers = workers.chain(self.heartbeat.take());
        join_all(workers.map(|worker| worker.stop(FINISH))).await;
        for polled in std::mem::take(&mut self.groups).into_values() {
            let _ = polled.task.await;
        }
        drop(self.events);
        if !self.keeper.is_finished() && self.keeper.await.is_err() {
            tracing::error!("the state was not written at the end");
        }
    }
}

/// The same for receivers that are really told, or not.
fn setup_for(config: &Config, options: Options) -> Setup {
    let mut setup = setup(config);
    if options.dry_run {
        for policy in &mut setup.receivers {
            policy.recipients = Vec::new();
            policy.keyed = false;
        }
    }
    setup
}

/// What is remembered of a group by whoever fetches for it.
fn before(name: &Arc<str>, head: &Head, saved: &Saved) -> Before {
    let mut known = fetch::Known::default();
    let pages = (Arc::clone(name), 0)..=(Arc::clone(name), u32::MAX);
    let pages = saved.known.range(pages).map(|(_, page)| page);
    for (_, source) in pages.flat_map(|page| page.iter()) {
        let Some(source) = head.sources.get(usize::from(source)) else {
            continue;
        };
        match known.counts.get_mut(&source.target) {
            Some(count) => *count += 1,
            None => drop(known.counts.insert(source.target.clone(), 1)),
        }
    }
    Before {
        slot: slots::done_with(head),
        known,
    }
}

/// What the configuration decides about incidents and deliveries.
pub fn setup(config: &Config) -> Setup {
    let policy = |receiver: &Receiver| receiver.policy.clone();
    Setup {
        instance: Arc::clone(&config.instance),
        // as the client has it
        host: Arc::from(config.graphite.url.host_str().unwrap_or_default()),
        error_for: config.graphite.error_for,
        docs_url: config.docs_url.clone(),
        groups: config.groups.clone(),
        receivers: config.receivers.iter().map(policy).collect(),
        routes: config.routes.clone(),
    }
}

/// What messages show beside the state.
fn shown(config: &Config) -> Shown {
    Shown {
        base: base(config),
        first_steps: config.first_steps.clone(),
    }
}

/// Graphite as people's browsers see it.
pub fn base(config: &Config) -> Url {
    config
        .graphite
        .public_url
        .clone()
        .unwrap_or_else(|| config.graphite.url.clone())
}

/// An error and its causes, on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        source = cause.source();
    }
    line
}
