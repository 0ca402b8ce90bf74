//! What a browser is known by: its session, and the accounts that trust it.

use std::time::Duration;

use subtle::ConstantTimeEq as _;

use super::Context;
use super::cookies::{self, Device};
use crate::api::portal::{Hidden, Passed, Trust};

impl Context {
    /// Whether this is the session that the browser shows; empty: it shows none.
    pub(in crate::portal::server) fn is_session(&self, token: &str) -> bool {
        let shown = self.cookies.session.as_ref().map_or("", Hidden::reveal);
        shown.as_bytes().ct_eq(token.as_bytes()).into()
    }

    /// The session goes on under another token.
    pub(crate) fn passed(&mut self, passed: &Passed) {
        self.set_cookie(cookies::SESSION, passed.session.reveal(), None);
        self.cookies.session = Some(passed.session.clone());
        if self.cookies.pre.take().is_some() {
            self.set.extend(cookies::forget(cookies::PRE));
        }
        if let Some(Trust { token, until }) = &passed.device {
            let since = self.now();
            let name = passed.standing.trust_name.clone();
            let device = Device { name, since, token: token.clone() };
            let age = Duration::from_secs(until.0.saturating_sub(since.0).try_into().unwrap_or_default());
            if let Some(cookie) = cookies::device_name(&device.name) {
                self.set_cookie(&cookie, &cookies::device_value(&device), Some(age));
                if let Some(gone) = self.cookies.trust(device) {
                    self.forget_device(&gone);
                }
            }
        }
    }

    /// The browser forgets the session.
    pub(crate) fn forget_session(&mut self) {
        if self.cookies.session.take().is_some() {
            self.set.extend(cookies::forget(cookies::SESSION));
        }
    }

    /// The browser forgets that an account trusts it, by what the daemon calls that.
    pub(crate) fn forget_device(&mut self, name: &str) {
        self.cookies.devices.retain(|device| device.name != name);
        self.set.extend(cookies::device_name(name).and_then(|cookie| cookies::forget(&cookie)));
    }
}
