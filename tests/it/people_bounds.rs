//! What the portal's part of the gate bounds: where visits come from, and what codes cost.

use sidegate::gate::factor::FactorKind;
use sidegate::service::people::PeopleError;
use sidegate::store::people::{NewBinding, Refused};

use crate::people::{ANN, BOB, MAIN, Site, hidden, inside, site, visit};

/// What a web server in front leaves out is no reason to let everybody guess: 127.0.0.1 is exempt for mail clients alone.
#[tokio::test]
async fn a_visit_from_a_loopback_address_is_never_exempt() {
    let site = site("").await;
    for own in ["127.0.0.1", "::1", "127.0.0.9"] {
        for n in 0..10 {
            let account = format!("nobody{n}@example.org");
            let refused = site.sign_in(&visit(own), &account, "wrong", None).await.unwrap_err();
            assert_eq!(refused, PeopleError::WrongPassword, "{own}");
        }
        let blocked = site.sign_in(&visit(own), ANN, MAIN, None).await.unwrap_err();
        assert!(matches!(blocked, PeopleError::Blocked(_)), "{own}: {blocked:?}");
    }
    site.gate.account(ANN).await;
    site.gate.password(ANN, "phone", "Fj7kQm2RxT9wBn4c").await;
    let mut peer = site.gate.client().await;
    assert_eq!(peer.login(ANN, "Fj7kQm2RxT9wBn4c", "127.0.0.1").await, "OK", "mail clients are");
    site.stop().await;
}

/// Whether a code goes out to a phone or address that somebody at `from` wants to bind.
async fn sends(site: &Site, account: &str, from: &str, kind: FactorKind, to: &str) -> bool {
    let entered = site.sign_in(&visit(from), account, MAIN, None).await.unwrap();
    let browser = inside(&visit(from), &entered.session);
    let wish = NewBinding { kind, change: None, to: Some(hidden(to)), from: None };
    match site.gate.service.begin_binding(&browser, wish).await {
        Ok(waiting) => waiting.deliver.is_some(),
        Err(PeopleError::Refused(Refused::SentEnough(_))) => false,
        Err(other) => panic!("{from}, {to}: {other:?}"),
    }
}

#[tokio::test]
async fn codes_are_counted_by_ipv6_network_and_sms_and_mail_apart() {
    let site = site("[portal.codes]\nper_address = 2\n").await;
    let (sms, mail) = (FactorKind::Sms, FactorKind::Mail);
    assert!(sends(&site, ANN, "2001:db8:1:2::1", sms, "+8613812340001").await);
    assert!(sends(&site, BOB, "2001:db8:1:2:3::4", sms, "+8613812340002").await);
    assert!(!sends(&site, ANN, "2001:db8:1:2:ffff::9", sms, "+8613812340003").await, "the same /64");
    assert!(sends(&site, ANN, "2001:db8:1:2:ffff::9", mail, "ann@elsewhere.example").await);
    assert!(sends(&site, ANN, "2001:db8:1:3::1", sms, "+8613812340003").await);
    assert!(sends(&site, BOB, "192.0.2.7", sms, "+8613812340004").await);
    site.stop().await;
}

/// Twenty for each of three accounts once were all that one address had.
#[tokio::test]
async fn three_people_use_up_nobody_elses_codes() {
    let site = site("").await;
    assert!(sends(&site, ANN, "192.0.2.7", FactorKind::Sms, "+8613812349999").await);
    let limits = site.gate.service.rules().people.codes;
    assert!(limits.per_address >= limits.per_day && limits.per_address > 10 * limits.per_account);
    site.stop().await;
}

#[tokio::test]
async fn the_daemon_decides_which_countries_get_codes() {
    let site = site("").await;
    let entered = site.sign_in(&visit("192.0.2.7"), ANN, MAIN, None).await.unwrap();
    let ann = inside(&visit("192.0.2.7"), &entered.session);
    for to in ["+882161234567", "+979123456789", "+19005550143", "+447012345678", "+12025550143"] {
        let wish = NewBinding { kind: FactorKind::Sms, change: None, to: Some(hidden(to)), from: None };
        let refused = site.gate.service.begin_binding(&ann, wish).await.unwrap_err();
        assert!(matches!(refused, PeopleError::Refused(Refused::CountryOff)), "{to}: {refused:?}");
    }
    site.stop().await;
}
