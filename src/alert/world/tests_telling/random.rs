//! Random lives: levels that come and go, receivers that refuse, hang and lose
//! their answers, processes that are killed. Whatever happened, once everything
//! is accepted everybody knows what is so, and nobody was told it twice.

use proptest::prelude::*;

use super::*;

const SERIES: [&str; 3] = ["web-1", "web-2", "web-3"];
const VALUES: [f64; 4] = [1.0, 15.0, 25.0, f64::NAN];

#[derive(Clone, Copy, Debug)]
enum Answer {
    Accepted,
    Later,
    Rejected,
    /// Taken, but the answer is lost on its way.
    Lost,
    /// Taken, and the process is killed before it notes that down.
    Killed,
    /// The process is killed before it is sent.
    KilledBefore,
}

#[derive(Clone, Debug)]
enum Event {
    /// One evaluation; an index into `VALUES` for each series.
    Judge([usize; 3]),
    FetchFails,
    /// A worker makes an attempt.
    Attempt(usize, Answer),
    Wait(u64),
    /// The process is killed and starts again.
    Kill,
    Reload,
}

fn event() -> impl Strategy<Value = Event> {
    let answer = prop_oneof![
        4 => Just(Answer::Accepted),
        2 => Just(Answer::Later),
        1 => Just(Answer::Rejected),
        2 => Just(Answer::Lost),
        1 => Just(Answer::Killed),
        1 => Just(Answer::KilledBefore),
    ];
    prop_oneof![
        6 => prop::array::uniform3(0..4_usize).prop_map(Event::Judge),
        1 => Just(Event::FetchFails),
        12 => (0..7_usize, answer).prop_map(|(receiver, answer)| Event::Attempt(receiver, answer)),
        3 => prop_oneof![0..3_u64, 3..70_u64, 70..20_000_u64].prop_map(Event::Wait),
        1 => Just(Event::Kill),
        1 => Just(Event::Reload),
    ]
}

fn receivers() -> Vec<Policy> {
    vec![
        messaging("hook"),
        Policy {
            levels: critical_only(),
            ..messaging("night")
        },
        pagerduty("oncall"),
        Policy {
            levels: Levels {
                warning: false,
                ..Levels::ALL
            },
            after: MINUTE,
            fallback: Some(Arc::from("night")),
            ..pagerduty("pages")
        },
        Policy {
            resolved: false,
            ..messaging("quiet")
        },
        Policy {
            recipients: vec![Arc::from("a@example.com"), Arc::from("b@example.com")],
            repeat: Some(HOUR),
            ..messaging("mail")
        },
        Policy {
            after: MINUTE,
            ..messaging("boss")
        },
    ]
}

/// What a messaging receiver has of one incident.
type Heard = (Arc<str>, Arc<str>, IncidentId);

/// What the receivers have been sent, seen from their side.
#[derive(Default)]
struct Outside {
    /// The level last told and whether the incident was open then (to hear that
    /// it left, and at last that it is over, is to hear two things), and whether
    /// the agent may not know that it was told.
    words: BTreeMap<Heard, ((Level, bool), bool)>,
    /// PagerDuty: receiver, series and key of what is open, with its level.
    open: BTreeMap<(Arc<str>, Arc<str>, Level), Level>,
    /// Keys whose last event the agent may not know to have been taken.
    unsure: BTreeSet<(Arc<str>, Arc<str>, Level)>,
}

impl Outside {
    fn take(&mut self, world: &World, job: &Job, sure: bool) -> Result<(), TestCaseError> {
        let incident = world.incident(job.incident).unwrap();
        let triggers = !matches!(
            job.tell,
            Tell::Left | Tell::Resolved | Tell::Both | Tell::Stray(_)
        );
        if triggers {
            prop_assert!(incident.is_open(), "a late trigger: {job:?}");
        }
        let Some(key) = job.key else {
            for recipient in &job.recipients {
                let heard = (
                    Arc::clone(&job.receiver),
                    Arc::clone(recipient),
                    job.incident,
                );
                let said = (job.level, incident.is_open());
                let before = self.words.insert(heard, (said, !sure));
                let again = before == Some((said, false));
                prop_assert!(!again || job.tell == Tell::Reminder, "told twice: {job:?}");
            }
            return Ok(());
        };
        let place = (Arc::clone(&job.receiver), Arc::clone(&incident.series), key);
        let unsure = self.unsure.remove(&place);
        if !sure {
            self.unsure.insert(place.clone());
        }
        if triggers {
            let before = self.open.insert(place, job.level);
            let again = before == Some(job.level) && !unsure;
            prop_assert!(
                !again || job.tell == Tell::Reminder,
                "triggered twice: {job:?}"
            );
        } else {
            self.open.remove(&place);
        }
        Ok(())
    }
}

