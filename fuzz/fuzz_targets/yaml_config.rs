//! `yaml_config` under libFuzzer; built without it, a replay of the files that the command line names.

#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|input: &[u8]| properties::yaml_config(input));

#[cfg(not(fuzzing))]
fn main() -> std::io::Result<()> {
    properties::replay(properties::yaml_config)
}
