//! Who signed in lately: browsers and mail clients, and who was stopped at the second factor.

use std::collections::HashMap;

use tracing::error;

use super::{Answer, Service, Visit};
use crate::clock::Timestamp;
use crate::gate::session::PENDING;
use crate::gate::visit::KEPT;
use crate::log;
use crate::store::Tables;
use crate::store::people::{Arrivals, settle_visits};
use crate::store::portal::TrustedDevice;
use crate::store::visit::{ClientDay, ClientQuery};

/// Logins of mail clients that are looked at; of more, the newest.
const LOGINS_MAX: u32 = 20_000;
/// Mail clients, each on each of its days, that are told; of more, the newest.
const CLIENT_DAYS_MAX: u32 = 1_000;
/// Visits that are settled at once, so that no login waits long behind it.
const SETTLED_MAX: u32 = 200;

/// What mail clients are told apart by: client password, protocol, address.
type Client = (Option<String>, String, Option<String>);

/// A mail client that logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLogin {
    /// The name of its client password; `None`: the main password.
    pub password: Option<String>,
    /// The protocol.
    pub protocol: String,
    /// The address.
    pub address: Option<String>,
    /// The last time on each day on which it did, the last day first.
    pub days: Vec<Timestamp>,
    /// How often.
    pub count: u32,
}

/// Where an account is, or was lately, signed in.
#[derive(Clone, Debug)]
pub struct Devices {
    /// The session that asks.
    pub current: i64,
    /// The trusted device that asks, if it is one.
    pub current_device: Option<i64>,
    /// Trusted devices.
    pub trusted: Vec<TrustedDevice>,
    /// Visits to the portal, the last first.
    pub visits: Arrivals,
    /// Mail clients, the one that logged in last first.
    pub clients: Vec<ClientLogin>,
}

impl Service {
    /// Where the session's account is, or was lately, signed in. A day begins `offset` seconds before one of UTC.
    ///
    /// # Errors
    /// The session does not allow it, or trouble.
    pub async fn own_devices(&self, visit: &Visit, offset: i32) -> Answer<Devices> {
        let token = visit.session()?;
        let (standing, visits, trusted) = self.at_desk(move |desk| desk.devices(token)).await?;
        let query = ClientQuery {
            account: standing.account.name.to_string(),
            since: self.now().minus(KEPT),
            offset,
            looked_at: LOGINS_MAX,
            limit: CLIENT_DAYS_MAX,
        };
        let current_device = self.device_of(standing.account.id, &visit.devices).await?;
        let current_device = current_device.map(|device| device.id);
        // Those who logged in just now as well.
        self.flush().await?;
        let days = self.store.read(move |tables| tables.client_days(&query)).await?;
        let (current, clients) = (standing.session.id, by_client(days));
        Ok(Devices { current, current_device, trusted, visits, clients })
    }

    /// Sees to those who were stopped at the second factor, once no more can come of them.
    pub async fn settle_visits(&self) {
        let now = self.now();
        let waits = move |tables: &mut dyn Tables| {
            Ok(!tables.pending_visits(now.minus(2 * PENDING), now.minus(PENDING), 1)?.is_empty())
        };
        loop {
            match self.store.read(waits).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => return complain(&error),
            }
            let settle = move |tables: &mut dyn Tables| settle_visits(tables, now, SETTLED_MAX);
            let written = self.store.write(settle, |_| ()).await;
            self.wrote(&written);
            match written {
                Ok(events) => {
                    events.iter().for_each(log::event);
                    self.ring_notices();
                }
                Err(error) => return complain(&error),
            }
        }
    }
}

fn complain(error: &crate::store::StoreError) {
    error!(error = %log::chain(error), "those who were stopped at the second factor cannot be settled");
}

/// Days of one client together, the one that logged in last first.
fn by_client(days: Vec<ClientDay>) -> Vec<ClientLogin> {
    let mut places: HashMap<Client, usize> = HashMap::new();
    let mut clients: Vec<ClientLogin> = Vec::new();
    for day in days {
        let ClientDay { password, protocol, address, at, count } = day;
        let place =
            *places.entry((password.clone(), protocol.clone(), address.clone())).or_insert(clients.len());
        match clients.get_mut(place) {
            Some(client) => {
                client.days.push(at);
                client.count = client.count.saturating_add(count);
            }
            None => clients.push(ClientLogin { password, protocol, address, days: vec![at], count }),
        }
    }
    clients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_one_whatever_the_day() {
        let day = |password: Option<&str>, address: &str, at| ClientDay {
            password: password.map(str::to_owned),
            protocol: "imap".into(),
            address: Some(address.into()),
            at: Timestamp(at),
            count: 3,
        };
        let phone = Some("Phone");
        let days =
            vec![day(phone, "192.0.2.7", 900), day(None, "192.0.2.7", 800), day(phone, "192.0.2.7", 700)];
        let clients = by_client([days, vec![day(phone, "192.0.2.8", 600)]].concat());
        let seen: Vec<_> =
            clients.iter().map(|one| (one.password.as_deref(), one.days.len(), one.count)).collect();
        assert_eq!(seen, [(phone, 2, 6), (None, 1, 3), (phone, 1, 3)]);
        assert_eq!(clients[0].days, [Timestamp(900), Timestamp(700)]);
    }
}
