//! Passkeys against an authenticator of our own, which can also lie.

use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use sha2::{Digest, Sha256};

use super::*;

pub(crate) const ORIGIN: &str = "https://mail.example.org";
pub(crate) const DOMAIN: &str = "example.org";
/// As long as authenticators may name a key (WebAuthn 4, Credential ID).
pub(crate) const LONGEST_ID: [u8; 1023] = [7; 1023];
const PRESENT: u8 = 0x01;
const VERIFIED: u8 = 0x04;
const ATTESTED: u8 = 0x40;

pub(crate) fn site() -> Site {
    Site::new("Example", ORIGIN, DOMAIN).expect("they go together")
}

/// A question to a browser.
struct Asked {
    options: String,
    state: String,
}

pub(crate) fn slices(bound: &[Vec<u8>]) -> Vec<&[u8]> {
    bound.iter().map(Vec::as_slice).collect()
}

fn begin(name: &str, bound: &[Vec<u8>]) -> Result<Asked, PasskeyError> {
    let asked = begin_registration(&site(), name, [7; 16], &slices(bound));
    asked.map(|(options, state)| Asked { options, state })
}

fn made(state: &str, answer: &str) -> Result<Vec<u8>, PasskeyError> {
    finish_registration(&site(), state, answer)
}

fn ask(bound: &[Vec<u8>]) -> Result<Asked, PasskeyError> {
    begin_authentication(&site(), &slices(bound)).map(|(options, state)| Asked { options, state })
}

fn finish(state: &str, answer: &str, bound: &[Vec<u8>]) -> Result<(usize, Vec<u8>), PasskeyError> {
    finish_authentication(&site(), state, answer, &slices(bound))
}

/// A browser with an authenticator that has one key.
pub(crate) struct Browser {
    id: Vec<u8>,
    key: EcdsaKeyPair,
    pub(crate) counter: u32,
    flags: u8,
    origin: &'static str,
    domain: &'static str,
}

