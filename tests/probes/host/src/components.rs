//! Components that are expensive to compile.

use wasm_encoder::{
    CodeSection, Component, CustomSection, Function, FunctionSection, Module, ModuleSection, TypeSection, ValType,
};

/// A component of one module with functions of this type whose bodies are made by `body`.
pub fn component(functions: u32, body: impl Fn(&mut Function)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32, ValType::I32], [ValType::I32]);
    let (mut declared, mut code) = (FunctionSection::new(), CodeSection::new());
    for _ in 0..functions {
        declared.function(0);
        let mut function = Function::new([]);
        body(&mut function);
        function.instructions().end();
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&code);
    let mut component = Component::new();
    component.section(&ModuleSection(&module));
    component.finish()
}

/// A component that does nothing and has a little more than `bytes` bytes.
pub fn large(bytes: usize) -> Vec<u8> {
    let mut component = Component::new();
    component.section(&CustomSection { name: "ballast".into(), data: vec![0; bytes].into() });
    component.finish()
}

/// A body of `count` multiplications, none of which can be optimised away.
pub fn multiplications(function: &mut Function, count: u32) {
    for _ in 0..count {
        function.instructions().local_get(0).local_get(1).i32_mul().local_set(0);
    }
    function.instructions().local_get(0);
}

/// A `br_table` with `count` targets inside as many blocks.
pub fn branches(function: &mut Function, count: u32) {
    nested(function, count, |function| {
        let targets: Vec<u32> = (0..count).collect();
        function.instructions().local_get(0).br_table(targets, 0);
    });
    function.instructions().local_get(1);
}

/// `count` nested blocks.
pub fn blocks(function: &mut Function, count: u32) {
    nested(function, count, |_| {});
    function.instructions().local_get(0);
}

fn nested(function: &mut Function, count: u32, inside: impl Fn(&mut Function)) {
    for _ in 0..count {
        function.instructions().block(wasm_encoder::BlockType::Empty);
    }
    inside(function);
    for _ in 0..count {
        function.instructions().end();
    }
}

/// A component in the text format.
pub fn text(text: &str) -> anyhow::Result<Vec<u8>> {
    Ok(wat::parse_str(text)?)
}
