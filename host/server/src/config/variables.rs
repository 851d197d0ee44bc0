//! Environment variables as keys of the configuration: `SIGNALBOX_WEBSOCKET__MAX_FRAME` is `websocket.max-frame`.
//!
//! A variable's name cannot express every key. The host's own keys are in lower case with `-`. A key that the operator
//! chooses is spelt as in the file, when the file has one that differs only in case, `_` and `-`; else it is spelt as
//! in the variable.

use std::collections::BTreeMap;

use signalbox_model::folded_name;

use super::tree::{ConfigNode, ConfigOrigin, ConfigValue};

/// Variables whose names begin like this and contain [`SEPARATOR`] are configuration.
const PREFIX: &str = "SIGNALBOX_";
/// Between a table and its key.
const SEPARATOR: &str = "__";
/// Tables whose keys the operator chooses; `*` is any key.
pub(super) const CHOSEN: [&[&str]; 10] = [
    &["delivery", "external-calls", "receivers"],
    &["delivery", "notification-webhooks", "receivers"],
    &["llm", "models"],
    &["egress", "secrets"],
    &["egress", "business-secrets"],
    &["egress", "business-secrets", "*"],
    &["kafka", "topics"],
    &["webhooks", "secrets"],
    &["webhooks", "business-secrets"],
    &["webhooks", "business-secrets", "*"],
];

/// Lays variables over a tree. Problems are added to `problems`; `sections` are the names of all sections. Returns a
/// sentence for each variable that looks like configuration but sets nothing.
pub(super) fn lay_over(
    tree: &mut ConfigNode,
    mut variables: Vec<(String, String)>,
    sections: &[String],
    problems: &mut Vec<String>,
) -> Vec<String> {
    // A fixed order, whatever order the system gives.
    variables.sort();
    let (mut set, mut warnings) = (BTreeMap::<Vec<String>, String>::new(), Vec::new());
    for (name, value) in variables {
        match path(tree, &name) {
            Some(Ok(path)) => {
                if let Some(other) = set.insert(path.clone(), name.clone()) {
                    problems.push(format!(
                        "environment variables {other} and {name} both set `{}`; unset one of them",
                        path.join(".")
                    ));
                }
                tree.set(&path, ConfigNode::text(value, ConfigOrigin::Variable(name)));
            }
            Some(Err(problem)) => problems.push(problem),
            None => warnings.extend(without_effect(&name, sections)),
        }
    }
    warnings
}

/// The key that a variable sets; none when the variable is no configuration.
fn path(tree: &ConfigNode, name: &str) -> Option<Result<Vec<String>, String>> {
    let rest = name.strip_prefix(PREFIX).filter(|rest| rest.contains(SEPARATOR))?;
    let mut path: Vec<String> = Vec::new();
    let mut here = Some(tree);
    for part in rest.split(SEPARATOR) {
        let key = match (is_chosen(&path), here.map(|node| &node.content)) {
            (false, _) => folded_name(part),
            (true, Some(ConfigValue::Table(children))) => match chosen(children, part) {
                Ok(key) => key,
                Err(several) => {
                    return Some(Err(format!(
                        "environment variable {name} could mean {several} of `{}`; rename one of them, or set it in the file",
                        path.join(".")
                    )));
                }
            },
            (true, _) => part.to_owned(),
        };
        here = match here.map(|node| &node.content) {
            Some(ConfigValue::Table(children)) => children.get(&key),
            _ => None,
        };
        path.push(key);
    }
    Some(Ok(path))
}

/// Whether the operator chooses the keys of the table at `path`.
fn is_chosen(path: &[String]) -> bool {
    CHOSEN.iter().any(|table| {
        table.len() == path.len() && table.iter().zip(path).all(|(pattern, key)| *pattern == "*" || pattern == key)
    })
}

/// The key among the existing ones that `part` stands for; when several match, an error that names them.
fn chosen(children: &BTreeMap<String, ConfigNode>, part: &str) -> Result<String, String> {
    if children.contains_key(part) {
        return Ok(part.to_owned());
    }
    let wanted = folded_name(part);
    let alike: Vec<&String> = children.keys().filter(|key| folded_name(key) == wanted).collect();
    match alike.as_slice() {
        [] => Ok(part.to_owned()),
        [one] => Ok((*one).clone()),
        several => Err(several.iter().map(|key| format!("`{key}`")).collect::<Vec<_>>().join(" or ")),
    }
}

