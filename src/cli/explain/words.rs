//! The story in English and Chinese: every text of `sidegate explain` is here and in `advice`.

mod advice;

use super::story::{Reached, Story, Tally};
use crate::cli::output::{Style, Table, visible};
use crate::config::Language;
use crate::config::template::{Marks, fill};

/// Rows of a list that are shown; `--json` has all.
const ROWS_SHOWN: usize = 15;

/// A text in English and Chinese, with `{placeholders}`.
type Text = (&'static str, &'static str);

/// The story for a person.
#[must_use]
pub fn tell(story: &Story, language: Language, style: &Style) -> String {
    let teller = Teller { story, language, style };
    let mut text = visible(&story.subject) + "\n\n";
    teller.now(&mut text);
    teller.lists(&mut text);
    let said = teller.to_the_caller();
    let tell: Text = ("What to tell the caller", "如何答复来电者");
    teller.heading(&mut text, tell);
    text.push_str(&format!("  {}\n", visible(&said)));
    let steps = teller.to_do();
    if !steps.is_empty() {
        teller.heading(&mut text, ("What to do", "处理办法"));
        steps.iter().for_each(|step| text.push_str(&format!("  {}\n", visible(step))));
    }
    for owner in &story.owners {
        text.push('\n');
        text.push_str(&self::tell(owner, language, style));
    }
    text
}

struct Teller<'a> {
    story: &'a Story,
    language: Language,
    style: &'a Style,
}

