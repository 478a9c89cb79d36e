"""One row of a table of espalier-table.sh: the mean over seeds, with a 95 % interval over seeds when there are several."""
import json, math, sys

out, name, switches, seeds = sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:]
T95 = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
reports = [json.load(open(f"{out}/{name}-{s}/report.json")) for s in seeds]
scores = [json.load(open(f"{out}/{name}-{s}.json")) for s in seeds]
n = len(seeds)
mean = lambda values: sum(values) / len(values)

lost = [-100 * s["against"]["top1_difference"] for s in scores]
margin = 100 * scores[0]["against"]["top1_margin"]
if n > 1:
    spread = math.sqrt(sum((x - mean(lost)) ** 2 for x in lost) / (n - 1))
    margin = T95.get(n, 2.0) * spread / math.sqrt(n)
stages = [r["stages"] for r in reports]
repaired = [next((t.get("held_out_agreement") for t in s if t["stage"] == "repaired"), None) for s in stages]
ends = [s[-1].get("held_out_agreement") for s in stages]
percent = lambda values: "–" if None in values else f"{100 * mean(values):.1f}"
print(f"| {name} ({n} seed{'s' * (n > 1)}) | `{switches}` | {mean([r['seconds'] for r in reports]) / 60:.1f} | "
      f"{mean([r['macs_budget_after'] / r['macs_budget_before'] for r in reports]):.4f} | {100 * mean([s['top1'] for s in scores]):.1f} | "
      f"{mean(lost):.1f} ± {margin:.1f} | {100 * mean([s['against']['agreement'] for s in scores]):.1f} | "
      f"{mean([s['against']['kl'] for s in scores]):.3f} | {percent(repaired)} → {percent(ends)} |", flush=True)
