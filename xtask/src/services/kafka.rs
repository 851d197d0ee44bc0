//! Apache Kafka: broker and controller in one process.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::process::JAVA_IS_MISSING;
use super::{Installed, Service, empty, free_address};
use crate::workspace::shown;

pub const SERVICE: Service = Service {
    name: "kafka",
    title: "Apache Kafka",
    prepare,
    ask,
    variable: "SIGNALBOX_TEST_KAFKA",
    value: |address| address.to_string(),
};

/// For one answer.
const DEADLINE: Duration = Duration::from_secs(5);

/// Any 16 bytes in Base64; a cluster that nobody else joins needs no id of its own.
const CLUSTER_ID: &str = "c2lnbmFsYm94LXRlc3RzIQ";

/// Formats an empty folder for records, and returns the command that serves it.
fn prepare(installed: &Installed, address: SocketAddr, token: &str) -> Result<Command> {
    let (data, config) = (installed.folder.join("data"), installed.folder.join("server.properties"));
    empty(&data)?;
    fs::write(&config, properties(address, free_address()?, &data))
        .with_context(|| format!("{} cannot be written", config.display()))?;

    let mut format = java(installed);
    format.args(["kafka.tools.StorageTool", "format", "--standalone", "-t", CLUSTER_ID, "-c"]).arg(&config);
    let output = format
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("`{}` cannot be started; {JAVA_IS_MISSING}", shown(&format)))?;
    if !output.status.success() {
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        bail!("`{}` failed ({}) and printed:\n{said}{complained}", shown(&format), output.status);
    }

    let mut serve = java(installed);
    serve.arg("-Xmx512m").arg(format!("-Dsignalbox.token={token}")).arg("kafka.Kafka").arg(&config);
    Ok(serve)
}

/// A Java program with the jars of the service.
pub(super) fn java(installed: &Installed) -> Command {
    let mut java = Command::new("java");
    // Compiling for the start alone: the tests are over before more would pay.
    java.args(["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]).arg(installed.class_path());
    java
}

/// One replica of everything, and groups that do not wait for members which never come.
fn properties(broker: SocketAddr, controller: SocketAddr, data: &Path) -> String {
    // Backslashes begin an escape in this format.
    let data = data.display().to_string().replace('\\', "\\\\");
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={controller}
listeners=PLAINTEXT://{broker},CONTROLLER://{controller}
advertised.listeners=PLAINTEXT://{broker},CONTROLLER://{controller}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
log.cleaner.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
"
    )
}

/// Asks for the brokers that take requests: a broker answers before the controller lets it take part.
fn ask(address: SocketAddr) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).context("no connection")?;
    stream.set_read_timeout(Some(DEADLINE))?;
    stream.set_write_timeout(Some(DEADLINE))?;
    stream.write_all(&METADATA_REQUEST)?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).context("no answer")?;
    match brokers(&answer) {
        0 => bail!("the broker does not take part yet"),
        _ => Ok(()),
    }
}

/// A request for metadata, version 1, that asks for no topics.
const METADATA_REQUEST: [u8; 18] = [
    0, 0, 0, 14, // the length of what follows
    0, 3, // metadata
    0, 1, // its version
    0, 0, 0, 1, // the number of this request
    0xff, 0xff, // no name of the client
    0, 0, 0, 0, // no topics
];

/// The number of brokers in the answer, which begins with its length, the number of the request, and this number.
fn brokers(answer: &[u8; 12]) -> u32 {
    let [_, _, _, _, _, _, _, _, brokers @ ..] = *answer;
    u32::from_be_bytes(brokers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_its_own_length() {
        let length = u32::try_from(METADATA_REQUEST.len() - 4).unwrap();
        assert_eq!(METADATA_REQUEST[..4], length.to_be_bytes());
    }

    #[test]
    fn the_brokers_of_an_answer_are_counted() {
        assert_eq!(brokers(&[0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 0]), 0);
        assert_eq!(brokers(&[0, 0, 0, 70, 0, 0, 0, 1, 0, 0, 0, 1]), 1);
    }

    #[test]
    fn the_server_listens_on_loopback_alone() {
        let (broker, controller) = ("127.0.0.1:1001".parse().unwrap(), "127.0.0.1:1002".parse().unwrap());
        let properties = properties(broker, controller, Path::new("/data"));
        let listeners = "listeners=PLAINTEXT://127.0.0.1:1001,CONTROLLER://127.0.0.1:1002";
        let of = |key: &str| properties.lines().find(|line| line.starts_with(&format!("{key}="))).unwrap().to_owned();
        assert_eq!(of("listeners"), listeners);
        assert_eq!(of("advertised.listeners"), format!("advertised.{listeners}"));
        assert_eq!(of("log.dirs"), "log.dirs=/data");
    }
}
