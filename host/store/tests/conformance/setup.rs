use signalbox_store::{Backend, Config, Store, StoreError, tables};

use crate::backends;
use crate::samples::{minute, record};

pub async fn the_store_answers_a_check(store: &Store) {
    store.check().await.unwrap();
}

#[tokio::test]
async fn missing_tables_are_named_when_they_may_not_be_created() {
    for backend in [Backend::Embedded { path: None }, backends::serve().await] {
        let config = Config { create_tables: false, table_prefix: "shop-".to_owned(), ..Config::new(backend) };
        let error = Store::open(config).await.unwrap_err();
        let names: Vec<String> = tables("shop-").into_iter().map(|table| table.name).collect();
        assert_eq!(error, StoreError::MissingTables(names));
        let text = error.to_string();
        assert!(text.contains("shop-decisions") && text.contains("`signalbox tables`"), "{text}");
        assert!(!error.retryable());
    }
}

#[tokio::test]
async fn tables_that_are_there_are_enough() {
    let backend = backends::serve().await;
    Store::open(Config::new(backend.clone())).await.unwrap();
    let store = Store::open(Config { create_tables: false, ..Config::new(backend) }).await.unwrap();
    store.check().await.unwrap();
}

#[tokio::test]
async fn processes_that_create_the_tables_at_once_do_not_disturb_each_other() {
    let backend = backends::serve().await;
    let opening: Vec<_> = (0..4).map(|_| tokio::spawn(Store::open(Config::new(backend.clone())))).collect();
    for opened in opening {
        opened.await.unwrap().unwrap().check().await.unwrap();
    }
}

#[tokio::test]
async fn a_table_of_another_shape_is_refused_by_name() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let database = dynoxide::Database::memory().unwrap();
    let other = serde_json::from_value(serde_json::json!({
        "TableName": "signalbox-sessions",
        "AttributeDefinitions": [{ "AttributeName": "user", "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": "user", "KeyType": "HASH" }],
        "BillingMode": "PAY_PER_REQUEST",
    }));
    database.create_table(other.unwrap()).unwrap();
    tokio::spawn(dynoxide::server::serve_on(listener, database));
    let backend = Backend::Endpoint { url, region: "us-east-1".to_owned(), access_key: None, secret: None };
    let error = Store::open(Config::new(backend)).await.unwrap_err();
    assert!(matches!(&error, StoreError::WrongTable { table, .. } if table == "signalbox-sessions"), "{error}");
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_a_retryable_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let backend = Backend::Endpoint { url, region: "us-east-1".to_owned(), access_key: None, secret: None };
    let error = Store::open(Config::new(backend)).await.unwrap_err();
    assert!(error.retryable(), "{error:?}");
    assert!(error.to_string().contains("signalbox-decisions"), "{error}");
    assert!(!error.to_string().contains('{'), "a dump: {error}");
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "these are my notes, and no database at all. ".repeat(100)).unwrap();
    let error = Store::open(Config::new(Backend::Embedded { path: Some(path) })).await.unwrap_err();
    assert!(matches!(&error, StoreError::Open { path, .. } if path.ends_with("notes.txt")), "{error:?}");
}

#[tokio::test]
async fn an_endpoint_without_a_scheme_is_refused() {
    let backend = Backend::Endpoint {
        url: "127.0.0.1:8000".to_owned(),
        region: "us-east-1".to_owned(),
        access_key: None,
        secret: None,
    };
    assert!(matches!(Store::open(Config::new(backend)).await, Err(StoreError::Config(_))));
}

#[tokio::test]
async fn two_prefixes_in_one_database_do_not_meet() {
    let backend = backends::serve().await;
    let open = async |prefix: &str| {
        let config = Config { table_prefix: prefix.to_owned(), ..Config::new(backend.clone()) };
        Store::open(config).await.unwrap()
    };
    let (one, two) = (open("one-").await, open("two-").await);
    let record = record("business", "in-1", minute(1));
    one.commit_decision(&record).await.unwrap();
    assert_eq!(two.decision(&record.decision.id, "business").await.unwrap(), None);
}

#[test]
fn a_secret_does_not_show_in_debug_output() {
    let backend = Backend::Endpoint {
        url: "http://127.0.0.1:1".to_owned(),
        region: "r".to_owned(),
        access_key: Some("key".to_owned()),
        secret: Some("hidden".to_owned()),
    };
    assert!(!format!("{:?}", Config::new(backend)).contains("hidden"));
}
