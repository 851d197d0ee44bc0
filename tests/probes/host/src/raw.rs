//! Guests that no language's tools would make: core modules written by hand, inside the component of
//! `tests/probes/raw`, in one bundle beside an honest guest.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

const NODE: &str = include_str!("../../raw/node.wat");
const MODULE: &str = include_str!("../../raw/module.wat");

/// Allocates memory for the host's values, as an honest guest does.
const HONEST_REALLOC: &str = "
      (global.set $top (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.get $top)
      (global.set $top (i32.add (global.get $top) (local.get $size)))";

/// One hostile attempt.
pub struct Raw {
    /// The message that chooses the attempt.
    pub name: &'static str,
    /// What the guest tries, in words.
    pub tries: &'static str,
    /// A part of the failure's reason that shows what stopped it.
    pub word: &'static str,
    beside: String,
    given: &'static str,
    imports: &'static str,
    /// The memory that it may have, in MiB.
    pub memory: u64,
    pages: u32,
    more: &'static str,
    realloc: &'static str,
    run: &'static str,
    post: &'static str,
}

/// A guest that does nothing, unless further methods change it.
pub fn raw(name: &'static str, tries: &'static str, word: &'static str) -> Raw {
    Raw {
        name,
        tries,
        word,
        beside: String::new(),
        given: "",
        imports: "",
        pages: 1,
        memory: 16,
        more: "",
        realloc: HONEST_REALLOC,
        run: "(i32.const 0)",
        post: "",
    }
}

impl Raw {
    /// Adds definitions to the module.
    pub fn more(self, more: &'static str) -> Self {
        Self { more, ..self }
    }

    /// Adds definitions to the component, before the module is instantiated.
    pub fn beside(self, beside: impl Into<String>) -> Self {
        Self { beside: beside.into(), ..self }
    }

    /// Passes more instances to the module, with its imports of them.
    pub fn given(self, given: &'static str, imports: &'static str) -> Self {
        Self { given, imports, ..self }
    }

    /// Replaces the guest's allocation function.
    pub fn realloc(self, realloc: &'static str) -> Self {
        Self { realloc, ..self }
    }

    /// Replaces the guest's main function.
    pub fn run(self, run: &'static str) -> Self {
        Self { run, ..self }
    }

    /// Replaces the function that is called after the result has been read.
    pub fn post(self, post: &'static str) -> Self {
        Self { post, ..self }
    }

    /// Sets the memory at the start, and its limit in MiB.
    pub fn pages(self, pages: u32, memory: u64) -> Self {
        Self { pages, memory, ..self }
    }

    fn component(&self) -> Result<Vec<u8>> {
        let module = MODULE
            .replace("{pages}", &self.pages.to_string())
            .replace("{imports}", self.imports)
            .replace("{more}", self.more)
            .replace("{realloc}", self.realloc)
            .replace("{run}", self.run)
            .replace("{post}", self.post);
        let component =
            NODE.replace(";; MODULE", &module).replace(";; BESIDE", &self.beside).replace(";; GIVEN", self.given);
        wat::parse_str(component).with_context(|| format!("the text of `{}`", self.name))
    }
}

/// Assembles a bundle of all of them, with a guest that answers every other message.
pub fn bundle(folder: &Path, all: &[Raw]) -> Result<()> {
    fs::copy(signalbox_tests_support::bundle("probes/failures")?.join("failures.wasm"), folder.join("echo.wasm"))?;
    let mut manifest = "[bundle]\nbusiness-type = \"probe-raw\"\nversion = \"1.0.0\"\n\n[inputs.api]\n\n\
         [plugins.echo]\ncomponent = \"echo.wasm\"\nconfig = { behaviour = \"echo\" }\n\n\
         [graph]\ndeadline = \"20s\"\n\n[graph.channels]\nresult = \"last\"\n\n\
         [graph.nodes.echo]\nplugin = \"echo\"\nwrites = [\"result\"]\n\n\
         [[graph.edges]]\nfrom = \"start\"\nto = \"echo\"\notherwise = true\n\n\
         [[graph.edges]]\nfrom = \"echo\"\nto = \"end\"\n"
        .to_owned();
    for raw in all {
        let Raw { name, memory, .. } = raw;
        fs::write(folder.join(format!("{name}.wasm")), raw.component()?)?;
        write!(
            manifest,
            "\n[plugins.{name}]\ncomponent = \"{name}.wasm\"\n\
             limits = {{ time = \"10s\", cpu = \"100ms\", memory = \"{memory}MiB\" }}\n\
             [graph.nodes.{name}]\nplugin = \"{name}\"\n\
             [[graph.edges]]\nfrom = \"start\"\nto = \"{name}\"\nwhen = 'input.text == \"{name}\"'\n\
             [[graph.edges]]\nfrom = \"{name}\"\nto = \"end\"\n"
        )?;
    }
    Ok(fs::write(folder.join("bundle.toml"), manifest)?)
}
