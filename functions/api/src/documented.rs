//! Routes that describe themselves: what is registered here is served, and is in the OpenAPI document, or neither.
//!
//! The document is not written before somebody asks for it: it was a third of the api's cold start.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    Router,
    handler::Handler,
    http::Method,
    routing::{MethodFilter, on},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{api::Api, problem::Kind};

/// Routes, and their description if it is wanted.
pub struct Documented {
    router: Router<Arc<Api>>,
    document: Option<Document>,
}

struct Document {
    paths: Map<String, Value>,
    schemas: SchemaGenerator,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    Backend,
    Person,
    Anybody,
}

/// What a route does, takes and answers.
#[derive(Debug, Clone)]
pub struct Operation {
    summary: &'static str,
    body: Option<Schema>,
    parameters: Vec<Value>,
    answer: (u16, &'static str, Option<Schema>),
    other_answers: Vec<(u16, &'static str)>,
    headers: Value,
    problems: Vec<Kind>,
    file: Option<&'static str>,
}

impl Documented {
    /// To be served only.
    pub fn served() -> Self {
        Self { router: Router::new(), document: None }
    }

    /// To be described.
    pub fn described() -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = "/components/schemas".into());
        Self { document: Some(Document { paths: Map::new(), schemas: SchemaGenerator::new(settings) }), ..Self::served() }
    }

    /// The schema of a type, by reference.
    pub fn schema<T: JsonSchema>(&mut self) -> Schema {
        self.document.as_mut().map(|document| document.schemas.subschema_for::<T>()).unwrap_or_default()
    }

    /// The schema of a body. What only a backend may say is not in that of a person.
    pub fn body<T: JsonSchema>(&mut self, caller: Caller) -> Schema {
        if caller == Caller::Backend {
            return self.schema::<T>();
        }
        let Some(document) = &mut self.document else { return Schema::default() };
        let mut schema = T::json_schema(&mut document.schemas);
        if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
            properties.remove("origin");
        }
        schema
    }

    /// The query parameters of a type.
    pub fn query<T: JsonSchema>(&self) -> Vec<Value> {
        if self.document.is_none() {
            return Vec::new();
        }
        let schema = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T>();
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let parameter = |(name, mut schema): (String, Value)| {
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            // A query has no null.
            schema.as_object_mut().map(|schema| schema.remove("default"));
            json!({"name": name, "in": "query", "description": description, "schema": schema})
        };
        properties.into_iter().map(parameter).collect()
    }

    /// Serves `method path` by `handler`.
    pub fn add<H: Handler<T, Arc<Api>>, T: 'static>(
        mut self,
        method: &Method,
        path: &str,
        caller: Caller,
        handler: H,
        operation: &Operation,
    ) -> Self {
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        self.router = self.router.route(path, on(filter, handler));
        if let Some(document) = &mut self.document {
            let item = document.paths.entry(path).or_insert_with(|| json!({}));
            item[method.as_str().to_lowercase()] = operation.describe(method, path, caller);
        }
        self
    }

    /// Everything, served.
    pub fn router(self) -> Router<Arc<Api>> {
        self.router
    }

    /// The OpenAPI 3.1 document of everything, if it is described.
    pub fn document(self) -> Option<Value> {
        let Document { paths, mut schemas } = self.document?;
        let mut schemas = Value::Object(schemas.take_definitions(true));
        schemas["Problem"] = problem();
        Some(json!({
            "openapi": "3.1.0",
            "info": {
                "title": "AllThrive SMS",
                "version": env!("CARGO_PKG_VERSION"),
                "description": "Preferences, opt-in, verification and history of texts. Errors are RFC 9457 problems.",
                "license": {"name": "MIT", "identifier": "MIT"},
            },
            "paths": paths,
            "components": {
                "schemas": schemas,
                "securitySchemes": {
                    "backend": {
                        "type": "apiKey", "in": "header", "name": "Authorization",
                        "description": "AWS Signature Version 4, service execute-api.",
                        "x-amazon-apigateway-authtype": "awsSigv4",
                    },
                    "person": {"type": "http", "scheme": "bearer", "description": "A token of POST /v1/users/{userId}/tokens."},
                },
            },
        }))
    }
}

impl Operation {
    /// It answers `status`, which means `meaning`, with `schema`.
    pub fn new(summary: &'static str, status: u16, meaning: &'static str, schema: Option<Schema>) -> Self {
        let answer = (status, meaning, schema);
        Self {
            summary,
            body: None,
            parameters: Vec::new(),
            answer,
            other_answers: Vec::new(),
            headers: json!({}),
            problems: vec![Kind::Internal],
            file: None,
        }
    }

    /// It takes a body.
    pub fn takes(mut self, schema: Schema) -> Self {
        self.body = Some(schema);
        self.refuses(&[Kind::MalformedJson, Kind::BodyTooLarge, Kind::NotJson, Kind::Invalid])
    }

    /// It has parameters.
    pub fn with(mut self, parameters: Vec<Value>) -> Self {
        self.parameters.extend(parameters);
        self.refuses(&[Kind::Invalid])
    }

    /// It may also answer `status`, which means `meaning`, with no content; a 202 says when to ask again.
    pub fn or(mut self, status: u16, meaning: &'static str) -> Self {
        self.other_answers.push((status, meaning));
        self
    }

