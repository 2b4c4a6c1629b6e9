//! What the agent wrote in every test, kept so that `tests/secrets.rs` can
//! search it for secrets once the others are done.
//!
//! Nothing is kept unless [`FOLDER`] names a folder; `tests/run` does. Beside
//! it, the secrets that the test planted are noted: whatever stands in the
//! configuration, the arguments or the environment where a secret belongs.
//!
//! Each run is noted before it begins, so that the search misses one of which
//! nothing is kept; what cannot be kept fails the test whose run it is.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use percent_encoding::percent_decode_str;

/// The environment variable with the folder.
pub const FOLDER: &str = "GRAPHITE_PAGER_TEST_OUTPUT";

/// Every secret that is planted on purpose holds this word; keys of 32
/// characters and passwords have room for it.
pub const MARKER: &str = "s3cr3t";

/// The file with the secrets of a run, in each run's folder; the last to be written.
pub const PLANTED: &str = "planted";

/// The file with the name of the test, written before the run begins.
pub const BEGUN: &str = "begun";

/// What the process was started with and what it wrote.
pub struct Run<'a> {
    pub folder: &'a Path,
    pub arguments: &'a [String],
    pub environment: &'a [(String, String)],
    pub stdout: String,
    pub stderr: String,
}

/// A run that is about to begin, and is to be kept if runs are kept.
pub struct Noted(Option<PathBuf>);

impl Noted {
    /// Notes it in the folder for all runs.
    pub fn new() -> Self {
        match std::env::var_os(FOLDER) {
            Some(folder) => Self::below(folder.as_ref()),
            None => Self(None),
        }
    }

    /// Notes it in this folder.
    pub fn below(folder: &Path) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = env!("CARGO_CRATE_NAME");
        let kept = folder.join(format!("{name}-{}-{number}", std::process::id()));
        let test = thread::current().name().unwrap_or("a test").to_owned();
        fs::create_dir_all(&kept)
            .and_then(|()| fs::write(kept.join(BEGUN), test))
            .unwrap_or_else(|error| panic!("{} is not noted: {error}", kept.display()));
        Self(Some(kept))
    }

    /// Keeps what came of it.
    pub fn keep(&self, run: &Run<'_>) {
        let Some(kept) = &self.0 else { return };
        let Err(error) = write(run, kept) else { return };
        let fault = format!("{} is not kept: {error}", kept.display());
        // a panic in a panic would end all tests of the file
        match thread::panicking() {
            true => eprintln!("{fault}"),
            false => panic!("{fault}"),
        }
    }
}

fn write(run: &Run<'_>, kept: &Path) -> io::Result<()> {
    fs::write(kept.join("stdout"), &run.stdout)?;
    fs::write(kept.join("stderr"), &run.stderr)?;
    let mut planted = BTreeSet::new();
    for argument in run.arguments {
        planted.extend(secrets_in(argument));
    }
    for (name, value) in run.environment {
        planted.extend(secrets_in(value));
        if ["KEY", "PASS", "TOKEN", "SECRET"]
            .iter()
            .any(|word| name.contains(word))
        {
            planted.insert(value.clone());
        }
    }
    for file in files_below(run.folder) {
        let configuration = file
            .extension()
            .is_some_and(|end| ["yml", "yaml", "part"].iter().any(|yaml| end == *yaml));
        let bytes = match fs::read(&file) {
            // the next life of the agent has moved it, or the test lets nobody read it
            Err(error)
                if [ErrorKind::NotFound, ErrorKind::PermissionDenied].contains(&error.kind()) =>
            {
                continue;
            }
            bytes => bytes?,
        };
        if configuration {
            planted.extend(secrets_in(&String::from_utf8_lossy(&bytes)));
        } else if is_state(&file, &bytes) {
            let name = file.file_name().unwrap_or_default();
            fs::write(kept.join(name), bytes)?;
        }
    }
    let planted: Vec<String> = planted.into_iter().collect();
    fs::write(kept.join(PLANTED), planted.join("\n"))
}

/// Every file below `folder`.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => files.extend(files_below(&path)),
            Ok(kind) if kind.is_file() => files.push(path),
            _ => {}
        }
    }
    files.sort();
    files
}

/// Whether SQLite wrote it: the file itself, its log or its journal.
fn is_state(file: &Path, bytes: &[u8]) -> bool {
    let name = file.to_string_lossy();
    let beside = ["-wal", "-shm", "-journal"];
    beside.iter().any(|end| name.ends_with(end)) || bytes.starts_with(b"SQLite format 3")
}

/// Whatever stands in `text` where a secret belongs.
fn secrets_in(text: &str) -> Vec<String> {
    let keys = [
        "routing_key:",
        "pagerduty_key:",
        "password:",
        "graphite_pass:",
        "token=",
    ];
    let ends = |c: char| c.is_whitespace() || matches!(c, ',' | '}' | ']' | '\'' | '"' | '&');
    let mut found = Vec::new();
    for key in keys {
        for (at, _) in text.match_indices(key) {
            let value = text[at + key.len()..].trim_start_matches([' ', '\'', '"']);
            found.push(value[..value.find(ends).unwrap_or(value.len())].to_owned());
        }
    }
    for (at, separator) in text.match_indices("://") {
        let rest = &text[at + separator.len()..];
        let authority = &rest[..rest
            .find(|c: char| ends(c) || matches!(c, '/' | '?'))
            .unwrap_or(rest.len())];
        let login = authority.rsplit_once('@').map_or("", |(login, _)| login);
        let (user, password) = login.split_once(':').unwrap_or_default();
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        found.extend([password.to_owned(), decoded(password)]);
        for form in ["\0USER\0PASSWORD", "USER:PASSWORD"] {
            let text = form
                .replace("USER", &decoded(user))
                .replace("PASSWORD", &decoded(password));
            found.extend((!password.is_empty()).then(|| base64(text.as_bytes())));
        }
    }
    // shorter ones are found by chance
    found.retain(|secret| secret.len() >= 8 && !secret.starts_with('$'));
    found
}

/// RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes)
}
