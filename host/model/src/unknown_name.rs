use std::fmt;

use serde::{Deserialize, Serialize};
use tinystr::TinyAsciiStr;

/// The longest name of an unknown variant, in bytes.
const LONGEST: usize = 48;

/// The name of a variant that a newer version has stored and this version does not know. It is shown and written back
/// unchanged. A longer name, or one with other characters than visible ASCII, makes its document unreadable.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UnknownName(TinyAsciiStr<LONGEST>);

impl UnknownName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UnknownName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_visible = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        match TinyAsciiStr::try_from_str(&name) {
            Ok(name) if is_visible => Ok(Self(name)),
            _ => Err(format!("a name has 1 to {LONGEST} visible ASCII characters")),
        }
    }
}

impl From<UnknownName> for String {
    fn from(name: UnknownName) -> Self {
        name.as_str().to_owned()
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
