use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use signalbox_http::{ReadBudget, VerifiedToken};
use signalbox_intake::{Message, is_message_id};
use signalbox_sessions::{
    ClientFrame, Close, CloseCode, Encoded, MessageFrame, Outbox, ResumeFrame, ReviewFrame, ServerFrame, Session,
};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WireError, Message as Wire, Utf8Bytes};
use tracing::Instrument;

use crate::incoming_message::{CLOSED_BY_CLIENT, CONNECTION_LOST, IncomingMessage, interpret};
use crate::metrics::{CLOSES, ERRORS};
use crate::protocol::{Action, ConnectionTime, Event, Protocol};
use crate::upgrade::SocketStream;
use crate::watch::MessageSender;
use crate::{Shared, UnauthenticatedPermit, message, resume, review};

/// How long a client may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a close may take to be written to a client that reads slowly.
const SLOW_CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long before the end of a drain connections close, so that their close frames are still written and answered.
const DRAIN_MARGIN: Duration = Duration::from_millis(1_500);

/// How many bytes may have been read beyond the end of a message: those of the next messages, and frame heads.
const READ_AHEAD_BYTES: u64 = 4 * 1024;

/// The largest control frame (RFC 6455, 5.5) with its head.
const MAX_CONTROL_FRAME_BYTES: u64 = 125 + 6;

/// One socket and its state, owned by one task.
pub(super) struct ConnectionTask {
    shared: Arc<Shared>,
    id: String,
    started_at: Instant,
    protocol: Protocol,
    outbox: Arc<Outbox>,
    session: Option<Session>,
    event_sender: mpsc::Sender<Box<Event>>,
    task_events: mpsc::Receiver<Box<Event>>,
    ping_due: bool,
    /// Given back as soon as the connection is authenticated.
    unauthenticated: Option<UnauthenticatedPermit>,
    read_budget: ReadBudget,
}

impl ConnectionTask {
    pub fn new(shared: Arc<Shared>, unauthenticated: UnauthenticatedPermit, read_budget: ReadBudget) -> Self {
        let id = format!("con_{}", &signalbox_model::correlation_id()[4..]);
        // Each message in flight and the one resume send one event each.
        let (event_sender, task_events) = mpsc::channel(shared.rules.in_flight + 1);
        let outbox = Arc::new(Outbox::new(usize::try_from(shared.config.outbox_size.0).unwrap_or(usize::MAX)));
        let protocol = Protocol::new(shared.rules.clone(), id.clone());
        Self {
            shared,
            id,
            started_at: Instant::now(),
            protocol,
            outbox,
            session: None,
            event_sender,
            task_events,
            ping_due: false,
            unauthenticated: Some(unauthenticated),
            read_budget,
        }
    }

    /// Serves the socket until it is gone. Both are borrowed, because a future keeps a second copy of an argument that
    /// it owns.
    pub fn run(&mut self, stream: &mut SocketStream, token: Option<String>) -> impl Future<Output = ()> {
        let span = tracing::info_span!("connection", connection_id = self.id, user_id = tracing::field::Empty);
        self.serve(stream, token).instrument(span)
    }

