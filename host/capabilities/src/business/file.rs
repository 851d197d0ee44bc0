//! Reads one file of a business, and finds everything that is wrong with it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use signalbox_diagnostics::{Item, Problem, Problems, TomlString, TomlTable, parse_toml_partly};
use signalbox_model::{
    BUSINESS_ID_RULE, BusinessInfo, JsonObject, Location, NotificationSettings, Role, default_locale, default_timezone,
    is_business_id,
};
use toml::de::DeTable;

use super::notifications::{self, NotificationReceivers};
use crate::folder::Folder;

/// The largest file of a business, in bytes.
const LARGEST_FILE: usize = 1 << 20;

/// The content of one file.
pub(super) struct BusinessFile {
    /// Its text, or the part of it that could be read.
    pub text: String,
    /// The id of the business, if the file says it without errors.
    pub business_id: Option<String>,
    /// The place of the id.
    pub id_at: Range<usize>,
    /// The type of the business, if the file says it without errors.
    pub business_type: Option<String>,
    /// The business, or what is wrong.
    pub business: Result<ReadBusiness, Vec<Problem>>,
}

/// A business, and where its notifications go, which plugins and records of decisions do not see.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct ReadBusiness {
    pub info: Arc<BusinessInfo>,
    pub notifications: Arc<NotificationSettings>,
}

impl BusinessFile {
    /// Reads a file of the folder.
    pub fn read(folder: &Folder, file: &Path, receivers: Option<&NotificationReceivers>) -> Self {
        match text(folder, file) {
            Ok(text) => Self::parse(text, receivers),
            Err((text, problem)) => Self::wrong(text, problem),
        }
    }

    fn wrong(text: String, problem: Problem) -> Self {
        Self { text, business_id: None, id_at: 0..0, business_type: None, business: Err(vec![problem]) }
    }

    /// Reads a file's text. Receivers of notifications are checked when it is known which ones there are.
    pub fn parse(text: String, receivers: Option<&NotificationReceivers>) -> Self {
        let (document, problems) = parse_toml_partly(&text, LARGEST_FILE);
        let said = |key: &str| {
            let (at, value) = document.get_ref().get_key_value(key)?;
            // At a value that is cut off, the part that was read may be the name of another business.
            let end = text
                .get(value.span().end..)
                .and_then(|rest| rest.find('\n'))
                .map_or(text.len(), |line| value.span().end + line);
            let is_whole = problems.iter().all(|Problem { span, .. }| span.end < at.span().start || span.start > end);
            is_whole.then(|| Some((value.get_ref().as_str()?.to_owned(), value.span()))).flatten()
        };
        let id = said("businessId").filter(|(id, _)| is_business_id(id));
        let business_type = said("type").map(|(business_type, _)| business_type);
        let (business_id, id_at) = id.map_or((None, 0..0), |(id, at)| (Some(id), at));
        let business = match problems.is_empty() {
            true => business(document.get_ref(), receivers),
            false => Err(problems),
        };
        Self { business_id, id_at, business_type, business, text }
    }
}

/// The text of a file; otherwise the part of it that could be read, and the problem.
fn text(folder: &Folder, file: &Path) -> Result<String, (String, Problem)> {
    let unreadable = |error: std::io::Error| {
        let problem = Problem::new(format!("the file cannot be read: {error}"), 0..0, "");
        (
            String::new(),
            problem.with_help("put a file there that the host's user may read, or take it out of the folder"),
        )
    };
    let opened = folder.file(file).map_err(unreadable)?;
    let mut bytes = Vec::new();
    // One byte more than allowed shows that the file is too large.
    opened.take(LARGEST_FILE as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        (shown, Problem::new("the file is no text in UTF-8", at..at + 1, "here").with_help("save it as UTF-8"))
    })
}

/// The business of a file's document, or everything that is wrong with it.
fn business(document: &DeTable<'_>, receivers: Option<&NotificationReceivers>) -> Result<ReadBusiness, Vec<Problem>> {
    let mut problems = Problems::default();
    let business = read_business(TomlTable::new("the business", 0..0, document), receivers, &mut problems);
    if problems.has_errors() { Err(problems.into_list()) } else { Ok(business) }
}

