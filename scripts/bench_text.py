"""Preparing training text, beside `encode_batch` of Python's tokenizers: the same documents and tokenizer, in turns.

    python scripts/bench_text.py TEXT_SPEED LANG TOK CACHE [--rounds N] [--threads N]

TEXT_SPEED is the example of model-train. Ours: from the Parquet shards on disk, checked against the manifest, to the ids
of every word and the number of the word at every place, cached on disk. Theirs: `encode_batch` alone, over documents
that lie in memory already, 10,000 at a time; reading them, and taking the ids out of the encodings, is not counted. Both
must come to the same number of tokens. The median of the rounds counts.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

CHUNK = 10_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("text_speed", "lang", "tok", "cache"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    # Both sides are rayon's threads underneath; set before tokenizers is imported.
    os.environ["RAYON_NUM_THREADS"] = str(arguments.threads)
    os.environ["TOKENIZERS_PARALLELISM"] = "true"
    import pyarrow.parquet
    import tokenizers

    shards = sorted(arguments.lang.glob("train-*.parquet"))
    documents = pyarrow.parquet.read_table(shards, columns=["text"])["text"].to_pylist()
    chunks = [documents[start : start + CHUNK] for start in range(0, len(documents), CHUNK)]
    tokenizer = tokenizers.Tokenizer.from_file(str(arguments.tok / "tokenizer.json"))
    ours = subprocess.Popen(
        [arguments.text_speed.absolute(), arguments.lang, arguments.tok, arguments.cache],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def our_turn():
        ours.stdin.write("\n")
        ours.stdin.flush()
        return json.loads(ours.stdout.readline())

    def their_turn(encode):
        seconds, tokens = 0, len(documents)  # a separator behind each
        for chunk in chunks:
            begin = time.perf_counter()
            encodings = encode(chunk, add_special_tokens=False)
            seconds += time.perf_counter() - begin
            tokens += sum(len(encoding.ids) for encoding in encodings)
        return seconds, tokens

    rates = {}
    for _ in range(arguments.rounds):
        own = our_turn()
        tokens = own["tokens"]
        rates.setdefault("text and words prepared, ours", []).append(tokens / own["seconds"])
        rates.setdefault("the same from our cache", []).append(tokens / own["cached_seconds"])
        for name in ("encode_batch", "encode_batch_fast"):
            seconds, found = their_turn(getattr(tokenizer, name))
            if found != tokens:
                sys.exit(f"{name}: {found:,} tokens, ours {tokens:,}")
            rates.setdefault(f"Python's {name}", []).append(tokens / seconds)
    ours.stdin.close()

    print(f"{len(documents):,} documents, {tokens:,} tokens, tokenizers {tokenizers.__version__}, "
          f"{arguments.threads} threads; median of {arguments.rounds} rounds")
    theirs = statistics.median(rates["Python's encode_batch"])
    for name, values in rates.items():
        rate = statistics.median(values)
        print(f"  {name:32} {rate / 1e6:8.2f} million tokens/s "
              f"({min(values) / 1e6:.2f} to {max(values) / 1e6:.2f})   {rate / theirs:6.1f} times encode_batch")


if __name__ == "__main__":
    main()
