"""What rotations and spilled lists would do for IVF-PQ: places to look at for a recall.

    python Benchmarks/ivf/variants.py path/to/datasets pypi-minilm-100k none rotation opq soar:1
    python Benchmarks/ivf/variants.py path/to/datasets sift-like-200k --parts 32 none opq

For each variant the share of the error that its codes leave, and for each number of candidates that are
measured exactly how many places (blocks of 32 with a list's codes) have to be scanned for recall@10 of
0.90, 0.95 and 0.99. No speed: the time of a scan goes with the places, and a rotation costs a query the
square of the dimension. Variants: `none`, `rotation` (random), `opq` (Ge et al. 2013), `soar:W` (Sun et
al. 2023, weight W, 0 for the next nearest list), `coverage` and `coverage:W` (exact codes).
"""

from __future__ import annotations

import argparse
import pathlib

import numpy as np

PROBES = [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256]
CANDIDATES = [20, 30, 40, 60, 80, 100, 150, 200, 400]
QUERIES = 400
K = 10


def nearest(points, centroids):
    halves = (centroids * centroids).sum(1) / 2
    blocks = range(0, len(points), 4096)
    return np.concatenate(
        [(points[s : s + 4096] @ centroids.T - halves).argmax(1) for s in blocks])


def k_means(points, count, random, iterations=8):
    centroids = points[random.choice(len(points), count, replace=False)].copy()
    for _ in range(iterations):
        lists = nearest(points, centroids)
        for one in range(count):
            own = points[lists == one]
            centroids[one] = own.mean(0) if len(own) else points[random.integers(len(points))]
    return centroids


