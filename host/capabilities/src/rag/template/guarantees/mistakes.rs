//! The check reports to the author of a model what can never work, and nothing else.

use proptest::prelude::*;

use super::super::language::Filter;
use super::engine::{PARTS, expression};
use super::*;

fn read(template: &str, parameters: &[&str]) -> Template {
    Template::read(&model(template, parameters)).unwrap_or_else(|errors| panic!("{template}: {errors:?}"))
}

fn mistakes(template: &str) -> Vec<TemplateError> {
    read(template, &["a", "b", "c"]).mistakes()
}

fn doubts(template: &str) -> Vec<TemplateError> {
    read(template, &["a", "b", "c"]).doubts()
}

#[test]
fn what_can_never_work_is_told_with_its_line_and_the_way_out() {
    for (template, line, told) in [
        // Arguments.
        ("\n{{ a | round(method='cel') }}", 2, "`round` takes the method common, ceil or floor, not `cel`"),
        ("{{ a | round('x') }}", 1, "a whole number is needed, not a text"),
        ("{{ a | round(40) }}", 1, "`round` takes 0 to 30 digits"),
        ("{{ a | round(1.5) }}", 1, "a whole number is needed, not one with a fraction"),
        ("{{ '%(x)s %y' | format(a) }}", 1, "`format` knows the fields"),
        ("{{ '%s %y' | format(a, b, c, a) }}", 1, "`format` knows the fields"),
        ("{{ '%s' | format(a, b) }}", 1, "more values than its text has fields"),
        ("{{ '%s %s %s' | format(a, b) }}", 1, "fewer values than its text has fields"),
        ("{{ '%d' | format('x') }}", 1, "takes a number for %d, not a text"),
        ("{{ 'a' | split(1) }}", 1, "the argument `separator` has to be a text, not a number"),
        ("{{ a | split(1) }}", 1, "the filter `split` can never work here: the argument `separator`"),
        ("{{ a | split(none, 2) }}", 1, "only after a separator"),
        ("{{ a | trim(1) }}", 1, "the argument `characters` has to be a text"),
        ("{{ a | join(attribute=1) }}", 1, "the argument `attribute` has to be a text"),
        ("{{ a | indent(-1) }}", 1, "`indent` takes a width of 0 or more"),
        ("{{ a | indent('  ') }}", 1, "a whole number is needed, not a text"),
        ("{{ a | dictsort(by='vlue') | join }}", 1, "by='key' or by='value', not by='vlue'"),
        ("{{ a | dictsort(by=1) | join }}", 1, "the argument `by` has to be a text"),
        ("{{ a | sort(case_sensitive='x') | join }}", 1, "`case_sensitive` has to be true or false, not a text"),
        ("{{ a | sort(reverse='false') | join }}", 1, "`reverse` has to be true or false, not a text"),
        ("{{ a | default('x', 'true') }}", 1, "second argument has to be true or false"),
        ("{{ a | map(attribute=true, default=1) | join }}", 1, ""),
        ("{{ a | map(attribute=[1]) | join }}", 1, "`attribute` has to be a text or a number, not a list"),
        ("{{ a | map(default='x') | join }}", 1, "it needs the name of a filter, or `attribute='…'`"),
        ("{{ a | map('upper', attribute='x') | join }}", 1, "not both"),
        ("{{ a | map('round', 1, 'cel') | join }}", 1, "not `cel`"),
        ("{{ a | map('trim', 1) | join }}", 1, "`characters` has to be a text"),
        ("{{ a | select('divisibleby', 'x') | join }}", 1, "does not go with"),
        ("{{ a | selectattr('b', 'divisibleby', 0) | join }}", 1, "cannot divide by 0"),
        ("{{ a | selectattr(1) | join }}", 1, "names a part as a text, and is a number"),
        ("{{ a | indent(2, width=3) }}", 1, "`width` is given twice"),
        ("{{ a | sort(reverse=true, reverse=false) | join }}", 1, "`reverse` is given twice"),
        ("{{ a is divisibleby('x') }}", 1, "the test `divisibleby` can never work here"),
        ("{{ a is divisibleby 0 }}", 1, "cannot divide by 0"),
        ("{{ a is in 5 }}", 1, "there is nothing to look for in a number"),
        ("{{ range('x') | join }}", 1, "a whole number is needed, not a text"),
        ("{{ range(a, b, 0) | join }}", 1, "the step of a range cannot be 0"),
        // Values that filters do not accept.
        ("{{ 'a' | round }}", 1, "`round` takes a number, not a text"),
        ("{{ 'a' | abs }}", 1, "`abs` takes a number, not a text"),
        ("{{ -170141183460469231731687303715884105727 - 1 | abs }}", 0, ""),
        ("{{ 1 | join }}", 1, "there is nothing to go through in a number"),
        ("{{ true | length }}", 1, "true or false has no length"),
        ("{{ 'x' | int }}", 1, "there is no number in a text"),
        ("{{ [a] | int }}", 1, "there is no number in a list"),
        ("{{ [a] | split }}", 1, "`split` takes a text, not a list"),
        ("{{ [a] | dictsort | join }}", 1, "a map is needed, not a list"),
        ("{{ (a ~ b) | abs }}", 1, "`abs` takes a number, not a text"),
        ("{{ (a | upper) | round(1) }}", 1, "`round` takes a number, not a text"),
        ("{{ a | length | join }}", 1, "there is nothing to go through in a number"),
        ("{{ 1 | map('upper') | join }}", 1, "there is nothing to go through in a number"),
        // Parts.
        ("{{ 'a'.foo }}", 1, "the part `foo` can never work here: a text has no parts with names"),
        ("{{ [1].foo }}", 1, "a list has no parts with names"),
        ("{{ [a].foo }}", 1, "a list has no parts with names"),
        ("{{ {'a': 1}.b }}", 1, "the map has a"),
        ("{{ {'a': a}['b'] }}", 1, "the map has a"),
        ("{{ {}.b | default('x') }}", 1, "the map has no parts"),
        ("{{ {'a': 1}[0] }}", 1, "named by texts"),
        ("{{ (1).x }}", 1, "a number has no parts with names"),
        ("{{ [a, b][2] }}", 1, "there are 2, counted from 0"),
        ("{{ 'abc'[-4] }}", 1, "there are 3, counted from 0"),
        ("{{ (a | upper).foo }}", 1, "a text has no parts with names"),
        ("{{ (a | split(',')).foo }}", 1, "a list has no parts with names"),
        ("{{ a[::0] }}", 1, "its step cannot be 0"),
        ("{{ a['x':] }}", 1, "a whole number is needed, not a text"),
        ("{{ 5[1:] }}", 1, "a number has no parts in order"),
        ("{{ {1: a} | length }}", 1, "the names of a map are texts, not a number"),
        ("{{ [] | first }}", 1, "its value is never there"),
        // Operators.
        ("{{ 'a' - 1 }}", 1, "`-` does not go with a text and a number"),
        ("{{ a - 'x' }}", 1, "the operator `-` can never work here"),
        ("{{ a + none }}", 1, "the operator `+` can never work here"),
        ("{{ 'a' + 1 }}", 1, "`+` does not go with a text and a number"),
        ("{{ [1] + (1,) }}", 1, "`+` does not go with a list and a tuple"),
        ("{{ 'a' * 'b' }}", 1, "a whole number is needed, not a text"),
        ("{{ 1 / 0 }}", 1, "`/` cannot divide by 0"),
        ("{{ a // 0 }}", 1, "`//` cannot divide by 0"),
        ("{{ a % 0 }}", 1, "`%` cannot divide by 0"),
        ("{{ -'a' }}", 1, "there is no negative of a text"),
        ("{{ -(a ~ b) }}", 1, "there is no negative of a text"),
        ("{{ a in 5 }}", 1, "there is nothing to look for in a number"),
        ("{{ 'x' * 1000000000 }}", 1, "more work or memory than a message may"),
        // Statements, and nested parts.
        ("{% for i in 5 %}{% endfor %}", 1, "there is nothing to go through in a number"),
        ("{% for k, v in {'a': 1} %}{% endfor %}", 1, "a text cannot be divided among names"),
        ("{% for k, v in [(1, 2, 3)] %}{% endfor %}", 1, "a list of 3 cannot be divided among 2 names"),
        ("{% set x, y = 1 %}", 1, "a number cannot be divided among names"),
        ("{% set x, y = a, b, c %}", 1, "a list of 3 cannot be divided among 2 names"),
        ("{% with (x, y) = 'ab' %}{% endwith %}", 1, "a text cannot be divided among names"),
        ("{% if a %}\n{% if b %}{{ 'a' | abs }}{% endif %}{% endif %}", 2, "`abs`"),
        ("{% if a - 'x' %}{% endif %}", 1, "the operator `-`"),
        ("{% for i in a if i - 'x' %}{% endfor %}", 1, "the operator `-`"),
        ("{% set x %}{{ 'a' | abs }}{% endset %}", 1, "`abs`"),
        ("{{ [a, {'k': ('a' | abs)}] }}", 1, "`abs`"),
        ("{{ a | replace('a' | abs, '') }}", 1, "`abs`"),
        ("{{ a or 'a' | abs }}", 1, "`abs`"),
        ("{{ 'a' | abs if b else c }}", 1, "`abs`"),
    ] {
        let errors = mistakes(template);
        if told.is_empty() {
            continue;
        }
        assert_eq!(errors.len(), 1, "{template}: {errors:?}");
        assert!(errors[0].to_string().contains(told), "{template}: {}", errors[0]);
        assert_eq!(errors[0].line(), Some(line), "{template}");
    }
}

