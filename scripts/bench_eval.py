"""Seconds to score the probes of LANG: ours, minicons, and transformers alone, on one machine in turns, in f32.

    python scripts/bench_eval.py SCORE_SPEED LANG TOK MODEL [--rounds N] [--sequences N]

SCORE_SPEED is the example of transfer-eval. All score the last checkpoint's two-alternative items and clozes with the
same ids, tokenised beforehand. minicons and transformers get batches of 128 sequences sorted by length (transformers:
one log-softmax over the batch, no loop over sentences); they score an even sample of N sequences, ours all of them,
and each is reported as candidates per second. The median of the rounds counts.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet
import torch
from minicons import scorer
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "interop"))
from minicons_score import BATCH, SEP, padded, scored, spread  # noqa: E402


def scored_by_transformers(model, sequences):
    """As `scored`, with the model's logits alone."""
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    nats = [0.0] * len(sequences)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        batch = padded([sequences[i] for i in chosen])
        ids, mask = batch["input_ids"], batch["attention_mask"]
        with torch.no_grad():
            logits = model(input_ids=ids[:, :-1], attention_mask=mask[:, :-1]).logits
        token_nats = logits.log_softmax(-1).gather(-1, ids[:, 1:, None]).squeeze(-1)
        for i, value in zip(chosen, (token_nats * mask[:, 1:]).sum(1).tolist()):
            nats[i] = value
    return nats


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("score_speed")
    for name in ("lang", "tok", "model"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sequences", type=int, default=4096)
    arguments = parser.parse_args()

    checkpoint = sorted((arguments.model / "checkpoints").glob("step-*"))[-1]
    model = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    minicons = scorer.IncrementalLMScorer(model, "cpu", tokenizer=AutoTokenizer.from_pretrained(checkpoint))
    tokenizer = Tokenizer.from_file(str(arguments.tok / "tokenizer.json"))
    probes = pyarrow.parquet.read_table(arguments.lang / "probes.parquet", columns=["set", "candidates"]).to_pylist()
    samples = {}
    for kind, sets in (("pairs", ["pair"]), ("clozes", ["primary", "type_valid"])):
        texts = [text for row in probes if row["set"] in sets for text in row["candidates"]]
        chosen = spread(texts, arguments.sequences)
        encoded = tokenizer.encode_batch(chosen, add_special_tokens=False)
        samples[kind] = [[SEP, *encoding.ids, SEP] for encoding in encoded]

    rates = {}
    # three inner rounds each, as the others are warm after their first
    ours = [arguments.score_speed, arguments.lang, arguments.tok, arguments.model, "3"]
    for _ in range(arguments.rounds):
        for line in subprocess.run(ours, check=True, capture_output=True, text=True).stdout.splitlines():
            found = json.loads(line)
            rates.setdefault((found["kind"], "ours"), []).append(found["candidates"] / found["seconds"])
        for kind, sequences in samples.items():
            for name, score in (
                ("minicons", lambda: scored(minicons, sequences)),
                ("transformers", lambda: scored_by_transformers(model, sequences)),
            ):
                started = time.perf_counter()
                score()
                rates.setdefault((kind, name), []).append(len(sequences) / (time.perf_counter() - started))
    print(f"{torch.get_num_threads()} threads; candidates per second, median of {arguments.rounds} rounds")
    for kind in samples:
        own = statistics.median(rates[kind, "ours"])
        print(f"{kind:8} ours {own:10,.0f}")
        for name in ("minicons", "transformers"):
            rate = statistics.median(rates[kind, name])
            print(f"{kind:8} {name:13} {rate:8,.0f}   ours is {own / rate:.1f} times as fast")


if __name__ == "__main__":
    main()
