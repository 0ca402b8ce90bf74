//! Turns and limits of auth-client, with the answers given by hand.

use super::*;
use crate::gate::login::{Grant, Reason};
use crate::gate::name::AccountName;
use bytes::Bytes;

const NOW: Timestamp = Timestamp(1_000);

/// A connection past its handshake, and what it has asked and said.
struct Talk {
    client: AuthClient,
    asked: Vec<(Ticket, Question)>,
    out: BytesMut,
    now: Timestamp,
}

impl Talk {
    fn new() -> Self {
        let xoauth2 = Mechanism { name: "XOAUTH2".into(), flags: "plaintext".into() };
        let relayed = Arc::from([xoauth2]);
        let on_trouble = OnTrouble::Auto;
        let client = AuthClient::new(Greeting {
            spid: 1,
            cuid: 1,
            cookie: Cookie([0; 16]),
            relayed,
            on_trouble,
            held: true,
        });
        let mut talk = Self { client, asked: Vec::new(), out: BytesMut::new(), now: NOW };
        assert_eq!(talk.say("VERSION\t1\t2\nCPID\t1\n"), "");
        talk
    }

    /// What is said to `text`, or why it closes.
    fn say(&mut self, text: &str) -> String {
        let mut input = BytesMut::from(text);
        loop {
            match self.client.step(&mut input, &mut self.out, self.now) {
                Step::Wait => break self.heard(),
                Step::Next | Step::Tell(_) => {}
                Step::Ask(ticket, question) => self.asked.push((ticket, question)),
                Step::Close(why) => break format!("closed: {why}"),
                Step::End => break "ended".to_owned(),
            }
        }
    }

    fn heard(&mut self) -> String {
        String::from_utf8(self.out.split().to_vec()).unwrap()
    }

    /// Answers the oldest question.
    fn answer(&mut self, answer: Answer) -> String {
        let (ticket, _) = self.asked.remove(0);
        let _ = self.client.answer(ticket, answer, &mut self.out);
        self.heard()
    }

    fn challenge(&mut self) -> String {
        let origin = match &self.asked[0].1 {
            Question::Relay { origin, .. } => origin.clone(),
            other => panic!("{other:?}"),
        };
        self.answer(Answer::Challenge(Relay::new(1, "XOAUTH2".into(), origin, |_| {}), Bytes::new()))
    }
}

fn login(verdict: Verdict) -> Answer {
    Answer::Login(LoginAnswer { verdict, user: None, text: None, fields: Bytes::new(), login: None })
}

fn accept() -> Answer {
    let account = AccountName::parse("ann@example.org", None).unwrap();
    login(Verdict::Accept(Grant { account, password: None }))
}

fn auth(id: usize, mechanism: &str) -> String {
    format!("AUTH\t{id}\t{mechanism}\tservice=imap\n")
}

const GONE: &str = "\treason=Authentication request timed out\n";

#[test]
fn bad_base64_is_told_by_where_it_stood() {
    let mut talk = Talk::new();
    talk.say("AUTH\t1\tPLAIN\tservice=imap\tresp=!\n");
    let bad = || Answer::Coded(Coded::InvalidBase64);
    let words = "code=invalid_base64\treason=Invalid base64 data in";
    assert_eq!(talk.answer(bad()), format!("FAIL\t1\t{words} initial response\n"));
    talk.say(&auth(2, "PLAIN"));
    talk.say("CONT\t2\t!\n");
    assert_eq!(talk.answer(bad()), format!("FAIL\t2\t{words} continued response\n"));
}

#[test]
fn a_message_out_of_turn_ends_its_request_only() {
    let mut talk = Talk::new();
    talk.say("AUTH\t1\tPLAIN\tservice=imap\tresp=AGEAYg==\nAUTH\t2\tPLAIN\tservice=imap\tresp=AGEAYg==\n");
    assert_eq!(talk.say("CONT\t1\tAAAA\n"), "FAIL\t1\treason=Unexpected continuation\n");
    assert_eq!(talk.answer(accept()), "", "nobody waits for it any more");
    assert_eq!(talk.answer(accept()), "OK\t2\n");
}

