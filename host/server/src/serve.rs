//! `signalbox serve`: builds every part of the host after the parts that it depends on, runs until a signal, and shuts
//! the parts down in the opposite order.

mod backends;
mod bundles;
mod businesses;
mod error;
mod files;
mod kafka;
mod leave;
mod metrics_listener;
mod ready;
mod reload;
mod webhooks;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use signalbox_capabilities::business::BusinessDirectory;
use signalbox_delivery::{AdminEvent, AdminNotices, EmailTarget, NotificationWebhookTarget, Presence, Relay};
use signalbox_executor::{Executor, ExecutorParts, Generations};
use signalbox_http::{HttpShutdown, Verifier, serve_http};
use signalbox_intake::{Intake, PermissionAudience};
use signalbox_model::Clock;
use signalbox_sandbox::Sandbox;
use signalbox_sessions::Sessions;
use signalbox_trigger_api::Api;
use signalbox_trigger_cron::CronScheduler;
use signalbox_trigger_webhook::Webhooks;
use signalbox_trigger_websocket::WebSocket;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::config::{Config, secrets};
use crate::health::{self, BundleStates, Health};
use crate::metrics_endpoint::{self, MetricsDoor};
use crate::shutdown::{Request, Signals};
use crate::telemetry;
use crate::usage::Usage;

pub use bundles::BUNDLE_LOADED;
use bundles::Bundles;
pub use businesses::BUSINESS_FILES_NOT_LOADED;
pub use error::StartError;
use reload::Reload;
pub use reload::Reread;

/// How often histograms are folded, so that their memory does not grow between scrapes.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);

/// The metrics token's least length, in bytes: a client that reaches the port can try tokens one after another.
const SHORTEST_METRICS_TOKEN: usize = 16;

