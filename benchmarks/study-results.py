#!/usr/bin/env python3
"""Keeps what a study came to, and prints its means as a Markdown table.

    benchmarks/study-results.py RUN DOCS [PIXELS]      e.g. runs/few-shot docs/results/few-shot; so much of the report from its top

Writes into DOCS: study.csv and study.json as they are, reports.json (the report of every row's run, by the run's name), figure.png (the figures of
the study's report, when there is a chromium). Paths of this machine become relative.
"""
import json
import os
import shutil
import subprocess
import sys

run, docs = sys.argv[1:3]
height = sys.argv[3] if len(sys.argv) > 3 else "900"
os.makedirs(docs, exist_ok=True)
study = json.load(open(os.path.join(run, "study.json"), encoding="utf-8"))
here = [(os.path.abspath(run), "runs/" + study["study"]), (os.getcwd() + "/", "")]


def relative(text):
    for path, name in here:
        text = text.replace(path, name)
    for word in {w for w in text.replace('"', " ").split() if w.startswith("/") and len(w) > 1}:
        text = text.replace(word, os.path.basename(word.rstrip("/")))
    return text


def put(name, text):
    with open(os.path.join(docs, name), "w", encoding="utf-8") as file:
        file.write(relative(text))


put("study.csv", open(os.path.join(run, "study.csv"), encoding="utf-8").read())
put("study.json", json.dumps(study, indent=1))
reports = {}
for row in study["rows"]:
    for folder in (row.get("run"), row.get("then_run")):
        path = os.path.join(run, folder or "", "report.json")
        if folder and os.path.exists(path):
            reports[folder] = json.load(open(path, encoding="utf-8"))
put("reports.json", "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in reports.items()) + "\n}\n")

if shutil.which("chromium"):
    subprocess.run(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", f"--window-size=1100,{height}", "--virtual-time-budget=10000",
                    f"--screenshot={os.path.abspath(docs)}/figure.png", "file://" + os.path.abspath(os.path.join(run, "report.html"))], check=True, stderr=subprocess.DEVNULL)

# Axes that differ, then what was measured, mean ± standard deviation over the seeds.
axes = [a for a in ("model", "method", "switch", "target", "images") if len({str(m.get(a)) for m in study["means"]}) > 1]
columns = [("macs_budget_share", "MACs kept", 100, "{:.1f}"), ("top1", "top-1", 100, "{:.2f}"), ("then_top1", "top-1 afterwards", 100, "{:.2f}"), ("points_lost", "points lost", 1, "{:.2f}"), ("agreement", "agreement", 100, "{:.1f}"),
           ("kl", "KL", 1, "{:.4f}"), *[(f"{rank.lower()}_{by}", f"{rank}, {words}", 1, "{:.2f}") for rank in ("Spearman", "Kendall")
            for by, words in (("metric", "metric set"), ("training_mse", "training loss"), ("training_kl", "training KL"), ("held_out_kl", "held-out KL"))],
           ("finetune_steps", "steps", 1, "{:.0f}"), ("seconds", "seconds", 1, "{:.0f}")]
batches = sorted({int(key.split("_")[1][1:]) for m in study["means"] for key in m if key.startswith("latency_b")})
if batches:
    columns.insert(1, ("macs_full_share", "MACs kept (full)", 100, "{:.1f}"))
    columns += [(f"latency_b{n}_{what}", f"{words}, batch {n}", 1, form) for n in batches
                for what, words, form in (("ms", "ms", "{:.1f}"), ("speedup", "speed-up", "{:.2f}"), ("speedup_p10", "10 %", "{:.2f}"), ("speedup_p90", "90 %", "{:.2f}"))]
columns = [c for c in columns if any(c[0] in m for m in study["means"])]
print("| " + " | ".join(axes + [title for _, title, _, _ in columns]) + " |")
print("|" + "---|" * (len(axes) + len(columns)))
for mean in study["means"]:
    cells = [str(mean.get(a, "")).removeprefix("--keep-macs ") for a in axes]
    for key, _, scale, form in columns:
        value = mean.get(key)
        spread = " ± " + form.format(scale * value["sd"]) if value and mean["seeds"] > 1 and value["sd"] > 0 and key not in ("macs_budget_share", "seconds") else ""
        cells.append(form.format(scale * value["mean"]) + spread if value else "")
    print("| " + " | ".join(cells) + " |")
