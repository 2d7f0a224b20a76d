#!/bin/sh
# Runs every fuzz target (or those named) for SECONDS_EACH, one after the other, from inputs made of the project's own
# files and from fuzz/corpus, short ones that earlier runs grew. What a run grows lies in fuzz/grown and what it finds in
# fuzz/artifacts, which git ignores.
set -eu
cd "$(dirname "$0")"
seconds="${SECONDS_EACH:-600}"
# The first inputs are the project's own files: what the stages read in the tests.
sample=../tests/samples/format-1
rm -rf seeds
mkdir -p seeds/grammar seeds/world_toml seeds/world_json seeds/manifest seeds/tokenizer seeds/safetensors seeds/parquet
cp ../data/grammars/*.grammar seeds/grammar
cp ../data/worlds/*.toml ../tests/samples/world.toml seeds/world_toml
cp "$sample/lang/world.json" seeds/world_json
# manifest.json, a zero byte, run.json.
for directory in "$sample"/*; do
    { cat "$directory/manifest.json"; printf '\000'; cat "$directory/run.json"; } >"seeds/manifest/$(basename "$directory")"
done
cp "$sample/tok/tokenizer.json" seeds/tokenizer
# An even first byte before weights, an odd one before a configuration.
checkpoint="$sample/model/checkpoints/step-000004"
{ printf 0; cat "$checkpoint/model.safetensors"; } >seeds/safetensors/weights
{ printf 1; cat "$checkpoint/config.json"; } >seeds/safetensors/config
# A table's first byte says which it is, in the order of fuzz_targets/parquet.rs.
number=0
for table in lang/lexicon lang/facts lang/validation lang/probes tok/segmentation tok/bridges tok/summary \
    model/train_log eval/scores eval/metrics eval/samples eval/validation_scores eval/continuations eval/alignment; do
    { printf "\\$(printf %03o "$number")"; cat "$sample/$table.parquet"; } >"seeds/parquet/$(basename "$table")"
    number=$((number + 1))
done
{ printf '\020'; cat "$sample/lang/train-00000-of-00002.parquet"; } >seeds/parquet/scanned_documents # number 16
[ $# -gt 0 ] || set -- grammar world_toml world_json manifest tokenizer safetensors parquet
for target in "$@"; do
    mkdir -p "grown/$target" "corpus/$target"
    # Leaks are looked for by the tests of memory, not here: loaders that are refused drop everything.
    cargo +nightly fuzz run --release "$target" "grown/$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -malloc_limit_mb=2048 -print_final_stats=1
done
