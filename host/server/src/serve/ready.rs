use std::io::IsTerminal as _;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde_json::json;
use signalbox_trigger_websocket::PATH as WEBSOCKET_PATH;

/// Prints the ready line on standard output, in one write.
pub fn tell(address: SocketAddr, metrics: Option<SocketAddr>, as_json: bool) -> std::io::Result<()> {
    tracing::info!(%address, "ready");
    let mut out = std::io::stdout();
    let text =
        if as_json || !out.is_terminal() { for_programs(address, metrics) } else { for_people(address, metrics) };
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn for_programs(address: SocketAddr, metrics: Option<SocketAddr>) -> String {
    let (url, websocket) = addresses(address);
    let metrics = metrics_url(address, metrics);
    format!("{}\n", json!({ "ready": true, "url": url, "websocket": websocket, "metrics": metrics }))
}

fn for_people(address: SocketAddr, metrics: Option<SocketAddr>) -> String {
    let (url, websocket) = addresses(address);
    let metrics = metrics_url(address, metrics);
    format!(
        "Signalbox is ready.\n  WebSocket  {websocket}\n  health     {url}/readyz\n  metrics    {metrics}\n\
         \x20 say something:  signalbox send --url {websocket} --business ID \"hello\"\n"
    )
}

fn addresses(address: SocketAddr) -> (String, String) {
    let host = reachable(address);
    (format!("http://{host}"), format!("ws://{host}{WEBSOCKET_PATH}"))
}

/// The metrics are on the host's address unless they have one of their own.
fn metrics_url(address: SocketAddr, metrics: Option<SocketAddr>) -> String {
    format!("http://{}/metrics", reachable(metrics.unwrap_or(address)))
}

/// The unspecified address ("every address") is none that a client can connect to, so it becomes the loopback address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_one_line_that_a_program_can_connect_by() {
        let line = for_programs("0.0.0.0:8080".parse().unwrap(), None);
        assert_eq!(line.lines().count(), 1);
        let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true);
        assert_eq!(ready["url"], "http://127.0.0.1:8080");
        assert_eq!(ready["websocket"], "ws://127.0.0.1:8080/ws");
        assert_eq!(ready["metrics"], "http://127.0.0.1:8080/metrics");
        let apart = for_programs("[::1]:9".parse().unwrap(), Some("[::]:7".parse().unwrap()));
        assert!(apart.contains("\"http://[::1]:9\"") && apart.contains("\"http://[::1]:7/metrics\""), "{apart}");
    }
}