impl Teller<'_> {
    fn say(&self, text: Text, values: &[(&str, &str)]) -> String {
        let text = match self.language {
            Language::En => text.0,
            Language::ZhCn => text.1,
        };
        fill(text, Marks::Braces, values)
    }

    fn line(&self, to: &mut String, text: Text, values: &[(&str, &str)]) {
        to.push_str(&visible(&self.say(text, values)));
        to.push('\n');
    }

    fn heading(&self, to: &mut String, text: Text) {
        to.push('\n');
        self.line(to, text, &[]);
    }

    /// How it stands, one sentence a line.
    fn now(&self, to: &mut String) {
        self.address(to);
        self.account(to);
        let story = self.story;
        for block in &story.blocks {
            let until = self.style.times.show(block.until);
            let values = [("address", block.address.as_str()), ("until", &until), ("why", &block.reason)];
            let text = (
                "One of its addresses, {address}, is blocked until {until}: {why}.",
                "该帐号使用过的地址 {address} 已被封锁至 {until}：{why}。",
            );
            self.line(to, text, &values);
        }
        for tally in &story.still_used {
            let text = (
                "A device still uses the removed client password \"{password}\" of {account}.",
                "仍有设备在使用 {account} 已移除的客户端专用密码“{password}”。",
            );
            let (account, password) = (or_none(&tally.account), or_none(&tally.password));
            self.line(to, text, &[("account", account), ("password", password)]);
        }
        if story.turned_away > 0 {
            let text =
                ("Turned away while blocked: {count} attempts.", "封锁期间被直接拒绝的登录：{count} 次。");
            self.line(to, text, &[("count", &story.turned_away.to_string())]);
        }
        if story.deferred > 0 {
            let text = (
                "Put off by trouble of our own, not counted: {count} attempts.",
                "因服务器自身故障而推迟（不计失败）的登录：{count} 次。",
            );
            self.line(to, text, &[("count", &story.deferred.to_string())]);
        }
        if let Some(at) = story.proxy_suspected {
            let text = (
                "Many accounts log in well from here: reported on {at} as a proxy or webmail that nobody declared.",
                "许多帐号从此地址正常登录：{at} 已报告疑似未声明的代理或网页邮箱。",
            );
            self.line(to, text, &[("at", &self.style.times.show(at))]);
        }
        if story.cut {
            let text = (
                "There are more events than this story looks at; the oldest are missing.",
                "事件过多，较早的部分未统计。",
            );
            self.line(to, text, &[]);
        }
    }

    fn address(&self, to: &mut String) {
        let Some(source) = &self.story.source else { return };
        if source.address != self.story.subject && !source.address.contains('/') {
            let text = ("It is the IPv4 address {address}.", "它就是 IPv4 地址 {address}。");
            self.line(to, text, &[("address", &source.address)]);
        } else if source.address != self.story.subject {
            let text = (
                "Failures are counted for {network} as a whole; the lists below are of the one address.",
                "失败次数按整个网段 {network} 计算，下列清单仅含此地址。",
            );
            self.line(to, text, &[("network", &source.address)]);
        }
        if source.exempt {
            let text = (
                "It is in lockout.exempt: it is never blocked, and its failures are not counted.",
                "它在 lockout.exempt 中：从不封锁，失败也不计数。",
            );
            self.line(to, text, &[]);
        }
        if source.trusted {
            let text = (
                "It is in main_password.allowed_from: main passwords are good from there.",
                "它在 main_password.allowed_from 中：可从此处使用主密码。",
            );
            self.line(to, text, &[]);
        }
        if let Some(block) = &source.block {
            let (since, until) = (self.style.times.show(block.since), self.style.times.show(block.until));
            let values = [
                ("since", since.as_str()),
                ("until", &until),
                ("why", &block.reason),
                ("network", &block.address),
            ];
            let text = if block.address == source.address {
                (
                    "Blocked since {since}, until {until}: {why}.",
                    "自 {since} 起被封锁，至 {until} 为止：{why}。",
                )
            } else {
                (
                    "It is in the network {network}, which is blocked since {since}, until {until}: {why}.",
                    "它所在的网段 {network} 自 {since} 起被封锁，至 {until} 为止：{why}。",
                )
            };
            self.line(to, text, &values);
            if let Some(who) = &self.story.blocked_by {
                self.line(to, ("An administrator did it: {who}.", "由管理员封锁：{who}。"), &[("who", who)]);
            }
        } else if !source.exempt {
            let (failures, most) = (source.failures.to_string(), source.failures_max.to_string());
            let text = (
                "Not blocked: {failures} of the {most} failures in a row that block it.",
                "未被封锁：连续失败 {failures} 次（满 {most} 次即封锁）。",
            );
            self.line(to, text, &[("failures", &failures), ("most", &most)]);
        }
    }

    fn account(&self, to: &mut String) {
        if self.story.source.is_some() {
            return;
        }
        let Some(account) = &self.story.account else {
            return match self.story.alias_of.as_slice() {
                [] => self.line(to, ("There is no such account.", "没有这个帐号。"), &[]),
                owners => {
                    let text = ("An alias of {owners}.", "这是 {owners} 的别名。");
                    self.line(to, text, &[("owners", &owners.join(", "))]);
                }
            };
        };
        let text = match (account.enabled, account.two_factor) {
            (true, true) => ("Enabled, two-factor on.", "已启用，二次验证已开启。"),
            (true, false) => ("Enabled, two-factor off.", "已启用，二次验证未开启。"),
            (false, _) => ("Disabled.", "已停用。"),
        };
        self.line(to, text, &[]);
        if account.passwords.is_empty() {
            self.line(to, ("No client passwords.", "没有客户端专用密码。"), &[]);
        }
        for password in &account.passwords {
            let Some(last) = &password.last_use else {
                let text = ("Client password \"{name}\": never used.", "客户端专用密码“{name}”：从未使用。");
                self.line(to, text, &[("name", &password.name)]);
                continue;
            };
            let at = self.style.times.show(last.at);
            let values = [
                ("name", password.name.as_str()),
                ("at", &at),
                ("protocol", &last.protocol),
                ("address", or_none(&last.address)),
            ];
            let text = (
                "Client password \"{name}\": last used {at}, {protocol} from {address}.",
                "客户端专用密码“{name}”：最近使用于 {at}，{protocol}，来自 {address}。",
            );
            self.line(to, text, &values);
        }
        for limit in &self.story.limits {
            self.limit(to, limit);
        }
    }

    fn limit(&self, to: &mut String, reached: &Reached) {
        let what = reached.limit.replace('-', " ");
        let most = reached.at_most.map(|most| most.to_string()).unwrap_or_default();
        let opens = self.opens(reached);
        let values = [
            ("what", what.as_str()),
            ("most", &most),
            ("opens", &opens),
            ("password", or_none(&reached.password)),
        ];
        let text = match &reached.password {
            None => (
                "Sending limit reached: {most} {what}; open again: {opens}.",
                "发信限额已满：{most}（{what}），恢复时间：{opens}。",
            ),
            Some(_) => (
                "Sending limit of client password \"{password}\" reached: {most} {what}; open again: {opens}.",
                "客户端专用密码“{password}”的发信限额已满：{most}（{what}），恢复时间：{opens}。",
            ),
        };
        self.line(to, text, &values);
    }

    fn opens(&self, reached: &Reached) -> String {
        reached.opens.map_or_else(|| self.say(("never", "不会恢复"), &[]), |at| self.style.times.show(at))
    }

    fn lists(&self, to: &mut String) {
        let story = self.story;
        for (heading, tallies) in [
            (("What led to the block", "导致封锁的失败"), &story.led_to_block),
            (("Refused in the last 7 days", "最近 7 天被拒绝的登录"), &story.refused),
            (("Let in in the last 7 days", "最近 7 天成功的登录"), &story.accepted),
            (
                (
                    "Let through in the last 7 days, and not once it is enforced",
                    "最近 7 天放行、启用后将被拒绝的",
                ),
                &story.observed,
            ),
            (("Messages not let through in the last 7 days", "最近 7 天被拒的邮件"), &story.not_sent),
        ] {
            if tallies.is_empty() {
                continue;
            }
            self.heading(to, heading);
            let mut table = Table::new(&[]);
            for tally in tallies.iter().take(ROWS_SHOWN) {
                table.row(self.row(tally));
            }
            table.show(false).lines().for_each(|line| to.push_str(&format!("  {line}\n")));
            if tallies.len() > ROWS_SHOWN {
                let more = (tallies.len() - ROWS_SHOWN).to_string();
                self.line(
                    to,
                    ("  and {more} more; --json shows all", "  另有 {more} 项，用 --json 查看"),
                    &[("more", &more)],
                );
            }
        }
    }

    fn row(&self, tally: &Tally) -> Vec<crate::cli::output::Cell> {
        let who = if self.story.source.is_some() { &tally.account } else { &tally.address };
        let password = tally.password.as_ref().map(|name| format!(" \"{name}\"")).unwrap_or_default();
        let why = tally.reason.as_ref().map(|reason| self.reason(reason)).unwrap_or_default();
        let last = self.say(("last {at}", "最近 {at}"), &[("at", &self.style.times.show(tally.last))]);
        vec![
            format!("{}×", tally.count).into(),
            or_none(who).into(),
            or_none(&tally.protocol).into(),
            format!("{why}{password}").trim().to_owned().into(),
            last.into(),
        ]
    }

    /// A stable word in words.
    fn reason(&self, word: &str) -> String {
        let text = match word {
            "wrong-password" => ("wrong password", "密码错误"),
            "empty-password" => ("no password sent", "未提交密码"),
            "wrong-factor" => ("wrong second factor", "二次验证错误"),
            "unknown-account" => ("no such account", "帐号不存在"),
            "bad-name" => ("impossible name", "名称无效"),
            "unreadable" => ("a message that cannot be read", "消息无法解析"),
            "not-handed-on" => ("name not handed to Dovecot", "名称未转交 Dovecot"),
            "others-mailbox" => ("mailbox of another account", "属于另一帐号的邮箱"),
            "disabled" => ("account disabled", "帐号已停用"),
            "revoked" => ("removed client password", "已移除的客户端专用密码"),
            "expired" => ("expired client password", "已过期的客户端专用密码"),
            "wrong-protocol" => ("client password not for this protocol", "专用密码不适用于此协议"),
            "wrong-network" => ("client password not for this network", "专用密码不适用于此网络"),
            "at-webmail" => ("client password at a webmail", "在网页邮箱使用专用密码"),
            "main-password" => ("main password", "主密码"),
            "allowed-host" => ("main password from a declared webmail", "已声明的网页邮箱转来的主密码"),
            "blocked" => ("address blocked", "地址被封锁"),
            other => return other.to_owned(),
        };
        self.say(text, &[])
    }
}

fn or_none(text: &Option<String>) -> &str {
    text.as_deref().unwrap_or("-")
}
