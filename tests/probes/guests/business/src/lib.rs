//! Calls every function of `signalbox:business`.

use signalbox_sdk::Location;
use signalbox_sdk::business::Error;
use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call")]
enum Call {
    #[serde(rename = "get-info")]
    Info,
    #[serde(rename = "get-location")]
    Location { id: String },
    #[serde(rename = "get-setting")]
    Setting { path: String },
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Info => {
            let info = business::get_info().map(|info| {
                let locations: Vec<Value> = info.locations.iter().map(location).collect();
                json!({
                    "id": info.id, "name": info.name, "type": info.business_type, "locale": info.locale,
                    "timezone": info.timezone, "settings": info.settings.as_str(), "locations": locations,
                })
            });
            probe::outcome(info, Error::retryable)
        }
        Call::Location { id } => {
            let found = business::get_location(&id).map(|found| found.as_ref().map(location));
            probe::outcome(found, Error::retryable)
        }
        Call::Setting { path } => probe::outcome(business::get_setting::<Value>(&path), Error::retryable),
    })
}

fn location(location: &Location) -> Value {
    json!({ "id": location.id, "name": location.name, "timezone": location.timezone, "settings": location.settings.as_str() })
}
