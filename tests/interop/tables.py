"""Every Parquet file in other readers: the same types, and every value the same.

    python tests/interop/tables.py LANG DIRECTORY...

All *.parquet files of the directories are read by pyarrow, pandas, Polars and DuckDB, each through its own reader or its
own conversion to Python values, and compared value by value, floats to the last bit. pandas has one mark for a null and
a NaN, so no column may hold a NaN. LANG also loads as a Hugging Face dataset. Exit code 1 and the place where they differ.
"""

import math
import sys
from pathlib import Path

import duckdb
import numpy
import pandas
import polars
import pyarrow
import pyarrow.parquet
from datasets import load_dataset

# What the files hold: pyarrow's type, Polars' and DuckDB's.
TYPES = {
    pyarrow.bool_(): (polars.Boolean, "BOOLEAN"),
    pyarrow.uint8(): (polars.UInt8, "UTINYINT"),
    pyarrow.uint16(): (polars.UInt16, "USMALLINT"),
    pyarrow.uint32(): (polars.UInt32, "UINTEGER"),
    pyarrow.uint64(): (polars.UInt64, "UBIGINT"),
    pyarrow.float32(): (polars.Float32, "FLOAT"),
    pyarrow.float64(): (polars.Float64, "DOUBLE"),
    pyarrow.string(): (polars.String, "VARCHAR"),
}


def types_of(arrow):
    """Polars' and DuckDB's type for a column of pyarrow's."""
    if pyarrow.types.is_list(arrow):
        element_polars, element_duckdb = types_of(arrow.value_type)
        return polars.List(element_polars), f"{element_duckdb}[]"
    return TYPES[arrow]


def from_pandas(cell):
    """pandas' cell as Python has it."""
    if isinstance(cell, numpy.ndarray):
        return cell.tolist()
    return None if pandas.isna(cell) else cell


def differ(path, reader, name, ours, theirs):
    """Exits with the first row where a column differs."""
    if len(ours) != len(theirs):
        sys.exit(f"{path}: {name}: {len(ours)} rows in pyarrow, {len(theirs)} in {reader}")
    for row, (one, other) in enumerate(zip(ours, theirs)):
        if one != other:
            sys.exit(f"{path}: {name}, row {row}: pyarrow reads {one!r}, {reader} {other!r}")


def compare(path):
    """Compares one file; returns its number of cells."""
    table = pyarrow.parquet.read_table(path)
    columns = table.to_pydict()
    for name, values in columns.items():
        if any(isinstance(value, float) and math.isnan(value) for value in values):
            sys.exit(f"{path}: {name}: a NaN, where a null was meant")

    frame = pandas.read_parquet(path)
    theirs = polars.read_parquet(path)
    query = duckdb.execute("select * from read_parquet(?)", [str(path)])
    described = [(name, str(type)) for name, type, *_ in query.description]
    rows = query.fetchall()
    types = {field.name: types_of(field.type) for field in table.schema}
    for reader, expected, found in [
        ("pandas", list(types), list(frame.columns)),
        ("Polars", [(name, type) for name, (type, _) in types.items()], list(theirs.schema.items())),
        ("DuckDB", [(name, type) for name, (_, type) in types.items()], described),
    ]:
        if found != expected:
            sys.exit(f"{path}: expected columns {expected} in {reader}, found {found}")
    for at, (name, ours) in enumerate(columns.items()):
        differ(path, "pandas", name, ours, [from_pandas(cell) for cell in frame[name].tolist()])
        differ(path, "Polars", name, ours, theirs[name].to_list())
        differ(path, "DuckDB", name, ours, [row[at] for row in rows])

    keys = {key.decode() for key in pyarrow.parquet.read_metadata(path).metadata or {}}
    for name in columns:
        if f"column.{name}" not in keys:
            sys.exit(f"{path}: {name}: no description in the metadata")
    [(described,)] = duckdb.execute(
        "select count(*) from parquet_kv_metadata(?) where starts_with(decode(key), 'column.')", [str(path)]
    ).fetchall()
    if described != len(columns):
        sys.exit(f"{path}: {len(columns)} columns, but DuckDB sees {described} descriptions")
    return table.num_rows * table.num_columns


def compare_dataset(lang):
    """LANG's text in Hugging Face `datasets`; returns the number of training documents."""
    splits = {"train": sorted(lang.glob("train-*.parquet")), "validation": [lang / "validation.parquet"]}
    files = {name: [str(path) for path in paths] for name, paths in splits.items()}
    loaded = load_dataset("parquet", data_files=files)
    for name, paths in splits.items():
        ours = pyarrow.concat_tables(pyarrow.parquet.read_table(path) for path in paths).to_pydict()
        theirs = loaded[name].to_dict()
        if list(theirs) != list(ours):
            sys.exit(f"{lang}: {name}: expected columns {list(ours)} in datasets, found {list(theirs)}")
        for column, values in ours.items():
            differ(lang / name, "datasets", column, values, theirs[column])
    return loaded["train"].num_rows


def main():
    directories = list(map(Path, sys.argv[1:]))
    files = [path for directory in directories for path in sorted(directory.rglob("*.parquet"))]
    cells = sum(map(compare, files))
    print(f"  {len(files)} Parquet files, {cells} values alike in pyarrow, pandas, Polars and DuckDB")
    print(f"  datasets: {compare_dataset(directories[0])} training documents alike")


if __name__ == "__main__":
    main()