impl Outside {
    /// The agent cannot know that it was not taken.
    fn may_have(&mut self, world: &World, job: &Job) {
        let series = &world.incident(job.incident).unwrap().series;
        if let Some(key) = job.key {
            let place = (Arc::clone(&job.receiver), Arc::clone(series), key);
            self.unsure.insert(place);
            return;
        }
        for recipient in &job.recipients {
            let heard = (
                Arc::clone(&job.receiver),
                Arc::clone(recipient),
                job.incident,
            );
            if let Some(words) = self.words.get_mut(&heard) {
                words.1 = true;
            }
        }
    }
}

struct Life {
    bench: Bench,
    outside: Outside,
}

impl Life {
    fn new() -> Self {
        let alert = Alert {
            limit: Some(2),
            ..alert("Load")
        };
        let mut bench = Bench::of(setup(vec![group(alert)], receivers()));
        bench.commit();
        Self {
            bench,
            outside: Outside::default(),
        }
    }

    fn go_on(&mut self, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Judge(values) => self.judge(*values),
            Event::FetchFails => self.bench.fail_fetch(),
            Event::Attempt(receiver, answer) => {
                let name = Arc::clone(&receivers()[*receiver].name);
                self.attempt(&name, *answer)?;
            }
            Event::Wait(seconds) => self.bench.wait(secs(*seconds)),
            Event::Kill => self.bench.restart(),
            Event::Reload => {
                let retired = self.bench.reload(|_| ());
                prop_assert_eq!(retired.len(), 0);
            }
        }
        self.bench.commit();
        Ok(())
    }

    fn judge(&mut self, values: [usize; 3]) {
        let series: Vec<_> = SERIES
            .into_iter()
            .zip(values.map(|index| VALUES[index]))
            .collect();
        self.bench.judge(&series);
    }

    fn attempt(&mut self, receiver: &str, answer: Answer) -> Result<bool, TestCaseError> {
        let Some(job) = self.bench.next(receiver) else {
            return Ok(false);
        };
        // what a send rests on is written before it
        self.bench.commit();
        let sure = matches!(answer, Answer::Accepted);
        if matches!(answer, Answer::Accepted | Answer::Lost | Answer::Killed) {
            self.outside.take(&self.bench.world, &job, sure)?;
        }
        match answer {
            Answer::Accepted => self.bench.settle(&job, &Outcome::Accepted),
            Answer::Later => self.bench.settle(&job, &later()),
            Answer::Lost => self.bench.settle(&job, &lost()),
            Answer::Rejected => self.bench.settle(&job, &rejected()),
            Answer::Killed => self.bench.restart(),
            Answer::KilledBefore => {
                self.outside.may_have(&self.bench.world, &job);
                self.bench.restart();
            }
        }
        Ok(true)
    }

    /// Everything works again, for some hours.
    fn calm(&mut self, values: [usize; 3]) -> Result<(), TestCaseError> {
        for _ in 0..25 {
            self.judge(values);
            for policy in receivers() {
                for _ in 0..100 {
                    if !self.attempt(&policy.name, Answer::Accepted)? {
                        break;
                    }
                }
            }
            self.bench.wait(MINUTE * 5);
        }
        Ok(())
    }

    fn everybody_knows(&self) -> Result<(), TestCaseError> {
        let world = &self.bench.world;
        let mut open = BTreeMap::new();
        for ((id, receiver, recipient), delivery) in world.deliveries() {
            let incident = world.incident(*id).unwrap();
            let policy = world.setup().policy(receiver).unwrap();
            let listens = policy.levels.contains(incident.level);
            let routed = world.receivers_of(*id).contains(receiver);
            let wanted = if listens && routed {
                incident.level
            } else {
                Level::Ok
            };
            prop_assert_eq!(
                delivery.told,
                wanted,
                "{} at {}",
                &incident.series,
                receiver
            );
            if policy.keyed {
                if let Some(key) = delivery.key {
                    open.insert(
                        (Arc::clone(receiver), Arc::clone(&incident.series), key),
                        wanted,
                    );
                }
            } else if wanted != Level::Ok {
                let heard = (Arc::clone(receiver), Arc::clone(recipient), *id);
                prop_assert_eq!(self.outside.words[&heard].0.0, wanted);
            }
        }
        prop_assert_eq!(&self.outside.open, &open);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_happens_everybody_knows_in_the_end_and_nobody_is_told_twice(
        events in prop::collection::vec(event(), 1..80),
        last in prop::array::uniform3(0..4_usize),
    ) {
        let mut life = Life::new();
        for event in &events {
            life.go_on(event)?;
        }
        life.calm(last)?;
        life.everybody_knows()?;
        life.calm([0, 0, 0])?;
        prop_assert_eq!(&life.outside.open, &BTreeMap::new());
        prop_assert_eq!(life.bench.world.incidents().count(), 0);
        prop_assert_eq!(life.bench.world.deliveries().count(), 0);
    }
}
