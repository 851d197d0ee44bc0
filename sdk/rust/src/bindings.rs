//! The contract of `wit/` as Rust, generated. Authors use the modules of the crate root instead.
#![allow(missing_docs, reason = "the documentation is in wit/, which this code is generated from")]
#![allow(unsafe_code, reason = "lifting and lowering across the component boundary is generated code")]
#![allow(clippy::all, clippy::indexing_slicing, clippy::panic, reason = "generated code")]
#![allow(rust_2018_idioms, unused_qualifications, reason = "generated code")]

/// The types of the contract and every capability, for both kinds of plugin.
pub mod capabilities {
    wit_bindgen::generate!({
        path: [
            "../../wit/agent", "../../wit/log", "../../wit/config", "../../wit/business", "../../wit/resources",
            "../../wit/rag", "../../wit/dynamodb", "../../wit/http", "../../wit/kafka", "../../wit/websocket",
            "../../wit/cron", "../../wit/llm", "../../wit/plugin",
        ],
        world: "signalbox:plugin/capabilities",
        generate_all,
        generate_unused_types: true,
        additional_derives: [PartialEq],
    });
}

/// What a decision node exports. Its imports are those of [`capabilities`], so that both kinds of plugin share types.
pub mod decision_node {
    wit_bindgen::generate!({
        path: "../../wit/agent",
        inline: "
            package signalbox:exports;
            world decision-node { export signalbox:agent/node@0.1.0; }
        ",
        with: { "signalbox:agent/types@0.1.0": super::capabilities::signalbox::agent::types },
        generate_all,
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_decision_node",
        default_bindings_module: "signalbox_sdk::bindings::decision_node",
        runtime_path: "::signalbox_sdk::wit_bindgen_rt",
    });
}

/// What an input handler exports.
pub mod input_handler {
    wit_bindgen::generate!({
        path: "../../wit/agent",
        inline: "
            package signalbox:exports;
            world input-handler { export signalbox:agent/handler@0.1.0; }
        ",
        with: { "signalbox:agent/types@0.1.0": super::capabilities::signalbox::agent::types },
        generate_all,
        additional_derives: [PartialEq],
        pub_export_macro: true,
        export_macro_name: "export_input_handler",
        default_bindings_module: "signalbox_sdk::bindings::input_handler",
        runtime_path: "::signalbox_sdk::wit_bindgen_rt",
    });
}
