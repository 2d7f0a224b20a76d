#!/bin/sh
# Writes the seeds that are files of the lab anew, with the built binaries: a chain on seeds/world_toml/smallest.toml,
# each file as its fuzz target takes it. Run it where a format changes; seeds written by hand stay.
set -eu
cd "$(dirname "$0")"
PATH="${BINARIES:-$PWD/../target/release}:$PATH"
seeds="$PWD/seeds"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
world="$seeds/world_toml/smallest.toml"

tok_train() { # NAME ARGUMENTS…
    name=$1
    shift
    tok-train --lang "$scratch/lang" --out "$scratch/tok-$name" --quiet "$@" >&2
}
{
    lang-gen --world "$world" --out "$scratch/lang" --quiet
    tok_train bpe --vocab-size 48
    tok_train byte-bpe --algorithm byte-bpe --vocab-size 300
    tok_train unigram --algorithm unigram --vocab-size 48
    tok_train wordpiece --algorithm wordpiece --vocab-size 48
    tok_train char --algorithm char
    tok_train word --algorithm word
    tok_train split-ids --vocab-size 48 --split-ids document
    model-train --lang "$scratch/lang" --tok "$scratch/tok-bpe" --out "$scratch/model" --cache "$scratch/cache" --quiet \
        --engine portable-f32 --d-model 8 --n-heads 1 --n-layers 1 --d-ff 8 --max-steps 2 --batch-size 2 --seq-len 16 \
        --checkpoints 2 --validation-documents 2
    transfer-eval --lang "$scratch/lang" --tok "$scratch/tok-bpe" --model "$scratch/model" --out "$scratch/eval" --quiet \
        --samples 1 --draws 1 --validation-pairs 1 --bootstrap 10
    study report "$scratch/eval" --out "$scratch/report" --quiet
    study plan ../data/studies/demo.toml --out "$scratch/plan" --quiet
} >&2

# Text as it is.
cp ../data/grammars/core.grammar "$seeds/grammar/core"
for name in tiny demo paper; do
    cp "../data/worlds/$name.toml" "$seeds/world_toml/$name.toml"
done
mkdir -p "$seeds/world_json" "$seeds/tokenizer"
cp "$scratch/lang/world.json" "$seeds/world_json/smallest"
for tok in "$scratch"/tok-*; do
    cp "$tok/tokenizer.json" "$seeds/tokenizer/${tok#"$scratch"/tok-}"
done

# manifest.json, a zero byte, and of run.json what vouches for it: no host, clock or path.
mkdir -p "$seeds/manifest"
for kind in lang tok-split-ids model eval report; do
    fingerprint=$(sed -n 's/^ *"fingerprint": "\([0-9a-f]*\)".*/\1/p' "$scratch/$kind/run.json")
    {
        cat "$scratch/$kind/manifest.json"
        printf '\000{ "fingerprint": "%s" }\n' "$fingerprint"
    } >"$seeds/manifest/${kind%%-*}"
done
cp "$scratch/tok-bpe/manifest.json" "$seeds/manifest/without-run"

# A digit, even for weights and odd for a configuration, and the file.
mkdir -p "$seeds/safetensors"
checkpoint="$scratch/model/checkpoints/step-000002"
{ printf 0 && cat "$checkpoint/model.safetensors"; } >"$seeds/safetensors/weights"
{ printf 1 && cat "$checkpoint/config.json"; } >"$seeds/safetensors/config"

# The letter of the table, A for the first, and the file; see fuzz_targets/parquet.rs.
mkdir -p "$seeds/parquet"
table() { # LETTER NAME FILE
    { printf %s "$1" && cat "$scratch/$3"; } >"$seeds/parquet/$2"
}
table A lexicon lang/lexicon.parquet
table B facts lang/facts.parquet
table C documents lang/validation.parquet
table D probes lang/probes.parquet
table E segmentation tok-split-ids/segmentation.parquet
table F bridges tok-bpe/bridges.parquet
table G summary tok-bpe/summary.parquet
table H train-log model/train_log.parquet
table I scores eval/scores.parquet
table J metrics eval/metrics.parquet
table K samples eval/samples.parquet
table L validation-scores eval/validation_scores.parquet
table M continuations eval/continuations.parquet
table N alignment eval/alignment.parquet
table O claims report/claims.parquet
table P wide plan/runs.parquet
table Q scanned-documents lang/train-00000-of-00001.parquet
