"""tokenizer.json in Python `tokenizers` against ours: the same ids on 10,000 texts, and text back.

    python tests/interop/tokenizer.py --tok-train target/release/tok-train LANG TOK...

The texts are sentences of LANG's training documents, half of each language where there are enough,
and every form of the lexicon, masked ones too. `tok-train encode TOK FILE` prints our ids of each
line. Where TOK's ids are split, both give first copies, the ids of the TOK that differs in nothing
else (if it is among those given), and their twins decode to the same text. Needs `tokenizers` and
`pyarrow`. Exit code 1 at the first difference.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow.parquet
from tokenizers import Tokenizer

SENTENCES = 10_000
SPECIAL = 3  # <sep>, <pad> and <unk> have no twins


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
    """Compares one TOK; returns its tokenizer and our ids of each text."""
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
    return tokenizer, ours


def check_twins(tok, tokenizer, texts, ids):
    """Of v tokens, id i >= 3 has the twin i + v - 3; encoding never gives one, decoding does not tell them apart."""
    size = tokenizer.get_vocab_size()
    shift = (size - SPECIAL) // 2
    first = SPECIAL + shift
    if size != first + shift:
        sys.exit(f"{tok}: {size} ids cannot be {SPECIAL} special ones and two copies of the others")
    for text, mine in zip(texts, ids):
        if not all(SPECIAL <= id < first for id in mine):
            sys.exit(f"{tok}: {text!r}: {mine} are not all first copies, from {SPECIAL} to {first - 1}")
        twins = [id + shift for id in mine]
        mixed = [id + shift * (at % 2) for at, id in enumerate(mine)]
        for copy in (twins, mixed):
            if tokenizer.decode(copy) != text:
                sys.exit(f"{tok}: {text!r}: {copy} decode to {tokenizer.decode(copy)!r}")


def configuration(tok):
    """How TOK's ids are split, and the rest of its configuration as a key."""
    stated = json.loads(Path(tok, "manifest.json").read_text())["configuration"]
    split = stated.pop("split_ids", "none")
    return split, json.dumps(stated, sort_keys=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tok-train", required=True, help="the binary")
    parser.add_argument("lang", help="LANG directory")
    parser.add_argument("tok", nargs="+", help="TOK directories")
    arguments = parser.parse_args()
    texts, forms = sentences(arguments.lang)
    plain = {}
    # Those whose ids are not split come first: the others are compared with them.
    for tok in sorted(arguments.tok, key=lambda tok: configuration(tok)[0] != "none"):
        split, rest = configuration(tok)
        tokenizer, ids = check(arguments.tok_train, tok, texts + forms)
        also = ""
        if split == "none":
            plain[rest] = ids
        else:
            check_twins(tok, tokenizer, texts + forms, ids)
            also = ", also from twins"
            if plain.get(rest, ids) != ids:
                sys.exit(f"{tok}: its first copies are other ids than without --split-ids")
        tokens = sum(map(len, ids))
        name = Path(tok).name
        print(f"  {name}: {len(texts)} sentences and {len(forms)} forms, {tokens} tokens: the same ids, and text back{also}")


if __name__ == "__main__":
    main()
