use anyhow::{Context, Result};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A server that speaks DynamoDB, in this process and in memory: a store that several hosts share, and that outlives
/// them. It ends when this value is dropped.
#[derive(Debug)]
pub struct StoreServer {
    url: String,
    serving: JoinHandle<()>,
}

impl StoreServer {
    /// A server without tables, which the first host makes.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let database = dynoxide::Database::memory().context("a database in memory cannot be made")?;
        let serving = tokio::spawn(async move {
            // The server fails only with its listener, and then the hosts fail and say so.
            let _ = dynoxide::server::serve_on(listener, database).await;
        });
        Ok(Self { url, serving })
    }

    /// Its address, `http://127.0.0.1:…`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The keys of `[store]` for hosts that use it.
    pub fn config(&self) -> String {
        config(&self.url)
    }
}

impl Drop for StoreServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The keys of `[store]` for a server at this address.
pub(crate) fn config(url: &str) -> String {
    format!("backend = \"dynamodb\"\nendpoint = {}\nregion = \"us-east-1\"", json!(url))
}
