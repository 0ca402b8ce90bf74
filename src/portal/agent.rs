//! Which system and program a browser says it is (`User-Agent`), in names people know from their own devices.
//!
//! It is what the list of devices shows, and what a mail with a code tells its reader; nothing is decided by it, for a
//! browser may claim what it likes. The names are ours alone, so that nothing a browser sends is ever shown: it is
//! only looked for in what it sent. Versions are left out: browsers have stopped telling the true ones.
//!
//! Browsers carry the names of those they want to be taken for. Whoever claims the least is asked for last: a program
//! inside WeCom says `wxwork`, `MicroMessenger`, `Chrome` and `Safari`, in this order of truth.

use crate::api::portal::VISITOR_BYTES_MAX;

/// What is looked at, in bytes. The longest seen, of programs inside WeChat, have 600.
const AGENT_BYTES_MAX: usize = 1_024;

/// What tells a system, in lower case, and its name; the first that is found counts.
const SYSTEMS: [(&str, &str); 14] = [
    ("windows", "Windows"),   // a Windows Phone says Android too
    ("harmony", "HarmonyOS"), // as HarmonyOS beside Android, since version 5 as OpenHarmony alone
    ("android", "Android"),
    ("iphone", "iOS"), // which is "like Mac OS X"
    ("ipod", "iOS"),
    ("ipad", "iPadOS"), // where it does not say it were a Macintosh, as Safari does
    ("mac os x", "macOS"),
    ("macintosh", "macOS"),
    ("cros ", "ChromeOS"),
    ("tizen", "Tizen"),
    ("linux", "Linux"),
    ("freebsd", "FreeBSD"),
    ("openbsd", "OpenBSD"),
    ("netbsd", "NetBSD"),
];

/// The same for programs.
const PROGRAMS: [(&str, &str); 49] = [
    // Browsers inside other programs.
    ("wxwork/", "WeCom"),
    ("micromessenger/", "WeChat"),
    ("dingtalk", "DingTalk"),
    ("lark/", "Feishu"),
    (" qq/", "QQ"),
    ("alipayclient", "Alipay"),
    ("baiduboxapp", "Baidu"),
    ("thunderbird/", "Thunderbird"),
    // Browsers of their own, on the engine of another.
    ("huaweibrowser/", "Huawei Browser"),
    ("honorbrowser/", "Honor Browser"),
    ("samsungbrowser/", "Samsung Internet"),
    ("miuibrowser/", "Mi Browser"),
    ("heytapbrowser/", "HeyTap Browser"),
    ("vivobrowser/", "Vivo Browser"),
    ("qqbrowser/", "QQ Browser"),
    ("ucbrowser/", "UC Browser"),
    (" ubrowser/", "UC Browser"),
    ("quark/", "Quark"),
    (" 360se", "360 Browser"),
    (" 360ee", "360 Browser"),
    ("360 aphone browser", "360 Browser"),
    ("qihoobrowser", "360 Browser"),
    ("qhbrowser/", "360 Browser"),
    ("metasr", "Sogou Browser"),
    ("sogoumobilebrowser/", "Sogou Browser"),
    ("sogoumse", "Sogou Browser"),
    ("bidubrowser", "Baidu Browser"),
    ("maxthon", "Maxthon"),
    ("edg/", "Edge"),
    ("edga/", "Edge"),
    ("edgios/", "Edge"),
    ("edge/", "Edge"),
    ("opr/", "Opera"),
    ("opt/", "Opera"),
    ("opios/", "Opera"),
    ("opera", "Opera"),
    ("vivaldi/", "Vivaldi"),
    ("yabrowser/", "Yandex Browser"),
    ("duckduckgo/", "DuckDuckGo"),
    (" ddg/", "DuckDuckGo"),
    ("seamonkey/", "SeaMonkey"),
    // Those whose engine it is.
    ("firefox/", "Firefox"),
    ("fxios/", "Firefox"),
    ("chromium/", "Chromium"),
    ("crios/", "Chrome"),
    ("chrome/", "Chrome"),
    ("msie ", "Internet Explorer"),
    ("trident/", "Internet Explorer"),
    ("curl/", "curl"),
];

/// System and program of a browser; empty where it is none of ours.
#[must_use]
pub fn agent(user_agent: &str) -> (&'static str, &'static str) {
    let bytes = user_agent.as_bytes();
    let head = &bytes[..bytes.len().min(AGENT_BYTES_MAX)];
    let agent = String::from_utf8_lossy(head).to_ascii_lowercase();
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(sign, _)| agent.contains(sign)).map_or("", |(_, name)| *name)
    };
    let system = first(&SYSTEMS);
    let program = match first(&PROGRAMS) {
        // Everybody says Safari. Off Apple's systems it is an old Android's own browser, or nobody known.
        "" if agent.contains("safari/") && ["iOS", "iPadOS", "macOS"].contains(&system) => "Safari",
        program => program,
    };
    (system, program)
}

const _: () = {
    let mut at = 0;
    while at < PROGRAMS.len() {
        assert!(PROGRAMS[at].1.len() <= VISITOR_BYTES_MAX && PROGRAMS[at].1.is_ascii());
        at += 1;
    }
    at = 0;
    while at < SYSTEMS.len() {
        assert!(SYSTEMS[at].1.len() <= VISITOR_BYTES_MAX && SYSTEMS[at].1.is_ascii());
        at += 1;
    }
};

