//! Limits the work of expressions: each evaluation, each step and the whole run have a limit.

/// The highest cost of one evaluation, in bytes of text looked at; looking at a value counts as 32.
pub const EVALUATION_LIMIT: u64 = 1 << 20;

/// The highest cost of all evaluations in one step of a graph.
pub const STEP_LIMIT: u64 = 2 * EVALUATION_LIMIT;

/// The highest cost of all evaluations in a run.
pub const RUN_LIMIT: u64 = 62 * EVALUATION_LIMIT;

/// Counts the cost of evaluations. The cost depends on the run alone and never on time, so that a repeated run ends in
/// the same way.
#[derive(Debug, Default)]
pub(crate) struct CostMeter {
    step: u64,
    run: u64,
}

impl CostMeter {
    /// Begins a step.
    pub fn begin_step(&mut self) {
        self.step = 0;
    }

    /// The cost of all evaluations so far.
    pub fn spent(&self) -> u64 {
        self.run
    }

    /// Refuses an evaluation whose cost exceeds the limit of one evaluation.
    pub fn check(&self, work: u64) -> Result<(), String> {
        if work > EVALUATION_LIMIT {
            return Err(format!(
                "it may take {work} units of work over the values that it reads, more than the {EVALUATION_LIMIT} of one \
                 expression; let a node compute it into a channel"
            ));
        }
        Ok(())
    }

    /// Adds the cost of an evaluation before it begins.
    pub fn pay(&mut self, work: u64) -> Result<(), String> {
        self.check(work)?;
        self.add(work)
    }

    /// Adds the cost of a list that is only copied: a quarter of looking at it.
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
