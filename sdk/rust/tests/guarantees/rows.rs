//! Rows: versions, conditions, pages, and the result of a repeated decision's writes.

use signalbox_sdk::dynamodb::{Condition, Error, Range};
use signalbox_sdk::prelude::*;
use signalbox_sdk::testing::Host;

fn put(sort: &str, value: u32, condition: Condition) -> Result<u64, Error> {
    dynamodb::put("t", "p", sort, &json!({ "value": value }), condition)
}

#[test]
fn versions_grow_and_conditions_hold() {
    Host::new().enter(|| {
        assert_eq!(put("a", 1, Condition::Version(1)), Err(Error::ConditionFailed));
        assert_eq!(put("a", 1, Condition::Absent), Ok(1));
        assert_eq!(put("a", 2, Condition::Absent), Err(Error::ConditionFailed));
        assert_eq!(put("a", 2, Condition::Version(1)), Ok(2));
        assert_eq!(put("a", 3, Condition::Version(1)), Err(Error::ConditionFailed));
        assert_eq!(put("a", 3, Condition::Always), Ok(3));
        assert_eq!(dynamodb::delete("t", "p", "a", Condition::Version(2)), Err(Error::ConditionFailed));
        assert_eq!(dynamodb::delete("t", "p", "a", Condition::Version(3)), Ok(true));
        assert_eq!(dynamodb::delete("t", "p", "a", Condition::Always), Ok(false));
        assert_eq!(dynamodb::get::<Value>("t", "p", "a"), Ok(None));
    });
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    Host::new().enter(|| {
        for sort in ["a1", "a2", "a3", "b1"] {
            put(sort, 0, Condition::Absent).unwrap();
        }
        let sorts = |range: Range| {
            let page = dynamodb::query::<Value>("t", "p", range).unwrap();
            (page.rows.into_iter().map(|row| row.sort).collect::<Vec<_>>(), page.cursor)
        };
        let (first, cursor) = sorts(Range::prefix("a").limit(2));
        assert_eq!(first, ["a1", "a2"]);
        let (rest, end) = sorts(Range::prefix("a").limit(2).after(cursor.unwrap()));
        assert_eq!((rest, end), (vec!["a3".to_owned()], None));
        assert_eq!(sorts(Range::all().from("a2").until("b1").descending()).0, ["a3", "a2"]);
        assert!(matches!(dynamodb::query::<Value>("t", "p", Range::all().limit(0)), Err(Error::Invalid(_))));
    });
}

fn count(_context: &Context, _state: ()) -> Result<Step, Failure> {
    let version = dynamodb::put("counts", "all", "n", &json!({ "n": 1 }), Condition::Always)?;
    Ok(Step::new().update("version", &version)?)
}

#[test]
fn a_repeated_decision_writes_once_and_hears_the_same_answer() {
    let host = Host::new();
    let version = |decision: &str| {
        let context = testing::context().decision(decision).build();
        host.run(count, &context, json!({})).unwrap().updates[0].1.clone()
    };
    assert_eq!(version("dec_1"), "1");
    assert_eq!(version("dec_1"), "1");
    assert_eq!(version("dec_2"), "2");
}

#[test]
fn a_faster_writer_makes_the_condition_fail() {
    let host = Host::new().overtaken_by("t", "p", "a", &json!({ "value": 9 }));
    host.enter(|| {
        assert_eq!(put("a", 1, Condition::Absent), Err(Error::ConditionFailed));
        assert_eq!(put("a", 1, Condition::Version(1)), Ok(2));
    });
}

#[test]
fn keys_and_items_have_the_limits_of_the_contract() {
    Host::new().enter(|| {
        assert!(matches!(put("", 1, Condition::Always), Err(Error::Invalid(_))));
        assert!(matches!(put(&"k".repeat(513), 1, Condition::Always), Err(Error::Invalid(_))));
        assert!(matches!(dynamodb::put("t", "p", "a", "text", Condition::Always), Err(Error::Invalid(_))));
        let large = json!({ "text": "x".repeat(256 * 1024) });
        assert!(matches!(dynamodb::put("t", "p", "a", &large, Condition::Always), Err(Error::Invalid(_))));
    });
}

#[test]
fn an_item_of_another_shape_is_an_error_not_a_default() {
    let host = Host::new().put_row("t", "p", "a", &json!({ "value": "text" }));
    #[derive(Debug, Deserialize, PartialEq)]
    struct Item {
        value: u32,
    }
    host.enter(|| assert!(matches!(dynamodb::get::<Item>("t", "p", "a"), Err(Error::Json(_)))));
}
