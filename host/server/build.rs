//! Tells the program which compiler, Wasm engine and target it was built with, for `signalbox version`.

#![allow(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

use std::path::Path;
use std::process::Command;

fn main() {
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output().ok().filter(|output| output.status.success());
    let rust = version.and_then(|output| String::from_utf8(output.stdout).ok());
    let rust = rust.as_deref().and_then(|text| text.split_whitespace().nth(1)).unwrap_or("unknown");
    // Read from the environment at run time: a copied target folder may hold a build script that was compiled in
    // another folder.
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let lock = Path::new(&folder).join("../../Cargo.lock");
    let locked = std::fs::read_to_string(&lock).unwrap_or_default();
    let wasmtime = locked
        .split("[[package]]")
        .find(|package| package.contains("name = \"wasmtime\"\n"))
        .and_then(|package| package.lines().find_map(|line| line.strip_prefix("version = ")))
        .map_or("unknown", |version| version.trim_matches('"'));
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    println!("cargo::rustc-env=SIGNALBOX_RUSTC={rust}");
    println!("cargo::rustc-env=SIGNALBOX_WASMTIME={wasmtime}");
    println!("cargo::rustc-env=SIGNALBOX_TARGET={}", std::env::var("TARGET").unwrap_or_default());
}
