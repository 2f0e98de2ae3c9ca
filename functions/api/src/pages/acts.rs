//! What the buttons of the page do: each is a call of the JSON route that does the same.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use jiff::SignedDuration;
use sms::{opt_out::OptOut, queues::OptOutOrder, recipient::Recipient, text::Locale};
use uuid::Uuid;

use super::{form::Form, visitor::Visitor, words::Words};
use crate::{
    api::Api,
    body::Body,
    problem::{Kind, Problem},
    routes::{
        preferences::{self, Patch, version_tag},
        verifications::{self, Guessed, VerificationRequest},
    },
};

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Text me a code.
    SendCode,
    /// This is the code.
    CheckCode,
    /// Save what I chose.
    Save,
    /// Stop everything.
    Stop,
}

/// What comes after what worked.
pub struct Next {
    pub done: &'static str,
    pub verification: Option<Uuid>,
}

/// Something to say beside a field, or above all of them.
pub struct Fault {
    pub field: Field,
    pub words: Box<dyn Fn(&Words) -> String + Send + Sync>,
}

/// Where a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Page,
    Phone,
    Code,
    Texts,
    Kinds,
    Zone,
}

/// Why nothing was done.
pub struct Refusal {
    pub status: StatusCode,
    pub faults: Vec<Fault>,
}

/// Why something was not done.
pub enum Trouble {
    /// The person can do something about it.
    Refused(Refusal),
    /// Nobody can.
    Ours(Problem),
}

type Outcome = Result<Next, Trouble>;

impl Act {
    /// The button of that name.
    pub fn of(name: &str) -> Option<Self> {
        [Self::SendCode, Self::CheckCode, Self::Save, Self::Stop].into_iter().find(|act| act.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendCode => "send-code",
            Self::CheckCode => "check-code",
            Self::Save => "save",
            Self::Stop => "stop",
        }
    }

    /// Where to go on after it, which a browser then gives the focus: the next field, or the word about what was done.
    pub fn leads_to(self) -> &'static str {
        match self {
            Self::SendCode => "code",
            Self::CheckCode | Self::Save | Self::Stop => "done",
        }
    }
}

/// Does it.
pub async fn perform(api: &Arc<Api>, visitor: &Visitor, act: Act, form: &Form) -> Outcome {
    match act {
        Act::SendCode => send_code(api, visitor, form).await,
        Act::CheckCode => check_code(api, visitor, form).await,
        Act::Save => save(api, visitor, form).await,
        Act::Stop => stop(api, visitor).await,
    }
}

async fn send_code(api: &Arc<Api>, visitor: &Visitor, form: &Form) -> Outcome {
    let Ok(phone_number) = form.phone() else {
        return Err(refused(StatusCode::UNPROCESSABLE_ENTITY, Field::Phone, |words| words.bad_phone.to_owned()));
    };
    let request = VerificationRequest { phone_number, origin: None };
    match verifications::start(State(api.clone()), visitor.person(), Body(request)).await {
        Ok((_, Json(started))) => Ok(Next { done: "code", verification: Some(started.verification_id) }),
        Err(problem) => Err(match problem.kind {
            Kind::CountryNotAllowed => refused(status(&problem), Field::Phone, |words| words.bad_country.to_owned()),
            Kind::TooManyCodes => {
                let wait = problem.wait().unwrap_or(SignedDuration::from_secs(60));
                // Beside the field that is there: of the number, or of the code that is to come again.
                let field = if form.get("verification").is_empty() { Field::Phone } else { Field::Code };
                refused(status(&problem), field, move |words| (words.too_many_codes)(wait))
            }
            _ => problem.into(),
        }),
    }
}

async fn check_code(api: &Arc<Api>, visitor: &Visitor, form: &Form) -> Outcome {
    // An id that is none names no verification, as one of somebody else does.
    let guess = Guessed { verification_id: form.get("verification").parse().unwrap_or_default(), code: form.code(), origin: None };
    match verifications::check(State(api.clone()), visitor.person(), Body(guess)).await {
        Ok(_) => Ok(Next { done: "proven", verification: None }),
        Err(problem) => Err(match problem.kind {
            Kind::Invalid => refused(status(&problem), Field::Code, |words| words.bad_code.to_owned()),
            Kind::WrongCode => {
                let left = problem.number("attemptsLeft").unwrap_or(0);
                refused(status(&problem), Field::Code, move |words| (words.wrong_code)(left))
            }
            Kind::CodeLocked => refused(status(&problem), Field::Code, |words| words.code_locked.to_owned()),
            Kind::CodeExpired | Kind::CodeUsed | Kind::NotFound => refused(status(&problem), Field::Code, |words| words.code_over.to_owned()),
            Kind::Conflict => refused(status(&problem), Field::Page, |words| words.conflict.to_owned()),
            _ => problem.into(),
        }),
    }
}

