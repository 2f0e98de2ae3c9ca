//! Every route, with its description.

pub mod consent;
mod costs;
pub mod elements;
mod explain;
mod export;
mod leaving;
pub mod messages;
mod numbers;
mod opt_in;
pub mod preferences;
mod tokens;
pub mod verifications;

use std::sync::{Arc, LazyLock};

use axum::{
    Json, Router,
    extract::{MatchedPath, Request},
    http::{HeaderMap, HeaderValue, Method, header},
    middleware::{Next, from_fn, map_response},
    response::Response,
};
use lambda_http::{LambdaEvent, request::LambdaRequest};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};
use tracing::info;

use crate::{
    api::Api,
    documented::{Caller, Documented, Operation},
    pages,
    problem::Kind,
};

/// The document, written when somebody asks for it first.
static DOCUMENT: LazyLock<Option<Value>> = LazyLock::new(|| routes(Documented::described()).document());

/// Where a person's routes are: for backends, and for themselves.
const OF_A_PERSON: [(Caller, &str); 2] = [(Caller::Backend, "/v1/users/{userId}"), (Caller::Person, "/v1/me")];

/// What would end a path, or vanish from it, if it stood there as itself.
const NOT_IN_A_PATH: &AsciiSet = &CONTROLS.add(b'?').add(b'#').add(b'\\');

/// The methods that a log may name: every other is the caller's word.
const KNOWN_METHODS: [Method; 7] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];

/// What no query may have: `lambda_http` would not survive it.
const NOT_IN_A_QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');

/// The most bytes that a path and a query have. Encoded they are three times as many, and a URL of more than 65,534 bytes `lambda_http` would not
/// survive. API Gateway takes 10,240 for a request line and its headers.
const LONGEST_URL: usize = 20_000;

/// The event with the path and the query that were asked for. API Gateway decodes it: of `/v1/users/a%23b/opt-in` is left `/v1/users/a#b/opt-in`, which
/// `lambda_http` would take for `/v1/users/a`. Host and scheme are left out: nothing here asks for them, the caller writes them, and of some
/// `lambda_http` could make no URL, and would not survive it. What is longer than any URL of ours asks for the root, where nothing is.
#[must_use]
pub fn with_a_safe_url(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    if let LambdaRequest::ApiGatewayV2(request) = &mut event.payload {
        request.headers.remove(header::HOST);
        request.headers.remove("x-forwarded-proto");
        request.request_context.domain_name = None;
        let asked = (request.raw_path.take().unwrap_or_default(), request.raw_query_string.take().unwrap_or_default());
        let (path, query) = if asked.0.len() + asked.1.len() <= LONGEST_URL { asked } else { Default::default() };
        request.raw_path = Some(format!("/{}", utf8_percent_encode(path.strip_prefix('/').unwrap_or(&path), NOT_IN_A_PATH)));
        request.raw_query_string = Some(utf8_percent_encode(&query, NOT_IN_A_QUERY).to_string());
    }
    event
}

/// Everything that the api answers.
pub fn router(api: Api) -> Router {
    let not_found = async || Kind::NotFound.problem();
    let not_allowed = async || Kind::MethodNotAllowed.problem();
    routes(Documented::served())
        .router()
        .merge(pages::router())
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(map_response(private))
        .layer(from_fn(logged))
        .with_state(Arc::new(api))
}

fn routes(mut routes: Documented) -> Documented {
    for (caller, base) in OF_A_PERSON {
        routes = of_a_person(routes, caller, base);
    }
    let token = Operation::new("Get a token for one user", 201, "The token.", Some(routes.schema::<tokens::Token>()));
    let token = token.takes(routes.schema::<tokens::TokenRequest>());
    let message = Operation::new("Read one text, and why it was or was not sent", 200, "The text.", Some(routes.schema::<messages::View>()));
    let message = message.refuses(&[Kind::NotFound]);
    let script = Operation::new("Get the script of the custom elements", 200, "The script.", None).file("text/javascript");
    let export = Operation::new("Export all that is held on a person", 200, "A page of it.", Some(routes.schema::<export::Export>()));
    let export = export.with(routes.query::<export::ExportQuery>());
    let erase =
        Operation::new("Erase a person, but for the opt-outs of their numbers and, sealed, their consent ledger", 204, "Nothing is left.", None);
    let erase = erase.or(202, "There is more than one request can do: ask again.").refuses(&[Kind::Conflict]);
    let costs = Operation::new(
        "Read what a month's texts have cost, and what is left of its money",
        200,
        "The figures.",
        Some(routes.schema::<costs::Costs>()),
    );
    let costs = costs.with(routes.query::<costs::CostsQuery>());
    let explain = Operation::new(
        "Ask what would become of an event, and why; nothing is sent",
        200,
        "The answer.",
        Some(routes.schema::<explain::Explanation>()),
    );
    let explain = explain.takes(routes.schema::<explain::Asked>()).with(routes.query::<explain::ExplainQuery>());
    let document = Operation::new("Read this document", 200, "OpenAPI 3.1.", Some(json_schema()));
    routes
        .add(&Method::POST, "/v1/users/{userId}/tokens", Caller::Backend, tokens::make, &token)
        .add(&Method::GET, "/v1/messages/{messageId}", Caller::Backend, messages::one, &message)
        .add(&Method::GET, "/v1/users/{userId}/export", Caller::Backend, export::read, &export)
        .add(&Method::DELETE, "/v1/users/{userId}", Caller::Backend, leaving::erase, &erase)
        .add(&Method::GET, "/v1/costs", Caller::Backend, costs::read, &costs)
        .add(&Method::POST, "/v1/explain", Caller::Backend, explain::explain, &explain)
        .add(&Method::GET, "/sms-elements.js", Caller::Anybody, elements::script, &script)
        .add(&Method::GET, "/openapi.json", Caller::Anybody, async || Json(&*DOCUMENT), &document)
}

