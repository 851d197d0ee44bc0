mod engine;
mod mistakes;

use serde_json::{Value as Json, json};

use super::*;

fn model(template: &str, parameters: &[&str]) -> MessageModel {
    let now = signalbox_model::Timestamp::UNIX_EPOCH;
    MessageModel {
        decision_code: "a".to_owned(),
        version: "1".to_owned(),
        message_template: template.to_owned(),
        parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        business_type: None,
        location_context: None,
        locale: None,
        usage_count: 0,
        last_used: None,
        created_at: now,
        updated_at: now,
    }
}

fn object(value: Json) -> JsonObject {
    value.as_object().cloned().unwrap()
}

/// Renders a template whose parameters are those of the data.
fn render(template: &str, data: &Json) -> Result<String, TemplateError> {
    let data = object(data.clone());
    let names: Vec<&str> = data.keys().map(String::as_str).collect();
    let read = Template::read(&model(template, &names)).map_err(|errors| errors[0].clone())?;
    read.render(&data, RenderSteps::FULL)
}

fn problems(template: &str, parameters: &[&str]) -> Vec<String> {
    let errors = Template::read(&model(template, parameters)).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn a_missing_parameter_is_named() {
    let template = Template::read(&model("{{ name }}", &["name"])).unwrap();
    let error = template.render(&JsonObject::new(), RenderSteps::FULL).unwrap_err();
    assert_eq!(error, TemplateError::Missing("name".to_owned()));
}

#[test]
fn every_undeclared_parameter_is_named_with_its_line_and_what_the_template_sets_is_none() {
    let template = "{% for n in range(count) %}{{ a }}{% set c = 1 %}{{ c }}\n{{ b }}{{ a }}{% endfor %}{{ n }}";
    let errors = Template::read(&model(template, &["count"])).unwrap_err();
    let mut undeclared =
        [("a", 1), ("b", 2)].map(|(name, line)| TemplateError::Undeclared { name: name.to_owned(), line }).to_vec();
    undeclared.push(TemplateError::Ended { name: "n".to_owned(), line: 2 });
    assert_eq!(errors, undeclared);
}

#[test]
fn text_is_not_escaped_as_html() {
    assert_eq!(render("{{ who }} & co", &json!({"who": "<Ana>"})).unwrap(), "<Ana> & co");
}

#[test]
fn what_the_language_does_not_have_is_told_when_a_template_is_read_with_its_line_and_what_there_is() {
    for (template, line, told) in [
        ("\n{{ a | uper }}", 2, "no filter `uper`; did you mean `upper`?"),
        ("{{ a | zzzzzzzz }}", 1, "no filter `zzzzzzzz`; there are: abs,"),
        ("{{ a | tojson }}", 1, "no filter `tojson`"),
        ("\n\n{{ a.upper() }}", 3, "no method `upper`; there is a filter of that name: `… | upper`"),
        ("{{ a.isoformat() }}", 1, "no method `isoformat`; values have no methods"),
        ("{{ a is defned }}", 1, "no test `defned`; did you mean `defined`?"),
        ("{{ namespace(x=1) }}", 1, "no function `namespace`; there is: range"),
        ("{{ rnge(3) }}", 1, "no function `rnge`; did you mean `range`?"),
        ("{% for b in a %}{{ loop.indx }}{% endfor %}", 1, "no part of `loop` `indx`; did you mean `index`?"),
        ("{{ a | map('uper') | join }}", 1, "no filter `uper`; did you mean `upper`?"),
        ("{{ a | select('od') | join }}", 1, "no test `od`; did you mean `odd`?"),
        ("{{ a | map(a) }}", 1, "`map` needs the name of a filter as a text"),
        ("{{ a | join(by=', ') }}", 1, "no argument of `join` `by`"),
        ("{{ a | map('map', 'upper') }}", 1, "`map` cannot apply `map` to each item; use a loop"),
        ("{{ a | map('select') }}", 1, "`map` cannot apply `select` to each item; use a loop"),
        ("{{ a | default(bool=true) }}", 1, "no argument of `default` `bool`; its arguments have no names"),
        ("{{ range(3, step=2) }}", 1, "no argument of `range` `step`; its arguments have no names"),
        ("{% for b in a %}{{ loop.cycle('x', y=2) }}{% endfor %}", 1, "no argument of `loop.cycle` `y`"),
        ("{{ a is divisibleby(3, by=2) }}", 1, "no argument of `divisibleby` `by`"),
        ("{{ a | upper(1) }}", 1, "the filter `upper` takes 0 arguments"),
        ("{{ a | replace('x') }}", 1, "the filter `replace` takes 2 arguments"),
        ("{% include 'other' %}", 1, "have no `{% include %}`; a message model is one template"),
        ("{% macro m() %}{% endmacro %}", 1, "have no `{% macro %}`"),
        ("{% do a %}", 1, "have no `{% do %}`"),
        ("{% iff a %}{% endif %}", 1, "there is no statement `iff`"),
        ("{% if a %}\n{% endfor %}", 2, "`{% endfor %}` closes nothing that is open here"),
        ("{% set a.b = 1 %}", 1, "only a name can be set"),
        ("{{ loop.index }}", 1, "`loop` is there within a `for` only"),
        ("{{ a", 1, "unexpected end of the template"),
        ("{{ 'a }}", 1, "unexpected end of string"),
        ("{{ a ** }}", 1, "unexpected end of variable block"),
        ("{% if a %}", 1, "expected `{% elif` or `else` or `endif %}`"),
    ] {
        let errors = Template::read(&model(template, &["a"])).unwrap_err();
        assert_eq!(errors.len(), 1, "{template}: {errors:?}");
        assert!(errors[0].to_string().contains(told), "{template}: {}", errors[0]);
        assert_eq!(errors[0].line(), Some(line), "{template}");
    }
}

#[test]
fn everything_unknown_in_a_template_is_told_at_once() {
    let told = problems("{{ a | uper }}{{ b.strip() }}\n{{ a is odd }}{{ a is od }}{{ a | lower | lowr }}", &["a"]);
    assert_eq!(told.len(), 5, "{told:#?}");
}

/// Runs on a thread with a small stack, like that of a runtime thread that is half used.
fn on_a_small_stack<T: Send>(name: &str, run: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name(name.to_owned()).stack_size(1 << 20);
        builder.spawn_scoped(scope, run).unwrap().join().unwrap()
    })
}