/// The business of a table. A value that has a problem is replaced by an empty one.
fn read_business(
    mut table: TomlTable<'_>,
    receivers: Option<&NotificationReceivers>,
    problems: &mut Problems,
) -> ReadBusiness {
    let business_id = required(&mut table, "businessId", problems);
    if let Some(id) = business_id.as_ref().filter(|id| !is_business_id(&id.value)) {
        let message = format!("businessId `{}` must have {BUSINESS_ID_RULE}", id.value);
        problems.push(Problem::new(message, id.span.clone(), "here"));
    }
    let info = BusinessInfo {
        business_id: business_id.map(|id| id.value).unwrap_or_default(),
        name: required(&mut table, "name", problems).map(|name| name.value).unwrap_or_default(),
        business_type: required(&mut table, "type", problems).map(|name| name.value).unwrap_or_default(),
        locale: optional(&mut table, "locale", problems).unwrap_or_else(default_locale),
        timezone: timezone(&mut table, problems).unwrap_or_else(default_timezone),
        settings: object(&mut table, "settings", problems).unwrap_or_default(),
        locations: locations(&mut table, problems),
        permissions: permissions(&mut table, problems),
        metadata: object(&mut table, "metadata", problems),
    };
    let notifications = table.take("notifications").and_then(|item| item.table("[notifications]", problems));
    let notifications = notifications.map(|table| notifications::read(table, &info, receivers, problems));
    table.finish(problems);
    ReadBusiness { info: Arc::new(info), notifications: Arc::new(notifications.unwrap_or_default()) }
}

fn required(table: &mut TomlTable<'_>, key: &'static str, problems: &mut Problems) -> Option<TomlString> {
    table.require(key, &format!("add `{key}`"), problems)?.text(problems)
}

fn optional(table: &mut TomlTable<'_>, key: &'static str, problems: &mut Problems) -> Option<String> {
    table.take(key)?.text(problems).map(|text| text.value)
}

fn timezone(table: &mut TomlTable<'_>, problems: &mut Problems) -> Option<String> {
    let TomlString { value, span } = table.take("timezone")?.text(problems)?;
    if signalbox_model::time_zone(&value).is_none() {
        let message = format!("timezone `{value}` is no IANA time zone");
        problems.add(&span, message, "write for example `Europe/Bucharest`");
    }
    Some(value)
}

fn object(table: &mut TomlTable<'_>, key: &'static str, problems: &mut Problems) -> Option<JsonObject> {
    let item = table.take(key)?;
    item.table(key, problems)?;
    match item.json(problems)? {
        serde_json::Value::Object(object) => Some(object),
        _ => None,
    }
}

fn locations(table: &mut TomlTable<'_>, problems: &mut Problems) -> Vec<Location> {
    let Some(item) = table.take("locations") else { return Vec::new() };
    let (mut locations, mut seen) = (Vec::new(), BTreeSet::new());
    for mut table in item.tables("[[locations]]", problems) {
        let id = required(&mut table, "id", problems);
        if let Some(TomlString { value, span }) = id.as_ref().filter(|id| !seen.insert(id.value.clone())) {
            let problem =
                Problem::new(format!("location `{value}` is there twice"), span.clone(), "for the second time");
            problems.push(problem.with_help("give one of them another id"));
        }
        locations.push(Location {
            id: id.map(|id| id.value).unwrap_or_default(),
            name: required(&mut table, "name", problems).map(|name| name.value).unwrap_or_default(),
            timezone: timezone(&mut table, problems),
            settings: object(&mut table, "settings", problems).unwrap_or_default(),
        });
        table.finish(problems);
    }
    locations
}

