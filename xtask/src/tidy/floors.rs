//! Which crates may import which others, and which crates may use a library.

use std::path::Path;

use super::{Problem, Source};
use crate::workspace::{Package, Workspace};

/// A crate imports only crates of a lower floor.
const FLOORS: &[(&str, u8)] = &[
    ("signalbox-model", 0),
    ("signalbox-bindings", 0),
    ("signalbox-limits", 0),
    ("signalbox-crash-points", 0),
    ("signalbox-diagnostics", 1),
    ("signalbox-store", 1),
    ("signalbox-sessions", 1),
    ("signalbox-kafka", 1),
    ("signalbox-graph", 2),
    ("signalbox-capabilities", 2),
    ("signalbox-sandbox", 3),
    ("signalbox-http", 3),
    ("signalbox-executor", 4),
    ("signalbox-delivery", 5),
    ("signalbox-intake", 6),
    ("signalbox-trigger-api", 7),
    ("signalbox-trigger-cron", 7),
    ("signalbox-trigger-kafka", 7),
    ("signalbox-trigger-webhook", 7),
    ("signalbox-trigger-websocket", 7),
    ("signalbox-server", 8),
];

/// A library that only some crates may use, so that its types stay in them.
struct Fence {
    /// A name, or the beginning of names when it ends in `*`.
    library: &'static str,
    crates: &'static [&'static str],
}

const FENCES: &[Fence] = &[
    Fence {
        library: "wasmtime*",
        crates: &["signalbox-bindings", "signalbox-capabilities", "signalbox-sandbox", "signalbox-bench"],
    },
    Fence { library: "rdkafka*", crates: &["signalbox-kafka", "signalbox-trigger-kafka", "signalbox-tests-support"] },
    Fence { library: "aws-sdk-*", crates: &["signalbox-store"] },
    Fence { library: "aws-*", crates: &["signalbox-store", "signalbox-kafka"] },
    Fence { library: "dynoxide*", crates: &["signalbox-store", "signalbox-tests-support"] },
    Fence { library: "rusqlite*", crates: &["signalbox-store"] },
    Fence {
        library: "axum*",
        crates: &[
            "signalbox-http",
            "signalbox-trigger-api",
            "signalbox-trigger-webhook",
            "signalbox-trigger-websocket",
            "signalbox-server",
            "signalbox-tests-decider",
            "signalbox-tests-soak",
            "signalbox-bench",
        ],
    },
    Fence {
        library: "hyper*",
        crates: &["signalbox-http", "signalbox-trigger-websocket", "signalbox-server", "signalbox-tests-support"],
    },
    Fence { library: "governor", crates: &["signalbox-limits"] },
    Fence {
        library: "clap*",
        crates: &[
            "signalbox-server",
            "signalbox-tests-containment",
            "signalbox-tests-faults",
            "signalbox-tests-soak",
            "signalbox-bench",
            "xtask",
        ],
    },
];

/// The part of the repository that a member belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Host(u8),
    Sdk,
    Tests,
    Xtask,
}

pub(super) fn check(workspace: &Workspace, sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in &workspace.packages {
        let manifest = workspace.relative(&package.manifest_path);
        check_package(package, manifest, &workspace.packages, sources, &mut problems);
    }
    problems
}

fn check_package(
    package: &Package,
    manifest: &Path,
    members: &[Package],
    sources: &[Source],
    problems: &mut Vec<Problem>,
) {
    let mut report = |line_of: Option<&str>, rule, message| {
        let line = line_of.and_then(|dependency| line_of_dependency(manifest, dependency, sources));
        problems.push(Problem { file: manifest.to_owned(), line, rule, message });
    };
    let Some(part) = part(&package.name, manifest) else {
        report(None, "floors", format!("`{}` has no floor; give it one in xtask/src/tidy/floors.rs", package.name));
        return;
    };
    for dependency in &package.dependencies {
        let name = dependency.name.as_str();
        if let Some(fence) = FENCES.iter().find(|fence| fence.covers(name))
            && !fence.crates.contains(&package.name.as_str())
        {
            let crates = fence.crates.join(", ");
            report(
                Some(name),
                "fences",
                format!("`{name}` may be used in {crates} only; ask one of them for what you need"),
            );
        }
        let Some(member) = members.iter().find(|member| member.name == name) else { continue };
        let dev = dependency.kind.as_deref() == Some("dev");
        if let Some(message) = refused(&package.name, part, &member.name, dev) {
            report(Some(name), "floors", message);
        }
    }
}

/// Why a member may not import another one; none when it may.
fn refused(importer: &str, part: Part, imported: &str, dev: bool) -> Option<String> {
    let floor = FLOORS.iter().find(|(name, _)| *name == imported).map(|(_, floor)| *floor);
    match part {
        Part::Host(own) => match floor {
            Some(floor) if floor < own => None,
            Some(floor) => Some(format!(
                "`{importer}` is on floor {own} and may not import `{imported}` on floor {floor}; imports run downward: \
                 move what both need down, or hand it in as data or a trait"
            )),
            None if dev && imported.starts_with("signalbox-tests-") => None,
            None => Some(format!("`{importer}` is part of the host and may not import `{imported}`")),
        },
        Part::Sdk if imported.starts_with("signalbox-sdk") => None,
        Part::Sdk => Some(format!("the SDK is what a plugin author builds: it may not import `{imported}`")),
        Part::Tests if imported == "xtask" => Some("tests may not import `xtask`".to_owned()),
        Part::Tests => None,
        Part::Xtask => Some(format!(
            "xtask builds the workspace and so may not wait for `{imported}` to be built; start the built binary instead"
        )),
    }
}