/// The routes that backends and people share.
fn of_a_person(mut routes: Documented, caller: Caller, base: &str) -> Documented {
    let path = |end: &str| format!("{base}/{end}");
    let read = Operation::new("Read the preferences", 200, "The preferences.", Some(routes.schema::<preferences::Preferences>())).tagged();
    let change =
        Operation::new("Change the preferences", 200, "The preferences after the change.", Some(routes.schema::<preferences::Preferences>()));
    let change = change.tagged().takes(routes.body::<preferences::Patch>(caller)).with(vec![if_match(caller)]);
    let change = change.refuses(&[Kind::Conflict, Kind::PhoneNumberNeeded, Kind::Erased, Kind::PreconditionFailed]);
    let change = if caller == Caller::Person { change.refuses(&[Kind::PreconditionRequired]) } else { change };

    let prompt = Operation::new("Whether to show the opt-in prompt", 200, "Whether, and with which words.", Some(routes.schema::<opt_in::Prompt>()));
    let prompt = prompt.with(routes.query::<opt_in::PromptQuery>());
    let choose = Operation::new("Say what the person did with the prompt", 200, "The prompt after that.", Some(routes.schema::<opt_in::Prompt>()));
    let choose = choose.takes(routes.body::<opt_in::Choice>(caller)).refuses(&[Kind::Conflict, Kind::PhoneNumberNeeded, Kind::Erased]);

    let start =
        Operation::new("Text a code to a number, or the same once more", 202, "It is on its way.", Some(routes.schema::<verifications::Started>()));
    let start = start.takes(routes.body::<verifications::VerificationRequest>(caller)).refuses(&[Kind::CountryNotAllowed, Kind::TooManyCodes]);
    let check = Operation::new("Give the code", 200, "The number is theirs.", Some(routes.schema::<verifications::Verified>()));
    let check = check.takes(routes.body::<verifications::Guessed>(caller));
    let check = check.refuses(&[Kind::NotFound, Kind::Conflict, Kind::CodeExpired, Kind::CodeUsed, Kind::WrongCode, Kind::CodeLocked]);

    let history = Operation::new("Read all texts, newest first", 200, "A page of them.", Some(routes.schema::<messages::History>()));
    let history = history.with(routes.query::<messages::HistoryQuery>());
    let story =
        Operation::new("Read the consent ledger, with what their numbers said", 200, "All of it, checked.", Some(routes.schema::<consent::Story>()));

    routes
        .add(&Method::GET, &path("preferences"), caller, preferences::read, &read)
        .add(&Method::PATCH, &path("preferences"), caller, preferences::change, &change)
        .add(&Method::GET, &path("opt-in"), caller, opt_in::read, &prompt)
        .add(&Method::POST, &path("opt-in"), caller, opt_in::choose, &choose)
        .add(&Method::POST, &path("verifications"), caller, verifications::start, &start)
        .add(&Method::POST, &path("verifications/check"), caller, verifications::check, &check)
        .add(&Method::GET, &path("messages"), caller, messages::history, &history)
        .add(&Method::GET, &path("consent"), caller, consent::read, &story)
}

fn if_match(caller: Caller) -> Value {
    let description = "The ETag that was read: the change is made only if that is still the version.";
    json!({"name": "If-Match", "in": "header", "required": caller == Caller::Person, "description": description, "schema": {"type": "string"}})
}

fn json_schema() -> schemars::Schema {
    schemars::json_schema!({"type": "object"})
}

/// Logs how a request ended, and nothing of what it said: its route, and not its path.
async fn logged(request: Request, next: Next) -> Response {
    let method = KNOWN_METHODS.into_iter().find(|method| *method == request.method()).map_or_else(|| "other".to_owned(), |method| method.to_string());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    info!(
        http.request.method = method,
        http.route = route.as_ref().map_or("none", MatchedPath::as_str),
        http.response.status_code = response.status().as_u16(),
        problem = response.extensions().get::<Kind>().map(|kind| kind.words().1),
        "answered"
    );
    response
}

/// What is said about a person is kept nowhere on its way.
async fn private(mut response: Response) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}