#[cfg(test)]
mod tests {
    use super::*;

    fn check(agents: &[(String, &str, &str)]) {
        for (text, system, program) in agents {
            assert_eq!(agent(text), (*system, *program), "{text}");
        }
    }

    const CHROME: &str = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0";
    const WEBKIT: &str = "AppleWebKit/605.1.15 (KHTML, like Gecko)";

    #[test]
    fn browsers_on_chromium_are_known_by_what_only_they_say() {
        let windows = format!("Mozilla/5.0 (Windows NT 10.0; Win64; x64) {CHROME} Safari/537.36");
        let android = format!("Mozilla/5.0 (Linux; Android 14; SM-S918B) {CHROME} Mobile Safari/537.36");
        check(&[
            (windows.clone(), "Windows", "Chrome"),
            (format!("{windows} Edg/131.0.0.0"), "Windows", "Edge"),
            (format!("{windows} OPR/116.0.0.0"), "Windows", "Opera"),
            (format!("{windows} SE 2.X MetaSr 1.0"), "Windows", "Sogou Browser"),
            (format!("{windows} QIHU 360SE"), "Windows", "360 Browser"),
            (format!("{windows} Core/1.116 QQBrowser/13.5"), "Windows", "QQ Browser"),
            (format!("{windows} wxwork/4.1.22 MicroMessenger/7.0.1 WindowsWechat"), "Windows", "WeCom"),
            (format!("{windows} dingtalk-win/1.0.0 nw(0.14.7) DingTalk(7.6)"), "Windows", "DingTalk"),
            (android.clone(), "Android", "Chrome"),
            (format!("{android} EdgA/131.0.0.0"), "Android", "Edge"),
            (android.replace(" Chrome/", " SamsungBrowser/27.0 Chrome/"), "Android", "Samsung Internet"),
            (android.replace(" Chrome/", " UCBrowser/16.8 Chrome/"), "Android", "UC Browser"),
            (format!("{android} V1_AND_SQ_9.0.8 QQ/9.0.8 MQQBrowser/6.2"), "Android", "QQ"),
        ]);
        let huawei = "Mozilla/5.0 (Linux; Android 12; HarmonyOS; NOH-AN00; HMSCore 6.14.0)";
        let open = "Mozilla/5.0 (Phone; OpenHarmony 5.0)";
        let chromebook = "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)";
        check(&[
            (format!("{huawei} {CHROME} HuaweiBrowser/15.0.4.312 Mobile"), "HarmonyOS", "Huawei Browser"),
            (format!("{open} {CHROME} Safari/537.36 ArkWeb/4.1 Mobile"), "HarmonyOS", "Chrome"),
            (format!("{chromebook} {CHROME} Safari/537.36"), "ChromeOS", "Chrome"),
        ]);
    }

    #[test]
    fn so_are_the_others() {
        let iphone = format!("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) {WEBKIT}");
        let ipad = format!("Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) {WEBKIT}");
        let mac = format!("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {WEBKIT}");
        let wechat = "MicroMessenger/8.0.50(0x18003236) NetType/WIFI Language/zh_CN";
        let old_android =
            "Mozilla/5.0 (Linux; U; Android 4.0.3) AppleWebKit/534.30 Version/4.0 Safari/534.30";
        let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0";
        let explorer = "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko";
        check(&[
            (format!("{iphone} Version/18.1 Mobile/15E148 Safari/604.1"), "iOS", "Safari"),
            (format!("{iphone} Mobile/15E148 {wechat}"), "iOS", "WeChat"),
            (format!("{iphone} Mobile/15E148 wxwork/4.1.0 {wechat}"), "iOS", "WeCom"),
            (format!("{iphone} Mobile/15E148"), "iOS", ""),
            (format!("{ipad} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1"), "iPadOS", "Chrome"),
            (format!("{mac} Version/18.1 Safari/605.1.15"), "macOS", "Safari"),
            (firefox.into(), "Linux", "Firefox"),
            (explorer.into(), "Windows", "Internet Explorer"),
            ("curl/7.88.1".into(), "", "curl"),
            (old_android.into(), "Android", ""),
        ]);
    }

    #[test]
    fn nothing_that_was_sent_is_shown_and_what_is_too_long_is_not_read_on() {
        for foreign in ["", "Mozilla/5.0", "<b>Chrom</b>", "\u{0}\u{fffd}手机", "Linuz; Chrome 131"] {
            assert_eq!(agent(foreign), ("", ""), "{foreign}");
        }
        let before = |bytes: usize| format!("{}Firefox/133.0", "x".repeat(bytes));
        let last = AGENT_BYTES_MAX - "Firefox/".len();
        assert_eq!(agent(&before(last)).1, "Firefox");
        assert_eq!(agent(&before(last + 1)).1, "");
        // Cut within a character.
        assert_eq!(agent(&format!("x{}", "手".repeat(AGENT_BYTES_MAX))), ("", ""));
    }

    /// A sign that holds an earlier one could never count.
    #[test]
    fn every_name_can_be_reached() {
        for names in [&SYSTEMS[..], &PROGRAMS[..]] {
            for (at, (sign, name)) in names.iter().enumerate() {
                assert_eq!(*sign, sign.to_ascii_lowercase());
                let hidden = names[..at].iter().find(|(before, _)| sign.contains(before));
                assert!(hidden.is_none(), "{name}: {sign} is hidden by {hidden:?}");
            }
        }
    }
}
