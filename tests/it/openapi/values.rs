//! A value of every type of the control API, once with everything in it and once with as little as can be.

use serde_json::json;
use sidegate::api::*;
use sidegate::clock::Timestamp;
use sidegate::gate::account::LastUse;
use sidegate::gate::delegation::Right;
use sidegate::gate::event::{Event, Kind, WOULD_REFUSE};
use sidegate::gate::limits::{LIMIT_MAX, Per};

use super::Schemas;

const NOW: Timestamp = Timestamp(1_795_000_000);

pub(super) fn requests(schemas: &mut Schemas) {
    let address = String::from("ann@example.org");
    let account = NewAccount { address: address.clone() };
    schemas.request("NewAccount", &account, &account);
    let change = AccountChange { enabled: Some(true), two_factor: Some(false), group: Some("staff".into()) };
    schemas.request("AccountChange", &change, &AccountChange::default());
    let password = |expires_in, list: &[&str]| NewPasswordRequest {
        name: "Phone".into(),
        expires_in,
        protocols: list.iter().map(|&text| text.into()).collect(),
        networks: list.iter().map(|&text| text.into()).collect(),
    };
    schemas.request("NewPasswordRequest", &password(Some(1), &["x"]), &password(None, &[]));
    let block = |seconds, reason| NewBlock { address: "192.0.2.7".into(), seconds, reason };
    schemas.request("NewBlock", &block(Some(1), Some("why".into())), &block(None, None));
    let check = |from| CheckRequest {
        account: address.clone(),
        protocol: "imap".into(),
        from,
        password: "Fj7kQm2RxT9wBn4c".into(),
    };
    schemas.request("CheckRequest", &check(Some("192.0.2.7".into())), &check(None));
}

pub(super) fn accounts(schemas: &mut Schemas) {
    let address = String::from("ann@example.org");
    let line = |group, signed_in| {
        let (address, created) = (address.clone(), NOW);
        AccountLine { address, enabled: true, two_factor: true, group, passwords: 1, created, signed_in }
    };
    schemas.answer("AccountLine", &line(Some("staff".into()), Some(NOW)), &line(None, None));
    let line = line(None, None);
    let list = AccountList { accounts: vec![line], more: true };
    schemas.answer("AccountList", &list, &AccountList { accounts: vec![], more: false });
    let last = |address| LastUse { at: NOW, address, protocol: "imap".into() };
    schemas.answer("LastUse", &last(Some("192.0.2.7".into())), &last(None));
    let bare = PasswordView {
        id: 1,
        name: "Phone".into(),
        created: NOW,
        expires: None,
        protocols: vec![],
        networks: vec![],
        imported: None,
        last_use: None,
    };
    let full = PasswordView {
        imported: Some("bcrypt".into()),
        expires: Some(NOW),
        protocols: vec!["imap".into()],
        networks: vec!["192.0.2.0/24".into()],
        last_use: Some(last(None)),
        ..bare.clone()
    };
    schemas.answer("PasswordView", &full, &bare);
    let gone = RevokedView { id: 1, name: "Phone".into(), at: NOW };
    schemas.answer("RevokedView", &gone, &gone);
    let view = |group, passwords, revoked| AccountView {
        address: address.clone(),
        enabled: true,
        two_factor: true,
        group,
        created: NOW,
        passwords,
        revoked,
    };
    schemas.answer(
        "AccountView",
        &view(Some("staff".into()), vec![full, bare], vec![gone]),
        &view(None, vec![], vec![]),
    );
    let new = |expires| NewPasswordAnswer {
        id: 1,
        name: "Phone".into(),
        password: "Fj7kQm2RxT9wBn4c".into(),
        expires,
    };
    schemas.answer("NewPasswordAnswer", &new(Some(NOW)), &new(None));
    let line = RevokedLine { id: 1, name: "Phone".into() };
    schemas.answer("RevokedLine", &line, &line);
    schemas.answer("RevokedList", &RevokedList { revoked: vec![line] }, &RevokedList { revoked: vec![] });
}