/// Runs the host until it is told to stop; the exit code says whether all work was finished. `warnings` are messages
/// for the operator about how the configuration was read.
pub async fn serve(
    config: Config,
    warnings: &[String],
    read_again: Reread,
    ready_json: bool,
) -> anyhow::Result<ExitCode> {
    install_tls();
    let log_filter = telemetry::start_logs(&config.telemetry)?;
    let metrics = telemetry::start_metrics()?;
    files::allow(&config);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let mut signals = Signals::listen()?;
    let gone = CancellationToken::new();
    tokio::spawn(gone.clone().run_until_cancelled_owned(keep_up(metrics.clone())));

    // Checks that need only the configuration come first, so that a mistake in it leaves no store file.
    let clock = Clock::system();
    let verifier = verifier(&config, &clock)?;
    let door = metrics_door(&config)?;
    let brokers = kafka::connection(&config.kafka)?;
    let directory = businesses::open(&config)?;
    let webhooks::Opened { secrets: webhook_secrets, missing: missing_secrets } =
        webhooks::secrets(&config.webhooks, &directory)?;
    let store = backends::open_store(&config.store, config.delivery.lease.0).await?;
    let services = backends::services(&config, store.clone(), directory.clone())?;
    let compilation = crate::compiler::compilation()?;
    let external_calls = backends::external_calls(&config, services.egress.as_ref())?;
    let email = backends::email_server(&config)?;
    let notification_webhooks = backends::notification_webhooks(&config, services.egress.as_ref())?;
    let sandbox = Sandbox::new(&config.sandbox, Arc::new(services), compilation).map_err(StartError::from)?;
    let usage = Usage::of(sandbox.clone());
    let kafka_target = kafka::target(&config, brokers.as_ref())?;
    let fallback_after = kafka::fallback_after(&config, kafka_target.as_ref());
    let executor = Executor::new(ExecutorParts {
        sandbox: sandbox.clone(),
        store: store.clone(),
        directory: directory.clone(),
        generations: Arc::default(),
        config: config.executor.clone(),
        review: config.review.clone(),
        clock: jiff::Timestamp::now,
        responses_are_effects: fallback_after.is_some(),
    });
    let generations = executor.generations().clone();

    let sessions = Sessions::new(config.websocket.connections_per_user);
    let decide = Arc::new(executor);
    let audience = Arc::new(PermissionAudience(decide.clone()));
    let (admin, admin_task) = backends::admin_notices(&config, email.as_ref(), notification_webhooks.as_ref())?;
    let (mut relay, mut relay_task) = Relay::new(config.delivery.clone(), store.clone(), sessions.clone(), audience);
    relay = relay.with_admin_notices(admin.clone());
    let (mut presence, neighbours) = Presence::new(store.clone(), config.delivery.hosts.heartbeat.0);
    let mut follower = relay.follower(config.delivery.hosts.clone(), neighbours);
    if let Some((fan_out, reader)) = kafka::fan_out(&config.kafka, brokers.as_ref(), &store)? {
        relay = relay.with_fan_out(fan_out.clone());
        relay_task = relay_task.with_fan_out(fan_out);
        follower = follower.with_fan_out(reader);
    }
    let intake = Intake::new(config.intake.clone(), decide.clone(), store.clone(), relay, clock.clone());
    let webhooks =
        Webhooks::new(config.webhooks.clone(), webhook_secrets, intake.clone(), store.clone(), clock.clone());
    let bundles = Bundles {
        config: config.clone(),
        sandbox,
        executor: decide.clone(),
        webhooks: webhooks.clone(),
        missing_secrets,
        directory: directory.clone(),
    };
    bundles.load_all().await?;
    tell_what_is_not_loaded(&admin, &generations, &directory);
    webhooks::tell_what_is_shared(&webhooks, &generations);
    let kafka = kafka::start(&config.kafka, brokers.as_ref(), &intake, &clock)?;
    let scheduler = CronScheduler::new(config.cron.clone(), intake.clone(), store.clone(), clock.clone());
    let changes = scheduler.changes();
    let relay_task = relay_task
        .limit_schedules(config.cron.schedules_per_business)
        .when_schedules_change(move |business_id| changes.notify(business_id));
    let relay_task = match kafka_target {
        Some(target) => relay_task.with_kafka(target),
        None => relay_task,
    };
    let relay_task = match fallback_after {
        Some(after) => relay_task.with_fallback(after),
        None => relay_task,
    };
    let relay_task = match external_calls {
        Some(target) => relay_task.with_http(target),
        None => relay_task,
    };
    let relay_task = relay_task.with_channels_of(directory.clone()).with_admin_notices(admin);
    let admin_task = admin_task.map(|task| tokio::spawn(task.run(gone.clone())));
    let relay_task = match email {
        Some(server) => relay_task.with_email(Arc::new(EmailTarget::new(server, directory.clone()))),
        None => relay_task,
    };
    let relay_task = match notification_webhooks {
        Some(webhooks) => {
            let target = NotificationWebhookTarget::new(webhooks, directory.clone());
            relay_task.with_notification_webhooks(Arc::new(target))
        }
        None => relay_task,
    };
    presence.first().await;
    let presence = tokio::spawn(presence.run(gone.clone()));
    let follower = tokio::spawn(follower.run(gone.clone()));
    let relay_task = tokio::spawn(relay_task.run(gone.clone()));
    let api = Api::new(config.api.clone(), verifier.clone(), intake.clone(), store.clone());
    let websocket = WebSocket::new(config.websocket.clone(), verifier, intake.clone(), sessions, store.clone(), clock);

    let (unready, leaving) = (CancellationToken::new(), CancellationToken::new());
    let health = Health {
        store: health::watch_store(store, gone.clone()),
        bundles: Arc::new(move || bundle_states(&generations)),
        businesses: Arc::new({
            let directory = directory.clone();
            move || directory.not_loaded().len()
        }),
        leaving: unready.clone(),
    };
    let router = websocket
        .router()
        .merge(api.router(crate::documents::routes()))
        .merge(webhooks.router())
        .merge(health::routes(health));
    let shutdown = HttpShutdown { drain: unready.clone(), stop: gone.child_token() };
    let (router, metrics_listener) =
        metrics_listener::open(&config, metrics_endpoint::metrics_route(door, metrics, usage), router, &shutdown)
            .await?;
    let listener = listen("server.listen", config.server.listen).await?;
    let address = listener.local_addr()?;
    let http = tokio::spawn(serve_http(config.http.clone(), listener, router, shutdown));
    let recovery = tokio::spawn({
        let (intake, leaving) = (intake.clone(), leaving.clone());
        async move { intake.keep_recovering(leaving).await }
    });
    let expiry = tokio::spawn({
        let (intake, leaving, every) = (intake.clone(), leaving.clone(), config.review.expiry_interval.0);
        async move { intake.keep_expiring_reviews(every, leaving).await }
    });
    let scheduler = tokio::spawn(scheduler.run(leaving.clone()));
    let metrics_address = metrics_listener.as_ref().map(|listener| listener.address);
    if let Err(error) = ready::tell(address, metrics_address, ready_json) {
        tracing::warn!(%error, "nobody reads standard output; the host runs all the same");
    }

    let try_bundles_again = Arc::new(Notify::new());
    let trying = tokio::spawn(bundles.keep_trying(try_bundles_again.clone(), leaving.clone()));
    let mut reload = Reload { in_force: config, read_again, directory, log_filter, try_bundles_again };
    let request = loop {
        match signals.next().await {
            Request::Reload => reload.run(),
            request => break request,
        }
    };
    unready.cancel();
    if request == Request::Leave {
        leave::serve_on(reload.in_force.server.shutdown_delay.0, &mut signals).await;
    }
    let hurry = signals.end_at_next();
    let left = leave::in_order(
        reload.in_force.server.shutdown_deadline.0,
        leave::Running {
            websocket,
            kafka,
            scheduler,
            intake,
            leaving,
            gone,
            tasks: [recovery, expiry, http, trying, relay_task, presence, follower]
                .into_iter()
                .chain(admin_task)
                .chain(metrics_listener.map(|listener| listener.task))
                .collect(),
        },
    )
    .await;
    hurry.abort();
    Ok(left)
}

