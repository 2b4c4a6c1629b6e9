//! The pages that the packs bring along, by the names of their alerts.

/// The page of a pack's alert of this name.
pub fn page(alert: &str) -> Option<&'static str> {
    let mut pages = PAGES.iter();
    pages
        .find(|(name, _)| *name == alert)
        .map(|(_, page)| *page)
}

macro_rules! pages {
    ($($name:literal)*) => {
        &[$((
            $name,
            include_str!(concat!("../../alerts/docs/", $name, "/README.md")),
        )),*]
    };
}

const PAGES: &[(&str, &str)] = pages! {
    "Business figures silent"
    "Business nothing sold"
    "Business sales drop"
    "Carbon CPU"
    "Carbon backlog"
    "Carbon cache overflow"
    "Carbon dropped creates"
    "Carbon errors"
    "Carbon relay drops"
    "Carbon traffic drop"
    "Carbon writes nothing"
    "Deploy failed"
    "Deploy loop"
    "Deploy stuck"
    "Graphite Pager not ready"
    "HAProxy backend down"
    "HAProxy check duration"
    "HAProxy errors"
    "HAProxy queue"
    "HAProxy servers up"
    "HAProxy sessions"
    "JVM GC time"
    "JVM file descriptors"
    "JVM heap"
    "JVM silent"
    "JVM threads"
    "Kafka controllers"
    "Kafka offline partitions"
    "Kafka request handlers"
    "Kafka silent"
    "Kafka under-replicated partitions"
    "Linux CPU wait (Diamond)"
    "Linux CPU wait (Telegraf)"
    "Linux CPU wait (collectd)"
    "Linux disk space (Diamond)"
    "Linux disk space (Telegraf)"
    "Linux disk space (collectd)"
    "Linux host silent (Diamond)"
    "Linux host silent (Telegraf)"
    "Linux host silent (collectd)"
    "Linux inodes (Diamond)"
    "Linux inodes (Telegraf)"
    "Linux inodes (collectd)"
    "Linux load (Diamond)"
    "Linux load (Telegraf)"
    "Linux load (collectd)"
    "Linux memory available (Diamond)"
    "Linux memory available (Telegraf)"
    "Linux memory available (collectd)"
    "Linux swapping (Diamond)"
    "Linux swapping (Telegraf)"
    "Linux swapping (collectd)"
    "MongoDB connections"
    "MongoDB lock percentage"
    "MongoDB lock queue"
    "MongoDB page faults"
    "PostgreSQL cache hits"
    "PostgreSQL connections"
    "PostgreSQL dead rows"
    "PostgreSQL rollbacks"
    "PostgreSQL silent"
    "RabbitMQ disk space"
    "RabbitMQ file descriptors"
    "RabbitMQ memory"
    "RabbitMQ no consumers"
    "RabbitMQ queue length"
    "RabbitMQ silent"
    "Redis evictions"
    "Redis memory"
    "Redis rejected connections"
    "Redis replica lag"
    "Redis silent"
    "Resque failed jobs"
    "Resque failure share"
    "Resque queue length"
    "StatsD bad lines"
    "StatsD calculation time"
    "StatsD flush lag"
    "StatsD silent"
    "nginx connections"
    "nginx dropped connections"
    "nginx silent"
    "nginx traffic drop"
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_page_of_a_pack_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/alerts/docs");
        let entries = std::fs::read_dir(folder).unwrap().map(Result::unwrap);
        let folders = entries.filter(|entry| entry.path().is_dir());
        let mut expected: BTreeSet<String> = folders
            .map(|folder| folder.file_name().into_string().unwrap())
            .collect();
        // that of the agent's own troubles is always written
        assert!(expected.remove("graphite-pager"));
        let known: BTreeSet<String> = PAGES.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(known, expected);
        assert_eq!(page("Load"), None);
    }
}
