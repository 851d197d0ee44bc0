use std::num::NonZeroUsize;

use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy};

/// The native stack of a guest; host functions use the rest of the fiber.
const GUEST_STACK: usize = 512 << 10;
const FIBER_STACK: usize = 2 << 20;
/// The largest memory that a bundle may ask for.
const LARGEST_MEMORY: usize = 256 << 20;
/// The memory that a pool slot keeps between calls, so that the next call need not fault it in again. Together with
/// `pagemap_scan`, this made a call three times as fast in a measurement.
const KEPT_MEMORY: usize = 1 << 20;
const KEPT_TABLE: usize = 64 << 10;
const KEPT_STACK: usize = 32 << 10;

/// An engine for a process that only compiles. It reserves no pool, and compiles each component on one core, so that a
/// hostile component uses no more.
pub(crate) fn compiling_engine() -> wasmtime::Result<Engine> {
    Engine::new(&engine_config(None))
}

/// The only engine configuration of the host: with a pool of instances to run guests, or without one to compile.
/// Features that plugins do not need are off, whatever their default. Threads, exceptions, typed function references
/// and asynchronous component functions are not even compiled in (see the features of Wasmtime in the workspace's
/// `Cargo.toml`).
pub(crate) fn engine_config(instances: Option<u32>) -> Config {
    let allocation = instances.map_or(InstanceAllocationStrategy::OnDemand, |instances| pool(instances).into());
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .parallel_compilation(instances.is_some())
        .epoch_interruption(true)
        .max_wasm_stack(GUEST_STACK)
        .async_stack_size(FIBER_STACK)
        .async_stack_zeroing(true)
        .wasm_component_model(true)
        .concurrency_support(false)
        .shared_memory(false)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_gc(false)
        .gc_support(false)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(16))
        .allocation_strategy(allocation);
    config
}

/// A pool for so many instances at a time.
fn pool(instances: u32) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    // A component has several core instances: its own module, the adapter's and the shims between them.
    pool.total_component_instances(instances)
        .total_core_instances(4 * instances)
        .total_memories(2 * instances)
        .total_tables(4 * instances)
        .total_stacks(instances)
        .max_core_instances_per_component(20)
        .max_memories_per_component(2)
        .max_tables_per_component(8)
        .max_memories_per_module(1)
        .max_tables_per_module(4)
        .table_elements(20_000)
        .max_memory_size(LARGEST_MEMORY)
        .max_component_instance_size(1 << 20)
        .max_core_instance_size(1 << 20)
        .linear_memory_keep_resident(KEPT_MEMORY)
        .table_keep_resident(KEPT_TABLE)
        .async_stack_keep_resident(KEPT_STACK)
        .pagemap_scan(Enabled::Auto);
    pool
}
