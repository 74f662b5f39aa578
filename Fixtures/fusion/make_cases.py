#!/usr/bin/env python3
"""Writes fused rankings and recommendation scores, as the wire API's own engine gives them.

    pip install qdrant-edge-py==0.9.0 && ./make_cases.py      (needs Python 3.10 or later)

fusion.json holds
  fusion     {rankings: [[id, score]…], method, k, weights, fused: [[id, score]…]}
  recommend  {metric, vectors, positive, negative, strategy, ranking: [[id, score]…]}
The cases are drawn with a fixed seed, so a second run writes the same file.
"""
import json
import os
import random
import shutil
import tempfile

import qdrant_edge as q

HERE = os.path.dirname(os.path.abspath(__file__))
METRICS = {"dot": q.Distance.Dot, "cosine": q.Distance.Cosine, "euclid": q.Distance.Euclid,
           "manhattan": q.Distance.Manhattan}


def shard(vectors):
    """A shard with the same vectors in one field for each metric."""
    folder = tempfile.mkdtemp()
    result = q.EdgeShard.create(folder, q.EdgeConfig(vectors={
        name: q.EdgeVectorParams(size=3, distance=d) for name, d in METRICS.items()}))
    result.update(q.UpdateOperation.upsert_points(
        [q.Point(i, {name: v for name in METRICS}, {}) for i, v in enumerate(vectors)]))
    return result, folder


def ranking(points):
    return [[p.id, p.score] for p in points]


def fusion_cases(r):
    vectors = [[round(r.uniform(-1, 1), 3) for _ in range(3)] for _ in range(14)]
    s, folder = shard(vectors)
    cases = []
    for _ in range(60):
        count = r.choice([1, 2, 2, 3])
        using = r.choice(["dot", "cosine", "euclid", "manhattan"])
        prefetches = []
        for _ in range(count):
            vector = [round(r.uniform(-1, 1), 3) for _ in range(3)]
            prefetches.append(q.Prefetch(limit=r.choice([1, 2, 5, 14]),
                                         query=q.Query.Nearest(vector, using=using)))
        rankings = [ranking(s.query(q.QueryRequest(limit=p.limit, query=p.query)))
                    for p in prefetches]
        method = r.choice(["rrf", "dbsf"])
        k = r.choice([1, 2, 2, 60])
        weights = [r.choice([0.5, 1.0, 3.0, 0.0]) for _ in range(count)]
        weights = r.choice([weights, []])
        fusion = q.Fusion.Rrf(k, weights or None) if method == "rrf" else q.Fusion.Dbsf()
        fused = s.query(q.QueryRequest(limit=50, query=fusion, prefetches=prefetches))
        cases.append({"using": using, "rankings": rankings, "method": method, "k": k,
                      "weights": weights, "fused": ranking(fused)})
    s.close()
    shutil.rmtree(folder)
    return cases


def recommend_cases(r):
    vectors = [[round(r.uniform(-1, 1), 3) for _ in range(3)] for _ in range(10)]
    s, folder = shard(vectors)
    cases = []
    for metric in METRICS:
        for strategy, make in (("best_score", q.Query.RecommendBestScore),
                               ("sum_scores", q.Query.RecommendSumScores)):
            for positives, negatives in [(1, 0), (2, 1), (0, 2), (3, 3)]:
                draw = lambda n: [[round(r.uniform(-1, 1), 3) for _ in range(3)] for _ in range(n)]
                positive, negative = draw(positives), draw(negatives)
                query = make(q.RecommendQuery(positive, negative), using=metric)
                found = s.query(q.QueryRequest(limit=50, query=query))
                cases.append({"metric": metric, "strategy": strategy, "positive": positive,
                              "negative": negative, "ranking": ranking(found)})
    s.close()
    shutil.rmtree(folder)
    return {"vectors": vectors, "cases": cases}


def main():
    r = random.Random(20240301)
    with open(os.path.join(HERE, "fusion.json"), "w") as file:
        json.dump({"fusion": fusion_cases(r), "recommend": recommend_cases(r)}, file,
                  separators=(",", ":"))
        file.write("\n")


if __name__ == "__main__":
    main()