fn permissions(table: &mut TomlTable<'_>, problems: &mut Problems) -> BTreeMap<String, Role> {
    let roles = table.take("permissions").and_then(|item| item.table("[permissions]", problems));
    let role = |item: Item<'_>| {
        let permissions = item.texts_with_duplicates(problems).into_iter().map(|permission| permission.value);
        (item.key.to_owned(), permissions.collect())
    };
    roles.map_or_else(Vec::new, |roles| roles.entries()).into_iter().map(role).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str =
        "businessId = \"roma\"\nname = \"Roma\"\ntype = \"restaurant\"\ntimezone = \"Europe/Bucharest\"\n";

    fn told(text: &str) -> Vec<String> {
        let problems = BusinessFile::parse(text.to_owned(), None).business.unwrap_err();
        let report = signalbox_diagnostics::Report::new("roma.toml", text, problems);
        let line = |problem: signalbox_diagnostics::PlacedProblem<'_>| {
            format!("{}: {} {}", problem.line, problem.message, problem.help.unwrap_or_default())
        };
        report.problems().map(line).collect()
    }

    #[test]
    fn a_file_that_nests_without_end_is_refused_before_it_is_parsed() {
        let told = told(&format!("{GOOD}settings = {}", "[".repeat(100_000)));
        assert!(told[0].contains("nest deeper than 64 levels"), "{told:?}");
    }

    #[test]
    fn everything_that_is_wrong_with_a_business_is_told_at_once_with_its_line() {
        let text = "businessId = \"ro ma\"\nnam = \"Roma\"\ntype = 7\ntimezone = \"Europe/Atlantis\"\n\
                    [[locations]]\nid = \"a\"\nname = \"A\"\ncolour = \"red\"\n[[locations]]\nid = \"a\"\nname = \"B\"\n\
                    timezone = \"Mars\"\n[permissions]\nowner = \"message\"\n";
        let told = told(text);
        for expected in [
            "1: businessId `ro ma` must have 1 to 64 letters",
            "2: unknown key `nam` in the business did you mean `name`?",
            "1: the business has no `name` add `name`",
            "3: `type` in the business is a whole number write a string",
            "4: timezone `Europe/Atlantis` is no IANA time zone",
            "8: unknown key `colour` in [[locations]] keys here are",
            "10: location `a` is there twice",
            "12: timezone `Mars`",
            "14: `owner` in [permissions] is a string write a list of strings",
        ] {
            assert!(told.iter().any(|told| told.contains(expected)), "{expected} is missing in {told:#?}");
        }
        assert_eq!(told.len(), 9, "and nothing twice: {told:#?}");
    }

    #[test]
    fn every_key_of_a_business_is_read() {
        let text = format!(
            "{GOOD}locale = \"ro\"\nsettings = {{ tables = 12, opened = 2020-05-01 }}\nmetadata = {{ chain = \"A\" }}\n\
             [[locations]]\nid = \"a\"\nname = \"A\"\ntimezone = \"Europe/Rome\"\nsettings = {{ tables = 3 }}\n\
             [permissions]\nowner = [\"message\", \"message\"]\n"
        );
        let business = BusinessFile::parse(text, None).business.unwrap().info;
        let expected = serde_json::json!({
            "businessId": "roma", "name": "Roma", "type": "restaurant", "locale": "ro", "timezone": "Europe/Bucharest",
            "settings": {"tables": 12, "opened": "2020-05-01"}, "metadata": {"chain": "A"},
            "locations": [{"id": "a", "name": "A", "timezone": "Europe/Rome", "settings": {"tables": 3}}],
            "permissions": {"owner": ["message", "message"]},
        });
        assert_eq!(serde_json::to_value(&*business).unwrap(), expected);
        let least = GOOD.replace("timezone = \"Europe/Bucharest\"\n", "");
        let least = BusinessFile::parse(least, None).business.unwrap().info;
        assert_eq!((least.locale.as_str(), least.timezone.as_str()), ("en", "UTC"));
    }

    #[test]
    fn several_mistakes_of_a_file_are_told_at_once_each_with_its_line_and_a_caret() {
        let text = GOOD.replace("name =", "nmae =").replace("\"restaurant\"", "7");
        let problems = BusinessFile::parse(text.clone(), None).business.unwrap_err();
        let told = signalbox_diagnostics::Report::new("roma.toml", &text, problems).render(false);
        for part in ["roma.toml:2:1]", "2 │ nmae = \"Roma\"", "did you mean `name`?", "roma.toml:3:8]", "3 │ type = 7"]
        {
            assert!(told.contains(part), "{part} is missing in\n{told}");
        }
        assert_eq!(told.matches("── here").count(), 3, "{told}");
    }

    #[test]
    fn a_file_of_mistakes_without_end_is_told_of_in_bounded_time() {
        let text = format!("{GOOD}{}", (0..40_000).map(|key| format!("k{key} = 1\n")).collect::<String>());
        assert_eq!(told(&text).len(), signalbox_diagnostics::MAX_PROBLEMS + 1);
    }

    #[test]
    fn every_syntax_error_is_told_and_an_id_is_believed_only_where_it_is_whole() {
        let file = BusinessFile::parse(GOOD.replace("\"Roma\"", "Roma") + "[permissions\n", None);
        assert_eq!((file.business_id.as_deref(), file.business_type.as_deref()), (Some("roma"), Some("restaurant")));
        assert_eq!(file.business.unwrap_err().len(), 2);
        for broken in ["\"roma", "\"roma\" \"port\"", "roma", "\"ro\\qma\""] {
            let file = BusinessFile::parse(GOOD.replace("\"roma\"", broken), None);
            assert_eq!(file.business_id, None, "{broken}");
            assert!(file.business.is_err(), "{broken}");
        }
    }
}
