//! Mail servers that fail, through the binary: what reaches whom, what the log
//! says, and who is told of the trouble (design section 6).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)]

mod support;

use std::time::{Duration, Instant};

use support::DEADLINE;
use support::bench::{Bench, PASSWORD, Watched, hook, messages, owned, wait_until};
use support::graphite::Series;
use support::sink::Sink;
use support::smtp::{Mail, Manners, Smtp};

/// A mail receiver at `scheme://localhost:PORT`, with further keys.
fn mailer(name: &str, smtp: &Smtp, to: &str, keys: &str) -> String {
    at(name, &format!("smtp://127.0.0.1:{}", smtp.port()), to, keys)
}

fn at(name: &str, url: &str, to: &str, keys: &str) -> String {
    format!(
        "  {name}: {{email: {{to: [{to}], from: pager@example.com, graph: false, smtp: '{url}'}}{keys}}}\n"
    )
}

const THREE: &str = "a@example.com, b@example.com, c@example.com";

/// What the log says of `receiver` in the first line that has `part`.
fn log(agent: &mut Watched, receiver: &str, part: &str) -> String {
    let name = format!("receiver=\"{receiver}\"");
    agent.wait(&format!("`{part}` of {receiver} in the log"), |agent| {
        let found = |line: &&str| line.contains(&name) && line.contains(part);
        agent.stderr().lines().find(found).map(ToOwned::to_owned)
    })
}

/// Connections that came as far as a greeting.
fn conversations(smtp: &Smtp) -> usize {
    let commands = smtp.commands();
    commands
        .iter()
        .filter(|command| command.starts_with("EHLO"))
        .count()
}

fn subject(mail: &Mail) -> String {
    mail.header("Subject").unwrap()
}

fn recipients(smtp: &Smtp) -> Vec<Vec<String>> {
    smtp.mails().into_iter().map(|mail| mail.to).collect()
}

// --- servers that say too little, too slowly ------------------------------------------

