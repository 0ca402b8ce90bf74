//! Two-factor that is mandatory, at the doors of mail: past its date a main password opens nothing.

use std::time::Duration;

use sidegate::gate::name::AccountName;
use sidegate::gate::order::Order;

use crate::people::{ANN, BOB, HOME, MAIN, Site, site};

const OPEN: &str = "[main_password]\nmail_clients = \"until-two-factor\"\n";

async fn login(site: &Site, account: &str) -> String {
    site.gate.client().await.login(account, MAIN, HOME).await
}

#[tokio::test]
async fn past_the_date_a_main_password_opens_no_mail() {
    // Bob is no account here before he signs in: his mailbox is upstream.
    let date =
        |from: &str| format!("[[portal.mandatory]]\nwhom = {BOB:?}\nfrom = {from:?}\ngrace = \"0s\"\n");
    let site = site(&format!("{}{OPEN}", date("2020-01-01"))).await;
    assert_eq!(login(&site, ANN).await, "OK", "the rule is not for her");
    assert_eq!(login(&site, BOB).await, "FAIL", "no account, and no way round by that");
    site.gate.account(BOB).await;
    assert_eq!(login(&site, BOB).await, "FAIL");
    let account = AccountName::parse(BOB, None).unwrap();
    let off = Order::SetAccount { account, enabled: None, two_factor: Some(false), group: None };
    site.gate.service.carry_out(off, "test").await.unwrap();
    assert_eq!(login(&site, BOB).await, "FAIL", "whoever turns it off");
    let phone = "7hQx2mNpRt9vWyZb";
    site.gate.password(BOB, "Phone", phone).await;
    assert_eq!(site.gate.client().await.login(BOB, phone, HOME).await, "OK", "a client password does");
    site.stop().await;
}

#[tokio::test]
async fn it_ends_with_the_time_of_grace() {
    // The day of `world::START`.
    let rule = "[[portal.mandatory]]\nwhom = \"everybody\"\nfrom = \"2027-01-15\"\ngrace = \"7d\"\n";
    let site = site(&format!("{rule}{OPEN}")).await;
    assert_eq!(login(&site, ANN).await, "OK", "in the time of grace");
    site.gate.pass(Duration::from_secs(8 * 86_400));
    assert_eq!(login(&site, ANN).await, "FAIL");
    site.stop().await;
}
