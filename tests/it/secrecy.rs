//! Whatever is printed for the log or for a person who looks for a mistake: nothing in it is a secret.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use data_encoding::{BASE64, HEXLOWER};
use sidegate::api::portal::Hidden;
use sidegate::api::{CheckRequest, ImportPassword, ImportPasswords, NewMainPassword, NewPasswordAnswer};
use sidegate::config::OnTrouble;
use sidegate::gate::account::Terms;
use sidegate::gate::login::{Attempt, Origin, Presented};
use sidegate::gate::main_password::MainHash;
use sidegate::gate::name::{AccountName, PasswordName, Protocol as MailProtocol};
use sidegate::gate::order::{Order, Which};
use sidegate::gate::question::{Claim, Coded, HeaderCheck, Lookup, Question, Relay, Unread};
use sidegate::gate::reset::ResetReason;
use sidegate::gate::secret::{Cookie, Secret};
use sidegate::gate::sending::{Sending, State};
use sidegate::proto::auth_client::{AuthClient, Greeting, Mechanism};
use sidegate::proto::auth_master::AuthMaster;
use sidegate::proto::dict::Dict;
use sidegate::proto::saslauthd::Saslauthd;
use sidegate::proto::{Protocol, Step};

use crate::daemon::ANN;
use crate::world::{START, plain};

/// Typed as a password.
const SECRET: &str = "Zq7-hunter-two-vX";
/// Drawn for a connection.
const COOKIE: Cookie = Cookie([0xa7; 16]);

/// What a secret looks like in a text, however it came there.
fn looks() -> Vec<String> {
    let decimal = |bytes: &[u8]| {
        let list = format!("{bytes:?}");
        list.trim_matches(['[', ']']).to_owned()
    };
    let mut looks = Vec::new();
    let digest = Secret::new(SECRET).digest().0;
    for bytes in [SECRET.as_bytes(), &digest, &COOKIE.0] {
        looks.extend([HEXLOWER.encode(bytes), decimal(bytes), BASE64.encode(bytes)]);
    }
    // Within something longer, base64 begins at any of three places.
    for skip in 0..3 {
        let whole = SECRET.len() - skip - (SECRET.len() - skip) % 3;
        let coded = BASE64.encode(&SECRET.as_bytes()[skip..skip + whole]);
        looks.extend([decimal(coded.as_bytes()), coded]);
    }
    looks.push(SECRET.to_owned());
    looks
}

fn shows_nothing(shown: &dyn std::fmt::Debug) {
    for text in [format!("{shown:?}"), format!("{shown:#?}")] {
        // A long list is shown with a line for each number.
        let flat = text.replace([' ', '\n'], "");
        for look in looks() {
            let found = text.contains(&look) || flat.contains(&look.replace(' ', ""));
            assert!(!found, "{look} is in {text}");
        }
    }
}

fn origin() -> Origin {
    let (protocol, params) = (MailProtocol::parse("imap").unwrap(), Bytes::from_static(b"service=imap"));
    Origin { address: None, host: None, protocol, params, held: true }
}

fn attempt(secret: Presented) -> Attempt {
    Attempt { typed: ANN.to_owned(), secret, mechanism: "PLAIN", origin: origin() }
}

/// One of each, with a secret wherever one can be.
fn questions() -> Vec<Question> {
    let secret = || Secret::new(SECRET);
    let coded = || Secret::new(plain(ANN, SECRET));
    let relay = Relay::new(1, "XOAUTH2".into(), origin(), |_| {});
    let lookup = || Lookup { name: ANN.to_owned(), params: Bytes::new() };
    let sending = Sending {
        state: State::Mail,
        address: IpAddr::from([192, 0, 2, 7]).into(),
        port: None,
        login: Some(ANN.to_owned()),
        sender: ANN.to_owned(),
        recipients: 0,
        instance: String::new(),
    };
    let headers = HeaderCheck {
        login: ANN.to_owned(),
        envelope: Vec::new(),
        from: Vec::new(),
        sender: Vec::new(),
        unreadable: false,
        address: None,
        queue_id: String::new(),
    };
    vec![
        Question::Login(attempt(Presented::Whole(secret()))),
        Question::Login(attempt(Presented::Digest(secret().digest()))),
        Question::ActingFor(ANN.to_owned(), attempt(Presented::Whole(secret()))),
        Question::Unreadable(Unread { coded: Coded::Malformed, typed: None, origin: origin() }),
        Question::Relay { mechanism: "XOAUTH2".into(), origin: origin(), initial: Some(coded()) },
        Question::RelayOn(relay, coded()),
        Question::Claim(Claim { cpid: 1, auth_id: 1, cookie: COOKIE, session_pid: None, peer_pid: None }),
        Question::User(lookup()),
        Question::Pass(lookup()),
        Question::List(Bytes::new()),
        Question::Owners(ANN.to_owned()),
        Question::Sending(sending),
        Question::Headers(headers),
    ]
}

/// A new kind of question stops the build here: then it belongs into `questions` too.
fn kind(question: &Question) -> &'static str {
    match question {
        Question::Login(Attempt { secret: Presented::Whole(_), .. }) => "login",
        Question::Login(Attempt { secret: Presented::Digest(_), .. }) => "login by digest",
        Question::ActingFor(..) => "acting for somebody",
        Question::Unreadable(_) => "unreadable",
        Question::Relay { .. } => "relay",
        Question::RelayOn(..) => "relay on",
        Question::Claim(_) => "claim",
        Question::User(_) => "user",
        Question::Pass(_) => "pass",
        Question::List(_) => "list",
        Question::Owners(_) => "owners",
        Question::Sending(_) => "sending",
        Question::Headers(_) => "headers",
    }
}

