"""What the figures are called, where they come from, and the table of them."""

import datetime
import os
import platform
import subprocess

from processes import ROOT

# CPU seconds a cycle
GOALS = {"S1": 0.03, "S2": 0.01, "S3": 0.10, "S4": 0.06}


def begin(agent=None):
    """The frame of all results: what was measured, where, when."""
    size = {"binary_mb": round(os.path.getsize(agent) / 1e6, 2)} if agent else {}
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": said("git", "-C", ROOT, "describe", "--always", "--dirty", "--abbrev=10"),
        "machine": {
            "processor": processor(),
            "processors": os.cpu_count(),
            "kernel": platform.release(),
            "load": os.getloadavg()[0],
        },
        **size,
        "works": {},
    }


def said(*command):
    """What a command prints, or a word where there is no such command."""
    try:
        return subprocess.check_output(command, text=True, stderr=subprocess.DEVNULL).strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def processor():
    """Its name."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def line(name, found):
    """One work, as soon as it is done."""
    keys = ["cpu", "wall", "peak", "resident", "bytes", "events", "start_ms", "median_ms", "p99_ms"]
    figures = [f"{key} {found[key]:.4g}" for key in keys if key in found]
    for other in ("curl", "curl_together", "least"):
        if other in found:
            figures.append(f"{other} {found[other]['cpu']:.4f}")
    for point in found.get("points", []) if isinstance(found.get("points"), list) else []:
        figures.append(f"{point[found['along']]}: {point['cpu']:.4f} s {point['peak']:.1f} MB;")
    print(f"{name}: {'  '.join(figures)}", flush=True)


def table(results):
    """All that can be set side by side, as Markdown."""
    rows = [
        "| | rules x series x points | curl, CPU s | least program, CPU s | **agent, CPU s** | goal"
        " | wall s | peak MB | resident MB | MB a cycle |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    works = results["works"]
    for name, work in works.items():
        if "least" not in work:
            continue
        curl = f"{work['curl']['cpu']:.3f}"
        if "curl_together" in work:
            curl += f" ({work['curl_together']['cpu']:.3f})"
        goal = f"{GOALS[name]:.2f}" if name in GOALS else ""
        rows.append(
            f"| {name} | {work['rules']:,} x {work['series']:,} x {work['points']:,} | {curl}"
            f" | {work['least']['cpu']:.3f} | **{work['cpu']:.3f}** | {goal} | {work['wall']:.2f}"
            f" | {work['peak']:.1f} | {work['resident']:.1f} | {work['bytes'] / 1e6:.2f} |"
        )
    rows = rows + [""] if len(rows) > 2 else []
    rows.append(f"Binary: {results['binary_mb']} MB.")
    if "S1" in works:
        rows.append(f"1,000 rules a minute: {works['S1']['busy'] * 100:.3f} % of one processor.")
    if "S5" in works:
        threads = ", ".join(works["S5"]["threads"])
        rows.append(f"Threads: {len(works['S5']['threads'])} ({threads}).")
    if "start" in works:
        rows.append(
            f"Start to first request: {works['start']['start_ms']:.0f} ms (median),"
            f" {works['start']['cpu_ms']:.0f} ms of CPU."
        )
    if "latency" in works:
        found = works["latency"]
        rows.append(
            f"End of Graphite's answer to acceptance, {found['events']} events:"
            f" median {found['median_ms']:.0f} ms, p99 {found['p99_ms']:.0f} ms."
        )
    if "storm" in works:
        found = works["storm"]
        rows.append(
            f"Resident before a storm of {found['series']:,} series {found['before']:.1f} MB,"
            f" at its peak {found['peak']:.1f}, after it {found['after']:.1f}."
        )
    if "flaps" in works:
        sizes = ", ".join(f"{size / 1e3:.0f} kB after {cycles}" for cycles, size in works["flaps"]["stored"])
        rows.append(f"Store, one series in a hundred flapping each cycle: {sizes} cycles.")
    return "\n".join(rows)
