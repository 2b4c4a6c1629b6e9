//! The pure core: what an alert is, how a series is judged, how an alert lives,
//! who should be told what.
//!
//! Values go in and values come out. Nothing in this folder knows the network,
//! a disk, the environment, a clock or a log; time is an argument and chance is
//! a hash of a name, so the same input gives the same result, and days can be
//! run through in milliseconds. `tests/layering.rs` holds it to that.
//!
//! - what is configured: `definition`, `receiver`, and the parsers of their parts
//! - how a series is judged: `reduce`, `evaluate`
//! - how an alert lives: `lifecycle`, `group`, `roster`, `incident`
//! - who is told: `delivery`, `rate`
//! - all of it together: `world`

pub mod active;
pub mod condition;
mod crontab;
pub mod definition;
pub mod delivery;
pub mod duration;
pub mod evaluate;
pub mod exclude;
pub mod glob;
pub mod group;
pub mod hash;
pub mod incident;
pub mod level;
pub mod lifecycle;
pub mod page;
mod quantity;
pub mod rate;
pub mod receiver;
pub mod reduce;
pub mod roster;
pub mod schedule;
pub mod target;
mod thresholds;
pub mod time;
pub mod world;
pub mod zone;

pub use active::Active;
pub use condition::Condition;
pub use definition::{Alert, Docs, GraphLink, Group, WithoutData};
pub use exclude::Exclude;
pub use level::{Level, Levels};
pub use receiver::{Policy, Route};
pub use reduce::{Point, Reduce, Value, Window};
pub use schedule::Schedule;
pub use target::{Target, TimeSpec};
pub use time::Timestamp;
pub use zone::Zone;
