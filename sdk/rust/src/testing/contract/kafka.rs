//! Records are kept as effects.

use super::current;
pub use crate::bindings::capabilities::signalbox::kafka::kafka::{Entry, Error};
use crate::testing::Effect;

pub fn publish(entry: &Entry) -> Result<(), Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    memory.note("kafka", "publish", &entry.topic);
    fail_if_told!(memory, kafka);
    if !memory.granted("kafka", &entry.topic) {
        return Err(Error::Denied(format!("the grant does not name the topic `{}`", entry.topic)));
    }
    let Entry { topic, key, value, .. } = entry.clone();
    memory.effects.push(Effect::Kafka { topic, key, value });
    Ok(())
}
