//! Rows are kept in memory, under the grants and keys of the contract.

use super::current;
pub use crate::bindings::capabilities::signalbox::dynamodb::dynamodb::{Condition, Error, Key, Page, Range, Row};
use crate::testing::memory::Memory;

pub fn get(table: &str, key: &Key) -> Result<Option<Row>, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    begin(&mut memory, "get", table, format!("{table}/{}/{}", key.partition, key.sort), false)?;
    memory.rows.get(table, key)
}

pub fn query(table: &str, partition: &str, range: &Range) -> Result<Page, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    begin(&mut memory, "query", table, format!("{table}/{partition}"), false)?;
    memory.rows.query(table, partition, range)
}

pub fn put(table: &str, key: &Key, item: &str, condition: Condition) -> Result<u64, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    begin(&mut memory, "put", table, format!("{table}/{}/{}", key.partition, key.sort), true)?;
    let writer = memory.next_write_key();
    memory.rows.put(table, key, item, condition, writer)
}

pub fn delete(table: &str, key: &Key, condition: Condition) -> Result<bool, Error> {
    let host = current();
    let mut memory = host.0.borrow_mut();
    begin(&mut memory, "delete", table, format!("{table}/{}/{}", key.partition, key.sort), true)?;
    let writer = memory.next_write_key();
    memory.rows.delete(table, key, condition, writer)
}

fn begin(memory: &mut Memory, function: &'static str, table: &str, subject: String, writes: bool) -> Result<(), Error> {
    memory.note("dynamodb", function, subject);
    fail_if_told!(memory, dynamodb);
    let reads_granted = !writes && memory.granted("dynamodb", &format!("{table}:read"));
    if memory.granted("dynamodb", table) || reads_granted {
        Ok(())
    } else {
        Err(Error::Denied(format!("the grant does not name the table `{table}`")))
    }
}
