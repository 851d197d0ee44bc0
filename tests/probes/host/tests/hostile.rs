//! One table of guests that break the rules by hand: each is stopped in words, and the next decision is made.

use std::fs;

use anyhow::{Context, Result};
use signalbox_model::Outcome;
use tempfile::TempDir;

use super::raw::{Raw, bundle, raw};
use super::world::World;

/// Computes without end.
const SPIN: &str = "(loop $again (br $again)) (unreachable)";
/// Computes without end where nothing is to be left.
const SPIN_ON: &str = "(loop $again (br $again))";

/// What is tried, and what stops it. A result lies at 0: its case, then from 8 a step's updates, decision (16), actions
/// (72), responses (80) and targets (88), each list as address and length.
fn attempts() -> Vec<Raw> {
    vec![
        // Where a guest runs before and after its function.
        raw("trap-in-start", "unreachable").more("(func $boom (unreachable)) (start $boom)"),
        raw("spin-in-start", "cpu").more("(func $boom (loop $again (br $again))) (start $boom)"),
        raw("trap-in-realloc", "unreachable").realloc("(unreachable)"),
        raw("spin-in-realloc", "cpu").realloc(SPIN),
        raw("realloc-gives-what-is-outside", "beyond end of memory").realloc("(i32.const -64)"),
        raw("realloc-gives-what-is-crooked", "not aligned").realloc("(i32.const 4097)"),
        raw("host-call-in-realloc", "cannot leave component instance").realloc("(call $stdout)"),
        raw("trap-in-post-return", "unreachable").post("(unreachable)"),
        raw("spin-in-post-return", "cpu").post(SPIN_ON),
        raw("host-call-in-post-return", "cannot leave component instance").post("(drop (call $stdout))"),
        // Lies in what is given back.
        raw("result-outside", "out of bounds").run("(i32.const -8)"),
        raw("result-crooked", "not aligned").run("(i32.const 3)"),
        raw("result-of-no-case", "discriminant").run("(i32.store8 (i32.const 0) (i32.const 7)) (i32.const 0)"),
        raw("length-lies", "out of bounds").run("(i32.store (i32.const 12) (i32.const 0x0fffffff)) (i32.const 0)"),
        raw("address-lies", "out of bounds")
            .run("(i32.store (i32.const 88) (i32.const -16)) (i32.store (i32.const 92) (i32.const 4)) (i32.const 0)"),
        raw("text-that-is-none", "utf-8").run(
            "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const 200) (i32.const 0xff))
             (i32.store (i32.const 12) (i32.const 200)) (i32.store (i32.const 16) (i32.const 1)) (i32.const 0)",
        ),
        // More than anybody wants to have.
        raw("text-of-100-mb", "fuel").pages(1_600, "128MiB").run(
            "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 16) (i32.const 100000000)) (i32.const 0)",
        ),
        raw("one-text-many-times", "fuel").pages(16, "16MiB").run(
            "(local $at i32) (local.set $at (i32.const 65536))
             (loop $again
               (i32.store (local.get $at) (i32.const 300000))
               (i32.store offset=4 (local.get $at) (i32.const 60000))
               (local.set $at (i32.add (local.get $at) (i32.const 8)))
               (br_if $again (i32.lt_u (local.get $at) (i32.const 145536))))
             (i32.store (i32.const 88) (i32.const 65536)) (i32.store (i32.const 92) (i32.const 10000)) (i32.const 0)",
        ),
        raw("a-million-targets", "fuel").pages(160, "16MiB").run(
            "(i32.store (i32.const 88) (i32.const 65536)) (i32.store (i32.const 92) (i32.const 1000000)) (i32.const 0)",
        ),
        raw("a-million-actions", "fuel").pages(2_000, "128MiB").run(
            "(i32.store (i32.const 72) (i32.const 65536)) (i32.store (i32.const 76) (i32.const 1000000)) (i32.const 0)",
        ),
        raw("a-million-responses", "fuel").pages(2_000, "128MiB").run(
            "(i32.store (i32.const 80) (i32.const 65536)) (i32.store (i32.const 84) (i32.const 1000000)) (i32.const 0)",
        ),
        // The same towards the host's functions.
        raw("argument-outside", "out of bounds").run("(call $get (i32.const -16) (i32.const 100) (i32.const 0)) (i32.const 0)"),
        raw("answer-outside", "out of bounds").run("(call $get (i32.const 0) (i32.const 1) (i32.const -8)) (i32.const 0)"),
        raw("argument-of-100-mb", "fuel")
            .pages(1_600, "128MiB")
            .run("(call $get (i32.const 0) (i32.const 100000000) (i32.const 0)) (i32.const 0)"),
        raw("a-million-log-fields", "fuel").pages(300, "32MiB").run(
            "(call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 1000000)) (i32.const 0)",
        ),
        raw("log-level-of-no-case", "discriminant").run(
            "(call $write (i32.const 99) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0)",
        ),
        raw("handles-without-end", "table").run("(loop $again (drop (call $stdout)) (br $again)) (unreachable)"),
        raw("log-lines-without-end", "host calls").run(
            "(loop $again
               (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (br $again))
             (unreachable)",
        ),
        raw("answers-without-end", "host calls").run(
            "(loop $again (call $get (i32.const 0) (i32.const 1) (i32.const 0)) (br $again)) (unreachable)",
        ),
        // Memory and time.
        raw("memory-from-the-start", "memory").pages(4_000, "16MiB"),
        raw("memory-without-end", "memory").run("(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable)"),
        raw("table-without-end", "memory")
            .more("(table $t 1 funcref)")
            .run("(loop $again (drop (table.grow $t (ref.null func) (i32.const 500))) (br $again)) (unreachable)"),
        raw("large-fills-without-end", "cpu").pages(200, "16MiB").run(
            "(loop $again (memory.fill (i32.const 0) (i32.const 0) (i32.const 13107200)) (br $again)) (unreachable)",
        ),
        raw("recursion-without-end", "stack").more("(func $f (call $f) (call $f))").run("(call $f) (i32.const 0)"),
        raw("call-of-nothing", "trapped")
            .more("(type $none (func)) (table $t 1 funcref)")
            .run("(call_indirect $t (type $none) (i32.const 0)) (i32.const 0)"),
        raw("division-by-zero", "divide by zero").run("(i32.div_s (i32.const 1) (i32.const 0))"),
    ]
}

