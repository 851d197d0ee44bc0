//! Attempts of guests that are written by hand.

use crate::raw::{Raw, raw};

/// Computes without end.
const SPIN: &str = "(loop $again (br $again)) (unreachable)";
/// Computes without end in a function without a result.
const SPIN_ON: &str = "(loop $again (br $again))";
/// The module's imports for [`dropping`].
const THING: &str = "(import \"thing\" \"new\" (func $new (param i32) (result i32)))
    (import \"thing\" \"drop\" (func $drop (param i32)))";
/// Passes the resource's functions to the module.
const GIVEN: &str = "(with \"thing\" (instance (export \"new\" (func $new)) (export \"drop\" (func $drop))))";
/// Makes a resource and drops it.
const DROP: &str = "(call $drop (call $new (i32.const 7))) (i32.const 0)";

/// A resource whose destructor runs this code.
fn dropping(destructor: &str) -> String {
    format!(
        "(core module $ends (func (export \"end\") (param i32) {destructor}))
         (core instance $ends (instantiate $ends))
         (type $thing (resource (rep i32) (dtor (func $ends \"end\"))))
         (core func $new (canon resource.new $thing))
         (core func $drop (canon resource.drop $thing))"
    )
}

/// The attempts, and the word that shows what stops each. A result lies at 0: its case, then from 8 a step's updates,
/// decision (16), actions (72), responses (80) and targets (88), each list as address and length.
pub(crate) fn raw_attempts() -> Vec<Raw> {
    vec![
        // Traps before and after the guest's function.
        raw("trap-in-start", "trap while it is instantiated", "unreachable").more("(func $boom (unreachable)) (start $boom)"),
        raw("spin-in-start", "compute without end while it is instantiated", "cpu").more("(func $boom (loop $again (br $again))) (start $boom)"),
        raw("trap-in-realloc", "trap when the host wants room for an argument", "unreachable").realloc("(unreachable)"),
        raw("spin-in-realloc", "compute without end inside the host's handing over", "cpu").realloc(SPIN),
        raw("realloc-gives-what-is-outside", "give the host room outside its memory", "beyond end of memory").realloc("(i32.const -64)"),
        raw("realloc-gives-what-is-crooked", "give the host room that is not aligned", "not aligned").realloc("(i32.const 4097)"),
        raw("host-call-in-realloc", "call the host while the host hands over an argument", "cannot leave component instance").realloc("(call $stdout)"),
        raw("trap-in-post-return", "trap while its result is dropped", "unreachable").post("(unreachable)"),
        raw("spin-in-post-return", "compute without end while its result is dropped", "cpu").post(SPIN_ON),
        raw("host-call-in-post-return", "call the host while its result is dropped", "cannot leave component instance").post("(drop (call $stdout))"),
        // Malformed results.
        raw("result-outside", "give a result outside its memory", "out of bounds").run("(i32.const -8)"),
        raw("result-crooked", "give a result that is not aligned", "not aligned").run("(i32.const 3)"),
        raw("result-of-no-case", "give a result of a case that there is not", "discriminant").run("(i32.store8 (i32.const 0) (i32.const 7)) (i32.const 0)"),
        raw("length-lies", "give a list that is longer than its memory", "out of bounds").run("(i32.store (i32.const 12) (i32.const 0x0fffffff)) (i32.const 0)"),
        raw("address-lies", "give a list outside its memory", "out of bounds")
            .run("(i32.store (i32.const 88) (i32.const -16)) (i32.store (i32.const 92) (i32.const 4)) (i32.const 0)"),
        raw("text-that-is-none", "give a text that is no UTF-8", "utf-8").run(
            "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store8 (i32.const 200) (i32.const 0xff))
             (i32.store (i32.const 12) (i32.const 200)) (i32.store (i32.const 16) (i32.const 1)) (i32.const 0)",
        ),
        // Results of excessive size.
        raw("text-of-100-mb", "give a text of 100 MB", "fuel").pages(1_600, 128).run(
            "(i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 16) (i32.const 100000000)) (i32.const 0)",
        ),
        raw("one-text-many-times", "give one text of 60 kB 10,000 times", "fuel").pages(16, 16).run(
            "(local $at i32) (local.set $at (i32.const 65536))
             (loop $again
               (i32.store (local.get $at) (i32.const 300000))
               (i32.store offset=4 (local.get $at) (i32.const 60000))
               (local.set $at (i32.add (local.get $at) (i32.const 8)))
               (br_if $again (i32.lt_u (local.get $at) (i32.const 145536))))
             (i32.store (i32.const 88) (i32.const 65536)) (i32.store (i32.const 92) (i32.const 10000)) (i32.const 0)",
        ),
        raw("a-million-targets", "go to a million nodes", "fuel").pages(160, 16).run(
            "(i32.store (i32.const 88) (i32.const 65536)) (i32.store (i32.const 92) (i32.const 1000000)) (i32.const 0)",
        ),
        raw("a-million-actions", "ask for a million actions", "fuel").pages(2_000, 128).run(
            "(i32.store (i32.const 72) (i32.const 65536)) (i32.store (i32.const 76) (i32.const 1000000)) (i32.const 0)",
        ),
        raw("a-million-responses", "give a million responses", "fuel").pages(2_000, 128).run(
            "(i32.store (i32.const 80) (i32.const 65536)) (i32.store (i32.const 84) (i32.const 1000000)) (i32.const 0)",
        ),
        // Malformed and excessive arguments of the host's functions.
        raw("argument-outside", "hand the host a text outside its memory", "out of bounds").run("(call $get (i32.const -16) (i32.const 100) (i32.const 0)) (i32.const 0)"),
        raw("answer-outside", "have the host write outside its memory", "out of bounds").run("(call $get (i32.const 0) (i32.const 1) (i32.const -8)) (i32.const 0)"),
        raw("argument-of-100-mb", "hand the host a text of 100 MB", "fuel")
            .pages(1_600, 128)
            .run("(call $get (i32.const 0) (i32.const 100000000) (i32.const 0)) (i32.const 0)"),
        raw("a-million-log-fields", "log a line with a million fields", "fuel").pages(300, 32).run(
            "(call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 65536) (i32.const 1000000)) (i32.const 0)",
        ),
        raw("log-level-of-no-case", "log at a level that there is not", "discriminant").run(
            "(call $write (i32.const 99) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 0)",
        ),
        raw("handles-without-end", "open streams without end", "table").run("(loop $again (drop (call $stdout)) (br $again)) (unreachable)"),
        raw("log-lines-without-end", "log lines without end", "host calls").run(
            "(loop $again
               (call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)) (br $again))
             (unreachable)",
        ),
        raw("answers-without-end", "ask the host without end", "host calls").run(
            "(loop $again (call $get (i32.const 0) (i32.const 1) (i32.const 0)) (br $again)) (unreachable)",
        ),
        // Memory and time.
        raw("memory-from-the-start", "have more memory than it may from the start", "memory").pages(4_000, 16),
        raw("memory-without-end", "grow its memory without end", "memory").run("(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable)"),
        raw("table-without-end", "grow a table without end", "memory")
            .more("(table $t 1 funcref)")
            .run("(loop $again (drop (table.grow $t (ref.null func) (i32.const 500))) (br $again)) (unreachable)"),
        raw("large-fills-without-end", "fill all of its memory again and again", "cpu").pages(200, 16).run(
            "(loop $again (memory.fill (i32.const 0) (i32.const 0) (i32.const 13107200)) (br $again)) (unreachable)",
        ),
        raw("recursion-without-end", "recurse without end", "stack").more("(func $f (call $f) (call $f))").run("(call $f) (i32.const 0)"),
        raw("call-of-nothing", "call a function that there is not", "trapped")
            .more("(type $none (func)) (table $t 1 funcref)")
            .run("(call_indirect $t (type $none) (i32.const 0)) (i32.const 0)"),
        raw("division-by-zero", "divide by zero", "divide by zero").run("(i32.div_s (i32.const 1) (i32.const 0))"),
        // Several resources that together exceed one limit.
        raw("memories-together", "have more memory than it may in two memories together", "memory").pages(160, 16).beside(
            "(core module $more (memory (export \"memory\") 100)) (core instance $more (instantiate $more))",
        ),
        raw("tables-together", "have more memory than it may in many tables together", "memory").pages(1, 1).beside(
            format!("(core module $more (table 20000 funcref)) {}", "(core instance (instantiate $more))".repeat(4)),
        ),
        raw("memory-filled-at-once", "touch all the memory that it may have in one instruction", "unreachable")
            .pages(500, 32)
            .run("(memory.fill (i32.const 0) (i32.const 1) (i32.const 32768000)) (unreachable)"),
        // Destructors of the guest's own resources.
        raw("trap-in-drop", "trap while a resource of its own is dropped", "unreachable")
            .beside(dropping("(unreachable)"))
            .given(GIVEN, THING)
            .run(DROP),
        raw("spin-in-drop", "compute without end while a resource of its own is dropped", "cpu")
            .beside(dropping(SPIN_ON))
            .given(GIVEN, THING)
            .run(DROP),
        raw("resources-without-end", "make resources of its own without end", "handle")
            .beside(dropping(""))
            .given(GIVEN, THING)
            .run("(loop $again (drop (call $new (i32.const 7))) (br $again)) (unreachable)"),
    ]
}
