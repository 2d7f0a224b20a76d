#!/bin/sh
# Scoring speed beside minicons and transformers: bench-eval.sh LANG TOK MODEL [flags of bench_eval.py].
# Needs the environment that `make interop` makes (or PYTHON with the same packages).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
python="${PYTHON:-$top/.venv-interop/bin/python}"
if ! "$python" -c 'import minicons' 2>/dev/null; then
    echo "bench-eval.sh: no minicons in $python; run make interop once, or set PYTHON" >&2
    exit 1
fi
cargo build --release --locked --quiet -p transfer-eval --example score_speed --manifest-path "$top/Cargo.toml"
exec "$python" "$top/scripts/bench_eval.py" "$top/target/release/examples/score_speed" "$@"
