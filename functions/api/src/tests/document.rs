//! The OpenAPI document.

use std::collections::BTreeSet;

use super::{Call, Stage};
use crate::problem::Kind;

#[tokio::test]
async fn the_document_describes_every_route_and_needs_no_token() {
    let stage = Stage::set().await;
    let answer = stage.ask(Call::new("GET", "/openapi.json")).await;
    assert_eq!((answer.status, &answer.body["openapi"]), (200, &"3.1.0".into()));
    let paths = answer.body["paths"].as_object().expect("paths");
    assert_eq!(paths.len(), 2 * 6 + 8, "{:?}", paths.keys());
    let operations = paths.values().flat_map(|item| item.as_object().expect("item").values());
    let ids = operations.clone().map(|operation| operation["operationId"].as_str().expect("id")).collect::<BTreeSet<_>>();
    assert_eq!(ids.len(), operations.count(), "ids are names");
}

#[tokio::test]
async fn every_reference_in_the_document_leads_somewhere() {
    let stage = Stage::set().await;
    let document = stage.ask(Call::new("GET", "/openapi.json")).await.body;
    let text = document.to_string();
    let references = text.split(r##""$ref":"#"##).skip(1).filter_map(|rest| rest.split('"').next()).collect::<BTreeSet<_>>();
    assert!(references.len() > 8, "{references:?}");
    for reference in references {
        assert!(document.pointer(reference).is_some(), "{reference}");
    }
}

#[test]
fn problems_have_names_of_their_own() {
    let uris = Kind::ALL.map(Kind::uri);
    assert_eq!(BTreeSet::from(uris.clone()).len(), uris.len());
    assert!(uris.iter().all(|uri| uri.starts_with("https://allthrive.ai/problems/")));
}
