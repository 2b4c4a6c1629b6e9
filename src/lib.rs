//! Graphite Pager: watches Graphite and pages people.
pub mod agent;
pub mod alert;
pub mod cli;
pub mod config;
pub mod deliver;
pub mod demo;
pub mod docs;
pub mod entities;
pub mod graphite;
pub mod now;
pub mod play;
pub mod redirect;
pub mod secret;
pub mod store;
pub mod testing;
pub mod tls;
pub mod web;
