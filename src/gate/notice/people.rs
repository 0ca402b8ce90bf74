//! What the owner of an account is told of its second factors and passwords, so that whoever was taken over learns of it.

use super::{Language, Notice, NoticeKind, Reader, delegation};
use crate::gate::delegation::Right;
use crate::gate::factor::FactorKind;

/// The texts of a kind in one language; `{account}` stands for the account.
pub(super) struct Words {
    pub(super) subject: &'static str,
    owner: &'static str,
    administrator: &'static str,
    /// What the detail of the notice is called.
    pub(super) detail: &'static str,
    advice: Advice,
    kind: NoticeKind,
}

/// What an owner may have to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Advice {
    /// Somebody in the owner's session did it.
    Own,
    /// Somebody else did it.
    Others,
    /// Somebody knows the main password.
    Password,
}

impl Words {
    /// The texts; `None`: it is no notice about people.
    pub(super) fn of(notice: &Notice, language: Language) -> Option<Self> {
        let kind = notice.kind;
        let words = delegation::texts(kind, language).or_else(|| guessed(kind, language));
        let words = words.or_else(|| match language {
            Language::En => english(kind),
            Language::ZhCn => chinese(kind),
        });
        let (subject, owner, administrator, detail) = words?;
        let advice = match kind {
            NoticeKind::FactorsReset | NoticeKind::FactorsUnlocked | NoticeKind::MainPasswordSet => {
                Advice::Others
            }
            NoticeKind::DelegationGranted | NoticeKind::DelegationRevoked if notice.actor.is_some() => {
                Advice::Others
            }
            NoticeKind::StoppedAtFactor => Advice::Password,
            _ => Advice::Own,
        };
        Some(Self { subject, owner, administrator, detail, advice, kind })
    }

    pub(super) fn opening(&self, reader: Reader) -> &'static str {
        match reader {
            Reader::Owner => self.owner,
            Reader::Administrator => self.administrator,
        }
    }

    /// What an owner is to do who did not do it.
    pub(super) fn act(&self, language: Language, portal: Option<&str>) -> String {
        if let Some(advice) = delegation::advice(self.kind, language, portal.is_some()) {
            return advice.replace("{portal}", portal.unwrap_or_default());
        }
        let text = match (language, self.advice, portal) {
            (Language::En, Advice::Others, _) => {
                "If you did not ask for this, tell your administrator at once."
            }
            (Language::En, Advice::Own, None) => "If this was not you, tell your administrator at once.",
            (Language::En, Advice::Own, Some(_)) => {
                "If this was not you, somebody else may know your password. Sign in at {portal}, remove the second factors, \
                 client passwords and delegations that you do not know, sign out everywhere, and tell your administrator."
            }
            (Language::ZhCn, Advice::Others, _) => "如果这不是您要求的，请立即联系管理员。",
            (Language::ZhCn, Advice::Own, None) => "如果这不是您本人的操作，请立即联系管理员。",
            (Language::En, Advice::Password, None) => {
                "If it was you, and you mistyped the code or gave up, you need not do anything. If it was not you, \
                 somebody knows your main password: change it now, and tell your administrator."
            }
            (Language::En, Advice::Password, Some(_)) => {
                "If it was you, and you mistyped the code or gave up, you need not do anything. If it was not you, \
                 somebody knows your main password: change it now. All sign-ins of the last 7 days are listed at \
                 {portal}"
            }
            (Language::ZhCn, Advice::Password, None) => {
                "如果是您本人输错了验证码或中途放弃，无需处理。如果不是您本人，说明有人知道您的主密码：请立即修改主密码，并联系管理员。"
            }
            (Language::ZhCn, Advice::Password, Some(_)) => {
                "如果是您本人输错了验证码或中途放弃，无需处理。如果不是您本人，说明有人知道您的主密码：请立即修改主密码。最近 7 天的全部登录记录见 {portal}"
            }
            (Language::ZhCn, Advice::Own, Some(_)) => {
                "如果这不是您本人的操作，您的密码可能已经泄露。请登录 {portal}，移除您不认识的二次验证方式、客户端专用密码和委托，在所有设备上退出，并联系管理员。"
            }
        };
        text.replace("{portal}", portal.unwrap_or_default())
    }
}

