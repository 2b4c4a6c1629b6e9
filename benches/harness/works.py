"""The works: what is configured, how long it is watched, what is noted."""

import statistics
import time

from processes import KEY, Agent, StandIn, spend

# how often alerts are evaluated here: what a cycle costs does not depend on it,
# but for the number of rules that are due in the same second
EVERY = 10


def configuration(bench, server, work):
    """The agent's."""
    receivers = "\n".join(
        f"  oncall-{index:03}: {{pagerduty: {{routing_key: {KEY}{index:03}, url: {server.pagerduty}}}}}"
        for index in range(work.get("receivers", 1))
    )
    alerts = "\n".join(
        f"  - {{name: Load {rule:04}, target: {target}}}" for rule, target in enumerate(targets(work))
    )
    gzip = "" if bench.gzip is None else f", gzip: {str(bench.gzip).lower()}"
    more = "".join(f", {key}: {value}" for key, value in work.get("defaults", {}).items())
    return f"""graphite: {{url: {server.graphite}, format: {bench.format}, timeout: 60s{gzip}}}
listen: off
docs_url: https://wiki.example.com/alerts
receivers:
{receivers}
defaults: {{every: {work["every"]}s, from: -{work["points"]}min, warning: 80, critical: 95{more}}}
alerts:
{alerts}
"""


def targets(work):
    """What Graphite is asked for."""
    changes = work.get("changes", "")
    return [f"load.n{work['series']}{changes}.r{rule:04}.*" for rule in range(work["rules"])]


def measure(bench, name, work):
    """CPU, memory, bytes of a work in later cycles, of the agent and of the others."""
    with StandIn(bench) as server, Agent(bench, name, configuration(bench, server, work)) as agent:
        warm(agent, server, work)
        cycles, every = work.get("cycles", bench.cycles), work["every"]
        server.requests(), server.events()
        cpu, wrote, began = agent.cpu(), agent.proc("io")["write_bytes"], time.monotonic()
        time.sleep(cycles * every)
        cpu = agent.cpu() - cpu
        seconds = time.monotonic() - began
        asked, told = server.requests(), server.events()
        agent.alive()
        found = {
            "cpu": cpu / cycles,
            "wall": sum(ended - began for began, ended, _, _ in asked) / cycles,
            "bytes": sum(size for *_, size in asked) // cycles,
            "requests": len(asked) / cycles,
            "targets": sum(count for _, _, count, _ in asked) / cycles,
            "events": len(told) / cycles,
            "written": (agent.proc("io")["write_bytes"] - wrote) // cycles,
            "busy": cpu / seconds,
            "threads": agent.threads(),
            **agent.memory(),
        }
        if round(found["targets"]) != work["rules"]:
            print(f"warning: {name}: {found['targets']:.1f} of {work['rules']} rules in a cycle")
        if work.get("others", True):
            found |= others(bench, name, server, work)
        return work | found


def warm(agent, server, work):
    """Waits until every rule was asked for, and the first cycle is over."""
    deadline = time.monotonic() + 3 * work["every"] + 60
    asked = 0
    while asked < work["rules"]:
        agent.alive()
        if time.monotonic() > deadline:
            raise SystemExit("error: the agent does not ask for everything in time")
        time.sleep(0.2)
        asked += sum(count for _, _, count, _ in server.requests())
    # between two cycles, so that whole ones are measured
    time.sleep(work["every"] * 0.4 if work["rules"] == 1 else 2)


def others(bench, name, server, work):
    """The download alone (curl), and the least possible program, on the same requests."""
    found = {}
    for label, together in [("curl", 1), ("curl_together", 100)]:
        if together > 1 and (work["rules"] < 100 or work["series"] > 1):
            continue
        plan = bench.file(f"{name}.{label}", curl(server, work, together))
        command = ["curl", "-sS", "--fail", "--no-progress-meter", "--noproxy", "*", "-K", plan]
        spend(command)  # the stand-in writes each minute once
        best = min((spend(command)[0] for _ in range(3)), key=lambda used: used["cpu"])
        found[label] = best
    listed = bench.file(f"{name}.targets", "\n".join(targets(work)))
    address = [server.graphite.split("//")[1], server.pagerduty.split("//")[1]]
    window = str(work["points"] * 60)
    together = "100" if work["series"] == 1 else "1"
    cycles = max(5, bench.cycles)
    command = [bench.server, "read", "--graphite", address[0], "--pagerduty", address[1]]
    command += ["--window", window, "--together", together, "--cycles"]
    spend([*command, "1", listed])
    used, _ = spend([*command, str(cycles), listed])
    found["least"] = {**used, "cpu": used["cpu"] / cycles, "wall": used["wall"] / cycles}
    return found


def curl(server, work, together):
    """What curl is to fetch, over one connection."""
    until = int(time.time())
    times = f"format=raw&from={until - work['points'] * 60}&until={until}"
    asked = targets(work)
    blocks = []
    for at in range(0, len(asked), together):
        form = "".join(f"&target={target}" for target in asked[at : at + together])
        body = f'data = "{times}{form}"\n' if together > 1 else ""
        query = "" if together > 1 else f"?{times}{form}"
        blocks.append(f'url = "{server.graphite}/render{query}"\noutput = /dev/null\n{body}')
    return "globoff\n" + "next\ngloboff\nsilent\n".join(blocks)


