use cel::common::types::CelOptional;
use cel::common::value::Val;
use cel::{Context, Value};

use super::super::ENVIRONMENT;
use super::*;

/// Literals of each kind, including some that functions of that kind are likely to take.
const SAMPLES: [(ValueKinds, &[&str]); 10] = [
    (ValueKinds::BOOL, &["true", "false"]),
    (ValueKinds::INT, &["1", "0", "2"]),
    (ValueKinds::UINT, &["1u", "0u"]),
    (ValueKinds::DOUBLE, &["1.0", "0.0"]),
    (ValueKinds::STRING, &["'abc'", "'1'", "'true'"]),
    (ValueKinds::BYTES, &["b'abc'"]),
    (ValueKinds::LIST, &["[1, 'abc', 2]"]),
    (ValueKinds::MAP, &["{1: 1, 'abc': 1, true: 1}"]),
    (ValueKinds::NULL, &["null"]),
    (ValueKinds::TYPE, &["int"]),
];

fn kind_of(value: &Value) -> ValueKinds {
    match value {
        Value::Bool(_) => ValueKinds::BOOL,
        Value::Int(_) => ValueKinds::INT,
        Value::UInt(_) => ValueKinds::UINT,
        Value::Float(_) => ValueKinds::DOUBLE,
        Value::String(_) => ValueKinds::STRING,
        Value::Bytes(_) => ValueKinds::BYTES,
        Value::List(_) => ValueKinds::LIST,
        Value::Map(_) => ValueKinds::MAP,
        Value::Null => ValueKinds::NULL,
        _ => ValueKinds::OPTIONAL,
    }
}

/// The kinds of all results that the library gives for these values; none when every call fails.
fn really_gives(written: impl Fn(&[&str]) -> String, kinds: &[ValueKinds]) -> ValueKinds {
    let mut sources: Vec<Vec<&str>> = vec![Vec::new()];
    for kind in kinds {
        let samples = SAMPLES.iter().find(|(sample, _)| sample == kind).unwrap().1;
        sources = sources
            .iter()
            .flat_map(|before| samples.iter().map(move |sample| [before.as_slice(), &[*sample]].concat()))
            .collect();
    }
    let context = Context::with_env(std::sync::Arc::clone(&ENVIRONMENT));
    sources.iter().fold(ValueKinds::NONE, |all, values| {
        let source = written(values);
        let program = ENVIRONMENT.compile(&source).map_err(|error| format!("{source}: {error}")).unwrap();
        program.execute(&context).map_or(all, |value| all.or(kind_of(&value)))
    })
}

/// Every combination of `count` kinds.
fn choices(count: usize) -> Vec<Vec<ValueKinds>> {
    (0..count).fold(vec![Vec::new()], |choices, _| {
        choices
            .iter()
            .flat_map(|before: &Vec<ValueKinds>| {
                SAMPLES.iter().map(move |(kind, _)| [before.as_slice(), &[*kind]].concat())
            })
            .collect()
    })
}

/// The differences between the table and the library.
fn differences(function: &str, member: bool, count: usize, written: impl Fn(&[&str]) -> String) -> Vec<String> {
    let mut found = Vec::new();
    // Functions with three arguments take texts, and trying all combinations of three kinds takes long.
    for kinds in choices(count).into_iter().filter(|kinds| count < 3 || kinds.first() == Some(&ValueKinds::STRING)) {
        let (said, real) = (gives(function, member, &kinds), really_gives(&written, &kinds));
        // The library returns a type as the text of its name.
        let is_type = said == ValueKinds::TYPE && real == ValueKinds::STRING;
        let fits = said == real || is_type || (said == ValueKinds::ANY && real != ValueKinds::NONE);
        if !fits {
            found.push(format!("{function} of {kinds:?}: the table says {}, CEL gives {}", said.named(), real.named()));
        }
    }
    found
}

