//! The WebSocket protocol over real sockets, with a real store: what a client of `docs/guide/websocket.md` may rely on.
//! Only deciding is done by a desk in the test, so that the test says when a decision is made.

mod accepting;
mod answering;
mod client;
mod desk;
mod draining;
mod entering;
mod host;
mod limiting;
mod recovering;
mod resuming;
