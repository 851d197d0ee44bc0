use std::sync::Arc;
use std::time::Duration;

use signalbox_graph::{CronInput, Inputs};
use signalbox_intake::{Intake, IntakeConfig};
use signalbox_model::{CatchUp, Clock, HumanDuration, Overlap, Timestamp};
use signalbox_sessions::Sessions;
use signalbox_store::{Config, Fire, Schedule, ScheduleDefinition, ScheduleSource, ScheduleTiming, Store};
use signalbox_tests_decider::{Script, ScriptedDecider, business};
use signalbox_trigger_cron::{CronConfig, CronScheduler};
use tokio::sync::watch;

pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// One store, one clock, and hosts that share them.
pub struct Cluster {
    pub store: Store,
    pub time: watch::Sender<Timestamp>,
}

pub struct Host {
    pub decider: Arc<ScriptedDecider>,
    pub intake: Intake,
    pub scheduler: CronScheduler,
}

impl Cluster {
    pub async fn at(now: &str) -> Self {
        let (time, _) = watch::channel(at(now));
        Self { store: Store::open(Config::memory()).await.unwrap(), time }
    }

    pub fn host(&self) -> Host {
        self.host_with(IntakeConfig::default())
    }

    pub fn host_with(&self, intake: IntakeConfig) -> Host {
        // The bundle of napoli is deployed only at other hosts.
        let script = Script::of(["roma", "milano", "napoli"].map(business))
            .deploy("roma", Inputs::default())
            .deploy("milano", Inputs::default());
        let decider = ScriptedDecider::new(self.store.clone(), script);
        let clock = Clock::from_watch(self.time.subscribe());
        let (intake, _) = decider.intake(intake, Sessions::new(1), clock.clone());
        let scheduler = CronScheduler::new(CronConfig::default(), intake.clone(), self.store.clone(), clock);
        Host { decider, intake, scheduler }
    }

    pub fn move_to(&self, now: &str) {
        self.time.send_replace(at(now));
    }

    pub fn now(&self) -> Timestamp {
        *self.time.borrow()
    }

    /// Stores a schedule as if a plugin had made it now.
    pub async fn put(&self, name: &str, timing: ScheduleTiming, change: impl FnOnce(&mut ScheduleDefinition)) {
        let mut definition = ScheduleDefinition {
            business_id: "roma".to_owned(),
            name: name.to_owned(),
            timing,
            timezone: "UTC".to_owned(),
            payload: None,
            overlap: Overlap::Allow,
            catch_up: CatchUp::Last,
            jitter: HumanDuration::millis(0),
            source: ScheduleSource::Plugin { decision_id: "dec_0".to_owned() },
        };
        change(&mut definition);
        self.store.put_schedule(&definition, self.now()).await.unwrap();
    }

    pub async fn hourly(&self, change: impl FnOnce(&mut ScheduleDefinition)) {
        self.put("hourly", ScheduleTiming::Expression("0 * * * *".to_owned()), change).await;
    }

    pub async fn schedule(&self, name: &str) -> Option<Schedule> {
        self.store.schedule("roma", name).await.unwrap()
    }

    /// Stores the claim of a host that died after it claimed a tick.
    pub async fn claimed_by_the_dead(&self, name: &str, nominal: &str) -> Fire {
        self.claimed_of("roma", name, nominal).await
    }

    /// The same with a schedule of another business.
    pub async fn claimed_of(&self, business_id: &str, name: &str, nominal: &str) -> Fire {
        let schedule = self.store.schedule(business_id, name).await.unwrap().unwrap();
        let fire = Fire {
            business_id: business_id.to_owned(),
            name: name.to_owned(),
            nominal: at(nominal),
            generation: schedule.generation,
            owner: "dead".to_owned(),
            lease_until: self.now().checked_add(Duration::from_secs(60)).unwrap(),
        };
        assert_eq!(self.store.claim_fire(&fire).await.unwrap(), signalbox_store::FireClaim::Won);
        fire
    }
}

impl Host {
    /// The nominal times of the ticks that this host began to decide, in order, once there are `count` of them.
    pub async fn ticks(&self, count: usize) -> Vec<String> {
        self.until(|decider| decider.started().len() >= count).await;
        self.started()
    }

    pub fn started(&self) -> Vec<String> {
        let nominal = |metadata: &signalbox_model::JsonObject| metadata["nominal"].as_str().unwrap().to_owned();
        let started = self.decider.started();
        started.iter().map(|input| nominal(input.content.metadata.as_ref().unwrap())).collect()
    }

    /// Makes these schedules the `[inputs.cron]` of roma's bundle.
    pub fn declare(&self, cron: &[(&str, CronInput)]) {
        let cron = cron.iter().map(|(name, input)| ((*name).to_owned(), input.clone())).collect();
        self.decider.deploy("roma", Inputs { cron, ..Inputs::default() });
    }

    /// Waits until other tasks have made the condition true.
    pub async fn until(&self, condition: impl Fn(&ScriptedDecider) -> bool) {
        let wait = async {
            while !condition(&self.decider) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it never happened");
    }

    /// Waits until the store has the input's decision.
    pub async fn decided(&self, store: &Store, input_id: &str) {
        let wait = async {
            loop {
                let state = store.input_state("roma", input_id).await.unwrap();
                if state.is_some_and(|state| state.finished_at.is_some()) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), wait).await.expect("it was never decided");
    }

    /// Lets one decision finish, and waits until it is stored.
    pub async fn let_through(&self, store: &Store) {
        let ids: Vec<String> = self.decider.started().iter().map(|input| input.id.clone()).collect();
        for id in ids {
            if store.input_state("roma", &id).await.unwrap().is_some_and(|state| state.finished_at.is_none()) {
                self.decider.open("roma");
                self.decided(store, &id).await;
                return;
            }
        }
        panic!("nothing waits");
    }
}

/// `[inputs.cron.…]` with the defaults that a bundle would have.
pub fn declared(schedule: &str) -> CronInput {
    CronInput {
        schedule: schedule.to_owned(),
        timezone: None,
        payload: None,
        overlap: signalbox_model::Overlap::default(),
        catch_up: signalbox_graph::CronCatchUp::default(),
        jitter: Duration::ZERO,
        handler: None,
    }
}
