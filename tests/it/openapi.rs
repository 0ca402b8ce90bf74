//! `conf/openapi.json` describes the control API as it is: the routes in the table of
//! `src/api/mod.rs`, and every field of every type there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sidegate::api::*;
use sidegate::clock::Timestamp;
use sidegate::gate::account::LastUse;
use sidegate::gate::delegation::Right;
use sidegate::gate::event::{Event, Kind};
use sidegate::gate::limits::{LIMIT_MAX, Per};

fn description() -> Value {
    serde_json::from_str(include_str!("../../conf/openapi.json")).expect("JSON")
}

/// What the table says about one method of one path.
#[derive(Debug, Default, PartialEq, Eq)]
struct Route {
    query: BTreeSet<String>,
    body: Option<String>,
    answer: Option<String>,
}

/// `NewAccount` of ``…[`NewAccount`]…``.
fn linked(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("[`")?;
    rest.split_once("`]").map(|(name, _)| name.to_owned())
}

/// The names in every `?after=&search=`.
fn query_names(text: &str) -> BTreeSet<String> {
    let queries = text.split('?').skip(1).map(|rest| rest.split(['`', ' ']).next().unwrap_or_default());
    queries
        .flat_map(|query| query.split('&'))
        .filter_map(|pair| Some(pair.split_once('=')?.0.into()))
        .collect()
}

/// The routes in the table of the module's documentation.
fn table() -> BTreeMap<String, Route> {
    let mut routes = BTreeMap::new();
    for line in include_str!("../../src/api/mod.rs").lines() {
        let Some(row) = line.strip_prefix("//! | `") else { continue };
        let (request, answer) = row.split_once(" | ").expect("two columns");
        let name = request.split(['?', '`']).next().unwrap_or_default().to_owned();
        let route = Route { query: query_names(request), body: linked(request), answer: linked(answer) };
        assert!(routes.insert(name, route).is_none(), "{line}");
    }
    routes
}

/// The last part of a `$ref`.
fn target(reference: &Value) -> Option<String> {
    reference["$ref"].as_str()?.rsplit('/').next().map(str::to_owned)
}

fn described() -> BTreeMap<String, Route> {
    let json = "application/json";
    let mut routes = BTreeMap::new();
    for (path, methods) in description()["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            if method == "parameters" {
                continue;
            }
            let names = operation["parameters"].as_array().into_iter().flatten();
            let names = names.map(|parameter| parameter["name"].as_str().expect("a name").to_owned());
            let route = Route {
                query: names.collect(),
                body: target(&operation["requestBody"]["content"][json]["schema"]),
                answer: target(&operation["responses"]["200"]["content"][json]["schema"]),
            };
            routes.insert(format!("{} {path}", method.to_uppercase()), route);
        }
    }
    routes
}

#[test]
fn the_routes_are_those_of_the_table() {
    let table = table();
    assert_eq!(table.len(), 25);
    assert_eq!(table, described());
}

#[test]
fn parts_of_a_path_are_described() {
    for (path, methods) in description()["paths"].as_object().expect("paths") {
        let parts: Vec<&str> =
            path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect();
        let told = methods["parameters"].as_array().into_iter().flatten();
        let told: Vec<&str> = told.filter_map(|parameter| parameter["name"].as_str()).collect();
        assert_eq!(parts, told, "{path}");
    }
}

#[test]
fn every_error_is_an_error_body() {
    let all = description();
    let statuses = BTreeSet::from(["400", "403", "404", "409", "503"]);
    let mut seen = BTreeSet::new();
    for methods in all["paths"].as_object().expect("paths").values() {
        for (_, operation) in
            methods.as_object().expect("methods").iter().filter(|(name, _)| *name != "parameters")
        {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                if status == "200" {
                    continue;
                }
                let name = target(response).expect("a shared answer");
                let schema = &all["components"]["responses"][&name]["content"]["application/json"]["schema"];
                assert_eq!(target(schema).as_deref(), Some("ErrorBody"), "{name}");
                seen.insert(statuses.get(status.as_str()).copied().expect("a known status"));
            }
            assert!(operation["responses"]["503"].is_object() && operation["responses"]["403"].is_object());
        }
    }
    assert_eq!(seen, statuses);
}

