"""Runs module.py as ann-benchmarks would, with a stand-in for its base class and runner.

    try.py --datasets FOLDER [--limit ROWS]

Tells recall and speed, for single queries and batches. The program is $APUS_BINARY or the release
build of this checkout.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[2]
sys.path.insert(1, str(HERE.parents[1]))

import numpy as np

import vector_datasets as datasets

BASE = '''
class BaseANN:
    def done(self):
        pass

    def get_additional(self):
        return {}
'''
METRICS = {"cosine": "angular", "l2": "euclidean"}
K = 10


def module(folder: pathlib.Path):
    """module.py, imported from where that project keeps it."""
    algorithms = folder / "ann_benchmarks" / "algorithms"
    for place in (algorithms.parent, algorithms, algorithms / "base", algorithms / "apus"):
        place.mkdir()
        (place / "__init__.py").touch()
    (algorithms / "base" / "module.py").write_text(BASE)
    shutil.copy(HERE / "module.py", algorithms / "apus" / "module.py")
    sys.path.insert(0, str(folder))
    from ann_benchmarks.algorithms.apus import module as imported
    return imported


def run(algorithm, dataset: datasets.Dataset, limit: int | None) -> None:
    base, queries = dataset.base(limit), dataset.queries()
    truth = dataset.truth(base, queries, K)
    began = time.time()
    algorithm.fit(base)
    print(f"{dataset.name}: {len(base):,} rows in {time.time() - began:.1f} s, "
          f"{algorithm.get_memory_usage() / 1024:,.0f} MiB")
    for ef in (16, 64):
        algorithm.set_query_arguments(ef)
        seconds, singles = 0.0, []
        for query in queries:
            algorithm.prepare_query(query, K)
            began = time.time()
            algorithm.run_prepared_query()
            seconds += time.time() - began
            singles.append(algorithm.get_prepared_query_results())
        assert singles[0] == algorithm.query(queries[0], K)
        algorithm.prepare_batch_query(queries, K)
        began = time.time()
        algorithm.run_batch_query()
        batch_seconds = time.time() - began
        batched = algorithm.get_batch_results()
        for found in (singles, batched):
            assert all(len(set(ids)) == K for ids in found), "an answer has an id twice, or too few"
        parts = [datasets.recall(dataset.metric, base, queries, truth, np.array(found), K)
                 for found in (singles, batched)]
        print(f"  {algorithm}: single {parts[0]:.4f} at {len(queries) / seconds:,.0f}/s, "
              f"batch {parts[1]:.4f} at {len(queries) / batch_seconds:,.0f}/s")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=pathlib.Path,
                        default=REPOSITORY / "../shared/datasets")
    parser.add_argument("--limit", type=int, default=10_000)
    options = parser.parse_args()
    os.environ.setdefault("APUS_BINARY", str(REPOSITORY / ".build" / "release" / "apus"))
    with tempfile.TemporaryDirectory() as folder:
        apus = module(pathlib.Path(folder))
        for key in datasets.KNOWN:
            dataset = datasets.at(key, options.datasets)
            algorithm = apus.Apus(METRICS[dataset.metric], {"M": 16, "efConstruction": 200})
            try:
                run(algorithm, dataset, options.limit)
            finally:
                algorithm.done()


if __name__ == "__main__":
    main()
