//! `conf/openapi.json` describes the control API as it is: the routes in the table of
//! `src/api/mod.rs`, and every field of every type there.

mod portal;
mod values;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sidegate::api::portal::{BROWSER, DEVICE, SESSION, VISITOR};

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
            // Headers are described once, for all of the portal's.
            let names = operation["parameters"].as_array().into_iter().flatten();
            let names = names.filter(|parameter| parameter["in"] == "query");
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
    assert_eq!(table.len(), 72);
    assert_eq!(table, described());
}

/// Whose session it is, and from which browser, is told with every request of the portal and with no other.
#[test]
fn the_headers_of_the_portal_are_described() {
    let all = description();
    let headers = ["Session", "Visitor", "Device", "Browser"];
    let named: Vec<&Value> =
        headers.iter().map(|name| &all["components"]["parameters"][name]["name"]).collect();
    assert_eq!(named, [SESSION, VISITOR, DEVICE, BROWSER]);
    for (path, methods) in all["paths"].as_object().expect("paths") {
        for (_, operation) in
            methods.as_object().expect("methods").iter().filter(|(name, _)| *name != "parameters")
        {
            let told = operation["parameters"].as_array().into_iter().flatten();
            let told: Vec<String> = told.filter_map(target).collect();
            let expected = if path.starts_with("/v1/portal/") { &headers[..] } else { &[] };
            assert_eq!(told, expected, "{path}");
        }
    }
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
    for (path, methods) in all["paths"].as_object().expect("paths") {
        let body = if path.starts_with("/v1/portal/") { "PortalError" } else { "ErrorBody" };
        for (_, operation) in
            methods.as_object().expect("methods").iter().filter(|(name, _)| *name != "parameters")
        {
            for (status, response) in operation["responses"].as_object().expect("responses") {
                if status == "200" {
                    continue;
                }
                let name = target(response).expect("a shared answer");
                let schema = &all["components"]["responses"][&name]["content"]["application/json"]["schema"];
                assert_eq!(target(schema).as_deref(), Some(body), "{path} {name}");
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

#[test]
fn the_schemas_are_the_types() {
    let mut schemas = Schemas::new();
    values::requests(&mut schemas);
    values::accounts(&mut schemas);
    values::imports(&mut schemas);
    values::aliases_and_delegations(&mut schemas);
    values::limits(&mut schemas);
    values::diagnosis(&mut schemas);
    values::keys(&mut schemas);
    values::blocks_and_checks(&mut schemas);
    values::events(&mut schemas);
    values::rollout(&mut schemas);
    values::the_daemon(&mut schemas);
    portal::sessions(&mut schemas);
    portal::forms(&mut schemas);
    portal::factors(&mut schemas);
    portal::own(&mut schemas);
    portal::delegations(&mut schemas);
    portal::blocks(&mut schemas);
    portal::administration(&mut schemas);
    portal::refusals(&mut schemas);
    assert_eq!(schemas.left, BTreeSet::new(), "described, but no type of the API");
}

#[test]
fn every_type_of_the_api_is_described() {
    let source = concat!(
        include_str!("../../src/api/mod.rs"),
        include_str!("../../src/api/doctor.rs"),
        include_str!("../../src/api/import.rs"),
        include_str!("../../src/api/keys.rs"),
        include_str!("../../src/api/people.rs"),
        include_str!("../../src/api/portal.rs"),
        include_str!("../../src/api/portal/admin.rs"),
        include_str!("../../src/api/portal/forms.rs"),
        include_str!("../../src/api/portal/own.rs"),
        include_str!("../../src/api/rollout.rs"),
        include_str!("../../src/api/sending.rs")
    );
    let types =
        source.lines().filter_map(|line| line.strip_prefix("pub struct ")?.split([' ', '{', '(']).next());
    // A text that nobody prints: in JSON it is a text.
    let types = types.filter(|name| *name != "Hidden");
    let described = keys(&description()["components"]["schemas"]);
    let missing: Vec<&str> = types.filter(|name| !described.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}
