//! The documentation pages of alerts: what is missing, and pages to fill in.
//!
//! `wanted.rs` says which pages and anchors the links of messages lead to,
//! `folder.rs` which pages a folder holds, `check.rs` compares the two, and
//! `online.rs` asks the addresses themselves. `scaffold.rs` writes pages, those of
//! packs from `ready.rs`; `steps.rs` takes out of them what messages quote. `serve.rs`
//! shows them to a browser: `site.rs` says what is where, `render.rs` makes HTML of
//! Markdown. A page that is there is never written to, whoever wrote it. Nothing
//! here asks Graphite.

pub mod check;
pub mod fault;
pub mod folder;
pub mod html;
mod legend;
pub mod markdown;
pub mod online;
mod ready;
mod render;
pub mod scaffold;
pub mod serve;
pub mod site;
pub mod steps;
pub mod wanted;
