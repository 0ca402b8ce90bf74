//! One story per way in which logins fail, in both languages.

use super::*;
use crate::api::{PasswordView, RevokedView};
use crate::cli::explain::words;
use crate::cli::output::Style;
use crate::config::Language;
use crate::gate::event::Event;

const NOW: Timestamp = Timestamp(1_795_132_800);
const ANN: &str = "ann@example.org";
const HOME: &str = "192.0.2.7";

/// A login `ago` seconds before now.
fn login(ago: i64, account: &str, verdict: &str, reason: Option<&str>) -> Event {
    let mut event = Event::new(Timestamp(NOW.0 - ago), Kind::Login, "gate").account(account).address(HOME);
    event.protocol = Some("imap".into());
    event.verdict = Some(verdict.into());
    event.reason = reason.map(str::to_owned);
    event
}

fn wrong(ago: i64, account: &str) -> Event {
    login(ago, account, "refuse", Some("wrong-password"))
}

fn removed(ago: i64) -> Event {
    login(ago, ANN, "refuse", Some("revoked")).password(7, "Old phone")
}

fn views(events: Vec<Event>) -> Vec<EventView> {
    (1..).zip(events).map(|(id, event)| EventView { id, event }).collect()
}

fn facts(subject: &str, events: Vec<Event>) -> Facts {
    Facts { subject: subject.into(), events: views(events), ..Facts::default() }
}

fn source(block: Option<BlockView>, failures: usize) -> SourceView {
    let address = HOME.into();
    SourceView { address, block, failures, failures_max: 10, exempt: false, trusted: false }
}

fn block(ago: i64, reason: &str) -> BlockView {
    let since = Timestamp(NOW.0 - ago);
    let until = Timestamp(since.0 + 3600);
    BlockView { address: HOME.into(), since, until, reason: reason.into(), exempt: false, streak: None }
}

/// The story of [`HOME`], blocked `ago` seconds ago after these events.
fn blocked(ago: i64, mut events: Vec<Event>) -> Story {
    let reason = "10 failures in a row";
    events.push(Event::new(Timestamp(NOW.0 - ago), Kind::BlockAdded, "gate").address(HOME).reason(reason));
    tell(Facts { source: Some(source(Some(block(ago, reason)), 0)), ..facts(HOME, events) })
}

fn account() -> AccountView {
    let password = PasswordView {
        id: 1,
        name: "Phone".into(),
        created: NOW,
        expires: None,
        protocols: vec![],
        networks: vec![],
        imported: None,
        last_use: None,
    };
    AccountView {
        address: ANN.into(),
        enabled: true,
        two_factor: true,
        group: None,
        created: NOW,
        passwords: vec![password],
        revoked: vec![RevokedView { id: 7, name: "Old phone".into(), at: NOW }],
    }
}

fn english(story: &Story) -> String {
    words::tell(story, Language::En, &Style::plain(false))
}

fn chinese(story: &Story) -> String {
    words::tell(story, Language::ZhCn, &Style::plain(false))
}

#[test]
fn a_removed_password_blocks_its_own_house() {
    let mut events = vec![wrong(4000, "bob@example.org")];
    events.extend((0..10).map(|n| removed(110 - n)));
    let mut turned = login(50, ANN, "refuse", Some("blocked"));
    turned.count = 12;
    events.push(turned);
    let story = blocked(101, events);
    assert_eq!(story.situation, Situation::Blocked);
    assert_eq!(story.cause, Some(Cause::Removed { account: ANN.into(), password: "Old phone".into() }));
    assert_eq!((story.led_to_block.len(), story.led_to_block[0].count), (1, 10), "the last ten, not Bob's");
    assert_eq!((story.turned_away, story.still_used.len()), (12, 1));
    let text = english(&story);
    for said in [
        "Blocked since 2026-11-19T23:58:19Z, until 2026-11-20T00:58:19Z: 10 failures in a row.",
        "A device still uses the removed client password \"Old phone\" of ann@example.org.",
        "What led to the block\n  10×  ann@example.org  imap  removed client password \"Old phone\"  last",
        "What to tell the caller\n  Your address 192.0.2.7 is blocked until 2026-11-20T00:58:19Z after too many",
        "then: sidegate block lift 192.0.2.7",
        "Turned away while blocked: 12 attempts.",
    ] {
        assert!(text.contains(said), "{said} in\n{text}");
    }
    let text = chinese(&story);
    for said in ["已移除的客户端专用密码“Old phone”", "如何答复来电者", "sidegate block lift 192.0.2.7"]
    {
        assert!(text.contains(said), "{said} in\n{text}");
    }
}