impl Browser {
    pub(crate) fn new(id: &[u8]) -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).expect("a key");
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random);
        let flags = PRESENT | VERIFIED;
        let key = key.expect("the same key");
        Self { id: id.to_vec(), key, counter: 1, flags, origin: ORIGIN, domain: DOMAIN }
    }

    fn client_data(&self, kind: &str, options: &str) -> Vec<u8> {
        let options: Value = serde_json::from_str(options).expect("JSON");
        let challenge = &options["publicKey"]["challenge"];
        json!({ "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false })
            .to_string()
            .into_bytes()
    }

    fn authenticator_data(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(self.domain).to_vec();
        data.push(flags);
        data.extend(self.counter.to_be_bytes());
        data
    }

    /// The key and its id, as CTAP2 has them.
    fn attested(&self) -> Vec<u8> {
        let point = self.key.public_key().as_ref();
        let (x, y) = point[1..].split_at(32);
        let length = u16::try_from(self.id.len()).expect("short").to_be_bytes();
        let head: [u8; 10] = [0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 32];
        [&[0; 16], &length[..], &self.id, &head, x, &[0x22, 0x58, 32], y].concat()
    }

    fn answer(&self, response: &Value) -> String {
        let id = BASE64URL_NOPAD.encode(&self.id);
        json!({
            "id": id, "rawId": id, "type": "public-key", "response": response,
            "authenticatorAttachment": "platform",
            "extensions": { "credProps": { "rk": true } },
            "clientExtensionResults": { "credProps": { "rk": true } },
        })
        .to_string()
    }

    fn attestation_object(&self) -> Vec<u8> {
        let data = [self.authenticator_data(self.flags | ATTESTED), self.attested()].concat();
        let length = u16::try_from(data.len()).expect("short").to_be_bytes();
        [&[0xa3, 0x63][..], b"fmt\x64none\x67attStmt\xa0\x68authData\x59", &length, &data].concat()
    }

    fn made_of(&self, options: &str, object: &[u8]) -> String {
        let data = self.client_data("webauthn.create", options);
        self.answer(&json!({
            "clientDataJSON": BASE64URL_NOPAD.encode(&data),
            "attestationObject": BASE64URL_NOPAD.encode(object),
            "transports": ["internal", "hybrid", "telepathy"],
        }))
    }

    /// What `navigator.credentials.create` answers.
    pub(crate) fn make(&self, options: &str) -> String {
        self.made_of(options, &self.attestation_object())
    }

    fn prove_with(&self, client_data: &[u8], data: &[u8], signed: &[u8]) -> String {
        let message = [signed, &Sha256::digest(client_data)].concat();
        let signature = self.key.sign(&SystemRandom::new(), &message).expect("signed");
        self.answer(&json!({
            "clientDataJSON": BASE64URL_NOPAD.encode(client_data),
            "authenticatorData": BASE64URL_NOPAD.encode(data),
            "signature": BASE64URL_NOPAD.encode(signature.as_ref()),
        }))
    }

    /// What `navigator.credentials.get` answers.
    pub(crate) fn prove(&mut self, options: &str) -> String {
        self.counter += 1;
        let data = self.authenticator_data(self.flags);
        self.prove_with(&self.client_data("webauthn.get", options), &data, &data)
    }

    /// Binds it to account 7.
    pub(crate) fn bind(&self) -> Vec<u8> {
        let asked = begin("ann@example.org", &[]).expect("asked");
        made(&asked.state, &self.make(&asked.options)).expect("made")
    }
}

#[test]
fn a_passkey_is_made_and_proves_its_owner_again_and_again() {
    let mut browser = Browser::new(b"a key");
    let asked = begin("ann@example.org", &[]).expect("asked");
    let options: Value = serde_json::from_str(&asked.options).expect("JSON");
    let options = &options["publicKey"];
    assert_eq!(options["rp"], json!({ "id": DOMAIN, "name": "Example" }));
    assert_eq!(options["user"]["name"], "ann@example.org");
    assert_eq!(options["user"]["id"], BASE64URL_NOPAD.encode(&[7; 16]));
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["attestation"], "none");
    let made = made(&asked.state, &browser.make(&asked.options)).expect("made");
    let mut bound = vec![Browser::new(b"another").bind(), made];
    for _ in 0..3 {
        let asked = ask(&bound).expect("asked");
        let options: Value = serde_json::from_str(&asked.options).expect("JSON");
        let options = &options["publicKey"];
        assert_eq!((&options["rpId"], &options["userVerification"]), (&json!(DOMAIN), &json!("required")));
        assert_eq!(options["allowCredentials"].as_array().map(Vec::len), Some(2));
        let answer = browser.prove(&asked.options);
        let (index, record) = finish(&asked.state, &answer, &bound).expect("proved");
        assert_eq!(index, 1);
        assert_ne!(record, bound[1], "the counter went on");
        bound[1] = record;
    }
}

#[test]
fn no_passkey_is_bound_twice() {
    let browser = Browser::new(b"a key");
    let bound = [browser.bind()];
    let asked = begin("ann@example.org", &bound).expect("asked");
    let options: Value = serde_json::from_str(&asked.options).expect("JSON");
    let excluded = &options["publicKey"]["excludeCredentials"][0];
    assert_eq!(excluded["id"], BASE64URL_NOPAD.encode(b"a key"));
    let answer = browser.make(&asked.options);
    assert_eq!(made(&asked.state, &answer), Err(PasskeyError::Wrong));
}

/// What comes of proving a passkey, after something went wrong with its browser.
fn proved(wrong: impl Fn(&mut Browser)) -> Result<usize, PasskeyError> {
    let mut browser = Browser::new(b"a key");
    let bound = [browser.bind()];
    let asked = ask(&bound).expect("asked");
    wrong(&mut browser);
    let answer = browser.prove(&asked.options);
    finish(&asked.state, &answer, &bound).map(|(index, _)| index)
}

