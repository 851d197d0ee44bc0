use std::fmt::Debug;
use std::sync::LazyLock;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use signalbox_capabilities::JournalEntry;
use signalbox_store::{
    AcceptedInput, Config, DecisionRecord, ScheduleDefinition, Store, StoreError, compressed, decompressed,
};
use tokio::runtime::{Builder, Runtime};

/// The largest size to which a document may unpack.
const UNPACKED: usize = 64 << 20;

static STORE: LazyLock<(Runtime, Store)> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let store = runtime.block_on(Store::open(Config::memory())).expect("a store in memory");
    (runtime, store)
});

/// Items of the store: bytes unpack within their limit, documents mean the same after they are written and read again,
/// a journal is returned as it was stored, and a cursor that the store did not make is refused as such.
pub fn items(data: &[u8]) {
    if let Ok(unpacked) = decompressed(data) {
        assert!(unpacked.len() <= UNPACKED, "{} bytes unpack to {}", data.len(), unpacked.len());
    }
    let packed = compressed(data).expect("bytes can be packed");
    assert_eq!(decompressed(&packed).expect("what was packed"), data, "packed and unpacked it is something else");

    same_again::<DecisionRecord>(data);
    same_again::<AcceptedInput>(data);
    same_again::<ScheduleDefinition>(data);
    same_again::<Vec<JournalEntry>>(data);

    let (runtime, store) = &*STORE;
    runtime.block_on(async {
        store.put_journal("jrn_1", data).await.expect("a journal can be kept");
        assert_eq!(store.journal("jrn_1").await.expect("a journal").as_deref(), Some(data), "a journal is another");
        let Ok(cursor) = std::str::from_utf8(data) else { return };
        match store.decisions_since("b", Some(cursor), Duration::ZERO, 1).await {
            Ok(page) => assert!(page.items.is_empty(), "a store without decisions has some"),
            Err(StoreError::Invalid(_)) => {}
            Err(error) => panic!("the cursor {cursor:?} reaches the store: {error}"),
        }
    });
}

fn same_again<T: Serialize + DeserializeOwned + PartialEq + Debug>(data: &[u8]) {
    let Ok(item) = serde_json::from_slice::<T>(data) else { return };
    let written = serde_json::to_string(&item).expect("what was read can be written");
    match serde_json::from_str::<T>(&written) {
        Ok(again) => assert_eq!(again, item, "{written} means something else"),
        Err(error) => panic!("{written} cannot be read: {error}"),
    }
}
