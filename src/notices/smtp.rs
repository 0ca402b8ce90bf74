//! SMTP: a connection to the server that takes our mail, encrypted and logged in as the settings say; one
//! message a connection.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::NoticesError;
use super::authorities;
use super::wire::{Wire, starttls};
use crate::clock::Timestamp;
use crate::config::{self, Server, SmtpTls};
use crate::gate::secret::Secret;
use crate::log::chain;
use crate::secret_file;

/// How long the farewell may take. The message is taken by then.
const QUIT_TIMEOUT: Duration = Duration::from_secs(1);
/// The last second of the year 9999, the last that a `Date` can name.
pub(crate) const LAST_DATE: i64 = 253_402_300_799;

/// A server that takes mail.
#[derive(Debug)]
pub(crate) struct Smtp {
    server: Server,
    login: Option<(String, Secret)>,
    tls: Option<Tls>,
}

/// What the settings are called, for errors.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SmtpSettings {
    /// Host and port.
    pub(crate) server: &'static str,
    /// The file with the password.
    pub(crate) password_file: &'static str,
    /// The file with the authorities.
    pub(crate) ca_file: &'static str,
}

/// Why a server did not take a message.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SmtpError {
    /// There was no connection, or none that we would use. In words, some of them the server's.
    #[error("{0}")]
    Connection(String),
    /// The server did not take this message. Its words may repeat some of it.
    #[error("{}", chain(.0))]
    Message(lettre::transport::smtp::Error),
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

impl Smtp {
    /// Reads the password and the authorities.
    pub(crate) fn new(smtp: &config::Smtp, names: SmtpSettings) -> Result<Self, NoticesError> {
        let login = match &smtp.login {
            Some(login) => {
                let password = secret_file::password(&login.password_file, names.password_file)?;
                Some((login.user.clone(), password))
            }
            None => None,
        };
        let tls = match smtp.tls {
            SmtpTls::None => None,
            SmtpTls::Starttls | SmtpTls::Tls => {
                let config = authorities::client(smtp.ca_file.as_deref(), names.ca_file)?;
                let name = ServerName::try_from(smtp.server.host.clone()).map_err(|error| {
                    NoticesError::Setting { setting: names.server, problem: error.to_string() }
                })?;
                let connector = TlsConnector::from(Arc::new(config));
                Some(Tls { connector, name, starttls: smtp.tls == SmtpTls::Starttls })
            }
        };
        Ok(Self { server: smtp.server.clone(), login, tls })
    }

    /// Sends one message.
    pub(crate) async fn send(&self, message: &Message) -> Result<(), SmtpError> {
        let mut connection = self.connect().await.map_err(SmtpError::Connection)?;
        connection.send(message.envelope(), &message.formatted()).await.map_err(SmtpError::Message)?;
        // The server has taken it; how the connection ends changes nothing.
        let _ = timeout(QUIT_TIMEOUT, connection.quit()).await;
        Ok(())
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
pub(crate) fn date(time: Timestamp) -> SystemTime {
    let seconds = time.0.clamp(0, LAST_DATE).unsigned_abs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}
