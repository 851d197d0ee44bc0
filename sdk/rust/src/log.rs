//! Log lines that an operator finds by the decision's correlation id. Needs no grant.
//!
//! ```
//! use signalbox_sdk::prelude::*;
//!
//! let guests = 4;
//! info!("looked for a table");
//! warn!(guests = guests, table = "7", "no table for {guests}, joined two");
//! ```

pub use crate::bindings::capabilities::signalbox::log::log::Level;

/// Writes one line; the macros [`crate::info!`], [`crate::warn!`] and their siblings are shorter. Never fails.
pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
    crate::contract::log::write(level, message, fields);
}

/// Writes a line at a level: optional `name = value,` fields, then a format string with its arguments.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_line {
    ($level:ident, $($name:ident = $value:expr,)* $format:literal $($argument:tt)*) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($format $($argument)*),
            &[$((::std::string::String::from(stringify!($name)), ::std::string::ToString::to_string(&$value)),)*],
        )
    };
}

/// Writes a line of level trace: optional `name = value,` fields, then a format string with its arguments.
#[macro_export]
macro_rules! trace { ($($line:tt)+) => { $crate::__log_line!(Trace, $($line)+) }; }

/// Writes a line of level debug: optional `name = value,` fields, then a format string with its arguments.
#[macro_export]
macro_rules! debug { ($($line:tt)+) => { $crate::__log_line!(Debug, $($line)+) }; }

/// Writes a line of level info: optional `name = value,` fields, then a format string with its arguments.
#[macro_export]
macro_rules! info { ($($line:tt)+) => { $crate::__log_line!(Info, $($line)+) }; }

/// Writes a line of level warn: optional `name = value,` fields, then a format string with its arguments.
#[macro_export]
macro_rules! warn { ($($line:tt)+) => { $crate::__log_line!(Warn, $($line)+) }; }

/// Writes a line of level error: optional `name = value,` fields, then a format string with its arguments.
#[macro_export]
macro_rules! error { ($($line:tt)+) => { $crate::__log_line!(Error, $($line)+) }; }