#[test]
fn an_answer_for_another_site_is_refused() {
    assert_eq!(proved(|_| ()), Ok(0));
    for origin in ["https://mail.example.net", "http://mail.example.org", "https://mail.example.org:8443"] {
        assert_eq!(proved(|browser| browser.origin = origin), Err(PasskeyError::Site), "{origin}");
    }
    assert_eq!(proved(|browser| browser.origin = "https://www.mail.example.org"), Err(PasskeyError::Site));
    assert_eq!(proved(|browser| browser.domain = "example.net"), Err(PasskeyError::Site));
    assert_eq!(proved(|browser| browser.domain = "mail.example.org"), Err(PasskeyError::Site));
}

#[test]
fn an_authenticator_must_verify_its_user() {
    assert_eq!(proved(|browser| browser.flags = PRESENT), Err(PasskeyError::Unverified));
    assert_eq!(proved(|browser| browser.flags = VERIFIED), Err(PasskeyError::Unverified));
    let mut browser = Browser::new(b"a key");
    let asked = begin("ann@example.org", &[]).expect("asked");
    browser.flags = PRESENT;
    let answer = browser.make(&asked.options);
    assert_eq!(made(&asked.state, &answer), Err(PasskeyError::Unverified));
}

#[test]
fn an_answer_is_good_for_its_question_and_once() {
    let mut browser = Browser::new(b"a key");
    let mut bound = [browser.bind()];
    let first = ask(&bound).expect("asked");
    let second = ask(&bound).expect("asked");
    let answer = browser.prove(&first.options);
    assert_eq!(finish(&second.state, &answer, &bound), Err(PasskeyError::Challenge));
    bound[0] = finish(&first.state, &answer, &bound).expect("proved").1;
    // The store gives a state out once; were it to fail, the counter would tell.
    assert_eq!(finish(&first.state, &answer, &bound), Err(PasskeyError::Copied));
}

#[test]
fn a_counter_that_goes_back_is_a_copy() {
    let mut browser = Browser::new(b"a key");
    browser.counter = 10;
    let bound = [browser.bind()];
    for (counter, expected) in [(9, Err(PasskeyError::Copied)), (8, Err(PasskeyError::Copied)), (10, Ok(0))] {
        browser.counter = counter;
        let asked = ask(&bound).expect("asked");
        let answer = browser.prove(&asked.options);
        let proved = finish(&asked.state, &answer, &bound);
        assert_eq!(proved.map(|(index, _)| index), expected, "after 10: {}", browser.counter);
    }
    // Those that are on several devices at once do not count.
    let mut browser = Browser::new(b"a key");
    browser.counter = 0;
    let bound = [browser.bind()];
    for _ in 0..2 {
        let asked = ask(&bound).expect("asked");
        let data = browser.authenticator_data(browser.flags);
        let answer = browser.prove_with(&browser.client_data("webauthn.get", &asked.options), &data, &data);
        assert!(finish(&asked.state, &answer, &bound).is_ok());
    }
    browser.counter = 6;
    let asked = ask(&bound).expect("asked");
    assert!(finish(&asked.state, &browser.prove(&asked.options), &bound).is_ok());
}

#[test]
fn what_was_not_signed_is_refused() {
    let browser = Browser::new(b"a key");
    let bound = [browser.bind()];
    let asked = ask(&bound).expect("asked");
    let mut counted = Browser { counter: 5, ..Browser::new(b"a key") };
    // Another key under the same id.
    let answer = counted.prove(&asked.options);
    assert_eq!(finish(&asked.state, &answer, &bound), Err(PasskeyError::Wrong));
    // The right key over other data.
    let client = browser.client_data("webauthn.get", &asked.options);
    let (data, signed) = (counted.authenticator_data(5), counted.authenticator_data(1));
    let answer = browser.prove_with(&client, &data, &signed);
    assert_eq!(finish(&asked.state, &answer, &bound), Err(PasskeyError::Wrong));
    // The answer to being made is none to being proved.
    let answer = browser.make(&asked.options);
    assert_eq!(finish(&asked.state, &answer, &bound), Err(PasskeyError::Malformed));
}

