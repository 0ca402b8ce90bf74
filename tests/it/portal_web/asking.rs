//! Mail programs that ask for their servers by themselves.

use super::browser::Page;
use super::site::Site;

const SETTINGS: &str = "site.domains = ['example.org']\n\
     [[servers]]\nprotocol = 'imap'\nhost = 'imap.example.org'\n\
     [[servers]]\nprotocol = 'sieve'\nhost = 'imap.example.org'\nsecurity = 'starttls'\n\
     [[servers]]\nprotocol = 'submission'\nhost = 'smtp.example.org'\nsecurity = 'starttls'\n";
const SCHEMA: &str = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a";

/// Says something as a program does: no cookie, no word of where it comes from.
fn ask(site: &Site, method: &str, path: &str, headers: &str, body: &str) -> Page {
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: autoconfig.example.org\r\nconnection: close\r\n{headers}\
         content-length: {length}\r\n\r\n{body}"
    );
    Page::read(&site.door.say(request.as_bytes()))
}

fn question(address: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><Autodiscover><Request><EMailAddress>{address}</EMailAddress>\
         <AcceptableResponseSchema>{SCHEMA}</AcceptableResponseSchema></Request></Autodiscover>"
    )
}

#[test]
fn thunderbird_is_told_the_servers() {
    let site = Site::start("", SETTINGS);
    for path in [
        "/mail/config-v1.1.xml?emailaddress=ann%40example.org",
        "/.well-known/autoconfig/mail/config-v1.1.xml?emailaddress=nobody@EXAMPLE.org",
        "/mail/config-v1.1.xml",
    ] {
        let told = ask(&site, "GET", path, "", "");
        assert_eq!(
            (told.status, told.header("content-type")),
            (200, "application/xml; charset=utf-8"),
            "{path}"
        );
        assert!(told.body.contains("<hostname>imap.example.org</hostname>"), "{}", told.body);
        assert!(told.body.contains("<socketType>STARTTLS</socketType>") && !told.body.contains("sieve"));
        assert!(told.header("set-cookie").is_empty());
        assert_eq!(told.header("x-content-type-options"), "nosniff");
    }
    for path in [
        "/mail/config-v1.1.xml?emailaddress=ann@example.net",
        "/mail/config-v1.1.xml?emailaddress=",
        "/mail/config-v1.1.xml?emailaddress=%ff%00",
        "/mail/config-v1.1.xml?emailaddress=%3Cx%3E&emailaddress=ann@example.org",
    ] {
        assert_eq!(ask(&site, "GET", path, "", "").status, 404, "{path}");
    }
}

#[test]
fn outlook_is_told_the_servers() {
    let site = Site::start("", SETTINGS);
    for path in
        ["/autodiscover/autodiscover.xml", "/Autodiscover/Autodiscover.xml", "/AutoDiscover/AutoDiscover.xml"]
    {
        // Whatever site a browser says it comes from: nothing is changed.
        let told = ask(&site, "POST", path, "content-type: text/xml\r\n", &question("ann@example.org"));
        assert_eq!(told.status, 200, "{path}");
        assert!(told.body.contains("<LoginName>ann@example.org</LoginName>"), "{}", told.body);
        assert!(told.body.contains("<Server>smtp.example.org</Server>"));
    }
    let path = "/autodiscover/autodiscover.xml";
    for (asked, code) in [
        (question("ann@example.net"), "500"),
        (String::new(), "600"),
        ("<!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>".to_owned(), "600"),
        (question("ann@example.org").replace("outlook", "mobilesync"), "601"),
    ] {
        let told = ask(&site, "POST", path, "", &asked);
        assert_eq!(told.status, 200);
        assert!(told.body.contains(&format!("<ErrorCode>{code}</ErrorCode>")), "{}", told.body);
        assert!(!told.body.contains("imap.example.org") && !told.body.contains("root:"));
    }
    let padded = |bytes: usize| format!("{:bytes$}", question("ann@example.org"));
    assert_eq!(ask(&site, "POST", path, "", &padded(8_192)).status, 200);
    assert_eq!(ask(&site, "POST", path, "", &padded(8_193)).status, 413);
    assert_eq!(ask(&site, "GET", path, "", "").status, 405);
    for path in [
        "/autodiscover/autodiscover.json?Email=ann@example.org&Protocol=AutodiscoverV1",
        "/autodiscover/autodiscover.json/v1.0/ann@example.org?Protocol=autodiscoverv1",
    ] {
        let told = ask(&site, "GET", path, "", "");
        assert_eq!(told.status, 200, "{path}");
        let url = "\"Url\":\"http://localhost:8025/autodiscover/autodiscover.xml\"";
        assert!(told.body.contains(url), "{}", told.body);
    }
    let other = "/autodiscover/autodiscover.json?Email=ann@example.org&Protocol=ActiveSync";
    assert_eq!(ask(&site, "GET", other, "", "").status, 400);
}

#[test]
fn a_site_that_names_no_domains_tells_nobody() {
    let site = Site::start("", "[[servers]]\nprotocol = 'imap'\nhost = 'imap.example.org'\n");
    assert_eq!(ask(&site, "GET", "/mail/config-v1.1.xml?emailaddress=ann@example.org", "", "").status, 404);
    let told = ask(&site, "POST", "/autodiscover/autodiscover.xml", "", &question("ann@example.org"));
    assert!(told.body.contains("<ErrorCode>500</ErrorCode>"));
}
