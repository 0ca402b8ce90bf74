//! The header check: whether somebody who is logged in may send a mail with this `From:` and
//! `Sender:`.
//!
//! - Every address in `From:` must be one that the login may send under.
//! - If it may do so only on behalf of the owner, the mail is marked: `Sender:` names the login,
//!   whatever stood there (RFC 5322 3.6.2).
//! - Otherwise a `Sender:` that is there must be the login's own too, or one it may send as.
//! - Two headers of a kind, or one that cannot be read ([`super::mailboxes`]), are refused: mail
//!   programs do not agree on what they show then.
//! - Postfix lets a mail without `From:` pass as it is, and whoever fills it in later, or shows one,
//!   takes the envelope sender. So that is looked at in its place.

use super::mailboxes::addresses;
use super::sender::Standing;

/// A header that names a sender.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Header {
    /// Who wrote the mail.
    From,
    /// Who sent it, if that is somebody else.
    Sender,
    /// The envelope sender, where there is no `From:`.
    Envelope,
}

impl Header {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::From => "From",
            Self::Sender => "Sender",
            Self::Envelope => "MAIL FROM",
        }
    }
}

/// Why a mail is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The login may not use this address there.
    Forged(Header, String),
    /// It cannot be read as addresses.
    Unreadable(Header),
    /// It stands there more than once.
    Several(Header),
}

/// What becomes of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// It goes as it is.
    Accept,
    /// It goes with `Sender:` set to the login's own address, and no other.
    Mark,
    /// It does not go.
    Refuse(Refusal),
}

/// The sender headers of one mail, read.
#[derive(Clone, Debug)]
pub struct Senders {
    /// Where the authors are named.
    author: Header,
    from: Vec<String>,
    /// Of interest only where it stays.
    sender: Result<Vec<String>, Refusal>,
}

impl Senders {
    /// Reads the headers as they came.
    ///
    /// # Errors
    /// There is no need to look anything up: the mail is refused whoever sends it.
    pub fn read(from: &[Vec<u8>], sender: &[Vec<u8>], envelope: &[u8]) -> Result<Self, Refusal> {
        let sender = read(Header::Sender, sender);
        // A report of a failed delivery has no sender.
        let nobody = matches!(envelope.trim_ascii(), b"" | b"<>");
        let (author, from) = match from {
            [] if nobody => (Header::Envelope, Vec::new()),
            [] => (Header::Envelope, read(Header::Envelope, &[envelope.to_vec()])?),
            from => (Header::From, read(Header::From, from)?),
        };
        Ok(Self { author, from, sender })
    }

    /// The addresses whose standing is needed.
    pub fn addresses(&self) -> impl Iterator<Item = &str> {
        self.from.iter().chain(self.sender.iter().flatten()).map(String::as_str)
    }

    /// What becomes of the mail, if this is how the login stands to each address.
    #[must_use]
    pub fn judge(&self, standing: impl Fn(&str) -> Standing) -> Ruling {
        let forged = |header, address: &str| Ruling::Refuse(Refusal::Forged(header, address.to_owned()));
        if let Some(address) = self.from.iter().find(|address| !standing(address).sends()) {
            return forged(self.author, address);
        }
        if self.from.iter().any(|address| standing(address).marks()) {
            return Ruling::Mark;
        }
        let sender = match &self.sender {
            Ok(sender) => sender,
            Err(refusal) => return Ruling::Refuse(refusal.clone()),
        };
        let unmarked = |address: &&String| standing(address).sends() && !standing(address).marks();
        match sender.iter().find(|address| !unmarked(address)) {
            Some(address) => forged(Header::Sender, address),
            None => Ruling::Accept,
        }
    }
}

