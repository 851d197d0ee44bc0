use signalbox_graph::{mermaid, parse};

/// Longer manifests are refused before they are read, and would only slow a run down.
const LONGEST: usize = 64 * 1024;

/// A `bundle.toml`: either it is a manifest that can be drawn, or every problem has its place in the text.
pub fn manifest(data: &[u8]) {
    let Some(text) = std::str::from_utf8(data).ok().filter(|text| text.len() <= LONGEST) else { return };
    match parse("bundle.toml", text) {
        Ok(manifest) => {
            let drawn = mermaid(&manifest.graph);
            for name in manifest.graph.node_names() {
                assert!(drawn.contains(&**name), "{name} is not drawn");
            }
        }
        Err(report) => {
            let lines = text.split('\n').count();
            let mut problems = 0;
            for problem in report.problems() {
                assert!((1..=lines).contains(&problem.line), "line {} of {lines}", problem.line);
                assert!(!problem.message.is_empty());
                problems += 1;
            }
            assert!(problems > 0, "it is refused without a reason");
            assert!(!report.render(false).is_empty());
        }
    }
}
