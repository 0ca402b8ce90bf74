//! Mail: one message, one connection.
//!
//! The envelope has no sender (RFC 3834, 3.3): nobody bounces a notice or answers it. `Message-ID` and
//! `Date` come from the notice, so that a second try is recognised as the same message.

use std::fmt;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use data_encoding::HEXLOWER;
use lettre::address::Envelope;
use lettre::message::header::{ContentType, HeaderName, HeaderValue, MIME_VERSION_1_0};
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::NoticesError;
use super::authorities;
use super::wire::{Wire, starttls};
use crate::clock::Timestamp;
use crate::config::{self, Server, SmtpTls};
use crate::gate::notice::{Channel, Notice};
use crate::gate::secret::Secret;
use crate::log::chain;
use crate::secret_file;

/// How long the farewell may take. The message is taken by then.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
/// The last second of the year 9999, the last that a `Date` can name.
const LAST_DATE: i64 = 253_402_300_799;

/// Who gets mail, and the server that takes it.
#[derive(Debug)]
pub(super) struct Mail {
    owner: bool,
    administrator: Option<String>,
    from: Address,
    server: Server,
    login: Option<(String, Secret)>,
    tls: Option<Tls>,
}

/// How the connection is encrypted.
struct Tls {
    connector: TlsConnector,
    /// Who the certificate has to be for.
    name: ServerName<'static>,
    /// After STARTTLS, and not from the first byte on.
    starttls: bool,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .field("starttls", &self.starttls)
            .finish_non_exhaustive()
    }
}

impl Mail {
    pub(super) fn new(settings: &config::Mail) -> Result<Self, NoticesError> {
        let smtp = &settings.smtp;
        let fail = |setting, problem| NoticesError::Setting { setting, problem };
        let from = settings.from.parse().map_err(|error| fail("notices.from", format!("{error}")))?;
        let login = match &smtp.login {
            Some(login) => {
                let password = secret_file::password(&login.password_file, "notices.smtp.password_file")?;
                Some((login.user.clone(), password))
            }
            None => None,
        };
        let tls = match smtp.tls {
            SmtpTls::None => None,
            SmtpTls::Starttls | SmtpTls::Tls => {
                let config = authorities::client(smtp.ca_file.as_deref(), "notices.smtp.ca_file")?;
                let name = ServerName::try_from(smtp.server.host.clone())
                    .map_err(|error| fail("notices.smtp.server", error.to_string()))?;
                let connector = TlsConnector::from(std::sync::Arc::new(config));
                Some(Tls { connector, name, starttls: smtp.tls == SmtpTls::Starttls })
            }
        };
        let (owner, administrator) = (settings.owner, settings.administrator.clone());
        Ok(Self { owner, administrator, from, server: smtp.server.clone(), login, tls })
    }

    /// Whether owners get mail.
    pub(super) fn to_owner(&self) -> bool {
        self.owner
    }

    /// Who else does.
    pub(super) fn administrator(&self) -> Option<&str> {
        self.administrator.as_deref()
    }

    /// Sends one message to one address.
    pub(super) async fn send(
        &self,
        notice: &Notice,
        channel: Channel,
        to: &str,
        text: (String, String),
    ) -> Result<(), String> {
        let message = self.message(notice, channel, to, text)?;
        let mut connection = self.connect().await?;
        connection.send(message.envelope(), &message.formatted()).await.map_err(|error| chain(&error))?;
        // The server has taken it; how the connection ends changes nothing.
        let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
        Ok(())
    }