    async fn serve(&mut self, stream: &mut SocketStream, token: Option<String>) {
        if let Some(token) = token {
            let frame = ClientFrame::Auth(signalbox_sessions::AuthFrame { token });
            Box::pin(self.handle(Event::Frame { frame, throttled: None })).await;
        }
        let max_budget = self.shared.config.message_size.0.saturating_mul(2).saturating_add(READ_AHEAD_BYTES);
        self.read_budget.set(max_budget);
        let mut draining = self.shared.draining.subscribe();
        // A drain that began between the upgrade and now counts too.
        draining.mark_changed();
        let close_label: &'static str = loop {
            if let ControlFlow::Break(label) = self.write(stream).await {
                break label;
            }
            let wake = self.protocol.wake_in(self.now()).map(|after| tokio::time::Instant::now() + after);
            let event = tokio::select! {
                // In this order: the frames that the client has read are noted before its next frame is handled.
                biased;
                Some(event) = self.task_events.recv() => *event,
                Ok(()) = draining.changed() => match *draining.borrow_and_update() {
                    Some(deadline) => self.drain(deadline),
                    None => continue,
                },
                received = stream.next() => match interpret(received) {
                    IncomingMessage::Event(event) => {
                        if event == Event::ControlFrame {
                            self.read_budget.add(MAX_CONTROL_FRAME_BYTES, max_budget);
                        }
                        event
                    }
                    IncomingMessage::Text(text) => {
                        self.read_budget.set(max_budget);
                        self.parse(&text)
                    }
                    IncomingMessage::Ended(label) => {
                        if label == CLOSED_BY_CLIENT {
                            complete_close(stream).await;
                        }
                        break label;
                    }
                    IncomingMessage::ClosedWithCode(code) => {
                        echo_close(stream, code).await;
                        break CLOSED_BY_CLIENT;
                    }
                },
                () = self.outbox.filled() => continue,
                () = sleep_until(wake.unwrap_or_else(tokio::time::Instant::now)), if wake.is_some() => Event::Tick,
            };
            // Boxed, because otherwise every waiting connection would reserve memory for this future.
            Box::pin(self.handle(event)).await;
        };
        self.end(close_label);
    }

    fn parse(&mut self, text: &str) -> Event {
        match ClientFrame::parse(text) {
            Ok(frame) => {
                let user = self.session.as_ref().map(Session::access);
                let throttled = user.and_then(|access| self.shared.throttle(&access.user_id));
                Event::Frame { frame, throttled }
            }
            Err(error) => Event::InvalidFrame(error),
        }
    }

    fn drain(&self, deadline: Duration) -> Event {
        let give_up_in = deadline.saturating_sub(DRAIN_MARGIN.min(deadline / 2));
        let spread = self.shared.drain_spread().min(give_up_in);
        let random_within = |spread: Duration| spread.mul_f64(rand::random::<f64>());
        let reconnect_in = random_within(spread);
        // A client that follows the advice closes by itself before the host closes it.
        Event::Drain {
            reconnect_in,
            close_in: reconnect_in + random_within(spread.saturating_sub(reconnect_in)),
            give_up_in,
        }
    }

    /// Handles an event as the protocol says, and the events that follow from it.
    async fn handle(&mut self, event: Event) {
        // Every frame from the socket shows that the client is alive.
        if matches!(event, Event::Frame { .. } | Event::InvalidFrame(_)) {
            let now = self.now();
            self.protocol.on(Event::DataReceived, now);
        }
        let mut events = vec![event];
        while let Some(event) = events.pop() {
            let now = self.now();
            for action in self.protocol.on(event, now) {
                match action {
                    Action::Verify(token) => events.push(Event::Verified(self.shared.verifier.verify(&token).await)),
                    Action::Join(verified) => events.push(self.join(verified)),
                    Action::Refresh(verified) => {
                        if let Some(session) = &self.session {
                            session.refresh(verified.access);
                        }
                    }
                    Action::Send(frame) => self.send(frame),
                    Action::Decide(message) => self.decide(message),
                    Action::Review(frame) => self.review(frame),
                    Action::Resume(frame) => self.resume(frame),
                    Action::Ping => self.ping_due = true,
                    Action::Close(close) => self.outbox.close(close),
                }
            }
        }
    }

    /// Queues a frame. Every error gets a correlation id, under which the log has it too.
    fn send(&self, mut frame: ServerFrame) {
        if let ServerFrame::Error(error) = &mut frame {
            let correlation_id = error.correlation_id.get_or_insert_with(signalbox_model::correlation_id);
            let detail = |name: &str| error.details.as_ref().and_then(|details| details.get(name)?.as_str());
            let code = detail("code").unwrap_or_default().to_owned();
            // An error about a message or a token may repeat parts of it, which only the client may see.
            let may_quote_client =
                matches!(error.error_type, signalbox_model::ErrorType::ValidationError) || code.starts_with("token_");
            tracing::info!(
                correlation_id,
                code,
                error_type = error.error_type.as_str(),
                message_id = detail("messageId").filter(|id| is_message_id(id)),
                error = (!may_quote_client).then_some(&*error.message),
                "told the client of an error"
            );
            ::metrics::counter!(ERRORS, "code" => code).increment(1);
        }
        let is_first = matches!(frame, ServerFrame::Welcome { .. });
        let frame = Encoded::json(&frame);
        // A registered connection may get other frames before its welcome.
        if is_first {
            self.outbox.push_first(frame)
        } else {
            self.outbox.push(frame)
        };
    }

    fn join(&mut self, verified: VerifiedToken) -> Event {
        match self.shared.sessions.register(verified.access.clone(), self.outbox.clone()) {
            Ok(session) => {
                tracing::Span::current().record("user_id", verified.access.user_id.as_str());
                tracing::info!(token_id = verified.token_id, expires_at = %verified.expires_at, "connected");
                self.session = Some(session);
                self.unauthenticated = None;
                Event::Joined(verified)
            }
            Err(full) => Event::TooManyConnections { limit: full.limit },
        }
    }

    fn decide(&self, message: MessageFrame) {
        let Some(access) = self.session.as_ref().map(Session::access) else { return };
        let MessageFrame { id, business_id, location_id, content, progress } = message;
        let sender = MessageSender {
            outbox: self.outbox.clone(),
            events: self.event_sender.clone(),
            user_id: access.user_id.clone(),
            business_id: business_id.clone(),
            message_id: id.clone(),
            progress: progress.unwrap_or(true),
        };
        message::decide(&self.shared, &access, Message { id, business_id, location_id, content }, sender);
    }

    /// Has a review counted by a task of its own, because it waits for the store.
    fn review(&self, frame: ReviewFrame) {
        let Some(access) = self.session.as_ref().map(Session::access) else { return };
        let (shared, events) = (self.shared.clone(), self.event_sender.clone());
        let count = async move {
            let ended = review::count(&shared, &access, frame).await;
            let _ = events.try_send(Box::new(Event::Reviewed(ended.map(Box::new).map_err(Box::new))));
        };
        self.shared.tasks.spawn(count.in_current_span());
    }

    fn resume(&self, frame: ResumeFrame) {
        let Some(access) = self.session.as_ref().map(Session::access) else { return };
        let (shared, outbox, events) = (self.shared.clone(), self.outbox.clone(), self.event_sender.clone());
        let replay = async move {
            let ended = resume::replay(&shared, &access, &outbox, frame).await;
            let ended = ended.map(|frame| frame.map(Box::new)).map_err(Box::new);
            let _ = events.try_send(Box::new(Event::Resumed(ended)));
        };
        self.shared.tasks.spawn(replay.in_current_span());
    }

    /// Writes all queued frames; breaks when the connection has ended, with the code that it was closed with.
    async fn write(&mut self, stream: &mut SocketStream) -> ControlFlow<&'static str> {
        let write_timeout = self.shared.config.write_timeout.0;
        let written = tokio::select! {
            written = write_all(stream, &self.outbox, &mut self.ping_due, write_timeout) => written,
            () = self.outbox.overflowed() => Ok(()),
        };
        match (written, self.outbox.close_requested()) {
            (Ok(()), None) => ControlFlow::Continue(()),
            (Ok(()), Some(close)) => {
                // A connection that is being closed gets no further frames.
                self.session = None;
                // Allows the rest of what the client is sending until it closes too; the time for that is limited.
                self.read_budget.set(u64::MAX);
                send_close(stream, &close, write_timeout).await;
                ControlFlow::Break(close.code.label())
            }
            // A client that reads nothing for this long is treated like one with a full outbox.
            (Err(Some(slow)), _) => ControlFlow::Break(slow.label()),
            (Err(None), _) => ControlFlow::Break(CONNECTION_LOST),
        }
    }

    fn end(&self, code: &'static str) {
        ::metrics::counter!(CLOSES, "code" => code).increment(1);
        tracing::info!(code, seconds = self.started_at.elapsed().as_secs(), "disconnected");
        // Tasks that still have frames for this connection see that it has ended.
        self.outbox.close(CloseCode::Normal.into());
    }

    fn now(&self) -> ConnectionTime {
        ConnectionTime { elapsed: self.started_at.elapsed(), wall: self.shared.clock.now() }
    }
}

