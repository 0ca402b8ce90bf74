//! `[sending]`: what a login may send.

use super::Choice;

/// `[sending]`: what a login may send, where Postfix asks (a listener of protocol `policy`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sending {
    /// Whoever is logged in may send with the null sender, as notices of delivery have it.
    pub null_sender: NullSender,
    /// What happens at a limit beside the temporary refusal.
    pub on_limit: OnLimit,
    /// Messages that one connection may begin in a minute; 0 is no limit.
    pub burst_per_connection: u32,
    /// Messages that one address may begin in a minute; 0 is no limit.
    pub burst_per_address: u32,
}

/// Whether a login may send with the null sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NullSender {
    /// Read receipts and automatic answers of mail programs have it (RFC 3834, RFC 8098).
    #[default]
    Allow,
    /// Nobody's mail program sends without a sender.
    Refuse,
}

impl Choice for NullSender {
    const WORDS: &'static [(&'static str, Self)] =
        &[("allow", NullSender::Allow), ("refuse", NullSender::Refuse)];
}

/// What happens at a sending limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// The message is put off until there is room again.
    #[default]
    Defer,
    /// The same, and the client password that sent most is removed.
    RevokeClientPassword,
}

impl Choice for OnLimit {
    const WORDS: &'static [(&'static str, Self)] =
        &[("defer", OnLimit::Defer), ("revoke-client-password", OnLimit::RevokeClientPassword)];
}
