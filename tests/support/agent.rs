//! The real binary as a process, in a folder of its own.
//!
//! Nothing of the environment that could change what the agent does reaches
//! it. A test that fails prints what the agent wrote.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::kept::{Noted, Run};
use super::{DEADLINE, poll};

/// What the environment must not bring along: it wins over the file, or leads requests elsewhere.
const REMOVED: &[&str] = &[
    "GRAPHITE_URL",
    "GRAPHITE_USER",
    "GRAPHITE_PASS",
    "DOCS_URL",
    "PAGERDUTY_KEY",
    "SLACK_URL",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "RUST_LOG",
    "NO_COLOR",
    "CLICOLOR_FORCE",
];

/// A folder with a configuration, and how the agent is run in it.
#[derive(Clone)]
pub struct Setup {
    folder: Arc<TempDir>,
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Setup {
    /// `run -c alerts.yml` with this configuration. Write `listen: off` or
    /// `listen: 127.0.0.1:0` into it: tests run side by side.
    pub fn new(configuration: &str) -> Self {
        let setup = Self {
            folder: Arc::new(tempfile::tempdir().unwrap()),
            program: env!("CARGO_BIN_EXE_graphite-pager").into(),
            arguments: ["run", "-c", "alerts.yml"].map(str::to_owned).to_vec(),
            environment: Vec::new(),
        };
        setup.write("alerts.yml", configuration);
        setup
    }

    /// Other arguments than `run -c alerts.yml`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(ToString::to_string).collect();
        self
    }

    /// Run by this program: its arguments, then the agent's program and arguments.
    #[must_use]
    pub fn under(mut self, wrapper: &[&str]) -> Self {
        let program = self.program.to_string_lossy().into_owned();
        let own = std::mem::take(&mut self.arguments);
        let (first, rest) = wrapper.split_first().unwrap();
        self.arguments = rest.iter().map(ToString::to_string).collect();
        self.arguments.push(program);
        self.arguments.extend(own);
        self.program((*first).to_owned())
    }

    /// Another program than the agent.
    #[must_use]
    pub fn program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = program.into();
        self
    }

    /// One more variable of the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The folder that it runs in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder, whole or not at all, as a deployment does.
    pub fn write(&self, path: &str, text: &str) {
        let path = self.folder().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let part = path.with_extension("part");
        std::fs::write(&part, text).unwrap();
        std::fs::rename(part, path).unwrap();
    }

    /// Starts it.
    pub fn start(&self) -> Agent {
        Agent::start(self.clone())
    }

    /// Starts it and waits for its end.
    pub fn run(&self) -> Finished {
        let mut agent = self.start();
        let status = agent.wait_exit();
        Finished {
            code: status.code(),
            stdout: agent.stdout(),
            stderr: agent.stderr(),
        }
    }

    /// Runs it to its end where nobody reads what it prints.
    pub fn run_unread(self) -> Finished {
        let noted = Noted::new();
        let mut child = self.command().spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&ended.stderr).into_owned();
        noted.keep(&self.ran(String::new(), stderr.clone()));
        Finished {
            code: ended.status.code(),
            stdout: String::new(),
            stderr,
        }
    }

    /// A run of it, as it is kept.
    fn ran(&self, stdout: String, stderr: String) -> Run<'_> {
        Run {
            folder: self.folder(),
            arguments: &self.arguments,
            environment: &self.environment,
            stdout,
            stderr,
        }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(self.folder());
        for name in REMOVED {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().cloned());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

/// A process that has ended.
#[derive(Debug)]
pub struct Finished {
    /// `None`: ended by a signal.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// A running agent; killed when dropped.
pub struct Agent {
    setup: Setup,
    noted: Noted,
    child: Child,
    stdout: Lines,
    stderr: Lines,
}

impl Agent {
    fn start(setup: Setup) -> Self {
        let noted = Noted::new();
        let mut child = setup.command().spawn().unwrap();
        let stdout = Lines::collect(child.stdout.take().unwrap());
        let stderr = Lines::collect(child.stderr.take().unwrap());
        Self {
            setup,
            noted,
            child,
            stdout,
            stderr,
        }
    }

