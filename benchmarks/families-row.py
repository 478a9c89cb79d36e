"""One row of the table of families.sh: the mean over seeds, with the range of the points lost when there are several."""
import json, sys

out, net, method, seeds = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
reports = [json.load(open(f"{out}/{net}-{method}-{s}/report.json")) for s in seeds]
mean = lambda values: sum(values) / len(values)


def stage(name, pick):
    """Top-1 of the first or last stage of that name, in percent; a dash where there is none."""
    found = [[s["top1"] for s in r["stages"] if s["stage"] == name] for r in reports]
    return f"{100 * mean([f[pick] for f in found]):.1f}" if all(found) else "–"


lost = [100 * (r["top1_before"] - r["top1_after"]) for r in reports]
spread = f" ({min(lost):.1f} to {max(lost):.1f})" if len(lost) > 1 else ""
print(f"| {net} | {method} | {mean([r['seconds'] for r in reports]) / 60:.1f} | {mean([r['macs_budget_after'] / r['macs_budget_before'] for r in reports]):.4f} | "
      f"{100 * reports[0]['top1_before']:.1f} | {stage('cut', 0)} | {stage('repaired', -1)} | {100 * mean([r['top1_after'] for r in reports]):.1f} | {mean(lost):.1f}{spread} |", flush=True)
