use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use signalbox_http::{Allowance, Verified};
use signalbox_intake::{Message, is_message_id};
use signalbox_sessions::{
    ClientFrame, Close, CloseCode, Encoded, MessageFrame, Outbox, ResumeFrame, ReviewFrame, ServerFrame, Session,
};
use tokio::sync::mpsc;
use tokio::time::{sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error as WireError, Message as Wire, Utf8Bytes};
use tracing::Instrument;

use crate::metrics::{CLOSES, ERRORS};
use crate::protocol::{Action, ConnectionTime, Event, Protocol};
use crate::received::{CLIENT, GONE, IncomingMessage, read};
use crate::upgrade::Stream;
use crate::watch::Sender;
use crate::{Shared, UnauthenticatedPermit, message, resume, review};

/// How long a client may take to answer a close.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// How long before the end of a drain connections close, so that their close frames are still written and answered.
const DRAIN_MARGIN: Duration = Duration::from_millis(1_500);

/// How many bytes may have been read beyond the end of a message: those of the next messages, and frame heads.
const READ_AHEAD: u64 = 4 * 1024;

/// The largest control frame (RFC 6455, 5.5) with its head.
const CONTROL_FRAME: u64 = 125 + 6;

/// One socket and its state, owned by one task.
pub(super) struct ConnectionTask {
    shared: Arc<Shared>,
    id: String,
    began: Instant,
    protocol: Protocol,
    outbox: Arc<Outbox>,
    session: Option<Session>,
    notes_in: mpsc::Sender<Box<Event>>,
    notes: mpsc::Receiver<Box<Event>>,
    ping: bool,
    /// Given back as soon as the connection is authenticated.
    unauthenticated: Option<UnauthenticatedPermit>,
    allowance: Allowance,
}

impl ConnectionTask {
    pub fn new(shared: Arc<Shared>, unauthenticated: UnauthenticatedPermit, allowance: Allowance) -> Self {
        let id = format!("con_{}", &signalbox_model::correlation_id()[4..]);
        // Each message in flight and the one resume send one event each.
        let (notes_in, notes) = mpsc::channel(shared.rules.in_flight + 1);
        let outbox = Arc::new(Outbox::new(usize::try_from(shared.config.outbox_size.0).unwrap_or(usize::MAX)));
        let protocol = Protocol::new(shared.rules.clone(), id.clone());
        Self {
            shared,
            id,
            began: Instant::now(),
            protocol,
            outbox,
            session: None,
            notes_in,
            notes,
            ping: false,
            unauthenticated: Some(unauthenticated),
            allowance,
        }
    }

    /// Serves the socket until it is gone. Both are borrowed, because a future keeps a second copy of an argument that
    /// it owns.
    pub fn run(&mut self, stream: &mut Stream, token: Option<String>) -> impl Future<Output = ()> {
        let span = tracing::info_span!("connection", connection_id = self.id, user_id = tracing::field::Empty);
        self.serve(stream, token).instrument(span)
    }

