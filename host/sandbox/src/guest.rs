use std::sync::Arc;
use std::time::Duration;

use signalbox_capabilities::Calls;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::limits::MemoryLimit;
use crate::scheduler::CallState;

/// What one guest call keeps in its store.
pub(crate) struct Guest {
    pub calls: Calls,
    pub memory: MemoryLimit,
    /// How long the guest may still compute.
    pub budget: Duration,
    pub tick: Duration,
    pub state: Arc<CallState>,
    wasi: WasiCtx,
    table: ResourceTable,
}

/// Live WASI resources of one call.
const MOST_RESOURCES: usize = 256;

impl Guest {
    pub fn new(
        calls: Calls,
        memory: MemoryLimit,
        budget: Duration,
        tick: Duration,
        state: Arc<CallState>,
        wasi: WasiCtx,
    ) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MOST_RESOURCES);
        Self { calls, memory, budget, tick, state, wasi, table }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
