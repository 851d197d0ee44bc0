use serde_json::Value;

use super::program::Program;
use super::serve::Host;

const CONFIGURATION: &str = "[server]\nlisten = '127.0.0.1:0'\nshutdown-delay = '0s'\n[store]\nbackend = 'memory'\n\
    [auth]\ndevelopment = true\nkeys = [{ algorithm = 'HS256', key = { file = 'secret' } }]\n";

fn send(program: &Program, host: &Host, token: &str, arguments: &[&str]) -> super::program::Ran {
    let url = format!("ws://{}/ws", host.address);
    let mut command = program.command(&["send", "--url", &url]);
    command.args(arguments).env("SIGNALBOX_TOKEN", token).output().unwrap().into()
}

#[test]
fn a_message_that_is_refused_is_a_failure_that_says_why() {
    let program = Program::new(CONFIGURATION);
    let host = Host::start(&program);
    let token = program.run(&["token", "--user", "ana", "--business", "roma"]).out;

    let ran = send(&program, &host, token.trim(), &["hello"]);
    assert_eq!(ran.code, 1, "{}", ran.err);
    assert!(ran.out.contains("connected as ana (roma)"), "{}", ran.out);
    assert!(ran.out.contains("error ("), "{}", ran.out);

    let ran = send(&program, &host, token.trim(), &["hello", "--json"]);
    let types: Vec<Value> =
        ran.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["type"].clone()).collect();
    assert_eq!(types, ["welcome", "error"]);
}

#[test]
fn a_token_that_is_not_accepted_is_told_apart_from_a_host_that_is_not_there() {
    let program = Program::new(CONFIGURATION);
    let host = Host::start(&program);
    let ran = send(&program, &host, "not-a-token", &["hello", "--business", "roma"]);
    ran.refused(&["the token is no valid JWT"]);
    let nobody = program.run(&["send", "--url", "ws://127.0.0.1:9/ws", "--token", "x", "--business", "roma", "hello"]);
    nobody.refused(&["connecting to ws://127.0.0.1:9/ws", "is the host running?"]);
    let no_address = program.run(&["send", "--url", "over there", "--token", "x", "--business", "roma", "hello"]);
    no_address.refused(&["`over there` is no address", "ws://127.0.0.1:8080/ws"]);
    program.run(&["send", "hello"]).refused(&["no token is given", "SIGNALBOX_TOKEN", "signalbox token --user"]);
}

#[test]
fn with_several_businesses_one_has_to_be_chosen() {
    let program = Program::new(CONFIGURATION);
    let host = Host::start(&program);
    let token = program.run(&["token", "--user", "ana", "--business", "roma", "--business", "centru"]).out;
    send(&program, &host, token.trim(), &["hello"]).refused(&["names 2 businesses", "--business"]);
}

#[test]
fn without_an_address_the_host_is_where_the_configuration_says_that_it_listens() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    // No program listens at this address, and none can take the port while it is held.
    drop(taken);
    let program = Program::new(&CONFIGURATION.replace("127.0.0.1:0", &format!("0.0.0.0:{port}")));
    let place = format!("connecting to ws://127.0.0.1:{port}/ws");
    let ran = program.run(&["send", "--token", "x", "--business", "roma", "hello"]);
    ran.refused(&[&place, "is the host running?"]);
    assert_eq!(ran.err.matches("refused").count(), 1, "the cause is told once: {}", ran.err);
    let elsewhere = program.path("elsewhere.toml");
    std::fs::rename(program.path("signalbox.toml"), &elsewhere).unwrap();
    let mut command = program.command(&["send", "--token", "x", "--business", "roma", "hello"]);
    let ran: super::program::Ran = command.env("SIGNALBOX_CONFIG", &elsewhere).output().unwrap().into();
    ran.refused(&[&place]);
    let mut command = program.command(&["send", "--token", "x", "--business", "roma", "hello"]);
    let ran: super::program::Ran =
        command.env("SIGNALBOX_SERVER__LISTEN", format!("127.0.0.1:{port}")).output().unwrap().into();
    ran.refused(&[&place]);
    let any = Program::new(CONFIGURATION);
    any.run(&["send", "--token", "x", "--business", "roma", "hello"]).refused(&["port 0", "--url", "ready line"]);
    any.run(&["review", "list", "--token", "x", "--business", "roma"]).refused(&["port 0", "--url"]);
}
