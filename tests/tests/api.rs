//! Journeys through the HTTP API of the deployed stack: who may call it, and a number's way from a code to being verified.

use journeys::{api::Caller, stack::Stack};

#[tokio::test]
async fn backend_calls_have_to_be_signed() -> anyhow::Result<()> {
    let stack = Stack::open().await?;
    let backend = Caller::backend(&stack);
    let signed = backend.get("/v1/users/ada/preferences").await?;
    assert_eq!((signed.status, &signed.body["phoneVerified"]), (200, &true.into()), "{signed:?}");
    for path in ["/v1/users/ada/preferences", "/v1/users/nobody/preferences", "/v1/messages/00000000-0000-0000-0000-000000000000"] {
        let unsigned = Caller::nobody(&stack).get(path).await?;
        assert_eq!(unsigned.status, 403, "{path}: {unsigned:?}");
    }
    let ada = backend.person("ada").await?;
    assert_eq!(ada.get("/v1/me/preferences").await?.body["phoneVerified"], true);
    assert_eq!(ada.get("/v1/users/ada/preferences").await?.status, 403);
    Ok(())
}