#[test]
fn operators_take_and_give_what_the_table_says() {
    let mut found = Vec::new();
    for operator in ["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "in"] {
        let name = if operator == "in" { "@in".to_owned() } else { format!("_{operator}_") };
        found.extend(differences(&name, false, 2, |values| format!("({}) {operator} ({})", values[0], values[1])));
    }
    found.extend(differences("_[_]", false, 2, |values| format!("({})[{}]", values[0], values[1])));
    found.extend(differences("!_", false, 1, |values| format!("!({})", values[0])));
    found.extend(differences("-_", false, 1, |values| format!("-({})", values[0])));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn functions_take_and_give_what_the_table_says() {
    let mut found = Vec::new();
    // `has` is a macro and never evaluated as a function, and `matches` is the host's own function.
    for function in functions().filter(|name| !matches!(*name, "has" | "matches")) {
        for count in 0..=2 {
            found.extend(differences(function, false, count, |values| format!("{function}({})", values.join(", "))));
        }
        for count in 1..=3 {
            if count == 3 && !matches!(function, "indexOf" | "substring" | "split" | "lastIndexOf") {
                continue;
            }
            let of = |values: &[&str]| format!("({}).{function}({})", values[0], values[1..].join(", "));
            found.extend(differences(function, true, count, of));
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn fields_and_loops_are_of_what_the_check_says() {
    for (kind, _) in SAMPLES {
        let field = really_gives(|values| format!("has(({}).abc)", values[0]), &[kind]);
        assert_eq!(field != ValueKinds::NONE, kind == ValueKinds::MAP, "a field of {}", kind.named());
        let each = really_gives(|values| format!("({}).all(x, true)", values[0]), &[kind]);
        assert_eq!(
            each != ValueKinds::NONE,
            kind.is_only(ValueKinds::LIST.or(ValueKinds::MAP)),
            "a loop through {}",
            kind.named()
        );
        let key = really_gives(|values| format!("{{{}: 1}}", values[0]), &[kind]);
        assert_eq!(key != ValueKinds::NONE, kind.is_only(ValueKinds::KEY), "a key that is {}", kind.named());
        let condition = really_gives(|values| format!("({}) ? 1 : 1", values[0]), &[kind]);
        assert_eq!(condition != ValueKinds::NONE, kind == ValueKinds::BOOL, "? : of {}", kind.named());
    }
}

#[test]
fn values_of_other_kinds_are_never_equal() {
    for kinds in choices(2) {
        let [one, other] = kinds.as_slice() else { unreachable!() };
        let samples = |kind: &ValueKinds| SAMPLES.iter().find(|(sample, _)| sample == kind).unwrap().1;
        for (left, right) in samples(one).iter().flat_map(|left| samples(other).iter().map(move |right| (left, right)))
        {
            let equal = ENVIRONMENT
                .compile(&format!("{left} == {right}"))
                .unwrap()
                .execute(&Context::with_env(std::sync::Arc::clone(&ENVIRONMENT)));
            assert!(one.can_equal(*other) || equal == Ok(Value::Bool(false)), "{left} == {right}");
        }
    }
}

#[test]
fn an_optional_value_has_no_fields_that_are_known() {
    let mut context = Context::with_env(std::sync::Arc::clone(&ENVIRONMENT));
    let inner: Box<dyn Val> = Box::new(cel::common::types::CelInt::from(1));
    context.add_variable_as_val("x", Box::new(CelOptional::of(inner)));
    for source in ["x + 1", "!x", "x > 1", "size(x)", "x.all(y, true)", "1 in x"] {
        assert!(ENVIRONMENT.compile(source).unwrap().execute(&context).is_err(), "{source}");
    }
}

#[test]
fn every_function_says_how_it_is_written() {
    for (name, form) in FUNCTIONS.into_iter().chain(MACROS) {
        assert!(form.contains(&format!("{name}(")), "{name}: {form}");
    }
}
