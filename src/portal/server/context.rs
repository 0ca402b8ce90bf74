//! What a handler has: who asks, in which language, what the daemon says, and how to answer.

mod known;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER, SET_COOKIE, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Url;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cookies::{self, Cookies};
use super::forgery::{self, Root};
use super::language::language;
use super::{Shared, repeat, said};
use crate::api::client::Target;
use crate::api::portal::{Hidden, Passed, PortalError, Standing, Visitor, Why};
use crate::clock::Timestamp;
use crate::config::Language;
use crate::gate::session::FRESH;
use crate::portal::agent::agent;
use crate::portal::control::{Asking, target};
use crate::portal::pages::error::{ErrorPage, Trouble};
use crate::portal::pages::frame::Frame;
use crate::portal::pages::{Problem, Said, routes};

/// After so long, somebody who asked too often may ask again.
const A_MINUTE: HeaderValue = HeaderValue::from_static("60");
/// How long a chosen language is remembered.
const LANGUAGE_KEPT: Duration = Duration::from_secs(365 * 24 * 3600);
/// How long it is remembered where somebody was going: a sign-in with a second factor fits.
const NEXT_KEPT: Duration = Duration::from_secs(15 * 60);
/// How long it takes to fill in a form: so much must be left of a proof when it is shown.
const FORM_TAKES: Duration = Duration::from_secs(120);
const _: () = assert!(FORM_TAKES.as_secs() < FRESH.as_secs());
/// Random bytes of the cookie before sign-in.
const PRE_BYTES: usize = 32;
/// The longest description of a browser that is looked at, in bytes.
const AGENT_BYTES_MAX: usize = 1024;

/// A request, as handlers see it. What it says to the browser beside the page is gathered in it.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    shared: Arc<Shared>,
    /// The browser.
    pub(crate) visitor: Visitor,
    /// The language of the answer.
    pub(crate) language: Language,
    /// The path that was asked for.
    pub(crate) path: String,
    /// Where the owner of the session stands, once the daemon was asked.
    known: Option<Box<Standing>>,
    cookies: Cookies,
    said: Option<Said>,
    set: Vec<HeaderValue>,
}

/// An answer that ends a handler early: `?` leads to it.
#[derive(Debug)]
pub(crate) struct Stop(Box<Response>);

impl From<Response> for Stop {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Stop {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// How a handler ends.
pub(crate) type Answer = Result<Response, Stop>;

impl Context {
    pub(super) fn new(
        shared: &Arc<Shared>,
        address: Option<IpAddr>,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
    ) -> Self {
        let cookies = Cookies::read(headers);
        let told = headers.get(USER_AGENT).and_then(|told| told.to_str().ok()).unwrap_or_default();
        let (system, program) = agent(told.get(..AGENT_BYTES_MAX).unwrap_or(told));
        let language = language(cookies.language.as_deref(), headers, shared.settings.site.language);
        // A notice is for the next page, not for a form that is sent meanwhile.
        let shows = method == Method::GET;
        Self {
            shared: Arc::clone(shared),
            visitor: Visitor { address, system: system.to_owned(), program: program.to_owned() },
            language,
            path: path.to_owned(),
            known: None,
            said: cookies.said.as_deref().filter(|_| shows).and_then(said::read),
            cookies,
            set: Vec::new(),
        }
    }

    /// What is the same for all requests.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// The same, for what goes on after the answer.
    pub(crate) fn shared_owned(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// The time now.
    pub(crate) fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// There is a session, perhaps one that is over.
    pub(crate) fn has_session(&self) -> bool {
        self.cookies.session.is_some()
    }

    // What the daemon is asked.

    pub(super) fn asking(&self) -> Asking<'_> {
        Asking {
            visitor: &self.visitor,
            session: self.cookies.session.as_ref(),
            devices: &self.cookies.devices,
            browser: self.cookies.browser.as_ref(),
        }
    }

    /// Looks at something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, target: Target) -> Result<T, PortalError> {
        self.shared.control.ask(self.asking(), Method::GET, &target, None::<&()>).await
    }

    /// Makes something.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        target: Target,
        body: &(impl Serialize + Sync),
    ) -> Result<T, PortalError> {
        self.shared.control.ask(self.asking(), Method::POST, &target, Some(body)).await
    }

