//! Notes in the store which messages connections took after they had been put into the mailbox.

use signalbox_store::{Handover, Store};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Notes what it is told until `stop`, then what it was told before. A handover that cannot be noted costs no message:
/// the message goes to the fallback topic as well.
pub(super) async fn note_handovers(store: Store, mut told: mpsc::Receiver<Handover>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            handover = told.recv() => match handover {
                Some(handover) => note(&store, &handover).await,
                None => return,
            },
        }
    }
    told.close();
    while let Some(handover) = told.recv().await {
        note(&store, &handover).await;
    }
}

async fn note(store: &Store, handover: &Handover) {
    if let Err(error) = store.note_handover(handover).await {
        let Handover { decision_id, business_id, .. } = handover;
        tracing::warn!(
            decision_id,
            business_id,
            %error,
            "cannot note that a connection took a message; it goes to the fallback topic too"
        );
    }
}