    async fn serve(&mut self, stream: &mut Stream, token: Option<String>) {
        if let Some(token) = token {
            let frame = ClientFrame::Auth(signalbox_sessions::AuthFrame { token });
            Box::pin(self.handle(Event::Frame { frame, throttled: None })).await;
        }
        let most = self.shared.config.message_size.0.saturating_mul(2).saturating_add(READ_AHEAD);
        self.allowance.set(most);
        let mut draining = self.shared.draining.subscribe();
        // A drain that began between the upgrade and now counts too.
        draining.mark_changed();
        let ended: &'static str = loop {
            if let ControlFlow::Break(ended) = self.write(stream).await {
                break ended;
            }
            let wake = self.protocol.wake_in(self.now()).map(|after| tokio::time::Instant::now() + after);
            let event = tokio::select! {
                // In this order: the frames that the client has read are noted before its next frame is handled.
                biased;
                Some(note) = self.notes.recv() => *note,
                Ok(()) = draining.changed() => match *draining.borrow_and_update() {
                    Some(deadline) => self.drain(deadline),
                    None => continue,
                },
                received = stream.next() => match read(received) {
                    IncomingMessage::Event(event) => {
                        if event == Event::Control {
                            self.allowance.add(CONTROL_FRAME, most);
                        }
                        event
                    }
                    IncomingMessage::Text(text) => {
                        self.allowance.set(most);
                        self.parse(&text)
                    }
                    IncomingMessage::Gone(how) => {
                        if how == CLIENT {
                            answer_goodbye(stream).await;
                        }
                        break how;
                    }
                    IncomingMessage::Closed(code) => {
                        echo_close(stream, code).await;
                        break CLIENT;
                    }
                },
                () = self.outbox.filled() => continue,
                () = sleep_until(wake.unwrap_or_else(tokio::time::Instant::now)), if wake.is_some() => Event::Tick,
            };
            // Boxed, because otherwise every waiting connection would reserve memory for this future.
            Box::pin(self.handle(event)).await;
        };
        self.end(ended);
    }

    fn parse(&mut self, text: &str) -> Event {
        match ClientFrame::parse(text) {
            Ok(frame) => {
                let user = self.session.as_ref().map(Session::access);
                let throttled = user.and_then(|access| self.shared.throttle(&access.user_id));
                Event::Frame { frame, throttled }
            }
            Err(error) => Event::NoFrame(error),
        }
    }

    fn drain(&self, deadline: Duration) -> Event {
        let give_up_in = deadline.saturating_sub(DRAIN_MARGIN.min(deadline / 2));
        let spread = self.shared.drain_spread().min(give_up_in);
        let within = |spread: Duration| spread.mul_f64(rand::random::<f64>());
        let reconnect_in = within(spread);
        // A client that follows the advice closes by itself before the host closes it.
        Event::Drain { reconnect_in, close_in: reconnect_in + within(spread.saturating_sub(reconnect_in)), give_up_in }
    }

    /// Handles an event as the protocol says, and the events that follow from it.
    async fn handle(&mut self, event: Event) {
        // Every frame from the socket shows that the client is alive.
        if matches!(event, Event::Frame { .. } | Event::NoFrame(_)) {
            let now = self.now();
            self.protocol.on(Event::Heard, now);
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
                    Action::Ping => self.ping = true,
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
            let is_about_words =
                matches!(error.error_type, signalbox_model::ErrorType::ValidationError) || code.starts_with("token_");
            tracing::info!(
                correlation_id,
                code,
                error_type = error.error_type.as_str(),
                message_id = detail("messageId").filter(|id| is_message_id(id)),
                error = (!is_about_words).then_some(&*error.message),
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

    fn join(&mut self, verified: Verified) -> Event {
        match self.shared.sessions.register(verified.access.clone(), self.outbox.clone()) {
            Ok(session) => {
                tracing::Span::current().record("user_id", verified.access.user_id.as_str());
                tracing::info!(token_id = verified.token_id, expires_at = %verified.expires_at, "connected");
                self.session = Some(session);
                self.unauthenticated = None;
                Event::Joined(verified)
            }
            Err(full) => Event::NoRoom { limit: full.limit },
        }
    }

    fn decide(&self, message: MessageFrame) {
        let Some(access) = self.session.as_ref().map(Session::access) else { return };
        let MessageFrame { id, business_id, location_id, content, progress } = message;
        let sender = Sender {
            outbox: self.outbox.clone(),
            notes: self.notes_in.clone(),
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
        let (shared, notes) = (self.shared.clone(), self.notes_in.clone());
        let count = async move {
            let ended = review::count(&shared, &access, frame).await;
            let _ = notes.try_send(Box::new(Event::Reviewed(ended.map(Box::new).map_err(Box::new))));
        };
        self.shared.tasks.spawn(count.in_current_span());
    }

    fn resume(&self, frame: ResumeFrame) {
        let Some(access) = self.session.as_ref().map(Session::access) else { return };
        let (shared, outbox, notes) = (self.shared.clone(), self.outbox.clone(), self.notes_in.clone());
        let replay = async move {
            let ended = resume::replay(&shared, &access, &outbox, frame).await;
            let ended = ended.map(|frame| frame.map(Box::new)).map_err(Box::new);
            let _ = notes.try_send(Box::new(Event::Resumed(ended)));
        };
        self.shared.tasks.spawn(replay.in_current_span());
    }

    /// Writes all queued frames; breaks when the connection has ended, with the code that it was closed with.
    async fn write(&mut self, stream: &mut Stream) -> ControlFlow<&'static str> {
        let patience = self.shared.config.write_timeout.0;
        let written = tokio::select! {
            written = write_all(stream, &self.outbox, &mut self.ping, patience) => written,
            () = self.outbox.overflowed() => Ok(()),
        };
        match (written, self.outbox.close_requested()) {
            (Ok(()), None) => ControlFlow::Continue(()),
            (Ok(()), Some(close)) => {
                // A connection that is being closed gets no further frames.
                self.session = None;
                // Allows the rest of what the client is sending until it closes too; the time for that is limited.
                self.allowance.set(u64::MAX);
                say_goodbye(stream, &close, patience).await;
                ControlFlow::Break(close.code.label())
            }
            // A client that reads nothing for this long is treated like one with a full outbox.
            (Err(Some(slow)), _) => ControlFlow::Break(slow.label()),
            (Err(None), _) => ControlFlow::Break(GONE),
        }
    }

    fn end(&self, code: &'static str) {
        ::metrics::counter!(CLOSES, "code" => code).increment(1);
        tracing::info!(code, seconds = self.began.elapsed().as_secs(), "disconnected");
        // Tasks that still have frames for this connection see that it has ended.
        self.outbox.close(CloseCode::Normal.into());
    }

    fn now(&self) -> ConnectionTime {
        ConnectionTime { elapsed: self.began.elapsed(), wall: self.shared.clock.now() }
    }
}

async fn write_all(
    stream: &mut Stream,
    outbox: &Outbox,
    ping: &mut bool,
    patience: Duration,
) -> Result<(), Option<CloseCode>> {
    let mut anything = false;
    if std::mem::take(ping) {
        feed(stream, Wire::Ping(Bytes::new()), patience).await?;
        anything = true;
    }
    while let Some(frame) = outbox.pop() {
        // Frames are serialised JSON and so always valid UTF-8.
        let Ok(text) = Utf8Bytes::try_from(frame.into_bytes()) else { continue };
        feed(stream, Wire::Text(text), patience).await?;
        anything = true;
    }
    if anything {
        within(patience, stream.flush()).await?;
    }
    Ok(())
}

async fn feed(stream: &mut Stream, message: Wire, patience: Duration) -> Result<(), Option<CloseCode>> {
    within(patience, stream.feed(message)).await
}

async fn within(
    patience: Duration,
    write: impl Future<Output = Result<(), WireError>>,
) -> Result<(), Option<CloseCode>> {
    match timeout(patience, write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(None),
        Err(_) => Err(Some(CloseCode::SlowConsumer)),
    }
}

/// Closes with code and advice, and reads until the client closes too: a socket that is dropped with unread bytes is
/// reset, and the client might never see the close.
async fn say_goodbye(stream: &mut Stream, close: &Close, patience: Duration) {
    let frame = CloseFrame { code: close.code.code().into(), reason: close.reason().into() };
    // A slow consumer gets a short time only; its buffers are full anyway.
    let patience = if close.code == CloseCode::SlowConsumer { patience.min(Duration::from_secs(1)) } else { patience };
    if matches!(timeout(patience, stream.send(Wire::Close(Some(frame)))).await, Ok(Ok(()))) {
        answer_goodbye(stream).await;
    }
}

/// Answers the client's close (RFC 6455, 5.5.1): the library has prepared the answer and writes it when it is polled
/// for reading.
async fn answer_goodbye(stream: &mut Stream) {
    let _ = timeout(CLOSE_TIMEOUT, async { while let Some(Ok(_)) = stream.next().await {} }).await;
}

/// Answers a close that the library did not see, with the client's code.
async fn echo_close(stream: &mut Stream, code: u16) {
    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::default() };
    let _ = timeout(CLOSE_TIMEOUT, stream.send(Wire::Close(Some(frame)))).await;
}