#[test]
fn every_mistake_of_a_template_is_told_by_line() {
    let errors = mistakes("{{ 'a' - 1 }}\n{% for i in 5 %}{{ 'a'.foo }}{% endfor %}\n{{ a | round('x') }}");
    assert_eq!(errors.iter().map(TemplateError::line).collect::<Vec<_>>(), [Some(1), Some(2), Some(2), Some(3)]);
}

#[test]
fn what_works_with_some_parameters_is_no_mistake() {
    for template in PARTS.iter().chain(&[
        "{{ a - b }}{{ a - 1 }}{{ 1 - a }}{{ a * 'x' }}{{ 'x' * a }}{{ a + 'x' }}{{ [] + a }}{{ a / b }}{{ a ** -1 }}{{ 0 ** a }}",
        "{{ a | round(b) }}{{ a | round(b, c) }}{{ a | round(method=b) }}{{ a | round(none) }}{{ a | round('2' | int) }}",
        "{{ a | format(b) }}{{ a | format(b, c, 1, 'x') }}{{ '%s %d %.2f' | format(a, b, c) }}{{ '%s %d' | format('x', a) }}",
        "{{ a | format }}{{ (a ~ '%s') | format(b) }}{{ a.b.c | format(a, b, c, a, b, c, a, b) }}",
        "{{ a | split(b) }}{{ a | split(b, 1) }}{{ a | split(none) }}{{ a | split(',', a) }}{{ (a | split(',')).3 }}",
        "{{ a | sort(reverse=b) | join }}{{ a | sort(reverse=1) | join }}{{ a | sort(reverse=not b) | join }}",
        "{{ a | sort(attribute=b) | join(c) }}{{ a | join(1) }}{{ a | join(none) }}{{ a | dictsort(by=b) }}",
        "{{ a | default(1) }}{{ a | default('x', true) }}{{ a | default('x', 1) }}{{ a | default('x', b) }}{{ a.b | d }}",
        "{{ (a | default('5')) | int }}{{ (a if b else 'x') | abs }}{{ (a or 'x') | abs }}{{ ('x' if b else 1) | abs }}",
        "{{ ('1' ~ a) | int }}{{ (a | replace('x', '')) | float }}{{ (a | upper) | int(0) }}{{ a | int('x') | length }}",
        "{{ (a | first).b }}{{ (a | last)[0] }}{{ (a | min).b }}{{ (a | sum) + 1 }}{{ (a | reverse)[0] }}{{ (a | map('upper'))[5] }}",
        "{{ a | map('round', 1) | join }}{{ a | map('int', 'x') | join }}{{ a | map(attribute=1) | join }}{{ a | map(attribute=b) }}",
        "{{ a | map('first') | map('upper') | join }}{{ a | map('items') | list }}{{ a | map('format', 1) | join }}",
        "{{ a | select('in', b) | join }}{{ a | selectattr(b) | join }}{{ a | select('divisibleby', b) | join }}",
        "{{ {'a': a}[b] }}{{ {'a': a}.a.b }}{{ [a, b][c] }}{{ [a][-1] }}{{ {a: 1}.b }}{{ {'a': {'b': 1}}.a.b }}{{ 'abc'[a] }}",
        "{{ a[b:c] }}{{ a[none:1] }}{{ a[b] }}{{ a['x'] }}{{ a[0].b }}{{ a[true] }}{{ 'abc'[5:] }}{{ [][1:] }}",
        "{{ a in b }}{{ 1 in a }}{{ 'x' in 'xyz' }}{{ a in {} }}{{ a is in b }}{{ a is divisibleby b }}{{ a is eq none }}",
        "{{ 'x' < 1 }}{{ none == a }}{{ 'x' == 1 }}{{ 'a' is odd }}{{ [1] is string }}{{ a is startingwith 1 }}",
        "{% for k, v in a %}{% endfor %}{% for k, v in a | items %}{% endfor %}{% for k, v in [] %}{% endfor %}",
        "{% for k, v in [1] if a %}{% endfor %}{% for i in none %}{% endfor %}{% for i in 'abc' %}{% endfor %}",
        "{% set x, y = a %}{% set x, y = a, b %}{% set x, y = (a | split(',')) %}{% set x, y = [1, 2] %}",
        "{{ range(a) | join }}{{ range(1, a, b) | join }}{{ range(5, 0, -1) | join }}{{ a | indent(b, c) }}{{ a | trim('x') }}",
        "{{ [] | join }}{{ none | int }}{{ none | list }}{{ '' | float(0) }}{{ [] | max is undefined }}{{ [] | first | default('x') }}",
        "{{ 'x' if a }}{{ ('x' if a) | upper }}{{ (1 if a) | items | list }}{{ (a and b) | abs }}{{ (not a) + 1 }}",
        "{{ a | replace(1, 2) }}{{ 5 | upper }}{{ 5 | replace('5', b) }}{{ [1] | upper }}{{ 5 | string | length }}{{ true | int }}",
        "{{ a | upper | lower | trim | length }}{{ a | list | sort | unique | join }}{{ (a | length) / 2 }}{{ -(a | round(2)) }}",
    ]) {
        let names: Vec<&str> = ["a", "b", "c"].into_iter().chain(super::engine::NAMES).collect();
        let template = read(template, &names);
        assert_eq!(template.mistakes(), []);
        assert_eq!(template.doubts(), []);
    }
}

