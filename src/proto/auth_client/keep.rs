//! A connection outlives the process that accepted it: what the next one must know to go on with it.

use serde::{Deserialize, Serialize};

use super::{AuthClient, Greeting, Open, Shaken};
use crate::gate::secret::Cookie;
use crate::proto::{self, Keep, Notice};

/// What was agreed on a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreed {
    cpid: u32,
    minor: u32,
    cookie: Cookie,
    /// The peer was offered these beside PLAIN and LOGIN, and may use them.
    relayed: Vec<String>,
}

impl Agreed {
    /// What the peer shows to claim a login.
    #[must_use]
    pub fn cookie(&self) -> Cookie {
        self.cookie
    }

    /// What the peer said of itself.
    #[must_use]
    pub fn introduction(&self) -> Notice {
        Notice::Introduced { cpid: self.cpid }
    }
}

impl AuthClient {
    /// Goes on with a connection that another process accepted; nothing is said again.
    #[must_use]
    pub fn resumed(mut greeting: Greeting, agreed: &Agreed) -> Self {
        let named = |name: &String| super::Mechanism { name: name.clone(), flags: String::new() };
        (greeting.cookie, greeting.relayed) = (agreed.cookie, agreed.relayed.iter().map(named).collect());
        let mut resumed = Self::new(greeting);
        (resumed.shaken, resumed.minor) = (Shaken::Whole(agreed.cpid), agreed.minor);
        resumed
    }

    pub(super) fn keep_now(&self) -> Keep {
        match self.shaken {
            Shaken::Whole(_) if self.open.values().any(Open::waits) => Keep::AfterPeer,
            Shaken::Whole(_) if self.deciding > 0 || !self.open.is_empty() => Keep::AfterUs,
            Shaken::Whole(cpid) => Keep::Now(proto::Agreed::AuthClient(Agreed {
                cpid,
                minor: self.minor,
                cookie: self.greeting.cookie,
                relayed: self.greeting.relayed.iter().map(|mechanism| mechanism.name.clone()).collect(),
            })),
            Shaken::Nothing | Shaken::Version => Keep::AfterPeer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::config::OnTrouble;
    use crate::proto::auth_client::Mechanism;
    use crate::proto::{Protocol, Step};
    use bytes::BytesMut;
    use std::sync::Arc;

    const NOW: Timestamp = Timestamp(100);

    fn greeting(cuid: u64, cookie: u8, relayed: &[&str]) -> Greeting {
        let named = |name: &&str| Mechanism { name: (*name).into(), flags: "plaintext".into() };
        let relayed: Arc<[Mechanism]> = relayed.iter().map(named).collect();
        Greeting {
            spid: 1,
            cuid,
            cookie: Cookie([cookie; 16]),
            relayed,
            on_trouble: OnTrouble::Auto,
            held: true,
        }
    }

    fn say(protocol: &mut AuthClient, text: &str) -> (Step, String) {
        let (mut input, mut out) = (BytesMut::from(text.as_bytes()), BytesMut::new());
        let mut step = protocol.step(&mut input, &mut out, NOW);
        while !input.is_empty() {
            step = protocol.step(&mut input, &mut out, NOW);
        }
        (step, String::from_utf8(out.to_vec()).unwrap())
    }

    #[test]
    fn what_was_agreed_holds_in_the_next_image() {
        let mut old = AuthClient::new(greeting(7, 1, &["XOAUTH2"]));
        assert_eq!(old.keep(), Keep::AfterPeer, "who is it?");
        say(&mut old, "VERSION\t1\t4\nCPID\t42\n");
        let Keep::Now(proto::Agreed::AuthClient(agreed)) = old.keep() else { panic!("{:?}", old.keep()) };
        let agreed: Agreed = serde_json::from_str(&serde_json::to_string(&agreed).unwrap()).unwrap();
        assert_eq!(agreed.cookie(), Cookie([1; 16]));
        // The upstream is not there yet, and offers nothing.
        let mut new = AuthClient::resumed(greeting(8, 2, &[]), &agreed);
        assert_eq!(new.keep(), Keep::Now(proto::Agreed::AuthClient(agreed)), "and in the one after it");
        assert!(matches!(say(&mut new, "AUTH\t9\tXOAUTH2\tservice=imap\tresp=AA==\n").0, Step::Ask(..)));
        assert_eq!(say(&mut new, "CANCEL\t3\n").1, "CANCELLED\t3\n", "its minor version is known");
    }

    #[test]
    fn nothing_open_is_kept() {
        let mut protocol = AuthClient::new(greeting(7, 1, &[]));
        say(&mut protocol, "VERSION\t1\t0\nCPID\t42\n");
        assert!(!protocol.clings(), "Postfix connects anew");
        say(&mut protocol, "AUTH\t1\tLOGIN\tservice=smtp\n");
        assert_eq!(protocol.keep(), Keep::AfterPeer);
        assert!(protocol.clings(), "but not in a dialogue");
        say(&mut protocol, "CANCEL\t1\nAUTH\t2\tPLAIN\tservice=smtp\tresp=AGEAYg==\n");
        assert_eq!(protocol.keep(), Keep::AfterUs);
    }

    #[test]
    fn login_processes_cling() {
        let mut protocol = AuthClient::new(greeting(7, 1, &[]));
        assert!(protocol.clings());
        say(&mut protocol, "VERSION\t1\t2\nCPID\t42\n");
        assert!(protocol.clings());
    }
}
