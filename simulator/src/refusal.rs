//! What the service says when it does not do as asked: AWS's exceptions, in AWS's shape.

use serde_json::{Map, Value, json};
use uuid::Uuid;

/// An exception of the service model, or one that every AWS service knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Exception {
    /// The request itself is wrong.
    Validation,
    /// Something else stands against it.
    Conflict,
    /// A quota or the spend limit is used up.
    ServiceQuotaExceeded,
    /// Not allowed, or the account is in trouble.
    AccessDenied,
    /// Something it names does not exist.
    ResourceNotFound,
    /// Too fast.
    Throttling,
    /// A fault of the service.
    InternalServer,
    /// There is no such operation.
    UnknownOperation,
    /// Outside the service model: the front door is overloaded.
    ServiceUnavailable,
}

/// An exception with all that it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Which one.
    pub exception: Exception,
    /// Its `Reason`.
    pub reason: Option<&'static str>,
    /// Its `ResourceType` and `ResourceId`.
    pub resource: Option<(&'static str, String)>,
    /// Its `Fields`: name and message of each.
    pub fields: Vec<(String, String)>,
}

impl Exception {
    /// The name on the wire and in the statistics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Validation => "ValidationException",
            Self::Conflict => "ConflictException",
            Self::ServiceQuotaExceeded => "ServiceQuotaExceededException",
            Self::AccessDenied => "AccessDeniedException",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::Throttling => "ThrottlingException",
            Self::InternalServer => "InternalServerException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::ServiceUnavailable => "ServiceUnavailable",
        }
    }

    /// The HTTP status (API reference, "Errors" and "Common Errors").
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::InternalServer => 500,
            Self::UnknownOperation => 404,
            Self::ServiceUnavailable => 503,
            _ => 400,
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::UnknownOperation | Self::ServiceUnavailable => "com.amazon.coral.service",
            _ => "com.amazonaws.pinpointsmsvoicev2",
        }
    }
}

impl Refusal {
    /// An exception that says nothing but its name.
    #[must_use]
    pub fn plain(exception: Exception) -> Self {
        Self { exception, reason: None, resource: None, fields: Vec::new() }
    }

    /// An exception with a `Reason`.
    #[must_use]
    pub fn because(exception: Exception, reason: &'static str) -> Self {
        Self { reason: Some(reason), ..Self::plain(exception) }
    }

    /// A `ResourceNotFoundException`.
    #[must_use]
    pub fn missing(kind: &'static str, id: impl Into<String>) -> Self {
        Self::plain(Exception::ResourceNotFound).about(kind, id)
    }

    /// A `ValidationException` for one parameter.
    #[must_use]
    pub fn parameter(reason: &'static str, name: &str, message: &str) -> Self {
        Self { fields: vec![(name.to_owned(), message.to_owned())], ..Self::because(Exception::Validation, reason) }
    }

    /// The same, naming a resource.
    #[must_use]
    pub fn about(self, kind: &'static str, id: impl Into<String>) -> Self {
        Self { resource: Some((kind, id.into())), ..self }
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self, request_id: Uuid) -> Value {
        let mut body = Map::new();
        body.insert("__type".into(), format!("{}#{}", self.exception.namespace(), self.exception.name()).into());
        body.insert("Message".into(), self.message().into());
        if let Some(reason) = self.reason {
            body.insert("Reason".into(), reason.into());
        }
        if let Some((kind, id)) = &self.resource {
            body.insert("ResourceType".into(), (*kind).into());
            body.insert("ResourceId".into(), id.as_str().into());
        }
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|(name, message)| json!({"Name": name, "Message": message}));
            body.insert("Fields".into(), fields.collect());
        }
        if self.exception == Exception::InternalServer {
            body.insert("RequestId".into(), request_id.to_string().into());
        }
        body.into()
    }

    /// In the words of the one message that is known: `Conflict Occurred - Reason="…" ResourceType="…" ResourceId="…"`.
    fn message(&self) -> String {
        let mut message = match self.exception {
            Exception::Validation => "Validation Failed",
            Exception::Conflict => "Conflict Occurred",
            Exception::ServiceQuotaExceeded => "Service Quota Exceeded",
            Exception::AccessDenied => "Access Denied",
            Exception::ResourceNotFound => "Resource Not Found",
            Exception::Throttling => "Rate exceeded",
            Exception::InternalServer => "Internal Server Error",
            Exception::UnknownOperation => "Unknown Operation",
            Exception::ServiceUnavailable => "Service Unavailable",
        }
        .to_owned();
        let reason = self.reason.map(|reason| ("Reason", reason)).into_iter();
        let resource = self.resource.iter().flat_map(|(kind, id)| [("ResourceType", *kind), ("ResourceId", id.as_str())]);
        let details = reason.chain(resource).map(|(name, value)| format!("{name}=\"{value}\"")).collect::<Vec<_>>().join(" ");
        if !details.is_empty() {
            message = format!("{message} - {details}");
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::{Exception, Refusal};

    #[test]
    fn a_refusal_has_the_shape_that_was_seen_of_aws() {
        let blocked = Refusal::because(Exception::Conflict, "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION")
            .about("protect-configuration", "protect-xxx");
        assert_eq!(
            blocked.body(Uuid::nil()),
            json!({
                "__type": "com.amazonaws.pinpointsmsvoicev2#ConflictException",
                "Message": "Conflict Occurred - Reason=\"DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION\" ResourceType=\"protect-configuration\" ResourceId=\"protect-xxx\"",
                "Reason": "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
                "ResourceType": "protect-configuration",
                "ResourceId": "protect-xxx",
            })
        );
        assert_eq!(Refusal::plain(Exception::InternalServer).body(Uuid::nil())["RequestId"], Uuid::nil().to_string());
    }
}
