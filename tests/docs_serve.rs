//! `docs serve`: the pages of alerts in a browser.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use rustix::process::Signal;
use support::DEADLINE;
use support::agent::{Agent, Setup};
use support::graphite::{Graphite, Series};
use support::http::{Answer, get, send};
use support::sink::Sink;

const ALERTS: &str = "graphite: {url: https://graphite.example.com, password: '${file:/no/such}', username: me}\n\
    docs_path: pages\n\
    alerts:\n\
    - {name: Load, target: 'aliasByNode(servers.*.loadavg.05, 1)', critical: 20, limit: 0, no_data: ok, missing: ok}\n\
    - {name: Shop/Orders, target: 'shop.orders', critical: '< 5'}\n";

const LOAD: &str = "# Load\n\n## What it means\n\nBusy.\n\n## First steps\n\n1. ssh <host>\n\n\
    ![graph](graph.png)\n\n## Series\n\n- <a id=\"web 1\"></a>the oldest\n";

/// The folder of a reader with two alerts, one of which has a page.
fn setup() -> Setup {
    let setup = Setup::new(ALERTS);
    setup.write("pages/Load/README.md", LOAD);
    setup.write("pages/Load/graph.png", "a picture");
    setup.write("secret.png", "secret");
    setup
}

/// The server, and where it is.
fn serve(setup: &Setup) -> (Agent, String) {
    let arguments = [
        "docs",
        "serve",
        "-c",
        "alerts.yml",
        "--listen",
        "127.0.0.1:0",
    ];
    let mut server = setup.clone().arguments(&arguments).start();
    let line = server.wait_stderr("the pages of 2 alerts are at http://");
    let at = line
        .split_whitespace()
        .find(|word| word.starts_with("http"));
    let at = at.unwrap().trim_end_matches('/').to_owned();
    (server, at)
}

fn page(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    answer.text()
}

