//! The pages of second factors, in several states.

use super::super::factors::{
    Factor, Factors, Kind, NewPasskey, NewProvider, NewReach, NewRecoveryCodes, NewTotp, RecoveryCodes,
    RemoveFactor, Slot,
};
use super::super::frame::Frame;
use super::super::problem::Problem;
use super::super::routes;
use super::super::said::Said;
use super::{DAY, Gallery, HOUR, ago};

impl Gallery<'_> {
    pub(super) fn factors(&mut self) {
        self.list();
        self.binding();
        self.changing();
        self.recovery_codes();
    }

    fn list(&mut self) {
        let bound = |kind: Kind, last_use| Factor {
            choice: self.choice("f1", kind, "Ann's phone"),
            since: ago(90 * DAY),
            last_use,
        };
        let frame = self.frame(routes::FACTORS);
        let page = Factors {
            factors: vec![
                bound(Kind::Totp, Some(ago(HOUR))),
                bound(Kind::Passkey, None),
                Factor { choice: self.choice("f2", Kind::Wechat, "wechat"), ..bound(Kind::Wechat, None) },
            ],
            kinds: Kind::BOUND.into(),
            recovery_codes: Some(7),
            two_factor: false,
            problem: None,
        };
        let said = Frame { notice: Some(Said::FactorBound(self.outside("Laptop"))), ..frame.clone() };
        self.add("factors", page.render(&said));
        let page = Factors {
            factors: Vec::new(),
            kinds: Kind::BOUND.into(),
            recovery_codes: None,
            two_factor: false,
            problem: Some(Problem::DialogueEnded),
        };
        self.add("factors-none", page.render(&frame));
    }

    fn binding(&mut self) {
        let page = NewTotp {
            slot: Slot::New(Kind::Totp),
            secret: self.outside("JBSW Y3DP EHPK 3PXP JBSW Y3DP EHPK 3PXP"),
            uri: self
                .outside("otpauth://totp/Example:ann@example.org?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"),
            name: self.outside("Ann's phone"),
            ends: ago(-300),
            problem: None,
        };
        let frame = self.frame(&routes::factor_new("totp"));
        self.add("new-totp", page.render(&frame));
        let page = NewTotp { problem: Some(Problem::WrongCode), ..page };
        self.add("new-totp-wrong", page.render(&frame));
        self.add("set-up-totp", page.render(&Frame { closed: true, ..frame }));

        for (kind, to, problem) in [
            (Kind::Sms, "13800138000", Problem::PhoneUnreadable),
            (Kind::Mail, "ann@example.net", Problem::AddressNotExternal),
        ] {
            let frame = self.frame(&kind.path());
            let (slot, to) = (Slot::New(kind), self.outside(to));
            let page = NewReach { slot, to: to.clone(), sent: None, problem: Some(problem) };
            self.add(&format!("new-{}", kind.word()), page.render(&frame));
            let page = NewReach { sent: Some((to, ago(-300))), problem: None, ..page };
            self.add(&format!("new-{}-code", kind.word()), page.render(&frame));
        }

        let options = self.outside(r#"{"challenge":"AAECAw","user":{"id":"AQ"}}"#);
        let slot = Slot::New(Kind::Passkey);
        let problem = Some(Problem::PasskeyRefused);
        let page = NewPasskey { slot, options, name: self.outside("Laptop"), problem };
        self.add("new-passkey", page.render(&self.frame(&routes::factor_new("passkey"))));
        for kind in [Kind::Wechat, Kind::Wecom, Kind::Dingtalk] {
            let page = NewProvider { slot: Slot::New(kind), problem: Some(Problem::ProviderRefused) };
            let frame = self.frame(&kind.path());
            self.add(&format!("new-{}", kind.word()), page.render(&frame));
        }
    }

    fn changing(&mut self) {
        let frame = self.frame(&routes::factor_change("f1"));
        let slot = |kind| Slot::Change(self.choice("f1", kind, "Ann's phone"));
        let masked = (self.outside("+86138****8000"), ago(-300));
        let reach = NewReach { slot: slot(Kind::Sms), to: String::new(), sent: None, problem: None };
        let sent = NewReach { sent: Some(masked), ..reach.clone() };
        let provider = NewProvider { slot: slot(Kind::Wecom), problem: None };
        self.add("change-sms", reach.render(&frame));
        self.add("change-sms-code", sent.render(&frame));
        self.add("change-wecom", provider.render(&frame));
        let frame = self.frame(&routes::factor_remove("f1"));
        for (name, only) in [("remove-factor", false), ("remove-factor-only", true)] {
            let factor = self.choice("f1", Kind::Totp, "Ann's phone");
            let page = RemoveFactor { factor, only, problem: Some(Problem::Unavailable) };
            self.add(name, page.render(&frame));
        }
    }

    fn recovery_codes(&mut self) {
        let frame = self.frame(routes::RECOVERY_CODES);
        let page = RecoveryCodes { left: Some(0), made: Some(ago(90 * DAY)) };
        self.add("recovery-codes", page.render(&frame));
        self.add("recovery-codes-never", RecoveryCodes { left: None, made: None }.render(&frame));
        let codes = (0..10).map(|number| self.outside(&format!("ABCD-EFGH-IJKL-MN{number}P"))).collect();
        self.add("new-recovery-codes", NewRecoveryCodes { codes, made: ago(0) }.render(&frame));
    }
}
