#!/bin/sh
# Training speed beside PyTorch, and text preparation beside Python's tokenizers: `make bench-train`.
#
# Runs in .venv-interop where `make interop` made it, else makes .venv-bench once: PyTorch (its CPU build where that can be
# had, 1 GB), tokenizers, pyarrow.
#   PYTHON         the interpreter that makes it (default python3)
#   BENCH_PYTHON   an interpreter that has these packages already; nothing is made then
# Flags go to scripts/bench_train.py, e.g. `--sizes S --rounds 3`. torch.compile needs a C++ compiler and Python's headers.
# Leave the machine alone meanwhile: about ten minutes on 2 cores.
set -eu
cd "$(dirname "$0")/.."
venv=.venv-bench
out=out/bench-train

if [ -n "${BENCH_PYTHON:-}" ]; then
    python=$BENCH_PYTHON
elif [ ! -f "$venv/complete" ] && [ -f .venv-interop/complete ]; then
    python=.venv-interop/bin/python
else
    python=$venv/bin/python
    if [ ! -f "$venv/complete" ]; then
        echo "making $venv (once, 1 GB)" >&2
        "${PYTHON:-python3}" -m venv "$venv"
        # 2.12.1+cpu counts as newer than 2.12.1, so the CPU build is taken where its index answers.
        "$venv/bin/pip" install -q --extra-index-url https://download.pytorch.org/whl/cpu \
            torch==2.12.1 tokenizers==0.23.3 pyarrow==26.0.1
        touch "$venv/complete"
    fi
fi

${CARGO:-cargo} build --release --locked --quiet --bin lang-gen --bin tok-train --example train_speed --example text_speed
bin=target/release
[ -d "$out/lang" ] || "$bin/lang-gen" --world data/worlds/demo.toml --documents 200000 --out "$out/lang" --quiet > /dev/null
[ -d "$out/tok" ] || "$bin/tok-train" --lang "$out/lang" --out "$out/tok" --vocab-size 1024 --quiet > /dev/null

"$python" scripts/bench_text.py "$bin/examples/text_speed" "$out/lang" "$out/tok" "$out/cache"
exec "$python" scripts/bench_train.py "$bin/examples/train_speed" "$@"
