//! The data that the nodes of the graph pass on: one type per channel of `bundle.toml`.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::booking::{Detail, Request};
use crate::language::Language;

/// Channel `conversation`: what one message of a guest leaves for the next.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Conversation {
    /// The language of the conversation so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// The table that the conversation is about.
    #[serde(default)]
    pub request: Request,
    /// The detail that the guest was asked for last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaited: Option<Detail>,
}

/// Channel `table`: the result of looking for a table.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Table {
    /// Whether the party fits; a condition of the graph.
    pub free: bool,
    /// The day that the service begins on, as `2026-11-28`.
    #[serde(default)]
    pub day: String,
    /// The beginning, in minutes since that day's midnight.
    #[serde(default)]
    pub minute: u32,
    /// Until when the table is reserved.
    #[serde(default)]
    pub until: u32,
}

/// Channel `outcome`: the result of a request that needed more than an answer in words.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct Outcome {
    /// The decision code, and the message model that says it.
    pub code: String,
    /// The kind of decision.
    pub decision_type: String,
    /// Parameters of the message model.
    pub data: Value,
    /// Why, for the operator.
    pub reasoning: String,
    /// Whether a person must review it.
    #[serde(default)]
    pub review: bool,
    /// Whether the node gave its verdict itself.
    #[serde(default)]
    pub decided: bool,
    /// The detail that the guest is asked for next.
    #[serde(default)]
    pub awaited: Option<Detail>,
    /// The day of the service for which other times are offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_day: Option<Date>,
    /// Whether the request is done, so that the next one starts empty.
    #[serde(default)]
    pub settled: bool,
}

impl Outcome {
    /// An outcome that leaves the conversation as it is.
    pub fn new(code: &str, data: Value, reasoning: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            decision_type: code.split('.').next().unwrap_or(code).to_owned(),
            data,
            reasoning: reasoning.into(),
            review: false,
            decided: false,
            awaited: None,
            service_day: None,
            settled: false,
        }
    }

    /// Says that a person must review it.
    pub fn needs_review(mut self) -> Self {
        self.review = true;
        self
    }

    /// Says that the node gave its verdict itself.
    pub fn decided(mut self) -> Self {
        self.decided = true;
        self
    }

    /// Asks the guest for a detail.
    pub fn awaits(mut self, detail: Detail) -> Self {
        self.awaited = Some(detail);
        self
    }

    /// Offers other times of the same service.
    pub fn of_service(mut self, day: Date) -> Self {
        self.service_day = Some(day);
        self
    }

    /// Says that the request is done.
    pub fn settles(mut self) -> Self {
        self.settled = true;
        self
    }
}

/// Channel `facts`: the restaurant's facts that the message asks for.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Facts {
    /// Opening hours, when the guest asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<HoursFacts>,
    /// Dishes, when the guest asked for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub menu: Option<MenuFacts>,
    /// The restaurant's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its telephone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
}

/// Opening hours in words.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct HoursFacts {
    /// The day that the guest asked about.
    pub day: Option<DayFacts>,
    /// The coming seven days, today first.
    pub week: Vec<DayFacts>,
    /// Whether it is open now.
    pub open_now: bool,
    /// When it closes, or when it opens later today, as `19:30`.
    pub changes_at: Option<String>,
}

/// The opening hours of one day in words.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DayFacts {
    /// `sâmbătă, 28 noiembrie`.
    pub name: String,
    /// `12:00–02:00`; none when closed.
    pub windows: Vec<String>,
}

/// Dishes that answer a question.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct MenuFacts {
    /// The first twelve dishes.
    pub dishes: Vec<DishFacts>,
    /// How many dishes match in all.
    pub total: usize,
    /// Whether the question restricted the menu.
    pub restricted: bool,
}

/// A dish in the language of the guest.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub struct DishFacts {
    /// Its name.
    pub name: String,
    /// `38 RON`.
    pub price: String,
    /// Without meat and fish.
    pub vegetarian: bool,
    /// The allergens.
    pub allergens: Vec<String>,
}
