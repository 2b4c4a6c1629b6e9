//! Notices that configuration files, or pages, changed.
//!
//! Files are looked at once a second rather than watched: that sees a symlink
//! swap as Kubernetes makes it, a network file system and an editor that writes
//! a new file all alike. They are read again when nothing has changed for five
//! seconds, so that half a deployment is not taken for a whole one. Of a folder
//! only what a configuration is made of counts: the store may lie beside it.
//! Where there are many files, they are looked at less often.

use std::ffi::OsString;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::sleep;

use crate::config::is_configuration;

const LOOK: Duration = Duration::from_secs(1);

/// How long all looks must be the same.
const STILL: Duration = Duration::from_secs(5);

/// Files that are looked at in one second: about a thousandth of a processor.
const AT_ONCE: usize = 250;

/// The longest time between two looks.
const SELDOM: Duration = Duration::from_secs(30);

/// Files in folders beyond this are not looked at.
const MANY: usize = 10_000;

/// The files and folders that something was read from.
#[derive(Clone, Debug)]
pub struct Watched {
    paths: Vec<PathBuf>,
    inside: Inside,
    seen: Marks,
}

/// What counts of that which is in a folder.
#[derive(Clone, Copy, Debug)]
enum Inside {
    /// Configuration files, however deep.
    Configuration,
    /// Files whose names this takes, right in it.
    Files(fn(&str) -> bool),
}

type Marks = Vec<Option<Mark>>;

/// What tells one state of a file or a folder from another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    inode: u64,
    device: u64,
    /// Of a file: its size, and when it was last written.
    written: Option<(u64, i64, i64)>,
    inside: Vec<(OsString, Option<Mark>)>,
}

impl Mark {
    /// How many files and folders it is made of.
    fn count(&self) -> usize {
        let inside = self.inside.iter().filter_map(|(_, mark)| mark.as_ref());
        1 + inside.map(Self::count).sum::<usize>()
    }
}

impl Watched {
    /// Remembers how the configuration in `paths` is now.
    pub async fn new(paths: Vec<PathBuf>) -> Self {
        Self::of(paths, Inside::Configuration).await
    }

    /// Remembers how the files right in `folders` are now whose names `counts` takes.
    pub async fn files(folders: Vec<PathBuf>, counts: fn(&str) -> bool) -> Self {
        Self::of(folders, Inside::Files(counts)).await
    }

    async fn of(paths: Vec<PathBuf>, inside: Inside) -> Self {
        let [seen] = marks([(&paths, inside)]).await;
        Self {
            paths,
            inside,
            seen,
        }
    }

    /// Looks at these as well from now on.
    pub async fn also(&mut self, paths: Vec<PathBuf>) {
        let new = paths.into_iter().filter(|path| !self.paths.contains(path));
        let mut new: Vec<PathBuf> = new.collect();
        new.sort_unstable();
        new.dedup();
        let [seen] = marks([(&new, self.inside)]).await;
        self.seen.extend(seen);
        self.paths.extend(new);
    }

    /// Takes them as they are now: somebody is about to read them.
    pub async fn look(&mut self) {
        let [seen] = marks([self.what()]).await;
        self.seen = seen;
    }

    fn what(&self) -> (&[PathBuf], Inside) {
        (&self.paths, self.inside)
    }
}

/// Resolves when some of what is watched has changed, and then all of it been
/// still; says which. They are looked at together: each look is a thread woken.
pub async fn changed<const N: usize>(watched: [&mut Watched; N]) -> [bool; N] {
    let look = || marks(watched.each_ref().map(|watched| watched.what()));
    let seen = watched.each_ref().map(|watched| watched.seen.clone());
    loop {
        sleep(pause(&seen)).await;
        let mut now = look().await;
        if now == seen {
            continue;
        }
        let mut still = Duration::ZERO;
        while still < STILL {
            let pause = pause(&now);
            sleep(pause).await;
            let next = look().await;
            still = if next == now {
                still + pause
            } else {
                Duration::ZERO
            };
            now = next;
        }
        let mut now = now.into_iter();
        return watched.map(|watched| {
            let before = now
                .next()
                .map(|now| std::mem::replace(&mut watched.seen, now));
            before.is_some_and(|before| before != watched.seen)
        });
    }
}

/// The time until files are looked at again.
fn pause(seen: &[Marks]) -> Duration {
    // one that is not there is looked for as well
    let count = |mark: &Option<Mark>| mark.as_ref().map_or(1, Mark::count);
    let files: usize = seen.iter().flatten().map(count).sum();
    let times = u32::try_from(files / AT_ONCE).unwrap_or(u32::MAX);
    LOOK.saturating_mul(times.saturating_add(1)).min(SELDOM)
}

