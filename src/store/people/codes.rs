//! A code on its way to a phone or an address, and how many there may be.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Desk, Known, Outcome, Recipient, Refused};
use crate::gate::code::Code;
use crate::gate::codes_sent::{Booked, Count, NumberRecord, SentRecords, TotalRecord};
use crate::gate::event::Kind;
use crate::gate::factor::FactorKind;
use crate::gate::phone::Phone;
use crate::store::StoreError;

/// A code, and where it goes.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// By SMS or by mail.
    pub by: FactorKind,
    /// The phone or address.
    pub to: Recipient,
    /// The code.
    pub code: Code,
    /// A name for it in every log.
    pub request: String,
}

impl Desk<'_> {
    /// Counts one code more before it is sent, if there may be one.
    pub(super) fn book_code(
        &mut self,
        known: &Known,
        by: FactorKind,
        to: &str,
        from: Option<&str>,
    ) -> Outcome<()> {
        let phone = (by == FactorKind::Sms).then(|| Phone::parse(to, ""));
        // Whoever it was bound by, and whatever the settings were then.
        if phone.is_some_and(|phone| !phone.is_ok_and(|phone| self.rules.reaches(&phone))) {
            return Ok(Err(Refused::CountryOff));
        }
        let mark = data_encoding::HEXLOWER.encode(&self.at.keys.oldest().recipient_mark(to));
        let number = format!("{}:{mark}", by.word());
        let account = format!("account:{}", known.account.id);
        let address = format!("address:{}:{}", by.word(), from.unwrap_or("-"));
        let total = format!("all:{}", by.word());
        let records = SentRecords {
            number: self.record::<NumberRecord>(&number)?,
            account: self.record::<Count>(&account)?,
            address: self.record::<Count>(&address)?,
            total: self.record::<TotalRecord>(&total)?,
        };
        let Booked { records, alarm } = match self.rules.codes.book(&records, self.at.now) {
            Ok(booked) => booked,
            Err(held) => return Ok(Err(Refused::SentEnough(held.again))),
        };
        self.put_record(&number, &records.number)?;
        self.put_record(&account, &records.account)?;
        self.put_record(&address, &records.address)?;
        self.put_record(&total, &records.total)?;
        self.note_of(known, Kind::CodeSent, by.word())?;
        if alarm {
            let mut event = self.event(known, Kind::CodesMany).reason(by.word());
            (event.account, event.address) = (None, None);
            self.note(event)?;
        }
        Ok(Ok(()))
    }

    fn record<T: DeserializeOwned + Default>(&mut self, what: &str) -> Result<T, StoreError> {
        let Some(text) = self.tables.codes_sent(what)? else { return Ok(T::default()) };
        serde_json::from_str(&text).map_err(|_| StoreError::Row(format!("codes_sent {what} cannot be read")))
    }

    fn put_record(&mut self, what: &str, record: &impl Serialize) -> Result<(), StoreError> {
        let text = serde_json::to_string(record)
            .map_err(|_| StoreError::Row(format!("codes_sent {what} cannot be written")))?;
        self.tables.put_codes_sent(what, &text, self.at.now)
    }
}
