//! A server of e-mail on the loopback interface that speaks SMTP, fails as it is told, and keeps what it took.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// What the server does at one point of a conversation in place of going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SmtpFault {
    /// Says this line and goes on.
    Answers(&'static str),
    /// Says nothing until the client closes the connection.
    Hangs,
    /// Closes the connection.
    Drops,
}

/// A point of a conversation: `connect`, `EHLO`, `AUTH`, `MAIL`, `RCPT`, `DATA`, or `text` after the e-mail's text.
pub type SmtpPoint = &'static str;

/// An e-mail that the server was given to its end, whatever it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceivedEmail {
    /// The sender of the envelope.
    pub from: String,
    /// The recipients of the envelope.
    pub to: Vec<String>,
    /// The e-mail's lines, each ended by a line break.
    pub text: String,
}

impl ReceivedEmail {
    /// The value of a header that stands on one line.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (head, _) = self.text.split_once("\n\n")?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// A running server.
#[derive(Debug)]
pub struct SmtpServer {
    /// Its port.
    pub port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// The faults of one connection each; connections beyond have none.
    faults: Mutex<Vec<Option<(SmtpPoint, SmtpFault)>>>,
    received: Mutex<Vec<ReceivedEmail>>,
    /// The lines of all clients, without the texts of e-mails.
    commands: Mutex<Vec<String>>,
}

impl SmtpServer {
    /// Starts a server whose first connection has the first fault, and so on.
    pub async fn start(faults: &[Option<(SmtpPoint, SmtpFault)>]) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("no port for a server of e-mail")?;
        let port = listener.local_addr()?.port();
        let state =
            State { faults: Mutex::new(faults.to_vec()), received: Mutex::default(), commands: Mutex::default() };
        let state = Arc::new(state);
        let serving = state.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let fault = {
                    let mut faults = serving.faults.lock().unwrap_or_else(PoisonError::into_inner);
                    if faults.is_empty() { None } else { faults.remove(0) }
                };
                let serving = serving.clone();
                tokio::spawn(async move {
                    // A client that has gone ends its conversation.
                    let _ = serving.converse(stream, fault).await;
                });
            }
        });
        Ok(Self { port, state })
    }

    /// What it was given so far.
    pub fn received(&self) -> Vec<ReceivedEmail> {
        self.state.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What clients said so far, without the texts of e-mails.
    pub fn commands(&self) -> Vec<String> {
        self.state.commands.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl State {
    async fn converse(&self, stream: TcpStream, fault: Option<(SmtpPoint, SmtpFault)>) -> std::io::Result<()> {
        let mut stream = BufReader::new(stream);
        if !answer(&mut stream, "connect", fault, "220 mock ready").await? {
            return Ok(());
        }
        let (mut from, mut to) = (String::new(), Vec::new());
        let mut line = String::new();
        loop {
            line.clear();
            if stream.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let command = line.trim_end().to_owned();
            self.commands.lock().unwrap_or_else(PoisonError::into_inner).push(command.clone());
            let (verb, rest) = command.split_once(' ').unwrap_or((&command, ""));
            let address = || rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(own, _)| own);
            let goes_on = match verb {
                "EHLO" => {
                    answer(&mut stream, "EHLO", fault, "250-mock\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME").await?
                }
                "AUTH" => answer(&mut stream, "AUTH", fault, "235 welcome").await?,
                "MAIL" => {
                    from = address().to_owned();
                    answer(&mut stream, "MAIL", fault, "250 ok").await?
                }
                "RCPT" => {
                    to.push(address().to_owned());
                    answer(&mut stream, "RCPT", fault, "250 ok").await?
                }
                "DATA" => {
                    let goes_on = answer(&mut stream, "DATA", fault, "354 go on").await?;
                    if goes_on && !matches!(fault, Some(("DATA", SmtpFault::Answers(_)))) {
                        let text = text(&mut stream).await?;
                        let email = ReceivedEmail { from: from.clone(), to: std::mem::take(&mut to), text };
                        self.received.lock().unwrap_or_else(PoisonError::into_inner).push(email);
                        answer(&mut stream, "text", fault, "250 taken").await?
                    } else {
                        goes_on
                    }
                }
                "QUIT" => {
                    stream.write_all(b"221 bye\r\n").await?;
                    return Ok(());
                }
                _ => answer(&mut stream, "other", fault, "502 what?").await?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }
}

/// Says `usual`, or does what the fault of this point says; false when the conversation is over.
async fn answer(
    stream: &mut BufReader<TcpStream>,
    point: SmtpPoint,
    fault: Option<(SmtpPoint, SmtpFault)>,
    usual: &str,
) -> std::io::Result<bool> {
    let line = match fault.filter(|(at, _)| *at == point) {
        None => usual,
        Some((_, SmtpFault::Answers(line))) => line,
        Some((_, SmtpFault::Drops)) => return Ok(false),
        Some((_, SmtpFault::Hangs)) => {
            let mut line = String::new();
            while stream.read_line(&mut line).await? > 0 {
                line.clear();
            }
            return Ok(false);
        }
    };
    stream.write_all(format!("{line}\r\n").as_bytes()).await?;
    Ok(true)
}

/// An e-mail's text, up to the line with a single dot.
async fn text(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end_matches(['\r', '\n']);
        if line == "." {
            return Ok(text);
        }
        text.push_str(line.strip_prefix('.').unwrap_or(line));
        text.push('\n');
    }
}
