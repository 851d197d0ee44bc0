use std::sync::Arc;
use std::time::Duration;

use signalbox_capabilities::Calls;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::limits::MemoryLimit;
use crate::scheduler::CallState;
use crate::wasi::GuestRandom;

/// The data of one guest call in its store.
pub(crate) struct Guest {
    pub calls: Calls,
    pub memory: MemoryLimit,
    /// The remaining CPU time of the guest.
    pub budget: Duration,
    pub tick: Duration,
    pub state: Arc<CallState>,
    pub random: GuestRandom,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// The most WASI resources that one call may have at a time.
const MOST_RESOURCES: usize = 256;

impl Guest {
    pub fn new(
        calls: Calls,
        memory: MemoryLimit,
        budget: Duration,
        tick: Duration,
        state: Arc<CallState>,
        random: GuestRandom,
        wasi: WasiCtx,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_RESOURCES);
        Self { calls, memory, budget, tick, state, random, wasi, table }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