pub(super) type Texts = (&'static str, &'static str, &'static str, &'static str);

/// Somebody knows the main password, and tries to prove a second factor.
fn guessed(kind: NoticeKind, language: Language) -> Option<Texts> {
    Some(match (kind, language) {
        (NoticeKind::StoppedAtFactor, Language::En) => (
            "Sign-in stopped at the second factor: {account}",
            "Somebody gave the right main password of your account {account}, but no second factor. They did not get in.",
            "Somebody gave the right main password of the account {account}, but no second factor. They did not get in.",
            "Browser: ",
        ),
        (NoticeKind::StoppedAtFactor, Language::ZhCn) => (
            "有人登录时未通过二次验证：{account}",
            "有人输入了您的帐号 {account} 的正确主密码，但未通过二次验证，没有登录成功。",
            "有人输入了帐号 {account} 的正确主密码，但未通过二次验证，没有登录成功。",
            "浏览器：",
        ),
        (NoticeKind::FactorsUnlocked, Language::En) => (
            "Codes unlocked: {account}",
            "Too many codes for your account {account} were wrong. An administrator cleared the count, so codes are \
             accepted again. If you did not type them, somebody else knows your main password: change it.",
            "An administrator cleared the count of wrong codes of the account {account}.",
            "",
        ),
        (NoticeKind::FactorsUnlocked, Language::ZhCn) => (
            "验证码已解除锁定：{account}",
            "您的帐号 {account} 输错验证码的次数过多，管理员已清除错误计数，现在可以继续使用验证码。如果不是您本人输错的，\
             说明有人知道您的主密码，请尽快修改。",
            "管理员清除了帐号 {account} 的验证码错误计数。",
            "",
        ),
        _ => return None,
    })
}

fn english(kind: NoticeKind) -> Option<Texts> {
    Some(match kind {
        NoticeKind::SendingLimit
        | NoticeKind::DelegationGranted
        | NoticeKind::DelegationRevoked
        | NoticeKind::DelegationReceived
        | NoticeKind::DelegationLost
        | NoticeKind::StoppedAtFactor
        | NoticeKind::FactorsUnlocked => return None,
        NoticeKind::FactorAdded => (
            "New second factor: {account}",
            "A second factor was added to your account {account}.",
            "A second factor was added to the account {account}.",
            "Second factor: ",
        ),
        NoticeKind::FactorChanged => (
            "Second factor changed: {account}",
            "A second factor of your account {account} was replaced by another phone, address or device.",
            "A second factor of the account {account} was replaced by another phone, address or device.",
            "Second factor: ",
        ),
        NoticeKind::FactorRemoved => (
            "Second factor removed: {account}",
            "A second factor of your account {account} was removed.",
            "A second factor of the account {account} was removed.",
            "Second factor: ",
        ),
        NoticeKind::FactorsReset => (
            "Second factors reset: {account}",
            "An administrator removed all second factors and recovery codes of your account {account}. You were signed out \
             everywhere.",
            "An administrator removed all second factors and recovery codes of the account {account}.",
            "Reason: ",
        ),
        NoticeKind::RecoveryCodesMade => (
            "New recovery codes: {account}",
            "New recovery codes were made for your account {account}. Those from before are void.",
            "New recovery codes were made for the account {account}. Those from before are void.",
            "",
        ),
        NoticeKind::TwoFactorOff => (
            "Two-factor turned off: {account}",
            "Two-factor was turned off for your account {account}. Its main password alone is enough now.",
            "Two-factor was turned off for the account {account}. Its main password alone is enough now.",
            "",
        ),
        NoticeKind::DeviceTrusted => (
            "Browser trusted: {account}",
            "A browser that signs in to your account {account} is not asked for a second factor for some days.",
            "A browser that signs in to the account {account} is not asked for a second factor for some days.",
            "Browser: ",
        ),
        NoticeKind::MainPasswordSet => (
            "Main password set: {account}",
            "An administrator set the main password of your account {account}. You were signed out everywhere.",
            "An administrator set the main password of the account {account}.",
            "",
        ),
        NoticeKind::PasswordAdded => (
            "New client password: {account}",
            "A client password was made for your account {account}. A mail program can read and send mail with it.",
            "A client password was made for the account {account} by its owner.",
            "",
        ),
    })
}