#[test]
fn no_question_shows_a_secret() {
    let questions = questions();
    let mut kinds: Vec<_> = questions.iter().map(kind).collect();
    questions.iter().for_each(|question| shows_nothing(question));
    kinds.sort_unstable();
    kinds.dedup();
    assert_eq!(kinds.len(), 13, "one of each: {kinds:?}");
}

/// As for questions: of all orders only these have a secret, and a new one has to say so.
fn has_a_secret(order: &Order) -> bool {
    match order {
        Order::NewPassword { account: _, name: _, terms: _, digest: _, phc: _ }
        | Order::ResetFactors { account: _, reason: _, two_factor_off: _, code: _ }
        | Order::SetMainPassword { account: _, hash: _ } => true,
        Order::AddAccount(_)
        | Order::RemoveAccount(_)
        | Order::SetAccount { .. }
        | Order::Revoke { .. }
        | Order::UnlockFactors(_)
        | Order::EndSessions(_)
        | Order::AddBlock(..)
        | Order::LiftBlock(_)
        | Order::AddAlias(_)
        | Order::RemoveAlias { .. }
        | Order::Grant { .. }
        | Order::GrantNewcomer { .. }
        | Order::Withdraw { .. }
        | Order::SetLimits { .. } => false,
    }
}

#[test]
fn no_order_shows_a_secret() {
    let account = AccountName::parse(ANN, None).unwrap();
    let order = Order::NewPassword {
        account: account.clone(),
        name: PasswordName::parse("Phone").unwrap(),
        terms: Terms::default(),
        digest: Secret::new(SECRET).digest(),
        phc: String::new(),
    };
    assert!(has_a_secret(&order) && !has_a_secret(&Order::Revoke { account, which: Which::All }));
    shows_nothing(&order);
    let order = Order::ResetFactors {
        account: AccountName::parse(ANN, None).unwrap(),
        reason: ResetReason::parse("lost phone").unwrap(),
        two_factor_off: false,
        code: Secret::new(SECRET).digest(),
    };
    assert!(has_a_secret(&order));
    shows_nothing(&order);
    let hash = Some(MainHash::new(SECRET.to_owned()));
    let order = Order::SetMainPassword { account: AccountName::parse(ANN, None).unwrap(), hash };
    assert!(has_a_secret(&order));
    shows_nothing(&order);
}

#[test]
fn no_body_of_the_control_api_shows_a_secret() {
    let password = || SECRET.to_owned();
    // With every field by its name: a new one stops the build, and is looked at.
    let check = CheckRequest {
        account: ANN.to_owned(),
        protocol: "imap".to_owned(),
        from: None,
        password: password(),
    };
    let made = NewPasswordAnswer { id: 1, name: "Phone".to_owned(), password: password(), expires: None };
    let row = ImportPassword {
        account: ANN.to_owned(),
        name: "Phone".to_owned(),
        hash: password(),
        expires: None,
        protocols: Vec::new(),
        networks: Vec::new(),
    };
    shows_nothing(&check);
    shows_nothing(&NewMainPassword { password: Hidden::new(SECRET) });
    shows_nothing(&made);
    shows_nothing(&ImportPasswords { dry_run: false, passwords: vec![row] });
}

/// Says something to a protocol, a byte at a time; neither it nor what it makes of it shows a secret.
fn hears<P: Protocol + std::fmt::Debug>(mut protocol: P, said: &[u8]) -> usize {
    let (mut input, mut out, mut asked) = (BytesMut::new(), BytesMut::new(), 0);
    for byte in said {
        input.extend_from_slice(&[*byte]);
        let step = protocol.step(&mut input, &mut out, START);
        assert!(!matches!(step, Step::Close(_)), "{step:?}");
        asked += usize::from(matches!(step, Step::Ask(..)));
        shows_nothing(&step);
        shows_nothing(&protocol);
        shows_nothing(&protocol.keep());
    }
    asked
}

#[test]
fn no_protocol_shows_a_secret() {
    let xoauth2 = Mechanism { name: "XOAUTH2".into(), flags: "plaintext".into() };
    let (relayed, on_trouble) = (Arc::from([xoauth2]), OnTrouble::Auto);
    let greeting = Greeting { spid: 1, cuid: 1, cookie: COOKIE, relayed, on_trouble, held: true };
    let (whole, user, secret) =
        (plain(ANN, SECRET), BASE64.encode(ANN.as_bytes()), BASE64.encode(SECRET.as_bytes()));
    let said = format!(
        "VERSION\t1\t2\nCPID\t1\nAUTH\t1\tPLAIN\tservice=imap\tresp={whole}\nAUTH\t2\tPLAIN\tservice=imap\nCONT\t2\t{whole}\n\
         AUTH\t3\tLOGIN\tservice=imap\nCONT\t3\t{user}\nCONT\t3\t{secret}\nAUTH\t4\tXOAUTH2\tservice=imap\tresp={whole}\n"
    );
    assert_eq!(hears(AuthClient::new(greeting), said.as_bytes()), 4);
    let cookie = HEXLOWER.encode(&COOKIE.0);
    let said = format!("VERSION\t1\t1\nREQUEST\t1\t1\t1\t{cookie}\n");
    assert_eq!(hears(AuthMaster::new(1, None), said.as_bytes()), 1);
    let digest = HEXLOWER.encode(&Secret::new(SECRET).digest().0);
    let said = format!("H3\t2\t0\t\tsidegate\nLshared/auth/imap/192.0.2.7/{digest}\t{ANN}\n");
    assert_eq!(hears(Dict::new(COOKIE.0), said.as_bytes()), 1);
    let counted = |text: &str| [&u16::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let said = [ANN, SECRET, "imap", ""].map(counted).concat();
    assert_eq!(hears(Saslauthd::default(), &said), 1);
}
