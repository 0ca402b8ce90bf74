//! What answers about sending look like: aliases, delegations, limits.

use crate::api::{
    AccountLimits, AliasView, DelegationView, LimitInForce, LimitValue, LimitWord, LimitsInForce, LimitsView,
};
use crate::cli::output::{Cell, Style, Table, Tone, visible};
use crate::gate::delegation::Right;
use crate::gate::limits::Limited;

/// A list of aliases.
#[must_use]
pub fn aliases(list: &[AliasView], style: &Style) -> String {
    let mut table = Table::new(&["ALIAS", "OF"]);
    for line in list {
        table.row(vec![(&line.alias).into(), (&line.of).into()]);
    }
    table.show(style.colour)
}

/// A list of delegations.
#[must_use]
pub fn delegations(list: &[DelegationView], style: &Style) -> String {
    let mut table = Table::new(&["OWNER", "DELEGATE", "RIGHT", "SINCE"]);
    for line in list {
        table.row(vec![
            (&line.owner).into(),
            (&line.delegate).into(),
            line.right.word().into(),
            style.times.show(line.since).into(),
        ]);
    }
    table.show(style.colour)
}

/// What a right means, as the end of a sentence about a delegate.
#[must_use]
pub fn may(right: Right, owner: &str) -> String {
    match right {
        Right::Read => format!("may read the mail of {owner}"),
        Right::OnBehalf => format!("may read the mail of {owner} and send on its behalf"),
        Right::SendAs => format!("may read the mail of {owner} and send as {owner}"),
    }
}

/// What is set of limits.
#[must_use]
pub fn limits(list: &[LimitsView], style: &Style) -> String {
    let mut table =
        Table::new(&["FOR", "PER", "MESSAGES/HOUR", "RECIPIENTS/HOUR", "MESSAGES/DAY", "RECIPIENTS/DAY"]);
    for line in list {
        let whose = match (line.level.as_str(), &line.name) {
            ("group", Some(name)) => format!("group {name}"),
            (_, Some(name)) => name.clone(),
            (level, None) => level.to_owned(),
        };
        table.row(vec![
            whose.into(),
            line.per.word().into(),
            said(line.messages_per_hour),
            said(line.recipients_per_hour),
            said(line.messages_per_day),
            said(line.recipients_per_day),
        ]);
    }
    table.show(style.colour)
}

/// Nothing is a dash, so that no column looks forgotten.
fn said(value: Option<LimitValue>) -> Cell {
    match value {
        None | Some(LimitValue::Word(LimitWord::Inherit)) => "-".into(),
        Some(LimitValue::Word(LimitWord::Unlimited)) => "unlimited".into(),
        Some(LimitValue::AtMost(limit)) => limit.into(),
    }
}

/// The limits in force for an account, and for those of its client passwords that have any or were used.
#[must_use]
pub fn account_limits(account: &AccountLimits, style: &Style) -> String {
    let group =
        account.group.as_ref().map_or_else(|| "no group".to_owned(), |group| format!("group {group}"));
    let mut text = visible(&format!("{} ({group})", account.address)) + "\n";
    text.push_str(&in_force(&account.limits, style));
    for password in account.passwords.iter().filter(|password| tells_something(&password.limits)) {
        text.push('\n');
        text.push_str(&visible(&format!("client password {}, \"{}\"", password.id, password.name)));
        text.push('\n');
        text.push_str(&in_force(&password.limits, style));
    }
    text
}

fn tells_something(limits: &LimitsInForce) -> bool {
    Limited::ALL.iter().map(|limited| limits.get(*limited)).any(|one| one.from.is_some() || one.used > 0)
}

