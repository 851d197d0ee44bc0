//! One bundle: its manifest, its message models, and the components that the manifest names.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::Component;

/// A bundle's source folder.
#[derive(Debug, PartialEq, Eq)]
pub struct Folder {
    pub name: String,
    /// Crates in it are the bundle's own.
    root: PathBuf,
    /// Where `bundle.toml` is: the root, or its subfolder `bundle`.
    manifest: PathBuf,
}

/// The part of `bundle.toml` that is needed here; the host checks all of it.
#[derive(Deserialize)]
struct Manifest {
    #[serde(default)]
    plugins: BTreeMap<String, Plugin>,
}

#[derive(Deserialize)]
struct Plugin {
    component: String,
}

/// Every bundle in a folder, by name.
pub fn find(parent: &Path) -> Result<Vec<Folder>> {
    let entries = fs::read_dir(parent).with_context(|| format!("{} cannot be read", parent.display()))?;
    let mut found = Vec::new();
    for entry in entries {
        let root = entry?.path();
        let Some(name) = root.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let places = [root.clone(), root.join("bundle")];
        let Some(place) = places.iter().find(|place| place.join("bundle.toml").is_file()) else { continue };
        found.push(Folder { name, manifest: place.join("bundle.toml"), root });
    }
    if found.is_empty() {
        bail!("there is no bundle in {}: a bundle is a folder with a bundle.toml", parent.display());
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

/// Assembles a bundle in an empty folder, and returns the built files that it contains.
pub fn assemble(folder: &Folder, components: &[Component], output: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string(&folder.manifest)
        .with_context(|| format!("{} cannot be read", folder.manifest.display()))?;
    let manifest: Manifest = toml::from_str(&text).with_context(|| format!("in {}", folder.manifest.display()))?;
    if output.exists() {
        fs::remove_dir_all(output).with_context(|| format!("{} cannot be replaced", output.display()))?;
    }
    fs::create_dir_all(output).with_context(|| format!("{} cannot be made", output.display()))?;
    copy(&folder.manifest, &output.join("bundle.toml"))?;
    let models = folder.manifest.with_file_name("models");
    if models.is_dir() {
        copy_folder(&models, &output.join("models"))?;
    }
    let mut used = Vec::new();
    for (plugin, Plugin { component: name }) in &manifest.plugins {
        let built = choose(folder, name, components)
            .with_context(|| format!("{}, plugin `{plugin}`", folder.manifest.display()))?;
        copy(&built.file, &output.join(name))?;
        used.push(built.file.clone());
    }
    Ok(used)
}

/// The built component that a manifest names: `classify.wasm` is the library `classify`, or `<bundle>-classify`, or
/// `probe-classify`. The bundle's own crates are preferred, so that two bundles may each have a `classify`.
fn choose<'a>(folder: &Folder, name: &str, components: &'a [Component]) -> Result<&'a Component> {
    let Some(stem) = name.strip_suffix(".wasm") else { bail!("the component `{name}` should end in `.wasm`") };
    let stem = stem.replace('_', "-");
    let names = [stem.clone(), format!("{}-{stem}", folder.name), format!("probe-{stem}")];
    let fits = |component: &&Component| names.contains(&component.library.replace('_', "-"));
    let own: Vec<_> = components.iter().filter(fits).filter(|one| one.manifest.starts_with(&folder.root)).collect();
    let all: Vec<_> = components.iter().filter(fits).collect();
    match (own.as_slice(), all.as_slice()) {
        ([only], _) | ([], [only]) => Ok(only),
        ([], []) => bail!("no crate builds `{name}`; add a cdylib crate named `{}-{stem}`", folder.name),
        _ => bail!("several crates build `{name}`; give one of them another name"),
    }
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} cannot be made", to.display()))?;
    for entry in fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else {
            copy(&entry.path(), &target)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::copy(from, to).with_context(|| format!("{} cannot be copied to {}", from.display(), to.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str) -> Folder {
        let root = PathBuf::from("plugins").join(name);
        Folder { name: name.to_owned(), manifest: root.join("bundle.toml"), root }
    }

    fn component(bundle: &str, library: &str) -> Component {
        Component {
            manifest: PathBuf::from("plugins").join(bundle).join(library).join("Cargo.toml"),
            library: library.to_owned(),
            file: PathBuf::from(format!("{bundle}/{library}.wasm")),
        }
    }

    #[test]
    fn a_bundles_own_crate_goes_before_another_bundles() {
        let built = [component("restaurant", "classify"), component("clinic", "clinic_classify")];
        let chosen = choose(&folder("clinic"), "classify.wasm", &built).unwrap();
        assert_eq!(chosen.library, "clinic_classify");
    }

    #[test]
    fn a_longer_name_with_the_same_ending_is_another_component() {
        let built = [component("clinic", "clinic_results"), component("clinic", "clinic_lab_results")];
        assert_eq!(choose(&folder("clinic"), "results.wasm", &built).unwrap().library, "clinic_results");
        assert_eq!(choose(&folder("clinic"), "lab-results.wasm", &built).unwrap().library, "clinic_lab_results");
    }

    #[test]
    fn a_component_nobody_builds_or_two_build_is_an_error() {
        let built = [component("a", "book"), component("a", "a_book"), component("b", "notebook")];
        assert!(choose(&folder("a"), "book.wasm", &built).is_err());
        assert!(choose(&folder("a"), "menu.wasm", &built).is_err());
        assert!(choose(&folder("b"), "notebook", &built).is_err());
        assert_eq!(choose(&folder("b"), "notebook.wasm", &built).unwrap().library, "notebook");
    }

    #[test]
    fn underscores_and_hyphens_are_the_same() {
        let built = [component("a", "opening_hours")];
        assert!(choose(&folder("a"), "opening-hours.wasm", &built).is_ok());
    }
}