/// Values of every kind, as parameters. The texts have as many fields for `format` as there are values for them.
fn values() -> Vec<Json> {
    let mut values = vec![json!(true), json!(0), json!(1), json!(-3), json!(2.5), json!(""), json!("a"), json!("12")];
    values.extend([
        json!([]),
        json!([1]),
        json!(["a"]),
        json!([[1, 2]]),
        json!([{"a": 1}]),
        json!({}),
        json!({"a": 1}),
    ]);
    values.extend((1..=3).map(|count| json!("%s".repeat(count))));
    values
}

#[test]
fn a_filter_with_written_arguments_is_told_when_it_fails_for_every_value_and_else_only_for_what_it_passes_over() {
    let literals = ["1", "1.5", "-1", "40", "'x'", "'floor'", "'key'", "true", "none", "[]", "{'a': 1}"];
    let mut told = 0;
    for name in Filter::NAMES {
        let (range, keywords) = Filter::named(name).unwrap().signature();
        let mut calls = Vec::new();
        for one in literals {
            calls.push(format!("({one})"));
            calls.extend(literals.iter().map(|other| format!("({one}, {other})")));
            calls.extend(keywords.iter().map(|keyword| format!("({keyword}={one})")));
        }
        calls.retain(|call| call.contains('=') || range.contains(&(call.matches(',').count() + 1)));
        for call in calls {
            let template = format!("{{% set x = a | {name}{call} %}}");
            let Ok(read) = Template::read(&model(&template, &["a"])) else { continue };
            let works =
                values().iter().any(|value| read.render(&object(json!({ "a": value })), RenderSteps::FULL).is_ok());
            let errors: Vec<String> = read.mistakes().iter().map(ToString::to_string).collect();
            let passed_over = ["true or false", "by='key'", "`attribute` has to be a text or", "as a text, and is"];
            if works {
                let silent = |error: &String| passed_over.iter().any(|part| error.contains(part));
                assert!(errors.iter().all(silent), "{template} works with something: {errors:?}");
            } else {
                assert!(!errors.is_empty(), "{template} fails with everything");
                told += 1;
            }
        }
    }
    assert!(told > 100, "{told}");
}

