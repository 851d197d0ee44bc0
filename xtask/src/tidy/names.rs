//! Finds names without a meaning, and types of the host that share a name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Problem, Source};

const EMPTY: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "managers", "base"];
const EMPTY_ENDINGS: &[&str] = &["impl", "data"];
const ITEMS: &[&str] = &["struct", "enum", "trait", "mod", "union", "type"];

/// Names that several types of the host may have, and why they are not confused.
const SHARED: &[(&str, &str)] = &[
    ("Config", "what a whole crate is opened with; read with the crate's name, as `signalbox_store::Config`"),
    ("Options", "the options of one command; read with the command's module, as `send::Options`"),
];

pub(super) fn check(sources: &[Source]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for source in sources {
        problems.extend(check_path(&source.path));
        if let Some(text) = &source.text
            && source.path.extension().is_some_and(|extension| extension == "rs")
        {
            problems.extend(check_items(&source.path, text));
        }
    }
    problems.extend(check_unique(sources));
    problems
}

/// Public types of the host have unique names, so that a reader knows what a name stands for.
fn check_unique(sources: &[Source]) -> Vec<Problem> {
    let tests = test_modules(sources);
    let mut places: BTreeMap<&str, Vec<(&Path, usize)>> = BTreeMap::new();
    for source in sources {
        let (path, Some(text)) = (source.path.as_path(), &source.text) else { continue };
        let is_host = path.starts_with("host") && path.iter().any(|part| part == "src");
        let is_test = tests.iter().any(|module| path.starts_with(module) || path == module.with_extension("rs"));
        if !is_host || is_test || path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let lines = text.lines().enumerate().take_while(|(_, line)| *line != "mod tests {");
        for (index, line) in lines.filter(|(_, line)| line.starts_with("pub") && !line.contains(" mod ")) {
            if let Some(name) = declared(line) {
                places.entry(name).or_default().push((path, index + 1));
            }
        }
    }
    let is_allowed = |name: &str| SHARED.iter().any(|(shared, _)| *shared == name);
    places.retain(|name, places| places.len() > 1 && !is_allowed(name));
    let problem = |(name, places): (&&str, &Vec<(&Path, usize)>)| {
        let (first, first_line) = places.first()?;
        let (path, line) = places.last()?;
        Some(Problem {
            file: path.to_path_buf(),
            line: Some(*line),
            rule: "names",
            message: format!(
                "`{name}` is the name of {} types, here and at {}:{first_line}; name each after what it alone is, or add the name \
                 with a reason to `SHARED` in xtask/src/tidy/names.rs",
                places.len(),
                first.display()
            ),
        })
    };
    places.iter().filter_map(problem).collect()
}

/// The folders of modules that are compiled for tests only; the module itself is the file beside its folder.
fn test_modules(sources: &[Source]) -> BTreeSet<PathBuf> {
    let mut modules = BTreeSet::new();
    for source in sources {
        let Some(text) = &source.text else { continue };
        let lines: Vec<&str> = text.lines().collect();
        for pair in lines.windows(2) {
            if let [attribute, module] = pair
                && attribute.starts_with("#[cfg(")
                && attribute.contains("test")
                && let Some(name) = module.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';'))
            {
                let is_root = source.path.ends_with("lib.rs") || source.path.ends_with("main.rs");
                let folder = if is_root { source.path.with_file_name("") } else { source.path.with_extension("") };
                modules.insert(folder.join(name));
            }
        }
    }
    modules
}

fn check_path(path: &Path) -> Option<Problem> {
    let problem = |message| Some(Problem { file: path.to_owned(), line: None, rule: "names", message });
    if path.file_name().is_some_and(|name| name == "mod.rs") {
        return problem("`mod.rs` hides which module it is; name it like its folder, beside the folder".to_owned());
    }
    for part in path.iter().filter_map(|part| part.to_str()) {
        let stem = part.split('.').find(|stem| !stem.is_empty()).unwrap_or(part);
        if let Some(word) = words(stem).iter().find(|word| EMPTY.contains(&word.as_str())) {
            return problem(format!("`{part}`: `{word}` says nothing; name it after what it holds or does"));
        }
    }
    None
}

