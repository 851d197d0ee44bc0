use std::io::{BufRead as _, BufReader, Lines, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Command, Stdio};

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::program::{MANIFEST, Program};

const AUTH: &str = "[auth]\nkeys = [{ algorithm = 'HS256', key = { file = 'secret' } }]\n";
const SERVER: &str = "[server]\nlisten = '127.0.0.1:0'\nshutdown-delay = '0s'\n";

#[test]
fn a_bad_bundle_keeps_the_host_from_starting_and_is_reported() {
    let program = Program::new(&format!("{SERVER}{AUTH}[bundles]\npaths = ['bundle']\n"));
    program.write("bundle/bundle.toml", &MANIFEST.replace("to = \"reply\"", "to = \"replay\""));
    let ran = program.run(&["serve"]);
    ran.refused(&["replay", "bundle.toml:", "error[bundle_invalid]"]);
    assert!(ran.out.is_empty(), "a host that is not ready says so: {}", ran.out);
}

#[test]
fn a_host_that_could_verify_no_token_does_not_start() {
    let ran = Program::new(SERVER).run(&["serve"]);
    ran.refused(&["error[auth_keys_invalid]", "neither `keys` nor `jwks`"]);
}

#[test]
fn a_host_does_not_start_without_a_single_business_that_is_right_or_when_it_is_told_to_stop_at_one_that_is_wrong() {
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n"));
    program.write("business/roma.toml", "businessId = 'roma'\nnam = 'Roma'\n");
    let told = ["error[business_directory_invalid]", "roma.toml:2:1", "unknown key `nam`", "did you mean `name`?"];
    program.run(&["serve"]).refused(&told);
    program.write("business/port.toml", "businessId = 'port'\nname = 'Port'\ntype = 'restaurant'\n");
    program.run(&["serve", "--set", "bundles.on-failure=stop"]).refused(&told);
    let mut host = Host::start(&program);
    let line = host.log("a business file is not loaded");
    assert_eq!((&line["level"], &line["business_id"]), (&"ERROR".into(), &"roma".into()), "{line}");
    assert!(line["report"].as_str().unwrap().contains("nam = 'Roma'"), "with the line under its caret: {line}");
    assert_eq!(host.log("no bundle decides for the type")["business_id"], "port");
    assert!(host.get("/metrics").contains("signalbox_business_files_not_loaded 1"));
    std::fs::remove_file(program.path("business/roma.toml")).unwrap();
    host.signal("-HUP");
    assert_eq!(host.log("read the business directory again")["businesses"], 1);
}

#[test]
fn an_invisible_character_in_a_secret_keeps_the_host_from_starting_and_is_named() {
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n"));
    program.write("secret", "\u{200b}0123456789abcdef0123456789abcdef\n");
    let ran = program.run(&["serve"]);
    ran.refused(&["auth.keys", "file secret", "zero-width space U+200B"]);
    assert!(!ran.err.contains("0123456789"), "{}", ran.err);
    // The byte order mark and line ending that editors add are not part of the secret.
    program.write("secret", "\u{feff}0123456789abcdef0123456789abcdef\r\n");
    assert!(Host::start(&program).get("/livez").starts_with("HTTP/1.1 200"));

    let hook = "[webhooks.secrets]\nHOOK = [{ env = 'HOOK_SECRET' }]\n";
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n{hook}"));
    let ran = program.command(&["serve"]).env("HOOK_SECRET", "whsec_\u{a0}C2FVsBQIhrscChlQIMV+b5sSYspob7oD").output();
    let said = ["error[secret_malformed]", "webhooks.secrets.HOOK", "HOOK_SECRET", "no-break space U+00A0"];
    super::program::Ran::from(ran.unwrap()).refused(&said);
    let metrics = "[telemetry]\nmetrics-access = 'token'\nmetrics-token = { env = 'SCRAPE' }\n";
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n{metrics}"));
    let ran = program.command(&["serve"]).env("SCRAPE", "short").output().unwrap();
    super::program::Ran::from(ran).refused(&["error[secret_malformed]", "5 bytes", "at least 16"]);
}

