//! The README's ten minutes, walked as they are written: beside a running demo, in
//! an empty folder, each file with the text that is shown and each command in its
//! order. Then the commands of "What nobody else has", in the same folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;

use support::agent::{Agent, Setup};
use support::http;

/// The tide comes every two minutes.
const TIDE: Duration = Duration::from_secs(180);

/// What stands below a heading of the README.
fn section(heading: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let (_, after) = readme.split_once(&format!("\n## {heading}\n")).unwrap();
    after.split("\n## ").next().unwrap().to_owned()
}

/// What a reader does next.
#[derive(Debug)]
enum Step {
    /// Writes this file.
    Write(String, String),
    /// Types this line.
    Type(String),
}

/// The steps in their order. A file is the one that was named last.
fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut before = "";
    for (index, part) in text.split("```").enumerate() {
        match (index % 2, part.split_once('\n')) {
            (0, _) => before = part,
            (_, Some(("yaml", yaml))) => {
                let named = before.split('`').skip(1).step_by(2);
                let file = named.filter(|name| name.ends_with(".yml")).last();
                steps.push(Step::Write(file.unwrap().to_owned(), yaml.to_owned()));
            }
            (_, Some(("sh", lines))) => {
                let lines = lines.lines().map(|line| line.split(" #").next().unwrap());
                let lines = lines.map(|line| line.trim().to_owned());
                steps.extend(lines.filter(|line| !line.is_empty()).map(Step::Type));
            }
            _ => panic!("a block that is no step: {part}"),
        }
    }
    steps
}

/// Words as a shell has them; a pair of single quotes holds one.
fn words(line: &str) -> Vec<String> {
    let parts = line.split('\'').enumerate();
    let words = parts.flat_map(|(index, part)| match index % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// A reader at the keyboard.
struct Reader {
    setup: Setup,
    /// What runs in terminals of its own.
    running: Vec<Agent>,
    /// What the pages call the demo's Graphite and the server of pages, and where they are here.
    places: Vec<(&'static str, String)>,
    /// Where the link of a message led.
    page: Option<String>,
}

impl Reader {
    fn new() -> Self {
        let setup = Setup::new("");
        std::fs::remove_file(setup.folder().join("alerts.yml")).unwrap();
        // a fixed port may be taken here
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let free = free.local_addr().unwrap().to_string();
        Self {
            setup,
            running: Vec::new(),
            places: vec![("127.0.0.1:8030", free)],
            page: None,
        }
    }

    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (written, here) in &self.places {
            text = text.replace(written, here);
        }
        text
    }

    fn take(&mut self, step: &Step) {
        println!("{step:?}");
        match step {
            Step::Write(file, text) => self.setup.write(file, &self.here(text)),
            Step::Type(line) => self.line(line),
        }
    }

    fn line(&mut self, line: &str) {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            ["echo", text, ">", file] => self.setup.write(file, &format!("{text}\n")),
            ["graphite-pager", "demo"] => self.demo(),
            ["graphite-pager", "docs", "serve"] => self.serve(),
            ["graphite-pager", "run"] => self.run(),
            ["graphite-pager", ref arguments @ .., ">", file] => {
                let printed = self.command(arguments);
                self.setup.write(file, &printed);
            }
            ["graphite-pager", ref arguments @ ..] => drop(self.command(arguments)),
            _ => panic!("`{line}` is no command that a reader has"),
        }
    }

    fn demo(&mut self) {
        // what a test that fails leaves behind goes with its folder
        let temporary = self.setup.folder().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let setup = self.setup.clone().arguments(&["demo"]);
        let mut demo = setup.env("TMPDIR", temporary.to_str().unwrap()).start();
        let line = demo.wait_stderr("A Graphite with this computer's metrics runs at http://");
        let (_, at) = line.rsplit_once("http://").unwrap();
        self.places.push(("127.0.0.1:9781", at.trim().to_owned()));
        self.running.push(demo);
    }

    fn serve(&mut self) {
        let at = self.here("127.0.0.1:8030");
        let arguments = ["docs", "serve", "--listen", &at];
        let mut server = self.setup.clone().arguments(&arguments).start();
        server.wait_stderr(&format!("http://{at}/"));
        self.running.push(server);
    }

    /// Runs the agent until the tide is told; opens the link.
    fn run(&mut self) {
        // its health is at a fixed port
        self.setup.write("off.yml", "listen: off\n");
        let arguments = ["run", "-c", "alerts.yml", "-c", "off.yml"];
        let mut agent = self.setup.clone().arguments(&arguments).start();
        let line = agent.wait_for(TIDE, "a line about the tide", |agent| {
            let told = agent.stdout();
            let line = told.lines().find(|line| line.contains("] Tide "))?;
            Some(line.to_owned())
        });
        let (_, link) = line.split_once("| documentation ").unwrap();
        let link = link.split(' ').next().unwrap();
        self.page = Some(http::get(link.split('#').next().unwrap()).text());
        assert!(agent.stop().success());
    }

    /// What a command prints, which must not fail.
    fn command(&self, arguments: &[&str]) -> String {
        let done = self.setup.clone().arguments(arguments).run();
        let expected = match arguments {
            // whatever the tide and this computer show just now; no failure
            ["check", ..] => 0..=2,
            // pages are to be filled in first
            ["docs", "check"] => 1..=1,
            _ => 0..=0,
        };
        let code = done.code.unwrap();
        assert!(expected.contains(&code), "{arguments:?}: {done:?}");
        assert!(!done.stderr.contains("error:"), "{arguments:?}: {done:?}");
        // those that the text speaks of
        let warnings = done.stderr.lines();
        for warning in warnings.filter(|line| line.starts_with("warning: ")) {
            let known = ["[GP002]", "[GP026]"]
                .iter()
                .any(|code| warning.ends_with(code));
            assert!(known, "{arguments:?}: {warning}");
        }
        done.stdout
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.setup.folder().join(name)).unwrap()
    }
}

#[test]
fn ten_minutes_with_the_readme() {
    let mut reader = Reader::new();
    for step in &steps(&section("Ten minutes")) {
        reader.take(step);
    }
    // it led where the text says that it does
    let page = reader.page.as_deref().expect("nothing was run");
    assert!(page.contains("<h2 id=\"first-steps\">"), "{page}");
    assert!(reader.file("tide.html").contains("Tide"));
    assert!(reader.file("load.yml").contains("name: Load"));
    assert!(
        reader
            .file("graphite-pager.schema.json")
            .contains("2020-12")
    );
    let replay = reader.command(&["replay", "--from", "-1h"]);
    for part in ["Tide", "StatsD bad lines"] {
        assert!(replay.contains(part), "{part}: {replay}");
    }
    let check = reader.command(&["check"]);
    for part in ["Tide", "StatsD silent", "StatsD flush lag"] {
        assert!(check.contains(part), "{part}: {check}");
    }
    let table = section("What nobody else has");
    let mut count = 0;
    for code in table.split('`').skip(1).step_by(2) {
        if let Some(arguments) = code.strip_prefix("graphite-pager ") {
            println!("{code}");
            count += 1;
            match arguments {
                // it runs since the walk
                "docs serve" => {}
                arguments => {
                    let printed = reader.command(&arguments.split(' ').collect::<Vec<_>>());
                    assert!(!printed.is_empty(), "{code} says nothing");
                }
            }
        }
    }
    assert!(count > 6, "{table}");
    for mut running in reader.running {
        assert!(running.stop().success());
    }
}
