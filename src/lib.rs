//! Graphite Pager: watches Graphite and pages people.
pub mod alert;
pub mod graphite;
pub mod secret;
pub mod store;
pub mod tls;
