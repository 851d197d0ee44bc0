//! Lists the probes, so that one without a test does not compile.

use std::path::Path;
use std::{env, fs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bundles = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../bundles");
    println!("cargo::rerun-if-changed={}", bundles.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(&bundles)? {
        let entry = entry?;
        if entry.path().join("bundle.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().replace('-', "_"));
        }
    }
    names.sort();
    let text = format!(
        "/// Calls a macro with the name of every probe.\n\
         #[macro_export]\n\
         macro_rules! for_each_probe {{ ($call:ident) => {{ $call! {{ {} }} }}; }}\n",
        names.join(" ")
    );
    fs::write(Path::new(&env::var("OUT_DIR")?).join("probes.rs"), text)?;
    Ok(())
}
