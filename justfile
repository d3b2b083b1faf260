# Short names for everyday commands; `just` alone lists them.

default:
    @just --list

# Every shipped route against the stand-ins, verified
demo:
    cargo run --release --locked -- demo

# All tests, or those of one crate: `just test tidegate-wire`
test package="":
    cargo test {{ if package == "" { "--workspace" } else { "--package " + package } }}

# Format and lint
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    .ci/layers
    .ci/links

# Report every problem of the shipped configuration
check config="config/tidegate.yaml":
    cargo run --quiet -- check --config {{ config }}

# The examples of every shipped rule
examples:
    cargo run --quiet -- test --require-examples config

# Node's modules for `bench-peers`; nginx and HAProxy are packages of the system
bench-peers-setup:
    benches/peers/install

# Tidegate and its peers side by side, in about 25 minutes; or less: `just bench-peers --quick`, `just bench-peers --jobs raw,small`
bench-peers *flags:
    cargo bench --locked --package tidegate-benches --bench peers -- {{ if flags == "" { "--full" } else { flags } }}

# Dashboard, rules, manifests, chart, unit and Dockerfile, read by the tools that will read them: `just deploy target/debug/tidegate`
deploy tidegate="":
    tests/deploy/run {{ tidegate }}

# Answers held against /openapi.json: `just openapi target/debug/tidegate`
openapi tidegate="":
    tests/openapi/run {{ tidegate }}

# What the documentation shows, done: `just docs target/debug/tidegate`
docs tidegate="":
    tests/docs/run {{ tidegate }}

# Licences, bans and sources of the dependencies
deny:
    cargo deny --locked check bans licenses sources

# Search for inputs that break a property: `just fuzz 60`, or one target `just fuzz 600 form_parser`
fuzz seconds="10" target="":
    fuzz/run {{ seconds }} {{ target }}

# GB/s of every transform and the time of every decision, or of those whose name holds TEXT: `just micro digest`
micro text="":
    cargo bench --package tidegate-benches --bench micro -- "{{ text }}"

# Instructions of the same: `just instructions`, `just instructions update`, `just instructions show upload`
instructions *args:
    cargo bench --package tidegate-benches --bench instructions -- {{ args }}

# Everything that must hold before a change lands
ci:
    .ci/run
