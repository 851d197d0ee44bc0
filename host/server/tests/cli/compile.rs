use std::io::Write as _;
use std::process::{Child, Stdio};

use super::program::Program;

/// More than a pipe holds: once all of it is written, the other side has begun to read.
const MORE_THAN_A_PIPE: usize = (64 << 10) + 1;

/// Starts the program as the host starts its compiler.
fn compiler(program: &Program) -> Child {
    holding(program, "0")
}

/// The same, with the variable that says whether the allocator reserves memory in advance.
fn holding(program: &Program, eagerly: &str) -> Child {
    let arguments =
        ["compile-component", "--time-ms", "600000", "--memory", "536870912", "--component-size", "1048576"];
    let mut command = program.command(&arguments);
    command.env("MIMALLOC_ARENA_EAGER_COMMIT", eagerly);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn the_command_that_compiles_is_the_hosts_own() {
    let program = Program::new("");
    let help = program.run(&["--help"]);
    assert!(!help.out.contains("compile-component"), "{}", help.out);
    let mut compiler = compiler(&program);
    compiler.stdin.take().unwrap().write_all(b"\0asm\x0d\0\x01\0").unwrap();
    let ran = compiler.wait_with_output().unwrap();
    assert!(ran.status.success() && ran.stdout.starts_with(b"\x7fELF"), "{}", String::from_utf8_lossy(&ran.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn a_compiler_whose_memory_cannot_be_limited_any_more_compiles_nothing() {
    let program = Program::new("");
    let ran = holding(&program, "1").wait_with_output().unwrap();
    let words = String::from_utf8_lossy(&ran.stderr);
    assert!(words.contains("its memory cannot be limited, because it holds"), "{words}");
    assert_eq!((ran.status.code(), &*ran.stdout), (Some(12), &b""[..]));
}

#[cfg(target_os = "linux")]
#[test]
fn a_compiler_has_limited_itself_before_it_reads_a_byte() {
    let program = Program::new("");
    let mut compiler = compiler(&program);
    let mut stdin = compiler.stdin.take().unwrap();
    stdin.write_all(&vec![0; MORE_THAN_A_PIPE]).unwrap();
    let about = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", compiler.id())).unwrap();
    let limits = about("limits");
    let soft = |name: &str| {
        let line = limits.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    };
    for (name, most) in [
        ("Max cpu time", "600"),
        ("Max data size", "536870912"),
        ("Max core file size", "0"),
        ("Max file size", "0"),
        ("Max open files", "3"),
        ("Max processes", "0"),
    ] {
        assert_eq!(soft(name), most, "{name}");
    }
    assert!(about("status").lines().any(|line| line == "NoNewPrivs:\t1"), "{}", about("status"));
    drop(stdin);
    let ran = compiler.wait_with_output().unwrap();
    assert!(!ran.status.success() && ran.stdout.is_empty());
}
