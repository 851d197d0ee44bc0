//! What one connection may do at which time: a state machine without socket, clock or tasks. Each [`Event`] that it is
//! given returns the [`Action`]s to perform, in order.

mod event;
mod phase;
mod pings;

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use signalbox_http::{AuthError, VerifiedToken};
use signalbox_model::{ErrorCode, ErrorType};
use signalbox_sessions::{ClientFrame, ClientLimits, Close, CloseCode, Heartbeat, MessageFrame, ServerFrame};

use crate::error_frame::{ErrorFrame, close_code};

pub(super) use event::{Action, ConnectionTime, Event, Rules};
use event::{RequestResult, VerifyResult};
use phase::{ConnectionPhase, Drain};
use pings::Pings;

/// How long a client with too many messages in flight is told to wait.
const IN_FLIGHT_RETRY_AFTER: Duration = Duration::from_millis(250);

#[derive(Debug)]
pub(super) struct Protocol {
    rules: Rules,
    connection_id: String,
    phase: ConnectionPhase,
    /// Each business with a message that is being decided, and the messages that wait for it.
    business_queues: HashMap<String, VecDeque<MessageFrame>>,
    in_flight: usize,
    resuming: bool,
    errors: VecDeque<Duration>,
    pings: Pings,
    next_ping_at: Duration,
    pong_deadline: Option<Duration>,
    drain: Option<Drain>,
}

impl Protocol {
    pub fn new(rules: Rules, connection_id: String) -> Self {
        let next_ping_at = rules.ping_interval;
        Self {
            rules,
            connection_id,
            phase: ConnectionPhase::Authenticating,
            business_queues: HashMap::new(),
            in_flight: 0,
            resuming: false,
            errors: VecDeque::new(),
            pings: Pings::default(),
            next_ping_at,
            pong_deadline: None,
            drain: None,
        }
    }

    /// Handles an event; returns the actions to perform.
    pub fn on(&mut self, event: Event, now: ConnectionTime) -> Vec<Action> {
        let mut actions = Vec::new();
        self.check_time(now, &mut actions);
        if matches!(self.phase, ConnectionPhase::Closed) {
            return actions;
        }
        match event {
            Event::Tick => {}
            Event::DataReceived => self.pong_deadline = None,
            Event::ControlFrame => self.on_control(now, &mut actions),
            Event::Frame { frame, throttled } => self.on_frame(frame, throttled, now, &mut actions),
            Event::InvalidFrame(error) => self.refuse(ErrorFrame::from(&error), now, &mut actions),
            Event::ProtocolViolation(code) => self.on_violation(code, now, &mut actions),
            Event::Verified(result) => self.on_verified(result, now, &mut actions),
            Event::Joined(verified) => self.on_joined(verified, now, &mut actions),
            Event::TooManyConnections { limit } => {
                let message = format!("you have {limit} connections, which is the limit; close one of them first");
                let error = ErrorFrame::new(ErrorType::RateLimitExceeded, ErrorCode::TooManyConnections, message);
                let after = CloseCode::TooManyConnections.reconnect_after_ms().unwrap_or_default();
                actions.push(Action::Send(error.retry_after(Duration::from_millis(after)).into_frame(now.wall)));
                self.close(CloseCode::TooManyConnections.into(), &mut actions);
            }
            Event::Finished { business_id, error } => {
                if let Some(error) = error {
                    self.refuse(*error, now, &mut actions);
                }
                self.on_decided(business_id, &mut actions);
            }
            // A client may send its next request as soon as it reads the end of this one, so the slot is free before
            // that.
            Event::Reviewed(result) => {
                self.in_flight = self.in_flight.saturating_sub(1);
                self.finish_request(result.map(Some), now, &mut actions);
            }
            Event::Resumed(result) => {
                self.resuming = false;
                self.finish_request(result, now, &mut actions);
            }
            Event::Drain { reconnect_in, close_in, give_up_in } => {
                self.on_drain(reconnect_in, now.elapsed + close_in, now.elapsed + give_up_in, &mut actions);
            }
        }
        self.check_drained(now, &mut actions);
        actions
    }