/// The status of a request that is written by hand.
fn status_of(at: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(at.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_alerts_their_pages_and_pictures_are_shown() {
    let (mut server, at) = serve(&setup());
    let index = page(&get(&format!("{at}/")));
    assert!(index.contains("<a href=\"/Load\">Load</a>"), "{index}");
    let missing = "<b>Shop/Orders</b> <span class=\"mark\">no page</span>";
    assert!(index.contains(missing), "{index}");
    let load = page(&get(&format!("{at}/Load")));
    for part in [
        "<h2 id=\"first-steps\">First steps</h2>",
        "<li><a id=\"web 1\"></a>the oldest</li>",
        "ssh &lt;host&gt;",
        "<img src=\"/Load/graph.png\" alt=\"graph\" />",
    ] {
        assert!(load.contains(part), "{part}\n{load}");
    }
    let picture = get(&format!("{at}/Load/graph.png"));
    assert_eq!(picture.header("content-type"), "image/png");
    assert_eq!(picture.text(), "a picture");
    let style = get(&format!("{at}/.style.css"));
    assert_eq!(style.header("content-type"), "text/css; charset=utf-8");
    assert!(index.contains("href=\"/.style.css\""));
    let nothing = get(&format!("{at}/Shop%2FOrders"));
    assert_eq!(nothing.status, 404);
    assert!(nothing.text().contains("has no page yet"));
    assert!(server.stop().success());
}

#[test]
fn what_is_written_is_shown_at_the_next_look() {
    let setup = setup();
    let (mut server, at) = serve(&setup);
    setup.write("pages/Shop/Orders.md", "# Orders\n");
    let orders = page(&get(&format!("{at}/Shop%2FOrders")));
    assert!(orders.contains("<h1 id=\"orders\">"), "{orders}");
    setup.write(
        "alerts.yml",
        &format!("{ALERTS}- {{name: New, target: a.b, critical: 1}}\n"),
    );
    assert!(page(&get(&at)).contains("<b>New</b>"));
    // a mistake is said, and the pages are there all the same
    setup.write("alerts.yml", "alerts: nonsense");
    let index = page(&get(&at));
    assert!(index.contains("alerts.yml:1:"), "{index}");
    assert!(page(&get(&format!("{at}/Load"))).contains("<h1 id=\"load\">"));
    assert!(server.stop().success());
}

#[test]
fn no_address_leads_out_of_the_folder() {
    let setup = setup();
    let pages = setup.folder().join("pages");
    std::os::unix::fs::symlink("../secret.png", pages.join("link.png")).unwrap();
    std::os::unix::fs::symlink("..", pages.join("up")).unwrap();
    let (mut server, at) = serve(&setup);
    for path in [
        "/../secret.png",
        "/%2e%2e/secret.png",
        "/..%2fsecret.png",
        "/Load/../../secret.png",
        "/link.png",
        "/up/secret.png",
        "/%00.png",
        "/%ff.png",
        "//secret.png",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let status = status_of(&at, &request);
        assert!(status.starts_with("HTTP/1.1 4"), "{path}: {status}");
    }
    assert!(server.stop().success());
}

#[test]
fn pages_are_kept_to_themselves_and_to_this_computer() {
    let (mut server, at) = serve(&setup());
    for path in ["/", "/Load", "/nothing", "/Load/graph.png"] {
        let answer = get(&format!("{at}{path}"));
        let policy = answer.header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; style-src"),
            "{policy}"
        );
        assert!(!policy.contains("script"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    // a name that a stranger lets lead here
    let request = |host| format!("GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    assert!(status_of(&at, &request("pages.example.com")).contains(" 403 "));
    assert!(status_of(&at, &request("localhost")).contains(" 200 "));
    let posted = send("POST", &format!("{at}/Load"), "text/plain", b"x").unwrap();
    assert_eq!(posted.status, 405);
    assert!(server.stop().success());
}

#[test]
fn it_ends_at_ctrl_c_though_a_browser_keeps_its_connection() {
    let (mut server, at) = serve(&setup());
    let mut kept = TcpStream::connect(at.trim_start_matches("http://")).unwrap();
    kept.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    let mut first = [0; 12];
    kept.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    server.signal(Signal::INT);
    assert_eq!(server.wait_exit().code(), Some(0));
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap().to_string();
    let run = |configuration: &str, listen: &str| {
        let arguments = ["docs", "serve", "-c", "alerts.yml", "--listen", listen];
        let setup = Setup::new(configuration).arguments(&arguments);
        let finished = setup.run();
        assert_eq!(finished.code, Some(1), "{finished:?}");
        finished.stderr
    };
    let without = "graphite: {url: http://g}\nalerts: [{name: A, target: a.b, critical: 1}]\n";
    assert!(run(without, &at).contains("nothing says where the pages are"));
    let with = format!("{without}docs_path: pages\n");
    assert!(run(&with, &at).contains("there is no folder `pages`"));
    let here = format!("{without}docs_path: .\n");
    let said = run(&here, &at);
    assert!(said.contains(&format!("cannot listen on {at}")), "{said}");
    assert!(said.contains("hint: choose another address"), "{said}");
    assert!(run("alerts: x", &at).contains("error: alerts.yml:1:"));
}

#[test]
fn the_link_of_a_message_leads_to_its_place_in_the_page() {
    let (graphite, hook) = (Graphite::start(), Sink::start());
    graphite.set("load", vec![Series::constant("web 1", 50.0)]);
    let pages = setup();
    let (mut server, at) = serve(&pages);
    let setup = Setup::new(&format!(
        "graphite: {{url: '{}'}}\nlisten: off\ndocs_url: {at}\nreceivers: {{hook: {{webhook: {{url: '{}'}}}}}}\n\
         alerts:\n- {{name: Load, target: load, critical: 20, every: 1s, settle: off}}\n",
        graphite.url(),
        hook.url()
    ));
    let mut agent = setup.start();
    let sent = hook.wait_for(1, DEADLINE)[0].json();
    let link = sent["docs"].as_str().unwrap();
    let (address, anchor) = link.split_once('#').unwrap();
    assert_eq!(anchor, "web%201");
    // browsers look for the anchor as it is and percent-decoded
    assert!(page(&get(address)).contains("<a id=\"web 1\"></a>"));
    assert!(agent.stop().success());
    assert!(server.stop().success());
}
