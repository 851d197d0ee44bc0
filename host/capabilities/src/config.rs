//! `signalbox:config`: the plugin's own table of its bundle. It is a part of the generation, so it is not journaled.

use serde_json::Value;
use signalbox_bindings::signalbox::config::config::Host;

use crate::Calls;

impl Host for Calls {
    async fn get(&mut self, path: String) -> wasmtime::Result<Option<String>> {
        self.count_call()?;
        Ok(at_path(&self.policy.config, &path).map(Value::to_string))
    }

    async fn all(&mut self) -> wasmtime::Result<String> {
        self.count_call()?;
        Ok(self.policy.config.to_string())
    }
}

/// The value at a dotted path; none when a part of the path is missing.
pub(crate) fn at_path<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(value, |value, key| value.get(key))
}
