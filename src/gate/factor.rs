//! Second factors: which there are, how many an account may have, and what must be proved before one is added, changed or
//! removed.
//!
//! Removing needs the factor itself; changing needs it or another bound one; adding needs any, or, for the first, the main
//! password. A recovery code stands in for a lost factor: it lets its owner change it, not remove it.

use crate::clock::Timestamp;

/// The longest name of a factor, in characters.
pub const FACTOR_NAME_CHARS_MAX: usize = 64;
/// Recovery codes of an account, made together.
pub const RECOVERY_CODES: usize = 10;

/// A kind of second factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FactorKind {
    /// An authenticator app.
    Totp,
    /// A passkey or security key.
    Passkey,
    /// A code by SMS.
    Sms,
    /// WeChat.
    Wechat,
    /// WeCom.
    Wecom,
    /// DingTalk.
    Dingtalk,
    /// A code by mail to an address elsewhere. Last, because whoever reads that mailbox has it.
    Mail,
}

impl FactorKind {
    /// All, in the order in which they are offered: the stronger ones first.
    pub const ALL: [Self; 7] =
        [Self::Passkey, Self::Totp, Self::Wecom, Self::Dingtalk, Self::Wechat, Self::Sms, Self::Mail];

    /// The stable word for store, events, settings and addresses of pages.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::Sms => "sms",
            Self::Wechat => "wechat",
            Self::Wecom => "wecom",
            Self::Dingtalk => "dingtalk",
            Self::Mail => "mail",
        }
    }

    /// Reads [`FactorKind::word`].
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether it is proved by a short code, which can be guessed: tries wait and count. What a passkey or a provider says
    /// cannot be, so that guesses shut nobody out who has one.
    #[must_use]
    pub fn is_guessable(self) -> bool {
        match self {
            Self::Totp | Self::Sms | Self::Mail => true,
            Self::Passkey | Self::Wechat | Self::Wecom | Self::Dingtalk => false,
        }
    }

    /// How many of it an account may have. Shared accounts have an app on several phones; a phone number, a backup address
    /// and an identity elsewhere there is one.
    #[must_use]
    pub fn most(self) -> usize {
        match self {
            Self::Totp | Self::Passkey => 10,
            Self::Sms | Self::Wechat | Self::Wecom | Self::Dingtalk | Self::Mail => 1,
        }
    }
}

/// A second factor of an account, without what proves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// The store's number for it, never used again.
    pub id: i64,
    /// What it is.
    pub kind: FactorKind,
    /// What its owner calls it.
    pub name: String,
    /// When it was bound.
    pub created: Timestamp,
    /// When it was last used; `None`: never.
    pub last_use: Option<Timestamp>,
}

/// By what somebody proved lately who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Means {
    /// Their main password.
    MainPassword,
    /// The factor with this number.
    Factor(i64),
    /// A recovery code.
    Recovery,
    /// Their main password, and the set-up code that an administrator gave them.
    SetUpCode,
}

impl Means {
    /// Whether it is a second factor, or a recovery code in its place.
    #[must_use]
    pub fn is_second(self) -> bool {
        match self {
            Self::Factor(_) | Self::Recovery => true,
            Self::MainPassword | Self::SetUpCode => false,
        }
    }
}

/// What somebody wants to do to their factors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorAct {
    /// Bind one more of this kind.
    Bind(FactorKind),
    /// Put another phone, address or device in the place of this one.
    Change(i64),
    /// Unbind this one.
    Remove(i64),
}

/// Why an act is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactorRefused {
    /// There is no such factor.
    #[error("there is no such second factor")]
    NoFactor,
    /// As many of this kind as there may be.
    #[error(
        "there are {0} second factors of this kind already, as many as there may be; change or remove one"
    )]
    TooMany(usize),
    /// The name is taken.
    #[error("another second factor has this name")]
    NameTaken,
    /// Two-factor is on, and this is the only factor.
    #[error("this is the only second factor; bind another first, or turn two-factor off")]
    OnlyOne,
    /// This very factor must be proved first.
    #[error("prove this second factor first")]
    ProveIt,
    /// Any bound factor must be proved first.
    #[error("prove a second factor first")]
    ProveAny,
}

