//! The values that a test gives the host before a run.

use serde::Serialize;
use serde_json::Value;

use crate::bindings::capabilities::signalbox::http::http::Response;
use crate::bindings::capabilities::signalbox::rag::rag::{MessageModel, PastDecision};
use crate::bindings::capabilities::signalbox::resources::resources::ResourceState;
use crate::testing::rows::Rows;
use crate::testing::{Host, text_of};

/// The time of things for which the test gives none.
const LONG_AGO: &str = "2026-01-01T00:00:00.000Z";

impl Host {
    /// Grants one thing, as the bundle's `grants` would, for example `grant("llm", "default")`. A host grants
    /// everything until the first grant; from then on only the given grants.
    pub fn grant(self, capability: &str, name: &str) -> Self {
        self.0.borrow_mut().grants.get_or_insert_default().push((capability.to_owned(), name.to_owned()));
        self
    }

    /// The plugin's configuration, an object.
    pub fn config(self, config: Value) -> Self {
        self.0.borrow_mut().config = Some(config);
        self
    }

    /// The language model's next answer. The last answer or error given is repeated for every further call.
    pub fn llm_answer(self, text: impl Into<String>) -> Self {
        self.0.borrow_mut().llm_answers.push_back(Ok(text.into()));
        self
    }

    /// The language model's next failure.
    pub fn llm_error(self, error: crate::llm::Error) -> Self {
        if let Some(error) = error.into_contract() {
            self.0.borrow_mut().llm_answers.push_back(Err(error));
        }
        self
    }

    /// A message model, version 1, for every place and business type.
    pub fn message_model(self, decision_code: &str, locale: Option<&str>, template: &str, parameters: &[&str]) -> Self {
        self.0.borrow_mut().message_models.push(MessageModel {
            decision_code: decision_code.to_owned(),
            version: "1".to_owned(),
            message_template: template.to_owned(),
            parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
            business_type: None,
            location_context: None,
            locale: locale.map(str::to_owned),
            usage_count: 0,
            last_used: None,
            created_at: LONG_AGO.to_owned(),
            updated_at: LONG_AGO.to_owned(),
        });
        self
    }

    /// A decision of this business that was made before; the one given last is the newest. `outcome` is `decided`,
    /// `review-pending`, `approved`, `edited`, `rejected` or `failed`.
    pub fn past_decision(self, decision_code: &str, outcome: &str, confidence: f64) -> Self {
        {
            let mut memory = self.0.borrow_mut();
            let number = memory.past_decisions.len();
            memory.past_decisions.push(PastDecision {
                id: format!("past-{number}"),
                decision_code: decision_code.to_owned(),
                decision_type: decision_code.split('.').next().unwrap_or(decision_code).to_owned(),
                confidence,
                reasoning: String::new(),
                outcome: outcome.to_owned(),
                location_id: None,
                created_at: LONG_AGO.to_owned(),
                same_business: true,
            });
        }
        self
    }

    /// The answer of a URL, to every request.
    pub fn http_response(self, method: crate::http::Method, url: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        let response = Response { status, headers: Vec::new(), body: body.into() };
        self.0.borrow_mut().http_responses.push((method, url.to_owned(), response));
        self
    }

    /// A resource that another service owns. An action on it merges its payload into the attributes.
    pub fn resource<T: Serialize + ?Sized>(self, resource_type: &str, id: &str, attributes: &T) -> Self {
        let resource = ResourceState {
            resource_type: resource_type.to_owned(),
            id: id.to_owned(),
            version: 1,
            attributes: text_of(attributes),
            updated_at: LONG_AGO.to_owned(),
        };
        self.0.borrow_mut().resources.insert((resource_type.to_owned(), id.to_owned()), resource);
        self
    }

    /// A schedule that is in force.
    pub fn schedule_status(self, status: crate::cron::ScheduleStatus) -> Self {
        self.0.borrow_mut().schedules.push(status);
        self
    }

    /// A row that another decision wrote.
    pub fn put_row<T: Serialize + ?Sized>(self, table: &str, partition: &str, sort: &str, item: &T) -> Self {
        self.0.borrow_mut().rows.put_by_other(table, partition, sort, text_of(item));
        self
    }

    /// A row that another decision writes just before this one's next write, which is the race that a condition must
    /// catch. Given several times, it happens before that many writes.
    pub fn overtaken_by<T: Serialize + ?Sized>(self, table: &str, partition: &str, sort: &str, item: &T) -> Self {
        let (table, partition, sort) = (table.to_owned(), partition.to_owned(), sort.to_owned());
        let item = text_of(item);
        let interruption = Box::new(move |rows: &mut Rows| rows.put_by_other(&table, &partition, &sort, item));
        self.0.borrow_mut().rows.interruptions.push_back(interruption);
        self
    }
}

macro_rules! failing {
    ($($method:ident $capability:ident,)*) => {
        impl Host {
            $(
                #[doc = concat!("Makes the next call of `", stringify!($capability), "` fail, once.")]
                pub fn $method(self, error: crate::$capability::Error) -> Self {
                    if let Some(error) = error.into_contract() {
                        self.0.borrow_mut().failures.$capability.push_back(error);
                    }
                    self
                }
            )*
        }
    };
}

failing! {
    business_error business,
    resources_error resources,
    rag_error rag,
    dynamodb_error dynamodb,
    http_error http,
    kafka_error kafka,
    websocket_error websocket,
    cron_error cron,
}