def cycle(rules, series, points, **more):
    """A work in a few words."""
    work = {"rules": rules, "series": series, "points": points, "every": EVERY, **more}
    return lambda bench: measure(bench, f"{rules}x{series}x{points}", work)


def idle(bench):
    """S5: an agent that has little to do, a minute from one thing to the next."""
    work = {"rules": 100, "series": 10, "points": 60, "every": 60, "cycles": 1}
    return measure(bench, "idle", work)


def start(bench):
    """From the start of the process to its first request, on the state of a run before it."""
    work = {"rules": 100, "series": 10, "points": 60, "every": 1}
    times, spent = [], []
    with StandIn(bench) as server:
        text = configuration(bench, server, work)
        for attempt in range(8):
            server.requests()
            with Agent(bench, "start", text, fresh=attempt == 0) as agent:
                while not (asked := server.requests()):
                    time.sleep(0.002)
                spent.append(agent.cpu() * 1000)
                times.append((asked[0][0] - agent.began) * 1000)
                time.sleep(1.5)
            # the next one finds a slot that was missed
            time.sleep(1)
    # the first found no store
    return work | {
        "start_ms": statistics.median(times[1:]),
        "slowest_ms": max(times[1:]),
        "cpu_ms": statistics.median(spent[1:]),
    }


def latency(bench):
    """From the end of Graphite's answer to PagerDuty's acceptance, ten receivers, 10,000 series."""
    every = 5
    work = {
        "rules": 1,
        "series": 10_000,
        "points": 5,
        "every": every,
        "receivers": 10,
        "changes": f".f3.p{every}",
        "defaults": {"recover_for": "0s"},
    }
    with StandIn(bench) as server, Agent(bench, "latency", configuration(bench, server, work)) as agent:
        warm(agent, server, work)
        server.events()
        time.sleep(every * max(12, bench.cycles))
        agent.alive()
        ends = sorted(ended for _, ended, _, _ in server.requests())
        waits = []
        for at, _ in server.events():
            answered = [ended for ended in ends if ended < at]
            if answered:
                waits.append((at - answered[-1]) * 1000)
        waits.sort()
        return work | {
            "events": len(waits),
            "median_ms": statistics.median(waits),
            "p99_ms": waits[int(len(waits) * 0.99)],
            "slowest_ms": waits[-1],
        }


def storm(bench):
    """Memory before, in and after a storm: 50,000 series breach once, for two evaluations."""
    every = 5
    work = {"rules": 1, "series": 50_000, "points": 10, "every": every}
    begin = int(time.time()) + 60
    work |= {"changes": f".o{begin}.d{2 * every}", "defaults": {"recover_for": "0s"}}
    with StandIn(bench) as server, Agent(bench, "storm", configuration(bench, server, work)) as agent:
        warm(agent, server, work)
        time.sleep(max(begin - every - time.time(), 0))
        before = agent.memory()
        server.events()
        # what was opened is told, what is over is told, and nothing is owed any more
        time.sleep(max(begin + 90 - time.time(), 0))
        agent.alive()
        after = agent.memory()
        return work | {
            "events": len(server.events()),
            "before": before["resident"],
            "after": after["resident"],
            "peak": after["peak"],
        }


def flaps(bench):
    """How the store grows: one of 100 series breaches and another recovers in each cycle."""
    every, minutes = 2, 5
    work = {
        "rules": 1,
        "series": 100,
        "points": 10,
        "every": every,
        # as many as a receiver is told at its pace: none is owed more and more
        "changes": f".f1.p{every}",
        "defaults": {"recover_for": "0s"},
    }
    with StandIn(bench) as server, Agent(bench, "flaps", configuration(bench, server, work)) as agent:
        warm(agent, server, work)
        server.requests(), server.events()
        sizes, cycles = [], 0
        for _ in range(minutes):
            time.sleep(60)
            cycles += len(server.requests())
            sizes.append((cycles, agent.stored()))
        agent.alive()
        return work | {"cycles": cycles, "stored": sizes}


def grow(along, values, **work):
    """The same work with more and more of one thing."""

    def run(bench):
        points = []
        for value in values:
            each = {"rules": 1, "every": 5, "others": False, **work, along: value}
            points.append(measure(bench, f"{along}-{value}", each))
        return {"along": along, "points": points}

    return run


CHANGES = {"changes": ".f5.p5", "defaults": {"recover_for": "0s"}}

ALL = {
    "S1": cycle(1000, 1, 60, every=60, cycles=2),
    "S2": cycle(10, 1000, 60),
    "S3": cycle(1, 100_000, 10),
    "S4": cycle(100, 100, 1440),
    "S5": idle,
    "start": start,
    "latency": latency,
    "storm": storm,
    "flaps": flaps,
    "grow-series": grow("series", [100, 1000, 10_000, 30_000, 100_000], points=10),
    "grow-points": grow("points", [10, 60, 360, 1440, 4320], series=1000),
    "grow-rules": grow("rules", [10, 100, 300, 1000], series=10, points=10),
    "grow-receivers": grow("receivers", [1, 5, 10, 20, 40], series=1000, points=10, **CHANGES),
}
