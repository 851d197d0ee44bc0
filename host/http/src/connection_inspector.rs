use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::AsyncRead;

use crate::connection_state::ConnectionState;
use crate::inspected_stream::StreamInspector;
use crate::lingering_close::LingeringClose;
use crate::smuggling_detector::SmugglingDetector;

/// Tells a connection's state what is read from its stream, and ends the connection with a lingering close.
pub(super) struct ConnectionInspector {
    state: Arc<ConnectionState>,
    smuggling_detector: SmugglingDetector,
    lingering_close: Option<LingeringClose>,
}

impl ConnectionInspector {
    pub fn new(state: Arc<ConnectionState>) -> Self {
        Self { state, smuggling_detector: SmugglingDetector::default(), lingering_close: None }
    }
}

impl StreamInspector for ConnectionInspector {
    fn inspect(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.state.on_bytes_read(bytes);
        if self.state.is_http() && self.smuggling_detector.scan(bytes) {
            self.state.set_ambiguous();
        }
        Ok(bytes.len())
    }

    fn poll_linger<S: AsyncRead + Unpin>(&mut self, stream: &mut S, task: &mut Context<'_>) -> Poll<()> {
        let Self { state, lingering_close, .. } = self;
        let close = lingering_close.get_or_insert_with(|| LingeringClose::begin(state.client_may_be_sending()));
        close.poll(stream, task)
    }
}