#[test]
fn requests_past_the_ceiling_are_told_to_come_back() {
    let mut talk = Talk::new();
    for id in 1..=OPEN_MAX {
        assert_eq!(talk.say(&format!("AUTH\t{id}\tPLAIN\tservice=imap\tresp=AGEAYg==\n")), "");
    }
    assert_eq!(talk.say("AUTH\t9999\tPLAIN\tservice=imap\tresp=\n"), "FAIL\t9999\tcode=temp_fail\n");
    talk.answer(login(Verdict::Refuse(Reason::WrongPassword)));
    assert_eq!(talk.say("AUTH\t9999\tPLAIN\tservice=imap\tresp=\n"), "");
    assert_eq!(talk.say("AUTH\t10000\tPLAIN\tservice=smtp\tresp=\n"), "closed: too many open requests");
}

#[test]
fn decisions_that_nobody_waits_for_count_as_well() {
    let mut talk = Talk::new();
    for _ in 0..OPEN_MAX {
        assert_eq!(talk.say("AUTH\t1\tPLAIN\tservice=imap\tresp=AGEAYg==\nCANCEL\t1\n"), "");
    }
    assert_eq!(talk.say("AUTH\t1\tPLAIN\tservice=imap\tresp=\n"), "FAIL\t1\tcode=temp_fail\n");
    assert_eq!(talk.answer(accept()), "");
    assert_eq!(talk.say("AUTH\t1\tPLAIN\tservice=imap\tresp=AGEAYg==\n"), "");
}

#[test]
fn of_too_many_dialogues_the_oldest_is_dropped_whatever_its_mechanism() {
    let mut talk = Talk::new();
    assert_eq!(talk.say(&auth(1, "XOAUTH2")), "");
    assert_eq!(talk.challenge(), "CONT\t1\t\n");
    for id in 2..=DIALOGUES_MAX {
        assert_eq!(talk.say(&auth(id, "PLAIN")), format!("CONT\t{id}\t\n"));
    }
    assert_eq!(talk.client.open.len(), DIALOGUES_MAX);
    talk.say(&auth(1000, "LOGIN"));
    assert_eq!(talk.client.open.len(), DIALOGUES_MAX);
    assert_eq!(talk.say("CONT\t1\tAAAA\n"), format!("FAIL\t1{GONE}"));
    assert_eq!(talk.say("CONT\t2\tAAAA\n"), "", "the next one still goes on");
}

#[test]
fn a_slow_client_is_not_dropped_for_dialogues_that_are_over() {
    let mut talk = Talk::new();
    talk.say(&auth(1, "PLAIN"));
    for id in 2..DIALOGUES_MAX * 4 {
        talk.say(&auth(id, "LOGIN"));
        talk.say(&format!("CONT\t{id}\tYQ==\nCONT\t{id}\tYg==\n"));
        assert_eq!(talk.answer(accept()), format!("OK\t{id}\n"));
    }
    assert!(talk.client.dialogues.len() <= DIALOGUES_MAX);
    assert_eq!(talk.say("CONT\t1\tAGEAYg==\n"), "");
    assert_eq!(talk.answer(accept()), "OK\t1\n");
}

#[test]
fn dialogues_that_are_left_alone_are_dropped_in_time() {
    let mut talk = Talk::new();
    talk.say(&auth(1, "PLAIN"));
    talk.say(&auth(2, "XOAUTH2"));
    talk.challenge();
    talk.now = Timestamp(NOW.0 + DIALOGUE_SECS_MAX - 1);
    talk.say(&auth(3, "PLAIN"));
    assert_eq!(talk.client.open.len(), 3);
    talk.now = Timestamp(NOW.0 + DIALOGUE_SECS_MAX);
    talk.say(&auth(4, "PLAIN"));
    assert_eq!(talk.say("CONT\t1\tAAAA\nCONT\t2\tAAAA\n"), format!("FAIL\t1{GONE}FAIL\t2{GONE}"));
    assert_eq!(talk.client.open.len(), 2);
}

#[test]
fn at_the_end_everybody_is_told_in_the_order_of_asking() {
    let mut talk = Talk::new();
    for id in [9, 3, 7] {
        talk.say(&auth(id, "PLAIN"));
    }
    talk.client.stop(&mut talk.out);
    let fail = |id| format!("FAIL\t{id}\tcode=temp_fail\n");
    assert_eq!(talk.heard(), [fail(9), fail(3), fail(7)].concat());
}
