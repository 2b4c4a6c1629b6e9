//! A program of the user's: the documented JSON on its standard input.
//!
//! No shell is between, so no series can smuggle a command in. The program has
//! its own process group, which is killed whole at its deadline, with whatever
//! it forked; neither a child that lives on nor an output that nobody closes
//! holds a delivery. Its working folder is the agent's, and so is its environment
//! but for the variables that the agent takes its own secrets from.

use std::io::ErrorKind;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::message::{Message, Outcome};
use super::settings;
use super::{document, text};
use crate::secret::Censor;

/// Bytes of the program's output that are kept, the last ones.
const OUTPUT: usize = 4 * 1024;

/// The longest deadline that is kept.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// For the rest of its output, once it has ended.
const DRAIN: Duration = Duration::from_millis(200);

/// How long the program may run.
pub fn deadline(settings: &settings::Command) -> Duration {
    // an instant beyond the clock's range would panic
    settings.timeout.min(LONGEST)
}

/// Runs the program once and waits for its end.
pub async fn send(settings: &settings::Command, message: &Message) -> Outcome {
    let name = text::clean(&settings.program.to_string_lossy()).into_owned();
    let mut child = match spawn(settings) {
        Ok(child) => child,
        Err(error) => {
            let why = format!("cannot start `{name}`: {error}");
            // neither comes right by waiting
            let hopeless = matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::PermissionDenied
            );
            return if hopeless {
                Outcome::Rejected { why, smtp: false }
            } else {
                later(why, false)
            };
        }
    };
    let group = Group::of(&child);
    let mut output = Vec::new();
    let run = run(&mut child, document::json(message).to_string(), &mut output);
    let deadline = tokio::time::Instant::now() + deadline(settings);
    let ended = tokio::time::timeout_at(deadline, run).await;
    if ended.is_ok() {
        group.end_by(deadline);
    } else {
        drop(group);
        // so that no zombie stays; one that the system cannot end is left to it
        let _ = tokio::time::timeout(DRAIN, child.wait()).await;
    }
    match ended {
        Ok(Ok(status)) if status.success() => Outcome::Accepted,
        Ok(Ok(status)) => later(
            format!(
                "`{name}` {}{}",
                describe(status),
                last_line(&output, settings)
            ),
            false,
        ),
        Ok(Err(error)) => later(format!("cannot run `{name}`: {error}"), true),
        Err(_) => later(
            format!(
                "`{name}` did not end within {} and was killed{}",
                crate::alert::duration::format(settings.timeout),
                last_line(&output, settings)
            ),
            true,
        ),
    }
}

/// One that ended with a failure, or never began, says that it did nothing; of
/// one that was stopped nobody knows.
fn later(why: String, unsure: bool) -> Outcome {
    Outcome::Later {
        why,
        after: None,
        pause: false,
        unsure,
    }
}

fn spawn(settings: &settings::Command) -> std::io::Result<Child> {
    let mut command = Command::new(&settings.program);
    for name in &settings.withheld {
        command.env_remove(name);
    }
    command
        .args(&settings.arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
}

/// Feeds the program, keeps the end of what it says, and waits for its end.
async fn run(
    child: &mut Child,
    input: String,
    output: &mut Vec<u8>,
) -> std::io::Result<ExitStatus> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let feed = async {
        if let Some(mut stdin) = stdin {
            // one that does not care for its input is right to close it
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let mut said = Vec::new();
    let status = {
        let outputs = async {
            // what it says on stdout is read, so that it never waits for us, and forgotten
            tokio::join!(feed, keep_end(stdout, &mut said), keep_end(stderr, output));
        };
        tokio::pin!(outputs);
        let status = tokio::select! {
            status = child.wait() => status,
            () = &mut outputs => return child.wait().await,
        };
        // a child of its own may hold the pipes open for ever
        let _ = tokio::time::timeout(DRAIN, outputs).await;
        status
    };
    if output.is_empty() {
        *output = said;
    }
    status
}

/// Reads to the end and keeps the last [`OUTPUT`] bytes.
async fn keep_end(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        kept.extend(buffer.iter().take(count));
        kept.drain(..kept.len().saturating_sub(OUTPUT));
    }
}

fn describe(status: ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Its last line, without those of its arguments that may be secret (`--token TOKEN`).
fn last_line(output: &[u8], settings: &settings::Command) -> String {
    let output = String::from_utf8_lossy(output);
    let line = output
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty());
    line.map_or_else(String::new, |line| {
        let line = censor(settings).hide(line);
        format!(": {}", text::clip(&text::clean(&line), 300))
    })
}

/// Hides arguments, save paths and the names of options, which say what went wrong.
fn censor(settings: &settings::Command) -> Censor {
    let arguments = settings.arguments.iter();
    arguments.fold(Censor::new(), |censor, argument| {
        let value = match argument.split_once('=') {
            Some((name, value)) if name.starts_with('-') => value,
            _ if argument.starts_with('-') => return censor.keys_in(argument),
            _ => argument,
        };
        if value.starts_with(['/', '.']) {
            return censor.keys_in(value);
        }
        censor.whole(value).keys_in(argument)
    })
}

/// A process group that is killed when it goes out of scope: also when the
/// delivery itself is given up, or the agent ends.
struct Group(Option<Pid>);

impl Group {
    /// The group that `child` leads.
    fn of(child: &Child) -> Self {
        Self(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
        )
    }

    /// Leaves what the program forked until its deadline. Its leader is gone, but
    /// as long as anybody is in the group nobody else can get its number.
    fn end_by(mut self, deadline: tokio::time::Instant) {
        if self
            .0
            .is_some_and(|group| test_kill_process_group(group).is_ok())
        {
            tokio::spawn(async move {
                tokio::time::sleep_until(deadline).await;
                drop(self);
            });
        } else {
            // nobody is left, and the number may soon be another's
            self.0 = None;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // that nobody is left is fine
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
