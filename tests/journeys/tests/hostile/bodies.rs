use std::time::Duration;

use anyhow::{Context, Result};

use super::raw::{Answer, Raw};
use super::{Siege, code};

const API: &str = "/v1/businesses/alpha/inputs";
const HOOK: &str = "/webhooks/alpha/events";

/// The head of a POST, without the header that says how long its body is.
fn head(path: &str, token: &str, more: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: signalbox\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\n\
         {more}\r\n\r\n"
    )
}

/// Sends a request piece by piece until the host closes, and reads the answer.
async fn send(siege: &Siege, head: &str, pieces: impl IntoIterator<Item = Vec<u8>>) -> Result<(Raw, Option<Answer>)> {
    let mut raw = Raw::connect(siege.address()).await?;
    raw.send(head.as_bytes()).await?;
    for piece in pieces {
        if !raw.send(&piece).await? {
            break;
        }
    }
    let answer = raw.answer().await?;
    Ok((raw, answer))
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

#[tokio::test]
async fn a_body_that_dribbles_in_is_refused_in_time_while_a_neighbour_is_answered() -> Result<()> {
    let limits = "[api]\nbody-timeout = \"700ms\"\n[webhooks]\nbody-timeout = \"700ms\"\n";
    let mut siege = Siege::begin(limits).await?;
    let token = siege.token()?;
    let mut slow = Vec::new();
    for path in [API, HOOK].into_iter().cycle().take(40) {
        let mut raw = Raw::connect(siege.address()).await?;
        raw.send(head(path, &token, "Content-Length: 100000").as_bytes()).await?;
        slow.push(tokio::spawn(async move {
            // The rate of the attack.
            let mut pace = tokio::time::interval(Duration::from_millis(50));
            let answer = loop {
                tokio::select! {
                    answer = raw.answer() => break answer?,
                    _ = pace.tick() => {}
                }
                raw.send(b" ").await?;
            };
            raw.closed().await?;
            answer.context("cut off without an answer")
        }));
    }
    siege.is_borne().await?;
    for slow in slow {
        let answer = slow.await??;
        assert_eq!((answer.status, code(&answer.json())), (408, "body_timeout"), "{answer:?}");
    }
    siege.ends().await
}

#[tokio::test]
async fn a_body_larger_than_allowed_is_refused_however_it_comes() -> Result<()> {
    let small = "body-size = \"32KiB\"\nbody-timeout = \"60s\"\n";
    let mut siege = Siege::begin(&format!("[api]\n{small}[webhooks]\n{small}")).await?;
    let token = siege.token()?;
    let endless = || std::iter::repeat_n(chunk(&[b' '; 4096]), 10_000);
    let bytewise = || std::iter::repeat_n(chunk(b" ").repeat(512), 10_000);
    let whole = || std::iter::repeat_n(vec![b' '; 4096], 10_000);
    for path in [API, HOOK] {
        let chunked = head(path, &token, "Transfer-Encoding: chunked");
        let announced = head(path, &token, "Content-Length: 1099511627776");
        let one_chunk = format!("{chunked}ffffffff\r\n");
        let mut told = 0;
        for (_raw, answer) in [
            send(&siege, &chunked, endless()).await?,
            send(&siege, &chunked, bytewise()).await?,
            send(&siege, &one_chunk, whole()).await?,
            send(&siege, &announced, whole()).await?,
        ] {
            // A connection that is closed with unread bytes may lose its answer on the way.
            if let Some(answer) = answer {
                assert_eq!((answer.status, code(&answer.json())), (413, "body_too_large"), "{path}: {answer:?}");
                told += 1;
            }
        }
        assert!(told > 0, "{path} tells nobody what is wrong");
        siege.is_borne().await?;
    }
    siege.ends().await
}

#[tokio::test]
async fn chunks_that_are_none_are_refused_and_the_connection_ended() -> Result<()> {
    let mut siege = Siege::begin("[api]\nbody-timeout = \"1s\"\n").await?;
    let token = siege.token()?;
    let chunked = head(API, &token, "Transfer-Encoding: chunked");
    let extension = [b"1;".to_vec(), vec![b'x'; 1 << 20], b"\r\n \r\n0\r\n\r\n".to_vec()].concat();
    let trailers = [b"0\r\n".to_vec(), b"X-Trailer: x\r\n".repeat(100_000), b"\r\n".to_vec()].concat();
    let broken: [&[u8]; 7] = [
        b"fffffffffffffffff\r\n",
        b"-1\r\n",
        b"0x5\r\n12345\r\n0\r\n\r\n",
        b"5\r\n12345678\r\n0\r\n\r\n",
        b"\r\n\r\n",
        &extension,
        &trailers,
    ];
    for bytes in broken {
        let (mut raw, answer) = send(&siege, &chunked, [bytes.to_vec()]).await?;
        let begin = String::from_utf8_lossy(bytes.get(..24.min(bytes.len())).unwrap_or_default()).into_owned();
        if let Some(answer) = answer {
            assert!([400, 408].contains(&answer.status), "{begin}: {answer:?}");
        }
        raw.closed().await?;
        siege.is_borne().await?;
    }
    siege.ends().await
}

#[tokio::test]
async fn a_length_that_lies_is_refused_and_smuggles_no_second_request() -> Result<()> {
    let mut siege = Siege::begin("[api]\nbody-timeout = \"700ms\"\n").await?;
    let token = siege.token()?;
    let inner = "GET /livez HTTP/1.1\r\nHost: signalbox\r\n\r\n";
    let body = r#"{"content":{"text":"x"}}"#;

    let mut early = Raw::connect(siege.address()).await?;
    early.send(format!("{}{body}", head(API, &token, "Content-Length: 4000")).as_bytes()).await?;
    early.finish().await?;
    if let Some(answer) = early.answer().await? {
        assert_eq!((answer.status, code(&answer.json())), (400, "body_incomplete"), "{answer:?}");
    }
    early.closed().await?;

    let lengths = [
        "Content-Length: 24\r\nContent-Length: 4",
        "Content-Length: 24, 4",
        "Content-Length: -1",
        "Content-Length: +24",
        "Content-Length: 18446744073709551616",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding : chunked",
    ];
    for length in lengths {
        let request = format!("{}0\r\n\r\n{inner}", head(API, &token, length));
        let (mut raw, answer) = send(&siege, &request, []).await?;
        if let Some(answer) = answer {
            assert!((400..500).contains(&answer.status), "`{length}`: {answer:?}");
        }
        let second = raw.answer().await?;
        assert!(second.is_none(), "`{length}` smuggles a request: {second:?}");
        siege.is_borne().await?;
    }
    siege.ends().await
}

#[tokio::test]
async fn a_compressed_body_is_refused_and_never_unpacked() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    let token = siege.token()?;
    // According to its head a compressed gigabyte of zeros; the host must not decompress it.
    let bomb = [0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x03].repeat(1_000);
    let (api, hook) = ((API, "content_encoding"), (HOOK, "content_encoding"));
    let cases = [(api, "gzip"), (api, "br"), (api, "gzip, gzip"), (hook, "gzip"), (hook, "deflate")];
    for ((path, refusal), encoding) in cases {
        let more = format!("Content-Encoding: {encoding}\r\nContent-Length: {}", bomb.len());
        let (_raw, answer) = send(&siege, &head(path, &token, &more), [bomb.clone()]).await?;
        let answer = answer.context("no answer")?;
        assert_eq!((answer.status, code(&answer.json())), (415, refusal), "{path}: {answer:?}");
        siege.is_borne().await?;
    }
    siege.ends().await
}

#[tokio::test]
async fn a_client_that_reads_no_answer_is_cut_off_while_a_neighbour_is_answered() -> Result<()> {
    let mut siege = Siege::begin("[http]\nwrite-timeout = \"700ms\"\n").await?;
    let mut attack = Vec::new();
    for _ in 0..20 {
        let mut raw = Raw::connect_narrow(siege.address()).await?;
        attack.push(tokio::spawn(async move {
            // Answers pile up until neither side can write, and the host closes first.
            while raw.send(&b"GET /openapi.json HTTP/1.1\r\nHost: signalbox\r\n\r\n".repeat(100)).await? {}
            anyhow::Ok(())
        }));
    }
    siege.is_borne().await?;
    for cut_off in attack {
        cut_off.await??;
    }
    siege.ends().await
}