#[test]
fn no_nesting_goes_deeper_than_a_stack_is() {
    let repeated = |before: &str, part: &str, after: &str| {
        let count = (LONGEST_TEMPLATE - before.len() - after.len()) / part.len();
        format!("{before}{}{after}", part.repeat(count))
    };
    let mut templates = vec![
        repeated("{{ ", "-", "1 }}"),
        repeated("{{ ", "not ", "1 }}"),
        repeated("{{ ", "(", "1 }}"),
        repeated("{{ ", "[", "1 }}"),
        repeated("{{ ", "{'a':", "1 }}"),
        repeated("{{ 1", "~1", " }}"),
        repeated("{{ 1", "+1", " }}"),
        repeated("{{ 1", "**1", " }}"),
        repeated("{{ 1", "<1", " }}"),
        repeated("{{ a", ".a", " }}"),
        repeated("{{ a", "[0]", " }}"),
        repeated("{{ a", "|abs", " }}"),
        repeated("{{ a", " is odd", " }}"),
        repeated("{{ 1", " if 1 else 1", " }}"),
        repeated("{{ 1", " if 1", " }}"),
        repeated("{{ 1", " or 1", " }}"),
        repeated("{% if 1 %}", "{% elif 1 %}", "{% endif %}"),
        repeated("", "{% if 1 %}", ""),
        repeated("", "{% for a in a %}", ""),
        repeated("", "{% with a=a %}", ""),
        repeated("", "{% set a %}", ""),
        repeated("{% for ", "(", " %}"),
        repeated("{% set ", "(", " %}"),
        repeated("{% set ", "a,", "=a %}"),
        repeated("{{ ", "range(", " }}"),
        repeated("{{ a|join(", "a|join(", " }}"),
        repeated("", "{% raw %}", ""),
        repeated("", "{#", ""),
    ];
    // As deep as allowed.
    templates.push(format!("{{{{ {}1{} }}}}", "[".repeat(38), "]".repeat(38)));
    templates.push(format!("{{{{ {}1 }}}}", "-".repeat(98)));
    templates.push(format!("{{{{ a{} }}}}", "~a".repeat(98)));
    templates.push(format!("{{{{ {}a{}{} }}}}", "(".repeat(20), ")".repeat(20), "~a".repeat(95)));
    let blocks = format!("{}{{{{ a{} }}}}{}", "{% if 1 %}".repeat(38), "~a".repeat(95), "{% endif %}".repeat(38));
    templates.push(blocks);
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    for template in templates {
        let start: String = template.chars().take(40).collect();
        let deep = &deep;
        let read = Template::read(&model(&template, &["a"]));
        // The results do not matter here.
        on_a_small_stack(&start, move || drop(read.map(|read| (read.mistakes(), read.doubts(), read.unused().len()))));
        let _ = on_a_small_stack(&start, move || render(&template, &json!({"a": deep})));
    }
    let mut deepest = json!(1);
    for _ in 0..120 {
        deepest = json!({ "a": [deepest] });
    }
    let deepest = &json!({ "a": deepest });
    let written = on_a_small_stack("values", move || {
        render("{{ a }}{{ a == a }}{{ a in [a] }}{{ a | string | length }}", deepest)
    });
    assert!(written.is_err(), "{written:?}");
}

