//! Which users see which decisions, from outside the process, with the bundles that come with Signalbox: at once, by
//! resume and over the API.

use std::fs;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use signalbox_tests_support::{Caller, Client, Host, Setup, bundle};

use super::text_at;
use super::webhooks::SECRET;

const CLINIC: &str = r#"
businessId = "clinica"
name = "Clinica"
type = "clinic"
locale = "ro"
timezone = "Europe/Bucharest"
[permissions]
coordinator = ["message", "review", "decisions"]
doctor = ["message", "review"]
patient = ["message"]
[[locations]]
id = "centru"
name = "Centru"
[[locations]]
id = "titan"
name = "Titan"
"#;

pub const BISTRO: &str = r#"
businessId = "bistro"
name = "Bistro"
type = "restaurant"
locale = "en"
timezone = "Europe/London"
[permissions]
coordinator = ["message", "review", "decisions"]
guest = ["message"]
[settings]
currency = "GBP"
[settings.hours]
monday = ["10:00-22:00"]
tuesday = ["10:00-22:00"]
wednesday = ["10:00-22:00"]
thursday = ["10:00-22:00"]
friday = ["10:00-22:00"]
saturday = ["10:00-22:00"]
sunday = ["10:00-22:00"]
[settings.booking]
seats = 20
"#;

/// A host with one business and a bundle that verifies a webhook with this secret.
async fn host(id: &str, business: &str, folder: &str, secret: &str) -> Result<Host> {
    let setup = Setup::new()?.business_file(id, business)?.bundle(bundle(folder)?);
    fs::write(setup.path().join("hook"), SECRET)?;
    setup.config(&format!("[webhooks.secrets]\n{secret} = [{{ file = \"hook\" }}]\n")).start().await
}

async fn connect(host: &Host, user: &str, business: &str, role: &str, places: Option<&[&str]>) -> Result<Client> {
    Client::connect(host.websocket(), &token(host, user, business, role, places).mint()?).await
}

fn token(
    host: &Host,
    user: &str,
    business: &str,
    role: &str,
    places: Option<&[&str]>,
) -> signalbox_tests_support::Token {
    let token = host.setup().token(user);
    match places {
        Some(places) => token.locations(business, &[role], places),
        None => token.business(business, &[role]),
    }
}

/// The frames that have arrived: all before the answer to a ping.
async fn so_far(client: &mut Client) -> Result<Vec<Value>> {
    client.send(&json!({"type": "ping", "id": "so-far"})).await?;
    let mut frames = Vec::new();
    loop {
        let frame = client.next().await?;
        if text_at(&frame, "/type") == Some("pong") {
            return Ok(frames);
        }
        frames.push(frame);
    }
}

/// All frames of a resume from the beginning.
async fn resumed(client: &mut Client, business: &str) -> Result<Vec<Value>> {
    client.send(&json!({"type": "resume", "businessId": business})).await?;
    let mut frames = Vec::new();
    loop {
        let frame = client.next().await?;
        if text_at(&frame, "/type") == Some("resumed") {
            return Ok(frames);
        }
        frames.push(frame);
    }
}