#[test]
fn whatever_the_umask_the_hosts_files_are_nobody_elses() {
    use std::os::unix::fs::MetadataExt as _;
    let program =
        Program::new(&format!("{SERVER}{AUTH}[store]\npath = 'kept/store.db'\n[sandbox]\ncache = 'made/compiled'\n"));
    let mut shell = Command::new("sh");
    shell.args(["-c", "umask 0; exec \"$0\" serve"]).arg(env!("CARGO_BIN_EXE_signalbox")).current_dir(program.path(""));
    let mut host = Host::start_as(shell);
    let mode = |name: &str| std::fs::metadata(program.path(name)).unwrap().mode() & 0o777;
    for name in ["kept", "made", "made/compiled"] {
        assert_eq!(mode(name), 0o700, "{name}");
    }
    for name in ["kept/store.db", "kept/store.db-wal", "kept/store.db-shm", "made/compiled/seal.key"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    host.signal("-TERM");
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
    // A store file that an older version has left readable and writable for the group.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o664);
    std::fs::set_permissions(program.path("kept/store.db"), permissions).unwrap();
    let mut host = Host::start(&program);
    assert!(host.log("others could use a file of the store")["file"].as_str().unwrap().ends_with("store.db"));
    assert_eq!(mode("kept/store.db"), 0o600);
}

#[test]
fn compiled_code_from_where_others_can_write_is_not_run() {
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n[sandbox]\ncache = 'compiled'\n"));
    let open = |mode| std::os::unix::fs::PermissionsExt::from_mode(mode);
    std::fs::create_dir(program.path("compiled")).unwrap();
    std::fs::set_permissions(program.path("compiled"), open(0o777)).unwrap();
    program.run(&["serve"]).refused(&["error[sandbox_unavailable]", "others may write the folder", "compiled"]);
    std::fs::set_permissions(program.path("compiled"), open(0o700)).unwrap();
    program.write("compiled/seal.key", "a key that somebody else has made");
    std::fs::set_permissions(program.path("compiled/seal.key"), open(0o666)).unwrap();
    program.run(&["serve"]).refused(&["error[sandbox_unavailable]", "others may write seal.key"]);
}

#[test]
fn time_zones_are_known_where_the_system_has_none() {
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n"));
    program.write(
        "business/roma.toml",
        "businessId = 'roma'\nname = 'Roma'\ntype = 'restaurant'\ntimezone = 'Europe/Rome'\n",
    );
    std::fs::create_dir(program.path("empty")).unwrap();
    let mut command = program.command(&["serve"]);
    command.env("TZDIR", program.path("empty"));
    assert!(Host::start_as(command).get("/livez").starts_with("HTTP/1.1 200"));
    // `check` and `serve` accept the same time zones.
    program.write(
        "business/roma.toml",
        "businessId = 'roma'\nname = 'Roma'\ntype = 'restaurant'\ntimezone = 'Etc/Unknown'\n",
    );
    program.run(&["serve"]).refused(&["no IANA time zone"]);
    let cron = "[inputs.websocket]\n[inputs.cron.daily]\nschedule = '0 8 * * *'\ntimezone = 'Etc/Unknown'\n";
    program.write("bundle/bundle.toml", &MANIFEST.replace("[inputs.websocket]\n", cron));
    program.run(&["check", "bundle"]).refused(&["there is no time zone `Etc/Unknown`"]);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let ran = Program::new(AUTH).run(&["serve", "--listen", &address]);
    ran.refused(&["error[listen_failed]", &address]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_host_raises_its_limit_of_open_files_and_warns_when_that_is_too_low() {
    let connections = "[websocket]\nmax-connections = 400\n[http]\nmax-connections = 100\n";
    let program = Program::new(&format!("{SERVER}{AUTH}{connections}[store]\nbackend = 'memory'\n"));
    let limited = |soft: u32, hard: u32| {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("ulimit -Sn {soft}; ulimit -Hn {hard}; exec \"$0\" serve")]);
        shell.arg(env!("CARGO_BIN_EXE_signalbox")).current_dir(program.path(""));
        Host::start_as(shell)
    };
    let host = limited(256, 2_000);
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", host.process.id())).unwrap();
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("2000"), "{files}");
    let mut host = limited(256, 600);
    let told = host.log("fewer files may be open than connections are allowed");
    assert_eq!((told["allowed"].as_u64(), told["needed"].as_u64()), (Some(600), Some(1_012)), "{told}");
}