    /// What it runs in.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// All of its standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// All of its standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// The first line of standard output that contains `part`.
    pub fn wait_stdout(&mut self, part: &str) -> String {
        self.wait(&format!("a line with `{part}` on stdout"), |agent| {
            agent.stdout.find(part)
        })
    }

    /// The first line of standard error that contains `part`.
    pub fn wait_stderr(&mut self, part: &str) -> String {
        self.wait(&format!("a line with `{part}` on stderr"), |agent| {
            agent.stderr.find(part)
        })
    }

    /// Waits for something to be there, for [`DEADLINE`] at most.
    pub fn wait<T>(&mut self, what: &str, ask: impl FnMut(&Self) -> Option<T>) -> T {
        self.wait_for(DEADLINE, what, ask)
    }

    /// Waits for something to be there; an agent that has ended brings nothing more.
    pub fn wait_for<T>(
        &mut self,
        deadline: Duration,
        what: &str,
        mut ask: impl FnMut(&Self) -> Option<T>,
    ) -> T {
        let found = poll(deadline, || {
            let ended = self.child.try_wait().unwrap();
            if ended.is_some() {
                self.stdout.finish();
                self.stderr.finish();
            }
            match (ask(self), ended) {
                (Some(answer), _) => Some(Ok(answer)),
                (None, Some(status)) => Some(Err(status)),
                (None, None) => None,
            }
        });
        match found {
            Some(Ok(answer)) => answer,
            Some(Err(status)) => panic!("the agent ended ({status}) before there was {what}"),
            None => panic!("not within {deadline:?}: {what}"),
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Whether it is over.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The most memory that it has held so far, in kB; `None` once it is over.
    pub fn memory_peak(&self) -> Option<u64> {
        self.status("VmHWM:")
    }

    /// The memory that it holds, in kB; `None` once it is over.
    pub fn memory(&self) -> Option<u64> {
        self.status("VmRSS:")
    }

    fn status(&self, name: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// Waits for its end.
    pub fn wait_exit(&mut self) -> ExitStatus {
        let status = poll(DEADLINE, || self.child.try_wait().unwrap());
        let status = status.unwrap_or_else(|| panic!("the agent still runs after {DEADLINE:?}"));
        self.stdout.finish();
        self.stderr.finish();
        status
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_exit()
    }

    /// SIGKILL: nothing is done in an orderly way.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.wait_exit();
    }

    /// Starts it anew in the same folder, killed before if it still runs. What
    /// it wrote before is forgotten.
    pub fn restart(&mut self) {
        self.kill();
        *self = Self::start(self.setup.clone());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.stdout.finish();
        self.stderr.finish();
        if thread::panicking() {
            eprintln!(
                "--- the agent's stdout\n{}--- the agent's stderr\n{}---",
                self.stdout(),
                self.stderr()
            );
        }
        let run = self.setup.ran(self.stdout(), self.stderr());
        self.noted.keep(&run);
    }
}

/// The lines of a stream, read by a thread of their own so that the pipe never fills.
struct Lines {
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Lines {
    fn collect(stream: impl Read + Send + 'static) -> Self {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            let mut stream = BufReader::new(stream);
            let mut line = Vec::new();
            while stream
                .read_until(b'\n', &mut line)
                .is_ok_and(|length| length > 0)
            {
                kept.lock()
                    .unwrap()
                    .push(String::from_utf8_lossy(&line).trim_end().to_owned());
                line.clear();
            }
        });
        Self {
            lines,
            reader: Some(reader),
        }
    }

    /// Waits until the stream has ended. A grandchild may hold it open, so not for ever.
    fn finish(&mut self) {
        if let Some(reader) = self.reader.take() {
            poll(Duration::from_secs(2), || {
                reader.is_finished().then_some(())
            });
        }
    }

    fn find(&self, part: &str) -> Option<String> {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .find(|line| line.contains(part))
            .cloned()
    }

    fn text(&self) -> String {
        self.lines
            .lock()
            .unwrap()
            .iter()
            .map(|line| format!("{line}\n"))
            .collect()
    }
}
