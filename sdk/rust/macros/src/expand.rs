//! Checks an author's function, so that errors point at the author's line, and adds the exports beside it.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Error, FnArg, ItemFn, Result, ReturnType, Signature, Type};

const NODE_FORM: &str = "a decision node has the form `fn name(context: &Context, state: State) -> Result<Step, Failure>`, \
                         with a struct of your own for `State`, or without it";
const HANDLER_FORM: &str = "an input handler has the form `fn name(event: Event) -> Result<Handled, Rejection>`";

/// `#[decision_node]`.
pub fn decision_node(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function = plain_function(arguments, item, NODE_FORM)?;
    let inputs: Vec<&Type> = typed_inputs(&function.sig, NODE_FORM)?;
    let name = &function.sig.ident;
    let adapter = match inputs.as_slice() {
        [context] => {
            expect_reference(context)?;
            quote_spanned!(name.span()=> ::signalbox_sdk::__private::run_without_state)
        }
        [context, state] => {
            expect_reference(context)?;
            if let Type::Reference(reference) = state {
                return Err(Error::new_spanned(reference, "the state is taken by value: remove the `&`"));
            }
            quote_spanned!(name.span()=> ::signalbox_sdk::__private::run_with_state)
        }
        _ => return Err(Error::new(function.sig.paren_token.span.join(), NODE_FORM)),
    };
    Ok(quote! {
        #function

        #[allow(unsafe_code, reason = "the export of a component is generated code")]
        const _: () = {
            fn run(
                context: ::signalbox_sdk::__private::WireContext,
                state: ::signalbox_sdk::__private::WireState,
            ) -> ::core::result::Result<
                ::signalbox_sdk::__private::WireStep,
                ::signalbox_sdk::__private::WireNodeFailure,
            > {
                #adapter(#name, context, state)
            }

            #[cfg(target_arch = "wasm32")]
            struct Node;

            #[cfg(target_arch = "wasm32")]
            impl ::signalbox_sdk::bindings::decision_node::exports::signalbox::agent::node::Guest for Node {
                fn run(
                    context: ::signalbox_sdk::__private::WireContext,
                    state: ::signalbox_sdk::__private::WireState,
                ) -> ::core::result::Result<
                    ::signalbox_sdk::__private::WireStep,
                    ::signalbox_sdk::__private::WireNodeFailure,
                > {
                    run(context, state)
                }
            }

            #[cfg(target_arch = "wasm32")]
            ::signalbox_sdk::bindings::decision_node::export_decision_node!(Node);

            // In a native build the export is not called, but its types are checked all the same.
            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                ::signalbox_sdk::__private::WireContext,
                ::signalbox_sdk::__private::WireState,
            ) -> ::core::result::Result<
                ::signalbox_sdk::__private::WireStep,
                ::signalbox_sdk::__private::WireNodeFailure,
            > = run;
        };
    })
}

/// `#[input_handler]`.
pub fn input_handler(arguments: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let function = plain_function(arguments, item, HANDLER_FORM)?;
    let inputs = typed_inputs(&function.sig, HANDLER_FORM)?;
    let name = &function.sig.ident;
    match inputs.as_slice() {
        [Type::Reference(reference)] => {
            return Err(Error::new_spanned(reference, "the event is taken by value: remove the `&`"));
        }
        [_event] => {}
        _ => return Err(Error::new(function.sig.paren_token.span.join(), HANDLER_FORM)),
    }
    let adapter = quote_spanned!(name.span()=> ::signalbox_sdk::__private::handle_event);
    Ok(quote! {
        #function

        #[allow(unsafe_code, reason = "the export of a component is generated code")]
        const _: () = {
            fn handle(
                event: ::signalbox_sdk::__private::WireEvent,
            ) -> ::core::result::Result<
                ::signalbox_sdk::__private::WireHandled,
                ::signalbox_sdk::__private::WireRejection,
            > {
                #adapter(#name, event)
            }

            #[cfg(target_arch = "wasm32")]
            struct Handler;

            #[cfg(target_arch = "wasm32")]
            impl ::signalbox_sdk::bindings::input_handler::exports::signalbox::agent::handler::Guest for Handler {
                fn handle(
                    event: ::signalbox_sdk::__private::WireEvent,
                ) -> ::core::result::Result<
                    ::signalbox_sdk::__private::WireHandled,
                    ::signalbox_sdk::__private::WireRejection,
                > {
                    handle(event)
                }
            }

            #[cfg(target_arch = "wasm32")]
            ::signalbox_sdk::bindings::input_handler::export_input_handler!(Handler);

            #[cfg(not(target_arch = "wasm32"))]
            const _: fn(
                ::signalbox_sdk::__private::WireEvent,
            ) -> ::core::result::Result<
                ::signalbox_sdk::__private::WireHandled,
                ::signalbox_sdk::__private::WireRejection,
            > = handle;
        };
    })
}

/// Refuses everything but a plain function.
fn plain_function(arguments: TokenStream, item: TokenStream, form: &str) -> Result<ItemFn> {
    if !arguments.is_empty() {
        return Err(Error::new_spanned(arguments, "the attribute takes no arguments; settings belong in the bundle"));
    }
    let function: ItemFn = syn::parse2(item.clone()).map_err(|_| Error::new_spanned(&item, form))?;
    let signature = &function.sig;
    let unwanted: [(Option<&dyn ToTokens>, &str); 4] = [
        (
            signature.asyncness.as_ref().map(|token| token as _),
            "a plugin's function is not `async`: capability calls wait",
        ),
        (signature.unsafety.as_ref().map(|token| token as _), "a plugin's function is not `unsafe`"),
        (signature.abi.as_ref().map(|token| token as _), "a plugin's function has no ABI of its own"),
        (signature.variadic.as_ref().map(|token| token as _), form),
    ];
    for (token, reason) in unwanted {
        if let Some(token) = token {
            return Err(Error::new_spanned(token, reason));
        }
    }
    if !signature.generics.params.is_empty() {
        return Err(Error::new_spanned(&signature.generics, "a plugin's function is not generic: name the types"));
    }
    if matches!(signature.output, ReturnType::Default) {
        return Err(Error::new(signature.paren_token.span.join(), format!("the result is missing: {form}")));
    }
    Ok(function)
}

fn typed_inputs<'a>(signature: &'a Signature, form: &str) -> Result<Vec<&'a Type>> {
    signature
        .inputs
        .iter()
        .map(|input| match input {
            FnArg::Typed(typed) => Ok(typed.ty.as_ref()),
            FnArg::Receiver(receiver) => Err(Error::new_spanned(receiver, form)),
        })
        .collect()
}

fn expect_reference(context: &Type) -> Result<()> {
    match context {
        Type::Reference(reference) if reference.mutability.is_none() => Ok(()),
        _ => Err(Error::new(context.span(), "the context is taken by reference: write `context: &Context`")),
    }
}

#[cfg(test)]
mod tests;