pub(super) fn imports(schemas: &mut Schemas) {
    let bare = ImportAccount { account: "ann@example.org".into(), ..ImportAccount::default() };
    let full = ImportAccount {
        enabled: Some(true),
        two_factor: Some(false),
        group: Some("staff".into()),
        aliases: vec!["info@example.org".into()],
        ..bare.clone()
    };
    schemas.request("ImportAccount", &full, &bare);
    let whole = ImportAccounts { dry_run: true, accounts: vec![full, bare] };
    schemas.request("ImportAccounts", &whole, &ImportAccounts { dry_run: false, accounts: vec![] });
    let bare = ImportPassword {
        account: "ann@example.org".into(),
        name: "Phone".into(),
        hash: "$6$x$y".into(),
        ..ImportPassword::default()
    };
    let full = ImportPassword {
        expires: Some(NOW),
        protocols: vec!["imap".into()],
        networks: vec!["192.0.2.0/24".into()],
        ..bare.clone()
    };
    schemas.request("ImportPassword", &full, &bare);
    let whole = ImportPasswords { dry_run: true, passwords: vec![full, bare] };
    schemas.request("ImportPasswords", &whole, &ImportPasswords { dry_run: false, passwords: vec![] });
    let mistake = ImportMistake { row: 0, column: "hash".into(), message: "damaged".into() };
    schemas.answer("ImportMistake", &mistake, &mistake);
    let answer = ImportAnswer { mistakes: vec![mistake], ..ImportAnswer::default() };
    schemas.answer("ImportAnswer", &answer, &ImportAnswer::default());
    let password = PasswordView {
        id: 1,
        name: "Phone".into(),
        created: NOW,
        expires: None,
        protocols: vec![],
        networks: vec![],
        imported: Some("bcrypt".into()),
        last_use: None,
    };
    let line = PasswordLine { account: "ann@example.org".into(), password };
    schemas.answer("PasswordLine", &line, &line);
    let list = PasswordList { passwords: vec![line], more: true };
    schemas.answer("PasswordList", &list, &PasswordList { passwords: vec![], more: false });
}

pub(super) fn aliases_and_delegations(schemas: &mut Schemas) {
    let (alias, of) = (String::from("info@example.org"), String::from("ann@example.org"));
    let new = NewAlias { alias: alias.clone(), of: of.clone() };
    schemas.request("NewAlias", &new, &new);
    let view = AliasView { alias, of };
    schemas.answer("AliasView", &view, &view);
    let list = AliasList { aliases: vec![view], more: true };
    schemas.answer("AliasList", &list, &AliasList { aliases: vec![], more: false });
    let owners = |owners| Owners { address: "info@example.org".into(), owners };
    schemas.answer("Owners", &owners(vec!["ann@example.org".into()]), &owners(vec![]));
    let (owner, delegate) = (String::from("ann@example.org"), String::from("bob@example.org"));
    let new = NewDelegation { owner: owner.clone(), delegate: delegate.clone(), right: Right::Read };
    schemas.request("NewDelegation", &new, &new);
    let view = DelegationView { owner, delegate, right: Right::SendAs, since: NOW };
    schemas.answer("DelegationView", &view, &view);
    let list = DelegationList { delegations: vec![view], more: true };
    schemas.answer("DelegationList", &list, &DelegationList { delegations: vec![], more: false });
    schemas.words("Right", Right::ALL.map(Right::word).as_slice());
}

