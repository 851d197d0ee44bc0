use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::path::PathBuf;

use dynoxide::AttributeValue;
use dynoxide::actions::get_item::GetItemRequest;
use dynoxide::actions::put_item::PutItemRequest;
use serde_json::json;

use super::*;

fn put(id: &str) -> PutItemRequest {
    let item = HashMap::from([("id".to_owned(), AttributeValue::S(id.to_owned()))]);
    PutItemRequest { table_name: "things".to_owned(), item, ..PutItemRequest::default() }
}

/// A store with one table in a folder of its own.
struct World {
    folder: tempfile::TempDir,
    store: Embedded,
    serving: thread::JoinHandle<()>,
}

impl World {
    fn with(change: impl FnOnce(&mut OpenedDatabase)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.db");
        let mut opened = OpenedDatabase::open(Some(&path)).unwrap();
        let table = json!({
            "TableName": "things",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        });
        opened.database.create_table(serde_json::from_value(table).unwrap()).unwrap();
        change(&mut opened);
        let (calls, queue) = mpsc::channel(QUEUE);
        let serving = thread::spawn(move || serve(opened, Some(&path), queue));
        Self { folder, store: Embedded { calls, full: DISK_IS_FULL }, serving }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn cut(&self, name: &str, size: u64) {
        OpenOptions::new().write(true).open(self.file(name)).unwrap().set_len(size).unwrap();
    }

    async fn put(&self, id: &str) -> Result<(), String> {
        self.store.ask(put(id)).await.unwrap().map(|_| ()).map_err(|error| error.to_string())
    }

    async fn has(&self, id: &str) -> bool {
        let read = GetItemRequest { table_name: "things".to_owned(), key: put(id).item, ..GetItemRequest::default() };
        self.store.ask(read).await.unwrap().unwrap().item.is_some()
    }

    /// Repeats a write until the store answers with this error, or until it succeeds.
    async fn put_until(&self, id: &str, said: Option<&str>) {
        let waiting = async {
            loop {
                match (self.put(id).await, said) {
                    (Ok(()), None) => return,
                    (Ok(()), Some(said)) => panic!("it takes a write and never says `{said}`"),
                    (Err(error), Some(said)) if error.contains(said) => return,
                    (Err(error), _) => assert!(error.contains("takes nothing"), "{error}"),
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("it stays as it is");
    }

    fn ends(self) {
        drop(self.store);
        self.serving.join().unwrap();
    }
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_acknowledged_until_the_file_was_verified() {
    // A pipe cannot be synced.
    let (_reader, pipe) = std::io::pipe().unwrap();
    let world = World::with(|opened| opened.log = Some(File::from(std::os::fd::OwnedFd::from(pipe))));
    let error = world.put("a").await.unwrap_err();
    assert!(error.contains("its log cannot be synced"), "{error}");
    world.put_until("b", None).await;
    assert!(world.has("b").await);
    world.ends();
}

#[tokio::test]
async fn a_file_that_was_emptied_is_not_taken_for_a_new_database_and_its_log_is_left_alone() {
    let world = World::with(|_| {});
    world.put("a").await.unwrap();
    let (file, log) = (world.file("store.db"), world.file("store.db-wal"));
    let whole = std::fs::read(&file).unwrap();
    world.cut("store.db", 0);
    world.put_until("b", Some("restore it from a backup")).await;
    assert!(std::fs::metadata(log).unwrap().len() > 0, "what only the log has is gone");
    std::fs::write(&file, whole).unwrap();
    world.put_until("b", None).await;
    assert!(world.has("a").await && world.has("b").await);
    world.ends();
}

#[tokio::test]
async fn an_index_of_the_log_that_was_cut_is_made_anew_and_nothing_is_lost() {
    for size in [0, 1, 4096] {
        let world = World::with(|_| {});
        world.put("a").await.unwrap();
        world.cut("store.db-shm", size);
        let error = world.put("b").await.unwrap_err();
        assert!(error.contains("its log's index was cut"), "{error}");
        world.put_until("b", None).await;
        assert!(world.has("a").await && world.has("b").await);
        world.ends();
    }
}

#[test]
fn what_is_full_is_named_with_the_way_out() {
    // How Dynoxide reports SQLite's SQLITE_FULL, as seen with a full store in memory.
    let full = DynoxideError::InternalServerError("backend: database or disk is full".to_owned());
    assert!(says_what_is_full(full, MEMORY_IS_FULL).to_string().contains("embedded"));
    let other = DynoxideError::InternalServerError("backend: database is locked".to_owned());
    assert!(says_what_is_full(other, DISK_IS_FULL).to_string().contains("locked"));
}