#[test]
fn a_host_tells_its_address_its_health_and_leaves_in_order() {
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n"));
    let mut host = Host::start(&program);
    assert!(host.get("/livez").starts_with("HTTP/1.1 200"));
    let ready = host.get("/readyz");
    assert!(ready.starts_with("HTTP/1.1 503"), "a host without a bundle is not ready: {ready}");
    assert!(ready.contains(r#""bundles":{"loaded":[],"notLoaded":[],"ok":false}"#), "{ready}");
    let metrics = host.get("/metrics");
    assert!(metrics.contains("# HELP signalbox_build_info") && metrics.contains("signalbox_store_up"), "{metrics}");
    assert!(host.get("/nowhere").starts_with("HTTP/1.1 404"));
    host.signal("-TERM");
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
}

#[test]
fn metrics_are_not_for_who_was_forwarded_or_comes_by_another_name() {
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n"));
    let host = Host::start(&program);
    let ask = |version: &str, headers: &str| {
        host.send(&format!("GET /metrics HTTP/{version}\r\n{headers}connection: close\r\n\r\n"))
    };
    for name in ["localhost", "127.0.0.1", "[::1]:8080"] {
        assert!(ask("1.1", &format!("host: {name}\r\n")).starts_with("HTTP/1.1 200"), "{name}");
    }
    let foreign = ask("1.1", "host: rebound.example.com\r\n");
    assert!(foreign.starts_with("HTTP/1.1 403") && foreign.contains("under localhost"), "{foreign}");
    for header in ["Forwarded: for=192.0.2.1", "X-Forwarded-Proto: https", "Client-IP: 192.0.2.1", "Via: 1.1 proxy"] {
        let forwarded = ask("1.1", &format!("host: localhost\r\n{header}\r\n"));
        assert!(forwarded.starts_with("HTTP/1.1 403") && forwarded.contains("forwarded"), "{header}: {forwarded}");
    }
    assert!(ask("1.0", "host: localhost\r\n").starts_with("HTTP/1.0 403"), "as nginx asks its upstreams");
}

#[test]
fn metrics_with_an_address_of_their_own_are_nowhere_else() {
    let apart = "[telemetry]\nmetrics-listen = '127.0.0.1:0'\n";
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n{apart}"));
    let mut host = Host::start(&program);
    let metrics = host.ready["metrics"].as_str().unwrap().to_owned();
    let address = metrics.strip_prefix("http://").unwrap().strip_suffix("/metrics").unwrap().to_owned();
    assert_ne!(address, host.address);
    assert!(host.get("/metrics").starts_with("HTTP/1.1 404"));
    let other =
        Host::exchange(&address, &format!("GET /metrics HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"));
    assert!(other.contains("signalbox_build_info"), "{other}");
    let livez =
        Host::exchange(&address, &format!("GET /livez HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"));
    assert!(livez.starts_with("HTTP/1.1 404"), "nothing else is there: {livez}");
    host.signal("-TERM");
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
}

#[test]
fn an_address_for_the_metrics_that_is_taken_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let program = Program::new(&format!(
        "{SERVER}{AUTH}[store]\nbackend = 'memory'\n[telemetry]\nmetrics-listen = '{address}'\n"
    ));
    program.run(&["serve"]).refused(&["error[listen_failed]", &address, "telemetry.metrics-listen"]);
}

#[test]
fn an_interrupt_leaves_without_a_time_of_not_being_ready() {
    let server = SERVER.replace("'0s'", "'600s'");
    let program = Program::new(&format!("{server}{AUTH}[store]\nbackend = 'memory'\n"));
    let mut host = Host::start(&program);
    host.signal("-INT");
    assert_eq!(host.process.wait().unwrap().code(), Some(0));
    let mut host = Host::start(&program);
    host.signal("-TERM");
    assert_eq!(host.log("not ready any more")["level"], "INFO");
    assert!(host.get("/livez").starts_with("HTTP/1.1 200"), "it serves on");
    assert!(host.get("/readyz").contains(r#""traffic":{"ok":false"#));
    host.signal("-TERM");
    assert_eq!(host.process.wait().unwrap().code(), Some(0), "the second signal ends the wait and not the process");
}

#[test]
fn what_strangers_write_where_nobody_has_to_prove_anything_is_not_logged() {
    let program = Program::new(&format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n"));
    let mut host = Host::start(&program);
    host.send(
        "POST /webhooks/Ana%20was%20here/hook HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    assert_eq!(host.log("refused a delivery")["business_id"], Value::Null);
    host.send("ANA-WAS-HERE /v1/businesses/roma/decisions HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    assert_eq!(host.log("refused a request")["method"], "other");
}

#[test]
fn sighup_takes_up_what_is_right_and_keeps_what_was_when_it_is_wrong() {
    let configuration = format!("{SERVER}{AUTH}[store]\nbackend = 'memory'\n");
    let program = Program::new(&configuration);
    let mut host = Host::start(&program);
    program.write("business/roma.toml", "businessId = 'roma'\nname = 'Roma'\ntype = 'restaurant'\n");
    program.write("signalbox.toml", &format!("{configuration}[telemetry]\nlog = 'debug'\n[intake]\nin-flight = 9\n"));
    host.signal("-HUP");
    assert_eq!(host.log("read the business directory again")["businesses"], 1);
    assert_eq!(host.log("changed what is logged")["filter"], "debug");
    assert_eq!(host.log("these keys have changed and take a restart")["keys"], "intake.in-flight");
    program.write("business/roma.toml", "businessId = ");
    program.write("signalbox.toml", "[servr]\n");
    host.signal("-HUP");
    let line = host.log("a business file is not loaded: its business stays as it was");
    assert_eq!(line["level"], "ERROR");
    assert!(host.get("/metrics").contains("signalbox_business_files_not_loaded 1"));
    assert_eq!(host.log("the configuration stays as it was: the configuration has 1 problem")["level"], "ERROR");
    assert!(host.get("/livez").starts_with("HTTP/1.1 200"));
}

#[test]
fn the_first_signal_drains_and_the_second_does_not_wait() {
    let auth = AUTH.replace("[auth]", "[auth]\ndevelopment = true");
    let program =
        Program::new(&format!("{SERVER}{auth}[store]\nbackend = 'memory'\n[websocket]\ndrain-spread = '20s'\n"));
    let mut host = Host::start(&program);
    let token = program.run(&["token", "--user", "ana", "--business", "roma"]).out;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut socket = runtime.block_on(connect(&host.address, token.trim()));
    assert_eq!(runtime.block_on(next(&mut socket))["type"], "welcome");
    host.signal("-TERM");
    assert_eq!(runtime.block_on(next(&mut socket))["type"], "reconnect");
    let ready = host.get("/readyz");
    assert!(ready.contains(r#""traffic":{"ok":false"#), "{ready}");
    host.signal("-TERM");
    assert_eq!(host.process.wait().unwrap().code(), Some(130));
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn connect(address: &str, token: &str) -> Socket {
    let mut request = format!("ws://{address}/ws").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("signalbox.v1"));
    request.headers_mut().insert("authorization", HeaderValue::from_str(&format!("Bearer {token}")).unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

async fn next(socket: &mut Socket) -> Value {
    serde_json::from_str(&socket.next().await.unwrap().unwrap().into_text().unwrap()).unwrap()
}

/// A running `serve`; it dies with this value.
pub struct Host {
    pub process: Child,
    pub address: String,
    ready: Value,
    log: Lines<BufReader<ChildStderr>>,
}

impl Host {
    pub fn start(program: &Program) -> Self {
        Self::start_as(program.command(&["serve"]))
    }

    fn start_as(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let log = BufReader::new(process.stderr.take().unwrap()).lines();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["ready"], true);
        let address = ready["url"].as_str().unwrap().strip_prefix("http://").unwrap().to_owned();
        Self { process, address, ready, log }
    }

    fn send(&self, request: &str) -> String {
        Self::exchange(&self.address, request)
    }

    fn exchange(address: &str, request: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn get(&self, path: &str) -> String {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address))
    }

    fn signal(&self, signal: &str) {
        assert!(Command::new("kill").args([signal, &self.process.id().to_string()]).status().unwrap().success());
    }

    /// The next log line with this message, or one that begins so.
    fn log(&mut self, message: &str) -> Value {
        let mut lines = self.log.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        let says = |line: &Value| line["message"].as_str().is_some_and(|text| text.starts_with(message));
        lines.find(says).unwrap_or_else(|| panic!("no line says {message}"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The process has ended already when the test waited for its end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
