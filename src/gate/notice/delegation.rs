//! What owner and delegate are told of a delegation: it outlives every new password, and nobody but the two sees it.

use super::people::Texts;
use super::{Language, Notice, NoticeKind};
use crate::gate::delegation::Change;
use crate::gate::event::{Event, Kind};

/// What the owner is told of an event, and what the delegate.
fn kinds(kind: Kind) -> Option<(NoticeKind, NoticeKind)> {
    match kind {
        Kind::DelegationGranted => Some((NoticeKind::DelegationGranted, NoticeKind::DelegationReceived)),
        Kind::DelegationRevoked => Some((NoticeKind::DelegationRevoked, NoticeKind::DelegationLost)),
        _ => None,
    }
}

/// What the owner of the mailbox and the delegate are told of an event, if it is about a delegation.
pub(super) fn of(event: &Event) -> Option<[Notice; 2]> {
    let (to_owner, to_delegate) = kinds(event.kind)?;
    let (owner, change) = (event.account.clone()?, Change::read(event.reason.as_deref()?)?);
    let actor = Some(event.actor.clone()).filter(|actor| *actor != owner);
    let notice = Notice {
        id: 0,
        time: event.time,
        kind: to_owner,
        account: owner.clone(),
        limit: None,
        until: None,
        address: event.address.clone(),
        password: None,
        revoked: false,
        detail: Some(change.right.word().to_owned()),
        actor,
        other: Some(change.delegate.clone()),
    };
    // Where the owner is, is not the delegate's to know.
    let (address, other) = (None, Some(owner));
    let delegates = Notice { kind: to_delegate, account: change.delegate, address, other, ..notice.clone() };
    Some([notice, delegates])
}

/// Subject, the text for whoever is told and the one for the administrator, and what the right is called.
pub(super) fn texts(kind: NoticeKind, language: Language) -> Option<Texts> {
    Some(match (kind, language) {
        (NoticeKind::DelegationGranted, Language::En) => (
            "Somebody may use your mailbox: {account}",
            "{other} may use the mailbox of your account {account} from now on.",
            "{other} may use the mailbox of the account {account} from now on.",
            "Right: ",
        ),
        (NoticeKind::DelegationRevoked, Language::En) => (
            "A delegation has ended: {account}",
            "{other} may no longer use the mailbox of your account {account}.",
            "{other} may no longer use the mailbox of the account {account}.",
            "Right until now: ",
        ),
        (NoticeKind::DelegationReceived, Language::En) => (
            "You may use the mailbox of {other}",
            "With your account {account} you may use the mailbox of {other} from now on.",
            "The account {account} may use the mailbox of {other} from now on.",
            "Right: ",
        ),
        (NoticeKind::DelegationLost, Language::En) => (
            "You may no longer use the mailbox of {other}",
            "With your account {account} you may no longer use the mailbox of {other}.",
            "The account {account} may no longer use the mailbox of {other}.",
            "Right until now: ",
        ),
        (NoticeKind::DelegationGranted, Language::ZhCn) => (
            "您的邮箱已委托他人使用：{account}",
            "{other} 从现在起可以使用您的帐号 {account} 的邮箱。",
            "{other} 从现在起可以使用帐号 {account} 的邮箱。",
            "权限：",
        ),
        (NoticeKind::DelegationRevoked, Language::ZhCn) => (
            "委托已结束：{account}",
            "{other} 不能再使用您的帐号 {account} 的邮箱。",
            "{other} 不能再使用帐号 {account} 的邮箱。",
            "原有权限：",
        ),
        (NoticeKind::DelegationReceived, Language::ZhCn) => (
            "您可以使用 {other} 的邮箱",
            "从现在起，您可以用帐号 {account} 使用 {other} 的邮箱。",
            "从现在起，帐号 {account} 可以使用 {other} 的邮箱。",
            "权限：",
        ),
        (NoticeKind::DelegationLost, Language::ZhCn) => (
            "您不能再使用 {other} 的邮箱",
            "您不能再用帐号 {account} 使用 {other} 的邮箱。",
            "帐号 {account} 不能再使用 {other} 的邮箱。",
            "原有权限：",
        ),
        _ => return None,
    })
}

/// What a delegate is to do; `None`: nothing of their own.
pub(super) fn advice(kind: NoticeKind, language: Language, portal: bool) -> Option<&'static str> {
    Some(match (kind, language, portal) {
        (NoticeKind::DelegationReceived, Language::En, true) => {
            "Where you find it in your mail program, and what you may do there, is said at {portal}. If you do not know \
             {other}, tell your administrator."
        }
        (NoticeKind::DelegationReceived, Language::En, false) => {
            "If you do not know {other}, tell your administrator."
        }
        (NoticeKind::DelegationReceived, Language::ZhCn, true) => {
            "它在邮件客户端中的位置和您的权限，请见 {portal}。如果您不认识 {other}，请告知管理员。"
        }
        (NoticeKind::DelegationReceived, Language::ZhCn, false) => "如果您不认识 {other}，请告知管理员。",
        (NoticeKind::DelegationLost, Language::En, _) => "If you still need it, ask {other}.",
        (NoticeKind::DelegationLost, Language::ZhCn, _) => "如果您仍需使用，请联系 {other}。",
        _ => return None,
    })
}
