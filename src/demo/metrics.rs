//! What this computer is doing, as metric names and values.
//!
//! Asking the system may block (a dead network file system): the caller runs
//! it off the runtime's threads. What cannot be had is left out.

use std::collections::BTreeMap;

use sysinfo::{Disks, NetworkData, Networks, System};

/// Most disks and most network interfaces that are looked at.
const MOST: usize = 32;

/// A metric's name and value.
pub type Sample = (String, f64);

/// Asks the system, again and again.
pub struct Sampler {
    host: String,
    system: Option<System>,
    networks: Option<Networks>,
    disks: Option<Disks>,
    last: Option<i64>,
}

impl Sampler {
    /// A sampler that has not asked yet.
    pub fn new() -> Self {
        let host = System::host_name().unwrap_or_default();
        Self {
            host: node(host.split('.').next().unwrap_or_default(), "localhost"),
            system: System::new().ok(),
            networks: Networks::new_with_refreshed_list().ok(),
            disks: Disks::new().ok(),
            last: None,
        }
    }

    /// This computer's name as a node of a metric's name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// All metrics, for the epoch second `at`.
    pub fn sample(&mut self, at: i64) -> Vec<Sample> {
        let seconds = self.last.replace(at).map_or(1, |last| (at - last).max(1));
        let mut samples = self.load();
        samples.extend(self.memory());
        samples.extend(self.disks());
        samples.extend(self.networks(seconds));
        for (name, _) in &mut samples {
            name.insert_str(0, &format!("demo.{}.", self.host));
        }
        samples
    }

    fn load(&mut self) -> Vec<Sample> {
        let Ok(load) = System::load_average() else {
            return Vec::new();
        };
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let cpus = u32::try_from(cpus).map_or(1.0, f64::from);
        vec![
            ("load.1min".to_owned(), load.one),
            ("load.5min".to_owned(), load.five),
            ("load.15min".to_owned(), load.fifteen),
            ("load.per_cpu".to_owned(), load.one / cpus),
        ]
    }

    fn memory(&mut self) -> Vec<Sample> {
        let Some(system) = &mut self.system else {
            return Vec::new();
        };
        system.refresh_memory();
        let used = system
            .total_memory()
            .saturating_sub(system.available_memory());
        vec![
            ("memory.used_bytes".to_owned(), float(used)),
            (
                "memory.used_percent".to_owned(),
                percent(used, system.total_memory()),
            ),
            ("swap.used_bytes".to_owned(), float(system.used_swap())),
            (
                "swap.used_percent".to_owned(),
                percent(system.used_swap(), system.total_swap()),
            ),
        ]
    }

    fn disks(&mut self) -> Vec<Sample> {
        let Some(disks) = &mut self.disks else {
            return Vec::new();
        };
        disks.refresh(true);
        // one device may be mounted at many places (containers do it): the shortest is its name
        let mut devices = BTreeMap::new();
        for disk in disks.iter().filter(|disk| disk.total_space() > 0) {
            let mount = disk.mount_point().to_string_lossy();
            let kept = devices
                .entry(disk.name())
                .or_insert_with(|| (mount.clone().into_owned(), disk));
            if mount.len() < kept.0.len() {
                *kept = (mount.into_owned(), disk);
            }
        }
        let mut samples = Vec::new();
        for (mount, disk) in devices.into_values().take(MOST) {
            let used = disk.total_space().saturating_sub(disk.available_space());
            let name = node(mount.trim_matches('/'), "root");
            samples.push((format!("disk.{name}.used_bytes"), float(used)));
            samples.push((
                format!("disk.{name}.used_percent"),
                percent(used, disk.total_space()),
            ));
        }
        samples
    }

    fn networks(&mut self, seconds: i64) -> Vec<Sample> {
        let Some(networks) = &mut self.networks else {
            return Vec::new();
        };
        networks.refresh(true);
        let seconds = u32::try_from(seconds).map_or(f64::INFINITY, f64::from);
        let mut samples = Vec::new();
        // interfaces that never carried a byte are only noise
        let used =
            |network: &NetworkData| network.total_received() > 0 || network.total_transmitted() > 0;
        let mut names: Vec<_> = networks
            .iter()
            .filter(|(_, network)| used(network))
            .collect();
        names.sort_by_key(|(name, _)| *name);
        for (name, network) in names.into_iter().take(MOST) {
            let name = node(&name.to_string_lossy(), "interface");
            samples.push((
                format!("network.{name}.rx_bytes"),
                float(network.received()) / seconds,
            ));
            samples.push((
                format!("network.{name}.tx_bytes"),
                float(network.transmitted()) / seconds,
            ));
        }
        samples
    }
}

/// One node of a metric's name: everything that has a meaning in expressions becomes `_`.
fn node(text: &str, empty: &str) -> String {
    let node: String = text
        .chars()
        .take(64)
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    if node.is_empty() {
        empty.to_owned()
    } else {
        node
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        100.0 * float(part) / float(whole)
    }
}

/// Bytes fit a float's 53 bits up to 9 PB; beyond, the last bits do not matter here.
#[allow(clippy::cast_precision_loss)]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_computer_has_load_and_memory() {
        let mut sampler = Sampler::new();
        let samples: BTreeMap<_, _> = sampler.sample(1).into_iter().collect();
        let value = |name: &str| {
            samples
                .get(&format!("demo.{}.{name}", sampler.host()))
                .copied()
        };
        assert!(
            value("load.1min").is_some_and(|load| load >= 0.0),
            "{samples:?}"
        );
        assert!(
            value("memory.used_percent").is_some_and(|used| used > 0.0 && used <= 100.0),
            "{samples:?}"
        );
        assert!(value("swap.used_percent").is_some(), "{samples:?}");
    }

    #[test]
    fn names_are_nodes_that_expressions_can_name() {
        for (name, _) in Sampler::new().sample(1) {
            assert!(
                name.chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)),
                "{name}"
            );
        }
        assert_eq!(node("var/lib x.{y}", "root"), "var_lib_x__y_");
        assert_eq!(node("", "root"), "root");
    }
}