    /// Its answer has an `ETag`.
    pub fn tagged(mut self) -> Self {
        self.headers = json!({"ETag": {"description": "The version, for If-Match.", "schema": {"type": "string"}}});
        self
    }

    /// Its answer is a file of this type, which who has it already need not get again.
    pub fn file(mut self, media_type: &'static str) -> Self {
        self.file = Some(media_type);
        let known = "The ETag of the file one has.";
        self.parameters.push(json!({"name": "If-None-Match", "in": "header", "description": known, "schema": {"type": "string"}}));
        self.tagged()
    }

    /// It may refuse so.
    pub fn refuses(mut self, problems: &[Kind]) -> Self {
        self.problems.extend(problems);
        self
    }

    fn describe(&self, method: &Method, path: &str, caller: Caller) -> Value {
        let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = names.map(|name| json!({"name": name, "in": "path", "required": true, "schema": path_schema(name)}));
        let (status, meaning, schema) = &self.answer;
        let mut responses = self.refusals(method, caller);
        let mut content = schema.as_ref().map(|schema| json!({"application/json": {"schema": schema}}));
        if let Some(media_type) = self.file {
            content = Some(json!({media_type: {"schema": {"type": "string"}}}));
            responses.insert("304".to_owned(), json!({"description": "The file one has is the newest.", "headers": self.headers}));
        }
        responses
            .insert(status.to_string(), json!({"description": meaning, "content": content.unwrap_or_else(|| json!({})), "headers": self.headers}));
        for (status, meaning) in &self.other_answers {
            let headers = if *status == 202 { retry_after() } else { json!({}) };
            responses.insert(status.to_string(), json!({"description": meaning, "headers": headers}));
        }
        let mut operation = json!({
            "operationId": operation_id(method, path),
            "summary": self.summary,
            "parameters": in_path.chain(self.parameters.iter().cloned()).collect::<Vec<_>>(),
            "responses": responses,
            "security": caller.security(),
        });
        if let Some(schema) = &self.body {
            operation["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": schema}}});
        }
        operation
    }

    /// One answer for each status, with all problems that have it.
    fn refusals(&self, method: &Method, caller: Caller) -> BTreeMap<String, Value> {
        let mut problems = self.problems.clone();
        match caller {
            // API Gateway itself refuses what is not signed, before the function hears of it. An id with a slash in it, or `..`, is another path.
            Caller::Backend => problems.extend([Kind::NotABackend, Kind::NotFound, Kind::Invalid]),
            Caller::Person => problems.extend([Kind::NoToken, Kind::InvalidToken]),
            Caller::Anybody => {}
        }
        if caller == Caller::Person && method != Method::GET {
            problems.push(Kind::InsufficientScope);
        }
        problems.sort_unstable();
        problems.dedup();
        let mut by_status = BTreeMap::<String, Vec<Kind>>::new();
        for problem in problems {
            by_status.entry(problem.words().0.to_string()).or_default().push(problem);
        }
        by_status
            .into_iter()
            .map(|(status, kinds)| {
                let described = refusal(&status, &kinds);
                (status, described)
            })
            .collect()
    }
}

impl Caller {
    fn security(self) -> Value {
        match self {
            Self::Backend => json!([{"backend": []}]),
            Self::Person => json!([{"person": []}]),
            Self::Anybody => json!([]),
        }
    }
}

fn refusal(status: &str, kinds: &[Kind]) -> Value {
    let titles = kinds.iter().map(|kind| format!("{} (`{}`)", kind.words().2, kind.words().1)).collect::<Vec<_>>().join("; ");
    let uris = kinds.iter().map(|kind| kind.uri()).collect::<Vec<_>>();
    let schema = json!({"allOf": [{"$ref": "#/components/schemas/Problem"}, {"properties": {"type": {"enum": uris}}}]});
    let mut refusal = json!({"description": titles, "content": {"application/problem+json": {"schema": schema}}});
    if status == "403" && kinds == [Kind::NotABackend] {
        let message = json!({"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]});
        refusal["content"]["application/json"] = json!({"schema": message});
    }
    if status == "429" {
        refusal["headers"] = retry_after();
    }
    refusal
}

fn retry_after() -> Value {
    json!({"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}})
}

fn path_schema(name: &str) -> Value {
    match name {
        "messageId" => json!({"type": "string", "format": "uuid"}),
        _ => json!({"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^\S+$"}),
    }
}

/// Such as `postMeVerificationsCheck`.
fn operation_id(method: &Method, path: &str) -> String {
    let words = path.split(['/', '-', '.']).filter(|part| !part.is_empty() && !part.starts_with('{') && *part != "v1");
    let capital = |word: &str| word[..1].to_uppercase() + &word[1..];
    method.as_str().to_lowercase() + &words.map(capital).collect::<String>()
}

fn problem() -> Value {
    let error = json!({
        "type": "object",
        "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
        "required": ["field", "detail"],
    });
    json!({
        "description": "What is wrong, as RFC 9457 has it. It quotes nothing of the request.",
        "type": "object",
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": error},
            "attemptsLeft": {"type": "integer", "minimum": 0},
        },
        "required": ["type", "title", "status"],
    })
}
