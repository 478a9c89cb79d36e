#!/usr/bin/env python3
"""Prints the stages of a compress run as a Markdown table: benchmarks/report-table.py RUN/report.json"""
import json
import sys

report = json.load(open(sys.argv[1], encoding="utf-8"))
percent = lambda x: "" if x is None else f"{100 * x:.1f} %"
number = lambda x: "" if x is None else f"{x:.4g}"
print("| stage | block | gradient steps | metric (KL on the synthetic set) | held-out feature MSE | agreement | top-1 | top-5 |")
print("|---|---|---|---|---|---|---|---|")
print(f"| teacher | | | 0 | 0 | 100 % | {percent(report.get('top1_before'))} | {percent(report.get('top5_before'))} |")
for stage in report["stages"]:
    block = stage.get("block")
    print(f"| {stage['stage']} | {'all at once' if block is None else block} | {stage.get('steps') or ''} | {number(stage['metric'])} "
          f"| {number(stage.get('held_out_mse'))} | {percent(stage.get('held_out_agreement'))} | {percent(stage.get('top1'))} | {percent(stage.get('top5'))} |")
print()
if report["ranking"]: print("Ranking, best first: " + ", ".join(f"{r['index']} ({r['metric']:.3g})" for r in report["ranking"]))
print()
print("| phase | seconds | steps of each training | trainings |")
print("|---|---|---|---|")
for phase in report["phases"]:
    print(f"| {phase['name']} | {phase['seconds']:.0f} | {phase['steps']} | {phase['trainings']} |")
print(f"\n{report['seconds']:.0f} s in all")
