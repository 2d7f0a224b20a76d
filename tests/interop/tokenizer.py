"""tokenizer.json in Python `tokenizers` against ours: the same ids on 10,000 texts, and text back.

    python tests/interop/tokenizer.py --tok-train target/release/tok-train LANG TOK...

The texts are sentences of LANG's training documents, half of each language where there are enough,
and every form of the lexicon, masked ones too. `tok-train encode TOK FILE` prints our ids of each
line. Needs `tokenizers` and `pyarrow`. Exit code 1 at the first difference.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet
from tokenizers import Tokenizer

SENTENCES = 10_000


def sentences(lang):
    """Sentences of both languages by turns, at most SENTENCES, then every form."""
    told = {"majority": [], "minority": []}
    for file in sorted(Path(lang).glob("train-*.parquet")):
        for batch in pyarrow.parquet.ParquetFile(file).iter_batches(columns=["language", "text"]):
            for language, text in zip(batch["language"].to_pylist(), batch["text"].to_pylist()):
                of_language = told[language]
                if len(of_language) < SENTENCES:
                    parts = text.split(" . ")
                    of_language += [f"{part} ." for part in parts[:-1]] + parts[-1:]
        if all(len(of_language) >= SENTENCES for of_language in told.values()):
            break
    half = SENTENCES // 2
    minority = told["minority"][: max(half, SENTENCES - len(told["majority"]))]
    texts = told["majority"][: SENTENCES - len(minority)] + minority
    forms = pyarrow.parquet.read_table(Path(lang, "lexicon.parquet"), columns=["form"])
    return texts, forms["form"].to_pylist()


def check(binary, tok, texts):
    """Compares one TOK; returns the number of tokens."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("".join(f"{text}\n" for text in texts))
        file.flush()
        run = subprocess.run([binary, "encode", tok, file.name], check=True, capture_output=True, text=True)
    ours = [[int(id) for id in line.split()] for line in run.stdout.split("\n")[:-1]]
    if len(ours) != len(texts):
        sys.exit(f"{tok}: expected {len(texts)} lines of ids, found {len(ours)}")
    tokenizer = Tokenizer.from_file(str(Path(tok, "tokenizer.json")))
    unknown = tokenizer.token_to_id("<unk>")
    theirs = tokenizer.encode_batch(texts)
    for text, mine, encoding in zip(texts, ours, theirs):
        if mine != encoding.ids:
            sys.exit(f"{tok}: {text!r}: ours {mine}, theirs {encoding.ids}")
        if unknown in mine:
            sys.exit(f"{tok}: {text!r}: unknown token in {encoding.tokens}")
        if tokenizer.decode(mine) != text:
            sys.exit(f"{tok}: {text!r}: decodes to {tokenizer.decode(mine)!r}")
    return sum(map(len, ours))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tok-train", required=True, help="the binary")
    parser.add_argument("lang", help="LANG directory")
    parser.add_argument("tok", nargs="+", help="TOK directories")
    arguments = parser.parse_args()
    texts, forms = sentences(arguments.lang)
    for tok in arguments.tok:
        tokens = check(arguments.tok_train, tok, texts + forms)
        print(f"{tok}: {len(texts)} sentences and {len(forms)} forms, {tokens} tokens: the same ids, and text back")


if __name__ == "__main__":
    main()