/// The kinds of the news in these frames, and `review` for a decision that waits for a person.
fn news(frames: &[Value]) -> Vec<&str> {
    frames
        .iter()
        .filter_map(|frame| match text_at(frame, "/type") {
            Some("notification") => text_at(frame, "/content/kind"),
            Some("review") => Some("review"),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn a_doctor_of_another_place_never_sees_a_patients_complaint() -> Result<()> {
    let host = host("clinica", CLINIC, "plugins/clinic", "LAB_RESULTS_WEBHOOK").await?;
    // The users who must not get the news connect first, so that they would be the first to get it.
    let mut elsewhere = connect(&host, "elena", "clinica", "doctor", Some(&["centru"])).await?;
    let mut other_patient = connect(&host, "dan", "clinica", "patient", None).await?;
    let mut here = connect(&host, "horia", "clinica", "doctor", Some(&["titan"])).await?;
    let mut chief = connect(&host, "cristina", "clinica", "doctor", None).await?;
    let mut ana = connect(&host, "ana", "clinica", "patient", None).await?;
    ana.send(&json!({
        "type": "message", "id": "m1", "businessId": "clinica", "locationId": "titan",
        "content": {"text": "Tușesc cu sânge de ieri"},
    }))
    .await?;
    let answer = ana.expect_for("response", "m1").await?;
    let id = text_at(&answer, "/decisionId").context("an answer names its decision")?;

    for doctor in [&mut here, &mut chief] {
        let mut heard = Vec::new();
        while heard.len() < 2 {
            heard.extend(news(&[doctor.next().await?]).into_iter().map(str::to_owned).collect::<Vec<_>>());
        }
        heard.sort();
        assert_eq!(heard[0], "review", "{heard:?}");
        assert!(heard[1].starts_with("triage."), "{heard:?}");
    }
    for stranger in [&mut elsewhere, &mut other_patient] {
        let heard = so_far(stranger).await?;
        assert!(heard.is_empty(), "{heard:?}");
        let heard = resumed(stranger, "clinica").await?;
        assert!(heard.is_empty(), "{heard:?}");
    }
    assert_eq!(news(&resumed(&mut here, "clinica").await?).len(), 2);
    assert_eq!(news(&resumed(&mut ana, "clinica").await?), Vec::<&str>::new(), "the patient has her answer");

    let (reviews, decision) = ("/v1/businesses/clinica/reviews", format!("/v1/businesses/clinica/decisions/{id}"));
    let review = format!("{reviews}/{id}");
    let centru = Caller::new(&token(&host, "elena", "clinica", "doctor", Some(&["centru"])))?;
    assert_eq!(centru.get(&host, reviews).await?.1["items"], json!([]));
    assert_eq!(centru.get(&host, &decision).await?.0, 404);
    assert_eq!(centru.post(&host, &review, &[], &json!({"verdict": "approve"})).await?.0, 404);
    let coordinator = Caller::new(&token(&host, "corina", "clinica", "coordinator", Some(&["centru"])))?;
    assert_eq!(coordinator.get(&host, "/v1/businesses/clinica/decisions").await?.1["items"], json!([]));
    let titan = Caller::new(&token(&host, "horia", "clinica", "doctor", Some(&["titan"])))?;
    let (_, page) = titan.get(&host, reviews).await?;
    assert_eq!(page["items"][0]["decisionId"], id, "{page}");
    let (status, reviewed) = titan.post(&host, &review, &[], &json!({"verdict": "approve"})).await?;
    assert_eq!(status, 200, "{reviewed}");
    Ok(())
}

#[tokio::test]
async fn a_guest_sees_no_other_guests_booking_and_the_staff_does() -> Result<()> {
    let host = host("bistro", BISTRO, "plugins/restaurant", "RESERVATIONS_WEBHOOK").await?;
    let mut eve = connect(&host, "eve", "bistro", "guest", None).await?;
    let mut mara = connect(&host, "mara", "bistro", "coordinator", None).await?;
    let mut bob = connect(&host, "bob", "bistro", "guest", None).await?;
    let answer = bob.ask("bistro", "a table for 4 tomorrow at 12:30, my name is Bob").await?;
    assert_eq!(text_at(&answer, "/decision/code"), Some("booking.confirmed"), "{answer}");
    assert_eq!(text_at(&mara.expect("notification").await?, "/content/kind"), Some("booking.confirmed"));
    for guest in [&mut eve, &mut bob] {
        let heard = so_far(guest).await?;
        assert_eq!(news(&heard), Vec::<&str>::new(), "{heard:?}");
    }
    assert!(resumed(&mut eve, "bistro").await?.is_empty());
    let own = resumed(&mut bob, "bistro").await?;
    assert_eq!((own.len(), text_at(&own[0], "/id")), (1, text_at(&answer, "/id")), "{own:?}");
    assert_eq!(news(&resumed(&mut mara, "bistro").await?), ["booking.confirmed"]);
    Ok(())
}