async fn marks<const N: usize>(what: [(&[PathBuf], Inside); N]) -> [Marks; N] {
    let what = what.map(|(paths, inside)| (paths.to_vec(), inside));
    let counts = what.each_ref().map(|(paths, _)| paths.len());
    let looked = tokio::task::spawn_blocking(move || {
        what.map(|(paths, inside)| {
            let mut left = match inside {
                Inside::Configuration => MANY,
                Inside::Files(_) => usize::MAX,
            };
            let mark = |path: &PathBuf| mark(path, inside, &mut left);
            paths.iter().map(mark).collect()
        })
    });
    let unseen = |_| counts.map(|count| vec![None; count]);
    looked.await.unwrap_or_else(unseen)
}

/// `None`: there is no such file. Looks at `left` more files at most, so that a
/// loop of links between folders ends.
fn mark(path: &Path, within: Inside, left: &mut usize) -> Option<Mark> {
    *left = left.checked_sub(1)?;
    let metadata = std::fs::metadata(path).ok()?;
    let folder = metadata.is_dir();
    let mut names = Vec::new();
    if folder {
        let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
        names.extend(entries.map(|entry| entry.file_name()));
        names.sort_unstable();
    }
    let counts = |name: &OsString| {
        let text = name.to_string_lossy();
        match within {
            _ if text.starts_with('.') => false,
            Inside::Configuration => is_configuration(&text) || path.join(name).is_dir(),
            Inside::Files(counts) => counts(&text),
        }
    };
    let inside = names.into_iter().filter(counts);
    let inside = inside.map(|name| {
        let mark = mark(&path.join(&name), within, left);
        (name, mark)
    });
    Some(Mark {
        inside: inside.collect(),
        inode: metadata.ino(),
        device: metadata.dev(),
        written: (!folder).then(|| (metadata.size(), metadata.mtime(), metadata.mtime_nsec())),
    })
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic
    )]
    use std::fs;
    use std::os::unix::fs::symlink;

    use tokio::time::{Instant, timeout};

    use super::*;

    /// Whether `change` to a folder with `alerts/a.yml` is noticed, and after
    /// how many seconds.
    async fn noticed(change: impl FnOnce(&Path)) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let alerts = folder.path().join("alerts");
        fs::create_dir(&alerts).unwrap();
        fs::write(alerts.join("a.yml"), "a").unwrap();
        let mut watched = Watched::new(vec![alerts.clone(), alerts.join("a.yml")]).await;
        change(&alerts);
        let start = Instant::now();
        let found = timeout(Duration::from_secs(60), changed([&mut watched])).await;
        found.ok().map(|_| start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn file_that_is_written_is_noticed_after_five_seconds_of_stillness() {
        let after = noticed(|alerts| fs::write(alerts.join("a.yml"), "other").unwrap()).await;
        assert_eq!(after, Some(6));
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_stay_as_they_are_are_left_alone() {
        assert_eq!(noticed(|_| {}).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn file_that_takes_another_ones_place_is_noticed() {
        let after = noticed(|alerts| {
            fs::write(alerts.join("part"), "b").unwrap();
            fs::rename(alerts.join("part"), alerts.join("a.yml")).unwrap();
        });
        assert_eq!(after.await, Some(6));
    }

    #[tokio::test(start_paused = true)]
    async fn new_removed_and_nested_files_are_noticed() {
        let new = noticed(|alerts| fs::write(alerts.join("b.yaml"), "b").unwrap());
        assert_eq!(new.await, Some(6));
        let removed = noticed(|alerts| fs::remove_file(alerts.join("a.yml")).unwrap());
        assert_eq!(removed.await, Some(6));
        let nested = noticed(|alerts| {
            fs::create_dir(alerts.join("more")).unwrap();
            fs::write(alerts.join("more/b.yml"), "b").unwrap();
        });
        assert_eq!(nested.await, Some(6));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_configuration_is_no_change() {
        let after = noticed(|alerts| {
            for name in ["graphite-pager.db-wal", ".a.yml.swp", "a.test.yml", "notes"] {
                fs::write(alerts.join(name), "x").unwrap();
            }
        });
        assert_eq!(after.await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn links_that_are_swapped_as_kubernetes_does_it_are_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for version in ["..1", "..2"] {
            fs::create_dir(path(version)).unwrap();
            // the same size, and written at the same time for all we know
            fs::write(path(version).join("alerts.yml"), version).unwrap();
        }
        symlink("..1", path("..data")).unwrap();
        symlink("..data/alerts.yml", path("alerts.yml")).unwrap();
        let mut watched = Watched::new(vec![path("alerts.yml")]).await;
        symlink("..2", path("..tmp")).unwrap();
        fs::rename(path("..tmp"), path("..data")).unwrap();
        let found = timeout(Duration::from_secs(60), changed([&mut watched])).await;
        assert!(found.is_ok());
    }

    /// Whether `change` to a folder of pages with `Load/README.md` is noticed,
    /// and after how many seconds.
    async fn page_noticed(change: impl FnOnce(&Path)) -> Option<u64> {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().to_owned();
        fs::create_dir(pages.join("Load")).unwrap();
        fs::write(pages.join("Load/README.md"), "a").unwrap();
        let folders = ["", "Load", "Disk"].map(|name| pages.join(name)).to_vec();
        let mut watched = Watched::files(folders, |name| name.ends_with(".md")).await;
        change(&pages);
        let start = Instant::now();
        let found = timeout(Duration::from_secs(60), changed([&mut watched])).await;
        found.ok().map(|_| start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn pages_that_change_appear_or_go_are_noticed() {
        let changed = page_noticed(|pages| fs::write(pages.join("Load/README.md"), "b c").unwrap());
        assert_eq!(changed.await, Some(6));
        let new = page_noticed(|pages| {
            fs::create_dir(pages.join("Disk")).unwrap();
            fs::write(pages.join("Disk/README.md"), "b").unwrap();
        });
        assert_eq!(new.await, Some(6));
        let beside = page_noticed(|pages| fs::write(pages.join("Disk.md"), "b").unwrap());
        assert_eq!(beside.await, Some(6));
        let gone = page_noticed(|pages| fs::remove_dir_all(pages.join("Load")).unwrap());
        assert_eq!(gone.await, Some(6));
        assert_eq!(page_noticed(|_| {}).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_changed_is_told_apart_and_waited_for_together() {
        let folder = tempfile::tempdir().unwrap();
        let (file, page) = (folder.path().join("a.yml"), folder.path().join("b.md"));
        let write = |path: &Path, text: &str| fs::write(path, text).unwrap();
        let mut configuration = Watched::new(vec![file.clone()]).await;
        let folders = vec![folder.path().to_owned()];
        let mut pages = Watched::files(folders, |name| name.ends_with(".md")).await;
        for (change, expected) in [
            (&[&file][..], [true, false]),
            (&[&page], [false, true]),
            (&[&file, &page], [true, true]),
        ] {
            for path in change {
                write(path, &format!("{expected:?}"));
            }
            assert_eq!(changed([&mut configuration, &mut pages]).await, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_no_page_is_no_change() {
        let after = page_noticed(|pages| {
            for name in ["Load/graph.png", "Load/.README.md.swp.md", "alerts.yml"] {
                fs::write(pages.join(name), "x").unwrap();
            }
            // no alert's page is there
            fs::create_dir_all(pages.join("Other/Load")).unwrap();
            fs::write(pages.join("Other/Load/README.md"), "x").unwrap();
        });
        assert_eq!(after.await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn many_files_are_looked_at_less_often() {
        let folder = tempfile::tempdir().unwrap();
        for count in 0..1000 {
            fs::write(folder.path().join(format!("{count}.md")), "x").unwrap();
        }
        let folders = vec![folder.path().to_owned()];
        let mut watched = Watched::files(folders, |name| name.ends_with(".md")).await;
        fs::write(folder.path().join("7.md"), "other").unwrap();
        let start = Instant::now();
        changed([&mut watched]).await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn files_that_go_on_changing_are_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alerts.yml");
        fs::write(&file, "").unwrap();
        let mut watched = Watched::new(vec![file.clone()]).await;
        let start = Instant::now();
        let deploy = async {
            for count in 1..=10 {
                fs::write(&file, "x".repeat(count)).unwrap();
                sleep(Duration::from_secs(3)).await;
            }
            start.elapsed()
        };
        let found = async {
            changed([&mut watched]).await;
            start.elapsed()
        };
        let (deployed, found) = tokio::join!(deploy, found);
        assert_eq!(deployed.as_secs(), 30);
        // the last change was at 27
        assert!((32..=33).contains(&found.as_secs()), "{found:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_read_at_once_is_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("alerts.yml");
        fs::write(&file, "").unwrap();
        let mut watched = Watched::new(vec![file.clone()]).await;
        fs::write(&file, "x").unwrap();
        watched.look().await;
        assert!(
            timeout(Duration::from_secs(60), changed([&mut watched]))
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn loop_of_links_ends() {
        let folder = tempfile::tempdir().unwrap();
        symlink(".", folder.path().join("one")).unwrap();
        symlink(".", folder.path().join("other")).unwrap();
        let mut watched = Watched::new(vec![folder.path().to_owned()]).await;
        assert!(
            timeout(Duration::from_secs(3), changed([&mut watched]))
                .await
                .is_err()
        );
    }
}
