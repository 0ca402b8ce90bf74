//! Clocks that are set back: nothing lasts longer for it, and nobody's app is refused.

use std::time::Duration;

use sidegate::gate::totp::Step;
use sidegate::service::people::Shown;

use crate::people::{ANN, HOME, MAIN, hidden, inside, site, visit};

/// A machine whose clock was hours ahead at its start, until it heard the time: the apps' clocks were right all along.
#[tokio::test]
async fn codes_of_apps_are_looked_at_by_the_wall_clock() {
    let site = site("").await;
    let (_, app) = site.with_app().await;
    let right = site.now().plus(Duration::from_secs(60));
    let clock = site.gate.service.clock();
    clock.set(right.plus(Duration::from_secs(8 * 3600)));
    clock.set(right);
    let home = visit(HOME);
    let entered = site.sign_in(&home, ANN, MAIN, None).await.unwrap();
    let id = entered.standing.factors[0].id;
    let shown = Shown::Code(hidden(&app.code(Step::at(right)).reveal()));
    let session = inside(&home, &entered.session);
    let proved = site.gate.service.prove_factor(&session, Some(id), shown, false).await;
    assert!(proved.is_ok(), "{proved:?}");
    site.stop().await;
}
