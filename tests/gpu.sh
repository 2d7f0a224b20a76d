#!/bin/bash
# On a machine with an NVIDIA GPU (driver, libcublas.so.13, libcurand.so.10), after `make build-cuda` here or elsewhere (the
# folder .cuda/bin is all it leaves that is needed): logits, gradients, a short training's losses and a stack against the
# CPU's; tokens/s of whole trainings for S, M and large, and of a stack of 16 S; then the step beside PyTorch eager and
# compile on the same GPU, where a Python with torch and CUDA is found (PYTHON=… names one).
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/.cuda/bin
for tool in gpu-tests model-train train-speed lang-gen tok-train; do
    [ -x "$bin/$tool" ] || { echo "no .cuda/bin/$tool: run \`make build-cuda\` first" >&2; exit 1; }
done
nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader

"$bin/gpu-tests" --nocapture --test-threads 1

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$bin/lang-gen" --world data/worlds/demo.toml --out "$work/lang" --quiet > /dev/null
tok() { # vocabulary size: makes $work/tokSIZE
    [ -d "$work/tok$1" ] ||
        "$bin/tok-train" --lang "$work/lang" --out "$work/tok$1" --vocab-size "$1" --quiet > /dev/null
}
train() { # precision, then flags of model-train
    precision=$1
    shift
    "$bin/model-train" --force --quiet --cache "$work/cache" --device cuda --precision "$precision" \
        --max-steps 200 --checkpoints 2 "$@" > /dev/null
}
speeds() { # what it is, run.json files: the sum of their median speeds
    python3 - "$@" << 'PYTHON'
import json, sys
name, *files = sys.argv[1:]
print(name, round(sum(json.load(open(file))["tokens_per_second_median"] for file in files)), "tokens/s")
PYTHON
}
single() { # name, vocabulary, flags
    name=$1 vocabulary=$2
    shift 2
    tok "$vocabulary"
    for precision in f32 bf16; do
        train "$precision" --lang "$work/lang" --tok "$work/tok$vocabulary" --out "$work/model" "$@"
        speeds "$name $precision" "$work/model/run.json"
    done
}
single S 512 --size small
single M 2048 --size base --n-layers 6
single large 2048 --size large
single "large, 256 rows" 2048 --size large --batch-size 256

tok 512
for seed in $(seq 16); do
    printf '[[run]]\nlang = "%s"\ntok = "%s"\nout = "%s"\nseed = %s\n' \
        "$work/lang" "$work/tok512" "$work/stacked-$seed" "$seed"
done > "$work/runs.toml"
for precision in f32 bf16; do
    train "$precision" --stack "$work/runs.toml" --size small
    speeds "16 S stacked, all together, $precision" "$work"/stacked-*/run.json
done

python=${PYTHON:-python3}
if "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2> /dev/null; then
    "$python" scripts/bench_train.py "$bin/train-speed" --device cuda --sizes S,M,large
else
    echo "no PyTorch with CUDA found: its speeds are left out (PYTHON=… names another Python)"
    for size in S M large; do
        "$bin/train-speed" prepare "$size" 64 "$work/$size"
        for precision in f32 bf16; do
            printf '20\n100\n' | "$bin/train-speed" run "$work/$size" --device cuda --precision "$precision" |
                python3 -c 'import json, sys; print(sys.argv[1], round(100 * 4096 / json.loads(sys.stdin.readlines()[-1])["seconds"]), "tokens/s by the step alone")' \
                    "$size $precision"
        done
    done
fi
