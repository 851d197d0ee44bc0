//! The results of a run as Markdown, formatted so that it reads well in a terminal too.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The results of a run.
#[derive(Debug, Default)]
pub struct Report {
    sections: Vec<Section>,
    budgets: Vec<Budget>,
    facts: BTreeMap<&'static str, f64>,
}

/// One question, with its measurements.
#[derive(Debug)]
pub struct Section {
    title: &'static str,
    text: String,
}

/// A budget, and the measured figure.
#[derive(Debug)]
struct Budget {
    what: &'static str,
    promised: &'static str,
    measured: String,
    met: bool,
    /// The measured reason why the budget is not met.
    why: Option<String>,
}

impl Section {
    pub fn new(title: &'static str) -> Self {
        Self { title, text: String::new() }
    }

    /// Adds a paragraph.
    pub fn say(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self.text.push_str("\n\n");
        self
    }

    /// Adds a table; the first column names each row.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) -> &mut Self {
        let rule: Vec<&str> = head.iter().enumerate().map(|(at, _)| if at == 0 { "---" } else { "---:" }).collect();
        let _ = writeln!(self.text, "| {} |\n| {} |", head.join(" | "), rule.join(" | "));
        for row in rows {
            let _ = writeln!(self.text, "| {} |", row.join(" | "));
        }
        self.text.push('\n');
        self
    }
}

impl Report {
    /// Adds a section, and prints it at once because a whole run takes long.
    pub fn add(&mut self, section: Section) {
        println!("## {}\n\n{}", section.title, section.text);
        self.sections.push(section);
    }

    /// Compares a figure with its budget.
    pub fn budget(&mut self, what: &'static str, promised: &'static str, measured: String, met: bool) {
        println!("budget: {what}: {promised}; measured {measured}: {}\n", if met { "met" } else { "not met" });
        self.budgets.push(Budget { what, promised, measured, met, why: None });
    }

    /// Adds why a budget is not met; does nothing when the budget is met or was not measured.
    pub fn explain(&mut self, what: &str, why: impl FnOnce() -> String) {
        if let Some(budget) = self.budgets.iter_mut().find(|budget| budget.what == what && !budget.met) {
            let why = why();
            println!("not met: {what}: {why}\n");
            budget.why = Some(why);
        }
    }

    /// Keeps a figure for a later part.
    pub fn keep(&mut self, name: &'static str, value: f64) {
        self.facts.insert(name, value);
    }

    /// A figure of an earlier part; none when it was not measured in this run.
    pub fn fact(&self, name: &str) -> Option<f64> {
        self.facts.get(name).copied()
    }

    /// The whole report.
    pub fn text(&self, title: &str, head: &str) -> String {
        let mut text = format!("# {title}\n\n{head}\n");
        if !self.budgets.is_empty() {
            text.push_str("## Budgets\n\n| figure | budget | measured | |\n| --- | --- | --- | --- |\n");
            for Budget { what, promised, measured, met, why } in &self.budgets {
                let met = match (met, why) {
                    (true, _) => "met",
                    (false, Some(_)) => "**not met**, explained below",
                    (false, None) => "**not met**",
                };
                let _ = writeln!(text, "| {what} | {promised} | {measured} | {met} |");
            }
            text.push('\n');
            for Budget { what, why, .. } in &self.budgets {
                if let Some(why) = why {
                    let _ = writeln!(text, "**Not met: {what}.** {why}\n");
                }
            }
        }
        for section in &self.sections {
            let _ = write!(text, "## {}\n\n{}", section.title, section.text);
        }
        format!("{}\n", text.trim_end())
    }
}
