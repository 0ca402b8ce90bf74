//! The pages on which people prove who they are, in several states.

use super::super::confirm::{By, Confirm};
use super::super::factors::Kind;
use super::super::frame::Frame;
use super::super::problem::Problem;
use super::super::routes;
use super::super::said::Said;
use super::super::sign_in::{ChooseFactor, EnterCode, EnterSetUpCode, SetUp, SignIn};
use super::{DAY, Gallery, HOUR, ago, looks};
use std::sync::Arc;

impl Gallery<'_> {
    pub(super) fn sign_in(&mut self) {
        let frame = self.nobody(routes::SIGN_IN);
        self.add("sign-in", SignIn::default().render(&frame));
        let looks = Arc::new(looks());
        self.add("sign-in-looks", SignIn::default().render(&Frame { looks, ..frame.clone() }));
        let wrong = SignIn {
            address: self.outside("ann@example.org"),
            problem: Some(Problem::WrongPassword),
            with_code: false,
        };
        let blocked =
            SignIn { with_code: true, problem: Some(Problem::Blocked(ago(-HOUR))), ..wrong.clone() };
        self.add("sign-in-blocked", blocked.render(&frame));
        let waits = SignIn { with_code: true, problem: Some(Problem::WaitToSignIn(30)), ..wrong.clone() };
        self.add("sign-in-wait", waits.render(&frame));
        let busy = SignIn { with_code: true, problem: Some(Problem::Busy), ..wrong.clone() };
        self.add("sign-in-busy", busy.render(&frame));
        let frame = Frame { notice: Some(Said::SignInAgain), ..frame };
        self.add("sign-in-wrong", wrong.render(&frame));

        let frame = self.nobody(routes::SIGN_IN_FACTOR);
        let factors = Kind::BOUND.map(|kind| self.choice(kind.word(), kind, "Ann's")).into();
        let account = self.outside("ann@example.org");
        let page = ChooseFactor { account: account.clone(), factors, problem: Some(Problem::NotSent) };
        self.add("choose-factor", page.render(&frame));
        let page = ChooseFactor { problem: Some(Problem::SentEnough(ago(-40))), ..page };
        self.add("choose-factor-sent", page.render(&frame));

        let frame = self.nobody(routes::SIGN_IN_CODE);
        for kind in [Kind::Totp, Kind::Sms, Kind::Passkey, Kind::Wecom, Kind::Recovery] {
            let (account, proof) = (account.clone(), self.proof(kind));
            let page = EnterCode { account, proof, trust_days: Some(7), problem: None };
            self.add(&format!("code-{}", kind.word()), page.render(&frame));
        }
        let proof = self.proof(Kind::Totp);
        let problem = Some(Problem::Wait(ago(-60)));
        let page = EnterCode { account, proof, trust_days: Some(7), problem };
        self.add("code-wait", page.render(&frame));

        let frame = self.frame(routes::SET_UP);
        let until = Some(ago(-30 * DAY));
        let page = SetUp { kinds: Kind::BOUND.into(), bound: false, until };
        self.add("grace", page.render(&frame));
        self.add("grace-bound", SetUp { bound: true, ..page.clone() }.render(&frame));
        let page = SetUp { until: None, ..page };
        let frame = Frame { closed: true, ..frame };
        self.add("set-up", page.render(&frame));
        for (name, over, problem) in [
            ("set-up-code", false, None),
            ("set-up-code-wrong", false, Some(Problem::WrongSetUpCode)),
            ("set-up-code-over", true, None),
        ] {
            self.add(name, EnterSetUpCode { over, problem }.render(&frame));
        }
        self.confirm();
    }

    fn confirm(&mut self) {
        let next = self.outside(&routes::factor_remove("7"));
        let frame = self.frame(&routes::confirm("/factors/7/remove", Some(7)));
        let choices = vec![self.choice("f1", Kind::Sms, "138****8000"), self.choice("r", Kind::Recovery, "")];
        for (name, by, problem) in [
            ("confirm-password", By::Password, Some(Problem::WrongPassword)),
            ("confirm-totp", By::Proof(self.proof(Kind::Totp)), Some(Problem::WrongCode)),
            ("confirm-sms", By::Proof(self.proof(Kind::Sms)), None),
            ("confirm-passkey", By::Proof(self.proof(Kind::Passkey)), None),
            ("confirm-provider", By::Proof(self.proof(Kind::Dingtalk)), None),
            ("confirm-choose", By::Choose(choices), Some(Problem::NotSent)),
        ] {
            let page = Confirm { next: next.clone(), only: Some(7), by, problem };
            self.add(name, page.render(&frame));
        }
    }
}