    /// How long until [`Event::Tick`] is needed at the latest.
    pub fn wake_in(&self, now: ConnectionTime) -> Option<Duration> {
        let until = |at: Duration| at.saturating_sub(now.elapsed);
        let timers = match &self.phase {
            ConnectionPhase::Closed => return None,
            ConnectionPhase::Authenticating => [Some(until(self.rules.auth_timeout)), None, None],
            ConnectionPhase::Open { expires_at, expiry_notice_sent, .. } => {
                let left = Duration::try_from(expires_at.duration_since(now.wall)).unwrap_or_default();
                let notice = if *expiry_notice_sent { left } else { left.saturating_sub(self.rules.expiry_notice) };
                [Some(notice), Some(until(self.next_ping_at)), self.pong_deadline.map(until)]
            }
        };
        let drained = self.drain.map(|drain| {
            // With messages in flight, nothing but their end or the last moment can close the connection.
            until(if self.in_flight == 0 && !self.resuming { drain.close_at } else { drain.give_up_at })
        });
        timers.into_iter().flatten().chain(drained).min()
    }

    fn check_time(&mut self, now: ConnectionTime, actions: &mut Vec<Action>) {
        match &mut self.phase {
            ConnectionPhase::Closed => {}
            ConnectionPhase::Authenticating => {
                if now.elapsed >= self.rules.auth_timeout {
                    let seconds = self.rules.auth_timeout.as_secs_f64();
                    let message = format!("no token came within {seconds} s; send an auth frame first");
                    let error = ErrorFrame::new(ErrorType::AuthFailed, ErrorCode::AuthTimeout, message);
                    actions.push(Action::Send(error.into_frame(now.wall)));
                    self.close(CloseCode::AuthTimeout.into(), actions);
                }
            }
            ConnectionPhase::Open { expires_at, expiry_notice_sent, .. } => {
                let expires_at = *expires_at;
                let left = Duration::try_from(expires_at.duration_since(now.wall)).unwrap_or_default();
                if left.is_zero() {
                    let error = ErrorFrame::from(&AuthError::Expired { at: expires_at });
                    actions.push(Action::Send(error.into_frame(now.wall)));
                    self.close(CloseCode::TokenExpired.into(), actions);
                    return;
                }
                if left <= self.rules.expiry_notice && !*expiry_notice_sent {
                    *expiry_notice_sent = true;
                    actions.push(Action::Send(ServerFrame::TokenExpiring { expires_at }));
                }
                self.check_heartbeat(now, actions);
            }
        }
    }

    fn check_heartbeat(&mut self, now: ConnectionTime, actions: &mut Vec<Action>) {
        if self.pong_deadline.is_some_and(|due| now.elapsed >= due) {
            self.close(CloseCode::HeartbeatMissed.into(), actions);
        } else if now.elapsed >= self.next_ping_at {
            actions.push(Action::Ping);
            self.next_ping_at = now.elapsed + self.rules.ping_interval;
            self.pong_deadline.get_or_insert(now.elapsed + self.rules.pong_timeout);
        }
    }

    /// A pong is an answer and a ping is a sign of life, unless the client sends too many of them.
    fn on_control(&mut self, now: ConnectionTime, actions: &mut Vec<Action>) {
        self.pong_deadline = None;
        let (most, window) = (self.rules.max_pings, self.rules.error_window);
        if self.pings.is_flood(now.elapsed, most, window) {
            let message = format!("more than {most} WebSocket pings and pongs within {} s", window.as_secs_f64());
            let error = ErrorFrame::new(ErrorType::RateLimitExceeded, ErrorCode::TooManyPings, message);
            actions.push(Action::Send(error.into_frame(now.wall)));
            self.close(CloseCode::Abuse.into(), actions);
        }
    }

    fn on_frame(
        &mut self,
        frame: ClientFrame,
        throttled: Option<Duration>,
        now: ConnectionTime,
        actions: &mut Vec<Action>,
    ) {
        let open = matches!(self.phase, ConnectionPhase::Open { .. });
        match frame {
            ClientFrame::Auth(auth) if !open => actions.push(Action::Verify(auth.token)),
            _ if !open => {
                let message = "this connection has not authenticated; the first frame has to be `auth`";
                let error = ErrorFrame::new(ErrorType::AuthFailed, ErrorCode::NotAuthenticated, message);
                actions.push(Action::Send(error.into_frame(now.wall)));
                self.close(CloseCode::AuthFailed.into(), actions);
            }
            frame => match throttled {
                Some(after) => {
                    let ClientLimits { frames_per_second, burst, .. } = self.rules.limits;
                    let message =
                        format!("more than {frames_per_second} frames per second (and {burst} at once); slow down");
                    let error = ErrorFrame::new(ErrorType::RateLimitExceeded, ErrorCode::TooManyFrames, message);
                    self.refuse(error.for_message(frame.message_id()).retry_after(after), now, actions);
                }
                None => self.on_open_frame(frame, now, actions),
            },
        }
    }

