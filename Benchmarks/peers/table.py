"""From the rounds of a comparison to one table.

A speed at a recall is interpolated between settings (logarithm of the speed over recall), on the
settings that no other beats in both; ratios are those of one round, and their median counts.
"""

from __future__ import annotations

import argparse
import math
import statistics

#: Recalls at which speeds are compared.
LEVELS = (0.90, 0.95, 0.99)
#: Whom all are compared with.
REFERENCE = "hnswlib"


def summarise(result: dict) -> dict:
    """Adds `points`, the median of the rounds at each setting, and `levels`, speeds at recalls."""
    rounds = result["rounds"]
    points = [
        {"setting": same[0]["setting"],
         "recall": statistics.median(each["recall"] for each in same),
         "qps": statistics.median(each["qps"] for each in same)}
        for same in zip(*rounds)
    ]
    for figure in ("bytes_per_vector", "mapped_bytes_per_vector"):
        if told := [each[figure] for run in rounds for each in run if figure in each]:
            result[figure] = statistics.median(told)
    levels = {}
    for level in LEVELS:
        reached = [speed for run in rounds if (speed := speed_at(run, level)) is not None]
        levels[f"{level:.2f}"] = statistics.median(reached) if reached else None
    return {**result, "points": points, "levels": levels}


def speed_at(points: list[dict], level: float) -> float | None:
    """Queries per second at a recall; None where the settings do not reach to both its sides."""
    curve = best(points)
    if min(point["recall"] for point in points) <= level <= curve[0][0]:
        # A setting of lower recall was no faster, by chance or because it pays for nothing.
        return curve[0][1]
    for (low, low_speed), (high, high_speed) in zip(curve, curve[1:]):
        if low <= level <= high:
            part = (level - low) / (high - low)
            return math.exp(math.log(low_speed) * (1 - part) + math.log(high_speed) * part)
    return None


def best(points: list[dict]) -> list[tuple[float, float]]:
    """(recall, speed) of the settings that no other beats in both, by rising recall."""
    kept: list[tuple[float, float]] = []
    for point in sorted(points, key=lambda each: (-each["recall"], -each["qps"])):
        if not kept or point["qps"] > kept[-1][1]:
            kept.append((point["recall"], point["qps"]))
    return kept[::-1]


def ratio(ours: dict, theirs: dict, level: float) -> float | None:
    """Median of each round's own ratio of speeds."""
    pairs = [(speed_at(a, level), speed_at(b, level))
             for a, b in zip(ours["rounds"], theirs["rounds"])]
    whole = [a / b for a, b in pairs if a is not None and b is not None]
    return statistics.median(whole) if whole else None


def markdown(result: dict, options: argparse.Namespace) -> str:
    engines = {each["engine"]: each for each in result["engines"]}
    reference = engines.get(REFERENCE, {"rounds": []})
    levels = [f"{level:.2f}" for level in LEVELS]
    rows = [
        f"## {result['dataset']} ({result['metric']}, k={options.k}, M={options.m}, "
        f"efConstruction={options.ef_construction}, one thread, median of {options.rounds} "
        f"rounds{f', first {options.limit:,} rows' if options.limit else ''})",
        "",
        "| engine | queries/s at recall " + " | ".join(levels)
        + " | " + " | ".join(f"×{REFERENCE} at {level}" for level in levels)
        + " | build s | build CPU s | bytes a vector in memory |",
        "| --- |" + " ---: |" * (2 * len(levels) + 3),
    ]
    for each in engines.values():
        if "failed" in each:
            cells = [each["failed"].replace("|", "/")] + [""] * (2 * len(levels) + 2)
        else:
            cells = [number(each["levels"][level]) for level in levels]
            cells += [number(ratio(each, reference, level), 2) for level in LEVELS]
            cells += [number(each.get("build_s"), 1), number(each.get("build_cpu_s"), 1)]
            cells.append(memory(each))
        rows.append(f"| {each['name']} | " + " | ".join(cells) + " |")
    rows += ["", "“–”: the settings tried do not reach to both sides of that recall.", ""]
    rows += [beside_best(engines, level) for level in LEVELS]
    rows += ["", *(f"- {each['name']}: {each['about']}." for each in engines.values()
                   if each.get("about"))]
    if options.points:
        rows += ["", "| engine | setting | recall | queries/s |", "| --- | --- | ---: | ---: |"]
        rows += [f"| {each['name']} | {point['setting']} | {point['recall']:.4f} | "
                 f"{point['qps']:,.0f} |"
                 for each in engines.values() for point in each["points"]]
    return "\n".join(rows) + "\n"


def beside_best(engines: dict[str, dict], level: float) -> str:
    """A line on Apus against the fastest of the others."""
    name = f"{level:.2f}"
    others = [each for each in engines.values()
              if not each["engine"].startswith("apus") and each["levels"][name] is not None]
    if not others or engines["apus"]["levels"][name] is None:
        return f"- At {name}: no figure of Apus and a peer."
    fastest = max(others, key=lambda each: each["levels"][name])
    against = ratio(engines["apus"], fastest, level)
    return f"- At {name}: Apus **{against:.2f}** times the best peer, {fastest['name']}."


def memory(result: dict) -> str:
    """Bytes a vector of the process's own, and of mapped files where those matter."""
    own, mapped = result.get("bytes_per_vector"), result.get("mapped_bytes_per_vector", 0)
    if own is None:
        return number(None)
    return number(own) + (f" + {number(mapped)} mapped" if mapped > 0.1 * own else "")


def number(value: float | None, places: int = 0) -> str:
    return "–" if value is None else f"{value:,.{places}f}"