    /// Removes something.
    pub(crate) async fn delete<T: DeserializeOwned>(&self, target: Target) -> Result<T, PortalError> {
        self.shared.control.ask(self.asking(), Method::DELETE, &target, None::<&()>).await
    }

    /// Begins a session. The one from before, if there is any, is not told.
    pub(crate) async fn sign_in(&mut self, body: &(impl Serialize + Sync)) -> Result<Passed, PortalError> {
        self.set.extend(self.cookies.know_browser(&self.shared.entropy));
        let asking = Asking { session: None, ..self.asking() };
        self.shared.control.sign_in(asking, body).await
    }

    /// Where the owner of the session stands, whatever the stage.
    pub(crate) async fn standing(&mut self) -> Result<Standing, Stop> {
        if !self.has_session() {
            return Err(self.lead_to_sign_in().into());
        }
        self.ask_standing().await.map_err(|error| self.stop(&error))
    }

    async fn ask_standing(&mut self) -> Result<Standing, PortalError> {
        let standing: Standing = self.get(target(&["session"])).await?;
        self.known = Some(Box::new(standing.clone()));
        Ok(standing)
    }

    /// The owner of a session that is good for everything; anybody else is led to where that is mended.
    pub(crate) async fn owner(&mut self) -> Result<Standing, Stop> {
        let standing = self.standing().await?;
        match standing.stage.as_str() {
            "full" => Ok(standing),
            "set-up" => Err(self.go(routes::SET_UP).into()),
            _ => Err(self.go(routes::SIGN_IN_FACTOR).into()),
        }
    }

    /// Where the owner of the session stands, if there is one that is not over: for pages that anybody may see.
    pub(crate) async fn anybody(&mut self) -> Result<Option<Standing>, Stop> {
        if !self.has_session() {
            return Ok(None);
        }
        match self.ask_standing().await {
            Ok(standing) => Ok(Some(standing)),
            Err(error) if error.error == Why::Over => Ok(None),
            Err(error) => Err(self.stop(&error)),
        }
    }

    /// The owner, who has lately proved enough for a change: what is typed into a form is not lost on the way to a proof.
    pub(crate) async fn changing_owner(&mut self) -> Result<Standing, Stop> {
        let standing = self.owner().await?;
        let filled_in = self.now().plus(FORM_TAKES);
        if standing.fresh_until.is_some_and(|until| until > filled_in) {
            return Ok(standing);
        }
        let path = self.path.clone();
        Err(self.lead_to_confirm(None, &path).into())
    }

    /// Where an address is, in the language of the answer; empty: unknown.
    pub(crate) fn place(&self, address: Option<&str>) -> String {
        address.map(|address| self.shared.places.place_of(address, self.language)).unwrap_or_default()
    }

    // How it is answered.

    /// What is around a page. Without a standing nobody is signed in, for all it shows.
    pub(crate) fn frame(&mut self, standing: Option<&Standing>) -> Frame {
        let proved = standing.filter(|standing| standing.stage != "factor");
        Frame {
            language: self.language,
            now: self.now(),
            zone: self.shared.zone.clone(),
            site: self.shared.settings.site.called().to_owned(),
            looks: Arc::clone(&self.shared.looks),
            account: proved.map(|standing| standing.account.clone()),
            csrf: self.form_token(),
            once: repeat::number(&self.shared.entropy),
            path: self.path.clone(),
            notice: self.said.clone(),
            admin: proved.is_some_and(|standing| standing.administrator),
            closed: proved.is_some_and(|standing| standing.stage == "set-up"),
        }
    }

    fn form_token(&mut self) -> String {
        if let Some(session) = &self.cookies.session {
            return forgery::token(Root::Session(session));
        }
        let pre = match self.cookies.pre.clone() {
            Some(pre) => pre,
            None => {
                let pre = Hidden::new(BASE64URL_NOPAD.encode(&self.shared.entropy.bytes::<PRE_BYTES>()));
                self.set_cookie(cookies::PRE, pre.reveal(), None);
                self.cookies.pre.insert(pre).clone()
            }
        };
        forgery::token(Root::Before(&pre))
    }

