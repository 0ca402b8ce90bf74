//! What mails say, in both languages.

use super::Purpose;
use crate::config::Language;

/// The texts of one language.
pub(super) struct Words {
    sign_in: Reason,
    bind: Reason,
    factors: Reason,
    change: Reason,
    pub(super) valid: &'static str,
    pub(super) time: &'static str,
    pub(super) place: &'static str,
    pub(super) system: &'static str,
    pub(super) browser: &'static str,
    pub(super) address: &'static str,
    pub(super) change_subject: &'static str,
    pub(super) changed: &'static str,
    pub(super) added: &'static str,
    pub(super) replaced: &'static str,
    pub(super) removed: &'static str,
    pub(super) granted_subject: &'static str,
    pub(super) granted: &'static str,
    pub(super) not_your_change: &'static str,
}

/// The texts of one purpose. No code is in a subject: a locked phone shows subjects.
pub(super) struct Reason {
    pub(super) subject: &'static str,
    pub(super) opening: &'static str,
    pub(super) not_you: &'static str,
}

impl Words {
    pub(super) fn reason(&self, purpose: Purpose) -> &Reason {
        match purpose {
            Purpose::SignIn => &self.sign_in,
            Purpose::Bind => &self.bind,
            Purpose::Factors => &self.factors,
            Purpose::Change => &self.change,
        }
    }

    pub(super) fn of(language: Language) -> Self {
        match language {
            Language::En => Self::english(),
            Language::ZhCn => Self::chinese(),
        }
    }

    fn english() -> Self {
        Self {
            sign_in: Reason {
                subject: "{site}: code to sign in",
                opening: "Your code to sign in to {site} as {account}:",
                not_you: "You did not ask for this code? Somebody knows your main password and is trying to sign in. \
                              Give the code to nobody, change your main password, and tell your administrator.",
            },
            bind: Reason {
                subject: "{site}: code to add this address",
                opening: "Your code to add this mail address to the account {account} at {site}:",
                not_you: "You do not know this account? Ignore this mail. Somebody probably mistyped an address, and \
                              without the code nothing happens.",
            },
            factors: Reason {
                subject: "{site}: code to change a second factor",
                opening: "Your code to change the second factors of {account} at {site}:",
                not_you: "You did not ask for this code? Somebody is signed in to your account. Give the code to nobody, \
                              change your main password, sign out everywhere, and tell your administrator.",
            },
            change: Reason {
                subject: "{site}: code to confirm a change",
                opening: "Your code to confirm a change to {account} at {site}:",
                not_you: "You did not ask for this code? Somebody is signed in to your account. Give the code to nobody, \
                              change your main password, sign out everywhere, and tell your administrator.",
            },
            valid: "The code is valid for {minutes} minutes. Tell it to nobody.",
            time: "Time: ",
            system: "System: ",
            browser: "Browser: ",
            address: "Address of the request: ",
            place: "Place: ",
            change_subject: "{site}: your second factors were changed",
            changed: "The second factors of the account {account} were changed:",
            added: "Added: ",
            replaced: "Changed: ",
            removed: "Removed: ",
            granted_subject: "{site}: somebody else may use your mailbox",
            granted: "The owner of the account {account} granted a delegation:",
            not_your_change: "If this was not you, somebody else is in your account. Tell your administrator at once.",
        }
    }

    fn chinese() -> Self {
        Self {
            sign_in: Reason {
                subject: "{site}：登录验证码",
                opening: "您以帐号 {account} 登录 {site} 的验证码：",
                not_you: "不是您本人请求的？说明有人知道您的主密码，正在尝试登录。请勿将验证码告诉任何人，立即修改主密码，并告知管理员。",
            },
            bind: Reason {
                subject: "{site}：绑定此邮箱的验证码",
                opening: "将此邮箱绑定到 {site} 的帐号 {account} 的验证码：",
                not_you: "不认识这个帐号？请忽略此邮件，可能是有人输错了邮箱地址。没有验证码，什么也不会发生。",
            },
            factors: Reason {
                subject: "{site}：更改二次验证方式的验证码",
                opening: "更改 {site} 的帐号 {account} 的二次验证方式的验证码：",
                not_you: "不是您本人请求的？说明有人登录了您的帐号。请勿将验证码告诉任何人，立即修改主密码，在所有设备上退出，并告知管理员。",
            },
            change: Reason {
                subject: "{site}：确认更改的验证码",
                opening: "确认更改 {site} 的帐号 {account} 的验证码：",
                not_you: "不是您本人请求的？说明有人登录了您的帐号。请勿将验证码告诉任何人，立即修改主密码，在所有设备上退出，并告知管理员。",
            },
            valid: "验证码 {minutes} 分钟内有效，请勿告诉他人。",
            time: "时间：",
            system: "操作系统：",
            browser: "浏览器：",
            address: "请求地址：",
            place: "地点：",
            change_subject: "{site}：您的二次验证方式已更改",
            changed: "帐号 {account} 的二次验证方式已更改：",
            added: "已添加：",
            replaced: "已更改：",
            removed: "已移除：",
            granted_subject: "{site}：您的邮箱已委托他人使用",
            granted: "帐号 {account} 已委托他人使用邮箱：",
            not_your_change: "如果不是您本人操作，说明有人进入了您的帐号。请立即告知管理员。",
        }
    }
}
