//! The documents are read back, and questions come as the programs send them.

use super::*;

const NOW: Timestamp = Timestamp(1_700_000_000);

fn site() -> MailSite {
    let server =
        |protocol, host: &str, port, security| MailServer { protocol, host: host.into(), port, security };
    MailSite {
        name: "Example & <Sons>".into(),
        domains: vec!["example.org".into(), "example.com".into()],
        servers: vec![
            server(MailProtocol::Imap, "imap.example.org", 993, Security::Tls),
            server(MailProtocol::Pop3, "pop.example.org", 995, Security::Tls),
            server(MailProtocol::Submission, "smtp.example.org", 465, Security::Tls),
            server(MailProtocol::Submission, "smtp.example.org", 587, Security::Starttls),
        ],
        portal: "https://portal.example.org".into(),
    }
}

/// Every text of a document with the path to it; attributes as `path@name`.
fn facts(document: &str) -> Vec<(String, String)> {
    let mut reader = Reader::from_str(document);
    let (mut path, mut facts) = (Vec::new(), Vec::<(String, String)>::new());
    loop {
        match reader.read_event().expect("well-formed") {
            Event::Start(tag) => {
                path.push(tag.local_name().as_ref().to_owned());
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("an attribute");
                    let value = attribute.normalized_value(XmlVersion::Implicit1_0).expect("its value");
                    let key = attribute.key.as_ref();
                    facts.push((format!("{}@{key}", path.join("/")), value.into_owned()));
                }
                facts.push((path.join("/"), String::new()));
            }
            Event::End(_) => drop(path.pop()),
            Event::Text(text) if !path.is_empty() => {
                facts.last_mut().expect("a fact").1 +=
                    text.xml10_content().split('\n').next().unwrap_or_default();
            }
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().expect("a number").expect("of a character");
                facts.last_mut().expect("a fact").1.push(character);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    facts.retain(|(_, text)| !text.is_empty());
    facts
}

fn all<'a>(facts: &'a [(String, String)], path: &str) -> Vec<&'a str> {
    facts.iter().filter(|(at, _)| at == path).map(|(_, text)| text.as_str()).collect()
}

fn question(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\r\n<Autodiscover \
         xmlns=\"http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006\"><Request>\
         <EMailAddress>{address}</EMailAddress><AcceptableResponseSchema>{OUTLOOK_SCHEMA}\
         </AcceptableResponseSchema></Request></Autodiscover>"
    )
}

#[test]
fn thunderbird_is_told_the_servers_of_its_domain() {
    let document = thunderbird(&site(), None, Some("Ann@Example.COM")).expect("a document");
    let facts = facts(&document);
    let provider = "clientConfig/emailProvider";
    assert_eq!(all(&facts, "clientConfig@version"), ["1.1"]);
    assert_eq!(all(&facts, &format!("{provider}@id")), ["example.com"]);
    assert_eq!(all(&facts, &format!("{provider}/domain")), ["example.com"]);
    assert_eq!(all(&facts, &format!("{provider}/displayName")), ["Example & <Sons>"]);
    let incoming = |what: &str| all(&facts, &format!("{provider}/incomingServer{what}"));
    assert_eq!(incoming("@type"), ["imap", "pop3"]);
    assert_eq!(incoming("/hostname"), ["imap.example.org", "pop.example.org"]);
    assert_eq!(incoming("/port"), ["993", "995"]);
    assert_eq!(incoming("/socketType"), ["SSL", "SSL"]);
    assert_eq!(incoming("/username"), ["%EMAILADDRESS%"; 2]);
    let outgoing = |what: &str| all(&facts, &format!("{provider}/outgoingServer{what}"));
    assert_eq!(outgoing("@type"), ["smtp", "smtp"]);
    assert_eq!(outgoing("/port"), ["465", "587"]);
    assert_eq!(outgoing("/socketType"), ["SSL", "STARTTLS"]);
    assert_eq!(outgoing("/authentication"), ["password-cleartext"; 2]);
    let help = all(&facts, &format!("{provider}/documentation@url"));
    assert_eq!(help, ["https://portal.example.org/help/thunderbird"]);
    // An account need not exist, and nothing of it is in the document.
    assert!(!document.to_lowercase().contains("ann@"));
}

#[test]
fn the_domain_is_the_addresss_or_else_the_names() {
    let told = |host, address| thunderbird(&site(), host, address).is_some();
    for (host, address) in [
        (Some("autoconfig.example.org"), None),
        (Some("AutoConfig.Example.org:443"), None),
        (Some("example.com"), None),
        (None, Some("ann@example.org")),
        (Some("autoconfig.example.net"), Some("ann@example.org")),
    ] {
        assert!(told(host, address), "{host:?} {address:?}");
    }
    for (host, address) in [
        (None, None),
        (Some("autoconfig.example.net"), None),
        (Some("mail.example.org"), None),
        (Some(""), None),
        // What it says it is about counts.
        (Some("autoconfig.example.org"), Some("ann@example.net")),
        (Some("autoconfig.example.org"), Some("")),
        (None, Some("ann")),
        (None, Some("@example.org")),
        (None, Some("ann@sub.example.org")),
    ] {
        assert!(!told(host, address), "{host:?} {address:?}");
    }
}

