use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Siege;
use super::raw::{COMPRESSED, CONTINUATION, FIN, PING, PONG, Raw, TEXT};

/// Sends the same bytes again and again until the host takes no more, and returns the code of its close.
async fn flood(mut raw: Raw, bytes: Vec<u8>, times: usize) -> Result<u16> {
    for _ in 0..times {
        if !raw.send(&bytes).await? {
            break;
        }
    }
    raw.close_code().await
}

#[tokio::test]
async fn pings_without_end_close_with_their_own_code() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    for kind in [PING, PONG] {
        let raw = Raw::welcome(siege.address(), &siege.token()?).await?;
        let closed = tokio::spawn(flood(raw, Raw::masked(FIN | kind, b"flood").repeat(100), 200));
        siege.is_borne().await?;
        assert_eq!(closed.await??, 4429);
    }
    assert_eq!(siege.metric("signalbox_websocket_errors_total", &["too_many_pings"]).await?, 2.0);
    siege.ends().await
}

#[tokio::test]
async fn a_message_of_pieces_without_end_closes_whatever_the_pieces_hold_and_pings_between_them() -> Result<()> {
    let mut siege = Siege::begin("[websocket]\nmax-pings = 1000000\n").await?;
    let piece = |payload: &[u8]| Raw::masked(CONTINUATION, payload);
    let floods = [
        piece(b"").repeat(1_000),
        piece(b"x").repeat(1_000),
        piece(&[b'x'; 1_000]).repeat(10),
        [piece(b"").repeat(100), Raw::masked(FIN | PONG, b"")].concat().repeat(10),
    ];
    for bytes in floods {
        let mut raw = Raw::welcome(siege.address(), &siege.token()?).await?;
        raw.send_frame(TEXT, b"{").await?;
        let closed = tokio::spawn(flood(raw, bytes, 10_000));
        siege.is_borne().await?;
        assert_eq!(closed.await??, 1009);
    }
    siege.ends().await
}

#[tokio::test]
async fn a_message_in_pieces_within_its_limit_is_taken() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    let mut raw = Raw::welcome(siege.address(), &siege.token()?).await?;
    // One message after the other, so that each finds the limit unused again.
    for number in 0..5 {
        let text = format!("{number} {}", "x".repeat(12_000));
        let message = serde_json::json!({
            "type": "message", "id": format!("m-{number}"), "businessId": "alpha", "content": {"text": text},
        });
        let mut pieces = Vec::new();
        for (index, piece) in message.to_string().as_bytes().chunks(10).enumerate() {
            pieces.extend(Raw::masked(if index == 0 { TEXT } else { CONTINUATION }, piece));
            if index % 500 == 0 {
                pieces.extend(Raw::masked(FIN | PING, b"still there?"));
            }
        }
        pieces.extend(Raw::masked(FIN | CONTINUATION, b""));
        raw.send(&pieces).await?;
        loop {
            let (_, frame) = raw.frame().await?.context("the host closed the connection")?;
            let frame: Value = serde_json::from_slice(&frame).unwrap_or_default();
            ensure!(frame["type"] != "error", "{frame}");
            if frame["type"] == "response" {
                assert_eq!(frame["content"]["text"], text);
                break;
            }
        }
    }
    siege.is_borne().await?;
    drop(raw);
    siege.ends().await
}

#[tokio::test]
async fn frames_that_announce_more_than_they_may_hold_close_at_once() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    for length in [u64::MAX, i64::MAX as u64, 1 << 40, (64 << 10) + 1] {
        for start in [FIN | TEXT, TEXT, FIN | 2] {
            let mut raw = Raw::welcome(siege.address(), &siege.token()?).await?;
            raw.send(&[&[start, 0x80 | 127], &length.to_be_bytes()[..], &[0; 4]].concat()).await?;
            let closed = raw.close_code().await?;
            assert!([1002, 1009].contains(&closed), "{length} is answered with {closed}");
        }
        siege.is_borne().await?;
    }
    siege.ends().await
}

