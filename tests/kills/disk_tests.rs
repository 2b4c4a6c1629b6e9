//! The disk loses what was not synced, and nothing else.

use std::collections::BTreeSet;

use super::dice::Dice;
use super::disk::{Disk, Files, Record};

fn opened(file: u64, name: &str, made: bool) -> Record {
    Record::Opened {
        file,
        name: name.to_owned(),
        made,
    }
}

fn written(offset: usize, text: &str) -> Record {
    Record::Written(7, offset, text.as_bytes().to_vec())
}

/// All that the disk may be after these records.
fn outcomes(before: &[(&str, &str)], records: &[Record]) -> BTreeSet<String> {
    let file = |(name, text): &(&str, &str)| ((*name).to_owned(), text.as_bytes().to_vec());
    let mut disk = Disk::new(before.iter().map(file).collect());
    for record in records {
        disk.follow(record);
    }
    let show = |files: Files| {
        let show = |(name, content): (String, Vec<u8>)| {
            format!("{name}={}", String::from_utf8(content).unwrap())
        };
        files
            .into_iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(" ")
            .replace('\0', "0")
    };
    (0..2000)
        .map(|seed| show(disk.after_power_loss(&mut Dice::new(seed))))
        .collect()
}

fn check(before: &[(&str, &str)], records: &[Record], expected: &[&str]) {
    let expected = expected.iter().map(ToString::to_string).collect();
    assert_eq!(outcomes(before, records), expected);
}

#[test]
fn what_is_synced_lasts() {
    let records = [opened(7, "a", false), written(0, "new"), Record::Synced(7)];
    check(&[("a", "old")], &records, &["a=new"]);
}

#[test]
fn what_is_not_synced_may_be_there_or_not_in_any_combination() {
    let records = [opened(7, "a", false), written(0, "A"), written(2, "C")];
    check(
        &[("a", "abc")],
        &records,
        &["a=abc", "a=Abc", "a=abC", "a=AbC"],
    );
}

#[test]
fn what_is_written_beyond_something_lost_leaves_a_hole() {
    let records = [opened(7, "a", false), written(1, "B"), written(2, "C")];
    check(
        &[("a", "a")],
        &records,
        &["a=a", "a=a0", "a=aB", "a=aBC", "a=a0C"],
    );
}

#[test]
fn what_is_cut_may_come_back() {
    let records = [opened(7, "a", false), Record::Cut(7, 1)];
    check(&[("a", "abc")], &records, &["a=abc", "a=a"]);
}

#[test]
fn large_write_is_torn_at_a_sector() {
    let (old, new) = ("o".repeat(1024), "n".repeat(1024));
    let torn = format!("a={}{}", &new[..512], &old[..512]);
    let records = [opened(7, "a", false), written(0, &new)];
    let expected = [format!("a={old}"), torn, format!("a={new}")];
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    check(&[("a", &old)], &records, &expected);
}

#[test]
fn new_name_lasts_once_its_folder_is_synced() {
    let mut records = vec![opened(7, "a", true), written(0, "x"), Record::Synced(7)];
    check(&[], &records, &["", "a=x"]);
    records.push(Record::NamesSynced);
    check(&[], &records, &["a=x"]);
}

#[test]
fn removed_and_renamed_names_may_come_back() {
    check(
        &[("a", "x")],
        &[Record::Removed("a".to_owned())],
        &["a=x", ""],
    );
    let renamed = Record::Renamed("a".to_owned(), "b".to_owned());
    check(&[("a", "x")], &[renamed], &["a=x", "b=x", "a=x b=x", ""]);
}

#[test]
fn number_that_is_used_again_is_another_file() {
    let records = [
        opened(7, "a", false),
        Record::Removed("a".to_owned()),
        opened(7, "b", true),
        Record::NamesSynced,
        written(0, "x"),
        Record::Synced(7),
    ];
    check(&[("a", "abc")], &records, &["b=x"]);
}
