//! The attributes of `signalbox-sdk`: they export an author's function from its component and leave the function itself
//! as it is, so that tests call it natively. Use them through `signalbox_sdk::prelude`.

mod expand;

use proc_macro::TokenStream;

/// Exports a function as a decision node.
///
/// It takes `&Context`, and optionally a struct that reads the graph's channels (any type with `Deserialize`), and
/// returns `Result<Step, Failure>`. A crate exports one node.
#[proc_macro_attribute]
pub fn decision_node(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::decision_node(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Exports a function as an input handler.
///
/// It takes an `Event` and returns `Result<Handled, Rejection>`. A crate exports one handler.
#[proc_macro_attribute]
pub fn input_handler(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::input_handler(arguments.into(), item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
