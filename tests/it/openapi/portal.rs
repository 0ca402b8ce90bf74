//! A value of every type that the portal asks with or is answered, once with everything in it and once with as little as
//! can be.

use std::net::IpAddr;

use sidegate::api::portal::*;
use sidegate::api::{BlockView, FactorsReset, NewMainPassword, PasswordView, ResetAnswer, Unlocked};
use sidegate::clock::Timestamp;

use super::Schemas;

const NOW: Timestamp = Timestamp(1_795_000_000);

fn hidden(text: &str) -> Hidden {
    Hidden::new(text)
}

fn factor(last_use: Option<Timestamp>) -> FactorView {
    FactorView { id: 1, kind: "totp".into(), name: "Phone".into(), created: NOW, last_use }
}

fn bare_standing() -> Standing {
    Standing {
        account: "ann@example.org".into(),
        stage: "full".into(),
        two_factor: true,
        mandatory: None,
        factors: vec![],
        kinds: vec![],
        recovery_codes: None,
        recovery_made: None,
        set_up_code: None,
        passwords: 1,
        passwords_max: 6,
        mail_clients: "never".into(),
        administrator: false,
        fresh_until: None,
        trust_days: 7,
        trust_name: "0a1b2c3d4e5f".into(),
        blocked: None,
    }
}

fn full_standing() -> Standing {
    Standing {
        mandatory: Some(NOW),
        factors: vec![factor(Some(NOW)), factor(None)],
        kinds: vec!["totp".into()],
        recovery_codes: Some(9),
        recovery_made: Some(NOW),
        set_up_code: Some(NOW),
        fresh_until: Some(NOW),
        blocked: Some(NOW),
        ..bare_standing()
    }
}

pub(super) fn sessions(schemas: &mut Schemas) {
    let address = Some(IpAddr::from([192, 0, 2, 7]));
    let visitor = Visitor { address, system: "Windows".into(), program: "Firefox".into() };
    schemas.request("Visitor", &visitor, &Visitor::default());
    let sign_in = |code| SignIn { account: "ann@example.org".into(), password: hidden("x"), code };
    schemas.request("SignIn", &sign_in(Some(hidden("123456"))), &sign_in(None));
    schemas.answer("FactorView", &factor(Some(NOW)), &factor(None));
    schemas.answer("Standing", &full_standing(), &bare_standing());
    let passed = |device, standing, tell| Passed { session: hidden("x"), device, standing, tell };
    let trust = Trust { token: hidden("x"), until: NOW };
    schemas.answer("Trust", &trust, &trust);
    let full = passed(Some(trust), full_standing(), vec![hidden("ann@example.net")]);
    schemas.answer("Passed", &full, &passed(None, bare_standing(), vec![]));
}

pub(super) fn forms(schemas: &mut Schemas) {
    let form = || String::from("AAAA");
    schemas.request(
        "FormSent",
        &FormSent { form: form(), acts: true },
        &FormSent { form: form(), acts: false },
    );
    let known = |answer| FormKnown { state: FormState::Answered, answer };
    schemas.answer("FormKnown", &known(Some(hidden("x"))), &known(None));
    let words = [FormState::New, FormState::UnderWay, FormState::Answered]
        .map(|state| serde_json::to_value(state).expect("JSON").as_str().expect("a word").to_owned());
    schemas.words("FormState", &words.each_ref().map(String::as_str));
    let answered = |answer| FormAnswered { form: form(), answer };
    schemas.request("FormAnswered", &answered(Some(hidden("x"))), &answered(None));
}

