//! Every probe through the real sandbox and executor, in process, on a store in memory. Needs the bundles that `cargo
//! xtask build-plugins --probes` assembles; `cargo xtask test` builds them.

use signalbox_tests_probes::world;

mod compiling;
mod executor;
mod hostile;
mod rendering;

mod business;
mod chain;
mod config;
mod cron;
mod dynamodb;
mod effects;
mod failures;
mod handler;
mod http;
mod kafka;
mod llm;
mod log;
mod rag;
mod resources;
mod sockets;
mod websocket;

include!(concat!(env!("OUT_DIR"), "/probes.rs"));

macro_rules! names {
    ($($name:ident)*) => { [$(stringify!($name)),*] };
}

/// A bundle of `tests/probes/bundles` without a module here, or a module without its first test, does not compile.
macro_rules! must_exist {
    ($($name:ident)*) => { $(const _: fn() -> anyhow::Result<()> = $name::the_probe_is_answered;)* };
}
for_each_probe!(must_exist);

#[test]
fn every_probes_manifest_is_right() {
    for name in for_each_probe!(names) {
        let path = signalbox_tests_support::bundle(&format!("probes/{name}")).unwrap().join("bundle.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        if let Err(report) = signalbox_graph::parse(&path.display().to_string(), &text) {
            panic!("{}", report.render(false));
        }
    }
}
