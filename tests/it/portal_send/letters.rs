//! Code mails to a mail server, and what becomes of them.

use std::time::Duration;

use jiff::tz::TimeZone;
use sidegate::clock::Timestamp;
use sidegate::config::{Language, Server, Smtp, SmtpTls};
use sidegate::gate::code::Code;
use sidegate::portal::send::mail::{CodeMail, Courier, MailError, Occasion, Purpose};
use sidegate::portal::send::text::Word;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

use super::{CODE, IMPATIENT, PATIENT, harmless};

const TO: &str = "ann@elsewhere.example";

fn mail() -> CodeMail {
    let occasion = Occasion {
        account: "ann@example.org".into(),
        time: Timestamp(1_800_000_000),
        system: Some("Windows 11".into()),
        browser: Some("Firefox 150".into()),
        address: Some("192.0.2.7".into()),
        place: Some("Chongqing, China".into()),
        language: Language::En,
        request_id: Word::new("r7").unwrap(),
    };
    CodeMail { code: Code::parse(CODE).unwrap(), minutes: 5, purpose: Purpose::Bind, occasion }
}

/// Sends to a server that gives `answer` to the command that begins like `command`, and tells what it heard.
async fn send(
    command: &'static str,
    answer: &'static str,
    timeout: Duration,
) -> (Result<(), MailError>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server { host: "127.0.0.1".into(), port: listener.local_addr().unwrap().port() };
    let smtp = Smtp { server, tls: SmtpTls::None, login: None, ca_file: None };
    let courier = Courier::new("gate@example.org", "Example Mail", &smtp, TimeZone::UTC, timeout).unwrap();
    let heard = tokio::spawn(async move {
        let mut heard = String::new();
        let (tcp, _) = listener.accept().await.unwrap();
        let mut stream = BufReader::new(tcp);
        let (mut said, mut data) = ("GREETING".to_owned(), false);
        loop {
            let usual = match said.split_whitespace().next().unwrap_or_default() {
                _ if data && said != ".\r\n" => "",
                "GREETING" => "220 peer\r\n",
                "DATA" => "354 go on\r\n",
                "QUIT" => "221 bye\r\n",
                _ => "250 ok\r\n",
            };
            let ours = !data && said.starts_with(command) || data && said == ".\r\n" && command == ".";
            data = said.starts_with("DATA") && !ours || data && said != ".\r\n";
            match (ours, answer) {
                (true, "close") => return heard,
                (true, "never") => {}
                (true, answer) => stream.write_all(answer.as_bytes()).await.unwrap(),
                (false, _) => stream.write_all(usual.as_bytes()).await.unwrap(),
            }
            said.clear();
            if stream.read_line(&mut said).await.unwrap_or(0) == 0 {
                return heard;
            }
            heard.push_str(&said);
        }
    });
    // Spawned, as a page does it.
    let sent = tokio::spawn(async move { courier.send(TO, &mail()).await }).await.unwrap().map_err(harmless);
    (sent, heard.await.unwrap())
}

#[tokio::test]
async fn a_code_mail_arrives_whole() {
    let (sent, heard) = send("nothing", "", PATIENT).await;
    assert_eq!(sent, Ok(()));
    for part in [
        "MAIL FROM:<>",
        "RCPT TO:<ann@elsewhere.example>",
        "To: ann@elsewhere.example",
        "From: \"Example Mail\" <gate@example.org>",
        "Subject: Example Mail: code to add this address",
        "account a***@example.org",
        "Place: Chongqing, China",
        "multipart/alternative",
        "valid for 5 minutes",
        "System: Windows 11",
        "Browser: Firefox 150",
        "Address of the request: 192.0.2.7",
        "Time: 2027-01-15 08:00 (UTC+00:00)",
    ] {
        assert!(heard.contains(part), "{part} in {heard}");
    }
    assert_eq!(heard.matches(CODE).count(), 2, "in the text and in the HTML");
}

#[tokio::test]
async fn a_refusal_is_told_by_its_number() {
    // The server repeats what it was sent.
    let (sent, heard) = send(".", "554 5.7.1 spam: 735519 for 13812345678\r\n", PATIENT).await;
    assert_eq!(sent, Err(MailError::Refused(554)));
    assert!(heard.contains(CODE));
    let (sent, heard) = send("RCPT", "450 4.2.0 later\r\n", PATIENT).await;
    assert_eq!(sent, Err(MailError::Refused(450)));
    assert!(!heard.contains(CODE));
}

#[tokio::test]
async fn a_server_that_leaves_or_is_silent_is_told() {
    assert_eq!(send(".", "close", PATIENT).await.0, Err(MailError::Unreadable));
    assert!(matches!(send("GREETING", "close", PATIENT).await.0, Err(MailError::Unreachable(_))));
    let (sent, _) = send("GREETING", "554 5.7.1 go\u{1b}[2J away\r\n", PATIENT).await;
    let Err(MailError::Unreachable(reason)) = sent else { panic!("{sent:?}") };
    assert!(reason.contains("go[2J away") && !reason.contains(char::is_control), "{reason:?}");
    assert_eq!(send("DATA", "never", IMPATIENT).await.0, Err(MailError::Timeout(IMPATIENT)));
}