async fn write_all(
    stream: &mut SocketStream,
    outbox: &Outbox,
    ping_due: &mut bool,
    write_timeout: Duration,
) -> Result<(), Option<CloseCode>> {
    let mut has_written = false;
    if std::mem::take(ping_due) {
        feed(stream, Wire::Ping(Bytes::new()), write_timeout).await?;
        has_written = true;
    }
    while let Some(frame) = outbox.pop() {
        // Frames are serialised JSON and so always valid UTF-8.
        let Ok(text) = Utf8Bytes::try_from(frame.into_bytes()) else { continue };
        feed(stream, Wire::Text(text), write_timeout).await?;
        has_written = true;
    }
    if has_written {
        with_timeout(write_timeout, stream.flush()).await?;
    }
    Ok(())
}

async fn feed(stream: &mut SocketStream, message: Wire, write_timeout: Duration) -> Result<(), Option<CloseCode>> {
    with_timeout(write_timeout, stream.feed(message)).await
}

async fn with_timeout(
    write_timeout: Duration,
    write: impl Future<Output = Result<(), WireError>>,
) -> Result<(), Option<CloseCode>> {
    match timeout(write_timeout, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some(CloseCode::SlowConsumer)),
    }
}

/// Closes with code and advice, and reads until the client closes too: a socket that is dropped with unread bytes is
/// reset, and the client might never see the close.
async fn send_close(stream: &mut SocketStream, close: &Close, write_timeout: Duration) {
    let frame = CloseFrame { code: close.code.code().into(), reason: close.reason().into() };
    // A slow consumer gets a short time only; its buffers are full anyway.
    let is_slow = close.code == CloseCode::SlowConsumer;
    let write_timeout = if is_slow { write_timeout.min(SLOW_CLOSE_TIMEOUT) } else { write_timeout };
    if matches!(timeout(write_timeout, stream.send(Wire::Close(Some(frame)))).await, Ok(Ok(()))) {
        complete_close(stream).await;
    }
}

/// Answers the client's close (RFC 6455, 5.5.1): the library has prepared the answer and writes it when it is polled
/// for reading.
async fn complete_close(stream: &mut SocketStream) {
    let _ = timeout(CLOSE_TIMEOUT, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}

/// Answers a close that the library did not see, with the client's code.
async fn echo_close(stream: &mut SocketStream, code: u16) {
    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::default() };
    let _ = timeout(CLOSE_TIMEOUT, stream.send(Wire::Close(Some(frame)))).await;
}
