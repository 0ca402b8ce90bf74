//! What to tell the caller, and what to do.

use super::super::story::{Cause, Situation};
use super::{Teller, Text};
use crate::config::Language;
use crate::gate::name::Protocol;

impl Teller<'_> {
    /// One or two sentences for the telephone.
    pub(super) fn to_the_caller(&self) -> String {
        let text: Text = match self.story.situation {
            Situation::BlockedByHand => (
                "We closed your address on purpose ({why}), until {until}.",
                "我们特意封锁了您的地址（{why}），至 {until} 为止。",
            ),
            Situation::Blocked => {
                let blocked = (
                    "Your address {blocked} is blocked until {until} after too many failed logins.",
                    "您的地址 {blocked} 因登录失败次数过多被封锁至 {until}。",
                );
                let gap = if self.language == Language::En { " " } else { "" };
                return format!("{}{gap}{}", self.filled(blocked), self.why()).trim_end().to_owned();
            }
            Situation::NoAccount => (
                "There is no account {subject} here; check how the address is spelled in the mail program.",
                "没有帐号 {subject}，请检查邮件客户端里的地址拼写。",
            ),
            Situation::Alias => (
                "{subject} is only a further address of {owners}: put {owner} into the mail program as the user name.",
                "{subject} 只是 {owners} 的另一个地址：请在邮件客户端里以 {owner} 为用户名登录。",
            ),
            Situation::Disabled => {
                ("Your account is disabled; ask who is responsible for it.", "您的帐号已停用，请联系负责人。")
            }
            Situation::LimitReached => (
                "You have sent as much as you may for now; it goes on at: {opens}. If you did not send that much, \
                 somebody else has your password.",
                "您的发信量已达上限，恢复时间：{opens}。若非您本人所发，则密码可能已泄露。",
            ),
            Situation::Failing => return self.why(),
            Situation::OurTrouble => (
                "The trouble is ours, not your password: try again in a few minutes.",
                "问题在我们这边，与您的密码无关，请几分钟后再试。",
            ),
            Situation::FactorsLost => (
                "Mail programs work; the second factor cannot be checked at the portal, which is our trouble.",
                "邮件客户端可以正常登录；自助门户无法验证您的验证方式，问题在我们这边。",
            ),
            Situation::NoPasswords => (
                "Your mail programs need a client password, and you have none yet.",
                "邮件客户端需要客户端专用密码，而您还没有。",
            ),
            Situation::Well => (
                "Logins work; if a device cannot get in, it comes from another address or under another name.",
                "登录正常；若某设备登不上，它用的是别的地址或别的帐号名。",
            ),
            Situation::Silent => (
                "Nothing has reached us in the last 7 days: check the server's name, the port and the network.",
                "最近 7 天我们没有收到任何登录：请检查服务器名称、端口和网络。",
            ),
        };
        self.filled(text)
    }

    /// The cause, as the caller hears it.
    fn why(&self) -> String {
        let text: Text = match &self.story.cause {
            None => return String::new(),
            Some(Cause::Removed { .. }) => (
                "A device still uses the removed client password \"{password}\" of {account}: delete that password on \
                 the device, or put a new one there.",
                "有设备仍在使用 {account} 已移除的客户端专用密码“{password}”：请在该设备上删除它，或换成新的专用密码。",
            ),
            Some(Cause::Guessing { .. }) => (
                "Passwords of {accounts} accounts were tried from there and none was right: this looks like guessing.",
                "有人从该地址尝试了 {accounts} 个帐号的密码，无一正确：疑似猜测密码。",
            ),
            Some(Cause::Shared { .. }) => (
                "Many people share this address, and {accounts} of their accounts fail.",
                "许多人共用此地址，其中 {accounts} 个帐号登录失败。",
            ),
            Some(Cause::Refused { reason, .. }) if reason == "wrong-password" && self.at_portal() => (
                "Somebody types a wrong main password for {account} at the portal.",
                "有人在自助门户为 {account} 输入了错误的主密码。",
            ),
            Some(Cause::Refused { reason, .. }) => why_refused(reason),
        };
        self.filled(text)
    }

    /// What the administrator can do, one thing a line.
    pub(super) fn to_do(&self) -> Vec<String> {
        let mut steps: Vec<Text> = Vec::new();
        match self.story.situation {
            Situation::LimitReached => {
                steps.push(("sidegate limits show {subject}", "sidegate limits show {subject}"))
            }
            Situation::NoAccount => {
                steps.push(("sidegate account add {subject}", "sidegate account add {subject}"))
            }
            Situation::Disabled => {
                steps.push(("sidegate account enable {subject}", "sidegate account enable {subject}"));
            }
            Situation::FactorsLost => steps.extend(FACTORS_LOST),
            Situation::NoPasswords => steps.push(NEW_PASSWORD_HERE),
            Situation::OurTrouble => steps.push(("sidegate status", "sidegate status")),
            Situation::Silent | Situation::Well | Situation::BlockedByHand | Situation::Alias => {}
            Situation::Blocked | Situation::Failing => steps.extend(self.cure()),
        }
        if matches!(self.story.situation, Situation::Blocked | Situation::BlockedByHand) {
            let guessing = matches!(self.story.cause, Some(Cause::Guessing { .. }));
            steps.push(match guessing {
                false => ("then: sidegate block lift {blocked}", "然后：sidegate block lift {blocked}"),
                true => (
                    "leave the block; only if you know who it is: sidegate block lift {blocked}",
                    "保留封锁；仅在确认来者身份时：sidegate block lift {blocked}",
                ),
            });
        }
        if self.story.proxy_suspected.is_some() && !matches!(self.story.cause, Some(Cause::Shared { .. })) {
            steps.push(DECLARE);
        }
        steps.into_iter().map(|step| self.filled(step)).collect()
    }

    /// What removes the cause.
    fn cure(&self) -> Option<Text> {
        match self.story.cause.as_ref()? {
            Cause::Removed { .. } => Some((
                "delete the password on that device, or: sidegate password new {account} --name \"{password}\"",
                "在该设备上删除密码，或：sidegate password new {account} --name \"{password}\"",
            )),
            Cause::Guessing { .. } => None,
            Cause::Shared { .. } => Some(DECLARE),
            Cause::Refused { reason, .. } => match reason.as_str() {
                "wrong-password" if self.at_portal() => None,
                "empty-password" => Some((
                    "have the password typed into the mail program anew; empty passwords do not count, and lead to no block",
                    "请在邮件客户端里重新输入密码；空密码不计入失败次数，也不会导致封锁",
                )),
                "wrong-password" | "main-password" | "expired" => Some((
                    "sidegate password new {account} --name DEVICE, and type it into the mail program",
                    "sidegate password new {account} --name 设备名，并填入邮件客户端",
                )),
                "wrong-factor" => Some((
                    "ask {account}: if nobody there did that, the main password is known to others and needs changing",
                    "询问 {account}：若并非本人所为，则主密码已泄露，须立即更换",
                )),
                "wrong-protocol" | "wrong-network" => Some((
                    "sidegate password list {account}, and make one that is good for it",
                    "sidegate password list {account}，并新建一个适用的专用密码",
                )),
                "disabled" => {
                    Some(("sidegate account enable {account}", "sidegate account enable {account}"))
                }
                _ => None,
            },
        }
    }

    /// What fails is the sign-in of somebody with a browser.
    fn at_portal(&self) -> bool {
        matches!(&self.story.cause, Some(Cause::Refused { protocol, .. }) if protocol == Protocol::PORTAL_NAME)
    }

    fn filled(&self, text: Text) -> String {
        let values = self.values();
        let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.say(text, &values)
    }

    /// What the texts may name.
    fn values(&self) -> Vec<(&'static str, String)> {
        let story = self.story;
        let mut values = vec![("subject", story.subject.clone())];
        if let Some(owner) = story.alias_of.first() {
            values.extend([("owner", owner.clone()), ("owners", story.alias_of.join(", "))]);
        }
        let block = story.source.as_ref().and_then(|source| source.block.as_ref()).or(story.blocks.first());
        if let Some(block) = block {
            values.push(("blocked", block.address.clone()));
            values.push(("until", self.style.times.show(block.until)));
            values.push(("why", block.reason.clone()));
        }
        if let Some(reached) = story.limits.first() {
            values.push(("opens", self.opens(reached)));
        }
        match &story.cause {
            None => {}
            Some(Cause::Removed { account, password }) => {
                values.extend([("account", account.clone()), ("password", password.clone())]);
            }
            Some(Cause::Guessing { accounts } | Cause::Shared { accounts }) => {
                values.push(("accounts", accounts.to_string()));
            }
            Some(Cause::Refused { account, protocol, .. }) => {
                values.extend([("account", account.clone()), ("protocol", protocol.clone())]);
            }
        }
        values
    }
}

