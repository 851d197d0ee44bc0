use signalbox_bindings::signalbox as wit;
use wasmtime::component::{HasData, Linker};

use crate::Calls;

/// Tells Wasmtime that the state of the capabilities is a `&mut Calls`.
struct Capabilities;

impl HasData for Capabilities {
    type Data<'a> = &'a mut Calls;
}

/// Adds every capability to a linker, granted or not. The loader checks what a plugin may use.
pub fn add_to_linker<T: Send + 'static>(
    linker: &mut Linker<T>,
    calls: fn(&mut T) -> &mut Calls,
) -> wasmtime::Result<()> {
    wit::agent::types::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::log::log::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::config::config::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::business::business::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::resources::resources::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::rag::rag::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::dynamodb::dynamodb::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::http::http::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::kafka::kafka::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::websocket::websocket::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::cron::cron::add_to_linker::<T, Capabilities>(linker, calls)?;
    wit::llm::llm::add_to_linker::<T, Capabilities>(linker, calls)
}

impl wit::agent::types::Host for Calls {}
