use anyhow::Result;
use signalbox_tests_support::Client;

use super::misbehaving;

#[tokio::test]
async fn sigterm_finishes_what_runs_and_tells_every_client_to_come_back() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    let mut idle = host.coordinator("ion", "beta").await?;
    ana.say_as("m-1", "alpha", "nap").await?;
    ana.expect_for("ack", "m-1").await?;
    host.terminate()?;

    let reconnect = idle.expect("reconnect").await?;
    assert!(reconnect["afterMs"].is_u64(), "{reconnect}");
    let answer = ana.expect_for("response", "m-1").await?;
    assert_eq!(answer["content"]["text"], "nap");
    assert_eq!(ana.closed().await?.code, 1012);
    assert_eq!(idle.closed().await?.code, 1012);
    assert!(host.ended().await?.success());

    host.restart().await?;
    assert!(host.decision(answer["decisionId"].as_str().unwrap()).await?.is_some());
    Ok(())
}

#[tokio::test]
async fn a_host_that_leaves_takes_no_new_connections() -> Result<()> {
    let mut host = misbehaving()?.start().await?;
    let mut ana = host.coordinator("ana", "alpha").await?;
    ana.say_as("m-1", "alpha", "nap").await?;
    ana.expect_for("ack", "m-1").await?;
    let token = host.setup().token("late").business("alpha", &["coordinator"]).mint()?;
    host.terminate()?;
    ana.expect("reconnect").await?;

    assert!(Client::connect(host.websocket(), &token).await.is_err());
    assert!(host.ended().await?.success());
    Ok(())
}
