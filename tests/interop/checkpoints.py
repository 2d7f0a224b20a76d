"""Checkpoints in transformers and safetensors: the same tensors, the same logits, the same scores.

    python tests/interop/checkpoints.py --logits target/release/examples/logits LANG MODEL [EVAL]

Every checkpoint of MODEL loads with AutoModelForCausalLM, every tensor used and none missing, and its tokenizer with
AutoTokenizer, so that the embedding need not be resized. model.safetensors holds the f32 tensors that config.json asks
for and the metadata `format: pt` alone. For sentences of LANG, and for every id of the vocabulary once, transformers'
logits equal those of our reference decoder within 1e-4 everywhere; with EVAL, log-probabilities of whole sentences equal
scores.parquet within 1e-4 nats a token. Exit code 1 and the place where they differ.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

SENTENCES = 200
TOLERANCE = 1e-4
SEP, PAD, UNK = 0, 1, 2


def spread(values, count):
    """At most `count` of the values, evenly spread."""
    return values[:: max(1, len(values) // count)][:count]


def shapes(config):
    """Names and shapes of the tensors that a Llama of this config.json has, its embedding tied."""
    d, ff = config["hidden_size"], config["intermediate_size"]
    width = config["num_attention_heads"] * config["head_dim"]
    layer = {
        "input_layernorm": [d],
        "self_attn.q_proj": [width, d],
        "self_attn.k_proj": [width, d],
        "self_attn.v_proj": [width, d],
        "self_attn.o_proj": [d, width],
        "post_attention_layernorm": [d],
        "mlp.gate_proj": [ff, d],
        "mlp.up_proj": [ff, d],
        "mlp.down_proj": [d, ff],
    }
    all_layers = {
        f"model.layers.{i}.{name}.weight": shape
        for i in range(config["num_hidden_layers"])
        for name, shape in layer.items()
    }
    return {"model.embed_tokens.weight": [config["vocab_size"], d], "model.norm.weight": [d], **all_layers}


def check_weights(folder):
    """Names, shapes, types and metadata of model.safetensors; returns its tensors."""
    path = folder / "model.safetensors"
    expected = shapes(json.loads((folder / "config.json").read_text()))
    with safe_open(path, framework="pt") as file:
        if file.metadata() != {"format": "pt"}:
            sys.exit(f"{path}: expected the metadata format: pt alone, found {file.metadata()}")
        found = {name: file.get_slice(name) for name in file.keys()}
        found = {name: [part.get_dtype(), part.get_shape()] for name, part in found.items()}
    if found != {name: ["F32", shape] for name, shape in expected.items()}:
        sys.exit(f"{path}: expected f32 tensors {expected}, found {found}")
    return load_file(path)


def load(folder):
    """The model in transformers, and its tokenizer."""
    weights = check_weights(folder)
    decoder, loading = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    if any(loading.values()):
        sys.exit(f"{folder}: transformers says {loading}")
    used = decoder.state_dict()
    for name, tensor in weights.items():
        if not torch.equal(used[name], tensor):
            sys.exit(f"{folder}: {name} is another tensor in transformers")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    special = [tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id]
    if special != [SEP, SEP, PAD, UNK]:
        sys.exit(f"{folder}: bos, eos, pad, unk are {special}, expected {[SEP, SEP, PAD, UNK]}")
    embeddings = decoder.get_input_embeddings().num_embeddings
    if len(tokenizer) != embeddings:
        sys.exit(f"{folder}: {len(tokenizer)} tokens, but {embeddings} rows of the embedding")
    return decoder.eval(), tokenizer


def ids_of(tokenizer, text):
    return [SEP, *tokenizer(text, add_special_tokens=False)["input_ids"], SEP]


def check_logits(binary, folder, decoder, tokenizer, texts):
    """Our reference decoder's logits beside transformers'; returns the largest difference."""
    rows = [ids_of(tokenizer, text) for text in texts]
    longest = max(map(len, rows))
    rows += [list(range(len(tokenizer)))[at : at + longest] for at in range(0, len(tokenizer), longest)]
    ids = torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "ids.safetensors"), Path(scratch, "logits.safetensors")
        save_file({"ids": ids}, asked)
        subprocess.run([binary, folder, asked, answered], check=True)
        ours = load_file(answered)["logits"]
    with torch.no_grad():
        theirs = decoder(ids).logits
    if ours.shape != theirs.shape:
        sys.exit(f"{folder}: logits have the shape {tuple(ours.shape)}, in transformers {tuple(theirs.shape)}")
    difference = (ours - theirs).abs().max().item()
    if not difference < TOLERANCE:
        sys.exit(f"{folder}: logits differ by {difference} from those of transformers")
    return difference


def check_scores(folder, decoder, tokenizer, texts, scores):
    """Log-probabilities from transformers' logits beside rows of scores.parquet; returns the largest difference."""
    worst = 0.0
    for row in spread(scores, SENTENCES):
        text = texts[row["probe"]][row["candidate"]]
        ids = torch.tensor([ids_of(tokenizer, text)])
        with torch.no_grad():
            logits = decoder(ids).logits[0, :-1]
        theirs = torch.log_softmax(logits.double(), -1).gather(1, ids[0, 1:, None]).sum().item()
        difference = abs(theirs - row["log_probability_nats"]) / row["n_tokens"]
        if ids.shape[1] - 1 != row["n_tokens"] or not difference < TOLERANCE:
            sys.exit(f"{folder}: {text!r}: we scored {row}, transformers {theirs} nats for {ids.shape[1] - 1} tokens")
        worst = max(worst, difference)
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--logits", required=True, help="the example of lm")
    parser.add_argument("lang", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("eval", type=Path, nargs="?")
    arguments = parser.parse_args()

    probes = pyarrow.parquet.read_table(arguments.lang / "probes.parquet").to_pylist()
    texts = {row["probe"]: row["candidates"] for row in probes}
    sentences = spread([text for candidates in texts.values() for text in candidates], SENTENCES)
    scores = []
    if arguments.eval:
        scores = pyarrow.parquet.read_table(arguments.eval / "scores.parquet").to_pylist()
        # A ladder's last rung, the shuffled tokens, is no text of LANG.
        scores = [row for row in scores if row["candidate"] < len(texts[row["probe"]])]

    folders = sorted((arguments.model / "checkpoints").iterdir())
    worst_logit, worst_score = 0.0, 0.0
    for folder in folders:
        decoder, tokenizer = load(folder)
        difference = check_logits(arguments.logits, folder, decoder, tokenizer, sentences)
        worst_logit = max(worst_logit, difference)
        step = int(folder.name.removeprefix("step-"))
        ours = [row for row in scores if row["step"] == step]
        if arguments.eval and not ours:
            sys.exit(f"{arguments.eval}: no scores of step {step}")
        worst_score = max(worst_score, check_scores(folder, decoder, tokenizer, texts, ours))
    print(f"  {len(folders)} checkpoints of {arguments.model.name}: logits within {worst_logit:.1e}")
    if arguments.eval:
        print(f"  sentences within {worst_score:.1e} nats a token")


if __name__ == "__main__":
    main()
