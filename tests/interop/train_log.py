"""TensorBoard's scalars beside train_log.parquet: every row of every column, as f32.

    python tests/interop/train_log.py MODEL EVENTS

EVENTS is the directory that `model-train --tensorboard EVENTS` wrote. Nulls of the table have no event, and there are no
events that the table does not have. Exit code 1 and the tag that differs.
"""

import sys
from pathlib import Path

import numpy
import pyarrow.parquet
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

TAGS = {
    "train/loss_nats": "loss_nats",
    "train/lr": "lr",
    "train/gradient_norm": "gradient_norm",
    "validation/nats_majority": "validation_nats_majority",
    "validation/nats_minority": "validation_nats_minority",
    "validation/bits_per_char_majority": "validation_bits_per_char_majority",
    "validation/bits_per_char_minority": "validation_bits_per_char_minority",
}


def main():
    model, directory = map(Path, sys.argv[1:3])
    log = pyarrow.parquet.read_table(model / "train_log.parquet").to_pylist()
    # 0: keep every event, where TensorBoard would take a sample.
    events = EventAccumulator(str(directory), size_guidance={"scalars": 0}).Reload()
    found = events.Tags()["scalars"]
    if set(found) != set(TAGS):
        sys.exit(f"{directory}: expected the scalars {list(TAGS)}, found {found}")
    compared = 0
    for tag, column in TAGS.items():
        expected = [(row["step"], float(numpy.float32(row[column]))) for row in log if row[column] is not None]
        shown = [(event.step, event.value) for event in events.Scalars(tag)]
        if not expected or shown != expected:
            sys.exit(f"{directory}: {tag}: expected {expected} as in train_log.parquet, found {shown}")
        compared += len(shown)
    print(f"  TensorBoard: {compared} values of {len(TAGS)} curves over {len(log)} rows")


if __name__ == "__main__":
    main()
