//! The opt-outs table.

use anyhow::Context;
use aws_sdk_dynamodb::{Client, error::SdkError, operation::put_item::PutItemError, types::AttributeValue};
use serde_dynamo::aws_sdk_dynamodb_1::to_item;

use super::{Batch, Item, attribute, batch_get, row};
use crate::{opt_out::OptOut, phone::PhoneNumber};

/// The opt-outs table.
#[derive(Debug, Clone)]
pub struct OptOuts {
    client: Client,
    pub(super) table: String,
}

impl OptOuts {
    /// Over `table`.
    #[must_use]
    pub fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// The rows of `phones`, by one `BatchGetItem`.
    pub async fn batch(&self, phones: impl IntoIterator<Item = &PhoneNumber>) -> anyhow::Result<Batch<OptOut>> {
        batch_get(&self.client, &self.table, "phone", phones.into_iter().map(|phone| phone.as_e164().to_owned()).collect()).await
    }

    /// The row of `phone`, as it is at this moment.
    pub async fn get(&self, phone: &PhoneNumber) -> anyhow::Result<Option<OptOut>> {
        let key = Item::from([("phone".to_owned(), AttributeValue::S(phone.as_e164().to_owned()))]);
        let answer = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true).send().await;
        let item = answer.with_context(|| format!("GetItem on {}", self.table))?.item;
        item.map(|item| row(item, &self.table)).transpose()
    }

    /// Some of the rows in which everything is opted out of, from behind the number `after`, and where to go on if there may be more. It looks at 100 rows.
    pub async fn page(&self, after: Option<&PhoneNumber>) -> anyhow::Result<(Vec<OptOut>, Option<PhoneNumber>)> {
        let start = after.map(|phone| Item::from([("phone".to_owned(), AttributeValue::S(phone.as_e164().to_owned()))]));
        let scan = self.client.scan().table_name(&self.table).filter_expression("attribute_exists(everything_since)").limit(100);
        let answer = scan.set_exclusive_start_key(start).send().await.with_context(|| format!("Scan of {}", self.table))?;
        let next = answer.last_evaluated_key.as_ref().and_then(|key| key.get("phone")?.as_s().ok()?.parse().ok());
        let rows = answer.items.unwrap_or_default().into_iter().map(|item| row(item, &self.table)).collect::<Result<_, _>>()?;
        Ok((rows, next))
    }

    /// Writes the row, unless it was written since it was read as `opt_out.revision` counts it. Answers whether it was written.
    pub async fn say(&self, opt_out: &OptOut) -> anyhow::Result<bool> {
        let next = OptOut { revision: Some(opt_out.revision.unwrap_or_default() + 1), ..opt_out.clone() };
        let put = self.client.put_item().table_name(&self.table).set_item(Some(to_item(&next)?));
        let put = match opt_out.revision {
            None => put.condition_expression("attribute_not_exists(phone)"),
            Some(0) => put.condition_expression("attribute_not_exists(revision)"),
            Some(seen) => put.condition_expression("revision = :seen").expression_attribute_values(":seen", attribute(seen)?),
        };
        match put.send().await.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(true),
            Err(PutItemError::ConditionalCheckFailedException(_)) => Ok(false),
            Err(error) => Err(error).with_context(|| format!("PutItem on {}", self.table)),
        }
    }
}
