//! `GET /v1/costs`: what a month's texts cost, and what is left of its budget.

use std::sync::Arc;

use axum::{Json, extract::State};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{
    budget::{self, Budget},
    costs::{self, Line},
    kind::{Class, Kind},
    moment,
};

use crate::{api::Api, auth::Backend, body::Query, problem::Problem};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CostsQuery {
    /// A month by UTC, such as `2026-11`; this one if not said.
    #[serde(default)]
    #[schemars(with = "String", extend("pattern" = "^20[0-9]{2}-(0[1-9]|1[0-2])$"))]
    month: Option<String>,
}

/// A month by UTC. All money is in micro-USD. A text counts on the day on which it was asked for; one that is held into another month counts on the first of that one, and is
/// paid from its budget.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    month: String,
    #[serde(flatten)]
    total: Figures,
    /// What may be spent in a month, as it is set now.
    budget: i64,
    /// What is spent, or reserved for texts whose end is not known yet.
    committed: i64,
    /// What is left of the budget.
    remaining: i64,
    /// AWS says that its own limit is reached: until then nothing is admitted.
    #[serde(with = "moment::option")]
    #[schemars(with = "Option<Timestamp>")]
    closed_until: Option<Timestamp>,
    /// All types, in the same order.
    by_type: Vec<OfType>,
    /// Both classes.
    by_class: Vec<OfClass>,
    /// All days of the month.
    by_day: Vec<OfDay>,
}

/// What is counted of some texts.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Figures {
    /// Texts that all gates let through, but for those that reached nobody after all.
    admitted: i64,
    /// Of those, the texts that went out, as soon as AWS has said what became of them.
    sent: i64,
    /// Message parts of what was sent.
    parts: i64,
    /// What the admitted texts should cost.
    estimated: i64,
    /// What the sent ones have cost.
    settled: i64,
}

/// The texts of a type.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OfType {
    /// Such as `battle_invitation`.
    r#type: &'static str,
    class: &'static str,
    #[serde(flatten)]
    figures: Figures,
}

/// The texts of a class.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OfClass {
    class: &'static str,
    #[serde(flatten)]
    figures: Figures,
    /// What is spent, or reserved for texts whose end is not known yet.
    committed: i64,
    /// What texts of this class may still reserve: promotional ones leave a part of the budget alone, and a class may have a budget of its own.
    remaining: i64,
}

/// The texts of a day.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct OfDay {
    /// By UTC, such as `2026-11-23`.
    day: String,
    #[serde(flatten)]
    figures: Figures,
}

pub async fn read(State(api): State<Arc<Api>>, _: Backend, Query(query): Query<CostsQuery>) -> Result<Json<Costs>, Problem> {
    let now = api.now();
    let month = query.month.unwrap_or_else(|| budget::month(now));
    if month.len() != 7 || !month.starts_with("20") || costs::days(&month).is_empty() {
        return Err(Problem::invalid("month", "not a month of this century such as 2026-11"));
    }
    let costs = api.admissions.costs(&month).await?;
    Ok(Json(Costs::of(month, &costs, &api.rules.budget, now)))
}

impl Costs {
    fn of(month: String, costs: &costs::Costs, budget: &Budget, now: Timestamp) -> Self {
        let sum = |wanted: &dyn Fn(&str, Kind) -> bool| {
            let lines = costs.days.iter().flat_map(|(day, lines)| lines.iter().map(move |(kind, line)| (day, *kind, *line)));
            Figures::of(lines.filter(|(day, kind, _)| wanted(day, *kind)).map(|(_, _, line)| line).fold(Line::default(), Line::and))
        };
        let of_class = |class: Class| OfClass {
            class: class.as_str(),
            figures: sum(&|_, kind| kind.class() == class),
            committed: costs.spent.by(class).0,
            remaining: costs::remaining(budget, class, &costs.spent).0,
        };
        let of_type = |kind: Kind| OfType { r#type: kind.as_str(), class: kind.class().as_str(), figures: sum(&|_, other| other == kind) };
        Self {
            month,
            total: sum(&|_, _| true),
            budget: budget.monthly.0,
            committed: costs.spent.committed.0,
            remaining: budget.monthly.0 - costs.spent.committed.0,
            closed_until: costs.spent.closed(now),
            by_type: Kind::ALL.into_iter().map(of_type).collect(),
            by_class: [Class::Promotional, Class::Transactional].map(of_class).into(),
            by_day: costs.days.keys().map(|day| OfDay { day: day.clone(), figures: sum(&|other, _| other == day) }).collect(),
        }
    }
}

impl Figures {
    fn of(line: Line) -> Self {
        Self { admitted: line.admitted, sent: line.sent, parts: line.parts, estimated: line.estimated, settled: line.settled }
    }
}
