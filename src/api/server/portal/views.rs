//! What the service says, in the API's words.

use super::Refusal;
use crate::api::portal::{Delivery, FactorView, Hidden, Pending, PortalError, Standing, Why};
use crate::api::server::Api;
use crate::clock::Timestamp;
use crate::gate::factor::{Factor, FactorRefused};
use crate::gate::mandatory::Duty;
use crate::gate::order::OrderRefused;
use crate::gate::session::{Denied, FRESH, Stage};
use crate::service::OrderError;
use crate::store::people::{Refused, Standing as DeskStanding, Waiting, Wanted};

/// Minutes that a code is good.
const MINUTES: u32 = 5;
/// A day, in seconds.
const DAY_SECS: u64 = 86_400;

pub(super) fn refused(refused: Refused, message: String) -> Refusal {
    let why = |why| Refusal(PortalError::new(why, message.clone()));
    let until =
        |why, until| Refusal(PortalError { until: Some(until), ..PortalError::new(why, message.clone()) });
    let error = PortalError::new(Why::Stale, message.clone());
    match refused {
        Refused::Denied(Denied::Over) => why(Why::Over),
        Refused::Denied(Denied::Factor) | Refused::Factor(FactorRefused::ProveAny) => why(Why::Factor),
        Refused::Denied(Denied::Forbidden) => why(Why::Forbidden),
        Refused::Denied(Denied::SetUp) => why(Why::SetUp),
        Refused::Denied(Denied::SetUpCode) => why(Why::SetUpCode),
        Refused::Denied(Denied::Stale) | Refused::Factor(FactorRefused::ProveIt) => why(Why::Stale),
        Refused::ProveIt(id) => Refusal(PortalError { factor: Some(id), ..error }),
        Refused::Factor(FactorRefused::NoFactor) => why(Why::NoFactor),
        Refused::Factor(FactorRefused::NameTaken) => why(Why::NameTaken),
        Refused::Factor(FactorRefused::OnlyOne) => why(Why::OnlyOne),
        Refused::Factor(FactorRefused::TooMany(most)) => {
            Refusal(PortalError { most: u32::try_from(most).ok(), ..PortalError::new(Why::TooMany, message) })
        }
        Refused::Wait(again) => until(Why::Wait, again),
        Refused::SentEnough(again) => until(Why::SentEnough, again),
        Refused::Locked => why(Why::Locked),
        Refused::WrongCode => why(Why::WrongCode),
        Refused::WrongClock => why(Why::WrongClock),
        Refused::UsedCode => why(Why::UsedCode),
        Refused::CodeOver => why(Why::CodeOver),
        Refused::NoFactors => why(Why::NoFactors),
        Refused::Mandatory => why(Why::Mandatory),
        Refused::KindOff => why(Why::KindOff),
        Refused::BadName(most) => {
            Refusal(PortalError { most: u32::try_from(most).ok(), ..PortalError::new(Why::BadName, message) })
        }
        Refused::NameUnprintable => why(Why::NameUnprintable),
        Refused::BadPhone => why(Why::BadPhone),
        Refused::CountryOff => why(Why::CountryOff),
        Refused::BadAddress => why(Why::BadAddress),
        Refused::NotExternal => why(Why::NotExternal),
    }
}

pub(super) fn order_refused(error: OrderError) -> Refusal {
    let message = error.to_string();
    match error {
        OrderError::Refused(OrderRefused::TooManyPasswords { limit, .. }) => {
            Refusal(PortalError { most: Some(limit), ..PortalError::new(Why::TooMany, message) })
        }
        OrderError::Refused(OrderRefused::Denied(denied)) => refused(Refused::Denied(denied), message),
        OrderError::Refused(OrderRefused::NameTaken { .. }) => Refusal::new(Why::NameTaken, message),
        OrderError::Refused(OrderRefused::NameIsSecret) => Refusal::new(Why::NameIsSecret, message),
        OrderError::Refused(OrderRefused::NoAccount(_)) => Refusal::new(Why::NoAccount, message),
        OrderError::Refused(OrderRefused::OwnMailbox(_)) => Refusal::new(Why::Yourself, message),
        OrderError::Refused(_) => Refusal::new(Why::NotFound, message),
        OrderError::Name(_) | OrderError::Network(_) => Refusal::bad(message),
        OrderError::Store(_) | OrderError::Hasher(_) | OrderError::Sharing(_) => {
            Refusal::new(Why::Unavailable, message)
        }
    }
}

/// A factor as its owner sees it.
pub(super) fn factor(factor: Factor) -> FactorView {
    let Factor { id, kind, name, created, last_use } = factor;
    FactorView { id, kind: kind.word().to_owned(), name, created, last_use }
}

impl Api {
    pub(super) fn standing(&self, standing: DeskStanding, blocked: Option<Timestamp>) -> Standing {
        let rules = self.service.rules();
        let now = self.service.now();
        let DeskStanding { session, account, factors, duty, recovery_codes, recovery_made, set_up_code } =
            standing;
        let bound = !factors.is_empty();
        let owner = rules.people.owner(&account, bound, set_up_code.is_some(), now);
        let administrator = owner.administers && owner.two_factor && owner.bound;
        let fresh = match session.means(now) {
            Some(crate::gate::factor::Means::MainPassword) if !factors.is_empty() => None,
            Some(_) if session.stage == Stage::Full => session.proof.map(|(_, at)| at.plus(FRESH)),
            _ => None,
        };
        let trust_name = self.service.trust_name(account.id);
        Standing {
            account: account.name.to_string(),
            stage: session.stage.word().to_owned(),
            two_factor: account.two_factor,
            mandatory: match duty {
                Duty::None => None,
                Duty::Until(until) => Some(until),
                Duty::Now => Some(Timestamp(0)),
            },
            factors: factors.into_iter().map(factor).collect(),
            kinds: rules.people.kinds.iter().map(|kind| kind.word().to_owned()).collect(),
            recovery_codes: recovery_made.and_then(|_| u32::try_from(recovery_codes).ok()),
            recovery_made,
            set_up_code,
            passwords: u32::try_from(account.passwords.len()).unwrap_or(u32::MAX),
            passwords_max: rules.per_account,
            mail_clients: if rules.policy.until_two_factor { "until-two-factor" } else { "never" }.to_owned(),
            administrator,
            fresh_until: fresh,
            trust_days: u32::try_from(rules.people.trust_for.as_secs() / DAY_SECS).unwrap_or(u32::MAX),
            trust_name,
            blocked,
        }
    }
}

/// What a session waits for. `account`: the name that an app has to show.
pub(super) fn pending(waiting: Waiting, issuer: &str, account: Option<&str>) -> Pending {
    let Waiting { wanted, factor, binding, ends, sent_to, seed, options, state, deliver } = waiting;
    let deliver = deliver.map(|sent| Delivery {
        by: sent.by.word().to_owned(),
        to: Hidden::new(sent.to.reveal()),
        code: Hidden::new(sent.code.reveal().as_str()),
        minutes: MINUTES,
        request: sent.request,
    });
    Pending {
        kind: match wanted {
            Wanted::Factor(kind) => kind.word(),
            Wanted::Recovery => "recovery",
        }
        .to_owned(),
        factor,
        binding,
        ends,
        sent_to,
        secret: seed.as_ref().map(|seed| Hidden::new(seed.text().as_str())),
        uri: seed
            .as_ref()
            .zip(account)
            .map(|(seed, account)| Hidden::new(seed.uri(issuer, account).as_str())),
        options,
        state: state.map(|state| Hidden::new(state.as_str())),
        deliver,
    }
}
