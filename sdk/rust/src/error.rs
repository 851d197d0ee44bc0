//! One shape for the errors of all capabilities: the cases of the contract, a text for a person, and whether to retry.

/// Defines the `Error` of a capability from its cases in the contract.
///
/// Each case says `retry` or `stop`, and has a text for a person. `with json` adds the case of a value that the SDK
/// itself cannot read from or write as JSON; this case is never sent to the host.
macro_rules! capability_error {
    (
        $(#[$meta:meta])*
        $capability:ident $(with $json:ident)? {
            $( $(#[$case_meta:meta])* $case:ident $( ($field:ident: $type:ty) )? => $retry:ident $text:literal, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq)]
        #[non_exhaustive]
        pub enum Error {
            $( $(#[$case_meta])* $case $( ($type) )?, )*
            $(
                /// A value is not the JSON it should be. A retry will not help.
                #[doc = concat!("See [`crate::", stringify!($json), "`].")]
                Json(crate::JsonError),
            )?
        }

        impl Error {
            /// Whether the same call may succeed in a moment.
            pub fn retryable(&self) -> bool {
                match self {
                    $( Self::$case { .. } => crate::error::capability_error!(@retryable $retry), )*
                    $( Self::Json(_) => { const _: &str = stringify!($json); false } )?
                }
            }

            /// The same error in the contract's type; none for an error that the SDK itself makes.
            #[cfg(not(target_arch = "wasm32"))]
            pub(crate) fn into_contract(self) -> Option<crate::contract::$capability::Error> {
                match self {
                    $( Self::$case $( ($field) )? => {
                        Some(crate::contract::$capability::Error::$case $( ($field) )?)
                    } )*
                    $( Self::Json(_) => { const _: &str = stringify!($json); None } )?
                }
            }
        }

        impl std::fmt::Display for Error {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self {
                    $(
                        #[allow(unused_variables, reason = "not every text shows its field")]
                        Self::$case $( ($field) )? => write!(formatter, $text),
                    )*
                    $( Self::Json(error) => { const _: &str = stringify!($json); write!(formatter, "{error}") } )?
                }
            }
        }

        impl std::error::Error for Error {}

        impl From<crate::contract::$capability::Error> for Error {
            fn from(error: crate::contract::$capability::Error) -> Self {
                match error {
                    $( crate::contract::$capability::Error::$case $( ($field) )? => Self::$case $( ($field) )?, )*
                }
            }
        }

        $(
            impl From<crate::JsonError> for Error {
                fn from(error: crate::JsonError) -> Self {
                    const _: &str = stringify!($json);
                    Self::Json(error)
                }
            }
        )?

        impl From<Error> for crate::Failure {
            fn from(error: Error) -> Self {
                let text = format!(concat!(stringify!($capability), ": {}"), error);
                if error.retryable() { Self::Retry(text) } else { Self::Fatal(text) }
            }
        }
    };
    (@retryable retry) => { true };
    (@retryable stop) => { false };
}

pub(crate) use capability_error;
