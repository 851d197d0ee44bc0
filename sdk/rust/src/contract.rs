//! The capabilities as the contract has them: calls into the host in a component, calls into the in-memory host of
//! [`crate::testing`] everywhere else. The modules of the crate root are written once, on top of this.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::bindings::capabilities::signalbox::{
    business::business, config::config, cron::cron, dynamodb::dynamodb, http::http, kafka::kafka, llm::llm, log::log,
    rag::rag, resources::resources, websocket::websocket,
};

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::contract::{
    business, config, cron, dynamodb, http, kafka, llm, log, rag, resources, websocket,
};