/// For a variable that begins like a section but sets nothing: a sentence that says how it would be written.
fn without_effect(name: &str, sections: &[String]) -> Option<String> {
    let rest = name.strip_prefix(PREFIX)?;
    let section = sections.iter().find(|section| {
        let after = folded_name(rest);
        after.strip_prefix(section.as_str()).is_some_and(|after| after.len() > 1 && after.starts_with('-'))
    })?;
    let (before, after) = (rest.get(..section.len())?, rest.get(section.len() + 1..)?);
    Some(format!(
        "environment variable {name} sets nothing: between section and key stand two `_`, as in \
         {PREFIX}{before}{SEPARATOR}{after}"
    ))
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    use super::*;

    fn laid(file: &str, variables: &[&str]) -> (Vec<String>, Vec<String>, ConfigNode) {
        let mut tree = ConfigNode::of(&DeTable::parse(file).unwrap());
        let variables = variables.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
        let sections = ["server", "webhooks"].map(str::to_owned);
        let mut problems = Vec::new();
        let warnings = lay_over(&mut tree, variables, &sections, &mut problems);
        (problems, warnings, tree)
    }

    fn keys(node: &ConfigNode, path: &[&str]) -> Vec<String> {
        match (&node.content, path) {
            (ConfigValue::Table(children), []) => children.keys().cloned().collect(),
            (ConfigValue::Table(children), [first, rest @ ..]) => keys(&children[*first], rest),
            _ => panic!("no table"),
        }
    }

    #[test]
    fn a_chosen_key_is_the_files_own_however_a_variable_spells_it() {
        let file =
            "[webhooks.secrets]\nRESERVATIONS_WEBHOOK = []\nlab-results = []\n[llm.models.default]\nfile = 'a'\n";
        let variables = [
            "SIGNALBOX_WEBHOOKS__SECRETS__RESERVATIONS_WEBHOOK",
            "SIGNALBOX_WEBHOOKS__SECRETS__LAB_RESULTS",
            "SIGNALBOX_LLM__MODELS__DEFAULT__FILE",
            "SIGNALBOX_WEBHOOKS__BODY_SIZE",
        ];
        let (problems, _, tree) = laid(file, &variables);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(keys(&tree, &["webhooks", "secrets"]), ["RESERVATIONS_WEBHOOK", "lab-results"]);
        assert_eq!(keys(&tree, &["llm", "models"]), ["default"]);
        assert_eq!(keys(&tree, &["webhooks"]), ["body-size", "secrets"]);
    }

    #[test]
    fn a_chosen_key_that_the_file_does_not_have_keeps_its_case() {
        let variables = [
            "SIGNALBOX_WEBHOOKS__SECRETS__RESERVATIONS_WEBHOOK",
            "SIGNALBOX_WEBHOOKS__BUSINESS_SECRETS__trattoria-roma__RESERVATIONS_WEBHOOK",
            "SIGNALBOX_EGRESS__SECRETS__crm__VALUE",
        ];
        let (problems, _, tree) = laid("", &variables);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(keys(&tree, &["webhooks", "secrets"]), ["RESERVATIONS_WEBHOOK"]);
        assert_eq!(keys(&tree, &["webhooks", "business-secrets", "trattoria-roma"]), ["RESERVATIONS_WEBHOOK"]);
        assert_eq!(keys(&tree, &["egress", "secrets", "crm"]), ["value"]);
    }

    #[test]
    fn a_variable_that_could_mean_two_keys_is_refused_and_both_are_named() {
        let file = "[webhooks.secrets]\nthe-hook = []\nThe_Hook = []\n";
        let (problems, ..) = laid(file, &["SIGNALBOX_WEBHOOKS__SECRETS__THE_HOOK"]);
        assert!(problems[0].contains("`The_Hook` or `the-hook` of `webhooks.secrets`"), "{problems:?}");
        let (problems, ..) = laid("", &["SIGNALBOX_WEBHOOKS__SECRETS__A_B", "SIGNALBOX_WEBHOOKS__SECRETS__a_b"]);
        assert!(problems[0].contains("SECRETS__A_B and SIGNALBOX_WEBHOOKS__SECRETS__a_b both set"), "{problems:?}");
    }

    #[test]
    fn a_variable_that_sets_nothing_is_told_with_the_one_that_would() {
        let (problems, warnings, _) =
            laid("", &["SIGNALBOX_SERVER_LISTEN", "SIGNALBOX_CONFIG", "SERVER_LISTEN", "PATH"]);
        assert!(problems.is_empty());
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        assert!(warnings[0].contains("as in SIGNALBOX_SERVER__LISTEN"), "{warnings:?}");
    }
}