#[test]
fn a_passkey_of_somebody_else_and_one_that_was_removed_prove_nothing() {
    let mut browser = Browser::new(b"a key");
    let (mine, other) = ([browser.bind()], [Browser::new(b"another").bind()]);
    let asked = ask(&other).expect("asked");
    let answer = browser.prove(&asked.options);
    assert_eq!(finish(&asked.state, &answer, &other), Err(PasskeyError::Unknown));
    let asked = ask(&mine).expect("asked");
    let answer = browser.prove(&asked.options);
    assert_eq!(finish(&asked.state, &answer, &other), Err(PasskeyError::Unknown));
    assert_eq!(ask(&[]).err(), Some(PasskeyError::Unknown));
}

#[test]
fn the_domain_is_the_sites_or_above_it() {
    assert_eq!(Site::new("x", ORIGIN, "example.net").err(), Some(PasskeyError::Settings));
    assert_eq!(Site::new("x", ORIGIN, "ple.org").err(), Some(PasskeyError::Settings));
    assert_eq!(Site::new("x", "mail.example.org", DOMAIN).err(), Some(PasskeyError::Settings));
    assert!(Site::new("x", "http://localhost:8027", "localhost").is_ok());
}

#[test]
fn an_answer_has_a_longest_length() {
    let browser = Browser::new(b"a key");
    let asked = begin("ann@example.org", &[]).expect("asked");
    let padded = |bytes: usize| {
        let answer = browser.make(&asked.options);
        format!("{answer}{}", " ".repeat(bytes - answer.len()))
    };
    assert!(made(&asked.state, &padded(ANSWER_BYTES_MAX)).is_ok());
    let more = padded(ANSWER_BYTES_MAX + 1);
    assert_eq!(made(&asked.state, &more), Err(PasskeyError::TooLong));
}

#[test]
fn a_record_has_room_for_the_longest_name_of_a_key() {
    for id in [&b"a key"[..], &LONGEST_ID] {
        let passkey = Browser::new(id).bind();
        assert!(passkey.len() < CREDENTIAL_BYTES_MAX, "{}", passkey.len());
    }
}

#[test]
fn what_the_store_has_must_be_readable() {
    let browser = Browser::new(b"a key");
    let asked = begin("ann@example.org", &[]).expect("asked");
    let answer = browser.make(&asked.options);
    assert_eq!(made("{}", &answer), Err(PasskeyError::Record));
    assert_eq!(ask(&[b"{}".to_vec()]).err(), Some(PasskeyError::Record));
    // A question of one kind is none of the other.
    let state = ask(&[browser.bind()]).expect("asked").state;
    assert_eq!(made(&state, &answer), Err(PasskeyError::Record));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Nothing that a browser can send makes the library fall over.
    #[test]
    fn a_changed_or_cut_object_is_no_passkey_and_no_panic(
        at in 0usize..260, byte in any::<u8>(), cut in 0usize..260, insert in any::<Option<u64>>(),
    ) {
        let browser = Browser::new(b"a key");
        let asked = begin("ann@example.org", &[]).expect("asked");
        let mut object = browser.attestation_object();
        let at = at % object.len();
        object[at] = byte;
        if let Some(bytes) = insert {
            object.splice(at..at, bytes.to_be_bytes());
        }
        let cut = if cut < 200 { object.len() } else { cut % object.len() };
        let answer = browser.made_of(&asked.options, &object[..cut]);
        if let Ok(made) = made(&asked.state, &answer) {
            prop_assert!(made.len() <= CREDENTIAL_BYTES_MAX);
        }
    }

    #[test]
    fn other_texts_are_no_answers(text in "[{}\\[\\]\":,a-z0-9 ]{0,60}") {
        let browser = Browser::new(b"a key");
        let asked = begin("ann@example.org", &[]).expect("asked");
        let malformed = Err(PasskeyError::Malformed);
        prop_assert_eq!(made(&asked.state, &text), malformed.clone());
        let answer = browser.make(&asked.options);
        let half = &answer[..text.len() * 5];
        prop_assert_eq!(made(&asked.state, half), malformed);
    }
}