pub(super) fn limits(schemas: &mut Schemas) {
    schemas.words("Per", Per::ALL.map(Per::word).as_slice());
    let number = Some(LimitValue::AtMost(1));
    let word = |word| Some(LimitValue::Word(word));
    let new = NewLimits {
        account: Some("ann@example.org".into()),
        group: Some("staff".into()),
        default: true,
        per: Per::ClientPassword,
        messages_per_hour: number,
        recipients_per_hour: word(LimitWord::Unlimited),
        messages_per_day: word(LimitWord::Inherit),
        recipients_per_day: number,
    };
    schemas.request("NewLimits", &new, &NewLimits::default());
    let bare = LimitsView {
        level: "default".into(),
        name: None,
        per: Per::Address,
        messages_per_hour: None,
        recipients_per_hour: None,
        messages_per_day: None,
        recipients_per_day: None,
    };
    let full = LimitsView {
        level: "group".into(),
        name: Some("staff".into()),
        messages_per_hour: number,
        recipients_per_hour: word(LimitWord::Unlimited),
        messages_per_day: number,
        recipients_per_day: number,
        ..bare.clone()
    };
    schemas.answer("LimitsView", &full, &bare);
    let list = LimitsList { limits: vec![full, bare], more: true };
    schemas.answer("LimitsList", &list, &LimitsList { limits: vec![], more: false });
    for schema in ["LimitValue", "SaidLimit"] {
        assert!(schemas.left.remove(schema));
        let number = &schemas.all["components"]["schemas"][schema]["anyOf"][0];
        assert_eq!(number["maximum"], json!(LIMIT_MAX), "{schema}");
    }
    let bare = LimitInForce::default();
    let full = LimitInForce {
        at_most: Some(1),
        from: Some("default".into()),
        used: 1,
        reached: true,
        opens: Some(NOW),
    };
    schemas.answer("LimitInForce", &full, &bare);
    let four = LimitsInForce { messages_per_hour: full, ..LimitsInForce::default() };
    schemas.answer("LimitsInForce", &four, &LimitsInForce::default());
    let password = PasswordLimits { id: 1, name: "Phone".into(), limits: four.clone() };
    schemas.answer("PasswordLimits", &password, &password);
    let account = |group, passwords| AccountLimits {
        address: "ann@example.org".into(),
        group,
        limits: four.clone(),
        passwords,
    };
    let full = account(Some("staff".into()), vec![password]);
    schemas.answer("AccountLimits", &full, &account(None, vec![]));
}

pub(super) fn diagnosis(schemas: &mut Schemas) {
    let bare = DoorView { protocol: "policy".into(), path: "/run/x".into(), since: NOW, last_question: None };
    let full = DoorView { last_question: Some(NOW), ..bare.clone() };
    schemas.answer("DoorView", &full, &bare);
    let (address_missing, proxies_suspected) = (vec!["smtp".into()], vec!["192.0.2.7".into()]);
    let shared_mailboxes = vec![vec!["ann@example.org".into()]];
    let bare = Diagnosis {
        doors: vec![full],
        address_missing,
        proxies_suspected,
        shared_mailboxes,
        ..Diagnosis::default()
    };
    let full = Diagnosis { last_event: Some(NOW), upstream_connected: Some(true), ..bare.clone() };
    schemas.answer("Diagnosis", &full, &bare);
}

pub(super) fn keys(schemas: &mut Schemas) {
    let id = String::from("00ff00ff00ff00ff");
    let key = KeyView { id, passwords: 1, removed: 2, factors: 3, recovery_codes: 4 };
    schemas.answer("KeyView", &key, &key);
    schemas.answer("KeysView", &KeysView { keys: vec![key], ..KeysView::default() }, &KeysView::default());
}

