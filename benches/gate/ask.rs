//! The questions, as real mail servers word them.

use std::rc::Rc;

use bytes::{BufMut, BytesMut};
use data_encoding::{BASE64, HEXLOWER};
use sidegate::gate::secret::Secret;

use crate::load::Ask;
use crate::site::{account, secret};

/// A different source for each number: 10.0.0.0/8.
pub(crate) fn address(n: u64) -> String {
    format!("10.{}.{}.{}", n >> 16 & 0xff, n >> 8 & 0xff, n & 0xff)
}

/// Dovecot's login process asks about a PLAIN login.
pub(crate) fn auth(id: u64, user: &str, password: &str, address: &str, out: &mut BytesMut) {
    let resp = BASE64.encode(format!("\0{user}\0{password}").as_bytes());
    let line = format!(
        "AUTH\t{}\tPLAIN\tservice=imap\tsecured\tsession=s{id:016x}\tlip=192.0.2.1\trip={address}\tlport=143\trport={}\tresp={resp}\n",
        id & 0xffff_ffff,
        1024 + id % 60_000,
    );
    out.put_slice(line.as_bytes());
}

/// Right client passwords: the first one of each of so many accounts, in turn.
pub(crate) fn right(accounts: u64) -> Ask {
    let known: Vec<(String, String)> = (0..accounts).map(|n| (account(n), secret(n, 0))).collect();
    Rc::new(move |id, out| {
        let (user, password) = &known[usize::try_from(id % accounts).unwrap_or_default()];
        auth(id, user, password, &address(id % accounts), out);
    })
}

/// The same from one address.
pub(crate) fn right_from(from: &'static str) -> Ask {
    let password = secret(0, 0);
    Rc::new(move |id, out| auth(id, &account(0), &password, from, out))
}

/// All client passwords of one account, in turn.
pub(crate) fn right_of(n: u64, passwords: u32) -> Ask {
    let known: Vec<String> = (0..passwords).map(|k| secret(n, k)).collect();
    Rc::new(move |id, out| {
        let password = &known[usize::try_from(id % u64::from(passwords)).unwrap_or_default()];
        auth(id, &account(n), password, "10.255.0.1", out);
    })
}

/// Logins with passwords that were never seen before: each account once.
pub(crate) fn first(start: u64) -> Ask {
    Rc::new(move |id, out| {
        let n = start + id - 1;
        auth(id, &account(n), &secret(n, 0), &address(n), out);
    })
}

/// A wrong password of an account, each time from another address.
pub(crate) fn wrong(n: u64) -> Ask {
    let start = std::cell::Cell::new(0);
    Rc::new(move |id, out| {
        start.set(start.get() + 1);
        let wrong = secret(u64::MAX - start.get(), 0);
        auth(id, &account(n), &wrong, &address(start.get()), out);
    })
}

/// Dovecot's auth worker looks a right client password up.
pub(crate) fn dict(accounts: u64) -> Ask {
    let digest = |n| HEXLOWER.encode(&Secret::new(secret(n, 0)).digest().0);
    let known: Vec<(String, String)> = (0..accounts).map(|n| (account(n), digest(n))).collect();
    Rc::new(move |id, out| {
        let (user, digest) = &known[usize::try_from(id % accounts).unwrap_or_default()];
        let line = format!("Lshared/auth/imap/{}/{digest}/s{id:016x}\t{user}\n", address(id % accounts));
        out.put_slice(line.as_bytes());
    })
}

/// Cyrus SASL asks about a right client password.
pub(crate) fn saslauthd(accounts: u64) -> Ask {
    let known: Vec<(String, String)> = (0..accounts).map(|n| (account(n), secret(n, 0))).collect();
    Rc::new(move |id, out| {
        let (user, password) = &known[usize::try_from(id % accounts).unwrap_or_default()];
        for text in [user.as_str(), password.as_str(), "smtp", ""] {
            out.put_u16(u16::try_from(text.len()).unwrap_or_default());
            out.put_slice(text.as_bytes());
        }
    })
}

/// Postfix asks whose an address is.
pub(crate) fn socketmap(accounts: u64) -> Ask {
    Rc::new(move |id, out| {
        let text = format!("sender-login {}", account(id % accounts));
        out.put_slice(format!("{}:{text},", text.len()).as_bytes());
    })
}

/// Postfix asks about a step of a message of somebody who is logged in.
pub(crate) fn policy(state: &'static str, accounts: u64) -> Ask {
    Rc::new(move |id, out| step(state, id, id, accounts, out))
}

/// DATA and the end of each message, in turn.
pub(crate) fn message(accounts: u64) -> Ask {
    Rc::new(move |id, out| {
        let state = if id % 2 == 1 { "DATA" } else { "END-OF-MESSAGE" };
        step(state, id, (id - 1) / 2, accounts, out);
    })
}

fn step(state: &str, id: u64, message: u64, accounts: u64, out: &mut BytesMut) {
    let login = account(message % accounts);
    let text = format!(
        "request=smtpd_access_policy\nprotocol_state={state}\nprotocol_name=ESMTP\nclient_address={}\n\
         client_name=unknown\nclient_port={}\nreverse_client_name=unknown\nserver_address=192.0.2.1\nserver_port=587\n\
         helo_name=client.example.net\nsender={login}\nrecipient=someone@example.net\nrecipient_count=1\nqueue_id=\n\
         instance=1a2b.{message:x}.0\nsize=1234\netrn_domain=\nstress=\nsasl_method=PLAIN\nsasl_username={login}\n\
         sasl_sender=\nccert_subject=\nccert_issuer=\nccert_fingerprint=\nccert_pubkey_fingerprint=\n\
         encryption_protocol=TLSv1.3\nencryption_cipher=TLS_AES_256_GCM_SHA384\nencryption_keysize=256\npolicy_context=\n\n",
        address(message % accounts),
        1024 + id % 60_000,
    );
    out.put_slice(text.as_bytes());
}
