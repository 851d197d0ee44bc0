//! Calls every function of `signalbox:resources`.

use signalbox_sdk::prelude::*;
use signalbox_sdk::resources::{Error, Filter, Resource};

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case", rename_all_fields = "kebab-case")]
enum Call {
    Get { resource_type: String, id: String },
    Find { resource_type: String },
    ExecuteAction { resource_type: String, id: String, action: String, payload: Value, version: Option<u64> },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Get { resource_type, id } => {
            let found = resources::get::<Value>(&resource_type, &id).map(|found| found.map(resource));
            probe::outcome(found, Error::retryable)
        }
        Call::Find { resource_type } => {
            let found = resources::find::<Value>(&resource_type, Filter::new());
            probe::outcome(found.map(|all| all.into_iter().map(resource).collect::<Vec<_>>()), Error::retryable)
        }
        Call::ExecuteAction { resource_type, id, action, payload, version } => {
            let after = resources::execute_action::<_, Value>(&resource_type, &id, &action, &payload, version);
            probe::outcome(after.map(resource), Error::retryable)
        }
    })
}

fn resource(resource: Resource<Value>) -> Value {
    json!({ "type": resource.resource_type, "id": resource.id, "version": resource.version, "attributes": resource.attributes })
}