fn read(header: Header, values: &[Vec<u8>]) -> Result<Vec<String>, Refusal> {
    match values {
        [] => Ok(Vec::new()),
        [value] => addresses(value).ok_or(Refusal::Unreadable(header)),
        _ => Err(Refusal::Several(header)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::delegation::Right;
    use super::*;

    /// `ann` is logged in; `boss` lets her send on behalf, `desk` send as, `blog` only read.
    fn standing(address: &str) -> Standing {
        match address.split('@').next() {
            Some("ann" | "ann+shop") => Standing::Own,
            Some("boss") => Standing::Granted(Right::OnBehalf),
            Some("desk") => Standing::Granted(Right::SendAs),
            Some("blog") => Standing::Granted(Right::Read),
            Some("carl") => Standing::Foreign,
            _ => Standing::Nobodys,
        }
    }

    fn ruling(from: &[&str], sender: &[&str]) -> Ruling {
        let bytes = |lines: &[&str]| lines.iter().map(|line| line.as_bytes().to_vec()).collect::<Vec<_>>();
        match Senders::read(&bytes(from), &bytes(sender), b"<>") {
            Ok(senders) => senders.judge(standing),
            Err(refusal) => Ruling::Refuse(refusal),
        }
    }

    fn forged(header: Header, address: &str) -> Ruling {
        Ruling::Refuse(Refusal::Forged(header, address.to_owned()))
    }

    #[test]
    fn everybody_sends_under_what_is_his_or_was_granted() {
        for from in ["ann@x", "Ann <ann+shop@x>", "desk@x", "ann@x, desk@x"] {
            assert_eq!(ruling(&[from], &[]), Ruling::Accept, "{from}");
        }
        for (from, address) in [("carl@x", "carl@x"), ("blog@x", "blog@x"), ("ann@x, \"C\" <no@x>", "no@x")] {
            assert_eq!(ruling(&[from], &[]), forged(Header::From, address));
        }
    }

    #[test]
    fn on_behalf_is_marked_whatever_stood_there() {
        for sender in [&[][..], &["ann@x"], &["carl@x"], &["???"], &["boss@x", "carl@x"]] {
            assert_eq!(ruling(&["Boss <boss@x>"], sender), Ruling::Mark);
            assert_eq!(ruling(&["ann@x, boss@x"], sender), Ruling::Mark);
        }
        assert_eq!(ruling(&["boss@x, carl@x"], &[]), forged(Header::From, "carl@x"));
    }

    #[test]
    fn a_sender_that_stays_is_the_logins_own() {
        assert_eq!(ruling(&["ann@x"], &["ann+shop@x"]), Ruling::Accept);
        assert_eq!(ruling(&["ann@x"], &["Desk <desk@x>"]), Ruling::Accept);
        for other in ["boss@x", "carl@x", "blog@x"] {
            assert_eq!(ruling(&["ann@x"], &[other]), forged(Header::Sender, other));
        }
        assert_eq!(ruling(&["ann@x"], &["ann"]), Ruling::Refuse(Refusal::Unreadable(Header::Sender)));
        let several = Ruling::Refuse(Refusal::Several(Header::Sender));
        assert_eq!(ruling(&["ann@x"], &["ann@x", "ann@x"]), several);
    }

    #[test]
    fn what_is_there_twice_or_cannot_be_read_is_refused() {
        assert_eq!(ruling(&["ann@x", "ann@x"], &[]), Ruling::Refuse(Refusal::Several(Header::From)));
        assert_eq!(ruling(&["<ann@x> b"], &[]), Ruling::Refuse(Refusal::Unreadable(Header::From)));
    }

    #[test]
    fn without_a_from_the_envelope_stands_in() {
        let ruling = |envelope: &[u8], sender: &[Vec<u8>]| match Senders::read(&[], sender, envelope) {
            Ok(senders) => senders.judge(standing),
            Err(refusal) => Ruling::Refuse(refusal),
        };
        let carl = [b"carl@x".to_vec()];
        for nobody in [&b"<>"[..], b"", b" <> "] {
            assert_eq!(ruling(nobody, &[]), Ruling::Accept);
            assert_eq!(ruling(nobody, &carl), forged(Header::Sender, "carl@x"));
        }
        assert_eq!(ruling(b"<ann@x>", &[]), Ruling::Accept);
        assert_eq!(ruling(b"<boss@x>", &carl), Ruling::Mark);
        assert_eq!(ruling(b"<carl@x>", &[]), forged(Header::Envelope, "carl@x"));
        assert_eq!(ruling(b"<a b@x>", &[]), Ruling::Refuse(Refusal::Unreadable(Header::Envelope)));
        // Where there is one, the envelope says nothing: lists and forwarders have their own.
        let senders = Senders::read(&[b"ann@x".to_vec()], &[], b"<carl@x>").unwrap();
        assert_eq!(senders.judge(standing), Ruling::Accept);
    }
}
