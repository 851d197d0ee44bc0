//! Random numbers for guests: derived from the decision and the node, so that a replay sees the same ones.

use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};
use signalbox_capabilities::CallScope;
use wasmtime::bail;
use wasmtime::component::HasData;
use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};

/// The most random bytes of one request.
const MOST_BYTES: u64 = 64 * 1024;

/// The random numbers of one call. Most guests ask for none, so the generators are made when the first one is asked
/// for.
pub(crate) struct GuestRandom {
    scope: Arc<CallScope>,
    /// The node's path or the handler's name.
    label: Arc<str>,
    generators: Option<Generators>,
}

struct Generators {
    secure: StdRng,
    insecure: StdRng,
    seed: u128,
}

/// Tells Wasmtime where a guest's random numbers are.
pub(super) struct HasRandom;

impl HasData for HasRandom {
    type Data<'a> = &'a mut GuestRandom;
}

impl GuestRandom {
    pub fn new(scope: Arc<CallScope>, label: Arc<str>) -> Self {
        Self { scope, label, generators: None }
    }

    fn generators(&mut self) -> &mut Generators {
        self.generators.get_or_insert_with(|| Generators::new(&[&self.scope.decision_id, &self.label]))
    }
}

impl Generators {
    fn new(parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let seed: [u8; 32] = hash.finalize().into();
        let half = seed.first_chunk::<16>().copied().unwrap_or_default();
        Self { secure: StdRng::from_seed(seed), insecure: StdRng::from_seed(seed), seed: u128::from_le_bytes(half) }
    }
}

fn bytes(generator: &mut StdRng, length: u64) -> wasmtime::Result<Vec<u8>> {
    if length > MOST_BYTES {
        bail!("requested len {length} exceeds limit {MOST_BYTES}");
    }
    Ok(generator.random_iter().take(usize::try_from(length)?).collect())
}

impl random::Host for GuestRandom {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(&mut self.generators().secure, len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.generators().secure.random())
    }
}

impl insecure::Host for GuestRandom {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        bytes(&mut self.generators().insecure, len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        Ok(self.generators().insecure.random())
    }
}

impl insecure_seed::Host for GuestRandom {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        let seed = self.generators().seed;
        // The lower and the upper half.
        Ok((seed as u64, (seed >> 64) as u64))
    }
}
