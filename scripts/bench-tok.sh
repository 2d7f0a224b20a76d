#!/bin/sh
# Speed of tok-train on a million sentences, against Python `tokenizers` on the same Parquet files.
#
# Ours: the whole process, from Parquet to a published TOK directory with all its tables. Theirs:
# reading the text column with pyarrow and `train_from_iterator`, without starting the interpreter
# or importing. The same threads, vocabulary size, special tokens and alphabet; BPE, proportional.
# Says whether the merges are the same, and fails if they are not.
#
#   scripts/bench-tok.sh [VOCAB_SIZE] [THREADS]
set -eu
cd "$(dirname "$0")/.."

vocab_size=${1:-1024}
threads=${2:-$(getconf _NPROCESSORS_ONLN)}
documents=400000 # 2.5 sentences each: a million
out=out/bench-tok
python=out/venv-tokenizers/bin/python

${CARGO:-cargo} build --release --locked --quiet --bin lang-gen --bin tok-train
if ! [ -x "$python" ] || ! "$python" -c 'import pyarrow, tokenizers' 2>/dev/null; then
    echo "making a Python environment in out/venv-tokenizers" >&2
    python3 -m venv out/venv-tokenizers
    out/venv-tokenizers/bin/pip install --quiet --disable-pip-version-check \
        tokenizers==0.23.2 pyarrow==26.0.1
fi
if ! [ -f "$out/lang/manifest.json" ]; then
    target/release/lang-gen --world data/worlds/demo.toml --documents "$documents" --out "$out/lang" >&2
fi
"$python" scripts/bench_tok.py target/release/tok-train "$out/lang" "$out/tok" "$vocab_size" "$threads"
