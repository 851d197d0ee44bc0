//! Compares the language with the engine that it comes from.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

/// The original engine, without limits.
fn engine(template: &str, data: &Json) -> Result<String, String> {
    let mut environment = minijinja::Environment::new();
    environment.set_undefined_behavior(minijinja::UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    let compiled = environment.template_from_str(template).map_err(|error| error.to_string())?;
    compiled.render(minijinja::value::Serde(data)).map_err(|error| error.to_string())
}

#[track_caller]
fn same_as_the_engine(template: &str, data: &Json) {
    let (ours, theirs) = (render(template, data), engine(template, data));
    match (&ours, &theirs) {
        (Ok(ours), Ok(theirs)) => assert_eq!(ours, theirs, "{template}"),
        (Err(_), Err(_)) => {}
        _ => panic!("{template}: here {ours:?}, there {theirs:?}"),
    }
}

/// Like [`same_as_the_engine`], for random templates: this language fails wherever a missing value is used, while the
/// engine takes it for an empty text in some filters.
fn same_as_the_engine_or_not_there(template: &str, data: &Json) {
    match render(template, data) {
        Err(TemplateError::Render { reason, .. }) if reason.ends_with("that is not there") => {}
        _ => same_as_the_engine(template, data),
    }
}

pub(super) fn data() -> Json {
    json!({
        "name": "Ana Maria", "town": "Iași, ȘTEFAN cel mare", "empty": "", "quoted": "it's \"so\"\n\tand\\",
        "n": 3, "zero": 0, "minus": -7, "large": 9_007_199_254_740_993_u64, "x": 2.5, "y": -0.125, "whole": 4.0,
        "yes": true, "no": false, "list": ["b", "A", "c", "a"], "numbers": [3, 1, 2.5, -4], "nulls": [null],
        "nothing": [], "map": {"b": 1, "a": "x", "C": [1, 2]},
        "dishes": [
            {"name": "ciorbă", "price": 25.5, "vegetarian": true, "allergens": ["țelină", "lapte"]},
            {"name": "Sarmale", "price": 38, "vegetarian": false, "allergens": []},
            {"name": "papanași", "price": 29.9, "vegetarian": true, "allergens": ["ouă"]},
        ],
    })
}

#[test]
fn every_template_of_the_example_bundles_renders_as_in_the_engine_it_was_written_for() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins");
    let mut seen = 0;
    for bundle in ["restaurant", "clinic"] {
        let models = crate::rag::read_models(
            &crate::folder::Folder::open(&folder.join(bundle)).unwrap(),
            crate::rag::SpeaksFor::Only(bundle),
            signalbox_model::Timestamp::UNIX_EPOCH,
        );
        let models = models.unwrap();
        assert!(models.warnings.is_empty(), "{:?}", models.warnings);
        for model in models.models {
            for variant in 0..4 {
                let data: JsonObject =
                    model.parameters.iter().map(|name| (name.clone(), example(name, variant))).collect();
                same_as_the_engine(&model.message_template, &Json::Object(data));
            }
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen} models");
}

/// A value that can be a parameter with this name.
fn example(name: &str, variant: usize) -> Json {
    let lists = ["dishes", "week", "bookings", "appointments", "slots", "windows", "next_windows", "alternatives"];
    let full = variant.is_multiple_of(2);
    if !lists.contains(&name) {
        return match variant {
            0 => json!(format!("{name} {variant}")),
            1 => json!(""),
            2 => json!(1),
            _ => json!(variant),
        };
    }
    let texts = ["windows", "next_windows", "alternatives"].contains(&name);
    let item = |number: usize| match texts {
        true => json!(format!("{number}:00")),
        false => json!({"name": format!("n{number}"), "price": "12 lei", "vegetarian": number == 0, "day": "luni",
                        "time": "10:00", "code": "AB", "doctor": "Pop", "allergens": if number == 0 { json!(["ou"]) } else { json!([]) },
                        "windows": if number == 0 { json!(["9-12", "14-18"]) } else { json!([]) }}),
    };
    Json::Array((0..if full { 3 } else { 0 }).map(item).collect())
}

/// The parameters of the example.
pub(super) const NAMES: [&str; 19] = [
    "name", "town", "empty", "quoted", "n", "zero", "minus", "large", "x", "y", "whole", "yes", "no", "list",
    "numbers", "nulls", "nothing", "map", "dishes",
];

/// Every part of the language.
pub(super) const PARTS: &[&str] = &[
    "{{ name }} {{ n }} {{ x }} {{ whole }} {{ yes }} {{ list }} {{ map }} {{ dishes }} {{ quoted }} {{ nulls }}",
    "{{ [name, quoted, x, 1e300, 1.0, none, (1,), (), (1, 2), {'a': 1}] }}",
    "{{ list[0] }}{{ list[-1] }}{{ list[1:] }}{{ list[::-1] }}{{ name[2:5] }}{{ name[-1] }}{{ town[::2] }}{{ list[9:] }}",
    "{{ list[-2:] }}{{ list[:-1] }}{{ list[5:1:-1] }}{{ name[::-2] }}{{ list[-9:2] }}{{ map['a'] }}{{ map.C.0 }}",
    "{{ n + 1 }}{{ n - 1 }}{{ n * 2 }}{{ n / 2 }}{{ n // 2 }}{{ minus // 2 }}{{ minus % 4 }}{{ n ** 3 }}{{ n ** -1 }}",
    "{{ x // 0.7 }}{{ y % 0.7 }}{{ x * 2 }}{{ -n }}{{ -x }}{{ --n }}{{ yes + 1 }}{{ n + x }}{{ 'ab' * 3 }}{{ [1] * 2 }}",
    "{{ 1 < 2 }}{{ 1 < 2 < 3 }}{{ 3 > 2 > 2 }}{{ n == 3.0 }}{{ yes == 1 }}{{ 'a' < 'b' }}{{ [1, 2] < [1, 3] }}{{ n != 3 }}",
    "{{ 'Ana' in name }}{{ 'b' in list }}{{ 'a' in map }}{{ 5 not in numbers }}{{ not yes }}{{ no or 'x' }}{{ yes and 'y' }}",
    "{{ 'a' if yes else 'b' }}{{ 'a' if no }}{{ 'a' if no else 'b' if no else 'c' }}{{ 1 ~ 2 ~ name ~ x ~ list }}",
    "{% if no %}a{% elif zero %}b{% elif n %}c{% else %}d{% endif %}{% if nothing %}a{% else %}b{% endif %}",
    "{% for i in list %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ i }}{% endfor %}",
    "{% for i in list %}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.depth }}{{ loop.cycle('x', 'y') }}{% endfor %}",
    "{% for i in list %}{% if not loop.first %}{{ loop.previtem }}{% endif %}{% if not loop.last %}{{ loop.nextitem }}{% endif %}{% endfor %}",
    "{% for i in nothing %}a{% else %}none{% endfor %}{% for i in list if i != 'A' %}{{ i }}{{ loop.length }}{% endfor %}",
    "{% for k, v in map | items %}{{ k }}={{ v }};{% endfor %}{% for k in map %}{{ k }}{% endfor %}{% for c in name %}{{ c }}.{% endfor %}",
    "{% for a in list %}{% for b in numbers %}{{ loop.depth0 }}{{ a }}{{ b }}{% endfor %}{{ loop.index }}{% endfor %}",
    "{% set a = 1 %}{% for i in list %}{% set a = i %}{{ a }}{% endfor %}{{ a }}{% if yes %}{% set a = 2 %}{% endif %}{{ a }}",
    "{% for i in list %}{% if loop.first %}{% set q = i %}{% endif %}{{ q | default('-') }}{% endfor %}",
    "{% set a, b = 1, 2 %}{{ b }}{{ a }}{% set t %}x{{ n }}{% endset %}{{ t | upper }}{% with a = 5, c = n %}{{ a }}{{ c }}{% endwith %}{{ a }}",
    "a {%- if yes -%} b {%- endif %} c {{- n -}} d {# no #} e {% raw %}{{ x }}{% endraw %}\n",
    "{{ name | upper }}{{ town | lower }}{{ town | capitalize }}{{ town | title }}{{ '  a ' | trim }}{{ 'xxaxx' | trim('x') }}",
    "{{ 'ßtraße ΑΣ' | capitalize }}{{ 'ΟΔΥΣΣΕΥΣ ΟΔΟΣ (αΣ' | title }}{{ 'dž ĳ' | capitalize }}{{ n | upper }}{{ x | capitalize }}",
    "{{ name | replace('a', 'oo') }}{{ town | length }}{{ list | length }}{{ map | count }}{{ list | first }}{{ list | last }}",
    "{{ list | join }}{{ list | join(', ') }}{{ numbers | join(' ') }}{{ dishes | join(',', attribute='name') }}{{ map | join('-') }}",
    "{{ list | sort }}{{ list | sort(case_sensitive=true) }}{{ numbers | sort(reverse=true) }}{{ dishes | sort(attribute='price') | map(attribute='name') | join }}",
    "{{ ['a', 'A', 'b'] | unique | list }}{{ ['a', 'A'] | unique(case_sensitive=true) | list }}{{ numbers | min }}{{ list | max }}{{ nothing | max is undefined }}",
    "{{ dishes | min(attribute='price') }}{{ numbers | sum }}{{ dishes | sum(attribute='price') }}{{ numbers | sum(start=10) }}",
    "{{ dishes | selectattr('vegetarian') | map(attribute='name') | join('/') }}{{ dishes | rejectattr('price', 'gt', 30) | list | length }}",
    "{{ numbers | select('odd') | list }}{{ numbers | reject('odd') | list }}{{ numbers | select('>', 1) | list }}{{ list | map('upper') | list }}",
    "{{ numbers | map('round', 1) | list }}{{ dishes | map(attribute='missing', default='?') | list }}{{ dishes | map(attribute='allergens.0', default='-') | list }}",
    "{{ map | dictsort }}{{ map | dictsort(reverse=true) }}{{ map | dictsort(case_sensitive=true) }}{{ {'b': 1, 'a': 2} | dictsort(by='value') }}",
    "{{ list | reverse | list }}{{ name | reverse }}{{ map | list }}{{ name | list }}{{ '1,2,3' | split(',') }}{{ ' a  b ' | split }}{{ 'a,b,c' | split(',', 1) }}",
    "{{ 'a\nb\r\nc' | lines }}{{ 'a\nb\n\nc' | indent }}{{ 'a\nb\n\nc\n' | indent(2, true, true) }}{{ 'a\nb' | indent(width=1, first=true) }}",
    "{{ x | round }}{{ 3.5 | round }}{{ 2.675 | round(2) }}{{ x | round(method='ceil') }}{{ y | round(1, 'floor') }}{{ n | round(2) }}{{ minus | abs }}{{ y | abs }}",
    "{{ '12' | int }}{{ 'x' | int(7) }}{{ x | int }}{{ '2.9' | int }}{{ '1.5' | float }}{{ n | float }}{{ 'x' | float(default=1.5) }}{{ yes | int }}",
    "{{ n | string }}{{ list | string }}{{ n | bool }}{{ nothing | bool }}{{ name | safe }}{{ map.missing | default('d') if no else 'k' }}",
    "{{ map.missing | default('d') }}{{ map.missing | d }}{{ empty | default('e', true) }}{{ zero | default(5) }}{{ map.missing is defined }}{{ name is defined }}",
    "{{ n is odd }}{{ n is even }}{{ n is divisibleby 3 }}{{ n is divisibleby(2) }}{{ n is number }}{{ yes is number }}{{ n is integer }}{{ x is float }}{{ name is string }}",
    "{{ list is sequence }}{{ map is mapping }}{{ name is iterable }}{{ n is iterable }}{{ nulls.0 is none }}{{ yes is true }}{{ no is false }}{{ yes is boolean }}{{ map is sequence }}",
    "{{ name is startingwith 'An' }}{{ name is endingwith('ia') }}{{ 'abc' is lower }}{{ 'ABC' is upper }}{{ 'Abc' is lower }}{{ n is eq 3 }}{{ n is in [1, 3] }}{{ n is not lt 2 }}",
    "{{ '%s is %d, %.2f lei, %5.1f|%-6s|%05d|%+d%%' | format(name, n, x, y, 'ab', minus, n) }}",
    "{{ large }}{{ large + 1 }}{{ 1_000 }}{{ 0x1F }}{{ 1e3 }}{{ 'a' 'b' }}{{ \"\\u0041\\n\" }}{{ true }}{{ None }}{{ 5 // 2.0 }}{{ 7 % -3 }}",
    "{{ (1, 2) == (1, 2) }}{{ [1] == (1,) }}{{ {'a': 1} == {'a': 1.0} }}{{ [1, [2]] == [1, [2]] }}{{ nulls.0 == nulls.0 }}{{ 'a' == 1 }}{{ 0.1 + 0.2 }}{{ 1 / 3 }}",
    "{{ range(3) | list }}{{ range(1, 4) | join }}{{ range(5, 0, -2) | list }}{% for i in range(0) %}{% else %}e{% endfor %}",
];

#[test]
fn the_languages_parts_do_what_the_engine_does() {
    let data = data();
    for template in PARTS {
        let rendered = render(template, &data);
        assert!(rendered.is_ok(), "what fails on both sides shows nothing: {template}: {rendered:?}");
        same_as_the_engine(template, &data);
    }
}

#[test]
fn what_fails_in_the_engine_fails_here() {
    let data = data();
    for template in [
        "{{ map.missing }}",
        "{{ map.missing.more }}",
        "{{ name.x }}",
        "{% if map.missing %}{% endif %}",
        "{% for a in n %}{% endfor %}",
        "{% for a in map.missing %}{% endfor %}",
        "{{ n + name }}",
        "{{ name + n }}",
        "{{ 1 / 0 }}",
        "{{ 1 % 0 }}",
        "{{ -name }}",
        "{{ map.missing ~ 'a' }}",
        "{{ map.missing == 1 }}",
        "{{ 1 in n }}",
        "{{ list[::0] }}",
        "{{ n[1:] }}",
        "{{ n | length }}",
        "{{ n | join }}",
        "{{ n | sort }}",
        "{{ name | abs }}",
        "{{ name | int }}",
        "{{ nothing | first }}",
        "{{ list | sum }}",
        "{% set a, b = list %}",
        "{{ map.missing | upper }}",
        "{{ range(1, 2, 0) | list }}",
    ] {
        assert!(engine(template, &data).is_err(), "{template} renders in the engine");
        assert!(render(template, &data).is_err(), "{template} renders here: {:?}", render(template, &data));
    }
}

/// Expressions over the example's parameters.
pub(super) fn expression() -> impl Strategy<Value = String> {
    let names: BTreeSet<String> = object(data()).keys().filter(|name| *name != "dishes").cloned().collect();
    let leaf = prop_oneof![
        proptest::sample::select(names.into_iter().collect::<Vec<_>>()),
        proptest::sample::select(vec!["1", "2.5", "'ab'", "'Î'", "true", "[]", "{}", "0", "-3", "map.a", "list[1]"])
            .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operators =
            proptest::sample::select(vec!["+", "-", "*", "~", "==", "!=", "and", "or", "in", "not in", "//", "%", "/"]);
        let filters = proptest::sample::select(vec![
            "upper",
            "lower",
            "title",
            "capitalize",
            "trim",
            "length",
            "first",
            "last",
            "reverse",
            "list",
            "join",
            "join('-')",
            "string",
            "bool",
            "abs",
            "round",
            "int",
            "float",
            "unique | list",
            "sum",
            "items | list",
            "default('d')",
            "default('d', true)",
            "replace('a', 'b')",
            "split",
            "lines",
            "map('string') | list",
            "safe",
            "select | list",
            "reject('string') | list",
            "indent(1)",
        ]);
        let tests = proptest::sample::select(vec![
            "defined",
            "undefined",
            "none",
            "number",
            "integer",
            "float",
            "string",
            "mapping",
            "iterable",
            "boolean",
            "true",
            "false",
            "lower",
            "upper",
            "eq 1",
            "ne 'ab'",
            "not string",
        ]);
        prop_oneof![
            (inner.clone(), operators, inner.clone()).prop_map(|(one, sign, other)| format!("({one} {sign} {other})")),
            (inner.clone(), filters).prop_map(|(value, filter)| format!("({value} | {filter})")),
            (inner.clone(), tests).prop_map(|(value, test)| format!("({value} is {test})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(yes, test, no)| format!("({yes} if {test} else {no})")),
            inner.clone().prop_map(|value| format!("(not {value})")),
            inner.clone().prop_map(|value| format!("(-{value})")),
            (inner.clone(), -4..4_i32).prop_map(|(value, at)| format!("{value}[{at}]")),
            (inner.clone(), -4..4_i32, -4..4_i32).prop_map(|(value, from, to)| format!("{value}[{from}:{to}]")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("[{one}, {other}]")),
        ]
    })
}

fn statements() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        expression().prop_map(|value| format!("{{{{ {value} }}}}")),
        proptest::sample::select(vec!["text ", "\n", "{# c #}", " {{- n -}} ", "ș"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (expression(), inner.clone(), inner.clone())
                .prop_map(|(test, yes, no)| format!("{{% if {test} %}}{yes}{{% else %}}{no}{{% endif %}}")),
            (expression(), inner.clone()).prop_map(|(over, body)| format!(
                "{{% for v in {over} %}}{body}{{{{ v }}}}{{{{ loop.index }}}}{{% endfor %}}"
            )),
            (expression(), inner.clone()).prop_map(|(value, body)| format!(
                "{{% with w = {value} %}}{body}{{{{ w is defined }}}}{{% endwith %}}"
            )),
            (expression(), inner.clone()).prop_map(|(value, body)| format!("{{% set n = {value} %}}{body}")),
            (inner.clone(), inner).prop_map(|(one, other)| format!("{one}{other}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn a_template_renders_byte_for_byte_as_in_the_engine(template in statements()) {
        same_as_the_engine_or_not_there(&template, &data());
    }

    #[test]
    fn no_text_is_a_template_that_breaks_the_reader(text in "[a-c{}%# |.()\\[\\]'\"~<=*\\-\n0-9if]{0,80}") {
        let _ = render(&text, &data());
    }
}
