//! What the daemon gave us to carry: codes to phones and addresses, and word of changes.
//!
//! A code goes by what the settings have for it, while its person waits. What goes wrong is in the log, with the number of
//! the request and without whom it was for.

use tracing::{info, warn};

use super::pages::problem::Problem;
use super::send::SendError;
use super::send::mail::{Change, ChangeMail, CodeMail, MailError, Occasion, Purpose};
use super::send::text::{Phone, Text, Word};
use super::server::{Context, Shared};
use crate::api::portal::{Delivery, Hidden};
use crate::clock::Timestamp;
use crate::config::Language;
use crate::gate::code::Code;

/// The most addresses that are told of a change. An account has one.
const TOLD_MAX: usize = 4;

/// Why something was not carried.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the settings have no section [{0}]")]
    NoSection(&'static str),
    #[error("the daemon and the portal do not agree on what a {0} is")]
    Odd(&'static str),
    #[error(transparent)]
    Sms(#[from] SendError),
    #[error(transparent)]
    Mail(#[from] MailError),
}

/// Carries a code of the owner of `account`.
pub(crate) async fn deliver(
    context: &Context,
    account: &str,
    delivery: &Delivery,
    purpose: Purpose,
) -> Result<(), Problem> {
    let (by, request) = (&delivery.by, &delivery.request);
    match carry(context, account, delivery, purpose).await {
        Ok(()) => {
            info!(by, request, "a code was sent");
            Ok(())
        }
        Err(error) => {
            warn!(by, request, %error, "a code was not sent");
            Err(Problem::NotSent)
        }
    }
}

async fn carry(
    context: &Context,
    account: &str,
    delivery: &Delivery,
    purpose: Purpose,
) -> Result<(), DeliveryError> {
    let shared = context.shared();
    let code = Code::parse(delivery.code.reveal()).ok_or(DeliveryError::Odd("code"))?;
    let request_id = Word::new(delivery.request.as_str()).map_err(|_| DeliveryError::Odd("request"))?;
    if delivery.by == "sms" {
        return sms(shared, context.language, context.now(), delivery, code, request_id).await;
    }
    let courier = shared.means.mail.as_ref().ok_or(DeliveryError::NoSection("mail"))?;
    let occasion = occasion(context, account, request_id);
    let mail = CodeMail { code, minutes: delivery.minutes, purpose, occasion };
    Ok(courier.send(delivery.to.reveal(), &mail).await?)
}

async fn sms(
    shared: &Shared,
    language: Language,
    now: Timestamp,
    delivery: &Delivery,
    code: Code,
    request_id: Word,
) -> Result<(), DeliveryError> {
    let sms = shared.means.sms.as_ref().ok_or(DeliveryError::NoSection("sms"))?;
    let phone = Phone::parse(delivery.to.reveal(), &shared.settings.country);
    let text = Text {
        phone: phone.map_err(|_| DeliveryError::Odd("phone number"))?,
        code,
        minutes: delivery.minutes,
        locale: language,
        template: match language {
            Language::En => sms.template_en.clone(),
            Language::ZhCn => sms.template.clone(),
        },
        request_id,
    };
    Ok(sms.sender.send(&text, now, &shared.entropy).await?)
}

/// What is known of a browser that asks for an account.
fn occasion(context: &Context, account: &str, request_id: Word) -> Occasion {
    let address = context.visitor.address.map(|address| address.to_string());
    let known = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Occasion {
        account: account.to_owned(),
        time: context.now(),
        system: known(&context.visitor.system),
        browser: known(&context.visitor.program),
        place: known(&context.place(address.as_deref())),
        address,
        language: context.language,
        request_id,
    }
}

/// Tells the backup addresses of an account of a change. Nobody waits for it: what goes wrong is in the log.
pub(crate) fn tell(context: &Context, to: &[Hidden], account: &str, change: Change, factor: String) {
    if to.is_empty() || context.shared().means.mail.is_none() {
        return;
    }
    let number = data_encoding::HEXLOWER.encode(&context.shared().entropy.bytes::<8>());
    let Ok(request_id) = Word::new(format!("change-{number}")) else { return };
    let mail = ChangeMail { change, factor, occasion: occasion(context, account, request_id) };
    let to: Vec<Hidden> = to.iter().take(TOLD_MAX).cloned().collect();
    let shared = context.shared_owned();
    tokio::spawn(async move {
        let Some(courier) = &shared.means.mail else { return };
        for address in to {
            if let Err(error) = courier.tell(address.reveal(), &mail).await {
                let request = mail.occasion.request_id.as_str();
                warn!(request, %error, "an account's backup address was not told of a change");
            }
        }
    });
}
