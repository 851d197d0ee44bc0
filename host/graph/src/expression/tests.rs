use super::signatures::functions;
use super::*;

fn compile(source: &str) -> Result<Expression, Vec<ExpressionProblem>> {
    compile_for(source, ExpressionPurpose::Condition)
}

fn compile_for(source: &str, wanted: ExpressionPurpose) -> Result<Expression, Vec<ExpressionProblem>> {
    let surroundings = Surroundings { wanted, channels: &|_| ValueKinds::ANY, permissions: &["message", "review"] };
    Expression::compile(source, &surroundings).map(|(expression, _)| expression)
}

fn scope() -> Scope {
    let input = BTreeMap::from([("text", serde_json::json!("Masă la 8")), ("data", serde_json::json!({}))]);
    Scope::of(input, &["message".to_owned(), "review".to_owned()])
}

fn evaluate(source: &str, x: &str) -> Result<bool, String> {
    evaluate_within(source, x, &mut CostMeter::default())
}

fn evaluate_within(source: &str, x: &str, meter: &mut CostMeter) -> Result<bool, String> {
    let expression = compile(source).map_err(|problems| format!("{problems:?}"))?;
    let x = Json::parse_within(x, 1 << 20).unwrap();
    expression.condition(|name| (name == "x").then_some(&x), &scope(), meter)
}

#[test]
fn every_function_that_is_let_in_works() {
    for (function, source) in functions().zip([
        "bool('true')",
        "bytes('a') == b'a'",
        "'abc'.charAt(1) == 'b'",
        "input.text.contains('Masă')",
        "double('1.5') > 1.0",
        "dyn(1) == 1",
        "'abc'.endsWith('c')",
        "has(state.x) && !has(state.y)",
        "'abc'.indexOf('c') == 2",
        "int('3') == 3",
        "'abca'.lastIndexOf('a') == 3",
        "input.text.lowerAscii() == 'masă la 8'",
        "'aaa'.matches('^a+$')",
        "'abc'.reverse() == 'cba'",
        "size(permissions) == 2",
        "'a b'.split(' ') == ['a', 'b']",
        "input.text.startsWith('M')",
        "string(1) == '1'",
        "'abc'.substring(1) == 'bc'",
        "' a '.trim() == 'a'",
        "type(1) == int",
        "uint(1) == 1u",
        "'a'.upperAscii() == 'A'",
    ]) {
        assert!(source.contains(function), "{source} is about {function}");
        assert_eq!(evaluate(source, "1"), Ok(true), "{source}");
    }
    for source in [
        "permissions.all(p, size(p) > 2)",
        "permissions.exists(p, p == 'review')",
        "permissions.exists_one(p, p == 'review')",
        "permissions.filter(p, p == 'review') == ['review']",
        "permissions.map(p, size(p)) == [7, 6]",
    ] {
        assert_eq!(evaluate(source, "1"), Ok(true), "{source}");
    }
}

#[test]
fn numbers_compare_as_people_expect() {
    for (source, x) in
        [("state.x == 1", "1"), ("state.x + 1 == 2", "1"), ("state.x > 1", "1.5"), ("state.x == 1", "1.0")]
    {
        assert_eq!(evaluate(source, x), Ok(true), "{source} with {x}");
    }
}

#[test]
fn what_cannot_be_answered_is_an_error_that_says_why() {
    let why = |source: &str, x: &str| evaluate(source, x).unwrap_err();
    assert!(why("state.y == 1", "1").contains("channel `y` has no value yet"));
    assert!(why("state.x.kind == 1", "{}").contains("there is no `kind`; ask with `has(...)`"));
    assert!(why("state.x", "3").contains("it gives a number, not true or false"));
    assert!(why("state.x > 1", "\"1\"").contains("no matching overload"));
    assert!(why("1 / state.x == 1", "0").contains("ivision by zero"), "{}", why("1 / state.x == 1", "0"));
    let long = format!("[{}0]", "1,".repeat(20_000));
    assert!(why("state.x.exists(n, n > 3)", &long).contains("units of work"));
    assert_eq!(evaluate("size(state.x) > 3", &long), Ok(true), "without a loop, size matters less");
}

#[test]
fn an_expression_nested_too_deep_is_refused_and_overflows_no_stack() {
    for source in [
        format!("{}1{}", "(".repeat(500), ")".repeat(500)),
        format!("{}1{}", "[".repeat(500), "]".repeat(500)),
        format!("1{}", "+1".repeat(500)),
        format!("{}1", "1?2:".repeat(250)),
        format!("1{}", " in 1".repeat(200)),
    ] {
        assert!(evaluate(&source, "1").unwrap_err().contains("more than"), "{source}");
    }
    // The deepest nesting that is accepted.
    let most = MAX_NESTING - 1;
    for source in [
        format!("{}true{}", "(".repeat(most), ")".repeat(most)),
        format!("{}true{} != []", "[".repeat(most - 1), "]".repeat(most - 1)),
        format!("{}true", "false ? false : ".repeat(most)),
        format!("0{} != 3", "+1".repeat(most)),
        format!("{}true", "!".repeat(1_000)),
        format!("true{}", "||true".repeat(150)),
    ] {
        assert_eq!(evaluate(&source, "1"), Ok(true), "{source}");
    }
    let fields = format!("has(state.x{})", ".y".repeat(500));
    assert!(evaluate(&fields, "1").is_err());
}

