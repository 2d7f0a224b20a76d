#!/bin/sh
# Other people's tools on a tiny chain's files: `make interop`.
#
# Makes .venv-interop at the top of the repository, once (several GB with PyTorch); the versions are pinned in
# requirements.txt, and installed anew when that file changes. PYTHON names the interpreter that makes it; INTEROP_PYTHON
# one that has everything already, `duckdb` beside it.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bin="$top/target/release"
venv="$top/.venv-interop"
out="$top/out/interop"
python=$(command -v "${INTEROP_PYTHON:-$venv/bin/python}" || true)

if [ -z "${INTEROP_PYTHON:-}" ] && ! cmp -s "$here/requirements.txt" "$venv/complete"; then
    echo "making $venv (once; several GB)"
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install -q -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/complete"
    python="$venv/bin/python"
fi
if [ -z "$python" ]; then
    echo "run.sh: INTEROP_PYTHON: no interpreter \"$INTEROP_PYTHON\"; name one that has requirements.txt" >&2
    exit 1
fi

make -s -C "$top" build
(cd "$top" && ${CARGO:-cargo} build --release --locked --workspace --example logits --quiet)

# The chain lies in out/interop/out, named as in the README, whose queries run as they stand.
rm -rf "$out"
mkdir -p "$out"
chain="$out/out"
"$bin/lang-gen" --world "$top/data/worlds/tiny.toml" --documents 20000 --out "$chain/lang" --quiet
"$bin/tok-train" --lang "$chain/lang" --out "$chain/tok" --algorithm bpe --quiet
for algorithm in byte-bpe unigram wordpiece char word; do
    "$bin/tok-train" --lang "$chain/lang" --out "$out/tok-$algorithm" --algorithm "$algorithm" --quiet
done
"$bin/tok-train" --lang "$chain/lang" --out "$out/tok-split-ids" --algorithm bpe --split-ids language --quiet
"$bin/model-train" --lang "$chain/lang" --tok "$chain/tok" --out "$chain/model" --size tiny --max-steps 60 \
    --checkpoints 3 --tensorboard "$out/events" --quiet
"$bin/model-train" --lang "$chain/lang" --tok "$out/tok-split-ids" --out "$out/model-split-ids" --size tiny \
    --max-steps 10 --checkpoints 2 --quiet
"$bin/transfer-eval" --lang "$chain/lang" --tok "$chain/tok" --model "$chain/model" --out "$chain/eval" --samples 20 \
    --quiet
"$bin/study" report "$chain/eval" --out "$out/report" --quiet
"$bin/study" plan "$top/data/studies/demo.toml" --out "$out/plan" --quiet

export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false HF_HOME="$out/huggingface"
export HF_HUB_DISABLE_PROGRESS_BARS=1 HF_DATASETS_DISABLE_PROGRESS_BARS=1
echo "tokenizers: the same ids"
"$python" "$here/tokenizer.py" --tok-train "$bin/tok-train" "$chain/lang" "$chain/tok" "$out"/tok-*
echo "transformers and safetensors: the same tensors, logits and scores"
logits="$bin/examples/logits"
"$python" "$here/checkpoints.py" --logits "$logits" "$chain/lang" "$chain/model" "$chain/eval"
"$python" "$here/checkpoints.py" --logits "$logits" "$chain/lang" "$out/model-split-ids"
echo "pyarrow, pandas, Polars, DuckDB and datasets: the same values"
"$python" "$here/tables.py" "$chain/lang" "$chain/tok" "$out"/tok-* "$chain/model" "$chain/eval" "$out/report" "$out/plan"
echo "TensorBoard: the same curves"
"$python" "$here/train_log.py" "$chain/model" "$out/events"
echo "minicons: the same scores and verdicts"
"$python" "$here/minicons_score.py" "$chain/lang" "$chain/tok" "$chain/model" "$chain/eval"

echo "the README's queries, as they stand"
awk '/^## / { here = ($0 == "## Looking into the files") } here && sub(/^    /, "")' "$top/README.md" >"$out/queries.sh"
if ! grep -q '^duckdb ' "$out/queries.sh"; then
    echo "run.sh: README.md has no queries under \"Looking into the files\"" >&2
    exit 1
fi
tools=$(cd "$(dirname "$python")" && pwd)
(cd "$out" && PATH="$tools:$PATH" sh -eu queries.sh)
echo "interop: all agree"
