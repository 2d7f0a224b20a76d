#!/bin/sh
# Writes tests/samples/format-1 anew with the built binaries (`make samples`). Only for a format that was never released:
# a sample of a released format stays as that version wrote it, and a new format gets a directory of its own.
set -eu
cd "$(dirname "$0")/../.."
PATH="${BINARIES:-$PWD/target/release}:$PATH"
out=tests/samples/format-1
cache=$(mktemp -d)
trap 'rm -rf "$cache"' EXIT
rm -rf "$out"
lang-gen --world tests/samples/world.toml --out "$out/lang" --quiet
tok-train --lang "$out/lang" --out "$out/tok" --vocab-size 64 --quiet
model-train --lang "$out/lang" --tok "$out/tok" --out "$out/model" --cache "$cache" --engine portable-f32 --quiet \
    --d-model 16 --n-heads 2 --n-layers 1 --max-steps 4 --batch-size 2 --seq-len 32 --checkpoints 2 --validation-documents 4
transfer-eval --lang "$out/lang" --tok "$out/tok" --model "$out/model" --out "$out/eval" --engine portable-f32 --quiet \
    --samples 2 --draws 2 --validation-pairs 4 --bootstrap 20
# Of run.json only what vouches for the manifest: no host, clock or path.
for run in "$out"/*/run.json; do
    fingerprint=$(sed -n 's/^ *"fingerprint": "\([0-9a-f]*\)".*/\1/p' "$run")
    printf '{\n  "fingerprint": "%s"\n}\n' "$fingerprint" >"$run"
done
rm -f "$out"/*/timing.parquet
