use signalbox_diagnostics::{PlacedProblem, Report};

use super::*;

fn read(text: &str, format: ModelFormat) -> Result<Vec<WrittenModel>, Vec<Problem>> {
    read_model_text(text, format, SpeaksFor::Any(None), Timestamp::UNIX_EPOCH).map(|read| read.models)
}

/// The problems, each as `line: message; help`.
fn lines_of(text: &str, problems: Vec<Problem>) -> Vec<String> {
    let report = Report::new("a.toml", text, problems);
    let line = |problem: PlacedProblem<'_>| {
        let help = problem.help.map(|help| format!("; {help}")).unwrap_or_default();
        format!("{}: {}{help}", problem.line, problem.message)
    };
    report.problems().map(line).collect()
}

/// The warnings of a text that can be used, each as `line: message; help`.
fn warned(text: &str, format: ModelFormat) -> Vec<String> {
    let read = read_model_text(text, format, SpeaksFor::Any(None), Timestamp::UNIX_EPOCH).unwrap();
    assert!(read.warnings.iter().all(|warning| !warning.is_error()), "{:?}", read.warnings);
    lines_of(text, read.warnings)
}

/// The problems of a text, each as `line: message`.
fn told(text: &str, format: ModelFormat) -> Vec<String> {
    lines_of(text, read(text, format).unwrap_err())
}

#[track_caller]
fn assert_told(text: &str, format: ModelFormat, expected: &[(usize, &str)]) {
    let told = told(text, format);
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, (line, part)) in told.iter().zip(expected) {
        assert!(told.starts_with(&format!("{line}: ")) && told.contains(part), "line {line}, {part}: {told}");
    }
}

#[test]
fn toml_and_json_of_every_shape_give_the_same_model() {
    let toml = "decisionCode = \"a.b\"\nversion = \"1.2\"\nlocale = \"ro-RO\"\nlocationContext = \"bar\"\n\
                businessType = \"clinic\"\nparameters = [\"who\"]\nmessageTemplate = \"Hi {{ who }}\"\n";
    let json = r#"{"decisionCode": "a.b", "version": "1.2", "locale": "ro-RO", "locationContext": "bar",
                   "businessType": "clinic", "parameters": ["who"], "messageTemplate": "Hi {{ who }}",
                   "usageCount": 7, "createdAt": "2026-11-23T08:00:00Z"}"#;
    let first = read(toml, ModelFormat::Toml).unwrap();
    assert_eq!((first.len(), first[0].line), (1, 1));
    for (text, format) in [
        (format!("[[models]]\n{toml}"), ModelFormat::Toml),
        (json.to_owned(), ModelFormat::Json),
        (format!("[{json}]"), ModelFormat::Json),
        (format!(r#"{{"models": [{json}]}}"#), ModelFormat::Json),
    ] {
        let read = read(&text, format).unwrap();
        assert_eq!(read.iter().map(|read| &read.model).collect::<Vec<_>>(), [&first[0].model], "{text}");
    }
}

#[test]
fn everything_wrong_in_toml_is_told_with_its_line() {
    let text = r#"
[[models]]
decisionCode = "two words"
version = "+1"
locale = "romanian_RO"
parameters = ["a"]
messageTemplate = """
Hello {{ a }}, abc
and {{ b }}
and {{ c }}"""

[[models]]
decisionCode = 7
version = "1"
text = "?"
messageTemplate = """{% if a %}
{{ a"""

[[models]]
decisionCode = "x"
version = "1"
parameters = "a"
"#;
    assert_told(
        text,
        ModelFormat::Toml,
        &[
            (3, "without spaces"),
            (4, "numbers with dots"),
            (5, "BCP 47"),
            (9, "`b`"),
            (10, "`c`"),
            (13, "not a number"),
            (15, "has no `text`"),
            (16, "`a`"),
            (17, "syntax error"),
            (19, "needs a `messageTemplate`"),
            (22, "a list of names"),
        ],
    );
}

#[test]
fn everything_wrong_in_json_is_told_with_its_line() {
    let text = r#"{"models": [
  {"decisionCode": "a", "version": "1", "messageTemplate": "one\ntwo {{ who }}"},
  {"decisionCode": "a", "version": "1", "messageTemplate": "x",
   "version": "2"},
  {"decisionCode": "a",
   "version": 1, "messageTemplate": null, "locale": "ro"},
  7
]}"#;
    assert_told(
        text,
        ModelFormat::Json,
        &[(2, "`who`"), (4, "twice"), (5, "needs a `messageTemplate`"), (6, "not a number"), (7, "an object")],
    );
}

