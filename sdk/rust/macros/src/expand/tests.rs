use super::*;

/// The message and the position (line, column from 0) of the error that a function written this way gives.
fn node_error(source: &str) -> (String, usize, usize) {
    error_of(decision_node(TokenStream::new(), source.parse().unwrap()))
}

fn handler_error(source: &str) -> (String, usize, usize) {
    error_of(input_handler(TokenStream::new(), source.parse().unwrap()))
}

fn error_of(result: Result<TokenStream>) -> (String, usize, usize) {
    let error = result.unwrap_err();
    let start = error.span().start();
    (error.to_string(), start.line, start.column)
}

#[test]
fn the_function_itself_is_left_as_it_is() {
    let source = "pub fn greet(context: &Context, state: State) -> Result<Step, Failure> { Ok(Step::new()) }";
    let expanded = decision_node(TokenStream::new(), source.parse().unwrap()).unwrap().to_string();
    let function: TokenStream = source.parse().unwrap();
    assert!(expanded.starts_with(&function.to_string()), "{expanded}");
    assert!(expanded.contains("export_decision_node"));
    assert!(expanded.contains("run_with_state"));
}

#[test]
fn a_node_may_leave_the_state_out() {
    let source = "fn greet(context: &Context) -> Result<Step, Failure> { todo!() }";
    let expanded = decision_node(TokenStream::new(), source.parse().unwrap()).unwrap().to_string();
    assert!(expanded.contains("run_without_state"));
}

#[test]
fn a_handler_is_exported_as_one() {
    let source = "fn pos(event: Event) -> Result<Handled, Rejection> { todo!() }";
    let expanded = input_handler(TokenStream::new(), source.parse().unwrap()).unwrap().to_string();
    assert!(expanded.contains("export_input_handler"));
}

#[test]
fn a_wrong_number_of_arguments_is_told_the_right_form() {
    let (message, line, column) = node_error("\nfn greet() -> Result<Step, Failure> { todo!() }");
    assert!(message.contains("fn name(context: &Context, state: State) -> Result<Step, Failure>"), "{message}");
    assert_eq!((line, column), (2, 8));
    assert!(
        handler_error("fn pos(a: Event, b: u8) -> Result<Handled, Rejection> { todo!() }").0.contains("event: Event")
    );
}

#[test]
fn a_context_by_value_is_pointed_at() {
    let (message, line, column) =
        node_error("fn greet(\n    context: Context,\n) -> Result<Step, Failure> { todo!() }");
    assert_eq!(message, "the context is taken by reference: write `context: &Context`");
    assert_eq!((line, column), (2, 13));
}

#[test]
fn a_state_by_reference_is_pointed_at() {
    let (message, _, column) = node_error("fn greet(context: &Context, state: &State) -> Result<Step, Failure> {}");
    assert!(message.contains("by value"));
    assert_eq!(column, 35);
    assert!(handler_error("fn pos(event: &Event) -> Result<Handled, Rejection> {}").0.contains("by value"));
}

#[test]
fn async_generic_unsafe_methods_and_missing_results_are_refused() {
    let cases = [
        ("async fn greet(context: &Context) -> Result<Step, Failure> {}", "`async`"),
        ("unsafe fn greet(context: &Context) -> Result<Step, Failure> {}", "`unsafe`"),
        ("extern \"C\" fn greet(context: &Context) -> Result<Step, Failure> {}", "ABI"),
        ("fn greet<T>(context: &Context, state: T) -> Result<Step, Failure> {}", "generic"),
        ("fn greet(&self) -> Result<Step, Failure> {}", "a decision node has the form"),
        ("fn greet(context: &Context) {}", "the result is missing"),
        ("struct Greet;", "a decision node has the form"),
    ];
    for (source, expected) in cases {
        let (message, ..) = node_error(source);
        assert!(message.contains(expected), "{source}: {message}");
    }
}

#[test]
fn arguments_of_the_attribute_are_refused() {
    let arguments = "name = \"greet\"".parse().unwrap();
    let source = "fn greet(context: &Context) -> Result<Step, Failure> {}".parse().unwrap();
    let (message, ..) = error_of(decision_node(arguments, source));
    assert!(message.contains("takes no arguments"));
}
