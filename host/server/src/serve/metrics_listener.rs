//! Where the metrics are: beside everything else, or at an address of their own.

use std::net::SocketAddr;

use axum::Router;
use signalbox_http::{HttpEnding, serve_http};
use tokio::task::JoinHandle;

use crate::config::Config;

/// The address of the metrics alone.
pub struct MetricsListener {
    /// Which it is.
    pub address: SocketAddr,
    /// Ends with the host.
    pub task: JoinHandle<()>,
}

/// Adds the metrics to the other routes, or serves them where the configuration says.
pub async fn open(
    config: &Config,
    metrics: Router,
    others: Router,
    ending: &HttpEnding,
) -> anyhow::Result<(Router, Option<MetricsListener>)> {
    let Some(address) = config.telemetry.metrics_listen else { return Ok((others.merge(metrics), None)) };
    let listener = super::listen("telemetry.metrics-listen", address).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(serve_http(config.http.clone(), listener, metrics, ending.clone()));
    Ok((others, Some(MetricsListener { address, task })))
}