    fn on_open_frame(&mut self, frame: ClientFrame, now: ConnectionTime, actions: &mut Vec<Action>) {
        match frame {
            ClientFrame::Auth(_) => {
                let message = "this connection has authenticated already; use `refresh` for a new token";
                let error = ErrorFrame::new(ErrorType::ValidationError, ErrorCode::AlreadyAuthenticated, message);
                self.refuse(error, now, actions);
            }
            ClientFrame::Refresh(auth) => actions.push(Action::Verify(auth.token)),
            ClientFrame::Ping(ping) => {
                actions.push(Action::Send(ServerFrame::Pong { id: ping.id, server_time: now.wall }));
            }
            ClientFrame::Resume(_) if self.resuming => {
                let message = "a resume is running on this connection; wait for its `resumed`";
                self.refuse(
                    ErrorFrame::new(ErrorType::ValidationError, ErrorCode::ResumeRunning, message),
                    now,
                    actions,
                );
            }
            ClientFrame::Resume(resume) => {
                self.resuming = true;
                actions.push(Action::Resume(resume));
            }
            ClientFrame::Message(message) => self.on_message(message, now, actions),
            // Reviews of different decisions need no order, and of one decision only one counts.
            ClientFrame::Review(review) => {
                if self.admit_request(&review.id, now, actions) {
                    self.in_flight += 1;
                    actions.push(Action::Review(review));
                }
            }
        }
    }

    fn on_message(&mut self, message: MessageFrame, now: ConnectionTime, actions: &mut Vec<Action>) {
        if !self.admit_request(&message.id, now, actions) {
            return;
        }
        self.in_flight += 1;
        match self.business_queues.get_mut(&message.business_id) {
            Some(queue) => queue.push_back(message),
            None => {
                self.business_queues.insert(message.business_id.clone(), VecDeque::new());
                actions.push(Action::Decide(message));
            }
        }
    }

    /// Whether one more message or review may be taken; if not, the client is told so.
    fn admit_request(&mut self, id: &str, now: ConnectionTime, actions: &mut Vec<Action>) -> bool {
        if self.drain.is_some() {
            let error = ErrorFrame::from(&signalbox_intake::IntakeError::Draining);
            self.refuse(error.for_message(Some(id)), now, actions);
            return false;
        }
        if self.in_flight >= self.rules.in_flight {
            let text = format!("{} messages of this connection are in flight; wait for an answer", self.in_flight);
            let error = ErrorFrame::new(ErrorType::RateLimitExceeded, ErrorCode::TooManyInFlight, text);
            self.refuse(error.for_message(Some(id)).retry_after(IN_FLIGHT_RETRY_AFTER), now, actions);
            return false;
        }
        true
    }

    fn on_decided(&mut self, business_id: String, actions: &mut Vec<Action>) {
        let Some(queue) = self.business_queues.get_mut(&business_id) else { return };
        self.in_flight = self.in_flight.saturating_sub(1);
        if matches!(self.phase, ConnectionPhase::Closed) {
            return;
        }
        match queue.pop_front() {
            Some(next) => actions.push(Action::Decide(next)),
            None => {
                self.business_queues.remove(&business_id);
            }
        }
    }

