"""The peers, one file a library.

Each file imports its library at the top, so that a library that is not installed fails there and
nowhere else.
"""

from __future__ import annotations

import argparse
import importlib

from .peer import EFS as EFS

#: Engine -> (file of this folder, class, package on PyPI), in the order of the table.
ENGINES = {
    "hnswlib": ("hnswlib_peer", "HNSWLib", "hnswlib"),
    "faiss-hnsw": ("faiss_peer", "HNSW", "faiss-cpu"),
    "faiss-hnsw-sq8": ("faiss_peer", "HNSWScalar", "faiss-cpu"),
    "faiss-ivfpq": ("faiss_peer", "IVFPQ", "faiss-cpu"),
    "faiss-ivfpq-fs": ("faiss_peer", "IVFPQFastScan", "faiss-cpu"),
    "faiss-ivfrabitq-fs": ("faiss_peer", "IVFRaBitQFastScan", "faiss-cpu"),
    "usearch": ("usearch_peer", "USearch", "usearch"),
    "svs": ("svs_peer", "Vamana", "scalable-vs"),
    "vsag": ("vsag_peer", "HGraph", "pyvsag"),
    "ngt": ("ngt_peer", "ONNG", "ngt"),
    "scann": ("scann_peer", "ScaNN", "scann"),
    "voyager": ("voyager_peer", "Voyager", "voyager"),
}


def named(engine: str) -> type:
    """The class of an engine; throws whatever importing its library throws."""
    module, name, _ = ENGINES[engine]
    return getattr(importlib.import_module(f"libraries.{module}"), name)


def matching(names: str) -> list[str]:
    """Engines by their names, or several by the beginning: `faiss` is all of faiss's."""
    chosen = []
    for wanted in filter(None, names.split(",")):
        found = [wanted] if wanted in ENGINES else [
            each for each in ENGINES if each.startswith(f"{wanted}-")]
        if not found:
            raise argparse.ArgumentTypeError(
                f"no peer {wanted}: there are {', '.join(ENGINES)}")
        chosen += found
    return list(dict.fromkeys(chosen))
