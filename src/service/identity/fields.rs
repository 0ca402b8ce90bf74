//! What a user database is told of a login, and what it says of where the mail lives.

use crate::gate::identity::Home;
use crate::proto::tab;

/// What of an AUTH line's parameters a user database is told.
const TOLD: [&[u8]; 12] = [
    b"service",
    b"protocol",
    b"session",
    b"lip",
    b"rip",
    b"lport",
    b"rport",
    b"real_lip",
    b"real_rip",
    b"real_lport",
    b"real_rport",
    b"local_name",
];

/// What of a login's parameters a user database is told.
pub(in crate::service) fn told(params: &[u8]) -> Vec<u8> {
    let fields = params.split(|byte| *byte == b'\t');
    let told: Vec<&[u8]> = fields.filter(|field| TOLD.contains(&tab::key_value(field).0)).collect();
    told.join(&b'\t')
}

/// Where the mail lives, of a user database's fields.
pub(in crate::service) fn home(fields: &[u8]) -> Option<Home> {
    let field = |wanted: &[u8]| {
        fields.split(|byte| *byte == b'\t').find_map(|field| match tab::key_value(field) {
            (key, Some(value)) if key == wanted => Some(tab::unescape(value)),
            _ => None,
        })
    };
    let (home, uid) = (field(b"home"), field(b"uid"));
    // Dovecot 2.4 calls it `mail_path`.
    let mail = field(b"mail").or_else(|| field(b"mail_path"));
    Home::new(home.as_deref(), mail.as_deref(), uid.as_deref())
}
