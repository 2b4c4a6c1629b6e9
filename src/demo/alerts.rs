//! What the demo watches: the alerts, as the configuration that the agent
//! reads and as the pages that its documentation links lead to.

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;

/// One alert of the demo.
#[derive(Debug)]
pub struct Watched {
    /// Its name, and that of its page.
    pub name: &'static str,
    /// What Graphite is asked for.
    pub target: &'static str,
    /// Further keys, one a line.
    keys: &'static [&'static str],
    /// One sentence for whoever is woken.
    pub description: &'static str,
    /// What to do first.
    pub first_steps: &'static str,
}

/// All alerts of the demo. What a machine may lack (swap, disks, network) is `no_data: ok`.
pub const WATCHED: &[Watched] = &[
    Watched {
        name: "Wave",
        target: "aliasByNode(demo.*.wave, 1)",
        keys: &["warning: 70", "critical: 90"],
        description: "A made-up series that goes through warning and critical and recovers, every two minutes.",
        first_steps: "Nothing: lean back and see the incident open, rise and resolve.",
    },
    Watched {
        name: "Load",
        target: "aliasByNode(demo.*.load.per_cpu, 1)",
        keys: &["warning: 2", "critical: 4", "for: 10s", "recover: 1.5"],
        description: "Processes that want to run, for each processor, over the last minute.",
        first_steps: "See with `top` which processes are running, and whether they wait for a disk (state D).",
    },
    Watched {
        name: "Memory",
        target: "aliasByNode(demo.*.memory.used_percent, 1)",
        keys: &["warning: 90%", "critical: 97%", "for: 10s"],
        description: "Memory that is in use and could not be had at once.",
        first_steps: "See with `top`, sorted by memory, who has it; look for the kernel's out-of-memory killer in `dmesg`.",
    },
    Watched {
        name: "Swap",
        target: "aliasByNode(demo.*.swap.used_percent, 1)",
        keys: &["warning: 60%", "critical: 90%", "for: 10s", "no_data: ok"],
        description: "Swap space that is in use.",
        first_steps: "See with `vmstat 1` whether pages go in and out now; swap that merely lies there does no harm.",
    },
    Watched {
        name: "Disk",
        target: "aliasByNode(demo.*.disk.*.used_percent, 1, 3)",
        keys: &["warning: 90%", "critical: 97%", "no_data: ok"],
        description: "Space of a file system that is in use.",
        first_steps: "See with `df -h` and `du -xh --max-depth=2` what is big; files that were deleted while open show in `lsof +L1`.",
    },
    Watched {
        name: "Network",
        target: "aliasByNode(demo.*.network.*.{rx,tx}_bytes, 1, 3, 4)",
        keys: &["warning: 100MB", "critical: 1GB", "for: 10s", "no_data: ok"],
        description: "Bytes a second through a network interface.",
        first_steps: "See with `ss -tpi` which connections move them.",
    },
];

/// The configuration that `graphite-pager demo` runs: every alert above on the
/// built-in Graphite at `url`, told on the console. `store` is a file in a
/// temporary folder; `listen: None` serves no status.
pub fn alerts_yaml(url: &str, store: &Path, listen: Option<SocketAddr>) -> String {
    let listen = listen.map_or_else(|| "off".to_owned(), |address| quoted(&address.to_string()));
    let mut yaml = format!(
        "graphite:\n  url: {}\ndocs_url: {}\nstore: {}\nlisten: {listen}\n\
         defaults: {{every: 2s, from: -1min, settle: off, recover_for: 4s}}\n\
         receivers:\n  screen: {{console: {{}}}}\nalerts:\n",
        quoted(url),
        quoted(&format!("{url}/docs")),
        quoted(&store.to_string_lossy()),
    );
    for watched in WATCHED {
        // writing to a String cannot fail
        let _ = writeln!(
            yaml,
            "  - name: {}\n    target: {}",
            watched.name,
            quoted(watched.target)
        );
        for key in watched.keys {
            let _ = writeln!(yaml, "    {key}");
        }
        let _ = writeln!(yaml, "    description: {}", quoted(watched.description));
    }
    yaml
}

/// A double-quoted YAML scalar; JSON's escapes are among YAML's (YAML 1.2, 1.3). A `$`
/// would be read as the start of `${NAME}`, and is doubled before a brace.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text.replace("${", "$${")).to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use crate::demo::expression::parse;

    #[test]
    fn every_target_is_one_that_the_built_in_graphite_understands() {
        for watched in WATCHED {
            parse(watched.target).unwrap();
        }
    }

    #[test]
    fn the_configuration_is_yaml_that_names_what_it_was_given() {
        let listen = Some(SocketAddr::from(([127, 0, 0, 1], 9)));
        let text = alerts_yaml(
            "http://127.0.0.1:1",
            Path::new("/tmp/a: \"b\" ${X}/x.db"),
            listen,
        );
        let yaml: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(yaml["store"], "/tmp/a: \"b\" $${X}/x.db");
        assert_eq!(yaml["listen"], "127.0.0.1:9");
        assert_eq!(yaml["docs_url"], "http://127.0.0.1:1/docs");
        assert_eq!(yaml["defaults"]["every"], "2s");
        assert_eq!(yaml["alerts"].as_array().unwrap().len(), WATCHED.len());
        assert_eq!(yaml["alerts"][0]["name"], "Wave");
        assert_eq!(yaml["alerts"][0]["critical"], 90);
    }

    #[test]
    fn without_an_address_nothing_listens() {
        let text = alerts_yaml("http://127.0.0.1:1", Path::new("x.db"), None);
        assert!(text.contains("\nlisten: off\n"), "{text}");
    }
}
