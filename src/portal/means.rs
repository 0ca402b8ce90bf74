//! By which means people are reached and known elsewhere: the settings with the secrets they name, read once at the start.

use std::path::Path;

use jiff::tz::TimeZone;
use percent_encoding::utf8_percent_encode;
use zeroize::Zeroizing;

use super::provider::{Provider, dingtalk, wechat, wecom};
use super::send::text::{TextError, Word};
use super::send::{
    Base, Courier, Reach, Sender, SetupError, aliyun, command, gateway, json_with_secret, tencent,
    with_secret,
};
use crate::config::portal::{self as config, GatewayBody, Portal, SmsBy};
use crate::gate::secret::Secret;
use crate::secret_file::{self, SecretFileError};

/// What the settings allow.
#[derive(Debug)]
pub(crate) struct Means {
    /// Codes to phones.
    pub(crate) sms: Option<Sms>,
    /// Codes and notices by mail.
    pub(crate) mail: Option<Courier>,
    /// WeChat, WeCom, DingTalk.
    pub(crate) providers: Vec<Provider>,
}

/// Who carries messages to phones, and what their texts are called there.
#[derive(Debug)]
pub(crate) struct Sms {
    pub(crate) sender: Sender,
    pub(crate) template: Word,
    pub(crate) template_en: Word,
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MeansError {
    /// A file with a secret.
    #[error(transparent)]
    Secret(#[from] SecretFileError),
    /// A setting of a section.
    #[error("[{0}]: {1}")]
    Section(&'static str, SetupError),
    /// The name of a template.
    #[error("[sms]: `template`: {0}")]
    Word(#[from] TextError),
}

impl Means {
    /// Reads secrets and authorities.
    pub(crate) fn new(settings: &Portal, zone: &TimeZone) -> Result<Self, MeansError> {
        let mut providers = Vec::new();
        if let Some(wechat) = &settings.wechat {
            providers.push(Provider::WeChat(self::wechat(wechat)?));
        }
        if let Some(wecom) = &settings.wecom {
            providers.push(Provider::WeCom(self::wecom(wecom, settings)?));
        }
        if let Some(dingtalk) = &settings.dingtalk {
            providers.push(Provider::DingTalk(self::dingtalk(dingtalk)?));
        }
        let courier = |mail: &config::Mail| {
            let site = settings.site.called();
            Courier::new(&mail.from, site, &mail.smtp, zone.clone(), mail.timeout).map_err(section("mail"))
        };
        Ok(Self {
            sms: settings.sms.as_ref().map(sms).transpose()?,
            mail: settings.mail.as_ref().map(courier).transpose()?,
            providers,
        })
    }

    /// The provider of that word.
    pub(crate) fn provider(&self, word: &str) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.kind().word() == word)
    }
}

fn section(name: &'static str) -> impl Fn(SetupError) -> MeansError {
    move |error| MeansError::Section(name, error)
}

fn base(url: &str, name: &'static str) -> Result<Base, MeansError> {
    Base::parse(url).map_err(section(name))
}

fn sms(settings: &config::Sms) -> Result<Sms, MeansError> {
    let reach = settings.reach.clone();
    let sender = match &settings.by {
        SmsBy::Gateway(gateway) => Sender::Gateway(Box::new(self::gateway(gateway, reach)?)),
        SmsBy::Command(command) => {
            let settings = command::CommandSettings {
                program: command.program.clone(),
                arguments: command.arguments.clone(),
                timeout: reach.timeout,
            };
            Sender::Command(command::Command::new(&settings).map_err(section("sms"))?)
        }
        SmsBy::Aliyun(cloud) => Sender::Aliyun(aliyun(cloud, reach)?),
        SmsBy::Tencent(cloud) => Sender::Tencent(tencent(cloud, reach)?),
    };
    let (template, template_en) =
        (Word::new(settings.template.as_str())?, Word::new(settings.template_en.as_str())?);
    Ok(Sms { sender, template, template_en })
}

fn gateway(settings: &config::Gateway, reach: Reach) -> Result<gateway::Gateway, MeansError> {
    let secret = match &settings.secret_file {
        Some(path) => text(path, "sms.gateway.secret_file")?,
        None => Zeroizing::default(),
    };
    let in_url = Zeroizing::new(utf8_percent_encode(&secret, super::send::template::UNRESERVED).to_string());
    let fill = |text: &str| with_secret(text, &secret).to_string();
    let pair = |(name, value): &(String, String)| (name.clone(), fill(value));
    let body = match &settings.body {
        GatewayBody::None => gateway::Body::None,
        GatewayBody::Json(document) => gateway::Body::Json(json_with_secret(document, &secret)),
        GatewayBody::Form(fields) => gateway::Body::Form(fields.iter().map(pair).collect()),
    };
    let sign = |sign: &config::Sign| -> Result<gateway::Signing, MeansError> {
        let secret = secret_file::password(&sign.key_file, "sms.gateway.sign_key_file")?;
        Ok(gateway::Signing { header: sign.header.clone(), secret })
    };
    let settings = gateway::GatewaySettings {
        verb: settings.verb,
        url: with_secret(&settings.url, &in_url).to_string(),
        headers: settings.headers.iter().map(pair).collect(),
        body,
        accept: settings.accept.clone(),
        expect: settings.expect.as_ref().map(|expected| (expected.at.clone(), expected.value.clone())),
        signing: settings.sign.as_ref().map(sign).transpose()?,
        reach,
    };
    gateway::Gateway::new(&settings).map_err(section("sms.gateway"))
}

fn aliyun(settings: &config::Aliyun, reach: Reach) -> Result<aliyun::Aliyun, MeansError> {
    let settings = aliyun::AliyunSettings {
        base: base(&settings.url, "sms.aliyun")?,
        key_id: settings.key_id.clone(),
        secret: secret(&settings.secret_file, "sms.aliyun.secret_file")?,
        sign_name: settings.sign_name.clone(),
        parameters: settings.parameters.clone(),
        reach,
    };
    aliyun::Aliyun::new(&settings).map_err(section("sms.aliyun"))
}

fn tencent(settings: &config::Tencent, reach: Reach) -> Result<tencent::Tencent, MeansError> {
    let settings = tencent::TencentSettings {
        base: base(&settings.url, "sms.tencent")?,
        key_id: settings.key_id.clone(),
        secret: secret(&settings.secret_file, "sms.tencent.secret_file")?,
        region: settings.region.clone(),
        app_id: settings.app_id.clone(),
        sign_name: settings.sign_name.clone(),
        parameters: settings.parameters.clone(),
        reach,
    };
    tencent::Tencent::new(&settings).map_err(section("sms.tencent"))
}

fn wechat(settings: &config::WeChat) -> Result<wechat::WeChat, MeansError> {
    let settings = wechat::WeChatSettings {
        login: base(&settings.login_url, "wechat")?,
        api: base(&settings.api_url, "wechat")?,
        app_id: settings.app_id.clone(),
        secret: secret(&settings.secret_file, "wechat.secret_file")?,
        reach: settings.reach.clone(),
    };
    wechat::WeChat::new(&settings).map_err(section("wechat"))
}

fn wecom(settings: &config::WeCom, portal: &Portal) -> Result<wecom::WeCom, MeansError> {
    let settings = wecom::WeComSettings {
        login: base(&settings.login_url, "wecom")?,
        api: base(&settings.api_url, "wecom")?,
        corp_id: settings.corp_id.clone(),
        agent_id: settings.agent_id.clone(),
        secret: secret(&settings.secret_file, "wecom.secret_file")?,
        language: portal.site.language,
        reach: settings.reach.clone(),
    };
    wecom::WeCom::new(&settings).map_err(section("wecom"))
}

fn dingtalk(settings: &config::DingTalk) -> Result<dingtalk::DingTalk, MeansError> {
    let members = settings.members_url.as_deref().map(|url| base(url, "dingtalk")).transpose()?;
    let settings = dingtalk::DingTalkSettings {
        login: base(&settings.login_url, "dingtalk")?,
        api: base(&settings.api_url, "dingtalk")?,
        members,
        client_id: settings.client_id.clone(),
        secret: secret(&settings.secret_file, "dingtalk.secret_file")?,
        reach: settings.reach.clone(),
    };
    dingtalk::DingTalk::new(&settings).map_err(section("dingtalk"))
}

fn secret(path: &Path, setting: &'static str) -> Result<Secret, SecretFileError> {
    secret_file::password(path, setting)
}

fn text(path: &Path, setting: &'static str) -> Result<Zeroizing<String>, SecretFileError> {
    let secret = secret(path, setting)?;
    Ok(Zeroizing::new(String::from_utf8_lossy(secret.reveal()).into_owned()))
}