/// Whether a value is one that a schema allows: the parts of JSON Schema that the file uses.
fn fits(all: &Value, schema: &Value, value: &Value) -> bool {
    if let Some(name) = target(schema) {
        return fits(all, &all["components"]["schemas"][&name], value);
    }
    if let Some(some) = schema["anyOf"].as_array() {
        return some.iter().any(|schema| fits(all, schema, value));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        return false;
    }
    let types = match &schema["type"] {
        Value::Array(types) => types.clone(),
        one => vec![one.clone()],
    };
    let is = |name: &str| match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => name == "integer" && (number.is_i64() || number.is_u64()),
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    };
    types.iter().filter_map(Value::as_str).any(is)
        && value.as_array().into_iter().flatten().all(|item| fits(all, &schema["items"], item))
        && value
            .as_object()
            .into_iter()
            .flatten()
            .all(|(name, value)| fits(all, &schema["properties"][name], value))
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().into_iter().flat_map(|object| object.keys().cloned()).collect()
}

fn listed(value: &Value) -> BTreeSet<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// The types, and which of the schemas are not checked yet.
struct Schemas {
    all: Value,
    left: BTreeSet<String>,
}

impl Schemas {
    fn new() -> Self {
        let all = description();
        let left = keys(&all["components"]["schemas"]);
        Self { all, left }
    }

    /// `full` has every field, `bare` none that can be done without.
    fn check<T: Serialize>(&mut self, name: &str, full: &T, bare: &T) -> Value {
        assert!(self.left.remove(name), "{name} is described, once");
        let schema = self.all["components"]["schemas"][name].clone();
        let (full, bare) =
            (serde_json::to_value(full).expect("JSON"), serde_json::to_value(bare).expect("JSON"));
        assert_eq!(keys(&schema["properties"]), keys(&full), "fields of {name}");
        for value in [&full, &bare] {
            assert!(fits(&self.all, &schema, value), "{name} is described otherwise: {value}");
        }
        schema
    }

    /// A type of answers: what is always there is required.
    fn answer<T: Serialize>(&mut self, name: &str, full: &T, bare: &T) {
        let schema = self.check(name, full, bare);
        let always = keys(&serde_json::to_value(bare).expect("JSON"));
        assert_eq!(listed(&schema["required"]), always, "required of {name}");
    }

    /// A type of requests: what cannot be left out is required, and nothing unknown is taken.
    fn request<T: Serialize + DeserializeOwned + Debug>(&mut self, name: &str, full: &T, bare: &T) {
        let schema = self.check(name, full, bare);
        let whole = serde_json::to_value(full).expect("JSON");
        let mut needed = BTreeSet::new();
        for key in keys(&whole) {
            let mut less = whole.clone();
            less.as_object_mut().expect("an object").remove(&key);
            if serde_json::from_value::<T>(less).is_err() {
                needed.insert(key);
            }
        }
        assert_eq!(listed(&schema["required"]), needed, "required of {name}");
        assert_eq!(schema["additionalProperties"], json!(false), "{name}");
        let mut more = whole;
        more["unknown"] = json!(1);
        assert!(serde_json::from_value::<T>(more).is_err(), "{name} refuses unknown fields");
    }

    /// A choice of words.
    fn words(&mut self, name: &str, words: &[&str]) {
        assert!(self.left.remove(name), "{name} is described, once");
        let words: BTreeSet<String> = words.iter().map(|&word| word.to_owned()).collect();
        assert_eq!(listed(&self.all["components"]["schemas"][name]["enum"]), words, "words of {name}");
    }
}

const NOW: Timestamp = Timestamp(1_795_000_000);

