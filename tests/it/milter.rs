//! The milter's socket, with a whole gate behind it.

use sidegate::gate::delegation::Right;
use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;
use sidegate::store::EventQuery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::world::{PATIENCE, START, World};

const ANN: &str = "ann@example.org";
const BOB: &str = "bob@example.org";

/// A gate with a milter, two accounts, and these settings.
async fn world(settings: &str) -> World {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("milter");
    let listener = format!("[[listen]]\nprotocol = \"milter\"\npath = {path:?}\n{settings}");
    let world = World::start_in(folder, &listener, START).await;
    world.account(ANN).await;
    world.account(BOB).await;
    world
}

/// A mail server's end of a connection.
struct Server(UnixStream);

impl Server {
    /// Connects and negotiates as Postfix does.
    async fn connect(world: &World) -> Self {
        let mut server = Self(UnixStream::connect(world.socket("milter")).await.unwrap());
        let offer = [6_u32, 0x1ff, 0x1f_ffff].map(u32::to_be_bytes).concat();
        server.say(b'O', &offer).await;
        assert_eq!(server.hear().await.unwrap()[0], b'O');
        server.say(b'C', b"client.test\x004\x30\x39192.0.2.7\0").await;
        server
    }

    async fn say(&mut self, command: u8, data: &[u8]) {
        let length = u32::try_from(1 + data.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&length[..], &[command], data].concat()).await.unwrap();
    }

    /// The next packet, or nothing where the gate has closed.
    async fn hear(&mut self) -> Option<Vec<u8>> {
        let read = async {
            let mut packet = vec![0; self.0.read_u32().await.ok()? as usize];
            self.0.read_exact(&mut packet).await.ok()?;
            Some(packet)
        };
        timeout(PATIENCE, read).await.expect("an answer in time")
    }

    /// Everything of a mail but its end.
    async fn begin(&mut self, login: &str, headers: &[(&str, &str)]) {
        self.say(b'D', format!("M{{auth_authen}}\0{login}\0").as_bytes()).await;
        self.say(b'M', b"<ann@example.org>\0").await;
        for (name, value) in headers {
            self.say(b'L', format!("{name}\0{value}\0").as_bytes()).await;
        }
        self.say(b'D', b"Ei\x004WXYZ\0").await;
    }

    /// A mail, and what it is told.
    async fn mail(&mut self, login: &str, headers: &[(&str, &str)]) -> String {
        self.begin(login, headers).await;
        self.say(b'E', b"").await;
        String::from_utf8(self.hear().await.expect("an answer")).unwrap()
    }
}

#[tokio::test]
async fn mails_of_a_session_are_judged_one_by_one() {
    let world = world("").await;
    let mut server = Server::connect(&world).await;
    let from = |address| [("From", address)];
    assert_eq!(server.mail(ANN, &from("Ann <ann+shop@example.org>")).await, "c");
    let forged = "y550 5.7.1 ann@example.org may not send mail with From: bob@example.org";
    assert!(server.mail(ANN, &from("bob@example.org")).await.starts_with(forged));
    assert_eq!(server.mail("", &from("bob@example.org")).await, "c", "nobody is logged in");
    assert_eq!(server.mail(BOB, &from("bob@example.org")).await, "c");
    server.begin(BOB, &from("ann@example.org")).await;
    server.say(b'A', b"").await;
    assert_eq!(server.mail(" ANN@example.org", &[]).await, "c", "the envelope is hers");
    assert!(server.mail(BOB, &[]).await.contains("MAIL FROM: ann@example.org"));
    for stranger in ["ann", "an n@example.org", "nobody@example.org"] {
        assert!(
            server.mail(stranger, &from("ann@example.org")).await.starts_with("y550 5.7.1 "),
            "{stranger}"
        );
    }
    let twice = server.mail(ANN, &[("From", ANN), ("from", ANN)]).await;
    assert_eq!(twice, "y550 5.7.1 The mail has more than one From: header\0");
    server.say(b'Q', b"").await;
    assert_eq!(server.hear().await, None);
}