pub(super) fn factors(schemas: &mut Schemas) {
    let challenge = |factor, alone| NewChallenge { factor, alone };
    schemas.request("NewChallenge", &challenge(Some(1), true), &challenge(None, false));
    let binding = |change, to| NewBinding { kind: "sms".into(), change, to };
    schemas.request("NewBinding", &binding(Some(1), Some(hidden("+8613800000000"))), &binding(None, None));
    let delivery = Delivery {
        by: "sms".into(),
        to: hidden("+8613800000000"),
        code: hidden("123456"),
        minutes: 5,
        request: "7".into(),
    };
    schemas.answer("Delivery", &delivery, &delivery);
    let bare = Pending {
        kind: "totp".into(),
        factor: None,
        binding: false,
        ends: NOW,
        sent_to: None,
        secret: None,
        uri: None,
        options: None,
        state: None,
        deliver: None,
    };
    let text = || Some(hidden("x"));
    let full = Pending {
        factor: Some(1),
        sent_to: Some("+86 138****0000".into()),
        secret: text(),
        uri: text(),
        options: Some("{}".into()),
        state: text(),
        deliver: Some(delivery),
        ..bare.clone()
    };
    schemas.answer("Pending", &full, &bare);
    let identity = |name| Identity {
        provider: "wecom".into(),
        app: "app".into(),
        subject: hidden("ann"),
        name,
        state: hidden("x"),
    };
    schemas.request("Identity", &identity(Some("Ann".into())), &identity(None));
    let full = Proof {
        factor: Some(1),
        password: text(),
        code: text(),
        recovery_code: text(),
        set_up_code: text(),
        credential: text(),
        identity: Some(identity(None)),
        trust: true,
        name: Some("Phone".into()),
    };
    schemas.request("Proof", &full, &Proof::default());
    schemas.request("TwoFactor", &TwoFactor { on: true }, &TwoFactor { on: false });
    let codes = |codes| RecoveryCodes { codes, made: NOW };
    schemas.answer("RecoveryCodes", &codes(vec![hidden("x")]), &codes(vec![]));
}

pub(super) fn own(schemas: &mut Schemas) {
    let tried = |address| StillTried { name: "Old phone".into(), at: NOW, address };
    schemas.answer("StillTried", &tried(Some("192.0.2.7".into())), &tried(None));
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
    let passwords = |passwords, still_tried| OwnPasswords { passwords, most: 6, still_tried };
    schemas.answer("OwnPasswords", &passwords(vec![password], vec![tried(None)]), &passwords(vec![], vec![]));
    let address = || Some(String::from("192.0.2.7"));
    let (system, program) = (String::from("Windows"), String::from("Firefox"));
    let bare = TrustedView {
        id: 1,
        system: system.clone(),
        program: program.clone(),
        address: None,
        since: NOW,
        until: NOW,
        current: false,
    };
    let trusted = TrustedView { address: address(), ..bare.clone() };
    schemas.answer("TrustedView", &trusted, &bare);
    let ended = EndedView { system: system.clone(), program: program.clone() };
    schemas.answer("EndedView", &ended, &ended);
    let bare = VisitView {
        session: None,
        outcome: "stopped".into(),
        proved: None,
        system,
        program,
        address: None,
        at: NOW,
        seen: None,
        count: 1,
        wrong: 0,
        slip: true,
        current: false,
    };
    let (session, proved) = (Some(1), Some("totp".into()));
    let visit = VisitView { session, proved, address: address(), seen: Some(NOW), ..bare.clone() };
    schemas.answer("VisitView", &visit, &bare);
    let client = |password, address| ClientView {
        password,
        protocol: "imap".into(),
        address,
        days: vec![NOW],
        count: 2,
    };
    let full = client(Some("Phone".into()), address());
    schemas.answer("ClientView", &full, &client(None, None));
    let devices = Devices { trusted: vec![trusted], visits: vec![visit], clients: vec![full] };
    schemas.answer("Devices", &devices, &Devices { trusted: vec![], visits: vec![], clients: vec![] });
}

pub(super) fn blocks(schemas: &mut Schemas) {
    let address = || Some(String::from("192.0.2.7"));
    let others = vec![BlockView {
        address: "192.0.2.8".into(),
        since: NOW,
        until: NOW,
        reason: "10 failures in a row".into(),
        exempt: false,
        streak: None,
    }];
    let none = OwnBlocks { address: None, until: None, network: None, others: vec![] };
    schemas.answer(
        "OwnBlocks",
        &OwnBlocks { address: address(), until: Some(NOW), network: address(), others },
        &none,
    );
}