#[test]
fn what_is_neither_toml_nor_json_is_told_with_its_line() {
    assert_told("decisionCode = \"a\"\nversion = \n", ModelFormat::Toml, &[(2, "this is not TOML: ")]);
    assert_told("{\n\"version\": }", ModelFormat::Json, &[(2, "expected value")]);
    assert_told("{\"models\": {}}", ModelFormat::Json, &[(1, "a list")]);
    assert_told("\nmodels = 7\n", ModelFormat::Toml, &[(2, "[[models]]")]);
    assert_told("locale = \"ro\"\nmodels = []\n", ModelFormat::Toml, &[(1, "beside")]);
    assert_told("", ModelFormat::Json, &[(1, "EOF")]);
}

#[test]
fn a_misspelt_field_is_told_with_the_one_that_was_meant() {
    let model =
        |field: &str| format!("decisionCode = \"a\"\nversion = \"1\"\nmessageTemplate = \"x\"\n{field} = \"x\"\n");
    for (field, told) in [
        ("business-type", "has no `business-type` (`a` 1); did you mean `businessType`?"),
        ("location_context", "has no `location_context` (`a` 1); did you mean `locationContext`?"),
        ("colour", "has no `colour` (`a` 1); its fields are `decisionCode`, `version`"),
    ] {
        assert_told(&model(field), ModelFormat::Toml, &[(4, told)]);
    }
}

#[test]
fn the_same_model_twice_is_told_and_variants_are_not() {
    let model = |locale: &str| {
        format!("[[models]]\ndecisionCode = \"a\"\nversion = \"1\"\nmessageTemplate = \"x\"\nlocale = \"{locale}\"\n")
    };
    let text = [model("ro"), model("en"), model("ro")].concat();
    assert_told(&text, ModelFormat::Toml, &[(11, "the first is in line 1")]);
    assert_eq!(read(&[model("ro"), model("en")].concat(), ModelFormat::Toml).unwrap().len(), 2);
}

#[test]
fn a_language_tag_is_one_of_bcp_47() {
    for good in ["ro", "en-GB", "sr-Latn-RS", "EN-gb", "de-1996"] {
        assert!(is_locale(good), "{good}");
    }
    for bad in ["", "romanian language", "ro_RO", "r", "-", "ro-"] {
        assert!(!is_locale(bad), "{bad}");
    }
}

#[test]
fn a_bundles_models_speak_for_its_own_type_and_an_operators_for_any() {
    let model = |kind: &str| format!("decisionCode = \"a\"\nversion = \"1\"\n{kind}\nmessageTemplate = \"x\"\n");
    let read = |text: &str, speaks_for| read_model_text(text, ModelFormat::Toml, speaks_for, Timestamp::UNIX_EPOCH);
    let kind = |read: Result<ReadText, _>| read.unwrap().models[0].model.business_type.clone();
    let (none, own, other) = (model(""), model("businessType = \"clinic\""), model("businessType = \"restaurant\""));
    for text in [&none, &own] {
        assert_eq!(kind(read(text, SpeaksFor::Only("clinic"))).as_deref(), Some("clinic"), "never for all types");
    }
    let problems = read(&other, SpeaksFor::Only("clinic")).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(&other[problems[0].span.clone()], "\"restaurant\"");
    for part in ["`restaurant`", "a bundle for `clinic`", "leave `businessType` out", "models import"] {
        assert!(problems[0].message.contains(part), "{}", problems[0].message);
    }
    assert_eq!(kind(read(&none, SpeaksFor::Any(None))), None);
    assert_eq!(kind(read(&none, SpeaksFor::Any(Some("clinic")))).as_deref(), Some("clinic"));
    assert_eq!(kind(read(&other, SpeaksFor::Any(Some("clinic")))).as_deref(), Some("restaurant"));
}

#[test]
fn what_can_never_work_in_a_template_is_told_with_the_line_of_the_file() {
    let text = "decisionCode = \"a\"\nversion = \"1\"\nparameters = [\"n\"]\nmessageTemplate = \"\"\"\nx\n\
                {{ n | round(method='cel') }}{{ 'a'.foo }}\"\"\"\n";
    assert_told(text, ModelFormat::Toml, &[(6, "the filter `round` can never work here"), (6, "the part `foo`")]);
}

