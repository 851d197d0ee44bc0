use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use signalbox_sandbox::Generation;

/// The live generation of every business type. A swap is one atomic store; a decision that took the previous generation
/// keeps it.
#[derive(Debug, Default)]
pub struct Generations {
    live: ArcSwap<BTreeMap<Arc<str>, Arc<Generation>>>,
    absent: ArcSwap<Vec<AbsentBundle>>,
}

/// A configured bundle that could not be loaded. Inputs for its business type wait, and are not given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsentBundle {
    /// The business type; none when the manifest could not be read that far.
    pub business_type: Option<String>,
    /// Its folder.
    pub folder: PathBuf,
    /// Why it is not loaded, in a sentence.
    pub reason: String,
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

    /// The configured bundles that could not be loaded.
    pub fn absent(&self) -> Arc<Vec<AbsentBundle>> {
        self.absent.load_full()
    }

    /// Notes which configured bundles could not be loaded.
    pub fn note_absent(&self, absent: Vec<AbsentBundle>) {
        self.absent.store(Arc::new(absent));
    }

    /// Whether a business type has no generation because its bundle could not be loaded. A bundle whose business type
    /// could not be read counts for every type without a generation.
    pub fn is_absent(&self, business_type: &str) -> bool {
        let may_be =
            |bundle: &AbsentBundle| bundle.business_type.as_deref().is_none_or(|absent| absent == business_type);
        !self.live.load().contains_key(business_type) && self.absent.load().iter().any(may_be)
    }

    /// Makes a generation the live one of its business type, and returns the one that it replaces.
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
