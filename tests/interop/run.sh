#!/bin/sh
# Other people's tools on a tiny chain's files: `make interop`.
#
# Makes .venv-interop at the top of the repository, once (several GB with PyTorch); the versions are pinned in
# requirements.txt. PYTHON names the interpreter that makes it; INTEROP_PYTHON one that has everything already.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
bin="$top/target/release"
venv="$top/.venv-interop"
out="$top/out/interop"
python="${INTEROP_PYTHON:-$venv/bin/python}"

if [ -z "${INTEROP_PYTHON:-}" ] && [ ! -f "$venv/complete" ]; then
    echo "making $venv (once; several GB)"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install -q -r "$here/requirements.txt"
    touch "$venv/complete"
fi

make -s -C "$top" build
rm -rf "$out"
mkdir -p "$out"
"$bin/lang-gen" --world "$top/data/worlds/tiny.toml" --documents 20000 --out "$out/lang" --quiet
for algorithm in bpe byte-bpe unigram wordpiece char word; do
    "$bin/tok-train" --lang "$out/lang" --out "$out/tok-$algorithm" --algorithm "$algorithm" --quiet
done
"$bin/model-train" --lang "$out/lang" --tok "$out/tok-bpe" --out "$out/model" --size tiny --max-steps 60 \
    --checkpoints 3 --quiet
"$bin/transfer-eval" --lang "$out/lang" --tok "$out/tok-bpe" --model "$out/model" --out "$out/eval" --samples 20 --quiet

export HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false HF_HOME="$out/huggingface"
echo "tokenizers: the same ids"
"$python" "$here/tokenizer.py" --tok-train "$bin/tok-train" "$out/lang" "$out"/tok-*
echo "transformers: the same logits; DuckDB, Polars, pandas, datasets: the same rows"
"$python" "$here/files.py" "$out/lang" "$out/tok-bpe" "$out/model" "$out/eval"
echo "minicons: the same scores and verdicts"
"$python" "$here/minicons_score.py" "$out/lang" "$out/tok-bpe" "$out/model" "$out/eval" --items 40
echo "interop: all agree"
