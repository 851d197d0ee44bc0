use std::time::Duration;

use anyhow::Result;
use tokio::task::JoinSet;

use super::Siege;
use super::raw::Raw;

/// How many connections one attack has.
const MANY: usize = 200;

#[tokio::test]
async fn headers_that_dribble_in_are_cut_off_while_a_neighbour_is_answered() -> Result<()> {
    let mut siege = Siege::begin("[http]\nheader-timeout = \"700ms\"\n").await?;
    let mut attack = JoinSet::new();
    for _ in 0..MANY {
        let mut raw = Raw::connect(siege.address()).await?;
        attack.spawn(async move {
            raw.send(b"GET /readyz HTTP/1.1\r\nHost: signalbox\r\nX-Slow: ").await?;
            // The rate of the attack: every byte comes well within the time limit for all headers.
            while !raw.is_closed() && raw.send(b"x").await? {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            anyhow::Ok(())
        });
    }
    siege.is_borne().await?;
    while let Some(cut_off) = attack.join_next().await {
        cut_off??;
    }
    siege.ends().await
}

#[tokio::test]
async fn a_connection_without_a_request_is_ended_before_the_first_and_after_an_answer() -> Result<()> {
    let mut siege = Siege::begin("[http]\nheader-timeout = \"700ms\"\nidle-timeout = \"900ms\"\n").await?;
    let mut silent = Raw::connect(siege.address()).await?;
    let mut idle = Raw::connect(siege.address()).await?;
    // An empty line between two requests does not begin a request.
    idle.send(b"\r\nGET /livez HTTP/1.1\r\nHost: signalbox\r\n\r\n").await?;
    assert_eq!(idle.answer().await?.map(|answer| answer.status), Some(200));
    siege.is_borne().await?;
    silent.closed().await?;
    idle.closed().await?;
    siege.ends().await
}

#[tokio::test]
async fn a_flood_of_headers_is_refused_and_the_connection_ended() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    let many: String = (0..5_000).map(|index| format!("X-{index}: 1\r\n")).collect();
    let huge = format!("X-Huge: {}\r\n", "x".repeat(4 << 20));
    let long = format!("GET /{} HTTP/1.1\r\n", "a".repeat(4 << 20));
    let usual = "GET /livez HTTP/1.1\r\n";
    for (line, headers) in [(usual, many.as_str()), (usual, &huge), (&long, "")] {
        let mut raw = Raw::connect(siege.address()).await?;
        // The host may stop reading in the middle.
        raw.send(format!("{line}Host: signalbox\r\n{headers}\r\n").as_bytes()).await?;
        // A connection that is closed with unread bytes may lose its answer on the way.
        if let Some(answer) = raw.answer().await? {
            assert!([414, 431].contains(&answer.status), "{answer:?}");
        }
        raw.closed().await?;
        siege.is_borne().await?;
    }
    let mut raw = Raw::connect(siege.address()).await?;
    let few: String = (0..100).map(|index| format!("X-{index}: 1\r\n")).collect();
    raw.send(format!("{usual}Host: signalbox\r\n{few}\r\n").as_bytes()).await?;
    assert_eq!(raw.answer().await?.map(|answer| answer.status), Some(431), "a little too many are told so");
    siege.ends().await
}

#[tokio::test]
async fn bytes_of_another_protocol_are_refused_and_the_connection_ended() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    let mut hello = vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03];
    hello.extend([0x5a; 506]);
    let others: [&[u8]; 6] = [
        &hello,
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00",
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        b"\x00\x00\x00\x00\x00\x00\x00\x00\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"EHLO signalbox\r\n\r\n",
    ];
    for bytes in others {
        let mut raw = Raw::connect(siege.address()).await?;
        raw.send(bytes).await?;
        if let Some(answer) = raw.answer().await? {
            assert!((400..=505).contains(&answer.status), "{bytes:?}: {answer:?}");
        }
        raw.closed().await?;
        siege.is_borne().await?;
    }
    siege.ends().await
}
