use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use signalbox_executor::{EventCall, HandleError, Handled};
use signalbox_graph::{ApiInput, Inputs, WebsocketInput};
use signalbox_model::BusinessInfo;

use crate::handlers;

/// Handles an event in place of a bundle's handler.
pub(crate) type Handler = Arc<dyn Fn(&EventCall) -> Result<Handled, HandleError> + Send + Sync>;

/// The bundle of a business.
#[derive(Clone)]
pub(crate) enum Deployed {
    Bundle(Arc<Inputs>),
    /// Looking for the bundle panics.
    Panic,
}

/// The starting state of a decider: businesses, the inputs that the bundle of each has, and the bundles' handler.
pub struct Script {
    pub(crate) businesses: Vec<BusinessInfo>,
    pub(crate) deployed: BTreeMap<String, Deployed>,
    pub(crate) handler: Handler,
}

impl Script {
    /// These businesses, with no bundle for any of them.
    pub fn of(businesses: impl IntoIterator<Item = BusinessInfo>) -> Self {
        Self {
            businesses: businesses.into_iter().collect(),
            deployed: BTreeMap::new(),
            handler: Arc::new(|call| panic!("no handler is scripted for {call:?}")),
        }
    }

    /// The [`businesses`] with a bundle that takes messages and API requests: `handled` with the handler
    /// [`handlers::words`], `silent` with no input at all, and the others without a handler.
    pub fn of_messages() -> Self {
        let inputs = |handler: Option<&str>| Inputs {
            websocket: Some(WebsocketInput { handler: handler.map(str::to_owned) }),
            api: Some(ApiInput { handler: handler.map(str::to_owned) }),
            ..Inputs::default()
        };
        Self::of(businesses())
            .deploy("trattoria", inputs(None))
            .deploy("clinic", inputs(None))
            .deploy("handled", inputs(Some("split")))
            .deploy("silent", Inputs::default())
            .handler(handlers::words)
    }

    /// Adds a bundle for a business.
    pub fn deploy(mut self, business_id: &str, inputs: Inputs) -> Self {
        self.deployed.insert(business_id.to_owned(), Deployed::Bundle(Arc::new(inputs)));
        self
    }

    /// Makes the host panic when it looks for the business's bundle.
    pub fn panic_at(mut self, business_id: &str) -> Self {
        self.businesses.push(business(business_id));
        self.deployed.insert(business_id.to_owned(), Deployed::Panic);
        self
    }

    /// Sets the handler of every bundle.
    pub fn handler(
        mut self,
        handler: impl Fn(&EventCall) -> Result<Handled, HandleError> + Send + Sync + 'static,
    ) -> Self {
        self.handler = Arc::new(handler);
        self
    }
}

/// `trattoria`, `clinic`, `handled` and `silent`.
pub fn businesses() -> [BusinessInfo; 4] {
    ["trattoria", "clinic", "handled", "silent"].map(business)
}

/// A business with a terrace and a bar. A `coordinator` may send messages, a `manager` may do everything, an `auditor`
/// may read decisions, a `reviewer` may review them, and a `guest` may do nothing.
pub fn business(id: &str) -> BusinessInfo {
    let info = json!({
        "businessId": id,
        "name": id,
        "type": "test",
        "timezone": "Europe/Bucharest",
        "locations": [{"id": "terrace", "name": "Terrace"}, {"id": "bar", "name": "Bar"}],
        "permissions": {
            "coordinator": ["message"],
            "manager": ["message", "review", "decisions"],
            "auditor": ["decisions"],
            "reviewer": ["review"],
            "guest": [],
        }
    });
    serde_json::from_value(info).unwrap()
}
