#!/bin/sh
# Scoring speed beside minicons and transformers: bench-eval.sh [LANG TOK MODEL [flags of bench_eval.py]]; without
# directories those of the demo's second run (vocabulary 256).
# Needs the environment that `make interop` makes (or PYTHON with the same packages).
set -eu
top=$(cd "$(dirname "$0")/.." && pwd)
python="${PYTHON:-$top/.venv-interop/bin/python}"
if ! "$python" -c 'import minicons' 2>/dev/null; then
    echo "bench-eval.sh: no minicons in $python; run make interop once, or set PYTHON" >&2
    exit 1
fi
${CARGO:-cargo} build --release --locked --quiet --example score_speed --manifest-path "$top/Cargo.toml"
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # names without spaces
    set -- $("$python" -c '
import pyarrow.parquet, sys
run = pyarrow.parquet.read_table(sys.argv[1] + "/runs.parquet").to_pylist()[1]
print(*(f"{sys.argv[1]}/artifacts/{run[stage]}" for stage in ("lang", "tok", "model")))' "$top/out/demo")
fi
exec "$python" "$top/scripts/bench_eval.py" "$top/target/release/examples/score_speed" "$@"