#[test]
fn what_is_set_in_some_branches_only_or_for_nobody_is_doubted() {
    for (template, line, told) in [
        ("{% if a %}{% set x = 1 %}{% endif %}\n{{ x }}", 2, "`x` is set only when a condition holds"),
        ("{% if a %}{% set x = 1 %}{% elif b %}{% set x = 2 %}{% endif %}{{ x }}", 1, "`x` is set only"),
        ("{% if a %}{% set x = 1 %}{% else %}{% set y = 2 %}{% endif %}{{ x }}", 1, "`x` is set only"),
        ("{% if a %}{% set x %}t{% endset %}{% endif %}{% if b %}{{ x }}{% endif %}", 1, "`x` is set only"),
        ("{% if a %}{% if b %}{% set x = 1 %}{% endif %}{% endif %}{{ x | upper }}", 1, "`x` is set only"),
        ("{% if a %}{% set x = 1 %}{% endif %}{{ x.y | default('z') }}", 1, "`x` is set only"),
        ("{% for i in a %}{% if i %}{% set x = i %}{% endif %}{{ x }}{% endfor %}", 1, "`x` is set only"),
        ("{% set x = '' %}{% for i in a %}\n{% set x = i %}{% endfor %}{{ x }}", 2, "`x` is set in a loop for nobody"),
        ("{% set x = 0 %}{% for i in a %}{% set x = x + i %}{% endfor %}{{ x }}", 1, "`x` is set in a loop for nobody"),
        ("{% for i in a %}{% if i %}{% set b = true %}{% endif %}{% endfor %}{{ b }}", 1, "`b` is set in a loop"),
    ] {
        let errors = doubts(template);
        assert_eq!(errors.len(), 1, "{template}: {errors:?}");
        assert!(errors[0].to_string().contains(told), "{template}: {}", errors[0]);
        assert_eq!(errors[0].line(), Some(line), "{template}");
    }
}