class Product:
    """4-bit codes of parts, under a rotation or none."""

    def __init__(self, sample, parts, random, rotation=None, rounds=0):
        self.random, self.rotation, self.words = random, rotation, None
        dimension = sample.shape[1]
        self.parts = [
            slice(i * dimension // parts, (i + 1) * dimension // parts) for i in range(parts)]
        for _ in range(rounds):
            turned = self.turn(sample)
            self.train(turned, 2 if self.words else 8)
            left, _, right = np.linalg.svd(sample.T @ self.decoded(turned))
            self.rotation = (left @ right).astype(np.float32)
        self.words = None
        self.train(self.turn(sample), 8)

    def turn(self, points):
        return points if self.rotation is None else points @ self.rotation

    def train(self, points, iterations):
        words = self.words or [
            points[self.random.choice(len(points), 16, replace=False), part]
            for part in self.parts]
        for part, own in zip(self.parts, words):
            columns = np.ascontiguousarray(points[:, part])
            for _ in range(iterations):
                codes = nearest(columns, own)
                counts = np.bincount(codes, minlength=16)
                for place in range(columns.shape[1]):
                    sums = np.bincount(codes, columns[:, place], minlength=16)
                    own[:, place] = np.where(
                        counts > 0, sums / np.maximum(counts, 1), own[:, place])
        self.words = words

    def decoded(self, points):
        out = np.empty_like(points)
        for part, words in zip(self.parts, self.words):
            out[:, part] = words[nearest(np.ascontiguousarray(points[:, part]), words)]
        return out

    def approximate(self, points):
        out = self.decoded(self.turn(points))
        return out if self.rotation is None else out @ self.rotation.T


def second_lists(points, centroids, own, weight):
    residuals = points - centroids[own]
    lengths = np.linalg.norm(residuals, axis=1, keepdims=True)
    directions = residuals / np.maximum(lengths, 1e-9)
    squares = (centroids * centroids).sum(1)
    lists = np.empty(len(points), np.int64)
    for s in range(0, len(points), 4096):
        x, u = points[s : s + 4096], directions[s : s + 4096]
        along = (x * u).sum(1)[:, None] - u @ centroids.T
        loss = squares - 2 * x @ centroids.T + weight * along * along
        loss[np.arange(len(x)), own[s : s + 4096]] = np.inf
        lists[s : s + 4096] = loss.argmin(1)
    return lists


def evaluate(queries, truth, centroids, copies, is_l2):
    """`copies`: for each list of a row its number, and what the row's code stands for."""
    count = len(centroids)
    sizes = (sum(np.bincount(lists, minlength=count) for lists, _ in copies) + 31) // 32 * 32
    found = np.zeros((len(PROBES), len(CANDIDATES)))
    looked = np.zeros(len(PROBES))
    squares = (centroids * centroids).sum(1)
    rows = [(lists, vectors, (vectors * vectors).sum(1)) for lists, vectors in copies]
    for query, neighbours in zip(queries, truth):
        order = np.argsort((squares if is_l2 else 0) - 2 * centroids @ query)
        rank = np.empty(count, np.int64)
        rank[order] = np.arange(count)
        looked += np.cumsum(sizes[order])[np.minimum(PROBES, count) - 1]
        ranks = [rank[lists] for lists, _, _ in rows]
        distances = [(s if is_l2 else 0) - 2 * vectors @ query for _, vectors, s in rows]
        near = [r < PROBES[-1] for r in ranks]
        all_ranks = np.concatenate([r[n] for r, n in zip(ranks, near)])
        all_distances = np.concatenate([d[n] for d, n in zip(distances, near)])
        by_distance = np.argsort(all_distances)
        all_ranks, all_distances = all_ranks[by_distance], all_distances[by_distance]
        for row in neighbours:
            for place, probes in enumerate(PROBES):
                own = [d[row] for r, d in zip(ranks, distances) if r[row] < probes]
                if own:
                    end = np.searchsorted(all_distances, min(own))
                    found[place] += (all_ranks[:end] < probes).sum() < np.array(CANDIDATES)
    found /= len(queries) * K
    looked /= len(queries)
    print("  candidates " + "".join(f"{c:>8}" for c in CANDIDATES))
    for target in (0.9, 0.95, 0.99):
        cells = [
            f"{np.interp(target, column, looked):8.0f}" if column.max() >= target else f"{'-':>8}"
            for column in found.T]
        print(f"  recall {target:.2f}" + "".join(cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("datasets", type=pathlib.Path)
    parser.add_argument("name", choices=["pypi-minilm-100k", "sift-like-200k"])
    parser.add_argument("variants", nargs="+")
    parser.add_argument("--parts", type=int, help="parts of a code (default: as the index)")
    options = parser.parse_args()
    folder = options.datasets / options.name
    is_l2 = options.name.startswith("sift")
    suffixes = ("u8", "u8") if is_l2 else ("f16", "f32")
    base = np.load(folder / f"base.{suffixes[0]}.npy").astype(np.float32)
    queries = np.load(folder / f"query.{suffixes[1]}.npy").astype(np.float32)[:QUERIES]
    truth = np.load(folder / "gt_ids.npy")[:QUERIES, :K]
    if not is_l2:
        base /= np.linalg.norm(base, axis=1, keepdims=True)
    random = np.random.default_rng(1)
    dimension = base.shape[1]
    parts = options.parts or dimension // (2 if dimension < 384 else 3)
    count = int(4 * len(base) ** 0.5)
    centroids = k_means(
        base[random.choice(len(base), min(len(base), 48 * count), replace=False)], count, random)
    own = nearest(base, centroids)
    residuals = base - centroids[own]
    sample = residuals[random.choice(len(base), 16384, replace=False)]
    for variant in options.variants:
        name, _, weight = variant.partition(":")
        print(f"{options.name}, {count} lists, {parts} parts, {variant}", flush=True)
        if name == "coverage":
            copies = [(own, base)]
            if weight:
                copies.append((second_lists(base, centroids, own, float(weight)), base))
            evaluate(queries, truth, centroids, copies, is_l2)
            continue
        rotation = None
        if name == "rotation":
            square = random.standard_normal((dimension, dimension))
            rotation = np.linalg.qr(square)[0].astype(np.float32)
        elif name == "opq":
            rotation = np.eye(dimension, dtype=np.float32)
        codes = Product(sample, parts, random, rotation, rounds=25 if name == "opq" else 0)
        approximate = codes.approximate(residuals)
        error = ((residuals - approximate) ** 2).sum() / (residuals**2).sum()
        print(f"  error of the codes {error:.3f}")
        copies = [(own, centroids[own] + approximate)]
        if name == "soar":
            second = second_lists(base, centroids, own, float(weight or 1))
            copies.append(
                (second, centroids[second] + codes.approximate(base - centroids[second])))
        evaluate(queries, truth, centroids, copies, is_l2)


if __name__ == "__main__":
    main()
