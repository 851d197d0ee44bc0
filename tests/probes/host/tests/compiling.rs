//! Components that are expensive to compile are refused with an error, their compiler's child process ends, and the
//! host goes on.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use signalbox_model::{HumanDuration, HumanSize, Outcome};
use signalbox_sandbox::{Compilation, LoadPriority};
use signalbox_tests_probes::components::{blocks, branches, component, large, multiplications};
use signalbox_tests_probes::loading::{bundle_of, in_children, refusal, sandbox};
use signalbox_tests_support::bundle;
use tempfile::TempDir;

use super::world::World;

#[tokio::test]
async fn a_component_that_takes_too_long_is_refused_in_words_while_decisions_are_made() -> Result<()> {
    let world = World::start("failures").await?;
    let slow = component(2_000, |function| multiplications(function, 500));
    let sandbox = sandbox(in_children()?, |config| config.compile_time = HumanDuration::millis(300)).await?;
    let slow = bundle_of(&slow)?;
    let (refused, decided) = tokio::join!(refusal(&sandbox, slow.path()), world.say("hello"));
    let refused = refused?;
    for words in
        ["plugin `hostile` takes more than 300ms to compile", "raise `compile-time` under [sandbox]", "bundle.toml:8:"]
    {
        assert!(refused.contains(words), "{words} is missing in {refused}");
    }
    assert_eq!(decided?.decision.outcome, Outcome::Decided);
    Ok(())
}

