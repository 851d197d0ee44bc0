use super::program::Program;

#[test]
fn a_store_that_is_not_there_is_not_taken_for_an_empty_one() {
    let program = Program::new("");
    program.run(&["decisions", "list"]).refused(&["there is no store at", ".signalbox/store.db", "signalbox serve"]);
    assert!(!program.path(".signalbox").exists());
}

#[test]
fn a_store_in_memory_has_nothing_to_show() {
    let program = Program::new("[store]\nbackend = 'memory'\n");
    program.run(&["decisions", "show", "dec_1"]).refused(&["in memory"]);
}