pub(super) fn delegations(schemas: &mut Schemas) {
    let bare =
        OwnDelegation { other: "bob@example.org".into(), right: "read".into(), since: NOW, place: None };
    let one = OwnDelegation { place: Some("shared/ann@example.org".into()), ..bare.clone() };
    schemas.answer("OwnDelegation", &one, &bare);
    let list = |list: Vec<OwnDelegation>| OwnDelegations {
        granted: list.clone(),
        received: list,
        shown: true,
        marked: false,
    };
    schemas.answer("OwnDelegations", &list(vec![one.clone()]), &list(vec![]));
    let granted = |tell| Granted { delegation: one.clone(), tell };
    schemas.answer("Granted", &granted(vec![hidden("ann@example.net")]), &granted(vec![]));
    let grant = Grant { delegate: "bob@example.org".into(), right: "read".into() };
    schemas.request("Grant", &grant, &grant);
}

pub(super) fn administration(schemas: &mut Schemas) {
    let hour = HourView { at: NOW, failures: 1, blocks: 2 };
    schemas.answer("HourView", &hour, &hour);
    let name = || String::from("192.0.2.7");
    let free = CountView { name: name(), failures: 1, blocked: None, block: None };
    let count = CountView { blocked: Some(NOW), block: Some(name()), ..free.clone() };
    schemas.answer("CountView", &count, &free);
    let overview = |hours, addresses, accounts| Overview { hours, addresses, accounts, blocks: 1 };
    let full = overview(vec![hour], vec![count.clone()], vec![count]);
    schemas.answer("Overview", &full, &overview(vec![], vec![], vec![]));
    let factors = |factors, recovery_codes| AccountFactors {
        address: "ann@example.org".into(),
        factors,
        recovery_codes,
        failures: 1,
        passwords: 2,
        delegations: 0,
        wait: None,
        locked: false,
        set_up_code: None,
        signed_in: None,
        sessions: 1,
        trusted: 0,
        makes_code: true,
        lost: vec![1],
    };
    let full = factors(vec![factor(None)], Some(9));
    let full = AccountFactors { wait: Some(NOW), set_up_code: Some(NOW), signed_in: Some(NOW), ..full };
    schemas.answer("AccountFactors", &full, &factors(vec![], None));
    let reset = ResetAnswer { set_up_code: Some(hidden("x")), ends: Some(NOW) };
    schemas.answer("ResetAnswer", &reset, &ResetAnswer { set_up_code: None, ends: None });
    schemas.answer("Unlocked", &Unlocked { failures: 1 }, &Unlocked { failures: 0 });
    let reason = || String::from("lost phone");
    schemas.request("Reset", &Reset { reason: reason() }, &Reset { reason: reason() });
    let reset = |two_factor_off| FactorsReset { reason: reason(), two_factor_off };
    schemas.request("FactorsReset", &reset(true), &reset(false));
    let new = NewMainPassword { password: hidden("x") };
    schemas.request("NewMainPassword", &new, &new);
}

/// All words of [`Why`].
macro_rules! every_why {
    ($($why:ident)*) => {{
        // A new one stops the build here.
        let _ = |why: Why| match why { $(Why::$why => {})* };
        [$(Why::$why),*].map(|why| serde_json::to_value(why).expect("JSON").as_str().expect("a word").to_owned())
    }};
}

pub(super) fn refusals(schemas: &mut Schemas) {
    let words = every_why!(
        WrongPassword Blocked NetworkBlocked Over Factor SetUp SetUpCode Stale WrongCode WrongClock UsedCode CodeOver Wait Busy SentEnough Locked LostKey NoFactor NameTaken BadName
        NameUnprintable NameIsSecret TooMany OnlyOne Mandatory NoFactors BadPhone CountryOff BadAddress NotExternal KindOff
        NoAccount Yourself NotFound Forbidden NoReason BadRequest Unavailable
    );
    schemas.words("Why", &words.each_ref().map(String::as_str));
    let bare = PortalError::new(Why::Wait, "too often");
    let full = PortalError { until: Some(NOW), most: Some(6), factor: Some(1), ..bare.clone() };
    schemas.answer("PortalError", &full, &bare);
}
