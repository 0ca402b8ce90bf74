//! What one image of the daemon leaves to the next: it reads back, and a connection goes on as it was agreed.
#![no_main]

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use sidegate::config::OnTrouble;
use sidegate::gate::secret::Cookie;
use sidegate::handover::State;
use sidegate::proto::auth_client::{AuthClient, Greeting};
use sidegate::proto::{Agreed, Keep, Protocol};
use sidegate_fuzz::auth_client;
use sidegate_fuzz::talk::{Limits, NOW, Talk};

fn greeting() -> Greeting {
    let (cookie, relayed) = (Cookie([7; 16]), [].into());
    Greeting { spid: 2, cuid: 2, cookie, relayed, on_trouble: OnTrouble::Auto, held: true }
}

/// A connection is kept in the middle of anything, and answers as it would have.
fn kept(bytes: &[u8]) {
    let (before, after) = bytes.split_at(bytes.len() / 2);
    let mut old = Talk::new(auth_client(OnTrouble::Auto), Limits { input: usize::MAX, asked: 1 });
    old.feed(before);
    let Keep::Now(Agreed::AuthClient(agreed)) = old.protocol.keep() else { return };
    if !old.input.is_empty() || old.closed.is_some() {
        return;
    }
    let written = serde_json::to_string(&agreed).expect("it can be written");
    let read = serde_json::from_str(&written).expect("and read");
    assert_eq!(agreed, read);
    let mut new = Talk::new(AuthClient::resumed(greeting(), &read), Limits { input: usize::MAX, asked: 1 });
    assert_eq!(new.protocol.keep(), Keep::Now(Agreed::AuthClient(agreed)));
    (old.out, new.out) = (BytesMut::new(), BytesMut::new());
    (old.questions, new.questions) = (Vec::new(), Vec::new());
    old.feed(after);
    new.feed(after);
    assert_eq!(old.end(), new.end(), "the next image goes on");
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(state) = serde_json::from_slice::<State>(bytes) {
        let written = serde_json::to_value(&state).expect("it can be written");
        let again: State = serde_json::from_value(written.clone()).expect("and read");
        assert_eq!(serde_json::to_value(&again).expect("written again"), written);
        for (_, agreed) in state.connections.values() {
            let mut resumed = AuthClient::resumed(greeting(), agreed);
            assert_eq!(resumed.keep(), Keep::Now(Agreed::AuthClient(agreed.clone())));
            let (mut input, mut out) = (BytesMut::from("CANCEL\t1\n"), BytesMut::new());
            let _ = resumed.step(&mut input, &mut out, NOW);
        }
    }
    kept(bytes);
});