fn chinese(kind: NoticeKind) -> Option<Texts> {
    Some(match kind {
        NoticeKind::SendingLimit
        | NoticeKind::DelegationGranted
        | NoticeKind::DelegationRevoked
        | NoticeKind::DelegationReceived
        | NoticeKind::DelegationLost
        | NoticeKind::StoppedAtFactor
        | NoticeKind::FactorsUnlocked => return None,
        NoticeKind::FactorAdded => (
            "已绑定新的二次验证方式：{account}",
            "您的帐号 {account} 绑定了一个新的二次验证方式。",
            "帐号 {account} 绑定了一个新的二次验证方式。",
            "验证方式：",
        ),
        NoticeKind::FactorChanged => (
            "二次验证方式已更换：{account}",
            "您的帐号 {account} 的一个二次验证方式已换成另一个手机、地址或设备。",
            "帐号 {account} 的一个二次验证方式已换成另一个手机、地址或设备。",
            "验证方式：",
        ),
        NoticeKind::FactorRemoved => (
            "二次验证方式已移除：{account}",
            "您的帐号 {account} 移除了一个二次验证方式。",
            "帐号 {account} 移除了一个二次验证方式。",
            "验证方式：",
        ),
        NoticeKind::FactorsReset => (
            "二次验证方式已重置：{account}",
            "管理员移除了您的帐号 {account} 的全部二次验证方式和恢复码，所有登录已退出。",
            "管理员移除了帐号 {account} 的全部二次验证方式和恢复码。",
            "原因：",
        ),
        NoticeKind::RecoveryCodesMade => (
            "已生成新的恢复码：{account}",
            "您的帐号 {account} 生成了新的恢复码，之前的恢复码已全部作废。",
            "帐号 {account} 生成了新的恢复码，之前的恢复码已全部作废。",
            "",
        ),
        NoticeKind::TwoFactorOff => (
            "二次验证已关闭：{account}",
            "您的帐号 {account} 的二次验证已关闭，现在只凭主密码即可登录。",
            "帐号 {account} 的二次验证已关闭，现在只凭主密码即可登录。",
            "",
        ),
        NoticeKind::DeviceTrusted => (
            "已信任浏览器：{account}",
            "登录您的帐号 {account} 的一个浏览器在若干天内不再要求二次验证。",
            "登录帐号 {account} 的一个浏览器在若干天内不再要求二次验证。",
            "浏览器：",
        ),
        NoticeKind::MainPasswordSet => (
            "主密码已设置：{account}",
            "管理员设置了您的帐号 {account} 的主密码，所有登录已退出。",
            "管理员设置了帐号 {account} 的主密码。",
            "",
        ),
        NoticeKind::PasswordAdded => (
            "新的客户端专用密码：{account}",
            "您的帐号 {account} 生成了一个客户端专用密码，邮件客户端可以用它收发邮件。",
            "帐号 {account} 的所有者生成了一个客户端专用密码。",
            "",
        ),
    })
}

/// A kind of second factor, or a right, as people call it; other words stay as they are.
pub(super) fn in_words(detail: &str, language: Language) -> &str {
    let words = match FactorKind::parse(detail) {
        None => match Right::from_word(detail) {
            None => return detail,
            Some(Right::Read) => ("read", "只读"),
            Some(Right::OnBehalf) => ("send on behalf", "代表发送"),
            Some(Right::SendAs) => ("send as", "代理发送"),
        },
        Some(FactorKind::Totp) => ("authenticator app", "身份验证器应用"),
        Some(FactorKind::Passkey) => ("passkey or security key", "通行密钥或安全密钥"),
        Some(FactorKind::Sms) => ("SMS", "短信"),
        Some(FactorKind::Wechat) => ("WeChat", "微信"),
        Some(FactorKind::Wecom) => ("WeCom", "企业微信"),
        Some(FactorKind::Dingtalk) => ("DingTalk", "钉钉"),
        Some(FactorKind::Mail) => ("backup address", "备用邮箱"),
    };
    if language == Language::En { words.0 } else { words.1 }
}
