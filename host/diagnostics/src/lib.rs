//! Problems of a text that a person wrote, each with its place, a caret under it and what to do.
//!
//! [`parse_toml`] refuses a text that would cost a parser too much time or memory. A [`TomlTable`] is read key by key,
//! and [`Problems`] collects every mistake instead of only the first. A [`Report`] shows them on a terminal or gives
//! them as data. [`suggestion`] names the existing name that the author most likely meant.
//!
//! ```
//! use signalbox_diagnostics::{Problems, Report, TomlTable, parse_toml};
//!
//! let text = "name = \"Roma\"\ntimezon = \"Europe/Bucharest\"\ntables = \"many\"\n";
//! let document = parse_toml(text, 1 << 20).unwrap();
//! let mut problems = Problems::default();
//! let mut table = TomlTable::new("the business", 0..0, document.get_ref());
//! let name = table.require("name", "add `name = \"Roma\"`", &mut problems).and_then(|item| item.text(&mut problems));
//! let _timezone = table.take("timezone");
//! let _tables = table.take("tables").and_then(|item| item.integer(1..=500, &mut problems));
//! table.finish(&mut problems);
//! assert_eq!(name.unwrap().value, "Roma");
//!
//! let report = Report::new("roma.toml", text, problems.into_list());
//! let told: Vec<_> = report.problems().map(|told| (told.line, told.message, told.help.unwrap())).collect();
//! assert_eq!(
//!     told,
//!     [
//!         (2, "unknown key `timezon` in the business", "did you mean `timezone`?"),
//!         (3, "`tables` in the business is a string", "write a whole number"),
//!     ]
//! );
//! ```

mod bounds;
mod lines;
mod names;
mod problems;
mod reader;
mod report;

pub use bounds::{Unread, check_toml, parse_toml, parse_toml_partly};
pub use lines::Lines;
pub use names::{excerpt, listed, nearest, suggestion};
pub use problems::Problems;
pub use reader::{Item, TomlString, TomlTable};
pub use report::{MAX_PROBLEMS, PlacedProblem, Problem, Report, Severity, counted};