#[test]
fn a_parameter_that_no_template_can_use_is_told_where_it_stands() {
    let toml = "decisionCode = \"a\"\nversion = \"1\"\nmessageTemplate = \"x\"\nparameters = [\n\"first-name\",\n\"\",\n\
                \"1a\",\n\"true\",\n\"loop\",\n\"not\",\n\"nașă\"]\n";
    let expected = [
        (5, "`first-name` is no name"),
        (6, "`` is no name"),
        (7, "`1a` is no name"),
        (8, "`true` is a word of the templates' language"),
        (9, "`loop` is a word"),
        (10, "`not` is a word"),
        (11, "`nașă` is no name"),
    ];
    assert_told(toml, ModelFormat::Toml, &expected);
    let json = "{\"decisionCode\": \"a\", \"version\": \"1\", \"messageTemplate\": \"x\",\n\"parameters\": [\"true\",\n\"a b\"]}";
    assert_told(json, ModelFormat::Json, &[(2, "`true`"), (3, "`a b`")]);
}

#[test]
fn doubled_and_unused_parameters_and_doubtful_templates_are_warnings_where_they_stand() {
    let text = "decisionCode = \"a\"\nversion = \"1\"\nparameters = [\"n\",\n\"m\",\n\"n\"]\n\
                messageTemplate = \"{% if n %}{% set x = 1 %}{% endif %}{{ x }}\"\n";
    let warned = warned(text, ModelFormat::Toml);
    assert_eq!(warned.len(), 3, "{warned:#?}");
    for (told, (line, part)) in
        warned.iter().zip([(4, "does not use the parameter `m`"), (5, "`n` stands"), (6, "`x` is")])
    {
        assert!(told.starts_with(&format!("{line}: ")) && told.contains(part), "{told}");
    }
    let errors = read(&text.replace("{{ x }}", "{{ y }}"), ModelFormat::Toml).unwrap_err();
    assert_eq!(errors.iter().filter(|problem| problem.is_error()).count(), 1, "{errors:?}");
    assert!(errors.len() > 1, "warnings are told beside errors: {errors:?}");
}

#[test]
fn each_problem_names_its_model_by_place_code_and_version() {
    let text = r#"[{"decisionCode": "a", "version": "1", "messageTemplate": "{{ x }}"}, {"decisionCode": "b.c", "version": "new",
        "messageTemplate": "x"}, {"messageTemplate": "{{"}, 7, {"decisionCode": "d", "version": "2", "messageTemplate": "x"},
        {"decisionCode": "d", "version": "2", "messageTemplate": "x"}]"#
        .replace('\n', " ");
    let told = told(&text, ModelFormat::Json);
    for part in [
        "`x`, which is not among its parameters; add it there or remove it from the template (model 1 of 6, `a` 1)",
        "such as `1.10` (model 2 of 6, `b.c` new)",
        "needs a `decisionCode` (model 3 of 6)",
        "has to be an object (model 4 of 6)",
        "model 6, d 2, stands here again for the same type, place and language; the first is in line 1, model 5",
    ] {
        assert!(told.iter().any(|told| told.starts_with("1: ") && told.contains(part)), "{part} in {told:#?}");
    }
    assert_told("version = \"1\"\ndecisionCode = \"a\"\n", ModelFormat::Toml, &[(1, "(`a` 1)")]);
    assert_told("models = [1, 2]\n", ModelFormat::Toml, &[(1, "(model 1 of 2)"), (1, "(model 2 of 2)")]);
}

#[test]
fn every_spelling_of_a_version_is_read_as_the_canonical_one_and_two_of_them_are_the_same_model() {
    let model =
        |version: &str| format!("[[models]]\ndecisionCode = \"a\"\nversion = \"{version}\"\nmessageTemplate = \"x\"\n");
    for (written, version) in [("1", "1"), ("01", "1"), ("1.0", "1"), ("1.010", "1.10"), ("0.0", "0")] {
        assert_eq!(read(&model(written), ModelFormat::Toml).unwrap()[0].model.version, version, "{written}");
    }
    let text = [model("1"), model("1.0"), model("01")].concat();
    assert_told(&text, ModelFormat::Toml, &[(5, "a 1, stands here again"), (9, "a 1, stands here again")]);
    assert_told(&model("1."), ModelFormat::Toml, &[(3, "numbers with dots")]);
}
