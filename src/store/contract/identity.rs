//! Whose a mailbox is, and whose a name.

use super::{NOW, name, write};
use crate::gate::alias::{Alias, Place};
use crate::gate::identity::Whose;
use crate::gate::key::MailboxMark;
use crate::store::identity::Unasked;
use crate::store::{Backend, senders};

const ANNS: MailboxMark = MailboxMark([1; 16]);
const BOBS: MailboxMark = MailboxMark([2; 16]);

pub(super) fn a_mailbox_is_asked_for_and_has_its_holders<B: Backend>(backend: &B) {
    let (ann, bob) = (name("ann@example.org"), name("bob@example.net"));
    write(backend, |tables| {
        let id = tables.add_account(&ann, NOW)?;
        tables.add_account(&bob, NOW)?;
        tables.set_account(id, true, true)
    });
    let unasked = |which| write(backend, |tables| tables.unasked(which, 10));
    assert_eq!(unasked(Unasked::Strict), vec![ann.clone()]);
    assert_eq!(unasked(Unasked::All).len(), 2);
    write(backend, |tables| {
        tables.set_mailbox(&ann, Some(ANNS), NOW)?;
        tables.set_mailbox(&bob, None, NOW)
    });
    assert_eq!((unasked(Unasked::Strict), unasked(Unasked::All)), (vec![], vec![]));
    assert_eq!(unasked(Unasked::OlderThan(NOW)), []);
    assert_eq!(unasked(Unasked::OlderThan(NOW.plus(std::time::Duration::from_secs(1)))).len(), 2);
    let holders = |marks: &[MailboxMark]| write(backend, |tables| tables.holders(marks, 10));
    assert_eq!((holders(&[BOBS]), holders(&[BOBS, ANNS])), (vec![], vec![ann.clone()]));
    assert_eq!(write(backend, |tables| tables.account(&ann)).unwrap().mailbox, Some(ANNS));
    assert_eq!(write(backend, |tables| tables.shared_mailboxes(10)), [[""; 0]; 0]);
    write(backend, |tables| tables.set_mailbox(&bob, Some(ANNS), NOW));
    assert_eq!(write(backend, |tables| tables.shared_mailboxes(10)), [[ann.as_str(), bob.as_str()]]);
    // An outage takes no mark away.
    write(backend, |tables| tables.set_mailbox(&bob, None, NOW));
    assert_eq!(holders(&[ANNS]).len(), 2);
    write(backend, |tables| tables.ask_anew());
    assert_eq!((unasked(Unasked::Strict), unasked(Unasked::All).len()), (vec![ann], 2));
    for (domain, known) in [("example.org", true), ("example.net", true), ("example", false), ("", false)] {
        assert_eq!(write(backend, |tables| tables.has_domain(domain)), known, "{domain}");
    }
}

pub(super) fn a_name_is_whose_the_nearest_account_is<B: Backend>(backend: &B) {
    let place = |text: &str| Place::parse(text, None).unwrap();
    write(backend, |tables| {
        for account in ["ann@example.org", "bob@example.org"] {
            tables.add_account(&name(account), NOW)?;
        }
        for (alias, of) in [
            ("info@example.org", "ann@example.org"),
            ("team@example.org", "ann@example.org"),
            ("team@example.org", "bob@example.org"),
            ("@example.net", "@example.org"),
            // One behind the other, and in a ring.
            ("@example.com", "@example.net"),
            ("@ring.example", "@round.example"),
            ("@round.example", "@ring.example"),
            ("@all.example", "bob@example.org"),
        ] {
            tables.add_alias(&Alias::new(place(alias), place(of)).unwrap())?;
        }
        Ok(())
    });
    let whose = |typed: &str| write(backend, |tables| senders::whose(tables, &name(typed)));
    for (typed, account) in [
        ("ann@example.org", "ann@example.org"),
        ("info+x@example.org", "ann@example.org"),
        ("ann@example.net", "ann@example.org"),
        ("info@example.com", "ann@example.org"),
    ] {
        assert_eq!(whose(typed).account().map(|account| account.name.as_str()), Some(account), "{typed}");
    }
    assert_eq!(whose("team@example.net"), Whose::Shared(name("team@example.net")));
    assert_eq!(whose("new@example.com"), Whose::Unknown(name("new@example.org")));
    assert!(matches!(whose("x@ring.example"), Whose::Unknown(_)));
    // Whoever has a whole domain sends under its addresses, but is not everybody who lives there.
    let somebody = name("somebody@all.example");
    assert_eq!(whose(somebody.as_str()), Whose::Unknown(somebody.clone()));
    assert_eq!(write(backend, |tables| senders::owners(tables, &somebody)), [name("bob@example.org")]);
}