#[test]
fn a_server_that_says_nothing_or_a_byte_a_second_delays_nobody_and_gets_its_mail_once_it_speaks() {
    let mute = Smtp::start(Manners {
        no_greeting: true,
        ..Manners::default()
    });
    let slow = Smtp::start(Manners {
        slow: Some(Duration::from_secs(1)),
        ..Manners::default()
    });
    let quick = Smtp::start(Manners::default());
    let (chat, boss) = (Sink::start(), Sink::start());
    let late = ", fallback: chat, fallback_after: 2s";
    let receivers = mailer("mute", &mute, "a@example.com", late)
        + &mailer("slow", &slow, "a@example.com", "")
        + &mailer("quick", &quick, "b@example.com", "")
        + &hook("chat", &chat, "")
        + &hook("boss", &boss, ", default: true");
    let bench = Bench::new(&receivers, "  notify: [mute, slow, quick]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    let before = Instant::now();
    quick.wait_for(1, DEADLINE);
    // another incident, while the first is being sent
    bench.graphite.put("load", Series::constant("web-2", 15.0));
    quick.wait_for(2, DEADLINE);
    // the fallback is told, and everybody else, long before the ten seconds are over
    wait_until(true, || {
        messages(&chat).contains(&"new web-1 critical".to_owned())
    });
    wait_until(owned(&["new (receiver mute) critical"]), || messages(&boss));
    assert!(before.elapsed() < Duration::from_secs(10));
    assert!(
        !agent.stderr().contains("(greeting)"),
        "it is still waited for"
    );
    for receiver in ["mute", "slow"] {
        let line = log(&mut agent, receiver, "not told yet: ");
        assert!(
            line.contains("did not answer within 10s (greeting)") && line.contains("WARN"),
            "{line}"
        );
    }
    for smtp in [&mute, &slow] {
        assert!(smtp.mails().is_empty());
        smtp.behave(Manners::default());
    }
    for smtp in [&mute, &slow] {
        let mails = smtp.wait_for(2, DEADLINE);
        assert_eq!(subject(&mails[0]), "[CRITICAL] Load web-1 is 25 (>= 20)");
        assert_eq!(subject(&mails[1]), "[WARNING] Load web-2 is 15 (>= 10)");
    }
    wait_until(true, || {
        messages(&boss).contains(&"resolved (receiver mute) ok".to_owned())
    });
    bench.evaluations(1);
    let mails = [&mute, &slow, &quick].map(|smtp| smtp.mails().len());
    assert_eq!(mails, [2; 3]);
    assert_eq!(agent.stop().code(), Some(0));
}

#[test]
fn an_answer_that_never_ends_is_given_up_before_it_fills_the_memory() {
    let endless = |verb: &str, starttls| {
        Smtp::start(Manners {
            endless_at: Some(verb.to_owned()),
            starttls,
            ..Manners::default()
        })
    };
    let servers = [endless("GREETING", false), endless("MAIL", true)];
    let receivers = mailer("plain", &servers[0], "a@example.com", "")
        + &mailer("tls", &servers[1], "a@example.com", "");
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    for (receiver, smtp) in ["plain", "tls"].iter().zip(&servers) {
        let line = log(&mut agent, receiver, "not told yet: ");
        let said = format!("`127.0.0.1:{}` broke off at ", smtp.port());
        assert!(line.contains(&said), "{line}");
        assert!(line.contains(": an answer without an end "), "{line}");
        smtp.behave(Manners::default());
    }
    let peak = agent.memory_peak().unwrap();
    assert!(peak < 150_000, "{peak} kB");
    for smtp in &servers {
        smtp.wait_for(1, DEADLINE);
    }
}

// --- servers that die --------------------------------------------------------------------

#[test]
fn a_server_that_dies_after_data_is_sent_the_same_mail_again() {
    let smtp = Smtp::start(Manners::replying(&[(".", "")]));
    let bench = Bench::new(&mailer("mail", &smtp, THREE, ""), "");
    bench.value(25.0);
    let mut agent = bench.start();
    let line = log(&mut agent, "mail", "not told yet: ");
    assert!(line.contains("broke off at the mail"), "{line}");
    smtp.behave(Manners::default());
    let mail = smtp.wait_for(1, DEADLINE).remove(0);
    assert_eq!(mail.to.len(), 3);
    bench.evaluations(1);
    assert_eq!(smtp.mails().len(), 1);
}

#[test]
fn a_mail_that_was_taken_without_an_answer_is_repeated_with_the_same_message_id() {
    let mut manners = Manners::replying(&[("RCPT b@example.com", "550 5.1.1 no such user")]);
    manners.dies_after_taking = true;
    let smtp = Smtp::start(manners);
    let bench = Bench::new(&mailer("mail", &smtp, THREE, ""), "");
    bench.value(25.0);
    let _agent = bench.start();
    smtp.wait_for(1, DEADLINE);
    smtp.behave(Manners::replying(&[(
        "RCPT c@example.com",
        "450 4.2.0 greylisted",
    )]));
    // one takes it again, one has to wait; the refused one is left alone for a minute
    smtp.wait_for(2, DEADLINE);
    smtp.behave(Manners::default());
    let mails = smtp.wait_for(3, DEADLINE);
    let expected = [
        owned(&["a@example.com", "c@example.com"]),
        owned(&["a@example.com"]),
        owned(&["c@example.com"]),
    ];
    assert_eq!(recipients(&smtp), expected);
    let ids: Vec<_> = mails.iter().map(|mail| mail.header("Message-ID")).collect();
    assert!(
        ids[0].is_some() && ids.iter().all(|id| *id == ids[0]),
        "{ids:?}"
    );
    bench.evaluations(1);
    assert_eq!(smtp.mails().len(), 3, "whoever has it gets no second one");
}

// --- what codes mean -----------------------------------------------------------------------

/// What a server answers at each step, and how the step is called. The answer to
/// EHLO comes with the greeting: the mail library makes one step of both.
const STEPS: [(&str, &str); 8] = [
    ("GREETING", "greeting"),
    ("EHLO", "greeting"),
    ("STARTTLS", "STARTTLS"),
    ("AUTH", "AUTH"),
    ("MAIL", "MAIL"),
    ("RCPT", "RCPT"),
    ("DATA", "DATA"),
    (".", "the mail"),
];

/// A server that says no at one step.
struct Refusing {
    receiver: String,
    smtp: Smtp,
    /// How it behaves where it says yes.
    kind: Manners,
    /// What the log says of its answer.
    said: String,
}

impl Refusing {
    fn relents(&self) {
        self.smtp.behave(self.kind.clone());
    }

    /// The mails, each of which came as the step asks for.
    fn mails(&self) -> Vec<Mail> {
        let mails = self.smtp.mails();
        for mail in &mails {
            assert_eq!(mail.encrypted, self.kind.starttls, "{}", self.said);
            assert_eq!(mail.auth.is_some(), self.kind.auth, "{}", self.said);
        }
        mails
    }
}

/// A server and a receiver for each step at which one of `codes` is answered.
fn at_every_step(codes: &[&str]) -> (Vec<Refusing>, String) {
    let mut servers = Vec::new();
    let mut receivers = String::new();
    for (step, name) in STEPS {
        for code in codes {
            let kind = Manners {
                starttls: step == "STARTTLS",
                auth: step == "AUTH",
                ..Manners::default()
            };
            let smtp = Smtp::start(Manners {
                replies: Manners::replying(&[(step, &format!("{code} so it is"))]).replies,
                ..kind.clone()
            });
            let (login, tls) = match step {
                "STARTTLS" => (String::new(), "?tls=required"),
                "AUTH" => (format!("pager:{PASSWORD}@"), ""),
                _ => (String::new(), ""),
            };
            let receiver = format!("m{}", servers.len());
            let address = format!("127.0.0.1:{}", smtp.port());
            let url = format!("smtp://{login}{address}{tls}");
            receivers += &at(&receiver, &url, "a@example.com", "");
            servers.push(Refusing {
                receiver,
                smtp,
                kind,
                said: format!("`{address}` answered {code} to {name}: so it is"),
            });
        }
    }
    (servers, receivers)
}

/// Starts an agent that trusts the authorities of these servers.
fn start_trusting(bench: &Bench, servers: &[Refusing]) -> Watched {
    let authorities: String = servers
        .iter()
        .map(|server| server.smtp.authority())
        .collect();
    bench.setup.write("authorities.pem", &authorities);
    let file = bench.setup.folder().join("authorities.pem");
    let setup = bench.setup.clone();
    Watched(setup.env("SSL_CERT_FILE", file.to_str().unwrap()).start())
}

#[test]
fn a_421_450_or_452_at_any_step_is_tried_again_within_seconds_until_it_is_taken() {
    let (servers, receivers) = at_every_step(&["421", "450", "452"]);
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let mut agent = start_trusting(&bench, &servers);
    for server in &servers {
        let said = &server.said;
        let line = log(&mut agent, &server.receiver, "not told yet: ");
        assert!(line.contains(said), "{said} in {line}");
        assert!(line.contains("recipient=\"a@example.com\""), "{line}");
        server.relents();
    }
    for server in &servers {
        server.smtp.wait_for(1, DEADLINE);
        assert_eq!(server.mails().len(), 1, "{}", server.said);
    }
    bench.evaluations(1);
    for server in &servers {
        assert_eq!(server.mails().len(), 1, "{}", server.said);
        log(&mut agent, &server.receiver, "INFO told ");
    }
    assert!(!agent.stderr().contains("rejected: "));
}

#[test]
fn a_550_552_or_554_at_any_step_is_a_rejection_that_others_hear_of_and_a_change_asks_anew() {
    let (servers, receivers) = at_every_step(&["550", "552", "554"]);
    let boss = Sink::start();
    let names: Vec<_> = servers
        .iter()
        .map(|server| server.receiver.as_str())
        .collect();
    let bench = Bench::new(
        &(receivers + &hook("boss", &boss, ", default: true")),
        &format!("  notify: [{}]\n", names.join(", ")),
    );
    bench.value(25.0);
    let mut agent = start_trusting(&bench, &servers);
    for Refusing { receiver, said, .. } in &servers {
        let line = log(&mut agent, receiver, "rejected: ");
        assert!(line.contains(said), "{said} in {line}");
        assert!(line.contains("recipient=\"a@example.com\""), "{line}");
        assert!(line.contains("ERROR"), "{line}");
        let trouble = format!("new (receiver {receiver}) critical");
        wait_until(true, || messages(&boss).contains(&trouble));
    }
    let told = boss.requests().remove(0).json()["headline"].to_string();
    assert!(
        told.contains("rejects what it is told: `127.0.0.1:") && told.contains("so it is"),
        "{told}"
    );
    // the same is not tried again before a minute has passed; a change is another question
    let before: Vec<_> = servers
        .iter()
        .map(|server| conversations(&server.smtp))
        .collect();
    for server in &servers {
        server.relents();
    }
    bench.evaluations(3);
    for (server, before) in servers.iter().zip(before) {
        assert_eq!(conversations(&server.smtp), before, "{}", server.said);
    }
    bench.value(1.0);
    for server in &servers {
        let Refusing { receiver, said, .. } = server;
        server.smtp.wait_for(1, DEADLINE);
        let told = subject(&server.mails()[0]);
        assert!(
            told.starts_with("[OK] Load web-1 was CRITICAL from "),
            "{said}: {told}"
        );
        let over = format!("resolved (receiver {receiver}) ok");
        wait_until(true, || messages(&boss).contains(&over));
    }
}

#[test]
fn a_recipient_at_whom_the_server_falls_silent_costs_the_others_nothing() {
    let smtp = Smtp::start(Manners {
        silent_at: Some("RCPT b@example.com".to_owned()),
        ..Manners::default()
    });
    let bench = Bench::new(&mailer("mail", &smtp, THREE, ""), "");
    bench.value(25.0);
    let mut agent = bench.start();
    let mail = smtp.wait_for(1, DEADLINE).remove(0);
    assert_eq!(mail.to, ["a@example.com", "c@example.com"]);
    let line = log(&mut agent, "mail", "not told yet: ");
    assert!(
        line.contains("recipient=\"b@example.com\"")
            && line.contains("did not answer within 10s (RCPT)"),
        "{line}"
    );
    smtp.behave(Manners::default());
    let second = smtp.wait_for(2, DEADLINE).remove(1);
    assert_eq!(second.to, ["b@example.com"]);
    assert_eq!(second.header("Message-ID"), mail.header("Message-ID"));
    bench.evaluations(1);
    assert_eq!(smtp.mails().len(), 2);
}

// --- TLS that is bad -------------------------------------------------------------------------

#[test]
fn a_certificate_that_does_not_verify_is_a_rejection_that_says_what_to_do_and_that_helps() {
    let starttls = Smtp::start(Manners {
        starttls: true,
        ..Manners::default()
    });
    let implicit = Smtp::start(Manners {
        implicit: true,
        ..Manners::default()
    });
    let (chat, boss) = (Sink::start(), Sink::start());
    let required = format!("smtp://127.0.0.1:{}?tls=required", starttls.port());
    let smtps = format!("smtps://127.0.0.1:{}", implicit.port());
    let receivers = at("one", &required, "a@example.com", ", fallback: chat")
        + &at("two", &smtps, "a@example.com", ", fallback: chat")
        + &hook("chat", &chat, ", levels: [critical]")
        + &hook("boss", &boss, "");
    let bench = Bench::new(&receivers, "  notify: [one, two]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    for (receiver, smtp) in [("one", &starttls), ("two", &implicit)] {
        let line = log(&mut agent, receiver, "rejected: ");
        let said = format!(
            "`127.0.0.1:{}` shows a certificate that does not verify",
            smtp.port()
        );
        assert!(line.contains(&said), "{line}");
        assert!(
            line.contains("use the name that is in it, or add its authority to the system's"),
            "{line}"
        );
        let trouble = format!("new (receiver {receiver}) critical");
        wait_until(true, || messages(&boss).contains(&trouble));
    }
    wait_until(true, || {
        messages(&chat).contains(&"new web-1 critical".to_owned())
    });
    let sent = |smtp: &Smtp| smtp.commands().iter().any(|line| line.starts_with("MAIL"));
    assert!(!sent(&starttls) && !sent(&implicit));
    assert_eq!(agent.stop().code(), Some(0));
    // the advice is taken
    let authorities = starttls.authority().to_owned() + implicit.authority();
    bench.setup.write("authorities.pem", &authorities);
    let file = bench.setup.folder().join("authorities.pem");
    let setup = bench
        .setup
        .clone()
        .env("SSL_CERT_FILE", file.to_str().unwrap());
    let _agent = Watched(setup.start());
    for smtp in [&starttls, &implicit] {
        wait_until(true, || {
            let critical = |mail: &Mail| subject(mail).contains("Load web-1 is 25");
            smtp.mails().iter().any(critical) && smtp.mails().iter().all(|mail| mail.encrypted)
        });
    }
}

#[test]
fn a_server_that_speaks_no_tls_where_it_is_spoken_at_once_is_said_with_the_scheme_to_write() {
    let smtp = Smtp::start(Manners::default());
    let boss = Sink::start();
    let url = format!("smtps://127.0.0.1:{}", smtp.port());
    let receivers =
        at("mail", &url, "a@example.com", ", fallback_after: 2s") + &hook("boss", &boss, "");
    let bench = Bench::new(&receivers, "  notify: [mail]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    let line = log(&mut agent, "mail", "not told yet: ");
    assert!(
        line.contains(&format!("`127.0.0.1:{}`", smtp.port()))
            && line.contains("does not speak TLS at once: write `smtp://`, or the port that does"),
        "{line}"
    );
    wait_until(owned(&["new (receiver mail) critical"]), || messages(&boss));
    assert!(smtp.mails().is_empty());
    // it is tried again all the same: the server may have been set up wrongly
    smtp.behave(Manners {
        implicit: true,
        ..Manners::default()
    });
    log(&mut agent, "mail", "certificate that does not verify");
}

#[test]
fn a_starttls_that_breaks_is_tried_later_where_tls_is_required() {
    let smtp = Smtp::start(Manners {
        starttls: true,
        breaks_tls: true,
        ..Manners::default()
    });
    let boss = Sink::start();
    let url = format!("smtp://127.0.0.1:{}?tls=required", smtp.port());
    let receivers =
        at("mail", &url, "a@example.com", ", fallback_after: 2s") + &hook("boss", &boss, "");
    let bench = Bench::new(&receivers, "  notify: [mail]\n");
    bench.value(25.0);
    let mut agent = bench.start();
    let line = log(&mut agent, "mail", "not told yet: ");
    assert!(line.contains("broke off at STARTTLS"), "{line}");
    wait_until(owned(&["new (receiver mail) critical"]), || messages(&boss));
    let sent = smtp.commands().iter().any(|line| line.starts_with("MAIL"));
    assert!(
        !sent && smtp.mails().is_empty(),
        "nothing goes in the clear"
    );
    bench.setup.write("authority.pem", smtp.authority());
    smtp.behave(Manners {
        starttls: true,
        ..Manners::default()
    });
    log(&mut agent, "mail", "rejected: ");
    let file = bench.setup.folder().join("authority.pem");
    let setup = bench
        .setup
        .clone()
        .env("SSL_CERT_FILE", file.to_str().unwrap());
    agent.kill();
    let _agent = Watched(setup.start());
    smtp.wait_for(1, DEADLINE);
    assert!(smtp.mails().iter().all(|mail| mail.encrypted));
}

#[test]
fn a_starttls_that_breaks_costs_no_mail_where_tls_is_only_used_as_offered() {
    let smtp = Smtp::start(Manners {
        starttls: true,
        breaks_tls: true,
        ..Manners::default()
    });
    let [today, ever] = ["454 4.7.0 no TLS today", "554 5.7.0 no TLS, ever"].map(|reply| {
        Smtp::start(Manners {
            starttls: true,
            ..Manners::replying(&[("STARTTLS", reply)])
        })
    });
    let receivers = mailer("one", &smtp, "a@example.com", "")
        + &mailer("two", &today, "a@example.com", "")
        + &mailer("three", &ever, "a@example.com", "");
    let bench = Bench::new(&receivers, "");
    bench.value(25.0);
    let mut agent = bench.start();
    for smtp in [&smtp, &today, &ever] {
        let mail = smtp.wait_for(1, DEADLINE).remove(0);
        assert!(!mail.encrypted);
    }
    agent.wait_stderr(&format!(
        "`127.0.0.1:{}` broke off at STARTTLS",
        smtp.port()
    ));
    for said in ["no TLS today", "no TLS, ever"] {
        let line = agent.wait_stderr(said);
        assert!(
            line.contains("WARN")
                && line.contains("going on without TLS; to refuse that write `?tls=required`"),
            "{line}"
        );
    }
    bench.evaluations(1);
    assert_eq!(
        [&smtp, &today, &ever].map(|smtp| smtp.mails().len()),
        [1; 3]
    );
}
