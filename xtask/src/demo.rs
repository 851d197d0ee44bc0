use crate::workspace::Workspace;
use anyhow::Result;
use std::process::ExitCode;
pub fn run(_: &Workspace, _: bool) -> Result<ExitCode> {
    anyhow::bail!("not yet")
}