#[test]
fn outlook_is_told_the_servers_and_the_address_it_asked_about() {
    let document = outlook(&site(), question(" Ann@example.org\r\n").as_bytes(), NOW);
    let facts = facts(&document);
    assert_eq!(all(&facts, "Autodiscover/Response@xmlns"), [OUTLOOK_SCHEMA]);
    let account = "Autodiscover/Response/Account";
    assert_eq!(all(&facts, &format!("{account}/AccountType")), ["email"]);
    assert_eq!(all(&facts, &format!("{account}/Action")), ["settings"]);
    let protocol = |what: &str| all(&facts, &format!("{account}/Protocol/{what}"));
    assert_eq!(protocol("Type"), ["IMAP", "POP3", "SMTP", "SMTP"]);
    assert_eq!(
        protocol("Server"),
        ["imap.example.org", "pop.example.org", "smtp.example.org", "smtp.example.org"]
    );
    assert_eq!(protocol("Port"), ["993", "995", "465", "587"]);
    assert_eq!(protocol("Encryption"), ["SSL", "SSL", "SSL", "TLS"]);
    assert_eq!(protocol("LoginName"), ["ann@example.org"; 4]);
    assert_eq!(protocol("SPA"), ["off"; 4]);
}

fn refused(question: &[u8]) -> String {
    let document = outlook(&site(), question, NOW);
    let facts = facts(&document);
    assert!(!document.contains("imap.example.org"), "{document}");
    assert_eq!(all(&facts, "Autodiscover/Response/Error@Time"), ["22:13:20.0000000"]);
    all(&facts, "Autodiscover/Response/Error/ErrorCode").concat()
}

#[test]
fn outlook_is_told_no_in_its_own_numbers() {
    let good = question("ann@example.org");
    for stranger in ["ann@example.net", "ann", "", "<b/>ann@example.net", "ann@example.org@evil.example"] {
        assert_eq!(refused(question(stranger).as_bytes()), if stranger.is_empty() { "600" } else { "500" });
    }
    let mobile = good.replace(OUTLOOK_SCHEMA, &OUTLOOK_SCHEMA.replace("outlook", "mobilesync"));
    assert_eq!(refused(mobile.as_bytes()), "601");
    let entity = good
        .replace("<Autodiscover ", "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><Autodiscover ");
    for broken in [
        "",
        "{}",
        "<Autodiscover>",
        &good[..good.len() - 5],
        &good.replace("Request", "Response"),
        &entity.replace("ann@", "&x;@"),
        &entity,
        &good.replace("ann@", "&x;@"),
        &good.replace("ann@", "&#x110000;@"),
        &good.replace("</EMailAddress>", "</EMail>"),
    ] {
        assert_eq!(refused(broken.as_bytes()), "600", "{broken}");
    }
    assert_eq!(refused(b"\xff\xfe<\0A\0"), "600");
}

#[test]
fn a_question_may_be_so_long_and_no_longer() {
    let good = question("ann@example.org");
    let padded = |bytes: usize| format!("{good}{}", " ".repeat(bytes - good.len()));
    assert!(outlook(&site(), padded(QUESTION_BYTES_MAX).as_bytes(), NOW).contains("imap.example.org"));
    assert_eq!(refused(padded(QUESTION_BYTES_MAX + 1).as_bytes()), "600");
    // As deep as that is.
    assert_eq!(refused("<a>".repeat(QUESTION_BYTES_MAX / 3).as_bytes()), "600");
}

#[test]
fn what_the_question_holds_cannot_become_markup() {
    let asked = outlook(&site(), question("a&lt;b&#x26;c&gt;@example.org").as_bytes(), NOW);
    let facts = facts(&asked);
    assert_eq!(all(&facts, "Autodiscover/Response/User/DisplayName"), ["a<b&c>@example.org"]);
    let marked = outlook(&site(), format!("\u{feff}{}", question("ann@example.org")).as_bytes(), NOW);
    assert!(marked.contains("<LoginName>ann@example.org</LoginName>"), "a mark of UTF-8 before it");
    let data = outlook(&site(), question("<![CDATA[ann]]>@example.org").as_bytes(), NOW);
    assert!(data.contains("<LoginName>ann@example.org</LoginName>"));
}

#[test]
fn outlook_may_ask_where_the_xml_is() {
    let told = outlook_json(&site(), "ann@example.org", "autodiscoverv1").expect("an answer");
    let url = "https://portal.example.org/autodiscover/autodiscover.xml";
    assert_eq!(told, json!({ "Protocol": "AutodiscoverV1", "Url": url }));
    let refused = |address, protocol| outlook_json(&site(), address, protocol).expect_err("no answer");
    assert_eq!(refused("ann@example.net", "AutodiscoverV1")["ErrorCode"], "InvalidRequest");
    assert_eq!(refused("ann@example.org", "ActiveSync")["ErrorCode"], "ProtocolNotSupported");
    assert!(!refused("<script>@x", "<script>").to_string().contains("script"));
}

#[test]
fn outlook_writes_its_paths_as_it_likes() {
    for path in [OUTLOOK, "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"] {
        assert!(is_outlook(path), "{path}");
    }
    assert!(!is_outlook("/autodiscover/autodiscover.svc") && !is_outlook("/autodiscover"));
    assert_eq!(outlook_json_path("/Autodiscover/autodiscover.json"), Some(""));
    let behind = outlook_json_path("/autodiscover/autodiscover.json/v1.0/ann@example.org");
    assert_eq!(behind, Some("ann@example.org"));
    for path in
        ["/autodiscover", "/autodiscover/autodiscover.jsonx", "/autodiscover/autodiscover.json/v2/x", "/自"]
    {
        assert_eq!(outlook_json_path(path), None, "{path}");
    }
}