fn list_of(count: usize, element: &str) -> String {
    format!("[{}]", vec![element; count].join(","))
}

#[test]
fn the_work_of_one_evaluation_is_bounded_whatever_is_written_and_read() {
    let numbers = list_of(16_000, "1");
    let words = list_of(4_000, "\"abcdefgh\"");
    let text = format!("\"{}\"", "a ".repeat(100_000));
    for (source, x) in [
        ("state.x.exists(n, 'b'.matches('(a|b)*a(a|b){12}'))", &numbers),
        ("state.x.exists(n, state.x == [n])", &list_of(8_000, "[1]")),
        ("state.x.all(n, n in state.x)", &words),
        ("state.x.map(n, state.x) == []", &words),
        ("state.x.map(n, [state.x, state.x]) == []", &list_of(600, "1")),
        ("state.x.split('').exists(c, c == 'b')", &text),
        ("state.x.indexOf(state.x.substring(100000) + 'b') == 3", &text),
        ("state.x.matches('(a|b)*a(a|b){20}')", &text),
        ("state.x.exists(n, n < state.x)", &words),
        ("state.x.exists(n, state.x[n] == 1)", &list_of(4_000, "1.5")),
        ("state.x.map(n, string(n) + string(n)) == []", &list_of(20_000, "1")),
        ("size(state.x.map(n, [[n, n], [n, n]]).map(n, [n, n])) == 1", &list_of(16_000, "1")),
        ("state.x == state.x", &list_of(100_000, "1")),
    ] {
        let why = evaluate(source, x).unwrap_err();
        assert!(why.contains("units of work"), "{source}: {why}");
    }
}

#[test]
fn what_conditions_do_every_day_is_far_within_the_limit() {
    let orders = list_of(240, r#"{"id":"ord_0001","total":12.5,"paid":true,"name":"Ana","tags":["a","b"]}"#);
    for (source, x) in [
        ("state.x.exists(o, o.paid && o.total > 100.0) || true", &orders),
        ("state.x.filter(o, o.name.contains('An')).map(o, o.id) != []", &orders),
        ("size(state.x) == 240", &orders),
        ("!(state.x.exists(w, w.matches('(?i)^masă$')))", &list_of(100, "\"masa\"")),
        ("state.x.split(' ').exists(w, w == 'masă')", &"\"o masă la opt\"".to_owned()),
        ("'x' in state.x || true", &list_of(10_000, "\"word\"")),
    ] {
        assert_eq!(evaluate(source, x), Ok(true), "{source}");
    }
}

#[test]
fn expressions_of_moderate_cost_add_up_to_the_limits_of_step_and_run() {
    let (x, mut meter) = (list_of(8_000, "1"), CostMeter::default());
    let source = "size(state.x) == 8000";
    let why = (0..1_000).find_map(|_| evaluate_within(source, &x, &mut meter).err()).unwrap();
    assert!(why.contains("the expressions of this step"), "{why}");
    let why = (0..1_000).find_map(|_| {
        meter.begin_step();
        evaluate_within(source, &x, &mut meter).err()
    });
    assert!(why.unwrap().contains("the expressions of this run"));
}

#[test]
fn lists_that_are_copied_whole_add_up_to_the_limit_of_a_step_too() {
    let expression = compile_for("state.x", ExpressionPurpose::List).unwrap();
    let x = Json::parse_within(list_of(900, "[1,2,3,4,5,6,7,8,9]"), 1 << 20).unwrap();
    let mut meter = CostMeter::default();
    let mut items = || expression.items(|name| (name == "x").then_some(&x), &scope(), &mut meter);
    assert_eq!(items().unwrap().len(), 900);
    let why = (0..100).find_map(|_| items().err()).unwrap();
    assert!(why.contains("the expressions of this step"), "{why}");
}

#[test]
fn a_pattern_is_compiled_when_it_is_read_and_never_when_it_is_used() {
    let problem = |source: &str| compile(source).unwrap_err().remove(0);
    for source in ["state.x.matches(state.x)", "'a'.matches('a' + 'b')", "matches('a', state.x)", "'a'.matches()"] {
        assert_eq!(problem(source).message, "the pattern of `matches` is computed", "{source}");
    }
    let large = problem(r#"state.x == "b" && "b".matches("(\\pL{1,30}){1,5}\\pN$")"#);
    assert!(large.message.contains("compiles to more than"), "{large:?}");
    let broken = problem("state.x.matches('(foo')");
    assert_eq!((broken.message.contains("unclosed group"), broken.at), (true, Some(17..21)));
    assert_eq!(evaluate("matches(state.x, '^a+$') && state.x.matches('a')", "\"aaa\""), Ok(true));
    assert!(evaluate("state.x.matches('a')", "1").is_err(), "a number is no text");
}