fn in_force(limits: &LimitsInForce, style: &Style) -> String {
    let mut table = Table::new(&["LIMIT", "AT MOST", "FROM", "USED", "OPENS"]);
    for limited in Limited::ALL {
        let LimitInForce { at_most, from, used, reached, opens } = limits.get(limited);
        let tone = if *reached { Tone::Bad } else { Tone::Plain };
        let opens = match (reached, opens) {
            (false, _) => String::new(),
            (true, Some(opens)) => style.times.show(*opens),
            (true, None) => "never".to_owned(),
        };
        table.row(vec![
            limited.word().replace('-', " ").into(),
            at_most.map_or_else(|| "unlimited".into(), Cell::from),
            from.as_deref().unwrap_or("-").into(),
            Cell::toned(used.to_string(), tone),
            Cell::toned(opens, tone),
        ]);
    }
    table.show(style.colour)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PasswordLimits;
    use crate::clock::Timestamp;
    use crate::gate::limits::Per;

    const DAY: Timestamp = Timestamp(1_795_132_800);

    fn plain() -> Style {
        Style::plain(false)
    }

    #[test]
    fn who_has_which_address_and_who_may_do_what() {
        let line = |alias: &str, of: &str| AliasView { alias: alias.into(), of: of.into() };
        let list = [line("@example.net", "@example.org"), line("info@example.org", "ann@example.org")];
        assert_eq!(
            aliases(&list, &plain()),
            "\
ALIAS             OF
@example.net      @example.org
info@example.org  ann@example.org
"
        );
        let one = DelegationView {
            owner: "ann@example.org".into(),
            delegate: "bob@example.org".into(),
            right: Right::OnBehalf,
            since: DAY,
        };
        assert_eq!(
            delegations(&[one], &plain()),
            "\
OWNER            DELEGATE         RIGHT      SINCE
ann@example.org  bob@example.org  on-behalf  2026-11-20T00:00:00Z
"
        );
    }

    #[test]
    fn what_is_set_is_one_line_a_level() {
        let nothing = LimitsView {
            level: "default".into(),
            name: None,
            per: Per::Account,
            messages_per_hour: None,
            recipients_per_hour: None,
            messages_per_day: None,
            recipients_per_day: None,
        };
        let staff = LimitsView {
            level: "group".into(),
            name: Some("staff".into()),
            per: Per::ClientPassword,
            messages_per_hour: Some(LimitValue::AtMost(100)),
            recipients_per_day: Some(LimitValue::Word(LimitWord::Unlimited)),
            ..nothing.clone()
        };
        let ann =
            LimitsView { level: "account".into(), name: Some("ann@example.org".into()), ..nothing.clone() };
        assert_eq!(
            limits(&[nothing, staff, ann], &plain()),
            "\
FOR              PER              MESSAGES/HOUR  RECIPIENTS/HOUR  MESSAGES/DAY  RECIPIENTS/DAY
default          account          -              -                -             -
group staff      client-password  100            -                -             unlimited
ann@example.org  account          -              -                -             -
"
        );
    }

    #[test]
    fn what_is_in_force_with_its_winner_and_its_use() {
        let of = |at_most, from: &str, used, opens: Option<Timestamp>| LimitInForce {
            at_most,
            from: Some(from.into()),
            used,
            reached: opens.is_some(),
            opens,
        };
        let limits = LimitsInForce {
            messages_per_hour: of(Some(100), "group", 12, None),
            recipients_per_hour: of(Some(20), "account", 20, Some(DAY)),
            messages_per_day: of(None, "account", 12, None),
            recipients_per_day: LimitInForce { reached: true, ..of(Some(0), "default", 0, None) },
        };
        let password = |id, used| PasswordLimits {
            id,
            name: "Ann's phone".into(),
            limits: LimitsInForce {
                messages_per_day: LimitInForce { used, ..LimitInForce::default() },
                ..LimitsInForce::default()
            },
        };
        let account = AccountLimits {
            address: "ann@example.org".into(),
            group: Some("staff".into()),
            limits,
            passwords: vec![password(3, 12), password(4, 0)],
        };
        assert_eq!(
            account_limits(&account, &plain()),
            "\
ann@example.org (group staff)
LIMIT                AT MOST    FROM     USED  OPENS
messages per hour    100        group    12
recipients per hour  20         account  20    2026-11-20T00:00:00Z
messages per day     unlimited  account  12
recipients per day   0          default  0     never

client password 3, \"Ann's phone\"
LIMIT                AT MOST    FROM  USED  OPENS
messages per hour    unlimited  -     0
recipients per hour  unlimited  -     0
messages per day     unlimited  -     12
recipients per day   unlimited  -     0
"
        );
        let bare = AccountLimits { group: None, passwords: vec![], ..account };
        assert!(account_limits(&bare, &plain()).starts_with("ann@example.org (no group)\nLIMIT "));
        let colour = Style { colour: true, ..plain() };
        assert!(account_limits(&bare, &colour).contains("\u{1b}[31mnever"));
    }
}