    fn message(
        &self,
        notice: &Notice,
        channel: Channel,
        to: &str,
        (subject, body): (String, String),
    ) -> Result<Message, String> {
        let to: Address = to.parse().map_err(|error| format!("no mail can be sent to {to}: {error}"))?;
        let envelope = Envelope::new(None, vec![to.clone()]).map_err(|error| chain(&error))?;
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.from.clone().into())
            .to(to.into())
            .subject(subject)
            .date(date(notice.time))
            .message_id(Some(self.message_id(notice, channel)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(MIME_VERSION_1_0)
            .header(ContentType::TEXT_PLAIN)
            .envelope(envelope)
            .body(body)
            .map_err(|error| chain(&error))
    }

    /// The same for every try of the same notice, and no other's.
    fn message_id(&self, notice: &Notice, channel: Channel) -> String {
        let facts = format!("{}\0{}\0{}", notice.time, notice.account, notice.limit.on.word());
        let digest = HEXLOWER.encode(&Sha256::digest(facts)[..8]);
        format!("<{}.{digest}.{}@{}>", notice.id, channel.word(), self.from.domain())
    }

    /// A connection that is encrypted and logged in as the settings say.
    async fn connect(&self) -> Result<AsyncSmtpConnection, String> {
        let system = |error: std::io::Error| format!("{}: {}", self.server, chain(&error));
        let mut tcp = TcpStream::connect((&*self.server.host, self.server.port)).await.map_err(system)?;
        let hello = match tcp.local_addr().map_err(system)?.ip().to_canonical() {
            IpAddr::V4(address) => ClientId::Ipv4(address),
            IpAddr::V6(address) => ClientId::Ipv6(address),
        };
        let peer = tcp.peer_addr().map_err(system)?;
        let wire: Box<Wire> = match &self.tls {
            None => Box::new(Wire::new(tcp, peer)),
            Some(tls) if tls.starttls => {
                starttls(&mut tcp, &hello.to_string()).await?;
                let stream = tls.connector.connect(tls.name.clone(), tcp).await.map_err(system)?;
                Box::new(Wire::greeted(stream, peer))
            }
            Some(tls) => {
                let stream = tls.connector.connect(tls.name.clone(), tcp).await.map_err(system)?;
                Box::new(Wire::new(stream, peer))
            }
        };
        let connection = AsyncSmtpConnection::connect_with_transport(wire, &hello).await;
        let mut connection = connection.map_err(|error| chain(&error))?;
        if let Some((user, password)) = &self.login {
            let password = String::from_utf8_lossy(password.reveal()).into_owned();
            let credentials = Credentials::new(user.clone(), password);
            let login = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            // Without the server's words: some repeat the command that they refuse, and the password in it.
            login.map_err(|error| match error.status() {
                Some(code) => format!("{} refused the login with {code}", self.server),
                None => format!("{} offers no login that we know, or ended it", self.server),
            })?;
        }
        Ok(connection)
    }
}

/// A time as a header can name it.
fn date(time: Timestamp) -> SystemTime {
    let seconds = time.0.clamp(0, LAST_DATE).unsigned_abs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::limits::{Limited, Per};
    use crate::gate::notice::Limit;
    use crate::gate::notice::NoticeKind;

    fn mail() -> Mail {
        Mail {
            owner: true,
            administrator: None,
            from: "sidegate@example.org".parse().unwrap(),
            server: Server { host: "localhost".into(), port: 25 },
            login: None,
            tls: None,
        }
    }

    fn notice(time: i64) -> Notice {
        Notice {
            id: 7,
            time: Timestamp(time),
            kind: NoticeKind::SendingLimit,
            account: "ann@example.org".into(),
            limit: Limit { on: Limited::RecipientsPerHour, at_most: 50, per: Per::Account },
            until: None,
            address: None,
            password: None,
            revoked: false,
        }
    }

    fn written(notice: &Notice, to: &str, subject: &str, body: &str) -> String {
        let message = mail().message(notice, Channel::OwnerMail, to, (subject.into(), body.into())).unwrap();
        assert_eq!(message.envelope().from(), None);
        String::from_utf8(message.formatted()).unwrap()
    }

    #[test]
    fn a_message_has_the_headers_of_an_automatic_one() {
        let text = written(&notice(1_800_000_000), "ann@example.org", "Limit", "One.\nTwo.\n");
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        for line in [
            "From: sidegate@example.org",
            "To: ann@example.org",
            "Subject: Limit",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000",
            "Auto-Submitted: auto-generated",
            "MIME-Version: 1.0",
            "Content-Type: text/plain; charset=utf-8",
        ] {
            assert!(head.lines().any(|found| found == line), "{line} in {head}");
        }
        assert!(head.contains("Message-ID: <7.") && head.contains(".owner-mail@example.org>"), "{head}");
        assert_eq!(body, "One.\r\nTwo.\r\n");
    }

    #[test]
    fn a_second_try_is_the_same_message_and_another_notice_is_not() {
        let text = |notice: &Notice| written(notice, "ann@example.org", "s", "b");
        assert_eq!(text(&notice(1)), text(&notice(1)));
        assert_ne!(
            mail().message_id(&notice(1), Channel::OwnerMail),
            mail().message_id(&notice(2), Channel::OwnerMail)
        );
        let other = mail().message_id(&notice(1), Channel::AdministratorMail);
        assert_ne!(mail().message_id(&notice(1), Channel::OwnerMail), other);
    }

    #[test]
    fn a_subject_adds_no_header_and_other_scripts_are_encoded() {
        let text = written(&notice(1), "ann@example.org", "限额\r\nBcc: all@example.org", "您的帐号\n");
        assert!(text.is_ascii() && !text.contains("\nBcc:"), "{text}");
    }

    #[test]
    fn only_an_address_gets_mail() {
        for to in ["ann", "a@b.c\r\nBcc: d@e.f", "a@b.c, d@e.f", "<a@b.c>", ""] {
            let message = mail().message(&notice(1), Channel::OwnerMail, to, ("s".into(), "b".into()));
            assert!(message.is_err(), "{to}");
        }
    }

    #[test]
    fn no_time_is_too_odd_for_a_date() {
        for time in [i64::MIN, -1, 0, LAST_DATE, LAST_DATE + 1, i64::MAX] {
            written(&notice(time), "ann@example.org", "s", "b");
        }
    }
}