pub(super) fn blocks_and_checks(schemas: &mut Schemas) {
    let block = BlockView {
        address: "192.0.2.7".into(),
        since: NOW,
        until: NOW,
        reason: "10 failures in a row".into(),
        exempt: false,
        streak: None,
    };
    let full = StreakView {
        failures: 10,
        accounts: 2,
        repeated: 9,
        passwords: 1,
        program: Some("Thunderbird".into()),
        spared: true,
    };
    schemas.answer("StreakView", &full, &StreakView { program: None, ..full.clone() });
    schemas.answer("BlockView", &BlockView { streak: Some(full), ..block.clone() }, &block);
    let lifted = LiftedView { address: "192.0.2.7".into(), still: None };
    schemas.answer("LiftedView", &LiftedView { still: Some(block.clone()), ..lifted.clone() }, &lifted);
    let bare = SourceView {
        address: "192.0.2.7".into(),
        block: None,
        failures: 0,
        failures_max: 10,
        exempt: false,
        trusted: false,
    };
    schemas.answer("SourceView", &SourceView { block: Some(block.clone()), ..bare.clone() }, &bare);
    schemas.answer("BlockList", &BlockList { blocks: vec![block] }, &BlockList { blocks: vec![] });
    let bare = CheckAnswer {
        verdict: "accept".into(),
        reason: None,
        account: None,
        password: None,
        until: None,
        failures: 0,
        failures_max: 10,
        exempt: false,
    };
    let full = CheckAnswer {
        verdict: "refuse".into(),
        reason: Some("blocked".into()),
        account: Some("ann@example.org".into()),
        password: Some(RevokedLine { id: 1, name: "Phone".into() }),
        until: Some(NOW),
        ..bare.clone()
    };
    schemas.answer("CheckAnswer", &full, &bare);
}

pub(super) fn events(schemas: &mut Schemas) {
    let bare = EventView { id: 1, event: Event::new(NOW, Kind::AccountAdded, "uid 0") };
    let event = Event {
        protocol: Some("imap".into()),
        verdict: Some(WOULD_REFUSE.into()),
        ..Event::new(NOW, Kind::Login, "gate")
            .account("ann@example.org")
            .address("192.0.2.7")
            .password(1, "Phone")
            .reason("revoked")
    };
    let full = EventView { id: 2, event };
    schemas.answer("EventView", &full, &bare);
    schemas.answer("EventList", &EventList { events: vec![full, bare] }, &EventList { events: vec![] });
    schemas.words("Kind", Kind::ALL.map(Kind::word).as_slice());
}

pub(super) fn rollout(schemas: &mut Schemas) {
    let full = RolloutView {
        account: "ann@example.org".into(),
        would_refuse: 1,
        reasons: vec!["main-password".into()],
        main_password: 2,
        protocols: vec!["imap".into()],
        addresses: 3,
        last: NOW,
        known: true,
        two_factor: false,
        passwords: 4,
        passwords_used: 5,
    };
    schemas.answer("RolloutView", &full, &full);
    let none = RolloutList { accounts: Vec::new(), more: false };
    schemas.answer("RolloutList", &RolloutList { accounts: vec![full], more: true }, &none);
}

pub(super) fn the_daemon(schemas: &mut Schemas) {
    schemas.answer("Logins", &Logins::default(), &Logins::default());
    schemas.answer("Questions", &Questions::default(), &Questions::default());
    let took = TookView { micros: Some(500), count: 1 };
    schemas.answer("TookView", &took, &TookView { micros: None, ..took });
    let listener = ListenerView { protocol: "auth-client".into(), path: "/run/x".into(), connections: 1 };
    schemas.answer("ListenerView", &listener, &listener);
    let status = |mode: &str, upstream_connected, listeners| Status {
        version: "0.1.0".into(),
        pid: 1,
        since: NOW,
        mode: mode.into(),
        observe_only: false,
        upstream_connected,
        store_writable: true,
        accounts: 1,
        passwords: 2,
        sources: 3,
        blocks: 4,
        listeners,
        logins: Logins::default(),
        sending: Questions::default(),
        decided: vec![took],
        hashing_queue: 5,
    };
    schemas.answer("Status", &status("front", Some(true), vec![listener]), &status("full", None, vec![]));
    schemas.answer("Nothing", &Nothing {}, &Nothing {});
    let error = ErrorBody { error: "not-found".into(), message: "no such account".into() };
    schemas.answer("ErrorBody", &error, &error);
    assert!(schemas.left.remove("Timestamp"));
}