    /// Whether a form carries the token of a page that this browser was shown.
    pub(super) fn is_form_token(&self, came: &str) -> bool {
        // Once there is a session, what was good before it is good no more: somebody else may have had it.
        let session = self.cookies.session.as_ref().map(Root::Session);
        let root = session.or(self.cookies.pre.as_ref().map(Root::Before));
        root.is_some_and(|root| forgery::is_token(root, came))
    }

    /// A page.
    pub(crate) fn show(&mut self, html: String) -> Response {
        self.show_with(StatusCode::OK, html)
    }

    /// A page with a status of its own.
    pub(crate) fn show_with(&mut self, status: StatusCode, html: String) -> Response {
        if self.cookies.said.take().is_some() {
            self.set.extend(cookies::forget(cookies::SAID));
        }
        let page = HeaderValue::from_static("text/html; charset=utf-8");
        self.finish((status, [(CONTENT_TYPE, page)], html).into_response())
    }

    /// On to another page of ours, with GET.
    pub(crate) fn go(&mut self, path: &str) -> Response {
        let path = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static(routes::HOME));
        self.finish((StatusCode::SEE_OTHER, [(LOCATION, path)]).into_response())
    }

    /// To a page of somebody else.
    pub(crate) fn leave(&mut self, url: &Url) -> Response {
        self.go(url.as_str())
    }

    /// The page of a trouble.
    pub(crate) fn trouble(&mut self, trouble: Trouble) -> Response {
        let page = ErrorPage { trouble };
        // A browser asks for things of its own accord: what was done is for a page that somebody wanted.
        (self.said, self.cookies.said) = (None, None);
        let status = StatusCode::from_u16(page.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let known = self.known.take();
        let frame = self.frame(known.as_deref());
        let mut response = self.show_with(status, page.render(&frame));
        if trouble == Trouble::TooMany {
            response.headers_mut().insert(RETRY_AFTER, A_MINUTE);
        }
        response
    }

    /// Adds what the browser is to remember.
    fn finish(&mut self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        for cookie in self.set.drain(..) {
            headers.append(SET_COOKIE, cookie);
        }
        response
    }

    fn set_cookie(&mut self, name: &str, value: &str, age: Option<Duration>) {
        self.set.extend(cookies::set(name, value, age));
    }

    /// The next page says this at its head.
    pub(crate) fn say(&mut self, said: &Said) {
        self.set_cookie(cookies::SAID, &said::written(said), Some(said::WAITS));
    }

    /// The page that is the answer says this at its head.
    pub(crate) fn now_said(&mut self, said: Said) {
        self.said = Some(said);
    }

    /// The browser remembers a language.
    pub(crate) fn choose(&mut self, language: &str) {
        self.set_cookie(cookies::LANGUAGE, language, Some(LANGUAGE_KEPT));
    }

    /// The browser remembers where somebody was going.
    pub(crate) fn keep_next(&mut self, path: &str) {
        let leads_on = [routes::SIGN_IN, routes::SET_UP, routes::CONFIRM];
        if routes::shown(path) && !leads_on.iter().any(|start| path.starts_with(start)) {
            self.set_cookie(cookies::NEXT, path, Some(NEXT_KEPT));
        }
    }

    /// Where somebody was going; from now on, nowhere.
    pub(crate) fn take_next(&mut self) -> String {
        let Some(kept) = self.cookies.next.take() else { return routes::HOME.to_owned() };
        self.set.extend(cookies::forget(cookies::NEXT));
        Some(kept).filter(|path| routes::shown(path)).unwrap_or(routes::HOME.to_owned())
    }

    /// The browser remembers whether it is to be trusted, until somebody comes back from a provider.
    pub(crate) fn keep_trust(&mut self, trust: bool) {
        if trust {
            self.set_cookie(cookies::TRUST, "yes", Some(NEXT_KEPT));
        } else {
            self.take_trust();
        }
    }

    /// Whether it is to be trusted; from now on, not.
    pub(crate) fn take_trust(&mut self) -> bool {
        let trust = std::mem::take(&mut self.cookies.trust);
        if trust {
            self.set.extend(cookies::forget(cookies::TRUST));
        }
        trust
    }

    /// To the form for signing in, and back here afterwards. A session that is over is forgotten there and not here: this
    /// may be the late answer to something that was asked before a proof gave the browser another token, which it has.
    pub(crate) fn lead_to_sign_in(&mut self) -> Response {
        let path = self.path.clone();
        if path != routes::HOME {
            self.keep_next(&path);
        }
        self.go(routes::SIGN_IN)
    }

    /// To where something is proved again, and to `next` afterwards.
    pub(crate) fn lead_to_confirm(&mut self, factor: Option<i64>, next: &str) -> Response {
        let next = if routes::shown(next) { next } else { routes::HOME };
        self.go(&routes::confirm(next, factor))
    }

    /// Leads away where a no of the daemon is not about what somebody typed. What is left is, and comes back.
    pub(crate) fn refused(&mut self, error: &PortalError) -> Result<Why, Stop> {
        match error.error {
            Why::Over
            | Why::Factor
            | Why::SetUp
            | Why::SetUpCode
            | Why::Stale
            | Why::Forbidden
            | Why::BadRequest
            | Why::NotFound
            | Why::Unavailable => Err(self.stop(error)),
            why => Ok(why),
        }
    }

    /// The answer to a no that no form can show.
    pub(crate) fn stop(&mut self, error: &PortalError) -> Stop {
        let path = self.path.clone();
        let response = match error.error {
            Why::Over => self.lead_to_sign_in(),
            Why::Factor | Why::Stale => self.lead_to_confirm(error.factor, &path),
            Why::SetUp | Why::SetUpCode => self.go(routes::SET_UP),
            Why::Forbidden => self.trouble(Trouble::Forbidden),
            Why::NotFound | Why::NoAccount | Why::NoFactor => self.trouble(Trouble::NotFound),
            Why::BadRequest => self.trouble(Trouble::Form),
            _ => self.trouble(Trouble::Unavailable),
        };
        response.into()
    }

    /// What to say beside a form, or where to go instead.
    pub(crate) fn problem(&mut self, error: &PortalError) -> Result<Problem, Stop> {
        let why = self.refused(error)?;
        problem(why, error).ok_or_else(|| self.stop(error))
    }
}