    fn on_verified(&mut self, result: VerifyResult, now: ConnectionTime, actions: &mut Vec<Action>) {
        match (&mut self.phase, result) {
            (ConnectionPhase::Closed, _) => {}
            (ConnectionPhase::Authenticating, Ok(verified)) => actions.push(Action::Join(verified)),
            (ConnectionPhase::Authenticating, Err(error)) => {
                actions.push(Action::Send(ErrorFrame::from(&error).into_frame(now.wall)));
                self.close(close_code(&error).into(), actions);
            }
            // A refresh that fails takes nothing away: the old token stays valid until it expires.
            (ConnectionPhase::Open { .. }, Err(error)) => self.refuse(ErrorFrame::from(&error), now, actions),
            (ConnectionPhase::Open { user_id, expires_at, expiry_notice_sent }, Ok(verified)) => {
                if *user_id != verified.access.user_id {
                    let message = "the new token is of another user; open another connection for another user";
                    let error = ErrorFrame::new(ErrorType::AuthFailed, ErrorCode::TokenOtherUser, message);
                    actions.push(Action::Send(error.into_frame(now.wall)));
                    self.close(CloseCode::Forbidden.into(), actions);
                    return;
                }
                let until = verified.expires_at;
                (*expires_at, *expiry_notice_sent) = (until, false);
                actions.push(Action::Refresh(verified));
                actions.push(Action::Send(ServerFrame::Refreshed { expires_at: until }));
            }
        }
    }

    fn on_joined(&mut self, verified: VerifiedToken, now: ConnectionTime, actions: &mut Vec<Action>) {
        if !matches!(self.phase, ConnectionPhase::Authenticating) {
            return;
        }
        let VerifiedToken { access, expires_at, .. } = verified;
        let millis = |duration: Duration| duration.as_millis() as u64;
        actions.push(Action::Send(ServerFrame::Welcome {
            connection_id: self.connection_id.clone(),
            user_id: access.user_id.clone(),
            businesses: access.businesses.into_keys().collect(),
            expires_at,
            heartbeat: Heartbeat {
                ping_every_ms: millis(self.rules.ping_interval),
                pong_timeout_ms: millis(self.rules.pong_timeout),
            },
            limits: self.rules.limits,
            server_time: now.wall,
        }));
        self.phase = ConnectionPhase::Open { user_id: access.user_id, expires_at, expiry_notice_sent: false };
        self.next_ping_at = now.elapsed + self.rules.ping_interval;
    }

    fn on_violation(&mut self, code: CloseCode, now: ConnectionTime, actions: &mut Vec<Action>) {
        let error = ErrorFrame::protocol_violation(code, self.rules.limits.message_bytes).into_frame(now.wall);
        actions.push(Action::Send(error));
        self.close(code.into(), actions);
    }

    fn on_drain(
        &mut self,
        reconnect_in: Duration,
        close_at: Duration,
        give_up_at: Duration,
        actions: &mut Vec<Action>,
    ) {
        if self.drain.is_some() {
            return;
        }
        self.drain = Some(Drain { close_at: close_at.min(give_up_at), give_up_at });
        if matches!(self.phase, ConnectionPhase::Open { .. }) {
            let (after_ms, reason) = (reconnect_in.as_millis() as u64, "the host restarts".to_owned());
            actions.push(Action::Send(ServerFrame::Reconnect { after_ms, reason }));
        }
    }

    fn check_drained(&mut self, now: ConnectionTime, actions: &mut Vec<Action>) {
        let Some(drain) = self.drain else { return };
        let idle = self.in_flight == 0 && !self.resuming;
        if (idle && now.elapsed >= drain.close_at) || now.elapsed >= drain.give_up_at {
            self.close(CloseCode::Restart.into(), actions);
        }
    }

    /// Tells the client how a message, review or resume ended.
    fn finish_request(&mut self, result: RequestResult, now: ConnectionTime, actions: &mut Vec<Action>) {
        match result {
            Ok(frame) => actions.extend(frame.map(|frame| Action::Send(*frame))),
            Err(error) => self.refuse(*error, now, actions),
        }
    }

    /// Tells the client about a mistake in its frame. A client with too many mistakes in the error window is
    /// disconnected.
    fn refuse(&mut self, error: ErrorFrame, now: ConnectionTime, actions: &mut Vec<Action>) {
        let counts = error.is_client_error();
        actions.push(Action::Send(error.into_frame(now.wall)));
        if !counts {
            return;
        }
        let recent = now.elapsed.saturating_sub(self.rules.error_window);
        self.errors.retain(|at| *at >= recent);
        self.errors.push_back(now.elapsed);
        if self.errors.len() > self.rules.max_errors {
            self.close(CloseCode::Abuse.into(), actions);
        }
    }

    fn close(&mut self, close: Close, actions: &mut Vec<Action>) {
        if !matches!(self.phase, ConnectionPhase::Closed) {
            self.phase = ConnectionPhase::Closed;
            actions.push(Action::Close(close));
        }
    }
}

#[cfg(test)]
mod tests;
