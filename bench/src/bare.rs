//! The server that the host is compared with: axum as its own examples show it, which echoes what it is sent.

use std::process::Command;

use anyhow::Result;
use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::response::Response;
use axum::routing::{get, post};
use serde_json::{Value, json};
use signalbox_tests_support::Server;

/// The size of a connection's read and write buffers in bytes, as in the host.
pub const BUFFER: usize = 2 * 1024;

/// Starts this program as the bare server.
pub fn start() -> Result<Server> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("bare");
    Server::start(command, None)
}

/// Serves `/ws` and `/echo` on a free port of this machine until it is killed.
pub async fn serve() -> Result<()> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    println!("{}", json!({ "url": format!("http://{address}"), "websocket": format!("ws://{address}/ws") }));
    let app = Router::new().route("/ws", get(upgrade)).route("/echo", post(echo));
    Ok(axum::serve(listener, app).await?)
}

async fn upgrade(upgrade: WebSocketUpgrade) -> Response {
    // The host's buffer sizes, for a fair comparison: the default's 128 KiB are zeroed for every read.
    let upgrade = upgrade.read_buffer_size(BUFFER).write_buffer_size(BUFFER);
    upgrade.protocols(["signalbox.v1"]).on_upgrade(answer)
}

async fn answer(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        if let Message::Text(_) = message
            && socket.send(message).await.is_err()
        {
            return;
        }
    }
}

async fn echo(body: axum::Json<Value>) -> axum::Json<Value> {
    body
}