#[tokio::test]
async fn a_refusal_is_an_event_and_speaks_the_sites_language() {
    let world = world("[messages]\nlanguage = \"zh-CN\"\n").await;
    let mut server = Server::connect(&world).await;
    let told = server.mail(ANN, &[("From", BOB)]).await;
    assert!(told.contains("无权以 From: bob@example.org 发信"), "{told}");
    let folder = world.stop().await;
    let world = World::start_in(folder, "", START).await;
    let query = EventQuery { limit: 100, ..EventQuery::default() };
    let events = world.service.events(query).await.unwrap();
    let refused: Vec<_> = events.iter().filter(|(_, event)| event.kind.word() == "sending").collect();
    let [(_, event)] = refused[..] else { panic!("{refused:?}") };
    assert_eq!((event.account.as_deref(), event.address.as_deref()), (Some(ANN), Some("192.0.2.7")));
    assert_eq!(event.verdict.as_deref(), Some("refuse"));
    assert_eq!(event.reason.as_deref(), Some("From: bob@example.org (mail 4WXYZ)"));
}

#[tokio::test]
async fn while_observing_every_mail_goes_as_it_is_and_the_refusal_is_an_event() {
    let observe = "[main_password]\nchecked_by = \"next-passdb\"\n[rollout]\nmode = \"observe\"\n";
    let world = world(observe).await;
    let [owner, delegate] = [ANN, BOB].map(|name| AccountName::parse(name, None).unwrap());
    world.service.carry_out(Order::Grant { owner, delegate, right: Right::OnBehalf }, "test").await.unwrap();
    let mut server = Server::connect(&world).await;
    assert_eq!(server.mail(ANN, &[("From", BOB)]).await, "c");
    assert_eq!(world.events("would-refuse", Some("From: bob@example.org (mail 4WXYZ)")).await, 1);
    assert_eq!(server.mail(BOB, &[("From", ANN)]).await, "c", "it is not marked either");
    assert_eq!(world.events("refuse", None).await, 0);
}

#[tokio::test]
async fn a_stop_in_the_middle_of_a_mail_closes_without_a_word() {
    let world = world("").await;
    let mut server = Server::connect(&world).await;
    server.begin(ANN, &[("From", BOB)]).await;
    world.stop().await;
    assert_eq!(server.hear().await, None, "Postfix makes a 451 of it");
}

#[tokio::test]
async fn a_packet_past_the_limit_closes() {
    let world = world("").await;
    let mut server = Server::connect(&world).await;
    server.0.write_all(&[0x7f, 0xff, 0xff, 0xff, b'L']).await.unwrap();
    assert_eq!(server.hear().await, None);
}

#[tokio::test]
async fn mail_on_behalf_is_marked_and_rights_hold_from_the_next_mail_on() {
    let world = world("").await;
    let name = |address: &str| AccountName::parse(address, None).unwrap();
    let grant = async |right| {
        let order = Order::Grant { owner: name(BOB), delegate: name(ANN), right };
        world.service.carry_out(order, "test").await.unwrap();
    };
    let mut server = Server::connect(&world).await;
    let headers = [("From", "Bob <bob@example.org>"), ("Sender", "bob@example.org")];
    grant(Right::Read).await;
    assert!(server.mail(ANN, &headers).await.starts_with("y550 5.7.1 "), "reading is not sending");
    grant(Right::OnBehalf).await;
    let own = server.mail(ANN, &[("From", ANN), ("Sender", BOB)]).await;
    assert!(own.contains("Sender: bob@example.org"), "nothing was sent on his behalf: {own}");
    assert_eq!(server.mail(ANN, &headers).await, "m\0\0\0\u{1}Sender\0\0");
    assert_eq!(server.hear().await.as_deref(), Some(&b"hSender\0ann@example.org\0"[..]));
    assert_eq!(server.hear().await.as_deref(), Some(&b"c"[..]));
    grant(Right::SendAs).await;
    assert_eq!(server.mail(ANN, &headers).await, "c");
}
