//! Dovecot asks the auth policy and Sidegate as a passdb about one attempt, and tells no session: Postfix has none.

use serde_json::json;

use super::{ANN, ANNS, GUESSER, Peer, Site, told};

/// What a bridge to Dovecot's passdbs tells of a login at Postfix.
fn by_passdb(from: &str) -> String {
    format!("service=smtp\trip={from}")
}

impl Peer {
    /// A report of an attempt whose password has this mark.
    async fn report_of(&mut self, mark: &str, success: bool) {
        let mut body = told("", ANN, GUESSER, mark);
        body["protocol"] = json!("smtp");
        body["success"] = json!(success);
        body["policy_reject"] = json!(false);
        assert_eq!(self.policy("report", body).await["status"], 0);
    }

    async fn allow_of(&mut self, mark: &str) -> i64 {
        let mut body = told("", ANN, GUESSER, mark);
        body["protocol"] = json!("smtp");
        self.policy("allow", body).await["status"].as_i64().unwrap()
    }
}

#[tokio::test]
async fn one_attempt_without_a_session_is_one_failure_and_has_one_seat() {
    let site = Site::start("", "").await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    for n in 0..9 {
        assert_eq!(http.allow_of(&format!("{n:04x}")).await, 0, "{n}");
        let answer = peer.answer(ANN, &format!("wrong {n}"), &by_passdb(GUESSER)).await;
        assert!(answer.starts_with("FAIL") && !answer.contains("temp"), "{n}: {answer}");
        http.report_of(&format!("{n:04x}"), false).await;
        assert_eq!(site.failures().await, n + 1);
    }
    // One seat is left, and the question has taken it: the passdb door waits for no other.
    let begun = std::time::Instant::now();
    assert_eq!(http.allow_of("08d4").await, 0);
    let answer = peer.answer(ANN, ANNS, &by_passdb(GUESSER)).await;
    assert!(answer.starts_with("OK"), "{answer}");
    assert!(begun.elapsed().as_secs() < 5, "its own seat");
    assert_eq!(http.allow_of("08d4").await, 0);
    http.report_of("08d4", true).await;
    assert_eq!(site.world.events("accept", None).await, 1);
    assert_eq!((site.failures().await, site.world.service.blocks().len()), (9, 0));
}

#[tokio::test]
async fn of_two_attempts_at_once_by_one_and_two_doors_both_count_and_none_twice() {
    let site = Site::start("", "").await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    for n in 0..5 {
        // One that Sidegate's passdb decides, and one that only Dovecot's own sees.
        assert_eq!((http.allow_of("000a").await, http.allow_of("000b").await), (0, 0));
        peer.answer(ANN, &format!("wrong {n}"), &by_passdb(GUESSER)).await;
        // In either order.
        let marks = if n % 2 == 0 { ["000a", "000b"] } else { ["000b", "000a"] };
        for mark in marks {
            http.report_of(mark, false).await;
        }
        assert_eq!(site.failures().await, 2 * (n + 1));
    }
    assert_eq!(site.world.service.blocks().len(), 1);
}

#[tokio::test]
async fn a_right_client_password_beside_a_guess_at_the_main_password_makes_no_guess_free() {
    let site = Site::start("", "").await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    assert_eq!((http.allow_of("000a").await, http.allow_of("000b").await), (0, 0));
    assert!(peer.answer(ANN, ANNS, &by_passdb(GUESSER)).await.starts_with("OK"));
    http.report_of("000b", false).await;
    assert_eq!(site.failures().await, 1);
    http.report_of("000a", true).await;
    assert_eq!((site.failures().await, site.world.events("accept", None).await), (1, 1));
}

#[tokio::test]
async fn a_mail_server_that_asks_for_its_own_client_takes_no_seat_of_an_attempt_at_dovecot() {
    let site = Site::start("", "").await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    assert_eq!(http.allow_of("000a").await, 0);
    // Postfix asks Sidegate itself: another attempt.
    peer.answer(ANN, "wrong", &format!("service=smtp\tnologin\trip={GUESSER}")).await;
    http.report_of("000a", false).await;
    assert_eq!(site.failures().await, 2);
}

#[tokio::test]
async fn an_attempt_from_an_exempt_address_is_one_event_too() {
    let site = Site::start("", "").await;
    let (mut http, mut peer) = (site.connect().await, site.world.client().await);
    for n in 0..3 {
        let mut body = told("", ANN, "127.0.0.1", "000a");
        assert_eq!(http.policy("allow", body.clone()).await["status"], 0);
        peer.answer(ANN, &format!("wrong {n}"), &by_passdb("127.0.0.1")).await;
        body["success"] = json!(false);
        http.policy("report", body).await;
    }
    assert_eq!(site.failures().await, 3);
}
