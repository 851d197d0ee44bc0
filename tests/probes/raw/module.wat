  (core module $main
    (import "signalbox:log/log@0.1.0" "write" (func $write (param i32 i32 i32 i32 i32)))
    (import "signalbox:config/config@0.1.0" "get" (func $get (param i32 i32 i32)))
    (import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))
    {imports}
    (memory (export "memory") {pages})
    ;; What the host puts into memory lies here and above; below is room for what is given back.
    (global $top (mut i32) (i32.const 4096))
    {more}
    (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
      {realloc})
    ;; Gives the address of a result. Memory is zero at first, which reads as a step with nothing in it.
    (func (export "signalbox:agent/node@0.1.0#run") (param $arguments i32) (result i32)
      {run})
    (func (export "cabi_post_signalbox:agent/node@0.1.0#run") (param $result i32)
      {post}))
