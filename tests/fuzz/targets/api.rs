//! The control API's JSON, its requests and some answers: what was read is read again from what is written of it, and
//! what carries a secret does not show it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use sidegate::api::{
    AccountChange, AccountView, CheckRequest, EventList, ImportAccounts, ImportPassword, ImportPasswords,
    NewAccount, NewAlias, NewBlock, NewDelegation, NewLimits, NewPasswordAnswer, NewPasswordRequest, Nothing,
};
use sidegate::clock::Timestamp;
use sidegate::gate::foreign::ForeignHash;
use sidegate::gate::import::{AccountRow, PasswordRow};

macro_rules! round_trip {
    ($bytes:ident: $($type:ty),+ $(,)?) => {
        $(if let Ok(read) = serde_json::from_slice::<$type>($bytes) {
            let written = serde_json::to_vec(&read).expect("what was read can be written");
            let again: $type = serde_json::from_slice(&written).expect("what was written can be read");
            assert!(again == read, "{}", stringify!($type));
        })+
    };
}

/// Hashes and passwords are in no log.
fn secrets(bytes: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Value>(bytes) else { return };
    if let Ok(check) = serde_json::from_slice::<CheckRequest>(bytes) {
        hides(&format!("{check:?}"), &json, "password");
    }
    if let Ok(made) = serde_json::from_slice::<NewPasswordAnswer>(bytes) {
        hides(&format!("{made:?}"), &json, "password");
    }
    if let Ok(import) = serde_json::from_slice::<ImportPassword>(bytes) {
        hides(&format!("{import:?}"), &json, "hash");
        let terms = (&import.protocols[..], &import.networks[..]);
        match PasswordRow::new(
            &import.account,
            &import.name,
            &import.hash,
            terms,
            import.expires,
            Timestamp(0),
        ) {
            Ok(row) => {
                assert!(!format!("{row:?}").contains(row.hash.reveal()), "{row:?}");
                assert_eq!(ForeignHash::parse(row.hash.reveal()).as_ref(), Ok(&row.hash));
            }
            Err(faults) => assert!(!faults.is_empty()),
        }
    }
}

/// What is shown does not hold a field of the JSON.
fn hides(shown: &str, json: &Value, field: &str) {
    let mut rest = json.clone();
    let Some(Value::String(secret)) = rest.as_object_mut().and_then(|fields| fields.remove(field)) else {
        return;
    };
    // A shorter one can be part of anything, and another field may say the same.
    let plain = secret.len() >= 12 && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain && !rest.to_string().contains(&secret) {
        assert!(!shown.contains(&secret), "{shown}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    round_trip!(bytes: AccountChange, AccountView, CheckRequest, EventList, ImportAccounts, ImportPasswords, NewAccount,
        NewAlias, NewBlock, NewDelegation, NewLimits, NewPasswordAnswer, NewPasswordRequest, Nothing);
    secrets(bytes);
    if let Ok(import) = serde_json::from_slice::<ImportAccounts>(bytes) {
        for one in import.accounts {
            let flags = (one.enabled, one.two_factor);
            if let Ok(row) = AccountRow::new(&one.account, flags, one.group.as_deref(), &one.aliases) {
                let aliases: Vec<String> = row.aliases.iter().map(|alias| alias.alias.to_string()).collect();
                let group = row.group.as_ref().map(|group| group.as_str());
                assert_eq!(AccountRow::new(row.account.as_str(), flags, group, &aliases).as_ref(), Ok(&row));
            }
        }
    }
});
