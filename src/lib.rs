//! Graphite Pager: watches Graphite and pages people.
pub mod alert;
pub mod config;
pub mod deliver;
pub mod demo;
pub mod graphite;
pub mod now;
pub mod secret;
pub mod store;
pub mod tls;
