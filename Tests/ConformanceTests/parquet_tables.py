"""Tables for Parquet files, with what each value is as JSON."""

from __future__ import annotations

import datetime as dt
import decimal
import random
import uuid

import numpy as np
import pyarrow as pa


def columns(count: int) -> dict[str, tuple[pa.Array, list]]:
    """Columns of every type, each with the JSON of its values."""
    generator = random.Random(count)
    numbers = range(count)
    floats = [float(np.float32(n / 7)) for n in numbers]
    vectors = [[float(np.float32(generator.random())) for _ in range(8)] for _ in numbers]
    texts = [None if n % 7 == 0 else f"text {n % 50} ü" for n in numbers]
    decimals = [decimal.Decimal(n * 31 - 777).scaleb(-2) for n in numbers]
    days = [dt.date(1969, 12, 1) + dt.timedelta(days=n) for n in numbers]
    times = [dt.datetime(1969, 12, 31, 23, 59, 58) + dt.timedelta(microseconds=333_331 * n)
             for n in numbers]
    ids = [uuid.UUID(int=n * 2**64 + 9) for n in numbers]
    tags = [None if n % 11 == 0 else [None if k % 4 == 3 else f"t{k}" for k in range(n % 6)]
            for n in numbers]
    nested = [[list(range(k)) for k in range(n % 4)] for n in numbers]
    structs = [None if n % 9 == 0 else
               {"a": n, "b": {"c": [str(n)] * (n % 3), "d": None if n % 2 else 1.5}}
               for n in numbers]
    lists = [[{"x": k, "y": [k] * k} for k in range(n % 3)] for n in numbers]
    maps = [{f"k{k}": k for k in range(n % 3)} for n in numbers]
    return {
        "number": (pa.array(numbers, pa.int64()), list(numbers)),
        "text": (pa.array(texts), texts),
        "large": (pa.array(texts, pa.large_string()), texts),
        "flag": (pa.array([None if n % 5 == 0 else n % 3 == 0 for n in numbers]),
                 [None if n % 5 == 0 else n % 3 == 0 for n in numbers]),
        "nothing": (pa.array([None] * count, pa.int32()), [None] * count),
        "i8": (pa.array([n % 100 - 50 for n in numbers], pa.int8()),
               [n % 100 - 50 for n in numbers]),
        "u32": (pa.array([n * 2654435761 % 2**32 for n in numbers], pa.uint32()),
                [n * 2654435761 % 2**32 for n in numbers]),
        "u64": (pa.array([2**64 - 1 - n for n in numbers], pa.uint64()),
                [float(2**64 - 1 - n) for n in numbers]),
        "f32": (pa.array(floats, pa.float32()), floats),
        "f64": (pa.array([n / 7 for n in numbers]), [n / 7 for n in numbers]),
        "nan": (pa.array([float("nan") if n % 2 else float("inf") for n in numbers]),
                [None] * count),
        "f16": (pa.array(np.arange(count, dtype=np.float16) / 16, pa.float16()),
                [float(x) for x in np.arange(count, dtype=np.float16) / 16]),
        "decimal": (pa.array(decimals, pa.decimal128(30, 2)), [float(d) for d in decimals]),
        "small": (pa.array(decimals, pa.decimal128(7, 2)), [float(d) for d in decimals]),
        "wide": (pa.array(decimals, pa.decimal256(50, 2)), [float(d) for d in decimals]),
        "date": (pa.array(days), [d.isoformat() for d in days]),
        "utc": (pa.array(times, pa.timestamp("us", tz="UTC")), [stamp(t) + "Z" for t in times]),
        "local": (pa.array(times, pa.timestamp("us")), [stamp(t) for t in times]),
        "nanos": (pa.array([n * 1_000_000_007 - 5 for n in numbers], pa.timestamp("ns")),
                  [nanoseconds(n * 1_000_000_007 - 5) for n in numbers]),
        "clock": (pa.array([t.time() for t in times], pa.time64("us")),
                  [stamp(t).partition("T")[2] for t in times]),
        "uuid": (pa.array([i.bytes for i in ids], pa.uuid()), [str(i) for i in ids]),
        "bytes": (pa.array([bytes([n % 100 + 20]) * 3 for n in numbers], pa.binary()),
                  [chr(n % 100 + 20) * 3 for n in numbers]),
        "v": (pa.array(vectors, pa.list_(pa.float32())), vectors),
        "fixed": (pa.array([v[:3] for v in vectors], pa.list_(pa.float32(), 3)),
                  [v[:3] for v in vectors]),
        "tags": (pa.array(tags), tags),
        "nested": (pa.array(nested, pa.list_(pa.list_(pa.int32()))), nested),
        "struct": (pa.array(structs), structs),
        "lists": (pa.array(lists), lists),
        "map": (pa.array([list(m.items()) for m in maps], pa.map_(pa.string(), pa.int32())),
                maps),
    }


def stamp(time: dt.datetime) -> str:
    text = time.isoformat()
    return text.rstrip("0") if "." in text else text


def nanoseconds(value: int) -> str:
    seconds, rest = divmod(value, 10**9)
    text = (dt.datetime(1970, 1, 1) + dt.timedelta(seconds=seconds)).isoformat()
    return f"{text}.{rest:09}".rstrip("0").rstrip(".")


def table(count: int, *names: str) -> tuple[pa.Table, list[dict]]:
    """A table with ids and vectors beside the columns, and the payloads of its rows."""
    chosen = {name: column for name, column in columns(count).items()
              if not names or name in names}
    arrays = {name: array for name, (array, _) in chosen.items()}
    arrays["id"] = pa.array(range(count), pa.int64())
    arrays["vector"] = pa.array(
        [[n + 1.0, 0.5, -n] for n in range(count)], pa.list_(pa.float32()))
    rows = [{name: values[n] for name, (_, values) in chosen.items()} for n in range(count)]
    return pa.table(arrays), rows
