use wasmtime::ResourceLimiter;

/// The bytes that a table element counts: a function reference of the runtime.
const ELEMENT_BYTES: usize = 16;

/// Limits all memories and tables of one instance together, because Wasmtime's own limits hold for each memory alone.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    limit: usize,
    used: usize,
    refused: bool,
}

impl MemoryLimit {
    pub fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit).unwrap_or(usize::MAX), used: 0, refused: false }
    }

    /// Whether the guest asked for more memory than it may have, so that a following trap is reported as a lack of
    /// memory.
    pub fn was_refused(&self) -> bool {
        self.refused
    }

    fn grow(&mut self, current: usize, desired: usize) -> bool {
        let wanted = self.used.saturating_add(desired.saturating_sub(current));
        if wanted > self.limit {
            self.refused = true;
            return false;
        }
        self.used = wanted;
        true
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current, desired))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(self.grow(current.saturating_mul(ELEMENT_BYTES), desired.saturating_mul(ELEMENT_BYTES)))
    }

    fn instances(&self) -> usize {
        32
    }

    fn tables(&self) -> usize {
        32
    }

    fn memories(&self) -> usize {
        4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_and_tables_share_one_limit() {
        let mut limit = MemoryLimit::new(1_000);
        assert!(limit.memory_growing(0, 400, None).unwrap());
        assert!(limit.memory_growing(0, 400, None).unwrap());
        assert!(!limit.table_growing(0, 100, None).unwrap());
        assert!(limit.was_refused());
        assert!(limit.memory_growing(400, 600, None).unwrap());
        assert!(!limit.memory_growing(600, 601, None).unwrap());
    }
}
