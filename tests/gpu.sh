#!/bin/bash
# On a machine with an NVIDIA GPU (driver, libcublas.so.13, libcurand.so.10), after `make build-cuda` here or elsewhere:
# logits, gradients and a short training's losses against the CPU's, then tokens/s for S, M and large, and those of
# PyTorch on the same GPU where a Python with torch and CUDA is found (PYTHON=…).
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.cuda/bin
[ -x "$bin/gpu-tests" ] || { echo "no .cuda/bin/gpu-tests: run \`make build-cuda\` first" >&2; exit 1; }
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader

"$bin/gpu-tests" --nocapture --test-threads 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for tool in lang-gen tok-train; do [ -x "$bin/$tool" ] || cp "target/release/$tool" "$bin/$tool"; done
"$bin/lang-gen" --world data/worlds/demo.toml --out "$work/lang" --quiet > /dev/null
speed() { # name, vocabulary, flags
    name=$1 vocabulary=$2
    shift 2
    [ -d "$work/tok$vocabulary" ] ||
        "$bin/tok-train" --lang "$work/lang" --out "$work/tok$vocabulary" --vocab-size "$vocabulary" --quiet > /dev/null
    for precision in f32 bf16; do
        "$bin/model-train" --lang "$work/lang" --tok "$work/tok$vocabulary" --out "$work/model" --force --quiet \
            --cache "$work/cache" --device cuda --precision "$precision" --max-steps 200 --checkpoints 2 "$@" > /dev/null
        python3 -c 'import json, sys; print(sys.argv[2], sys.argv[3], round(json.load(open(sys.argv[1]))["tokens_per_second_median"]), "tokens/s")' \
            "$work/model/run.json" "$name" "$precision"
    done
}
speed S 512 --size small
speed M 2048 --size base --n-layers 6
speed large 2048 --size large
speed "large, 256 rows" 2048 --size large --batch-size 256

python=${PYTHON:-python3}
if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    [ -f scripts/bench_train.py ] && "$python" scripts/bench_train.py --device cuda
else
    echo "no PyTorch with CUDA found: its speeds are left out (PYTHON=… names another Python)"
fi