/// This process's memory as Linux counts it, in KiB: now, or at its most.
fn memory(what: &str) -> Result<u64> {
    if !cfg!(target_os = "linux") {
        return Ok(0);
    }
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(what)).with_context(|| format!("{what} is missing"))?;
    Ok(line.trim_start_matches(':').trim_end_matches("kB").trim().parse()?)
}

#[tokio::test]
async fn whatever_is_written_by_hand_is_stopped_in_words_and_the_next_decision_is_made() -> Result<()> {
    let folder = TempDir::new()?;
    let attempts = attempts();
    bundle(folder.path(), &attempts)?;
    let world = World::with("raw", |options| options.folder = Some(folder.path().to_owned())).await?;
    let before = memory("VmRSS")?;
    let mut wrong = Vec::new();
    for Raw { name, stopped_by, .. } in &attempts {
        let record = world.say(name).await?;
        let told = &record.decision.reasoning;
        if record.decision.outcome != Outcome::Failed || !told.to_lowercase().contains(stopped_by) {
            wrong.push(format!("{name}: `{stopped_by}` is missing in {:?}: {told}", record.decision.outcome));
        }
        let next = world.say("still there").await?;
        assert_eq!(next.decision.outcome, Outcome::Decided, "after {name}: {}", next.decision.reasoning);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // One guest's memory and what else runs beside this test; what was tried would be gigabytes.
    let grown = memory("VmHWM")?.saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} KiB");
    Ok(())
}
