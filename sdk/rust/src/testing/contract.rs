//! The imports of a component, answered from memory: the same names and types as the generated ones.

use crate::testing::current;

/// Returns the next injected error, if there is one.
macro_rules! fail_if_told {
    ($memory:expr, $capability:ident) => {
        if let Some(error) = $memory.failures.$capability.pop_front() {
            return Err(error);
        }
    };
}

pub(crate) mod business;
pub(crate) mod config;
pub(crate) mod cron;
pub(crate) mod dynamodb;
pub(crate) mod http;
pub(crate) mod kafka;
pub(crate) mod llm;
pub(crate) mod log;
pub(crate) mod rag;
pub(crate) mod resources;
pub(crate) mod websocket;
