//! `GET /v1/costs`: what a month's texts have cost, and what is left of its money.

use std::{collections::BTreeMap, sync::Arc};

use axum::{Json, extract::State};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sms::{budget, costs::Figures, kind::Kind};

use crate::{api::Api, auth::Backend, body::Query, problem::Problem};

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CostsQuery {
    /// A month by UTC, such as `2026-11`; this one if not said.
    #[serde(default)]
    #[schemars(with = "String", extend("pattern" = "^20[0-9]{2}-(0[1-9]|1[0-2])$"))]
    month: Option<String>,
}

/// A month's money, in micro-USD. What is committed is settled or reserved for texts that are still on their way.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Costs {
    month: String,
    /// Ours, or AWS's own limit where that is lower.
    budget: i64,
    committed: i64,
    remaining: i64,
    #[serde(flatten)]
    total: View,
    by_type: BTreeMap<&'static str, View>,
    by_class: BTreeMap<&'static str, View>,
    /// The days on which something was sent.
    by_day: BTreeMap<String, View>,
}

/// What texts come to that reached AWS and are over: how many, their message parts, what they were expected to cost and what they have cost, in micro-USD.
#[derive(Debug, Clone, Copy, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct View {
    sent: i64,
    parts: i64,
    estimated: i64,
    settled: i64,
}

pub async fn read(State(api): State<Arc<Api>>, _: Backend, Query(query): Query<CostsQuery>) -> Result<Json<Costs>, Problem> {
    let month = query.month.unwrap_or_else(|| budget::month(api.now()));
    if !is_month(&month) {
        return Err(Problem::invalid("month", "not a month such as 2026-11"));
    }
    let costs = api.admissions.costs(&month).await?;
    let class_of = |kind: &str| Kind::ALL.into_iter().find(|known| known.as_str() == kind).map(|kind| kind.class().as_str());
    let (mut total, mut by_type, mut by_class, mut by_day) = (Figures::default(), BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (day, kinds) in costs.days {
        for (kind, figures) in kinds {
            total += figures;
            *by_type.entry(kind).or_insert_with(Figures::default) += figures;
            *by_day.entry(day.clone()).or_insert_with(Figures::default) += figures;
            if let Some(class) = class_of(kind) {
                *by_class.entry(class).or_insert_with(Figures::default) += figures;
            }
        }
    }
    let budget = api.rules.budget.within(&costs.spent).monthly.0;
    let committed = costs.spent.committed.0;
    let seen = |figures: BTreeMap<&'static str, Figures>| figures.into_iter().map(|(name, figures)| (name, View::of(figures))).collect();
    Ok(Json(Costs {
        month,
        budget,
        committed,
        remaining: (budget - committed).max(0),
        total: View::of(total),
        by_type: seen(by_type),
        by_class: seen(by_class),
        by_day: by_day.into_iter().map(|(day, figures)| (day, View::of(figures))).collect(),
    }))
}

impl View {
    fn of(figures: Figures) -> Self {
        Self { sent: figures.sent, parts: figures.parts, estimated: figures.estimated.0, settled: figures.settled.0 }
    }
}

fn is_month(month: &str) -> bool {
    let day = format!("{month}-01");
    month.len() == 7 && month.starts_with("20") && day.parse::<jiff::civil::Date>().is_ok_and(|date| date.to_string() == day)
}
