//! `[wechat]`, `[wecom]`, `[dingtalk]`: who may be asked who somebody is.

use std::path::PathBuf;

use super::super::section::Section;
use super::super::text;
use super::super::value::{line, truth};
use super::sms::{Reach, base, plain, reach};
use crate::portal::provider::{dingtalk as d, wechat as w, wecom as c};

/// `[wechat]`: an application for websites.
#[derive(Clone, Debug, PartialEq)]
pub struct WeChat {
    /// `appid`.
    pub app_id: String,
    /// The file with its secret.
    pub secret_file: PathBuf,
    /// Where browsers go.
    pub login_url: String,
    /// Where WeChat is asked.
    pub api_url: String,
    /// How it is reached.
    pub reach: Reach,
}

/// `[wecom]`: an application of the organisation.
#[derive(Clone, Debug, PartialEq)]
pub struct WeCom {
    /// `corpid`.
    pub corp_id: String,
    /// `agentid`.
    pub agent_id: String,
    /// The file with its secret.
    pub secret_file: PathBuf,
    /// Where browsers go.
    pub login_url: String,
    /// Where WeCom is asked.
    pub api_url: String,
    /// How it is reached.
    pub reach: Reach,
}

/// `[dingtalk]`: an application of the organisation.
#[derive(Clone, Debug, PartialEq)]
pub struct DingTalk {
    /// `client_id`.
    pub client_id: String,
    /// The file with its secret.
    pub secret_file: PathBuf,
    /// Where browsers go.
    pub login_url: String,
    /// Where DingTalk is asked.
    pub api_url: String,
    /// Where it is asked whether somebody is a member of the organisation; absent takes everybody.
    pub members_url: Option<String>,
    /// How it is reached.
    pub reach: Reach,
}

pub(super) fn wechat(mut section: Section<'_, '_>) -> Option<WeChat> {
    let app_id = section.need("app_id", line(plain), "\"wx0123456789abcdef\"");
    let secret_file = secret(&mut section, "\"/etc/sidegate/wechat.secret\"");
    let login_url = section.get_or("login_url", line(base), w::LOGIN_URL.into());
    let api_url = section.get_or("api_url", line(base), w::API_URL.into());
    let reach = reach(&mut section);
    Some(WeChat { app_id: app_id?, secret_file: secret_file?, login_url, api_url, reach })
}

pub(super) fn wecom(mut section: Section<'_, '_>) -> Option<WeCom> {
    let corp_id = section.need("corp_id", line(plain), "\"ww0123456789abcdef\"");
    let agent_id = section.need("agent_id", line(plain), "\"1000002\"");
    let secret_file = secret(&mut section, "\"/etc/sidegate/wecom.secret\"");
    let login_url = section.get_or("login_url", line(base), c::LOGIN_URL.into());
    let api_url = section.get_or("api_url", line(base), c::API_URL.into());
    let reach = reach(&mut section);
    Some(WeCom {
        corp_id: corp_id?,
        agent_id: agent_id?,
        secret_file: secret_file?,
        login_url,
        api_url,
        reach,
    })
}

pub(super) fn dingtalk(mut section: Section<'_, '_>) -> Option<DingTalk> {
    let client_id = section.need("client_id", line(plain), "\"ding0123456789abcdef\"");
    let secret_file = secret(&mut section, "\"/etc/sidegate/dingtalk.secret\"");
    let login_url = section.get_or("login_url", line(base), d::LOGIN_URL.into());
    let api_url = section.get_or("api_url", line(base), d::API_URL.into());
    let only_members = section.get_or("only_members", truth, false);
    let members_url = section.get_or("members_url", line(base), d::MEMBERS_URL.into());
    let members_url = only_members.then_some(members_url);
    let reach = reach(&mut section);
    Some(DingTalk {
        client_id: client_id?,
        secret_file: secret_file?,
        login_url,
        api_url,
        members_url,
        reach,
    })
}

fn secret(section: &mut Section<'_, '_>, example: &str) -> Option<PathBuf> {
    section.need("secret_file", line(text::secret_file), example)
}
