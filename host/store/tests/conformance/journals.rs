use signalbox_store::Store;

use crate::samples::{noise, unique};

pub async fn a_journal_is_read_back(store: &Store) {
    for bytes in [&b""[..], b"one call", &[0, 255, 10]] {
        let id = unique("dec");
        store.put_journal(&id, bytes).await.unwrap();
        assert_eq!(store.journal(&id).await.unwrap().as_deref(), Some(bytes));
    }
}

pub async fn a_journal_of_many_parts_is_read_back(store: &Store) {
    let id = unique("dec");
    let bytes = noise(1_800_000).into_bytes();
    store.put_journal(&id, &bytes).await.unwrap();
    assert!(store.journal(&id).await.unwrap() == Some(bytes), "the journal has changed");
}

pub async fn a_shorter_journal_replaces_a_longer_one(store: &Store) {
    let id = unique("dec");
    store.put_journal(&id, noise(1_200_000).as_bytes()).await.unwrap();
    let second = noise(900_000).into_bytes();
    store.put_journal(&id, &second).await.unwrap();
    assert!(store.journal(&id).await.unwrap() == Some(second), "the journal is not the second");
    store.put_journal(&id, b"short").await.unwrap();
    assert_eq!(store.journal(&id).await.unwrap().as_deref(), Some(&b"short"[..]));
}

pub async fn a_missing_journal_is_none(store: &Store) {
    assert_eq!(store.journal(&unique("dec")).await.unwrap(), None);
}

#[tokio::test]
async fn a_journal_past_its_retention_is_none() {
    use signalbox_store::Config;
    let config = Config { journal_retention: std::time::Duration::ZERO, ..Config::memory() };
    let store = Store::open(config).await.unwrap();
    store.put_journal("dec_1", b"bytes").await.unwrap();
    assert_eq!(store.journal("dec_1").await.unwrap(), None);
}
