//! The alert packs that the program brings along: the files of `alerts/`, by
//! the names that `use:` knows them by.
//!
//! What is said of a pack and of its parameters stands in its file, as comments;
//! here it is only found there.

/// A pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pack {
    /// What `use:` calls it.
    pub name: &'static str,
    /// Its YAML.
    pub text: &'static str,
    /// The YAML of its tests.
    pub tests: &'static str,
}

/// A parameter of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// What stands in `${param:NAME}`.
    pub name: &'static str,
    /// Its value where nobody gives one, as it is written.
    pub default: &'static str,
    /// What it is.
    pub about: &'static str,
}

macro_rules! packs {
    ($($name:literal)*) => {
        &[$(Pack {
            name: $name,
            text: include_str!(concat!("../../alerts/", $name, ".yml")),
            tests: include_str!(concat!("../../alerts/", $name, ".test.yml")),
        }),*]
    };
}

/// All of them, by name.
pub const ALL: &[Pack] = packs! {
    "business"
    "carbon"
    "deploys"
    "graphite-pager"
    "haproxy"
    "jvm"
    "kafka"
    "linux-collectd"
    "linux-diamond"
    "linux-telegraf"
    "mongodb"
    "nginx"
    "postgresql"
    "rabbitmq"
    "redis"
    "resque"
    "statsd"
};

/// The pack of this name.
pub fn find(name: &str) -> Option<Pack> {
    ALL.iter().find(|pack| pack.name == name).copied()
}

/// The pack that is most likely meant by a name that none has, or all names.
pub fn advice(name: &str) -> String {
    super::suggest::hint(name, ALL.iter().map(|pack| pack.name), "packs")
}

impl Pack {
    /// What it is about, in one line: the first of its file.
    pub fn about(&self) -> &'static str {
        let first = self.text.lines().next().unwrap_or_default();
        first.trim_start_matches(['#', ' '])
    }

    /// Its parameters, in file order: the lines `  name: default  # about` below `params:`.
    pub fn params(&self) -> impl Iterator<Item = Described> {
        let lines = self.text.lines().skip_while(|line| *line != "params:");
        lines
            .skip(1)
            .take_while(|line| line.starts_with("  "))
            .filter_map(|line| {
                let (given, about) = line.split_once(" #").unwrap_or((line, ""));
                let (name, default) = given.trim().split_once(':')?;
                Some(Described {
                    name,
                    default: default.trim().trim_matches('"'),
                    about: about.trim(),
                })
            })
    }
}
