//! Room for decisions, and the line of those who wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signalbox_model::AgentInput;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::line::{Bounds, Full, Lane, Line, Ticket, Who};
use crate::metrics::{IN_FLIGHT, SHED, WAIT_SECONDS, WAITING};
use crate::{IntakeConfig, IntakeError};

/// The longest time after which anybody is told to come back.
const LONGEST: Duration = Duration::from_secs(30);

/// How much of the time to come back is left to chance, so that those who were sent away together do not come back so.
const JITTER: f64 = 0.25;

/// How much may be decided at once, in all, for each business and for each user, and who waits for it.
#[derive(Debug)]
pub(super) struct Admission {
    line: Mutex<Line<Tell>>,
    wait: Duration,
    retry_after: Duration,
    began: Instant,
}

type Tell = oneshot::Sender<Result<Permit, IntakeError>>;

/// How long somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// As long as the configuration says: its sender can be told to come back.
    Short,
    /// As long as it takes: it is stored, and nobody would send it again.
    Endless,
}

/// Room, or a place in the line for it.
#[derive(Debug)]
pub(super) enum Entry {
    Room(Permit),
    Place(Place),
}

/// Room for one decision; dropping it gives the room back, and whoever is next in line has it.
#[derive(Debug)]
pub(super) struct Permit {
    admission: Arc<Admission>,
    who: Who,
}

/// A place in the line; dropping it leaves the line.
#[derive(Debug)]
pub(super) struct Place {
    admission: Arc<Admission>,
    ticket: Ticket,
    patience: Patience,
    told: oneshot::Receiver<Result<Permit, IntakeError>>,
    since: Instant,
}

impl Who {
    pub fn new(business_id: &str, user_id: Option<&str>) -> Self {
        Self { business: business_id.into(), user: user_id.map(Arc::from) }
    }

    pub fn of(input: &AgentInput) -> Self {
        Self::new(&input.business_id, input.user_id.as_deref())
    }
}

impl Admission {
    pub fn new(config: &IntakeConfig) -> Self {
        let bounds = Bounds {
            in_flight: config.in_flight,
            in_flight_per_business: config.in_flight_per_business,
            in_flight_per_user: config.in_flight_per_user,
            waiting: config.waiting,
            waiting_per_business: config.waiting_per_business,
        };
        Self {
            line: Mutex::new(Line::new(bounds)),
            wait: config.admission_wait.0,
            retry_after: config.retry_after.0,
            began: Instant::now(),
        }
    }

    /// Takes room or gets in line, at once.
    pub fn enter(self: &Arc<Self>, who: Who, patience: Patience) -> Result<Entry, IntakeError> {
        let mut line = self.lock();
        if line.take(&who) {
            drop(line);
            return Ok(Entry::Room(self.permit(who)));
        }
        let lane = match patience {
            Patience::Short => Lane::Business(who.business.clone()),
            Patience::Endless => Lane::Stored,
        };
        let (tell, told) = oneshot::channel();
        let waiting = line.wait(who, lane, tell).map_err(|full| match full {
            Full::Business => self.shed(&line, "business_line_full"),
            Full::Line => self.shed(&line, "line_full"),
            Full::Closed => leaving(),
        })?;
        let displaced = waiting.displaced.map(|tell| (tell, self.shed(&line, "displaced")));
        drop(line);
        if let Some((tell, error)) = displaced {
            // Who is gone need not be told.
            let _ = tell.send(Err(error));
        }
        ::metrics::gauge!(WAITING).increment(1);
        let place = Place { admission: self.clone(), ticket: waiting.ticket, patience, told, since: Instant::now() };
        Ok(Entry::Place(place))
    }

    /// Lets nobody in any more, and sends everybody away who waits.
    pub fn close(&self) {
        let waiting = self.lock().close();
        for tell in waiting {
            let _ = tell.send(Err(leaving()));
        }
    }

    fn hand_on(self: &Arc<Self>, who: &Who) {
        let served = self.lock().release(who, self.began.elapsed());
        for (who, tell) in served {
            // The permit of somebody who is gone comes back undelivered, and its end hands it on.
            let _ = tell.send(Ok(self.permit(who)));
        }
    }

    fn permit(self: &Arc<Self>, who: Who) -> Permit {
        ::metrics::gauge!(IN_FLIGHT).increment(1);
        Permit { admission: self.clone(), who }
    }

    /// As long as the line takes to empty at its pace of late, within bounds, and a little longer by chance.
    fn shed(&self, line: &Line<Tell>, reason: &'static str) -> IntakeError {
        ::metrics::counter!(SHED, "reason" => reason).increment(1);
        let after = line.empties_in().unwrap_or_default().max(self.retry_after).min(LONGEST);
        IntakeError::Busy { retry_after: after.mul_f64(1.0 + JITTER * rand::random::<f64>()) }
    }

    fn lock(&self) -> MutexGuard<'_, Line<Tell>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn leaving() -> IntakeError {
    ::metrics::counter!(SHED, "reason" => "draining").increment(1);
    IntakeError::Draining
}

impl Entry {
    /// The room, once there is some.
    pub async fn room(self) -> Result<Permit, IntakeError> {
        match self {
            Self::Room(permit) => Ok(permit),
            Self::Place(place) => place.room().await,
        }
    }
}

impl Place {
    async fn room(mut self) -> Result<Permit, IntakeError> {
        let told = match self.patience {
            Patience::Endless => (&mut self.told).await,
            Patience::Short => match timeout(self.admission.wait, &mut self.told).await {
                Ok(told) => told,
                Err(_) => match self.give_up() {
                    Some(error) => Ok(Err(error)),
                    // It is being told in this very moment.
                    None => (&mut self.told).await,
                },
            },
        };
        // The line tells everybody it lets go, and lives as long as this place.
        let permit = told.unwrap_or(Err(IntakeError::Draining))?;
        ::metrics::histogram!(WAIT_SECONDS).record(self.since.elapsed().as_secs_f64());
        Ok(permit)
    }

    fn give_up(&self) -> Option<IntakeError> {
        let mut line = self.admission.lock();
        line.leave(&self.ticket).then(|| self.admission.shed(&line, "waited_too_long"))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.admission.lock().leave(&self.ticket);
        ::metrics::gauge!(WAITING).decrement(1);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        ::metrics::gauge!(IN_FLIGHT).decrement(1);
        self.admission.hand_on(&self.who);
    }
}

#[cfg(test)]
mod tests;