#[tokio::test]
async fn compression_is_not_agreed_to_and_a_compressed_frame_closes() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    let token = siege.token()?;
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, x-webkit-deflate-frame\r\n";
    let mut raw = Raw::connect(siege.address()).await?;
    let answer = raw.upgrade(Some(&token), offer).await?;
    assert_eq!(answer.status, 101, "{answer:?}");
    assert!(!answer.head.to_ascii_lowercase().contains("sec-websocket-extensions"), "{}", answer.head);
    // A compressed message of zeros that would unpack to a thousand times its size.
    let bomb = [0xec, 0xc1, 0x01, 0x01, 0x00, 0x00, 0x00, 0x80, 0x90, 0xfe, 0xaf, 0xee].repeat(1_000);
    raw.send_frame(FIN | COMPRESSED | TEXT, &bomb).await?;
    assert_eq!(raw.close_code().await?, 1002);
    siege.is_borne().await?;
    siege.ends().await
}

#[tokio::test]
async fn a_client_that_vanishes_without_a_word_is_closed_and_leaves_nothing() -> Result<()> {
    let mut siege = Siege::begin("[websocket]\nping-interval = \"300ms\"\npong-timeout = \"300ms\"\n").await?;
    // The test's client of the neighbour answers pings only while it waits for a frame.
    siege.neighbour.say("beta", "slow").await?;
    let mut vanished = Vec::new();
    for index in 0..20 {
        let user = siege.host.setup().token(&format!("gone-{index}")).business("alpha", &["coordinator"]).mint()?;
        // Neither read nor closed from here on, as if the cable were pulled.
        vanished.push(Raw::welcome(siege.address(), &user).await?);
    }
    let name = "signalbox_websocket_closes_total";
    super::until("those who vanished are closed", async || Ok(siege.metric(name, &["\"4010\""]).await? >= 20.0))
        .await?;
    siege.neighbour = siege.host.coordinator("ion", "beta").await?;
    // The clients' ends of the connections are still open: the host must free its own ends all the same.
    siege.ends().await?;
    drop(vanished);
    Ok(())
}

#[tokio::test]
async fn connections_that_do_not_authenticate_leave_room_for_those_that_do() -> Result<()> {
    let mut siege = Siege::begin("[websocket]\nmax-unauthenticated = 10\nauth-timeout = \"2s\"\n").await?;
    let mut strangers = Vec::new();
    let mut refused = 0;
    for _ in 0..50 {
        let mut raw = Raw::connect_from("127.0.0.2", siege.address()).await?;
        let answer = raw.upgrade(None, "").await?;
        match answer.status {
            101 => strangers.push(raw),
            _ => {
                let body = answer.json();
                let found = body.pointer("/details/code").and_then(Value::as_str);
                assert_eq!((answer.status, found), (503, Some("too_many_unauthenticated")), "{body}");
                assert!(answer.head.to_ascii_lowercase().contains("retry-after"), "{}", answer.head);
                refused += 1;
            }
        }
    }
    assert!(refused > 0 && strangers.len() >= 5, "{refused} were refused and {} let in", strangers.len());
    // The limit counts each address: a client of another address is let in although the others are still connected.
    let somebody = Raw::welcome(siege.address(), &siege.token()?).await?;
    siege.is_borne().await?;
    for raw in &mut strangers {
        assert_eq!(raw.close_code().await?, 4408);
    }
    drop((strangers, somebody));
    siege.ends().await
}

#[tokio::test]
async fn garbage_without_end_closes_before_and_after_the_token() -> Result<()> {
    let mut siege = Siege::begin("").await?;
    let garbage = Raw::masked(FIN | TEXT, b"{\"type\":[[[[[[").repeat(10);
    let mut stranger = Raw::connect(siege.address()).await?;
    assert_eq!(stranger.upgrade(None, "").await?.status, 101);
    let known = Raw::welcome(siege.address(), &siege.token()?).await?;
    for raw in [stranger, known] {
        let closed = tokio::spawn(flood(raw, garbage.clone(), 1_000));
        siege.is_borne().await?;
        assert_eq!(closed.await??, 4429);
    }
    siege.ends().await
}
