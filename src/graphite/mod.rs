//! The render client: Graphite is asked, its answer is cut into series while it
//! arrives, and links to graphs are made.
//!
//! ```text
//! client (when, how often, which format, shared with whom) -> request (one HTTP
//!     exchange) -> decode (raw | json) -> Series -> the caller's reader
//! ```
//!
//! Nothing here knows alerts, levels or people: it is handed a target and two
//! times, and hands on legends and points, or one `FetchError` that says what
//! happened and what to do. A failed fetch may already have handed on series;
//! whoever collects them drops them when the fetch fails.

mod cause;
pub mod client;
mod decode;
mod element;
pub mod error;
mod functions;
mod json;
mod known;
pub mod links;
mod prefix;
mod raw;
mod reader;
mod request;
mod room;
pub mod series;
pub mod settings;
mod unescape;
mod words;

pub use client::{Client, Query, Summary};
pub use decode::{Content, DecodeError, Decoder, Sink};
pub use error::{ClientError, FetchError};
pub use links::{GraphLines, GraphWindow, graph_url, target_graph_url};
pub use reader::Reader;
pub use series::{Points, Series};
pub use settings::Settings;
