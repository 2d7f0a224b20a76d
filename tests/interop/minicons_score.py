"""minicons (Misra 2022) against scores.parquet: the same sentence log-probabilities, the same verdicts.

    python tests/interop/minicons_score.py LANG TOK MODEL EVAL [--items N] [--step N]

minicons gets our ids, `<sep>` tokens `<sep>`, and sums over all tokens after the first. All items of two alternatives
take part, crossed ones among them, and all clozes; or up to N of each, evenly spread over the file. Sentences must agree
within 1e-3 nats; an item's verdict must be the same wherever its margin (the gold score less its best rival) exceeds
that. Exit code 1 and the sentence where they do not. Needs minicons, transformers, torch, tokenizers and pyarrow, of
the versions in requirements.txt.
"""

import argparse
import sys
from pathlib import Path

import pyarrow.compute
import pyarrow.parquet
import torch
from minicons import scorer
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, BatchEncoding

TOLERANCE_NATS = 1e-3
BATCH = 128
SEP, PAD = 0, 1


def spread(values, count):
    """At most `count` of the values, evenly spread."""
    if len(values) <= count:
        return values
    return [values[i * len(values) // count] for i in range(count)]


def padded(rows):
    """Rows of ids as one batch, padded on the right."""
    longest = max(map(len, rows))
    ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return BatchEncoding({"input_ids": ids, "attention_mask": mask})


def scored(model, sequences):
    """Sum of log-probabilities of each sequence's tokens after the first, by minicons, in batches by length."""
    order = sorted(range(len(sequences)), key=lambda i: len(sequences[i]))
    nats = [0.0] * len(sequences)
    for start in range(0, len(order), BATCH):
        chosen = order[start : start + BATCH]
        batch = padded([sequences[i] for i in chosen])
        for i, value in zip(chosen, model.sequence_score(batch, reduction=lambda x: x.sum(0).item())):
            nats[i] = value
    return nats


def items_of(probes, count):
    """Items as lists of probe rows: two-alternative ones (one row, or two crossed rows), then clozes. count: of each."""
    by_number = {row["probe"]: row for row in probes}
    pairs, clozes = [], []
    for row in probes:
        if row["set"] == "pair":
            other = row["crossed_with"]
            if other is None:
                pairs.append([row])
            elif other > row["probe"]:
                pairs.append([row, by_number[other]])
        elif row["set"] in ("primary", "type_valid"):
            clozes.append([row])
    if count is None:
        return pairs, clozes
    return spread(pairs, count), spread(clozes, count)


def margin(item, nats):
    """Gold score less the best rival's; both rows' sum for a crossed item. nats: probe number -> scores."""
    if len(item) == 2:
        one, other = (nats[row["probe"]] for row in item)
        gold = item[0]["gold"]
        return one[gold] + other[1 - gold] - one[1 - gold] - other[gold]
    [row] = item
    scores = nats[row["probe"]]
    rivals = [score for i, score in enumerate(scores) if i != row["gold"]]
    return scores[row["gold"]] - max(rivals)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("lang", "tok", "model", "eval"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--items", type=int, help="items of each kind (default: all)")
    parser.add_argument("--step", type=int, help="checkpoint (default: the last)")
    arguments = parser.parse_args()

    columns = ["step", "probe", "candidate", "log_probability_nats", "n_tokens"]
    scores = pyarrow.parquet.read_table(arguments.eval / "scores.parquet", columns=columns)
    step = arguments.step if arguments.step is not None else max(scores["step"].to_pylist())
    scores = scores.filter(pyarrow.compute.equal(scores["step"], step)).to_pylist()
    ours = {(row["probe"], row["candidate"]): row for row in scores}
    probes = pyarrow.parquet.read_table(arguments.lang / "probes.parquet").to_pylist()
    pairs, clozes = items_of(probes, arguments.items)
    rows = [row for item in pairs + clozes for row in item]

    checkpoint = arguments.model / "checkpoints" / f"step-{step:06}"
    hugging_face = AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    model = scorer.IncrementalLMScorer(hugging_face, "cpu", tokenizer=AutoTokenizer.from_pretrained(checkpoint))
    tokenizer = Tokenizer.from_file(str(arguments.tok / "tokenizer.json"))

    texts = [text for row in rows for text in row["candidates"]]
    sequences = [[SEP, *tokenizer.encode(text, add_special_tokens=False).ids, SEP] for text in texts]
    theirs_flat = scored(model, sequences)

    largest, at = 0.0, 0
    ours_by_probe, theirs_by_probe = {}, {}
    for row in rows:
        for candidate, text in enumerate(row["candidates"]):
            mine, their, ids = ours[row["probe"], candidate], theirs_flat[at], sequences[at]
            at += 1
            if mine["n_tokens"] != len(ids) - 1:
                sys.exit(f"probe {row['probe']} {text!r}: we scored {mine['n_tokens']} tokens, here are {len(ids) - 1}")
            difference = abs(mine["log_probability_nats"] - their)
            largest = max(largest, difference)
            if not difference < TOLERANCE_NATS:
                sys.exit(f"probe {row['probe']} {text!r}: ours {mine['log_probability_nats']}, minicons {their}")
            ours_by_probe.setdefault(row["probe"], []).append(mine["log_probability_nats"])
            theirs_by_probe.setdefault(row["probe"], []).append(their)

    compared = 0
    for item in pairs + clozes:
        mine, their = margin(item, ours_by_probe), margin(item, theirs_by_probe)
        if abs(mine) > TOLERANCE_NATS:
            compared += 1
            if (mine > 0) != (their > 0):
                sys.exit(f"probe {item[0]['probe']}: our margin is {mine}, minicons' {their}")
    print(
        f"  minicons agrees at step {step}: {len(texts)} sentences within {largest:.1e} nats, the same verdict on "
        f"{compared} of {len(pairs)} + {len(clozes)} items (the others' margins are below {TOLERANCE_NATS} nats)"
    )


if __name__ == "__main__":
    main()
