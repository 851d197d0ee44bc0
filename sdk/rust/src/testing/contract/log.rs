//! Log lines are kept.

use super::current;
use crate::bindings::capabilities::signalbox::log::log::Level;
use crate::testing::LogLine;

pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
    let line = LogLine { level, message: message.to_owned(), fields: fields.to_vec() };
    current().0.borrow_mut().log_lines.push(line);
}
