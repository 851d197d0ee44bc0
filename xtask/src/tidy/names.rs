//! Names that say nothing.

use std::path::Path;

use super::{Problem, Source};

const EMPTY: &[&str] = &["util", "utils", "common", "helper", "helpers", "misc", "manager", "managers", "base"];
const EMPTY_ENDINGS: &[&str] = &["impl", "data"];
const ITEMS: &[&str] = &["struct", "enum", "trait", "mod", "union", "type"];

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
    problems
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

/// The name that a line declares as a type or module.
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
    fn the_line_is_reported() {
        let found = check(&[source("a.rs", "//! doc\n\nstruct HttpManager;\n")]);
        assert_eq!(found.first().and_then(|problem| problem.line), Some(3));
    }
}
