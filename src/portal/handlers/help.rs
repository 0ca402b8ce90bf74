//! How to set up a mail program. Anybody may read it: the servers are no secret, and who has no account needs none.

use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;

use crate::config::portal::{MailProtocol, MailServer, Security};
use crate::portal::pages::error::Trouble;
use crate::portal::pages::help::{Help, Program, Security as SecurityPage, Server};
use crate::portal::profile;
use crate::portal::server::{Answer, Context, Shared};

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new().route("/help/{program}", get(page))
}

async fn page(mut context: Context, Path(program): Path<String>) -> Answer {
    let Some(program) = Program::from_word(&program) else {
        return Ok(context.trouble(Trouble::NotFound));
    };
    let standing = context.anybody().await?;
    let shared = context.shared();
    let page = Help {
        program,
        account: standing.as_ref().map(|standing| standing.account.clone()),
        servers: shared.settings.servers.iter().map(server).collect(),
        profiles: profile::is_possible(&shared.mail_site),
    };
    let frame = context.frame(standing.as_ref());
    Ok(context.show(page.render(&frame)))
}

fn server(server: &MailServer) -> Server {
    let protocol = match server.protocol {
        MailProtocol::Imap => "IMAP",
        MailProtocol::Pop3 => "POP3",
        MailProtocol::Submission => "SMTP",
        MailProtocol::Sieve => "ManageSieve",
    };
    let security = match server.security {
        Security::Tls => SecurityPage::Tls,
        Security::Starttls => SecurityPage::Starttls,
    };
    Server { protocol: protocol.to_owned(), host: server.host.clone(), port: server.port, security }
}
