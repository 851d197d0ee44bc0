//! The minimal WASI for guests: no files, sockets, environment or arguments. The time is the decision's start, random
//! numbers derive from the decision, and output becomes log lines.

mod random;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use signalbox_model::Timestamp;
use wasmtime::component::{HasData, Linker, ResourceTable};
use wasmtime_wasi::cli::{IsTerminal, StdoutStream, WasiCli, WasiCliView as _};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock, WasiClocks, WasiClocksView as _};
use wasmtime_wasi::filesystem::{WasiFilesystem, WasiFilesystemView as _};
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random as secure};
use wasmtime_wasi::p2::bindings::{cli, clocks, filesystem};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{WasiCtx, WasiView};
use wasmtime_wasi_io::bindings::wasi::io;

use crate::guest::Guest;
use random::HasRandom;

pub(crate) use random::GuestRandom;

/// The most bytes that a guest may print in one call; further output is dropped.
const MOST_OUTPUT: usize = 64 * 1024;

/// WASI interfaces that guests may import, without versions. Sockets and HTTP are not among them.
pub(crate) const OFFERED: [&str; 18] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stderr",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stderr",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/",
];

/// Tells Wasmtime that streams and pollables are in the resource table.
struct Resources;

impl HasData for Resources {
    type Data<'a> = &'a mut ResourceTable;
}

/// Adds what is [`OFFERED`] to a linker.
pub(crate) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    let l = linker;
    io::error::add_to_linker::<Guest, Resources>(l, |guest| guest.ctx().table)?;
    io::poll::add_to_linker::<Guest, Resources>(l, |guest| guest.ctx().table)?;
    io::streams::add_to_linker::<Guest, Resources>(l, |guest| guest.ctx().table)?;
    clocks::wall_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    clocks::monotonic_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    secure::add_to_linker::<Guest, HasRandom>(l, |guest| &mut guest.random)?;
    insecure::add_to_linker::<Guest, HasRandom>(l, |guest| &mut guest.random)?;
    insecure_seed::add_to_linker::<Guest, HasRandom>(l, |guest| &mut guest.random)?;
    cli::exit::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::environment::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    cli::terminal_stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    // Rust's standard library links the file system even when a program opens no file. There is no folder in which to
    // open one.
    filesystem::types::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)?;
    filesystem::preopens::add_to_linker::<Guest, WasiFilesystem>(l, Guest::filesystem)
}

/// The WASI context of one call, and the output of the guest.
pub(crate) fn context(started_at: Timestamp) -> (WasiCtx, Output) {
    let output = Output::default();
    let mut builder = WasiCtx::builder();
    builder
        .wall_clock(Frozen(started_at))
        .monotonic_clock(Counting(AtomicU64::new(0)))
        .stdout(output.clone())
        .stderr(output.clone())
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    (builder.build(), output)
}

struct Frozen(Timestamp);

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.as_millisecond()).unwrap_or(0))
    }
}

/// A clock that moves on by a microsecond each time it is read. A guest that measures time sees it pass, and learns
/// nothing about the host.
struct Counting(AtomicU64);

impl HostMonotonicClock for Counting {
    fn resolution(&self) -> u64 {
        1_000
    }

    fn now(&self) -> u64 {
        self.0.fetch_add(1_000, Ordering::Relaxed)
    }
}

/// The output of a guest, up to a limit.
#[derive(Clone, Default)]
pub(crate) struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    /// The printed lines.
    pub fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().map(|mut bytes| std::mem::take(&mut *bytes)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect()
    }

    fn take(&self, bytes: &[u8]) {
        if let Ok(mut kept) = self.0.lock() {
            let room = MOST_OUTPUT.saturating_sub(kept.len()).min(bytes.len());
            kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Output {
    async fn ready(&mut self) {}
}

impl OutputStream for Output {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(MOST_OUTPUT)
    }
}
