use std::borrow::Cow;
use std::fmt;

/// Why the host closes a connection. 1xxx codes are those of RFC 6455, 4xxx are Signalbox's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CloseCode {
    /// The client has closed the connection.
    Normal,
    /// The client sent a binary frame; the protocol is text.
    Binary,
    /// Text that is not UTF-8.
    InvalidText,
    /// A message or frame beyond the limit.
    TooLarge,
    /// The frames on the wire break RFC 6455.
    ProtocolError,
    /// The host is shutting down. Another host is there, or this one comes back.
    Restart,
    /// The client reads more slowly than the host writes to it.
    SlowConsumer,
    /// The client did not answer a ping.
    HeartbeatMissed,
    /// The token is not valid, or is missing where one is needed.
    AuthFailed,
    /// The token has expired.
    TokenExpired,
    /// The token belongs to another user.
    Forbidden,
    /// The client sent no token in time.
    AuthTimeout,
    /// The user has too many connections.
    TooManyConnections,
    /// The client keeps sending errors or too many frames.
    Abuse,
    /// A fault of the host.
    Internal,
}

impl CloseCode {
    /// Every code the host sends.
    pub const ALL: [Self; 15] = [
        Self::Normal,
        Self::ProtocolError,
        Self::Binary,
        Self::InvalidText,
        Self::TooLarge,
        Self::Restart,
        Self::SlowConsumer,
        Self::HeartbeatMissed,
        Self::AuthFailed,
        Self::TokenExpired,
        Self::Forbidden,
        Self::AuthTimeout,
        Self::TooManyConnections,
        Self::Abuse,
        Self::Internal,
    ];

    /// The number on the wire.
    pub fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::ProtocolError => 1002,
            Self::Binary => 1003,
            Self::InvalidText => 1007,
            Self::TooLarge => 1009,
            Self::Restart => 1012,
            Self::SlowConsumer => 4008,
            Self::HeartbeatMissed => 4010,
            Self::AuthFailed => 4401,
            Self::TokenExpired => 4402,
            Self::Forbidden => 4403,
            Self::AuthTimeout => 4408,
            Self::TooManyConnections => 4409,
            Self::Abuse => 4429,
            Self::Internal => 4500,
        }
    }

    /// The number as text, for metric labels.
    pub fn label(self) -> &'static str {
        match self {
            Self::Normal => "1000",
            Self::ProtocolError => "1002",
            Self::Binary => "1003",
            Self::InvalidText => "1007",
            Self::TooLarge => "1009",
            Self::Restart => "1012",
            Self::SlowConsumer => "4008",
            Self::HeartbeatMissed => "4010",
            Self::AuthFailed => "4401",
            Self::TokenExpired => "4402",
            Self::Forbidden => "4403",
            Self::AuthTimeout => "4408",
            Self::TooManyConnections => "4409",
            Self::Abuse => "4429",
            Self::Internal => "4500",
        }
    }

    /// How long a client that changes nothing has to wait before it connects again, in milliseconds; none if it must
    /// not.
    pub fn reconnect_after_ms(self) -> Option<u64> {
        match self {
            Self::Normal
            | Self::ProtocolError
            | Self::Binary
            | Self::InvalidText
            | Self::TooLarge
            | Self::AuthFailed
            | Self::Forbidden => None,
            Self::HeartbeatMissed | Self::TokenExpired | Self::AuthTimeout => Some(0),
            Self::Restart | Self::SlowConsumer | Self::Internal => Some(1_000),
            Self::TooManyConnections => Some(30_000),
            Self::Abuse => Some(60_000),
        }
    }

    /// Whether the client needs a new token before it connects again.
    pub fn needs_new_token(self) -> bool {
        matches!(self, Self::AuthFailed | Self::TokenExpired | Self::Forbidden)
    }

    fn why(self) -> &'static str {
        match self {
            Self::Normal => "goodbye",
            Self::ProtocolError => "broken WebSocket frames",
            Self::Binary => "send text frames",
            Self::InvalidText => "text is not UTF-8",
            Self::TooLarge => "message too large",
            Self::Restart => "host restarts",
            Self::SlowConsumer => "reads too slowly",
            Self::HeartbeatMissed => "no pong in time",
            Self::AuthFailed => "authentication failed",
            Self::TokenExpired => "token expired",
            Self::Forbidden => "token of another user",
            Self::AuthTimeout => "no token in time",
            Self::TooManyConnections => "too many connections",
            Self::Abuse => "too many errors",
            Self::Internal => "internal error",
        }
    }
}

/// A close code with advice for the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// Why.
    pub code: CloseCode,
    after_ms: Option<u64>,
    why: Cow<'static, str>,
}

impl Close {
    /// A close with the code's usual advice.
    pub fn new(code: CloseCode) -> Self {
        Self { code, after_ms: code.reconnect_after_ms(), why: Cow::Borrowed(code.why()) }
    }

    /// The same close, with the advice to connect again after this many milliseconds.
    pub fn after_ms(mut self, after_ms: u64) -> Self {
        self.after_ms = Some(after_ms);
        self
    }

    /// The close reason: a JSON object of at most 123 bytes, which is what a close frame holds.
    pub fn reason(&self) -> String {
        match self.after_ms {
            Some(after_ms) => format!(
                r#"{{"reconnect":true,"afterMs":{after_ms},"newToken":{},"why":"{}"}}"#,
                self.code.needs_new_token(),
                self.why
            ),
            None => format!(r#"{{"reconnect":false,"newToken":{},"why":"{}"}}"#, self.code.needs_new_token(), self.why),
        }
    }
}

impl From<CloseCode> for Close {
    fn from(code: CloseCode) -> Self {
        Self::new(code)
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.code.code(), self.why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_json_and_fits_into_a_close_frame() {
        for code in CloseCode::ALL {
            let reason = Close::new(code).after_ms(u64::MAX).reason();
            assert!(reason.len() <= 123, "{reason} has {} bytes", reason.len());
            let advice: serde_json::Value = serde_json::from_str(&Close::new(code).reason()).unwrap();
            assert_eq!(advice["reconnect"], code.reconnect_after_ms().is_some());
            assert_eq!(code.label(), code.code().to_string());
        }
    }

    #[test]
    fn every_code_has_its_own_number() {
        let mut codes: Vec<u16> = CloseCode::ALL.iter().map(|code| code.code()).collect();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), CloseCode::ALL.len());
    }
}
