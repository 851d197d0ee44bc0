//! Imports sockets, which no plugin may use: its bundle must not load.

use signalbox_sdk::prelude::*;

#[decision_node]
fn node(_context: &Context) -> Result<Step, Failure> {
    match std::net::TcpStream::connect("127.0.0.1:80") {
        Ok(_) => Ok(Step::new().reply("connected")),
        Err(error) => Err(Failure::fatal(error)),
    }
}
