//! AWS's own DynamoDB Local.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use ureq::Agent;

use super::{Installed, Service};

pub const SERVICE: Service = Service {
    name: "dynamodb-local",
    title: "DynamoDB Local",
    prepare,
    ask,
    variable: "SIGNALBOX_TEST_DYNAMODB",
    value: |address| format!("http://{address}"),
};

/// For one answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// A signature that DynamoDB Local does not check, of a key that is none.
const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=signalbox/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0";

fn prepare(installed: &Installed, address: SocketAddr, token: &str) -> Result<Command> {
    let mut native = OsString::from("-Dsqlite4java.library.path=");
    native.push(installed.folder.join("libs"));
    let mut java = Command::new("java");
    // Compiling for the start alone: the tests are over before more would pay.
    java.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]).arg(native);
    java.arg(format!("-Dsignalbox.token={token}")).arg("-cp").arg(installed.class_path());
    java.arg(installed.sources.join("Loopback.java"));
    java.args(["-port", &address.port().to_string(), "-inMemory", "-disableTelemetry"]);
    Ok(java)
}

/// Asks for the names of the tables.
fn ask(address: SocketAddr) -> Result<()> {
    let agent = Agent::config_builder().timeout_global(Some(DEADLINE)).proxy(None).build().new_agent();
    agent
        .post(format!("http://{address}/"))
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.ListTables")
        .header("authorization", AUTHORIZATION)
        .send("{}")
        .context("the tables cannot be listed")?;
    Ok(())
}
