//! Explains budgets that are not met, with figures of the same run.

use crate::figures::{kib, micros, rate, time};
use crate::report::Report;

/// Explains every budget that is not met, if the parts with the explaining figures were measured too.
pub fn explain(report: &mut Report) {
    let fact = |name: &str| report.fact(name);
    let chain = fact("chain.bare").zip(fact("chain.warm")).zip(fact("chain"));
    let echo = fact("chain.bare").zip(fact("websocket.echo")).zip(fact("websocket.memory"));
    let stored = fact("websocket.stored").zip(fact("websocket.load"));
    let share = fact("share.unrecorded").zip(fact("share.store")).zip(fact("share.question"));
    let first = fact("start.first").zip(fact("start.longest.computed")).zip(fact("start.longest.waited"));
    let private = fact("start.private");
    let idle = fact("idle.echo").zip(fact("idle.held"));
    let publish = fact("swap.publishing").zip(fact("swap.computing"));

    if let Some(((bare, warm), chain)) = chain {
        report.explain("chain of 3 nodes, fresh sandbox for each, no I/O", || {
            format!(
                "Bare Wasmtime takes {} in the same turns for three calls of fresh instances, with no limits, no graph and no \
                 journal; {} of it is the guests' own work with their arguments and results, and the rest is what a fresh \
                 instance costs. All that Signalbox adds to that is {}: limits, graph, context and the decision's record. A \
                 sandbox that is fresh for every node is what contains a plugin (decision 0006), so the instances stay.",
                micros(bare),
                micros(warm),
                micros(chain - bare)
            )
        });
    }
    if let Some(((bare, echo), memory)) = echo {
        report.explain("WebSocket message to reply, store in memory, 32 connections", || {
            format!(
                "The echo computes {} for a message, so 40 % of its messages leave {} for each on the same cores. Three fresh \
                 instances of bare Wasmtime alone take {}, which no host can go below; this one takes {} for the message with \
                 its acknowledgement, progress, record and log line. The end of this report says where that goes.",
                micros(echo),
                micros(echo / 0.4),
                micros(bare),
                micros(memory)
            )
        });
    }
    if let (Some((served, load)), Some(((unrecorded, store), question))) = (stored, share) {
        report.explain("the same, stored in the embedded store", || {
            format!(
                "The host computes {} for a message and the load beside it {}, so two cores give {} if they never wait, and \
                 they wait for the disk's syncs. One decision at a time, the chain takes {} of it and the store {}: Dynoxide reads the table's definition, checks the \
                 condition, writes the item and its indexes, each with an SQL statement of its own, for a lookup and a commit, \
                 and both wait for its thread ({} to ask and be answered). With callers at the same time, commits share a \
                 transaction and a sync. Dynoxide is DynamoDB's semantics on a laptop (decision 0001); in AWS this work is not \
                 the host's.",
                micros(served),
                micros(load),
                rate(2e6 / (served + load)),
                micros(unrecorded),
                micros(store),
                micros(question)
            )
        });
    }
    if let Some((echo, held)) = idle {
        report.explain("idle WebSocket, 10,000 held", || {
            format!(
                "A connection to a bare axum echo with the same buffers, which knows nobody and has nothing else to send, holds {} \
                 in the same measurement: a task with hyper's and tungstenite's state. The host adds {}: who is there and \
                 what they may, an outbox with its bounds, what may be sent again, and the timers.",
                kib(echo),
                kib(held - echo)
            )
        });
    }
    if let Some((publishing, computing)) = publish {
        report.explain("pause of a publish", || {
            format!(
                "A publish computes {} at most, and half of them are over after {}. The longest ones waited for a core, \
                 because the decisions beside it keep both busy. No decision waits for a publish: it swaps a pointer, and \
                 those that run keep their generation.",
                time(computing),
                time(publishing)
            )
        });
    }
    if let Some(private) = private {
        report.explain("1,000 loaded business types", || {
            format!(
                "{} of it is memory of the process. The rest are clean pages of the cache's file, which is mapped as an \
                 executable is: the kernel maps what it has of the file, also code that nobody runs, and takes it back when \
                 it needs the memory.",
                kib(private)
            )
        });
    }
    if let Some(((first, computed), waited)) = first {
        report.explain("first call from the cache", || {
            format!(
                "Half of the first calls are answered within {}. During the longest one the host's threads computed {} and \
                 waited {} for a core; what is left of it is the client's, the disk's and the machine's own.",
                time(first),
                time(computed),
                time(waited)
            )
        });
    }
}
