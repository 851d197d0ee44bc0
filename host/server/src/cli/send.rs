mod client;
mod story;

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use reqwest::Url;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::connection::Connection;
use super::{Configured, output};
use crate::shutdown;
use client::{Client, SendResult};
use story::Story;

/// Sends messages as a coordinator and shows their progress up to the reply.
///
/// With a text the command sends one message, waits for the answer and ends; without one it reads one message per line
/// from standard input. The token is best kept in SIGNALBOX_TOKEN, out of the list of processes.
///
/// Example: SIGNALBOX_TOKEN="$(signalbox token --user ana --business trattoria-roma)" signalbox send --business
/// trattoria-roma "o masă pentru 4, mâine la 19:30"
#[derive(Debug, Args)]
pub struct Options {
    /// The message; without it one message per line of standard input.
    text: Option<String>,
    #[command(flatten)]
    connection: Connection,
    /// The business; may be left out when the token names exactly one.
    #[arg(long, value_name = "ID")]
    business: Option<String>,
    /// The place that the message is about.
    #[arg(long, value_name = "ID")]
    location: Option<String>,
    /// The message's own id; a message that is sent again with the same id is answered from the record.
    #[arg(long)]
    id: Option<String>,
    /// Prints every frame from the host as one line of JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Sends; the exit code says whether every message was answered.
pub fn run(configured: &Configured, options: &Options) -> anyhow::Result<ExitCode> {
    crate::serve::install_tls();
    // A missing token is reported before any mistake in the address.
    options.connection.token()?;
    let url = options.connection.host(configured)?.websocket_url()?;
    super::wait_for(converse(options, &url))
}

async fn converse(options: &Options, url: &Url) -> anyhow::Result<ExitCode> {
    let timeout = options.connection.timeout;
    let deadline = Duration::from_secs(timeout);
    let mut story = Story { json: options.json };
    let connecting = Client::connect(url, options.connection.token()?, &mut story);
    let mut client = tokio::time::timeout(deadline, connecting)
        .await
        .with_context(|| format!("{url} did not answer within {timeout} s"))??;
    let business = match (&options.business, client.businesses.as_slice()) {
        (Some(business), _) => business.clone(),
        (None, [only]) => only.clone(),
        (None, several) => bail!("the token names {} businesses; choose one with --business", several.len()),
    };
    let say = async |client: &mut Client, story: &mut Story, text: &str, id: Option<&str>| {
        client.send(&business, options.location.as_deref(), text, id).await?;
        let answered = client.until_answered(story);
        tokio::time::timeout(deadline, answered).await.with_context(|| {
            format!("no answer within {timeout} s; `signalbox decisions tail` shows whether it was decided")
        })?
    };
    let mut ending = SendResult::Answered;
    match &options.text {
        Some(text) => ending = say(&mut client, &mut story, text, options.id.as_deref()).await?,
        None => {
            let prompt = std::io::stdin().is_terminal() && !options.json;
            let mut lines = BufReader::new(tokio::io::stdin()).lines();
            loop {
                if prompt {
                    output::text("> ")?;
                }
                let line = tokio::select! {
                    line = lines.next_line() => line?,
                    closed = client.listen(&mut story) => return closed,
                    _ = tokio::signal::ctrl_c() => None,
                };
                match line.as_deref().map(str::trim) {
                    None => break,
                    Some("") => {}
                    Some(text) => {
                        let this = say(&mut client, &mut story, text, None).await?;
                        ending = if this == SendResult::Refused { this } else { ending };
                    }
                }
            }
        }
    }
    client.leave().await;
    Ok(if ending == SendResult::Answered { shutdown::DONE } else { shutdown::FAILED })
}
