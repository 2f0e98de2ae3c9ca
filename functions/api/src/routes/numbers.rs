//! What is known of the numbers of a person: opt-outs, and every reply with what was made of it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use sms::{erasure::Tenure, moment, opt_out::OptOut, stores::Reply};

use crate::{api::Api, routes::consent::name};

/// A number, and all that was said with it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NumberStory {
    phone_number: String,
    /// The first sign that it was theirs.
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    from: Timestamp,
    /// The last sign; `null` for the number that they have.
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    until: Option<Timestamp>,
    /// What the number opted out of; `null` if nobody with it ever said stop while it was theirs.
    opt_out: Option<OptOutView>,
    /// Every opt-out, opt-in, call for help and anything else that the number texted us while it was theirs, oldest first.
    replies: Vec<ReplyView>,
    /// Whether there are more replies than are shown here; the export has all.
    more_replies: bool,
}

/// Where a number stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OptOutView {
    /// Since when nothing is sent to it.
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    everything_since: Option<Timestamp>,
    /// The categories that are not sent.
    categories: Vec<&'static str>,
    /// How it was said last: `sms_keyword` or `carrier`.
    method: String,
    /// What read it so, such as `keyword stop`.
    rule: String,
    /// Why AWS keeps it on its list although it opted in again.
    relisting_refused: Option<String>,
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    updated_at: Timestamp,
}

/// What a person texted us.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ReplyView {
    #[serde(with = "moment")]
    #[schemars(with = "Timestamp")]
    received_at: Timestamp,
    body: String,
    /// What it was taken for, such as `stop_all`.
    meaning: String,
    /// What read it so.
    rule: String,
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    obeyed_at: Option<Timestamp>,
}

/// The replies that a story has room for, of each number.
const MOST_REPLIES: i32 = 100;

impl Api {
    /// What is known of each of `numbers`, from the time that it was theirs.
    pub async fn number_stories(&self, numbers: &[Tenure]) -> anyhow::Result<Vec<NumberStory>> {
        let mut stories = Vec::new();
        for number in numbers {
            let opt_out = self.opt_outs.get(&number.phone).await?.filter(|opt_out| number.covers(opt_out.updated_at));
            let (replies, next) = self.replies.of(&number.phone, None, MOST_REPLIES).await?;
            stories.push(NumberStory {
                phone_number: number.phone.as_e164().to_owned(),
                from: number.from,
                until: number.until,
                opt_out: opt_out.map(OptOutView::from),
                replies: replies.into_iter().filter(|reply| number.covers(reply.received_at)).map(ReplyView::from).collect(),
                more_replies: next.is_some(),
            });
        }
        Ok(stories)
    }
}

impl From<OptOut> for OptOutView {
    fn from(row: OptOut) -> Self {
        Self {
            everything_since: row.everything_since,
            categories: row.categories.iter().map(|category| category.as_str()).collect(),
            method: name(row.method),
            rule: row.rule,
            relisting_refused: row.relisting_refused,
            updated_at: row.updated_at,
        }
    }
}

impl From<Reply> for ReplyView {
    fn from(row: Reply) -> Self {
        Self { received_at: row.received_at, body: row.body, meaning: row.meaning, rule: row.rule, obeyed_at: row.obeyed_at }
    }
}
