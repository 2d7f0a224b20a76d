"""Times tok-train against Python `tokenizers`; called by bench-tok.sh.

bench_tok.py TOK_TRAIN LANG TOK VOCAB_SIZE THREADS
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

binary, lang, tok, vocab_size, threads = sys.argv[1:]
os.environ["RAYON_NUM_THREADS"] = threads
os.environ["TOKENIZERS_PARALLELISM"] = "true"

import pyarrow  # noqa: E402  (after the threads are set)
import pyarrow.parquet  # noqa: E402
from tokenizers import Tokenizer, models, pre_tokenizers, trainers  # noqa: E402

RUNS = 3
SPECIAL_TOKENS = ["<sep>", "<pad>", "<unk>"]
pyarrow.set_cpu_count(int(threads))


def ours():
    command = [binary, "--lang", lang, "--out", tok, "--force", "--quiet"]
    command += ["--vocab-size", vocab_size, "--regime", "proportional", "--threads", threads]
    begin = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begin


def theirs(alphabet):
    begin = time.perf_counter()
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    trainer = trainers.BpeTrainer(
        vocab_size=int(vocab_size),
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    files = sorted(Path(lang).glob("train-*.parquet"))
    documents = pyarrow.parquet.read_table(files, columns=["text"])["text"]
    batches = (chunk.to_pylist() for chunk in documents.chunks)
    tokenizer.train_from_iterator(batches, trainer, length=len(documents))
    return time.perf_counter() - begin, json.loads(tokenizer.to_str())["model"]


def median(times):
    return statistics.median(times), min(times), max(times)


our_times = [ours() for _ in range(RUNS)]
model = json.loads(Path(tok, "tokenizer.json").read_text())["model"]
first_merge = len(model["vocab"]) - len(model["merges"])
alphabet = [token for token, id in model["vocab"].items() if len(SPECIAL_TOKENS) <= id < first_merge]
runs = [theirs(alphabet) for _ in range(RUNS)]
their_times = [seconds for seconds, _ in runs]

train = json.loads(Path(lang, "manifest.json").read_text())["measured"]["train"]
sentences = sum(train[language]["sentences"] for language in ("majority", "minority"))
print(f"{sentences:,} sentences, vocab_size {vocab_size}, {threads} threads; median of {RUNS} (least, most)")
for name, times in (("tok-train", our_times), ("tokenizers", their_times)):
    middle, least, most = median(times)
    print(f"  {name:<10}  {middle:7.3f} s  ({least:.3f}, {most:.3f})  {sentences / middle:12,.0f} sentences/s")
ratio = statistics.median(their_times) / statistics.median(our_times)
same = all(theirs["merges"] == model["merges"] and theirs["vocab"] == model["vocab"] for _, theirs in runs)
print(f"  ratio {ratio:.1f}; merges and ids {'the same' if same else 'DIFFERENT'} ({len(model['merges'])} merges)")
sys.exit(0 if same else 1)
