//! Finds permissions in business files that no bundle asks for: most often a typing error.

use std::io::Read as _;
use std::path::Path;

use signalbox_capabilities::business::BusinessDirectory;
use signalbox_capabilities::folder::Folder;
use signalbox_diagnostics::{Problem, Report, parse_toml, suggestion};
use signalbox_model::{BusinessInfo, HOST_PERMISSIONS};
use signalbox_sandbox::Generation;
use toml::de::DeValue;

/// A file that is larger than this is not a business file.
const LARGEST_FILE: u64 = 1 << 20;

/// Logs for every business of a generation's type which of its permissions the bundle does not ask for.
pub fn warn(directory: &BusinessDirectory, generation: &Generation) {
    let of_the_type = |business: &&std::sync::Arc<BusinessInfo>| *business.business_type == *generation.business_type;
    for business in directory.all().iter().filter(of_the_type) {
        for (role, permissions) in &business.permissions {
            for permission in permissions {
                if let Some(help) = unknown(permission, &generation.written.permissions) {
                    let business_id = &business.business_id;
                    tracing::warn!(business_id, role, permission, help, "a role has a permission that nobody asks for");
                }
            }
        }
    }
}

/// A report for each file in a business directory that gives such permissions to roles of a business of the type. A
/// file that cannot be read is left to the directory's own reader.
pub fn reports(folder: &Path, business_type: &str, declared: &[String]) -> Vec<Report> {
    let Ok(opened) = Folder::open(folder) else { return Vec::new() };
    let mut files = opened.list(Path::new("")).unwrap_or_default();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut reports = Vec::new();
    for file in files {
        let Ok(text) = opened.file(&file).and_then(|file| std::io::read_to_string(file.take(LARGEST_FILE))) else {
            continue;
        };
        let problems = problems(&text, business_type, declared);
        if !problems.is_empty() {
            reports.push(Report::new(&folder.join(&file).display().to_string(), &text, problems));
        }
    }
    reports
}

fn problems(text: &str, business_type: &str, declared: &[String]) -> Vec<Problem> {
    // A file that is not valid TOML is reported by the directory's own reader.
    let Ok(document) = parse_toml(text, text.len()) else { return Vec::new() };
    let table = document.get_ref();
    let is_of_type = table.get("type").is_some_and(|found| found.get_ref().as_str() == Some(business_type));
    let Some(DeValue::Table(roles)) = table.get("permissions").map(|found| found.get_ref()).filter(|_| is_of_type)
    else {
        return Vec::new();
    };
    let given = roles.values().filter_map(|given| given.get_ref().as_array()).flat_map(|given| given.iter());
    given
        .filter_map(|given| {
            let permission = given.get_ref().as_str()?;
            let help = unknown(permission, declared)?;
            let message = format!("neither the host nor the bundle knows permission `{permission}`");
            Some(Problem::warning(message, given.span(), "nobody asks for it").with_help(help))
        })
        .collect()
}

/// What to write instead of a permission that the bundle does not ask for.
fn unknown(permission: &str, declared: &[String]) -> Option<String> {
    let known = || HOST_PERMISSIONS.into_iter().chain(declared.iter().map(String::as_str));
    let is_known = known().any(|known| known == permission);
    let help =
        || suggestion(permission, "permissions (a bundle declares its own as `permissions` under [bundle])", known());
    (!is_known).then(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\n[permissions]\n\
                        coordinator = [\"message\", \"reviw\"]\nmanager = [\"menu\"]\n";

    #[test]
    fn a_misspelt_permission_is_placed_and_the_right_one_named() {
        let found = problems(FILE, "restaurant", &["menu".to_owned()]);
        let [problem] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(FILE.get(problem.span.clone()), Some("\"reviw\""));
        assert_eq!(problem.help.as_deref(), Some("did you mean `review`?"));
        let undeclared = problems(FILE, "restaurant", &[]);
        assert_eq!(undeclared.len(), 2);
        let help = undeclared.last().and_then(|problem| problem.help.clone()).unwrap();
        assert!(help.contains("`message`, `review`, `decisions`"), "{help}");
        let nested = format!("{FILE}settings = {}", "[".repeat(100_000));
        assert!(problems(&nested, "restaurant", &[]).is_empty(), "the directory tells what is wrong with it");
        assert!(problems(FILE, "clinic", &[]).is_empty(), "another bundle knows the permissions of other businesses");
    }
}
