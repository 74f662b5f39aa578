"""faiss: graphs and inverted lists. Codes are always refined by the float32 vectors.

Lists are as many as a power of two near 4·√n. The number refined is `refine` times k. A batch of
queries shares work between them in inverted lists (centroids by matrix product, lists scanned for
several queries), so each query is a call there, straight to the C++ function; graphs only loop.
"""

import pathlib

import faiss
import numpy as np

from .peer import EFS, Peer


class Faiss(Peer):
    package = "faiss-cpu"
    #: What the factory makes; {m} and {lists} are filled in.
    factory: str
    refined = True

    def build(self, rows: np.ndarray, threads: int, folder: pathlib.Path) -> None:
        faiss.omp_set_num_threads(threads)
        metric = faiss.METRIC_INNER_PRODUCT if self.shape.is_cosine else faiss.METRIC_L2
        lists = 1 << round(np.log2(4 * len(rows) ** 0.5))
        # Sub-vectors of two dimensions for 4-bit codes, of four for 8-bit ones.
        dimension = self.shape.dimension
        fields = {"m": self.shape.m, "lists": lists, "dimension": dimension,
                  "half": dimension // 2, "quarter": dimension // 4}
        coded = faiss.index_factory(dimension, self.factory.format(**fields), metric)
        if isinstance(coded, faiss.IndexHNSW):
            coded.hnsw.efConstruction = self.shape.ef_construction
        self.index = faiss.IndexRefineFlat(coded) if self.refined else coded
        self.index.train(rows)
        self.index.add(rows)

    def save(self, folder: pathlib.Path) -> None:
        faiss.write_index(self.index, str(folder / "index"))

    def load(self, folder: pathlib.Path) -> None:
        faiss.omp_set_num_threads(1)
        self.index = faiss.read_index(str(folder / "index"))
        self.inner = faiss.downcast_index(self.index.base_index) if self.refined else self.index
        k = self.shape.k
        self.distances, self.ids = np.empty(k, np.float32), np.empty(k, np.int64)
        self.answer = faiss.swig_ptr(self.distances), faiss.swig_ptr(self.ids)

    def prepare(self, query: np.ndarray) -> tuple:
        return faiss.swig_ptr(query), query

    def search(self, queries):
        if self.one_call:
            return self.index.search(queries, self.shape.k)[1]
        self.index.search_c(1, queries[0], self.shape.k, *self.answer)
        return self.ids.copy()


class HNSW(Faiss):
    about = "HNSW over float32"
    factory = "HNSW{m},Flat"
    refined = False

    def apply(self, ef: int) -> None:
        self.inner.hnsw.efSearch = max(ef, self.shape.k)


class HNSWScalar(Faiss):
    about = "HNSW over 8-bit codes, every candidate of ef refined up to 4·k"
    factory = "HNSW{m},SQ8"
    settings = tuple({"ef": ef} for ef in EFS)

    def apply(self, ef: int) -> None:
        self.inner.hnsw.efSearch = max(ef, self.shape.k)
        self.index.k_factor = min(4, max(ef, self.shape.k) / self.shape.k)


class InvertedLists(Faiss):
    one_call = False
    settings = tuple(
        {"nprobe": nprobe, "refine": refine}
        for nprobe, refine in (
            (4, 5), (8, 5), (8, 10), (16, 10), (32, 10), (32, 20), (64, 10), (64, 20), (128, 20),
            (128, 40), (256, 20), (256, 40), (512, 40))
    )

    def apply(self, nprobe: int, refine: int) -> None:
        lists = faiss.extract_index_ivf(self.index)
        lists.nprobe = min(nprobe, lists.nlist)
        self.index.k_factor = refine


class IVFPQ(InvertedLists):
    about = "inverted lists, 8-bit product codes of four dimensions, refined by float32"
    # np: no polysemous training, which takes minutes and which no search here uses.
    factory = "IVF{lists},PQ{quarter}np"


class IVFPQFastScan(InvertedLists):
    about = "inverted lists, 4-bit product codes of two dimensions (fast scan), refined by float32"
    factory = "IVF{lists},PQ{half}x4fs"


class IVFRaBitQFastScan(InvertedLists):
    about = "random rotation, inverted lists, RaBitQ's 1-bit codes (fast scan), refined by float32"
    factory = "RR{dimension},IVF{lists},RaBitQfs"