#[test]
fn what_is_set_in_every_branch_or_asked_for_first_is_not_doubted() {
    for template in [
        "{% if a %}{% set x = 1 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
        "{% if a %}{% set x = 1 %}{% elif b %}{% set x = 3 %}{% else %}{% set x = 2 %}{% endif %}{{ x }}",
        "{% set x = 0 %}{% if a %}{% set x = 1 %}{% endif %}{{ x }}",
        "{% if a %}{% set x = 1 %}{{ x }}{% endif %}",
        "{% if a %}{% set x = 1 %}{% endif %}{{ x | default('') }}{{ x | d }}{{ x is defined }}{{ x is undefined }}",
        "{% if a %}{% set x = 1 %}{% endif %}{% if x is defined %}{{ x }}{% endif %}",
        "{% if a %}{% set x = 1 %}{% endif %}{{ x if x is defined else '' }}{{ x is defined and x }}",
        "{% if a %}{% set x = 1 %}{% endif %}{% if a and b %}{{ x }}{% endif %}{{ x if a else 2 }}",
        "{% if a %}{% set x = 1 %}{% endif %}{% if not a %}{% else %}{{ x }}{% endif %}",
        "{% if a %}{% set x = 1 %}{% set y = 1 %}{% endif %}{% if y is defined %}{{ x }}{% endif %}",
        "{% if a %}{% set b = 1 %}{% endif %}{{ b }}",
        "{% for i in a %}{% if loop.first %}{% set x = i %}{% endif %}{% if loop.first %}{{ x }}{% endif %}{% endfor %}",
        "{% set x = 1 %}{% for i in a %}{% set x = i %}{{ x }}{% endfor %}{{ x }}",
        "{% for i in a %}{% set x = i %}{% endfor %}{% set x = 2 %}{{ x }}",
        "{% for i in a %}{% set i = i | upper %}{{ i }}{% endfor %}{% with x = 1 %}{{ x }}{% endwith %}",
    ] {
        assert_eq!(doubts(template), [], "{template}");
    }
}