/// Whether an act is allowed to somebody who proved `means` lately.
///
/// # Errors
/// Why not, and what would help.
pub fn allows(
    factors: &[Factor],
    two_factor: bool,
    act: FactorAct,
    means: Option<Means>,
) -> Result<(), FactorRefused> {
    let is_bound = |id: i64| factors.iter().any(|factor| factor.id == id);
    let proved_any = match means {
        None => false,
        Some(Means::MainPassword | Means::SetUpCode) => factors.is_empty(),
        Some(Means::Factor(id)) => is_bound(id),
        Some(Means::Recovery) => true,
    };
    match act {
        FactorAct::Change(id) | FactorAct::Remove(id) if !is_bound(id) => Err(FactorRefused::NoFactor),
        FactorAct::Bind(kind) => {
            let same = factors.iter().filter(|factor| factor.kind == kind).count();
            if same >= kind.most() {
                return Err(FactorRefused::TooMany(kind.most()));
            }
            if proved_any { Ok(()) } else { Err(FactorRefused::ProveAny) }
        }
        FactorAct::Change(_) => {
            if proved_any {
                Ok(())
            } else {
                Err(FactorRefused::ProveAny)
            }
        }
        FactorAct::Remove(id) => {
            if two_factor && factors.len() == 1 {
                return Err(FactorRefused::OnlyOne);
            }
            if means == Some(Means::Factor(id)) { Ok(()) } else { Err(FactorRefused::ProveIt) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(id: i64, kind: FactorKind) -> Factor {
        Factor { id, kind, name: format!("{id}"), created: Timestamp(0), last_use: None }
    }

    #[track_caller]
    fn check(factors: &[Factor], act: FactorAct, means: Means, expected: Result<(), FactorRefused>) {
        assert_eq!(allows(factors, true, act, Some(means)), expected, "{act:?} after {means:?}");
    }

    #[test]
    fn words_are_read_back_and_all_kinds_are_offered_once() {
        for kind in FactorKind::ALL {
            assert_eq!(FactorKind::parse(kind.word()), Some(kind));
        }
        assert_eq!(FactorKind::parse("recovery"), None);
        let words: std::collections::BTreeSet<_> = FactorKind::ALL.map(FactorKind::word).into();
        assert_eq!(words.len(), FactorKind::ALL.len());
    }

    #[test]
    fn the_first_needs_the_main_password_and_the_next_a_factor() {
        let bind = FactorAct::Bind(FactorKind::Totp);
        assert_eq!(allows(&[], false, bind, None), Err(FactorRefused::ProveAny));
        check(&[], bind, Means::MainPassword, Ok(()));
        let one = [factor(1, FactorKind::Sms)];
        check(&one, bind, Means::MainPassword, Err(FactorRefused::ProveAny));
        check(&one, bind, Means::Factor(1), Ok(()));
        check(&one, bind, Means::Factor(2), Err(FactorRefused::ProveAny));
        check(&one, bind, Means::Recovery, Ok(()));
    }

    #[test]
    fn there_are_only_so_many_of_a_kind() {
        for kind in FactorKind::ALL {
            let all: Vec<Factor> = (0..).map(|id| factor(id, kind)).take(kind.most()).collect();
            let refused = Err(FactorRefused::TooMany(kind.most()));
            check(&all, FactorAct::Bind(kind), Means::Factor(0), refused);
            let one_fewer = &all[1..];
            let means = if one_fewer.is_empty() { Means::MainPassword } else { Means::Factor(1) };
            check(one_fewer, FactorAct::Bind(kind), means, Ok(()));
        }
    }

    #[test]
    fn changing_needs_any_factor_and_removing_that_one() {
        let two = [factor(1, FactorKind::Sms), factor(2, FactorKind::Totp)];
        check(&two, FactorAct::Change(1), Means::Factor(1), Ok(()));
        check(&two, FactorAct::Change(1), Means::Factor(2), Ok(()));
        check(&two, FactorAct::Change(1), Means::Recovery, Ok(()));
        check(&two, FactorAct::Change(1), Means::MainPassword, Err(FactorRefused::ProveAny));
        check(&two, FactorAct::Remove(1), Means::Factor(1), Ok(()));
        for means in [Means::Factor(2), Means::Recovery, Means::MainPassword] {
            check(&two, FactorAct::Remove(1), means, Err(FactorRefused::ProveIt));
        }
        for act in [FactorAct::Change(3), FactorAct::Remove(3)] {
            check(&two, act, Means::Factor(3), Err(FactorRefused::NoFactor));
        }
    }

    #[test]
    fn the_only_factor_stays_while_two_factor_is_on() {
        let one = [factor(1, FactorKind::Totp)];
        check(&one, FactorAct::Remove(1), Means::Factor(1), Err(FactorRefused::OnlyOne));
        assert_eq!(allows(&one, false, FactorAct::Remove(1), Some(Means::Factor(1))), Ok(()));
    }
}