/// Templates that ask for far more work than their length suggests.
fn hostile() -> Vec<String> {
    let mut templates: Vec<String> = [
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ ['a'] * 1000000000 }}",
        "{{ (['a'*90000]*90000) | join | length }}",
        "{{ range(100000000) | length }}",
        "{{ range(0, -9223372036854775807, -1) | list }}",
        "{% for a in range(2000) %}{{ word }}{{ word }}{% endfor %}",
        "{% set x = list %}{% for i in range(10000) %}{% set x = x + list %}{% endfor %}",
        "{{ list | sort | unique | join(word) | replace('a', word * 100) | replace('a', word * 100) | length }}",
        "{% for i in range(5000) %}{{ (list | sort(attribute='a.b') | list | reverse | list | length) * 0 }}{% endfor %}",
        "{% for i in range(5000) %}{% if word * 3000 == word * 3000 %}{% endif %}{% endfor %}",
        "{% for i in range(5000) %}{% if 'zz' in word * 3000 %}{% endif %}{% endfor %}",
        "{% for i in range(5000) %}{% if word * 1000 is upper %}{% endif %}{% endfor %}",
        "{% for i in range(5000) %}{% set s = (word * 1000) | upper | lower | title | capitalize | trim %}{% endfor %}",
        "{% for i in range(5000) %}{% set s = (word * 1000)[::-1] %}{% endfor %}",
        "{% for i in range(5000) %}{% set s = (word * 1000) | split('') %}{% endfor %}",
        "{% for i in range(5000) %}{% set s = list | string %}{% endfor %}",
        "{% for i in range(5000) %}{% set s = map | dictsort %}{% endfor %}",
        "{% for i in range(5000) %}{% if map == map %}{% endif %}{% endfor %}",
        "{% for i in range(5000) %}{% if list < list %}{% endif %}{% endfor %}",
        "{{ word * 200 | indent(100000) }}",
        "{{ ('\\n' * 10000) | indent(1000000) | length }}",
        "{{ '%200d' * 10000 | format(1) }}",
        "{{ ('x' * 16000) | replace('', 'y' * 16000) | length }}",
        "{{ 10 ** 1000000 }}",
        "{{ 2 ** 126 * 2 ** 126 }}",
        "{{ (1.5 * 10 ** 300) | round(30) | string * 100000 }}",
        "{% for c in word * 100000 %}{% endfor %}",
        "{{ (list * 1000) | sort | length }}",
        "{{ (list * 1000) | unique | length }}",
        "{{ list | map('upper') | map('lower') | map('title') | map('string') | join(word * 1000) | length }}",
    ]
    .map(str::to_owned)
    .into();
    // Values that share their parts are as large as a tree in a message, although they take little memory.
    let shared = "{% set a0 = [1] %}".to_owned()
        + &(1..60).map(|n| format!("{{% set a{n} = [a{}, a{}] %}}", n - 1, n - 1)).collect::<String>();
    for end in ["{{ a59 }}", "{{ a59 == a59 }}", "{{ a59 | string | length }}", "{{ a59 < a59 }}", "{{ a58 in a59 }}"] {
        templates.push(format!("{shared}{end}"));
    }
    templates.push("{% set x = 'a' %}".to_owned() + &"{% set x = x ~ x %}".repeat(100) + "{{ x | length }}");
    templates
}

fn large() -> Json {
    let list: Vec<String> = (0..3000).map(|number| format!("item {}", 7919 * number % 3001)).collect();
    let map: JsonObject = list.iter().map(|name| (name.clone(), json!(name))).collect();
    json!({ "word": "abcabc", "list": list, "map": map })
}

#[test]
fn whatever_a_template_asks_for_it_ends_within_its_work_and_memory() {
    let data = large();
    for template in hostile() {
        let ended = render(&template, &data);
        let is_bounded = match &ended {
            Ok(text) => text.len() <= LONGEST_MESSAGE,
            Err(TemplateError::TooMuch | TemplateError::MessageTooLong | TemplateError::Render { .. }) => true,
            Err(_) => false,
        };
        let start: String = template.chars().take(100).collect();
        assert!(is_bounded, "{start}: {ended:?}");
    }
}

#[test]
fn no_number_is_refused_for_being_none() {
    let smallest = "(-170141183460469231731687303715884105727 - 1)";
    for (template, told) in [
        (format!("{{{{ {smallest} | abs }}}}"), "so small a number is too large without its sign for `abs`"),
        (format!("{{{{ -{smallest} }}}}"), "no negative of so small a number"),
        ("{{ 'x'[:2.5] }}".to_owned(), "a whole number is needed, not one with a fraction"),
        (format!("{{{{ 'x' * {smallest} }}}}"), "a whole number is needed, not too large a one"),
    ] {
        let error = render(&template, &json!({})).unwrap_err().to_string();
        assert!(error.contains(told) && !error.contains("not a number"), "{template}: {error}");
    }
}

#[test]
fn brief_work_gives_the_same_message_as_much_or_none() {
    let data = json!({"list": ["b", "a", "c"], "n": 700});
    for template in ["{{ list | sort | join(', ') }}", "{% for i in range(n) %}{{ i }} {% endfor %}"] {
        let names = ["list", "n"];
        let read = Template::read(&model(template, &names)).unwrap();
        let full = read.render(&object(data.clone()), RenderSteps::FULL).unwrap();
        match read.render(&object(data.clone()), RenderSteps::BRIEF) {
            Ok(brief) => assert_eq!(brief, full),
            Err(error) => assert_eq!(error, TemplateError::TooMuch),
        }
    }
}