#[test]
fn what_a_loop_or_with_sets_is_not_there_behind_it_and_the_reason_is_told() {
    for template in [
        "{% for i in a %}{% set x = i %}{% endfor %}{{ x }}",
        "{% for x in a %}{% endfor %}{{ x }}",
        "{% with x = 1 %}{% endwith %}{{ x }}",
    ] {
        let told = problems(template, &["a"]);
        assert_eq!(told.len(), 1, "{template}: {told:?}");
        assert!(told[0].contains("`x` where it is not set any more"), "{template}: {told:?}");
    }
}

#[test]
fn parameters_that_a_template_reads_nowhere_are_unused() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let template = "{% for i in a if i > b %}{% endfor %}{{ x | default(c) }}{% set d = 1 %}{{ [1][e | int:] }}";
    let template = template.replace("{{ x | default(c) }}", "{{ [] | first | default(c) }}");
    assert_eq!(read(&template, &names).unused(), ["d", "f"]);
}

#[test]
fn a_stored_template_with_a_mistake_renders_as_far_as_it_can() {
    let data = json!({"a": false, "m": {"b": 2, "a": 1}});
    assert_eq!(render("{% if a %}{{ 'a' - 1 }}{% endif %}x", &data).unwrap(), "x");
    assert_eq!(render("{{ m | dictsort(by='vlue') }}", &data).unwrap(), "[('a', 1), ('b', 2)]");
}

#[test]
fn looking_for_mistakes_ends_however_much_a_template_asks_for() {
    for template in hostile() {
        let read = Template::read(&model(&template, &["word", "list", "map"])).unwrap();
        // The results do not matter here.
        let _ = (read.mistakes(), read.doubts(), read.unused());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn an_expression_that_can_never_work_renders_with_nothing(expression in expression()) {
        let template = format!("{{% set x = {expression} %}}");
        let data = super::engine::data();
        let names: Vec<&str> = data.as_object().unwrap().keys().map(String::as_str).collect();
        let read = read(&template, &names);
        // A template may ask for a missing part, and a part after a condition may never be evaluated.
        let never = read.mistakes().into_iter().any(|error| !error.to_string().starts_with("the part"));
        let chooses = [" if ", " and ", " or ", " is ", "default"].iter().any(|word| template.contains(word));
        if never && !chooses {
            prop_assert!(read.render(&object(data), RenderSteps::FULL).is_err(), "{template}: {:?}", read.mistakes());
        }
    }
}
