//! `/livez` and `/readyz`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use signalbox_executor::AbsentBundle;
use signalbox_store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// How often the store is asked while it is not well, and after failed calls of other parts of the host. Requests to
/// `/readyz` never ask the store, so they cannot burden it.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The store is asked no more often than this, however many calls fail.
const AT_MOST_EVERY: Duration = Duration::from_millis(250);

/// Whether the store answered the last check.
pub const STORE_UP: &str = "signalbox_store_up";

/// What readiness depends on.
#[derive(Clone)]
pub struct Health {
    /// The error of the store's last check; none when the store is well.
    pub store: watch::Receiver<Option<String>>,
    /// Which bundles are loaded.
    pub bundles: Arc<dyn Fn() -> BundleStates + Send + Sync>,
    /// How many files of the business directory are not loaded.
    pub businesses: Arc<dyn Fn() -> usize + Send + Sync>,
    /// Cancelled as soon as the host begins to shut down.
    pub leaving: CancellationToken,
}

/// Which business types are served, and which are not.
#[derive(Clone, Debug, Default)]
pub struct BundleStates {
    /// The types that have a bundle.
    pub loaded: Vec<String>,
    /// The bundles that could not be loaded.
    pub absent: Arc<Vec<AbsentBundle>>,
}

impl Health {
    /// Each part with its state, and whether the host takes traffic. A bundle or business that could not be loaded
    /// makes the host degraded, but it stays ready for the others.
    pub fn report(&self) -> (bool, Value) {
        let store = self.store.borrow().clone();
        let (leaving, bundles) = (self.leaving.is_cancelled(), (self.bundles)());
        let ready = store.is_none() && !bundles.loaded.is_empty() && !leaving;
        // `/readyz` needs no token, so the folder's path is left out.
        let not_loaded: Vec<Value> = bundles
            .absent
            .iter()
            .map(|bundle| json!({ "businessType": bundle.business_type, "reason": bundle.reason }))
            .collect();
        // For the same reason the answer has only a number and not the businesses' names.
        let businesses = (self.businesses)();
        let wrong_files =
            (businesses > 0).then_some("files of the business directory are not loaded; the log says which");
        let degraded = ready && (!not_loaded.is_empty() || businesses > 0);
        let parts = json!({
            "store": { "ok": store.is_none(), "reason": store },
            "bundles": {
                "ok": !bundles.loaded.is_empty() && not_loaded.is_empty(),
                "loaded": bundles.loaded,
                "notLoaded": not_loaded,
            },
            "businesses": { "ok": businesses == 0, "notLoaded": businesses, "reason": wrong_files },
            "traffic": { "ok": !leaving, "reason": leaving.then_some("the host is leaving") },
        });
        (ready, json!({ "ready": ready, "degraded": degraded, "parts": parts }))
    }
}

/// Writes a small record to the store from time to time until the host is gone, and watches whether other calls to the
/// store fail.
pub fn watch_store(store: Store, gone: CancellationToken) -> watch::Receiver<Option<String>> {
    // The store was opened a moment ago, so it counts as well.
    let (sender, receiver) = watch::channel(None);
    metrics::gauge!(STORE_UP).set(1.0);
    let task = async move {
        loop {
            let state = match store.check().await {
                Ok(()) => store.keeps_failing(),
                Err(error) => Some(error.to_string()),
            };
            note_change(sender.borrow().as_deref(), state.as_deref());
            metrics::gauge!(STORE_UP).set(if state.is_none() { 1.0 } else { 0.0 });
            let well = state.is_none();
            sender.send_replace(state);
            if well {
                let failed = tokio::time::timeout(store.check_interval(), store.failing()).await.is_ok();
                if failed {
                    tokio::time::sleep(AT_MOST_EVERY).await;
                }
            } else {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        }
    };
    tokio::spawn(gone.run_until_cancelled_owned(task));
    receiver
}

fn note_change(before: Option<&str>, now: Option<&str>) {
    match (before, now) {
        (None, Some(reason)) => tracing::error!(reason, "the store cannot be relied on; not ready"),
        (Some(_), None) => tracing::info!("the store can be relied on again"),
        _ => {}
    }
}

/// Whether the host is alive and ready.
pub fn routes(health: Health) -> Router {
    let ready = get(|State(health): State<Health>| async move {
        let (ready, report) = health.report();
        (if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, Json(report))
    });
    Router::new()
        .route("/livez", get(|| async { Json(json!({ "alive": true })) }))
        .route("/readyz", ready.with_state(health))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(bundles: &[&str]) -> (watch::Sender<Option<String>>, Health) {
        let (sender, store) = watch::channel(None);
        let loaded = bundles.iter().map(|name| (*name).to_owned()).collect();
        let bundles = BundleStates { loaded, absent: Arc::default() };
        let (bundles, leaving) = (Arc::new(move || bundles.clone()), CancellationToken::new());
        (sender, Health { store, bundles, businesses: Arc::new(|| 0), leaving })
    }

    #[test]
    fn the_host_is_ready_while_every_part_is_well() {
        let (store, health) = health(&["restaurant"]);
        assert!(health.report().0);
        store.send_replace(Some("DescribeTable took longer than its deadline".to_owned()));
        let (ready, report) = health.report();
        assert!(!ready);
        assert_eq!(report["parts"]["store"]["reason"], "DescribeTable took longer than its deadline");
        store.send_replace(None);
        assert!(health.report().0);
        health.leaving.cancel();
        let (ready, report) = health.report();
        assert!(!ready);
        assert_eq!(report["parts"]["traffic"]["ok"], false);
        assert_eq!(report["parts"]["store"]["ok"], true);
    }

    #[test]
    fn a_host_without_a_bundle_is_not_ready() {
        let (_store, health) = health(&[]);
        assert_eq!(health.report().1["parts"]["bundles"]["ok"], false);
        assert!(!health.report().0);
    }

    #[test]
    fn a_business_file_that_could_not_be_loaded_is_counted_and_keeps_no_traffic_from_the_others() {
        let (_store, mut health) = health(&["clinic"]);
        health.businesses = Arc::new(|| 2);
        let (ready, report) = health.report();
        assert!(ready);
        assert_eq!(report["degraded"], true);
        let businesses = &report["parts"]["businesses"];
        assert_eq!((&businesses["ok"], &businesses["notLoaded"]), (&json!(false), &json!(2)));
    }

    #[test]
    fn a_bundle_that_could_not_be_loaded_is_named_and_keeps_no_traffic_from_the_others() {
        let (_store, mut health) = health(&["clinic"]);
        let absent = AbsentBundle {
            business_type: Some("restaurant".to_owned()),
            folder: "/secret/place".into(),
            reason: "bundle.toml:3:1: unknown key".to_owned(),
        };
        let states = BundleStates { loaded: vec!["clinic".to_owned()], absent: Arc::new(vec![absent]) };
        health.bundles = Arc::new(move || states.clone());
        let (ready, report) = health.report();
        assert!(ready);
        assert_eq!(report["degraded"], true);
        let bundles = &report["parts"]["bundles"];
        assert_eq!((&bundles["ok"], &bundles["loaded"]), (&json!(false), &json!(["clinic"])));
        let told = json!([{ "businessType": "restaurant", "reason": "bundle.toml:3:1: unknown key" }]);
        assert_eq!(bundles["notLoaded"], told);
        assert!(!report.to_string().contains("/secret/place"), "anybody may ask");
    }
}