#[test]
fn guesses_at_many_accounts_keep_their_block() {
    let names: Vec<String> = (0..10).map(|n| format!("user{n}@example.org")).collect();
    let guesses = || names.iter().zip(0..).map(|(name, n)| wrong(200 - n, name));
    let story = blocked(191, guesses().collect());
    assert_eq!(story.cause, Some(Cause::Guessing { accounts: 10 }));
    let text = english(&story);
    assert!(text.contains("this looks like guessing") && text.contains("leave the block"), "{text}");
    // The same failures where many get in are those of a crowd.
    let mut events: Vec<Event> = names.iter().map(|name| login(300, name, "accept", None)).collect();
    events.extend(guesses());
    events.push(Event::new(Timestamp(NOW.0 - 250), Kind::ProxySuspected, "gate").address(HOME));
    let story = blocked(191, events);
    assert_eq!(story.cause, Some(Cause::Shared { accounts: 10 }));
    let text = english(&story);
    assert!(text.contains("lockout.exempt") && text.contains("that nobody declared"), "{text}");
    assert_eq!(text.matches("lockout.repeats").count(), 1, "{text}");
}

#[test]
fn a_block_by_hand_is_told_as_one() {
    let reason = "guesses passwords";
    let mut event = Event::new(Timestamp(NOW.0 - 60), Kind::BlockAdded, "uid 0").address(HOME).reason(reason);
    for actor in [Some("uid 0"), None] {
        let events = match actor {
            Some(actor) => vec![Event { actor: actor.into(), ..event.clone() }],
            // Too old to be among the events: its words tell.
            None => vec![],
        };
        let story = tell(Facts { source: Some(source(Some(block(60, reason)), 0)), ..facts(HOME, events) });
        assert_eq!(story.situation, Situation::BlockedByHand);
        let text = english(&story);
        assert!(text.contains("on purpose (guesses passwords)") && text.contains("block lift"), "{text}");
    }
    event.actor = "gate".into();
    let mut exempt = source(Some(block(60, reason)), 0);
    exempt.exempt = true;
    let story = tell(Facts { source: Some(exempt), ..facts(HOME, vec![event]) });
    assert_eq!(story.situation, Situation::Silent, "an exempt address is never blocked");
    assert!(english(&story).contains("lockout.exempt"));
}

#[test]
fn failures_are_told_until_the_account_gets_in_again() {
    let of = |events| tell(Facts { source: Some(source(None, 2)), ..facts(HOME, events) });
    let story = of(vec![wrong(20, ANN), wrong(10, ANN)]);
    assert_eq!(story.situation, Situation::Failing);
    let text = english(&story);
    assert!(text.contains("Not blocked: 2 of the 10") && text.contains("wrong password for ann@"), "{text}");
    assert!(text.contains("sidegate password new ann@example.org --name DEVICE"), "{text}");
    let story = of(vec![wrong(20, ANN), login(5, ANN, "accept", None)]);
    assert_eq!((story.situation, story.cause.clone()), (Situation::Well, None));
    let story = of(vec![wrong(20, ANN), login(5, "bob@example.org", "accept", None)]);
    assert_eq!(story.situation, Situation::Failing, "Bob's success says nothing of Ann");
    assert_eq!(of(vec![]).situation, Situation::Silent);
    let story = of(vec![login(5, ANN, "defer", Some("the store takes no writes"))]);
    assert_eq!((story.situation, story.deferred), (Situation::OurTrouble, 1));
    assert!(english(&story).contains("The trouble is ours"));
}

#[test]
fn every_reason_is_put_into_words_in_both_languages() {
    for reason in [
        "wrong-password",
        "empty-password",
        "unknown-account",
        "bad-name",
        "unreadable",
        "disabled",
        "revoked",
        "expired",
        "wrong-protocol",
        "wrong-network",
        "not-handed-on",
        "others-mailbox",
        "at-webmail",
        "main-password",
    ] {
        let events = vec![login(5, ANN, "refuse", Some(reason)).password(1, "Phone")];
        let story = tell(Facts { source: Some(source(None, 1)), ..facts(HOME, events) });
        assert_eq!(story.situation, Situation::Failing, "{reason}");
        for text in [english(&story), chinese(&story)] {
            assert!(!reason.contains('-') || !text.contains(reason), "{reason}: {text}");
            assert!(
                text.contains(ANN) && !text.contains('{') && !text.contains("Logins of"),
                "{reason}: {text}"
            );
        }
    }
}

