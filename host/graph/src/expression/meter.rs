//! How much work the expressions of a run may be: each evaluation, each step and the run have a limit of their own.

/// What one evaluation may cost: so many bytes of text looked at, where looking at a value counts as 32.
pub const EVALUATION_LIMIT: u64 = 1 << 20;

/// What all evaluations of one step of a graph may cost together.
pub const STEP_LIMIT: u64 = 2 * EVALUATION_LIMIT;

/// What all evaluations of a run may cost together.
pub const RUN_LIMIT: u64 = 62 * EVALUATION_LIMIT;

/// Counts what evaluations cost. What is counted depends on the run alone, never on time, so that a run that is
/// repeated ends the same.
#[derive(Debug, Default)]
pub(crate) struct CostMeter {
    step: u64,
    run: u64,
}

impl CostMeter {
    /// A step begins.
    pub fn begin_step(&mut self) {
        self.step = 0;
    }

    /// What the evaluations have cost so far.
    pub fn spent(&self) -> u64 {
        self.run
    }

    /// Refuses an evaluation that costs more than one may.
    pub fn check(&self, work: u64) -> Result<(), String> {
        if work > EVALUATION_LIMIT {
            return Err(format!(
                "it may take {work} units of work over the values that it reads, more than the {EVALUATION_LIMIT} of one \
                 expression; let a node compute it into a channel"
            ));
        }
        Ok(())
    }

    /// Takes the price of an evaluation, before it begins.
    pub fn pay(&mut self, work: u64) -> Result<(), String> {
        self.check(work)?;
        self.add(work)
    }

    /// Takes the price of a list that is only copied: each value is a quarter of what it costs to look at it.
    pub fn pay_copy(&mut self, nodes: usize, bytes: usize) -> Result<(), String> {
        self.add((nodes as u64).saturating_mul(8).saturating_add(bytes as u64 / 8))
    }

    fn add(&mut self, work: u64) -> Result<(), String> {
        (self.step, self.run) = (self.step.saturating_add(work), self.run.saturating_add(work));
        if self.step > STEP_LIMIT {
            return Err(format!(
                "with it the expressions of this step take more than {STEP_LIMIT} units of work; let a node compute what \
                 they have in common into a channel"
            ));
        }
        if self.run > RUN_LIMIT {
            return Err(format!(
                "with it the expressions of this run take more than {RUN_LIMIT} units of work; let nodes compute what \
                 they need into channels, or end the loop earlier"
            ));
        }
        Ok(())
    }
}