#[tokio::test]
async fn a_component_that_takes_too_much_memory_is_refused_in_words() -> Result<()> {
    let sandbox = sandbox(in_children()?, |config| config.compile_memory = HumanSize(96 << 20)).await?;
    for (what, hungry) in [
        ("one large function", component(1, |function| multiplications(function, 500_000))),
        ("many branches", component(20, |function| branches(function, 60_000))),
    ] {
        let refused = refusal(&sandbox, bundle_of(&hungry)?.path()).await?;
        for words in ["takes more than 96MiB of memory to compile", "raise `compile-memory` under [sandbox]"] {
            assert!(refused.contains(words), "{what}: {words} is missing in {refused}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn what_is_no_component_is_refused_in_words() -> Result<()> {
    let sandbox = sandbox(in_children()?, |_| {}).await?;
    let sound = component(1, |function| multiplications(function, 1));
    let truncated = sound.get(..sound.len() - 4).context("it is longer")?;
    let module = wat::parse_str("(module)")?;
    let native = [&b"\x7fELF"[..], &[0; 64]].concat();
    let nonsense = [&b"\0asm\x0d\0\x01\0"[..], &[0xff; 64]].concat();
    for (what, bytes, words) in [
        ("empty", &b""[..], "no WebAssembly component"),
        ("a core module", &module, "a core module, not a component"),
        ("native code", &native, "native code, which is never loaded"),
        ("truncated", truncated, "does not compile"),
        ("nonsense", &nonsense, "does not compile"),
        ("threads, which are off", &wat::parse_str("(component (core module (memory 1 1 shared)))")?, "threads"),
        (
            "memories of 64 bits, which are off",
            &wat::parse_str("(component (core module (memory i64 1)))")?,
            "memory64",
        ),
        (
            "a memory larger than any",
            &wat::parse_str("(component (core module $m (memory 5000)) (core instance (instantiate $m)))")?,
            "memory",
        ),
        (
            "a table larger than any",
            &wat::parse_str("(component (core module $m (table 30000 funcref)) (core instance (instantiate $m)))")?,
            "table",
        ),
        (
            "more memories than any",
            &wat::parse_str(format!(
                "(component (core module $m (memory 1)) {})",
                "(core instance (instantiate $m))".repeat(3)
            ))?,
            "memories",
        ),
        (
            "more modules than any",
            &wat::parse_str(format!("(component (core module $m) {})", "(core instance (instantiate $m))".repeat(30)))?,
            "instances",
        ),
        ("a component that exports nothing", &wat::parse_str("(component)")?, "does not export"),
    ] {
        let refused = refusal(&sandbox, bundle_of(bytes)?.path()).await?;
        assert!(refused.contains(words), "{what}: {words} is missing in {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn a_component_larger_than_allowed_is_refused_with_its_size_and_the_way_out() -> Result<()> {
    let sandbox = sandbox(in_children()?, |config| config.component_size = HumanSize(1_000)).await?;
    let refused = refusal(&sandbox, bundle_of(&large(1_000))?.path()).await?;
    for words in ["more than the 1000 that are taken", "raise `component-size` under [sandbox]"] {
        assert!(refused.contains(words), "{words} is missing in {refused}");
    }
    Ok(())
}

#[cfg(unix)]
#[tokio::test]
async fn nobody_waits_for_a_pipe_where_a_file_should_be() -> Result<()> {
    let sandbox = sandbox(in_children()?, |_| {}).await?;
    for pipe in ["bundle.toml", "hostile.wasm", "models/booked.toml"] {
        let bundle = bundle_of(&component(1, |function| multiplications(function, 1)))?;
        let path = bundle.path().join(pipe);
        fs::create_dir_all(path.parent().context("it has one")?)?;
        let _ = fs::remove_file(&path);
        let made = std::process::Command::new("mkfifo").arg(&path).status()?;
        assert!(made.success(), "{pipe}");
        let refused = refusal(&sandbox, bundle.path()).await.unwrap_or_else(|error| error.to_string());
        assert!(refused.contains("it is no file"), "{pipe}: {refused}");
    }
    Ok(())
}

#[tokio::test]
async fn blocks_nested_without_end_break_nothing() -> Result<()> {
    let sandbox = sandbox(in_children()?, |_| {}).await?;
    let nested = component(1, |function| blocks(function, 20_000));
    assert!(refusal(&sandbox, bundle_of(&nested)?.path()).await?.contains("plugin `hostile`"));
    Ok(())
}

#[tokio::test]
async fn a_compiler_that_cannot_be_run_or_breaks_is_told_from_a_bad_component() -> Result<()> {
    let sound = component(1, |function| multiplications(function, 1));
    for (program, words) in [
        ("/nowhere/signalbox", "cannot start /nowhere/signalbox"),
        ("/bin/false", "breaks the compiler: exit status: 1"),
    ] {
        let compilation = Compilation::ChildProcess { program: PathBuf::from(program), command: "compile-component" };
        let refused = refusal(&sandbox(compilation, |_| {}).await?, bundle_of(&sound)?.path()).await?;
        assert!(refused.contains(words), "{words} is missing in {refused}");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_compiler_is_told_nothing_of_the_hosts_environment() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new()?;
    let program = folder.path().join("tells");
    // Prints the environment with which the process was started, without what the shell adds; the exit code is that of
    // a failed compiler.
    fs::write(&program, "#!/bin/sh\necho \"[$(tr '\\0' ' ' < /proc/$$/environ)]\" >&2\nexit 12\n")?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
    assert!(std::env::vars_os().next().is_some(), "there is something to tell");
    let compilation = Compilation::ChildProcess { program, command: "compile-component" };
    let refused = refusal(&sandbox(compilation, |_| {}).await?, bundle_of(&component(1, |_| {}))?.path()).await?;
    assert!(refused.contains("cannot be compiled here: [MIMALLOC_ARENA_EAGER_COMMIT=0 ]"), "{refused}");
    Ok(())
}

/// Niceness and policy of the current process, from `/proc`.
#[cfg(target_os = "linux")]
fn priority() -> Result<(i32, i32)> {
    let stat = fs::read_to_string("/proc/thread-self/stat")?;
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    Ok((fields.get(16).context("niceness")?.parse()?, fields.get(38).context("policy")?.parse()?))
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_compiler_has_the_hosts_priority_while_nobody_is_served_and_a_lower_one_later() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new()?;
    let program = folder.path().join("tells");
    // Prints its own priority; the exit code is that of a failed compiler.
    let script = "#!/bin/sh\nread -r line < /proc/$$/stat\nset -- ${line##*)}\necho \"[${17} ${39}]\" >&2\nexit 12\n";
    fs::write(&program, script)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700))?;
    let compilation = Compilation::ChildProcess { program, command: "compile-component" };
    let sandbox = sandbox(compilation, |_| {}).await?;
    let bundle = bundle_of(&component(1, |_| {}))?;
    let (niceness, policy) = priority()?;
    let told = async |priority| match sandbox.load_at(bundle.path(), priority).await {
        Err(error) => error.to_string(),
        Ok(generation) => format!("{generation:?}"),
    };
    let foreground = told(LoadPriority::Foreground).await;
    assert!(foreground.contains(&format!("[{niceness} {policy}]")), "{foreground}");
    let background = told(LoadPriority::Background).await;
    // Machines that do not allow idle priority give low priority.
    let low = format!("[{} {policy}]", niceness.max(10));
    assert!(background.contains(" 5]") || background.contains(&low), "{background}");
    Ok(())
}

/// The only file of native code in a cache.
fn native_code(cache: &Path) -> Result<PathBuf> {
    let files = fs::read_dir(cache)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    files.into_iter().find(|path| path.extension().is_some_and(|end| end == "cwasm")).context("nothing was kept")
}

#[tokio::test]
async fn a_child_gives_the_same_code_and_a_file_that_was_tampered_with_is_made_again() -> Result<()> {
    let (own, childs) = (TempDir::new()?, TempDir::new()?);
    let mut kept = Vec::new();
    for (compilation, cache) in [(Compilation::InProcess, &own), (in_children()?, &childs)] {
        let sandbox = sandbox(compilation, |config| config.cache = Some(cache.path().to_owned())).await?;
        sandbox.load(&bundle("probes/config")?).await?;
        kept.push(native_code(cache.path())?);
    }
    let [own, childs] = kept.as_slice() else { anyhow::bail!("two were kept") };
    assert_eq!(own.file_name(), childs.file_name(), "the engines' settings are the same");
    let code = |path: &Path| -> Result<Vec<u8>> {
        let bytes = fs::read(path)?;
        // Each folder has its own key, so the seals differ.
        Ok(bytes.get(..bytes.len() - 32).context("it has a seal")?.to_vec())
    };
    let sound = code(childs)?;
    assert!(code(own)? == sound, "the code is the same");

    let mut bytes = fs::read(childs)?;
    *bytes.get_mut(4_096).context("it is longer")? ^= 1;
    fs::write(childs, &bytes)?;
    let cache = childs.parent().map(Path::to_owned);
    let sandbox = sandbox(in_children()?, |config| config.cache = cache).await?;
    sandbox.load(&bundle("probes/config")?).await?;
    assert!(code(childs)? == sound, "it was compiled again, and kept");
    Ok(())
}