fn requests(schemas: &mut Schemas) {
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

fn accounts(schemas: &mut Schemas) {
    let address = String::from("ann@example.org");
    let line =
        AccountLine { address: address.clone(), enabled: true, two_factor: true, passwords: 1, created: NOW };
    schemas.answer("AccountLine", &line, &line);
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
        last_use: None,
    };
    let full = PasswordView {
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

fn aliases_and_delegations(schemas: &mut Schemas) {
    let (alias, of) = (String::from("info@example.org"), String::from("ann@example.org"));
    let new = NewAlias { alias: alias.clone(), of: of.clone() };
    schemas.request("NewAlias", &new, &new);
    let view = AliasView { alias, of };
    schemas.answer("AliasView", &view, &view);
    let list = AliasList { aliases: vec![view], more: true };
    schemas.answer("AliasList", &list, &AliasList { aliases: vec![], more: false });
    let (owner, delegate) = (String::from("ann@example.org"), String::from("bob@example.org"));
    let new = NewDelegation { owner: owner.clone(), delegate: delegate.clone(), right: Right::Read };
    schemas.request("NewDelegation", &new, &new);
    let view = DelegationView { owner, delegate, right: Right::SendAs, since: NOW };
    schemas.answer("DelegationView", &view, &view);
    let list = DelegationList { delegations: vec![view], more: true };
    schemas.answer("DelegationList", &list, &DelegationList { delegations: vec![], more: false });
    schemas.words("Right", Right::ALL.map(Right::word).as_slice());
}

fn limits(schemas: &mut Schemas) {
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

fn diagnosis(schemas: &mut Schemas) {
    let bare = DoorView { protocol: "policy".into(), path: "/run/x".into(), last_question: None };
    let full = DoorView { last_question: Some(NOW), ..bare.clone() };
    schemas.answer("DoorView", &full, &bare);
    let (address_missing, proxies_suspected) = (vec!["smtp".into()], vec!["192.0.2.7".into()]);
    let bare = Diagnosis { doors: vec![full], address_missing, proxies_suspected, ..Diagnosis::default() };
    let full = Diagnosis { last_event: Some(NOW), upstream_connected: Some(true), ..bare.clone() };
    schemas.answer("Diagnosis", &full, &bare);
}

fn blocks_and_checks(schemas: &mut Schemas) {
    let block = BlockView {
        address: "192.0.2.7".into(),
        since: NOW,
        until: NOW,
        reason: "10 failures in a row".into(),
        exempt: false,
    };
    schemas.answer("BlockView", &block, &block);
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

fn events(schemas: &mut Schemas) {
    let bare = EventView { id: 1, event: Event::new(NOW, Kind::AccountAdded, "uid 0") };
    let event = Event {
        protocol: Some("imap".into()),
        verdict: Some("refuse".into()),
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

fn the_daemon(schemas: &mut Schemas) {
    schemas.answer("Logins", &Logins::default(), &Logins::default());
    let listener = ListenerView { protocol: "auth-client".into(), path: "/run/x".into(), connections: 1 };
    schemas.answer("ListenerView", &listener, &listener);
    let status = |mode: &str, upstream_connected, listeners| Status {
        version: "0.1.0".into(),
        pid: 1,
        since: NOW,
        mode: mode.into(),
        upstream_connected,
        store_writable: true,
        accounts: 1,
        passwords: 2,
        sources: 3,
        blocks: 4,
        listeners,
        logins: Logins::default(),
        hashing_queue: 5,
    };
    schemas.answer("Status", &status("front", Some(true), vec![listener]), &status("full", None, vec![]));
    schemas.answer("Nothing", &Nothing {}, &Nothing {});
    let error = ErrorBody { error: "not-found".into(), message: "no such account".into() };
    schemas.answer("ErrorBody", &error, &error);
    assert!(schemas.left.remove("Timestamp"));
}

#[test]
fn the_schemas_are_the_types() {
    let mut schemas = Schemas::new();
    requests(&mut schemas);
    accounts(&mut schemas);
    aliases_and_delegations(&mut schemas);
    limits(&mut schemas);
    diagnosis(&mut schemas);
    blocks_and_checks(&mut schemas);
    events(&mut schemas);
    the_daemon(&mut schemas);
    assert_eq!(schemas.left, BTreeSet::new(), "described, but no type of the API");
}

#[test]
fn every_type_of_the_api_is_described() {
    let source = concat!(
        include_str!("../../src/api/mod.rs"),
        include_str!("../../src/api/doctor.rs"),
        include_str!("../../src/api/sending.rs")
    );
    let types = source.lines().filter_map(|line| line.strip_prefix("pub struct ")?.split([' ', '{']).next());
    let described = keys(&description()["components"]["schemas"]);
    let missing: Vec<&str> = types.filter(|name| !described.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
