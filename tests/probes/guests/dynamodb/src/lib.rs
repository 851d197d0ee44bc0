//! Calls every function of `signalbox:dynamodb`.

use signalbox_sdk::dynamodb::{Condition, Error, Range, Row};
use signalbox_sdk::prelude::*;

#[derive(Deserialize)]
#[serde(tag = "call", rename_all = "kebab-case")]
enum Call {
    Get {
        table: String,
        partition: String,
        sort: String,
    },
    Query {
        table: String,
        partition: String,
        prefix: Option<String>,
        limit: Option<u32>,
        cursor: Option<String>,
    },
    Put {
        table: String,
        partition: String,
        sort: String,
        item: Value,
        when: Option<When>,
    },
    Delete {
        table: String,
        partition: String,
        sort: String,
        when: Option<When>,
    },
    /// Reads the partition from its beginning, `times` times or until a read is refused.
    ReadOn {
        table: String,
        partition: String,
        times: u32,
    },
    /// Reads a row that does not exist, whatever the answer is.
    AskOn {
        table: String,
    },
}

/// The condition of a write; none when unset.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    Absent,
    Version(u64),
}

#[decision_node]
fn node(context: &Context) -> Result<Step, Failure> {
    probe::run(context, |call| match call {
        Call::Get { table, partition, sort } => {
            let found = dynamodb::get::<Value>(&table, &partition, &sort);
            probe::outcome(found.map(|found| found.map(row)), Error::retryable)
        }
        Call::Query { table, partition, prefix, limit, cursor } => {
            let mut range = prefix.map_or_else(Range::all, Range::prefix);
            if let Some(limit) = limit {
                range = range.limit(limit);
            }
            if let Some(cursor) = cursor {
                range = range.after(cursor);
            }
            let page = dynamodb::query::<Value>(&table, &partition, range);
            let page = page.map(
                |page| json!({ "rows": page.rows.into_iter().map(row).collect::<Vec<_>>(), "cursor": page.cursor }),
            );
            probe::outcome(page, Error::retryable)
        }
        Call::Put { table, partition, sort, item, when } => {
            probe::outcome(dynamodb::put(&table, &partition, &sort, &item, condition(when)), Error::retryable)
        }
        Call::ReadOn { table, partition, times } => read_on(&table, &partition, times),
        Call::AskOn { table } => loop {
            let _ = dynamodb::get::<Value>(&table, "p", &"x".repeat(100_000));
        },
        Call::Delete { table, partition, sort, when } => {
            probe::outcome(dynamodb::delete(&table, &partition, &sort, condition(when)), Error::retryable)
        }
    })
}

fn read_on(table: &str, partition: &str, times: u32) -> Value {
    let (mut pages, mut most) = (0, 0);
    for _ in 0..times {
        match dynamodb::query::<Value>(table, partition, Range::all()) {
            Ok(page) => {
                pages += 1;
                most = most.max(page.rows.len());
                if page.cursor.is_none() {
                    return json!({ "pages": pages, "most": most, "whole": true });
                }
            }
            Err(error) => {
                let refused = probe::outcome::<(), _>(Err(error), Error::retryable);
                return json!({ "pages": pages, "most": most, "refused": refused });
            }
        }
    }
    json!({ "pages": pages, "most": most })
}

fn condition(when: Option<When>) -> Condition {
    match when {
        None => Condition::Always,
        Some(When::Absent) => Condition::Absent,
        Some(When::Version(version)) => Condition::Version(version),
    }
}

fn row(row: Row<Value>) -> Value {
    json!({ "partition": row.partition, "sort": row.sort, "item": row.item, "version": row.version })
}