fn part(name: &str, manifest: &Path) -> Option<Part> {
    let top = manifest.components().next()?.as_os_str().to_str()?;
    match top {
        "host" => FLOORS.iter().find(|(floor_of, _)| *floor_of == name).map(|(_, floor)| Part::Host(*floor)),
        "sdk" => Some(Part::Sdk),
        "tests" | "bench" => Some(Part::Tests),
        "xtask" => Some(Part::Xtask),
        _ => None,
    }
}

impl Fence {
    fn covers(&self, library: &str) -> bool {
        match self.library.strip_suffix('*') {
            Some(beginning) => library.starts_with(beginning),
            None => library == self.library,
        }
    }
}

fn line_of_dependency(manifest: &Path, dependency: &str, sources: &[Source]) -> Option<usize> {
    let source = sources.iter().find(|source| source.path == manifest)?;
    let names_it =
        |line: &str| line.trim_start().strip_prefix(dependency).is_some_and(|rest| rest.starts_with([' ', '.', '=']));
    source.text.as_deref()?.lines().position(names_it).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::source;
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, folder: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        Package {
            name: name.to_owned(),
            manifest_path: PathBuf::from(folder).join("Cargo.toml"),
            dependencies: dependencies
                .iter()
                .map(|(name, kind)| Dependency { name: (*name).to_owned(), kind: kind.map(str::to_owned) })
                .collect(),
        }
    }

    fn problems(packages: Vec<Package>, sources: &[Source]) -> Vec<String> {
        let workspace = Workspace { root: PathBuf::new(), target: PathBuf::new(), packages };
        check(&workspace, sources).iter().map(ToString::to_string).collect()
    }

    fn host(name: &str, dependencies: &[(&str, Option<&str>)]) -> Package {
        package(&format!("signalbox-{name}"), &format!("host/{name}"), dependencies)
    }

    #[test]
    fn imports_run_downward_only() {
        let manifest = source(
            "host/store/Cargo.toml",
            "[dependencies]\nserde.workspace = true\nsignalbox-executor.workspace = true\n",
        );
        let found = problems(
            vec![host("executor", &[("signalbox-store", None)]), host("store", &[("signalbox-executor", None)])],
            &[manifest],
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("host/store/Cargo.toml:3: [floors]"), "{found:?}");
    }

    #[test]
    fn the_same_floor_is_not_lower() {
        let found = problems(vec![host("kafka", &[]), host("store", &[("signalbox-kafka", None)])], &[]);
        assert_eq!(found.len(), 1, "{found:?}");
    }

    #[test]
    fn no_trigger_imports_another() {
        let trigger = |name: &str, dependencies: &[(&str, Option<&str>)]| {
            package(&format!("signalbox-trigger-{name}"), &format!("host/triggers/{name}"), dependencies)
        };
        let cron = trigger("cron", &[("signalbox-intake", None)]);
        assert_eq!(problems(vec![host("intake", &[]), cron.clone()], &[]), Vec::<String>::new());
        let api = trigger("api", &[("signalbox-trigger-cron", None)]);
        assert_eq!(problems(vec![host("intake", &[]), cron, api], &[]).len(), 1);
    }

    #[test]
    fn dev_dependencies_follow_the_same_floors() {
        let support = package("signalbox-tests-support", "tests/support", &[]);
        let dev = Some("dev");
        let upward = vec![host("model", &[("signalbox-store", dev)]), host("store", &[])];
        assert_eq!(problems(upward, &[]).len(), 1);
        let allowed = vec![host("model", &[("signalbox-tests-support", dev)]), support.clone()];
        assert_eq!(problems(allowed, &[]), Vec::<String>::new());
        let normal = vec![host("model", &[("signalbox-tests-support", None)]), support];
        assert_eq!(problems(normal, &[]).len(), 1);
    }

    #[test]
    fn a_fenced_library_stays_behind_its_fence() {
        let found =
            problems(vec![host("sandbox", &[("wasmtime-wasi", None)]), host("executor", &[("wasmtime", None)])], &[]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].contains("[fences] `wasmtime` may be used in"), "{found:?}");
    }

    #[test]
    fn a_new_crate_needs_a_floor() {
        assert_eq!(problems(vec![host("surprise", &[])], &[]).len(), 1);
    }

    #[test]
    fn the_sdk_and_xtask_know_no_host_crate() {
        let sdk = package("signalbox-sdk", "sdk/rust", &[("signalbox-model", None), ("signalbox-sdk-macros", None)]);
        let macros = package("signalbox-sdk-macros", "sdk/rust/macros", &[]);
        let xtask = package("xtask", "xtask", &[("signalbox-model", None)]);
        assert_eq!(problems(vec![host("model", &[]), sdk, macros, xtask], &[]).len(), 2);
    }
}
