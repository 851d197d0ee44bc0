//! Direct access to items, for tests of records that other versions write.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use dynoxide::Database;
use serde_json::{Map, Value, json};
use signalbox_store::{Backend, Config, Store};

use crate::backends::Endpoint;

/// Access to the store's tables without the store, in DynamoDB's own JSON.
pub enum Raw {
    Database(Database),
    Endpoint { client: Client, prefix: String },
}

/// Runs a test on Dynoxide over HTTP, on a file, and on the endpoint if there is one.
pub async fn on_every_backend(test: impl AsyncFn(&Store, &Raw)) {
    let database = Database::memory().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, database.clone()));
    let backend = Backend::Endpoint { url, region: "us-east-1".to_owned(), access_key: None, secret: None };
    test(&Store::open(Config::new(backend)).await.unwrap(), &Raw::Database(database)).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    let store = Store::open(Config::new(Backend::Embedded { path: Some(path.clone()) })).await.unwrap();
    test(&store, &Raw::Database(Database::new(path.to_str().unwrap()).unwrap())).await;
    if let Some(endpoint) = Endpoint::from_env() {
        test(&endpoint.open().await, &endpoint.raw()).await;
        endpoint.remove_tables().await;
    }
}

impl Raw {
    /// The item with a key of two texts.
    pub async fn get(&self, table: &str, key: [(&str, &str); 2]) -> Value {
        match self {
            Self::Database(database) => {
                let key: Map<String, Value> =
                    key.into_iter().map(|(name, value)| (name.to_owned(), json!({ "S": value }))).collect();
                let asked = json!({ "TableName": format!("signalbox-{table}"), "Key": key, "ConsistentRead": true });
                let answer = database.get_item(serde_json::from_value(asked).unwrap()).unwrap();
                serde_json::to_value(answer).unwrap()["Item"].take()
            }
            Self::Endpoint { client, prefix } => {
                let mut call = client.get_item().table_name(format!("{prefix}{table}")).consistent_read(true);
                for (name, value) in key {
                    call = call.key(name, AttributeValue::S(value.to_owned()));
                }
                let item = call.send().await.unwrap().item.unwrap();
                Value::Object(item.into_iter().map(|(name, value)| (name, told(value))).collect())
            }
        }
    }

    pub async fn put(&self, table: &str, item: Value) {
        match self {
            Self::Database(database) => {
                let asked = json!({ "TableName": format!("signalbox-{table}"), "Item": item });
                database.put_item(serde_json::from_value(asked).unwrap()).unwrap();
            }
            Self::Endpoint { client, prefix } => {
                let attributes = item.as_object().unwrap().iter().map(|(name, value)| (name.clone(), meant(value)));
                let call = client.put_item().table_name(format!("{prefix}{table}"));
                call.set_item(Some(attributes.collect())).send().await.unwrap();
            }
        }
    }

    /// Changes the document in an attribute, as another version would have written it.
    pub async fn rewrite(&self, table: &str, key: [(&str, &str); 2], name: &str, change: impl Fn(&mut Value)) {
        let mut item = self.get(table, key).await;
        let mut document = document(&item, name);
        change(&mut document);
        item[name] = json!({ "S": document.to_string() });
        item["newerAttribute"] = json!({ "S": "kept" });
        self.put(table, item).await;
    }
}

/// The JSON in an attribute.
pub fn document(item: &Value, name: &str) -> Value {
    serde_json::from_str(item[name]["S"].as_str().unwrap()).unwrap()
}

fn told(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({ "S": text }),
        AttributeValue::N(number) => json!({ "N": number }),
        AttributeValue::B(bytes) => json!({ "B": STANDARD.encode(bytes) }),
        other => panic!("{other:?}"),
    }
}

fn meant(value: &Value) -> AttributeValue {
    let text = |kind: &str| value[kind].as_str().map(str::to_owned);
    if let Some(text) = text("S") {
        return AttributeValue::S(text);
    }
    if let Some(number) = text("N") {
        return AttributeValue::N(number);
    }
    AttributeValue::B(Blob::new(STANDARD.decode(text("B").unwrap()).unwrap()))
}
