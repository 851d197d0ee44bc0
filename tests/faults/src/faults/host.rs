//! A host whose disk is full, and one that is told to stop at full load.

use std::time::Duration;

use anyhow::{Result, ensure};
use signalbox_tests_support::Machine;

use crate::senders::{Address, Reviewer, send};
use crate::trial::{FaultReport, Trial};
use crate::world::{World, WorldOptions};

/// Orders of the host that is told to stop.
const ORDERS: usize = 150;

pub(super) async fn disk_full(_seed: u64) -> Result<FaultReport> {
    let machine = Machine::new()?;
    let mut trial = Trial::start(World::embedded_on(&machine, WorldOptions::default()).await?).await?;
    trial.orders(9).await?;
    machine.is_full()?;
    let orders = trial.new_orders(9);
    let is_well = async {
        trial
            .host
            .log()
            .wait_for("of the disk", |line| line.to_string().contains("the disk of its file is full"))
            .await?;
        machine.is_well()
    };
    let (sent, is_well) = tokio::join!(trial.send(orders), is_well);
    sent.and(is_well)?;
    trial.sees_log(&["the disk of its file is full; make room, and ask again"]).await?;
    trial.sees_ready(200).await?;
    trial.end("Every write to the files of the embedded store fails for want of space, until the host says so.").await
}

pub(super) async fn sigterm_at_full_load(_seed: u64) -> Result<FaultReport> {
    let mut trial = Trial::start(World::embedded(WorldOptions::default()).await?).await?;
    let orders = trial.new_orders(ORDERS);
    let (world, host) = (&trial.world, &trial.host);
    let address = Address::of(world, host)?;
    let stops = async {
        while world.ledger.acknowledged() < ORDERS / 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        host.terminate()
    };
    let (sent, stopped) = tokio::join!(send(world, address, orders, Reviewer::Absent), stops);
    sent.and(stopped)?;
    let status = trial.host.ended().await?;
    ensure!(status.success(), "not everything that ran was finished: {status}");
    let acknowledged = trial.world.ledger.acknowledged();
    trial.note("exit code", format!("0; {acknowledged} of {ORDERS} orders were acknowledged"));
    trial.sees_log(&["INFO left with everything finished"]).await?;
    trial.host.restart().await?;
    let open = trial.world.ledger.open();
    trial.send(open).await?;
    let done = "SIGTERM after 50 of 150 orders that come as fast as the host takes them; it ends by itself within its \
                deadline, and after the next start the rest is sent.";
    trial.end(done).await
}
