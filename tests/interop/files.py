"""Checkpoints in transformers and tables in other readers.

    python tests/interop/files.py LANG TOK MODEL EVAL

Every checkpoint loads with AutoModelForCausalLM and its tokenizer with AutoTokenizer; log-probabilities of whole
sentences from transformers' logits equal scores.parquet within 1e-4 nats a token; the embedding need not be resized.
Every Parquet file has the same rows in DuckDB, Polars, pandas and pyarrow, and LANG loads as a Hugging Face dataset.
"""

import sys
from pathlib import Path

import duckdb
import pandas
import polars
import pyarrow.parquet
import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer

SENTENCES = 200
lang, tok, model, evaluated = map(Path, sys.argv[1:5])

# The reference scores are f32 sums over a dozen tokens.
probes = pyarrow.parquet.read_table(lang / "probes.parquet").to_pylist()
scores = pyarrow.parquet.read_table(evaluated / "scores.parquet").to_pylist()
texts = {row["probe"]: row["candidates"] for row in probes}
checkpoints = sorted((model / "checkpoints").iterdir())
worst = 0.0
for folder in checkpoints:
    step = int(folder.name.removeprefix("step-"))
    decoder = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id, tokenizer.unk_token_id) == (0, 0, 1, 2)
    assert len(tokenizer) == decoder.get_input_embeddings().num_embeddings
    # A ladder's last rung, the shuffled tokens, is no text of LANG.
    ours = [row for row in scores if row["step"] == step and row["candidate"] < len(texts[row["probe"]])]
    for row in ours[:: max(1, len(ours) // SENTENCES)]:
        ids = tokenizer(texts[row["probe"]][row["candidate"]], add_special_tokens=False)["input_ids"]
        ids = torch.tensor([[0, *ids, 0]])
        with torch.no_grad():
            logits = decoder(ids).logits[0, :-1]
        theirs = torch.log_softmax(logits.double(), -1).gather(1, ids[0, 1:, None]).sum().item()
        assert ids.shape[1] - 1 == row["n_tokens"], (row, ids.shape)
        difference = abs(theirs - row["log_probability_nats"]) / row["n_tokens"]
        worst = max(worst, difference)
        assert difference < 1e-4, (folder, row, theirs)
print(f"  {len(checkpoints)} checkpoints, worst difference {worst:.1e} nats a token")

files = [path for folder in (lang, tok, model, evaluated) for path in sorted(folder.rglob("*.parquet"))]
for path in files:
    table = pyarrow.parquet.read_table(path)
    counts = {
        "pandas": len(pandas.read_parquet(path)),
        "polars": polars.read_parquet(path).height,
        "duckdb": duckdb.execute("select count(*) from read_parquet(?)", [str(path)]).fetchone()[0],
    }
    assert set(counts.values()) == {table.num_rows}, (path, counts)
    names = [column[0] for column in duckdb.execute("describe select * from read_parquet(?)", [str(path)]).fetchall()]
    assert names == table.column_names == polars.read_parquet_schema(path).names(), path
    described = {key.decode() for key in table.schema.metadata or {}} | {
        key.decode() for key in pyarrow.parquet.read_metadata(path).metadata or {}
    }
    assert all(f"column.{name}" in described for name in names), (path, described)
print(f"  {len(files)} Parquet files read alike")

dataset = load_dataset("parquet", data_files={"train": str(lang / "train-*.parquet"), "validation": str(lang / "validation.parquet")})
assert dataset["train"].num_rows == sum(pyarrow.parquet.read_metadata(path).num_rows for path in lang.glob("train-*.parquet"))
print(f"  datasets: {dataset['train'].num_rows} training documents")
