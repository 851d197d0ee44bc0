use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use signalbox_sandbox::Generation;

/// The live generation of every business type. A swap is one atomic store; whoever took a generation before keeps it.
#[derive(Debug, Default)]
pub struct Generations {
    live: ArcSwap<BTreeMap<Arc<str>, Arc<Generation>>>,
}

impl Generations {
    /// The live generation for a business type.
    pub fn live(&self, business_type: &str) -> Option<Arc<Generation>> {
        self.live.load().get(business_type).cloned()
    }

    /// Every live generation, by business type.
    pub fn all(&self) -> Vec<Arc<Generation>> {
        self.live.load().values().cloned().collect()
    }

    /// Makes a generation the live one of its business type, and gives back the one it replaces.
    pub fn publish(&self, generation: Arc<Generation>) -> Option<Arc<Generation>> {
        let business_type = generation.business_type.clone();
        let before = self.live.rcu(|live| {
            let mut live = BTreeMap::clone(live);
            live.insert(business_type.clone(), generation.clone());
            live
        });
        before.get(&business_type).cloned()
    }
}
