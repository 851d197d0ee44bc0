//! The cost of a run depends on the nodes that it executes, however large the graph around them is. The cost is counted
//! in allocations, which are the same on every machine, instead of in time.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]
#![expect(unsafe_code, reason = "counting allocations needs an allocator, which is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use signalbox_graph::{Graph, Next, Scope, StepOutput, Stepper, TaskResult, parse};
use signalbox_model::{AgentInput, Content, InputType, Source};

struct Counting;

thread_local! {
    static BYTES: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.with(|bytes| bytes.set(bytes.get() + layout.size() as u64));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A chain of nodes, and beside it `unused` nodes that a false condition keeps from running.
fn chain(length: usize, unused: usize) -> Arc<Graph> {
    let mut text = String::from(
        "[bundle]\nbusiness-type = \"shop\"\nversion = \"1.0.0\"\n[plugins.p]\ncomponent = \"p.wasm\"\n\
         [graph]\nstep-limit = 1000\n[graph.channels]\nn = { reducer = \"last\", initial = 1 }\n",
    );
    let edge =
        |from: &str, to: &str, extra: &str| format!("[[graph.edges]]\nfrom = \"{from}\"\nto = \"{to}\"\n{extra}\n");
    text.push_str(&edge("start", "c0", ""));
    for index in 0..length {
        text.push_str(&format!("[graph.nodes.c{index}]\nplugin = \"p\"\n"));
        let next = if index + 1 < length { format!("c{}", index + 1) } else { "end".to_owned() };
        text.push_str(&edge(&format!("c{index}"), &next, ""));
    }
    text.push_str(&edge("c0", if unused > 0 { "u0" } else { "end" }, "when = 'state.n == 2'"));
    for index in 0..unused {
        text.push_str(&format!("[graph.nodes.u{index}]\nplugin = \"p\"\njoin = \"all\"\n"));
        let next = if index + 1 < unused { format!("u{}", index + 1) } else { "end".to_owned() };
        text.push_str(&edge(&format!("u{index}"), &next, ""));
    }
    parse("bundle.toml", &text).map_err(|report| report.render(false)).unwrap_or_else(|why| panic!("{why}")).graph
}

fn bytes_of_a_run(graph: &Arc<Graph>) -> u64 {
    let input = AgentInput {
        id: "in_1".to_owned(),
        source: Source::Websocket,
        user_id: None,
        business_id: "b".to_owned(),
        location_id: None,
        input_type: InputType::UserMessage,
        content: Content::default(),
        timestamp: "2026-11-23T00:00:00Z".parse().unwrap(),
        correlation_id: None,
    };
    let scope = Scope::new(&input, &[]);
    let before = BYTES.with(Cell::get);
    let mut stepper = Stepper::new(Arc::clone(graph), BTreeMap::new(), scope);
    loop {
        match stepper.next() {
            Next::Run(tasks) => {
                for task in tasks {
                    let output = StepOutput { updates: Vec::new(), goto: Vec::new(), payload: () };
                    stepper.complete(task.id, TaskResult::Done(output));
                }
            }
            Next::Wait => panic!("nothing is outstanding"),
            Next::Pause => {}
            Next::Ended(_) => return BYTES.with(Cell::get) - before,
        }
    }
}

#[test]
fn a_run_costs_the_same_in_a_small_graph_and_in_a_large_one() {
    let (small, large) = (chain(20, 0), chain(20, 1_500));
    // The first run also builds what all runs share.
    bytes_of_a_run(&small);
    assert_eq!(bytes_of_a_run(&small), bytes_of_a_run(&large));
}

#[test]
fn a_run_costs_in_proportion_to_the_nodes_it_executes() {
    let (short, long) = (chain(50, 0), chain(500, 0));
    bytes_of_a_run(&short);
    let (short, long) = (bytes_of_a_run(&short), bytes_of_a_run(&long));
    assert!(long <= short * 11, "50 nodes take {short} bytes, 500 take {long}");
}
