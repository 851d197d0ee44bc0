//! Serves the metrics: on the host's own address, or on one of their own.

use std::net::SocketAddr;

use axum::Router;
use signalbox_http::{HttpShutdown, serve_http};
use tokio::task::JoinHandle;

use crate::config::Config;

/// The metrics' own listener.
pub struct MetricsListener {
    /// Its address.
    pub address: SocketAddr,
    /// Ends with the host.
    pub task: JoinHandle<()>,
}

/// Adds the metrics to the host's routes, or serves them at the address that the configuration names.
pub async fn open(
    config: &Config,
    metrics: Router,
    others: Router,
    shutdown: &HttpShutdown,
) -> anyhow::Result<(Router, Option<MetricsListener>)> {
    let Some(address) = config.telemetry.metrics_listen else { return Ok((others.merge(metrics), None)) };
    let listener = super::listen("telemetry.metrics-listen", address).await?;
    let address = listener.local_addr()?;
    let task = tokio::spawn(serve_http(config.http.clone(), listener, metrics, shutdown.clone()));
    Ok((others, Some(MetricsListener { address, task })))
}
