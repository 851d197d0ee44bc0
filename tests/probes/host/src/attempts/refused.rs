//! Components that are refused before any of their code runs.

use std::borrow::Cow;
use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::BoxFuture;
use signalbox_model::{HumanDuration, HumanSize};
use tempfile::TempDir;

use crate::arena::Arena;
use crate::attempt::{Attempt, Way};
use crate::components::{blocks, branches, component, large, multiplications, text};
use crate::loading::{Loading, in_children, sandbox};
use crate::world::copied;

/// The default of `compile-time`.
const USUAL: Duration = Duration::from_secs(60);

pub(super) fn attempts() -> Vec<Attempt> {
    let load = |name: &'static str, tries, word, load| Attempt {
        name: Cow::Borrowed(name),
        tries,
        word,
        deadline: USUAL,
        // The host's own memory while it passes the component on.
        memory: 64,
        way: Way::Load(load),
    };
    let other = |name: &'static str, tries, word, other| Attempt {
        name: Cow::Borrowed(name),
        tries,
        word,
        deadline: USUAL,
        // The host's own memory while it passes the component on.
        memory: 64,
        way: Way::Other(other),
    };
    vec![
        load("slow-to-compile", "take long to compile, with 2,000 functions", "300ms to compile", || {
            let component = component(2_000, |function| multiplications(function, 500));
            Ok(Loading { time: HumanDuration::millis(300), ..Loading::new(component) })
        }),
        load("a-million-functions", "have a million functions", "300ms to compile", || {
            let component = component(1_000_000, |function| multiplications(function, 1));
            Ok(Loading { time: HumanDuration::millis(300), ..Loading::new(component) })
        }),
        load("large-function", "take much memory to compile, with one function", "96mib of memory", || {
            let component = component(1, |function| multiplications(function, 500_000));
            Ok(Loading { memory: HumanSize(96 << 20), ..Loading::new(component) })
        }),
        load("many-branches", "take much memory to compile, with branches", "64mib of memory", || {
            let component = component(20, |function| branches(function, 60_000));
            Ok(Loading { memory: HumanSize(64 << 20), ..Loading::new(component) })
        }),
        load("nested-blocks", "overflow the compiler's stack with 20,000 nested blocks", "plugin `hostile`", || {
            Ok(Loading::new(component(1, |function| blocks(function, 20_000))))
        }),
        load("huge-component", "be larger than a component may be", "more than the 16777216 that are taken", || {
            Ok(Loading::new(large(16 << 20)))
        }),
        load("empty-file", "be no component", "no webassembly component", || Ok(Loading::new(Vec::new()))),
        load("core-module", "be a core module", "a core module, not a component", || {
            Ok(Loading::new(text("(module)")?))
        }),
        load("native-code", "be native code", "native code, which is never loaded", || {
            Ok(Loading::new([&b"\x7fELF"[..], &[0; 64]].concat()))
        }),
        load("truncated", "be cut off", "does not compile", || {
            let mut component = component(1, |function| multiplications(function, 1));
            component.truncate(component.len().saturating_sub(4));
            Ok(Loading::new(component))
        }),
        load("nonsense", "be nonsense behind a component's first bytes", "does not compile", || {
            Ok(Loading::new([&b"\0asm\x0d\0\x01\0"[..], &[0xff; 64]].concat()))
        }),
        load("threads", "use threads, which are off", "threads", || {
            Ok(Loading::new(text("(component (core module (memory 1 1 shared)))")?))
        }),
        load("memory-of-64-bits", "use a memory of 64 bits, which is off", "memory64", || {
            Ok(Loading::new(text("(component (core module (memory i64 1)))")?))
        }),
        load("larger-memory-than-any", "declare a memory of 320 MiB", "memory", || {
            let text = text("(component (core module $m (memory 5000)) (core instance (instantiate $m)))")?;
            Ok(Loading::new(text))
        }),
        load("larger-table-than-any", "declare a table of 30,000 elements", "table", || {
            let text = text("(component (core module $m (table 30000 funcref)) (core instance (instantiate $m)))")?;
            Ok(Loading::new(text))
        }),
        load("more-memories-than-any", "declare three memories", "memories", || {
            let instances = "(core instance (instantiate $m))".repeat(3);
            Ok(Loading::new(text(&format!("(component (core module $m (memory 1)) {instances})"))?))
        }),
        load("more-modules-than-any", "instantiate 30 modules", "instances", || {
            let instances = "(core instance (instantiate $m))".repeat(30);
            Ok(Loading::new(text(&format!("(component (core module $m) {instances})"))?))
        }),
        load("exports-nothing", "export nothing", "does not export", || Ok(Loading::new(text("(component)")?))),
        other("sockets", "use sockets of its own", "wasi:sockets", |arena| {
            Box::pin(arena.refused("sockets", || probe("sockets", ("", ""))))
        }),
        other("without-grant", "use what was not granted to it", "without a grant", |arena| {
            Box::pin(arena.refused("without-grant", || probe("llm", ("grants = { llm = [\"default\"] }", ""))))
        }),
        other("tampered-code", "change compiled code in the cache", "compiled again", tampered),
    ]
}

/// The bundle of a probe, with another text in its manifest, in a folder of its own.
fn probe(name: &str, replace: (&str, &str)) -> Result<TempDir> {
    let folder = TempDir::new()?;
    copied(&signalbox_tests_support::bundle(&format!("probes/{name}"))?, replace, folder.path())?;
    Ok(folder)
}

fn tampered(_: &Arena) -> BoxFuture<'_, Result<String>> {
    Box::pin(async {
        let cache = TempDir::new()?;
        let folder = signalbox_tests_support::bundle("probes/config")?;
        let load = || async {
            let sandbox = sandbox(in_children()?, |config| config.cache = Some(cache.path().to_owned())).await?;
            sandbox.load(&folder).await?;
            let files = fs::read_dir(cache.path())?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
            let kept = files.into_iter().find(|path| path.extension().is_some_and(|end| end == "cwasm"));
            kept.context("nothing was kept")
        };
        let kept = load().await?;
        let sound = fs::read(&kept)?;
        let mut changed = sound.clone();
        *changed.get_mut(4_096).context("it is longer")? ^= 1;
        fs::write(&kept, &changed)?;
        ensure!(fs::read(load().await?)? == sound, "the changed code was kept");
        Ok("its seal did not fit, so it was compiled again".to_owned())
    })
}
