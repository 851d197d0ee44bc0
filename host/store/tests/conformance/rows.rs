use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config, TestRunner};
use signalbox_store::{Row, RowCondition, RowKey, RowRange, RowScope, Store, StoreError};
use ulid::Ulid;

use crate::samples::{noise, row_key, scope, unique};

pub async fn versions_start_at_one_and_grow_by_one(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    assert_eq!(store.row(&scope, &key).await.unwrap(), None);
    for version in 1..=3 {
        let item = format!(r#"{{"n":{version}}}"#);
        assert_eq!(put(store, &scope, &key, &item, RowCondition::Always).await.unwrap(), version);
        assert_eq!(store.row(&scope, &key).await.unwrap(), Some(Row { key: key.clone(), item, version }));
    }
}

pub async fn conditions_are_kept(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    let write = async |condition| put(store, &scope, &key, "{}", condition).await;
    let refused = |result: Result<u64, StoreError>| matches!(result, Err(StoreError::ConditionFailed { .. }));
    assert!(refused(write(RowCondition::Version(1)).await));
    assert!(refused(write(RowCondition::Version(0)).await));
    assert_eq!(write(RowCondition::Absent).await.unwrap(), 1);
    assert!(refused(write(RowCondition::Absent).await));
    assert!(refused(write(RowCondition::Version(2)).await));
    assert_eq!(write(RowCondition::Version(1)).await.unwrap(), 2);
    let removed = delete(store, &scope, &key, RowCondition::Version(1)).await;
    assert!(matches!(removed, Err(StoreError::ConditionFailed { .. })));
    assert!(delete(store, &scope, &key, RowCondition::Version(2)).await.unwrap());
    assert!(refused(write(RowCondition::Version(2)).await));
}

pub async fn a_repeated_write_is_answered_as_the_first_time(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    for _ in 0..3 {
        let version = store.put_row(&scope, &key, r#"{"n":1}"#, RowCondition::Absent, "call-1").await.unwrap();
        assert_eq!(version, 1);
    }
    assert_eq!(store.row(&scope, &key).await.unwrap().unwrap().version, 1);
}

pub async fn a_repeated_write_behind_a_later_one_is_answered_as_the_first_time(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    for _ in 0..2 {
        for (n, condition) in [(1, RowCondition::Absent), (2, RowCondition::Version(1)), (3, RowCondition::Always)] {
            let (item, call) = (format!(r#"{{"n":{n}}}"#), format!("call-{n}"));
            assert_eq!(store.put_row(&scope, &key, &item, condition, &call).await.unwrap(), n);
        }
    }
    let row = store.row(&scope, &key).await.unwrap().unwrap();
    assert_eq!((row.item.as_str(), row.version), (r#"{"n":3}"#, 3));
}

pub async fn a_repeated_deletion_is_answered_as_the_first_time(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    for (call, there) in [("call-0", false), ("call-0", false)] {
        assert_eq!(store.delete_row(&scope, &key, RowCondition::Always, call).await.unwrap(), there);
    }
    put(store, &scope, &key, "{}", RowCondition::Absent).await.unwrap();
    for _ in 0..2 {
        assert!(store.delete_row(&scope, &key, RowCondition::Version(1), "call-1").await.unwrap());
    }
    assert_eq!(put(store, &scope, &key, "{}", RowCondition::Absent).await.unwrap(), 1);
    assert!(store.delete_row(&scope, &key, RowCondition::Always, "call-1").await.unwrap());
    assert!(store.row(&scope, &key).await.unwrap().is_some(), "a repeated deletion removed a newer row");
}

pub async fn a_deleted_row_is_gone_and_can_be_made_again(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    put(store, &scope, &key, "{}", RowCondition::Always).await.unwrap();
    put(store, &scope, &key, "{}", RowCondition::Always).await.unwrap();
    assert!(delete(store, &scope, &key, RowCondition::Always).await.unwrap());
    assert_eq!(store.row(&scope, &key).await.unwrap(), None);
    assert!(sorts(store, &scope, "p", &range()).await.is_empty());
    assert!(!delete(store, &scope, &key, RowCondition::Always).await.unwrap());
    assert_eq!(put(store, &scope, &key, "{}", RowCondition::Absent).await.unwrap(), 1);
}

pub async fn concurrent_writers_lose_no_write(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    let writing = (0..5).map(|_| {
        let (store, scope, key) = (store.clone(), scope.clone(), key.clone());
        tokio::spawn(async move { put(&store, &scope, &key, "{}", RowCondition::Always).await.unwrap() })
    });
    let mut versions = Vec::new();
    for written in writing.collect::<Vec<_>>() {
        versions.push(written.await.unwrap());
    }
    versions.sort_unstable();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
}

pub async fn of_concurrent_writers_on_one_version_one_wins(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    put(store, &scope, &key, "{}", RowCondition::Always).await.unwrap();
    let writing = (0..12).map(|_| {
        let (store, scope, key) = (store.clone(), scope.clone(), key.clone());
        tokio::spawn(async move { put(&store, &scope, &key, "{}", RowCondition::Version(1)).await })
    });
    let mut won = 0;
    for written in writing.collect::<Vec<_>>() {
        match written.await.unwrap() {
            Ok(version) => {
                assert_eq!(version, 2);
                won += 1;
            }
            Err(error) => assert!(matches!(error, StoreError::ConditionFailed { .. }), "{error}"),
        }
    }
    assert_eq!(won, 1);
}

pub async fn ranges_give_the_rows_between_their_bounds(store: &Store) {
    let scope = scope(&unique("business"));
    for sort in ["a", "a/1", "a/2", "a0", "b", "b/1", "ă"] {
        put(store, &scope, &row_key("p", sort), "{}", RowCondition::Always).await.unwrap();
    }
    let some = |text: &str| Some(text.to_owned());
    let with = |prefix, from, until| RowRange { prefix, from, until, ..range() };
    for (range, expected) in [
        (with(None, None, None), vec!["a", "a/1", "a/2", "a0", "b", "b/1", "ă"]),
        (with(some("a/"), None, None), vec!["a/1", "a/2"]),
        (with(some("a"), some("a/2"), None), vec!["a/2", "a0"]),
        (with(some("a"), None, some("a/2")), vec!["a", "a/1"]),
        (with(some("a"), some("A"), some("z")), vec!["a", "a/1", "a/2", "a0"]),
        (with(None, some("a0"), some("b/1")), vec!["a0", "b"]),
        (with(None, some("c"), None), vec!["ă"]),
        (with(None, None, some("a/1")), vec!["a"]),
        (with(None, some("b"), some("b")), vec![]),
        (with(None, some("b"), some("a")), vec![]),
        (with(some("q"), None, None), vec![]),
        (with(None, None, some("")), vec![]),
    ] {
        assert_eq!(sorts(store, &scope, "p", &range).await, expected, "{range:?}");
        let mut backwards = expected;
        backwards.reverse();
        let range = RowRange { descending: true, ..range };
        assert_eq!(sorts(store, &scope, "p", &range).await, backwards, "{range:?}");
    }
    assert!(sorts(store, &scope, "other", &range()).await.is_empty());
}

pub async fn pages_give_every_row_once_in_both_directions(store: &Store) {
    let scope = scope(&unique("business"));
    let mut expected = Vec::new();
    for n in 0..7 {
        let sort = format!("s{n}");
        put(store, &scope, &row_key("p", &sort), "{}", RowCondition::Always).await.unwrap();
        expected.push(sort);
    }
    delete(store, &scope, &row_key("p", "s3"), RowCondition::Always).await.unwrap();
    expected.remove(3);
    for descending in [false, true] {
        let mut range = RowRange { descending, limit: 2, prefix: Some("s".to_owned()), ..RowRange::default() };
        let mut seen = Vec::new();
        loop {
            let page = store.query_rows(&scope, "p", &range).await.unwrap();
            seen.extend(page.rows.into_iter().map(|row| row.key.sort));
            range.cursor = page.cursor;
            if range.cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, expected);
        expected.reverse();
    }
}

pub async fn a_page_ends_before_it_is_larger_than_it_may_be(store: &Store) {
    let scope = scope(&unique("business"));
    // One item is compressed and one is not, because a row may have more bytes than its item.
    let items = [format!(r#"{{"n":"{}"}}"#, "x".repeat(200_000)), format!(r#"{{"n":"{}"}}"#, "y".repeat(100_000))];
    for n in 0..12 {
        let item = &items[n % 2];
        put(store, &scope, &row_key("p", &format!("s{n:02}")), item, RowCondition::Always).await.unwrap();
    }
    for descending in [false, true] {
        let mut range = RowRange { descending, limit: 100, bytes: Some(500_000), ..RowRange::default() };
        let (mut seen, mut pages) = (Vec::new(), 0);
        loop {
            let page = store.query_rows(&scope, "p", &range).await.unwrap();
            let bytes: usize = page.rows.iter().map(|row| row.item.len()).sum();
            assert!(bytes <= 500_000 && !page.rows.is_empty(), "{bytes} bytes in {} rows", page.rows.len());
            seen.extend(page.rows.into_iter().map(|row| row.key.sort));
            (range.cursor, pages) = (page.cursor, pages + 1);
            if range.cursor.is_none() {
                break;
            }
        }
        if descending {
            seen.reverse();
        }
        let all: Vec<String> = (0..12).map(|n| format!("s{n:02}")).collect();
        assert_eq!(seen, all);
        assert!(pages >= 4, "{pages} pages");
    }
    let small = RowRange { limit: 100, bytes: Some(1), ..RowRange::default() };
    assert_eq!(sorts(store, &scope, "p", &small).await, ["s00"], "a page has its first row, whatever it takes");
}

pub async fn a_cursor_of_another_partition_scope_or_direction_is_refused(store: &Store) {
    let (own, other) = (scope(&unique("business")), scope(&unique("business")));
    for sort in ["a", "b"] {
        put(store, &own, &row_key("p", sort), "{}", RowCondition::Always).await.unwrap();
    }
    let first = RowRange { limit: 1, ..RowRange::default() };
    let cursor = store.query_rows(&own, "p", &first).await.unwrap().cursor;
    assert!(cursor.is_some());
    let next = RowRange { cursor, ..first.clone() };
    assert_eq!(sorts(store, &own, "p", &next).await, ["b"]);
    let backwards = RowRange { descending: true, ..next.clone() };
    let made_up = RowRange { cursor: Some("YWJj".to_owned()), ..first };
    for (scope, partition, range) in
        [(&own, "q", &next), (&other, "p", &next), (&own, "p", &backwards), (&own, "p", &made_up)]
    {
        let answer = store.query_rows(scope, partition, range).await;
        assert!(matches!(answer, Err(StoreError::Invalid(_))), "{partition} {range:?}");
    }
}

pub async fn malformed_keys_items_and_ranges_are_refused(store: &Store) {
    let scope = scope(&unique("business"));
    let long = "x".repeat(513);
    let good = row_key("p", "s");
    for key in [row_key("", "s"), row_key("p", ""), row_key(&long, "s"), row_key("p", &long)] {
        assert!(matches!(store.row(&scope, &key).await, Err(StoreError::Invalid(_))));
        assert!(matches!(put(store, &scope, &key, "{}", RowCondition::Always).await, Err(StoreError::Invalid(_))));
        assert!(matches!(delete(store, &scope, &key, RowCondition::Always).await, Err(StoreError::Invalid(_))));
    }
    let large = format!(r#"{{"a":"{}"}}"#, "x".repeat(256 * 1024));
    for item in ["", "1", "[]", "{", "null", r#"{"a":}"#, "{} x", &large] {
        let written = put(store, &scope, &good, item, RowCondition::Always).await;
        assert!(matches!(written, Err(StoreError::Invalid(_))), "{:.20}", item);
    }
    let written = store.put_row(&scope, &good, "{}", RowCondition::Always, "").await;
    assert!(matches!(written, Err(StoreError::Invalid(_))));
    for range in [
        RowRange { limit: 0, ..RowRange::default() },
        RowRange { limit: 101, ..RowRange::default() },
        RowRange { prefix: Some(long.clone()), ..range() },
        RowRange { until: Some(long.clone()), ..range() },
    ] {
        assert!(matches!(store.query_rows(&scope, "p", &range).await, Err(StoreError::Invalid(_))));
    }
    let no_plugin = RowScope { plugin: String::new(), ..scope };
    assert!(matches!(store.row(&no_plugin, &good).await, Err(StoreError::Invalid(_))));
    let longest = row_key(&"p".repeat(512), &"s".repeat(512));
    let widest = RowScope { business_id: "b".repeat(256), plugin: "p".repeat(256), table: "t".repeat(256) };
    put(store, &widest, &longest, "{}", RowCondition::Always).await.unwrap();
    assert!(store.row(&widest, &longest).await.unwrap().is_some());
}

pub async fn a_large_row_is_read_back(store: &Store) {
    let (scope, key) = (scope(&unique("business")), row_key("p", "s"));
    for content in [noise(255_000), "ă".repeat(131_000)] {
        let item = format!(r#"{{"a":"{content}"}}"#);
        put(store, &scope, &key, &item, RowCondition::Always).await.unwrap();
        assert!(store.row(&scope, &key).await.unwrap().unwrap().item == item, "the row has changed");
    }
}

/// Names of few different characters, so that they often are parts or prefixes of each other.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof!["[ab#:0-9]{1,4}", "[\\x00#ă\u{10FFFF}/]{1,3}", "\\PC{1,5}"]
}

fn odd_place() -> impl Strategy<Value = (RowScope, RowKey)> {
    (odd_text(), odd_text(), odd_text(), odd_text(), odd_text()).prop_map(
        |(business_id, plugin, table, partition, sort)| {
            (RowScope { business_id, plugin, table }, RowKey { partition, sort })
        },
    )
}

/// Values of a strategy, the same in every run.
fn samples<S: Strategy>(strategy: &S, count: u32) -> Vec<S::Value> {
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

pub async fn rows_of_one_scope_are_never_read_by_another(store: &Store) {
    let run = unique("run");
    let mut places = samples(&odd_place(), 24);
    // In addition, the same text split in different places.
    for cut in [["a", "b#c", "d"], ["a#b", "c", "d"], ["a", "b", "c#d"], ["1:a", "1:b", "c"], ["1", "a1", "bc"]] {
        let [business_id, plugin, table] = cut.map(str::to_owned);
        places.push((RowScope { business_id, plugin, table }, row_key("p", "s")));
    }
    for (scope, _) in &mut places {
        // Unique for this run, because other tests may share the table.
        scope.business_id.push_str(&run);
    }
    let mut written = BTreeMap::new();
    for (n, (scope, key)) in places.iter().enumerate() {
        let item = format!(r#"{{"n":{n}}}"#);
        put(store, scope, key, &item, RowCondition::Always).await.unwrap();
        let place = (&scope.business_id, &scope.plugin, &scope.table, &key.partition);
        written.entry(place).or_insert_with(BTreeMap::new).insert(&key.sort, item);
    }
    for (scope, key) in &places {
        let place = (&scope.business_id, &scope.plugin, &scope.table, &key.partition);
        let page = store.query_rows(scope, &key.partition, &range()).await.unwrap();
        let found: BTreeMap<_, _> = page.rows.iter().map(|row| (&row.key.sort, row.item.clone())).collect();
        assert_eq!(found, written[&place], "{scope:?} {:?}", key.partition);
        // No other key returns this row, and this key returns no other row.
        for (other, other_key) in &places {
            let row = store.row(other, &RowKey { sort: key.sort.clone(), ..other_key.clone() }).await.unwrap();
            let there = (&other.business_id, &other.plugin, &other.table, &other_key.partition);
            assert_eq!(row.map(|row| row.item).as_ref(), written[&there].get(&key.sort));
        }
    }
}

pub async fn queries_over_any_keys_agree_with_a_sorted_map(store: &Store) {
    let scope = scope(&unique("business"));
    let mut model = BTreeMap::new();
    for sort in samples(&vec(odd_text(), 40), 1).remove(0) {
        put(store, &scope, &row_key("p", &sort), "{}", RowCondition::Always).await.unwrap();
        model.insert(sort, ());
    }
    let bound = || proptest::option::of(odd_text());
    for (prefix, from, until) in samples(&(bound(), bound(), bound()), 60) {
        let inside = |sort: &&String| {
            prefix.as_ref().is_none_or(|prefix| sort.starts_with(prefix.as_str()))
                && from.as_ref().is_none_or(|from| *sort >= from)
                && until.as_ref().is_none_or(|until| *sort < until)
        };
        let expected: Vec<String> = model.keys().filter(inside).cloned().collect();
        let range = RowRange { prefix: prefix.clone(), from: from.clone(), until: until.clone(), ..range() };
        assert_eq!(sorts(store, &scope, "p", &range).await, expected, "{range:?}");
    }
}

fn range() -> RowRange {
    RowRange { limit: 100, ..RowRange::default() }
}

async fn sorts(store: &Store, scope: &RowScope, partition: &str, range: &RowRange) -> Vec<String> {
    let page = store.query_rows(scope, partition, range).await.unwrap();
    page.rows.into_iter().map(|row| row.key.sort).collect()
}

/// A write with an idempotency key of its own.
async fn put(
    store: &Store,
    scope: &RowScope,
    key: &RowKey,
    item: &str,
    condition: RowCondition,
) -> Result<u64, StoreError> {
    store.put_row(scope, key, item, condition, &Ulid::new().to_string()).await
}

async fn delete(store: &Store, scope: &RowScope, key: &RowKey, condition: RowCondition) -> Result<bool, StoreError> {
    store.delete_row(scope, key, condition, &Ulid::new().to_string()).await
}