const FACTORS_LOST: [Text; 2] = [
    (
        "their store key is not in the key file: put the key file of that time back (sidegate doctor names the key)",
        "密钥文件中缺少保存它们的密钥：请放回当时的密钥文件（sidegate doctor 会指出是哪个密钥）",
    ),
    (
        "only if it is lost: sidegate factor reset {subject}",
        "仅在密钥确已丢失时：sidegate factor reset {subject}",
    ),
];
const NEW_PASSWORD_HERE: Text =
    ("sidegate password new {subject} --name DEVICE", "sidegate password new {subject} --name 设备名");
const DECLARE: Text = (
    "if it is a proxy or webmail of yours: let it tell its users' addresses, or add it to lockout.exempt; for many \
     people behind one address: lockout.repeats = \"once\"",
    "若它是您的代理或网页邮箱：让它传递用户地址，或加入 lockout.exempt；若多人共用一个地址：lockout.repeats = \"once\"",
);

/// Why one account's logins fail.
fn why_refused(reason: &str) -> Text {
    match reason {
        "wrong-password" => (
            "A device sends a wrong password for {account} ({protocol}): mail programs need a client password, typed \
             anew on that device.",
            "有设备为 {account} 提交了错误密码（{protocol}）：邮件客户端须使用客户端专用密码，请在该设备上重新输入。",
        ),
        "empty-password" => (
            "A device sends no password for {account} ({protocol}), as one does that was set up from a backup: type it \
             anew on that device.",
            "有设备登录 {account} 时未提交密码（{protocol}），从备份恢复的设备常会如此：请在该设备上重新输入密码。",
        ),
        "main-password" => (
            "A device uses the main password of {account} ({protocol}): mail programs need a client password instead.",
            "有设备使用了 {account} 的主密码（{protocol}）：邮件客户端须改用客户端专用密码。",
        ),
        "wrong-factor" => (
            "Somebody who knows the main password of {account} shows wrong second factors at the portal.",
            "有人知道 {account} 的主密码，但在自助门户二次验证失败。",
        ),
        "unknown-account" | "bad-name" => (
            "There is no account {account}: check how the address is spelled in the mail program.",
            "没有帐号 {account}：请检查邮件客户端里的地址拼写。",
        ),
        "unreadable" => (
            "A mail program sends something that is no login ({protocol}).",
            "有邮件程序发来的内容不是有效的登录请求（{protocol}）。",
        ),
        "not-handed-on" => (
            "Nobody here has the name {account}, and it was not handed to Dovecot: names of accounts.domains are, and where \
             Dovecot ignores domains those of accounts alone (see sidegate doctor).",
            "本站没有 {account}，且未转交 Dovecot：只转交 accounts.domains 中的名称；若 Dovecot 忽略域名，则只转交已有帐号的名称（见 sidegate doctor）。",
        ),
        "others-mailbox" => (
            "The mailbox of {account} was entered under another name: it opens under the account's own name only.",
            "有人以其他名称进入 {account} 的邮箱：该邮箱只能以帐号本名登录。",
        ),
        "at-webmail" => (
            "A client password of {account} was typed into a webmail, which takes the main password only.",
            "有人在网页邮箱输入了 {account} 的客户端专用密码；网页邮箱只接受主密码。",
        ),
        "disabled" => ("The account {account} is disabled.", "帐号 {account} 已停用。"),
        "expired" => (
            "The client password of {account} has expired: a new one is needed.",
            "{account} 的客户端专用密码已过期，需要新的专用密码。",
        ),
        "wrong-protocol" => (
            "The client password of {account} is not good for {protocol}.",
            "{account} 的客户端专用密码不适用于 {protocol}。",
        ),
        "wrong-network" => (
            "The client password of {account} may not be used from this network.",
            "{account} 的客户端专用密码不可从此网络使用。",
        ),
        _ => ("Logins of {account} are refused.", "{account} 的登录被拒绝。"),
    }
}