#[test]
fn an_account_is_told_with_its_addresses_and_limits() {
    let with = |account, events| tell(Facts { account, ..facts(ANN, events) });
    assert_eq!(with(None, vec![]).situation, Situation::NoAccount);
    let disabled = AccountView { enabled: false, ..account() };
    assert_eq!(with(Some(disabled), vec![wrong(1, ANN)]).situation, Situation::Disabled);
    let bare = AccountView { passwords: vec![], ..account() };
    assert_eq!(with(Some(bare), vec![]).situation, Situation::NoPasswords);
    assert_eq!(with(Some(account()), vec![]).situation, Situation::Silent);
    let story = with(Some(account()), vec![removed(9)]);
    assert_eq!(story.situation, Situation::Failing);
    let text = english(&story);
    assert!(text.contains("Enabled, two-factor on.\nClient password \"Phone\": never used."), "{text}");
    assert!(text.contains("1×  192.0.2.7  imap"), "grouped by address: {text}");

    let elsewhere = BlockView { address: "198.51.100.0/24".into(), ..block(60, "x") };
    let network = BlockView { address: "192.0.2.0/24".into(), ..block(60, "10 failures in a row") };
    let story = tell(Facts {
        account: Some(account()),
        blocks: vec![elsewhere, network],
        ..facts(ANN, vec![removed(70)])
    });
    assert_eq!((story.situation, story.blocks.len()), (Situation::Blocked, 1));
    assert!(english(&story).contains("block lift 192.0.2.0/24"));

    let mut limits = AccountLimits {
        address: ANN.into(),
        group: None,
        limits: crate::api::LimitsInForce::default(),
        passwords: vec![],
    };
    limits.limits.recipients_per_day = LimitInForce {
        at_most: Some(50),
        used: 50,
        reached: true,
        opens: Some(NOW),
        ..LimitInForce::default()
    };
    let story = tell(Facts { account: Some(account()), limits: Some(limits), ..facts(ANN, vec![]) });
    assert_eq!(story.situation, Situation::LimitReached);
    let text = english(&story);
    assert!(text.contains("50 recipients per day; open again: 2026-11-20T00:00:00Z"), "{text}");
    assert!(text.contains("it goes on at: 2026-11-20T00:00:00Z") && text.contains("limits show"), "{text}");
}

#[test]
fn what_was_only_observed_is_told_apart() {
    let seen = login(60, ANN, WOULD_REFUSE, Some("main-password"));
    let story = tell(Facts { source: Some(source(None, 0)), ..facts(HOME, vec![seen.clone()]) });
    assert_eq!((story.situation, story.observed.len(), story.refused.len()), (Situation::Well, 1, 0));
    assert!(
        english(&story).contains("and not once it is enforced\n  1×  ann@example.org  imap  main password")
    );
    let mail = Event { kind: Kind::Sending, ..seen };
    let story = tell(Facts { source: Some(source(None, 0)), ..facts(HOME, vec![mail]) });
    assert_eq!((story.observed.len(), story.not_sent.len()), (1, 0));
}

#[test]
fn an_alias_is_told_with_the_accounts_it_belongs_to() {
    let alias = "info@example.org";
    let owner = Facts { account: Some(account()), ..facts(ANN, vec![removed(9)]) };
    let story = tell(Facts {
        alias_of: vec![ANN.into(), "bob@example.org".into()],
        owners: vec![owner],
        ..facts(alias, vec![login(5, alias, "refuse", Some("unknown-account"))])
    });
    assert_eq!((story.situation, story.owners[0].situation), (Situation::Alias, Situation::Failing));
    let text = english(&story);
    let (alias_told, owner_told) = text.split_once("\n\nann@example.org\n\nEnabled").unwrap();
    assert!(alias_told.contains("An alias of ann@example.org, bob@example.org."), "{text}");
    assert!(alias_told.contains("no such account") && !alias_told.contains("account add"), "{text}");
    assert!(
        alias_told.ends_with(
            "  info@example.org is only a further address of ann@example.org, \
         bob@example.org: put ann@example.org into the mail program as the user name."
        ),
        "{text}"
    );
    assert!(owner_told.contains("removed client password \"Old phone\""), "{text}");
    assert!(!chinese(&story).contains('{'));
    let nobody = tell(facts(alias, vec![]));
    assert_eq!(nobody.situation, Situation::NoAccount);
}

#[test]
fn nothing_from_outside_steers_the_terminal() {
    let story = tell(Facts { source: Some(source(None, 1)), ..facts(HOME, vec![wrong(1, "a\u{1b}[2Jb")]) });
    assert!(!english(&story).contains('\u{1b}'));
}