async fn save(api: &Arc<Api>, visitor: &Visitor, form: &Form) -> Outcome {
    let (recipient, opt_out) = api.person_and_opt_out(&visitor.user_id).await?;
    let was_on = recipient.sms_enabled && recipient.standing_consent().is_some();
    let turned_on = form.ticked("texts") && !was_on;
    // Who did not see the words agreed to nothing. Only a form that is not of this page, or of another day's, has none.
    if form.get("version").parse() != Ok(recipient.version) || (turned_on && form.get("disclosure").is_empty()) {
        return Err(stale());
    }
    if let Some(fault) = unwise(form, &recipient, opt_out.as_ref(), turned_on) {
        return Err(Trouble::Refused(Refusal { status: StatusCode::UNPROCESSABLE_ENTITY, faults: vec![fault] }));
    }
    let language = Some(form.get("language")).filter(|language| ["en", "es"].contains(language));
    let patch = Patch {
        sms_enabled: Some(form.ticked("texts")).filter(|on| *on != was_on || *on != recipient.sms_enabled),
        categories: Some(form.categories().into()),
        time_zone: Some(Some(form.get("time_zone")).filter(|zone| !zone.is_empty()).map(str::to_owned)),
        locale: language.filter(|language| Locale::of(language) != recipient.text_locale()).map(|language| Some(language.to_owned())),
        disclosure_version: turned_on.then(|| form.get("disclosure").to_owned()),
        ..Patch::default()
    };
    match change(api, visitor, &version_tag(recipient.version), patch).await {
        Ok(()) => Ok(Next { done: "saved", verification: None }),
        Err(problem) => Err(match (problem.kind, problem.field()) {
            (Kind::Invalid, Some("timeZone")) => refused(status(&problem), Field::Zone, |words| words.bad_zone.to_owned()),
            (Kind::PreconditionFailed | Kind::Conflict, _) | (Kind::Invalid, Some("disclosureVersion")) => stale(),
            _ => problem.into(),
        }),
    }
}

/// What somebody would be surprised by later: a yes that leads to no text.
fn unwise(form: &Form, recipient: &Recipient, opt_out: Option<&OptOut>, turned_on: bool) -> Option<Fault> {
    if turned_on && recipient.phone.is_none() {
        return Some(Fault::new(Field::Texts, |words| words.texts_needs_phone.to_owned()));
    }
    if turned_on && opt_out.is_some_and(|opt_out| opt_out.everything_since.is_some()) {
        return Some(Fault::new(Field::Texts, |words| words.texts_stopped.to_owned()));
    }
    let none = form.ticked("texts") && form.categories().none_on();
    none.then(|| Fault::new(Field::Kinds, |words| words.no_kind.to_owned()))
}

/// As good as STOP from the phone: consent is taken back, and nothing more goes to the number, not even what is under way. Whatever version of the page it comes from.
async fn stop(api: &Arc<Api>, visitor: &Visitor) -> Outcome {
    let patch = Patch { sms_enabled: Some(false), ..Patch::default() };
    change(api, visitor, "*", patch).await?;
    let recipient = api.person(&visitor.user_id).await?;
    if let Some(phone) = recipient.verified_phone() {
        api.opt_out_orders.give(&OptOutOrder::Asked { phone: phone.clone(), at: api.now() }).await?;
    }
    Ok(Next { done: "stopped", verification: None })
}

async fn change(api: &Arc<Api>, visitor: &Visitor, seen: &str, patch: Patch) -> Result<(), Problem> {
    let seen = HeaderValue::from_str(seen).map_err(anyhow::Error::from)?;
    let headers = HeaderMap::from_iter([(header::IF_MATCH, seen)]);
    preferences::change(State(api.clone()), visitor.person(), headers, Body(patch)).await.map(drop)
}

fn refused(status: StatusCode, field: Field, words: impl Fn(&Words) -> String + Send + Sync + 'static) -> Trouble {
    Trouble::Refused(Refusal { status, faults: vec![Fault::new(field, words)] })
}

fn stale() -> Trouble {
    refused(StatusCode::PRECONDITION_FAILED, Field::Page, |words| words.stale.to_owned())
}

fn status(problem: &Problem) -> StatusCode {
    StatusCode::from_u16(problem.kind.words().0).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

impl<E: Into<Problem>> From<E> for Trouble {
    fn from(problem: E) -> Self {
        Self::Ours(problem.into())
    }
}

impl Fault {
    fn new(field: Field, words: impl Fn(&Words) -> String + Send + Sync + 'static) -> Self {
        Self { field, words: Box::new(words) }
    }
}

impl Refusal {
    /// The link is for looking.
    pub fn looking_only() -> Self {
        Self { status: StatusCode::FORBIDDEN, faults: vec![Fault::new(Field::Page, |words| words.looking_only.to_owned())] }
    }

    /// Whether what was typed is not to be shown again: the page is another one now.
    pub fn is_stale(&self) -> bool {
        self.status == StatusCode::PRECONDITION_FAILED
    }
}

impl Field {
    /// The id of the element, and what its fault's id begins with.
    pub fn id(self) -> &'static str {
        match self {
            Self::Page => "content",
            Self::Phone => "phone",
            Self::Code => "code",
            Self::Texts => "texts-on",
            Self::Kinds => "kinds",
            Self::Zone => "time_zone",
        }
    }
}

impl Api {
    /// The row of a person, and that of their number.
    pub async fn person_and_opt_out(&self, user: &sms::event::UserId) -> Result<(Recipient, Option<OptOut>), Problem> {
        let recipient = self.person(user).await?;
        let opt_out = match &recipient.phone {
            Some(phone) => self.opt_outs.get(phone).await?,
            None => None,
        };
        Ok((recipient, opt_out))
    }
}
