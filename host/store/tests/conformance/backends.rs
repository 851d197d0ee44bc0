use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{DeleteGlobalSecondaryIndexAction, GlobalSecondaryIndexUpdate, TableStatus};
use signalbox_store::{Backend, Config, Store, tables};
use tempfile::TempDir;
use ulid::Ulid;

use crate::raw::Raw;

/// A store with everything that has to live as long as it.
pub struct Opened {
    pub store: Store,
    _folder: Option<TempDir>,
}

pub async fn memory() -> Opened {
    Opened { store: Store::open(Config::memory()).await.unwrap(), _folder: None }
}

pub async fn file() -> Opened {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("signalbox.db");
    let store = Store::open(Config::new(Backend::Embedded { path: Some(path) })).await.unwrap();
    Opened { store, _folder: Some(folder) }
}

pub async fn http() -> Opened {
    Opened { store: Store::open(Config::new(serve().await)).await.unwrap(), _folder: None }
}

/// Starts Dynoxide as an HTTP server; it ends with the test's runtime.
pub async fn serve() -> Backend {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(dynoxide::server::serve_on(listener, dynoxide::Database::memory().unwrap()));
    Backend::Endpoint { url, region: "us-east-1".to_owned(), access_key: None, secret: None }
}

/// A server that speaks DynamoDB, with its own tables for this run.
pub struct Endpoint {
    url: String,
    access_key: String,
    secret: String,
    prefix: String,
}

impl Endpoint {
    pub fn from_env() -> Option<Self> {
        let of = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let or_made_up = |name: &str| of(name).unwrap_or_else(|| "signalbox".to_owned());
        Some(Self {
            url: of("SIGNALBOX_TEST_DYNAMODB")?,
            access_key: or_made_up("SIGNALBOX_TEST_DYNAMODB_ACCESS_KEY"),
            secret: or_made_up("SIGNALBOX_TEST_DYNAMODB_SECRET"),
            prefix: format!("signalbox-test-{}-", Ulid::new().to_string().to_lowercase()),
        })
    }

    pub async fn open(&self) -> Store {
        let backend = Backend::Endpoint {
            url: self.url.clone(),
            region: "us-east-1".to_owned(),
            access_key: Some(self.access_key.clone()),
            secret: Some(self.secret.clone()),
        };
        let config = Config { table_prefix: self.prefix.clone(), ..Config::new(backend) };
        Store::open(config).await.unwrap()
    }

    /// Direct access to the tables.
    pub fn raw(&self) -> Raw {
        Raw::Endpoint { client: self.client(), prefix: self.prefix.clone() }
    }

    fn client(&self) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .endpoint_url(&self.url)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(&self.access_key, &self.secret, None, None, "test"))
            .build();
        Client::from_conf(config)
    }

    /// Makes the table of decisions as it was before the version that added this index.
    pub async fn remove_decisions_index(&self, name: &str) {
        let (client, table) = (self.client(), format!("{}decisions", self.prefix));
        let removed = DeleteGlobalSecondaryIndexAction::builder().index_name(name).build().unwrap();
        let update = GlobalSecondaryIndexUpdate::builder().delete(removed).build();
        client.update_table().table_name(&table).global_secondary_index_updates(update).send().await.unwrap();
        let removing = async {
            loop {
                let answer = client.describe_table().table_name(&table).send().await.unwrap();
                let described = answer.table.unwrap();
                let there = described.global_secondary_indexes().iter().any(|index| index.index_name() == Some(name));
                if !there && described.table_status() == Some(&TableStatus::Active) {
                    return;
                }
                // Without a pause the questions keep DynamoDB Local from removing the index.
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), removing).await.expect("the index never goes");
    }

    pub async fn remove_tables(&self) {
        let client = self.client();
        for table in tables(&self.prefix) {
            client.delete_table().table_name(table.name).send().await.unwrap();
        }
    }
}
