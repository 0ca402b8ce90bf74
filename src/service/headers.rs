//! May a mail go with the `From:` and `Sender:` it has? The rule is in `gate/header.rs`.

use std::collections::HashMap;

use tracing::debug;

use super::Service;
use crate::gate::event::{Event, Kind};
use crate::gate::header::{Header, Refusal, Ruling, Senders};
use crate::gate::name::{AccountName, for_events};
use crate::gate::question::{HeaderCheck, HeaderVerdict};
use crate::gate::sender::Standing;
use crate::store::StoreError;

impl Service {
    /// What becomes of a mail.
    pub(super) async fn headers(&self, check: HeaderCheck) -> HeaderVerdict {
        let observe = self.rules().observe;
        let (ruling, login) = match self.ruling(&check).await {
            Ok(decided) => decided,
            Err(error) => {
                debug!(%error, queue_id = check.queue_id, "a mail's sender could not be looked up");
                return if observe { HeaderVerdict::Accept } else { HeaderVerdict::Defer };
            }
        };
        match ruling {
            Ruling::Refuse(refusal) if observe => {
                self.record(self.refused(&check, &refusal).observed());
                HeaderVerdict::Accept
            }
            // A mark changes the mail, and nothing is changed either.
            _ if observe => HeaderVerdict::Accept,
            Ruling::Accept => HeaderVerdict::Accept,
            Ruling::Mark => HeaderVerdict::Mark(login),
            Ruling::Refuse(refusal) => {
                self.record(self.refused(&check, &refusal));
                HeaderVerdict::Refuse(self.rules().messages.sender_refused(&refusal, &login))
            }
        }
    }

    /// What the rule says, and the login in its normal form.
    async fn ruling(&self, check: &HeaderCheck) -> Result<(Ruling, String), StoreError> {
        let refuse = |refusal| Ok((Ruling::Refuse(refusal), check.login.clone()));
        if check.unreadable {
            return refuse(Refusal::Unreadable(Header::From));
        }
        let senders = match Senders::read(&check.from, &check.sender, &check.envelope) {
            Ok(senders) => senders,
            Err(refusal) => return refuse(refusal),
        };
        let login = match AccountName::parse(&check.login, self.rules().default_domain.as_deref()) {
            Ok(name) => Ok(self.store.whose(&name).await?.name().clone()),
            Err(error) => Err(error),
        };
        let mut standings = HashMap::new();
        for address in senders.addresses() {
            let standing = match &login {
                Ok(login) => self.standing(login, address).await?,
                // Whoever cannot have an account owns nothing here.
                Err(_) => Standing::Foreign,
            };
            standings.insert(address, standing);
        }
        let ruling = senders.judge(|address| standings.get(address).copied().unwrap_or(Standing::Nobodys));
        let login = login.map_or_else(|_| check.login.clone(), |login| login.to_string());
        Ok((ruling, login))
    }

    fn refused(&self, check: &HeaderCheck, refusal: &Refusal) -> Event {
        let reason = match refusal {
            Refusal::Forged(header, address) => format!("{}: {}", header.name(), for_events(address)),
            Refusal::Unreadable(header) => format!("{}: unreadable", header.name()),
            Refusal::Several(header) => format!("{}: more than one", header.name()),
        };
        let mut event = Event::new(self.now(), Kind::Sending, "gate")
            .account(for_events(&check.login))
            .reason(format!("{reason} (mail {})", for_events(&check.queue_id)));
        event.verdict = Some("refuse".to_owned());
        event.address = check.address.map(|address| address.to_string());
        event
    }
}
