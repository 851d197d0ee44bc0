//! Several processes create the tables at the same moment.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use signalbox_store::{Backend, Config, Store};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::backends;
use crate::failures::message;

/// How AWS answers when another process was faster.
#[derive(Clone, Copy)]
enum Faster {
    /// The call is not made and gets this answer.
    Refused(&'static str, &'static str),
    /// The call is made, as if by the other process, and gets this answer.
    Done(&'static str, &'static str),
}

/// A server that gives these answers to the first call of each operation on each table, and makes all other calls.
async fn beside_another(answers: &'static [(&'static str, Faster)]) -> Backend {
    let Backend::Endpoint { url, region, .. } = backends::serve().await else { panic!("no endpoint") };
    let upstream = url.trim_start_matches("http://").to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let told: Arc<Mutex<HashMap<(String, String), usize>>> = Arc::default();
    tokio::spawn(async move {
        loop {
            let (client, _) = listener.accept().await.unwrap();
            tokio::spawn(connection(client, upstream.clone(), answers, told.clone()));
        }
    });
    Backend::Endpoint { url, region, access_key: None, secret: None }
}

async fn connection(
    mut client: TcpStream,
    upstream: String,
    answers: &'static [(&'static str, Faster)],
    told: Arc<Mutex<HashMap<(String, String), usize>>>,
) {
    let mut server = TcpStream::connect(upstream).await.unwrap();
    while let Some(request) = message(&mut client).await {
        let text = String::from_utf8_lossy(&request).into_owned();
        let between = |start: &str, end: &str| {
            let rest = text.split_once(start).map_or("", |(_, rest)| rest);
            rest.split_once(end).map_or("", |(found, _)| found).to_owned()
        };
        let (operation, table) = (between("DynamoDB_20120810.", "\r\n"), between("\"TableName\":\"", "\""));
        let mut of_operation = answers.iter().filter(|(of, _)| *of == operation).map(|(_, answer)| *answer);
        let nth = {
            let mut told = told.lock().unwrap();
            let nth = told.entry((operation.clone(), table)).or_default();
            *nth += 1;
            *nth - 1
        };
        let answer = of_operation.nth(nth);
        let passed = match answer {
            Some(Faster::Refused(..)) => None,
            _ => {
                server.write_all(&request).await.unwrap();
                message(&mut server).await
            }
        };
        let answer = match answer {
            Some(Faster::Refused(code, said) | Faster::Done(code, said)) => {
                let body = format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"{said}"}}"#);
                let head = "HTTP/1.1 400 Bad Request\r\ncontent-type: application/x-amz-json-1.0\r\n";
                format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
            }
            None => passed.unwrap(),
        };
        client.write_all(&answer).await.unwrap();
    }
}

#[tokio::test]
async fn a_table_whose_expiry_another_host_has_enabled_a_moment_before_is_used_as_it_is() {
    let backend =
        beside_another(&[("UpdateTimeToLive", Faster::Done("ValidationException", "TimeToLive is already enabled"))])
            .await;
    Store::open(Config::new(backend)).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn tables_that_another_host_creates_and_changes_at_the_same_moment_are_waited_for() {
    let backend = beside_another(&[
        ("CreateTable", Faster::Refused("LimitExceededException", "too many operations at the same time")),
        ("CreateTable", Faster::Done("ResourceInUseException", "Table already exists")),
        ("UpdateTimeToLive", Faster::Refused("ResourceInUseException", "the table is being updated")),
        (
            "UpdateTimeToLive",
            Faster::Refused(
                "ValidationException",
                "Time to live has been modified multiple times within a fixed interval",
            ),
        ),
    ])
    .await;
    tokio::time::pause();
    Store::open(Config::new(backend)).await.unwrap().check().await.unwrap();
}

#[tokio::test]
async fn a_time_to_live_that_aws_refuses_for_good_ends_the_start_with_its_words() {
    const REFUSED: (&str, Faster) =
        ("UpdateTimeToLive", Faster::Refused("ValidationException", "no table has that many attributes"));
    let backend = beside_another(&[REFUSED]).await;
    let error = Store::open(Config::new(backend)).await.unwrap_err();
    assert!(error.to_string().contains("no table has that many attributes"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_start_together_on_empty_tables_all_start() {
    for _ in 0..5 {
        let backend = backends::serve().await;
        let opening: Vec<_> = (0..3).map(|_| tokio::spawn(Store::open(Config::new(backend.clone())))).collect();
        for opened in opening {
            opened.await.unwrap().unwrap().check().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hosts_that_start_on_the_same_empty_file_all_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signalbox.db");
    let opening: Vec<_> = (0..4)
        .map(|_| tokio::spawn(Store::open(Config::new(Backend::Embedded { path: Some(path.clone()) }))))
        .collect();
    for opened in opening {
        opened.await.unwrap().unwrap().check().await.unwrap();
    }
}