fn check_items(path: &Path, text: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let Some(name) = declared(line) else { continue };
        let words = words(name);
        let empty = words.iter().find(|word| EMPTY.contains(&word.as_str()));
        let ending = words.last().filter(|word| words.len() > 1 && EMPTY_ENDINGS.contains(&word.as_str()));
        if let Some(word) = empty.or(ending) {
            problems.push(Problem {
                file: path.to_owned(),
                line: Some(index + 1),
                rule: "names",
                message: format!("`{name}`: `{word}` says nothing; name it after what it holds or does"),
            });
        }
    }
    problems
}

/// The name of a type or module that a line declares.
fn declared(line: &str) -> Option<&str> {
    let mut rest = line.trim_start();
    if let Some(after) = rest.strip_prefix("pub") {
        rest = match after.strip_prefix('(') {
            Some(restricted) => restricted.split_once(')')?.1,
            None => after,
        };
    }
    let (item, after) = rest.trim_start().split_once(' ')?;
    if !ITEMS.contains(&item) {
        return None;
    }
    let name = after.trim_start();
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    name.get(..end).filter(|name| !name.is_empty())
}

/// The words of a name in any of the usual cases, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut open = false;
    for c in name.chars() {
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open || c.is_uppercase() {
            words.push(String::new());
            open = true;
        }
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::source;
    use super::*;

    fn item(line: &str) -> usize {
        check_items(Path::new("a.rs"), line).len()
    }

    #[test]
    fn names_that_say_nothing_are_refused_in_types_and_modules() {
        for line in [
            "pub struct StoreManager;",
            "enum RowData {}",
            "pub(crate) trait SocketHelper {",
            "mod utils;",
            "struct NodeImpl<T>(T);",
        ] {
            assert_eq!(item(line), 1, "{line}");
        }
    }

    #[test]
    fn names_that_only_contain_such_letters_are_fine() {
        for line in [
            "struct Database;",
            "enum Commonality {}",
            "mod base64;",
            "struct DataRow;",
            "// struct Misc",
            "let mod_base = 1;",
        ] {
            assert_eq!(item(line), 0, "{line}");
        }
    }

    #[test]
    fn files_and_folders_are_named_too() {
        for path in ["host/common/src/lib.rs", "host/store/src/row_helpers.rs", "a/mod.rs", "docs/misc.md"] {
            assert!(check_path(Path::new(path)).is_some(), "{path}");
        }
        for path in ["host/store/src/database.rs", ".cargo/config.toml", "README.md"] {
            assert_eq!(check_path(Path::new(path)), None, "{path}");
        }
    }

    #[test]
    fn no_name_of_the_host_stands_for_two_types() {
        let one = source("host/store/src/item.rs", "pub struct Item;\npub struct Config;\nstruct Private;\n");
        for (path, text, problems) in [
            ("host/graph/src/reader.rs", "pub(crate) enum Item {}\n", 1),
            ("host/triggers/api/src/lib.rs", "pub(super) type Item = u8;\n", 1),
            ("host/graph/src/reader.rs", "pub struct Config;\n", 0),
            ("host/graph/src/reader.rs", "struct Item;\nstruct Private;\n", 0),
            ("host/graph/src/reader.rs", "#[cfg(test)]\nmod tests {\npub struct Item;\n}\n", 0),
            ("host/graph/tests/reader.rs", "pub struct Item;\n", 0),
            ("sdk/rust/src/lib.rs", "pub struct Item;\n", 0),
        ] {
            let found = check(&[source(&one.path.to_string_lossy(), one.text.as_deref().unwrap()), source(path, text)]);
            assert_eq!(found.len(), problems, "{path}: {text}");
        }
    }

    #[test]
    fn types_of_modules_that_are_compiled_for_tests_only_may_share_names() {
        let found = check(&[
            source("host/store/src/item.rs", "pub struct Item;\n\n#[cfg(test)]\nmod samples;\n"),
            source("host/store/src/item/samples.rs", "pub struct Item;\n"),
            source("host/store/src/item/samples/more.rs", "pub struct Item;\n"),
        ]);
        assert_eq!(found, Vec::new());
    }

    #[test]
    fn the_line_is_reported() {
        let found = check(&[source("a.rs", "//! doc\n\nstruct HttpManager;\n")]);
        assert_eq!(found.first().and_then(|problem| problem.line), Some(3));
    }
}