/// Installs the cryptography that every crate with TLS uses; otherwise the first crate to ask would choose it.
pub fn install_tls() {
    // An error means that it is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The ids of all businesses of the directory.
pub fn business_ids(config: &Config) -> Result<Vec<String>, StartError> {
    // All of them or an error: an incomplete list would be taken for the whole.
    let directory = BusinessDirectory::open(&config.business.directory)?.whole()?;
    Ok(directory.all().iter().map(|business| business.business_id.clone()).collect())
}

fn verifier(config: &Config, clock: &Clock) -> Result<Arc<Verifier>, StartError> {
    let resolve = |reference: &_| secrets::open("auth.keys", reference).map_err(|error| error.to_string());
    if config.auth.development {
        tracing::warn!("[auth] development is on: whoever can read the key mints tokens; never in production");
    }
    Ok(Arc::new(Verifier::new(&config.auth, resolve, clock.clone())?))
}

fn metrics_door(config: &Config) -> Result<MetricsDoor, StartError> {
    let token = match &config.telemetry.metrics_token {
        Some(reference) => Some(secrets::open_long("telemetry.metrics-token", reference, SHORTEST_METRICS_TOKEN)?),
        None => None,
    };
    Ok(MetricsDoor { access: config.telemetry.metrics_access, token })
}

async fn listen(key: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|reason| StartError::Listen { key, address, reason })
}

/// Tells the operators of bundles and businesses that are missing since the start.
fn tell_what_is_not_loaded(admin: &AdminNotices, generations: &Generations, directory: &BusinessDirectory) {
    let bundles = generations.absent();
    let bundles = bundles.iter().map(|absent| format!("bundle {}", absent.folder.display()));
    let businesses = directory.not_loaded();
    let businesses = businesses.iter().map(|file| format!("business file {}", file.file.display()));
    for what in bundles.chain(businesses) {
        admin.tell(AdminEvent::NotLoaded { what });
    }
}

fn bundle_states(generations: &Generations) -> BundleStates {
    let loaded = generations.all().iter().map(|generation| generation.business_type.to_string()).collect();
    BundleStates { loaded, absent: generations.absent() }
}

async fn keep_up(metrics: PrometheusHandle) {
    let mut ticks = tokio::time::interval(METRICS_UPKEEP);
    loop {
        ticks.tick().await;
        metrics.run_upkeep();
    }
}