/// A no in the words of the pages, where it is about what somebody sent.
fn problem(why: Why, error: &PortalError) -> Option<Problem> {
    let most = || error.most.and_then(|most| usize::try_from(most).ok()).unwrap_or_default();
    Some(match why {
        Why::WrongPassword => Problem::WrongPassword,
        Why::Blocked => Problem::Blocked(error.until?),
        Why::NetworkBlocked => Problem::NetworkBlocked(error.until?),
        Why::WrongCode => Problem::WrongCode,
        Why::WrongClock => Problem::WrongClock,
        Why::UsedCode => Problem::UsedCode,
        Why::CodeOver => Problem::CodeEnded,
        Why::Wait => Problem::Wait(error.until?),
        Why::Busy => Problem::Busy,
        Why::SentEnough => Problem::SentEnough(error.until?),
        Why::Locked => Problem::Locked,
        Why::LostKey => Problem::LostKey,
        Why::NameTaken => Problem::NameTaken,
        Why::BadName => Problem::NameTooLong(most()),
        Why::NameUnprintable => Problem::NameUnprintable,
        Why::NameIsSecret => Problem::NameIsPassword,
        Why::TooMany => Problem::TooMany(most()),
        Why::OnlyOne => Problem::OnlyFactor,
        Why::Mandatory => Problem::Mandatory,
        Why::NoFactors => Problem::NoFactors,
        Why::BadPhone => Problem::PhoneUnreadable,
        Why::CountryOff => Problem::PhoneCountryOff,
        Why::BadAddress => Problem::AddressUnreadable,
        Why::NotExternal => Problem::AddressNotExternal,
        Why::KindOff => Problem::KindOff,
        Why::NoAccount => Problem::NoSuchAccount,
        Why::Yourself => Problem::Yourself,
        Why::NoReason => Problem::ReasonMissing,
        Why::Over
        | Why::Factor
        | Why::SetUp
        | Why::SetUpCode
        | Why::Stale
        | Why::NoFactor
        | Why::NotFound
        | Why::Forbidden
        | Why::BadRequest
        | Why::Unavailable => return None,
    })
}

/// The guard has made it before.
impl FromRequestParts<Arc<Shared>> for Context {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Infallible> {
        Ok(match parts.extensions.remove::<Self>() {
            Some(context) => context,
            None => Self::new(shared, None, &parts.method, parts.uri.path(), &parts.headers),
        })
    }
}
