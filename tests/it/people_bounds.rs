//! What the portal's part of the gate bounds: where visits come from, and what codes cost.

use sidegate::service::people::PeopleError;

use crate::people::{ANN, MAIN, site, visit};

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
