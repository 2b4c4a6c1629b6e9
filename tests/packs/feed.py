#!/usr/bin/env python3
"""Sends data shaped like a collector's to a carbon line receiver, for the tests of `alerts/`.

    feed.py PACK healthy|sick [HOST:PORT] [--now EPOCH]      PACK: linux-collectd, carbon, ...

One point a minute, for twenty minutes up to now (an hour and a half for `carbon`, which is compared with
an hour before). What the collector's documentation calls a counter grows here, and is set back once where
`reset` says so. Sick data is meant to be sent after healthy data, to the same Graphite: its hosts have
names of their own, and series that can exist only once (StatsD's own) are overwritten.
What the alerts must say of it is in PACK.expect.json: state, alert, legend, level; series not listed there
are not compared (a dead host's under alerts that keep what they knew). It holds for two minutes after
feeding. Without HOST:PORT the lines go to stdout.
"""

import argparse
import socket
import sys
import time

GIB = 2**30


class Feed:
    """Metrics by name, each a function of how many minutes ago a point is (0: the current minute)."""

    def __init__(self, minutes=20):
        self.minutes = minutes
        self.metrics = {}

    def gauge(self, name, value, until=0):
        """A number that stays, or a function of the minutes ago; sent until `until` minutes ago."""
        value = value if callable(value) else (lambda ago, v=value: v)
        self.metrics[name] = lambda ago: value(ago) if ago >= until else None

    def counter(self, name, per_minute, start=1_000_000, reset=None, until=0):
        """Grows by `per_minute`; begins again at 0, as after a restart, `reset` minutes ago."""

        def value(ago):
            if ago < until:
                return None
            if reset is not None and ago <= reset:
                return per_minute * (reset - ago)
            return start + per_minute * (self.minutes - ago)

        self.metrics[name] = value

    def lines(self, now):
        now -= now % 60
        for ago in range(self.minutes, -1, -1):
            for name, value in self.metrics.items():
                number = value(ago)
                if number is not None:
                    yield f"{name} {number} {now - 60 * ago}\n"


def linux_hosts(state, host):
    """Calls `host(name, **what)` for each host; defaults are healthy. Shared by the three collectors."""
    if state == "healthy":
        host("ok-web1")
        host("ok-db1", load=3.5, disks={"/": (40, 60), "/var/lib": (850, 150)})
    else:
        host("sick-load", load=10)  # 250 % of four CPUs
        host("sick-jam", load=24)
        host("sick-wait", wait=45)
        host("sick-memory", available=0.04)
        host("sick-swap", swap_in=3000)
        host("sick-disk", disks={"/": (97, 3), "/var/lib": (92, 8)})
        host("sick-inodes", inodes=0.97)
        host("sick-dead", until=9)


def linux_collectd(state):
    feed = Feed()

    def host(name, load=1.2, wait=2, available=0.6, swap_in=0, disks=None, inodes=0.1, until=0):
        at = f"collectd.{name}"
        for source, factor in (("shortterm", 1.1), ("midterm", 1), ("longterm", 0.9)):
            feed.gauge(f"{at}.load.load.{source}", load * factor, until)
        for cpu in range(4):
            states = {"user": 20, "system": 5, "wait": wait, "nice": 0, "softirq": 1, "interrupt": 0, "steal": 0}
            states["idle"] = 100 - sum(states.values())
            for key, rate in states.items():
                feed.gauge(f"{at}.cpu-{cpu}.cpu-{key}", rate, until)
        total = 16 * GIB
        parts = {"free": 0.4, "buffered": 0.1, "cached": 0.4, "slab_recl": 0.1}
        for key, share in parts.items():
            feed.gauge(f"{at}.memory.memory-{key}", total * available * share, until)
        feed.gauge(f"{at}.memory.memory-slab_unrecl", total * (1 - available) * 0.1, until)
        feed.gauge(f"{at}.memory.memory-used", total * (1 - available) * 0.9, until)
        feed.gauge(f"{at}.swap.swap-used", 2 * GIB, until)
        feed.gauge(f"{at}.swap.swap_io-in", swap_in, until)
        feed.gauge(f"{at}.swap.swap_io-out", swap_in, until)
        for path, (used, free) in (disks or {"/": (30, 70)}).items():
            df = f"{at}.df-" + (path.strip("/").replace("/", "-") or "root")
            for key, value in (("used", used), ("free", free), ("reserved", 5)):
                feed.gauge(f"{df}.df_complex-{key}", value * GIB, until)
            for key, share in (("used", inodes), ("free", 1 - inodes), ("reserved", 0)):
                feed.gauge(f"{df}.df_inodes-{key}", 1_000_000 * share, until)

    linux_hosts(state, host)
    return feed


def linux_diamond(state):
    feed = Feed()

    def host(name, load=1.2, wait=2, available=0.6, swap_in=0, disks=None, inodes=0.1, until=0):
        at = f"servers.{name}"
        for key, factor in (("01", 1.1), ("05", 1), ("15", 0.9)):
            feed.gauge(f"{at}.loadavg.{key}", load * factor, until)
        feed.gauge(f"{at}.loadavg.processes_running", 3, until)
        states = {"user": 20, "nice": 0, "system": 5, "iowait": wait, "irq": 0, "softirq": 1, "steal": 0, "guest": 7}
        states["idle"] = 100 - sum(states.values()) + states["guest"]
        for key, rate in states.items():
            feed.gauge(f"{at}.cpu.total.{key}", 4 * rate, until)
            for cpu in range(4):
                feed.gauge(f"{at}.cpu.cpu{cpu}.{key}", rate, until)
        total = 16 * GIB
        memory = {"MemTotal": total, "SwapTotal": 4 * GIB, "SwapFree": 2 * GIB}
        for key, share in (("MemFree", 0.4), ("Buffers", 0.1), ("Cached", 0.5)):
            memory[key] = total * available * share
        for key, value in memory.items():
            feed.gauge(f"{at}.memory.{key}", value, until)
        feed.gauge(f"{at}.vmstat.pswpin", swap_in, until)
        feed.gauge(f"{at}.vmstat.pswpout", swap_in, until)
        for path, (used, free) in (disks or {"/": (30, 70)}).items():
            df = f"{at}.diskspace." + ("root" if path == "/" else path.replace("/", "_"))
            for key, value in (("used", used), ("avail", free), ("free", free + 5)):
                feed.gauge(f"{df}.byte_{key}", value * GIB, until)
            for key, share in (("used", inodes), ("free", 1 - inodes), ("avail", 1 - inodes)):
                feed.gauge(f"{df}.inodes_{key}", 1_000_000 * share, until)

    linux_hosts(state, host)
    return feed


def linux_telegraf(state):
    feed = Feed()

    def host(name, load=1.2, wait=2, available=0.6, swap_in=0, disks=None, inodes=0.1, until=0):
        at = f"telegraf.{name}"
        for key, value in (("load1", load * 1.1), ("load5", load), ("load15", load * 0.9), ("n_cpus", 4)):
            feed.gauge(f"{at}.system.{key}", value, until)
        feed.gauge(f"{at}.cpu-total.cpu.usage_iowait", wait, until)
        feed.gauge(f"{at}.cpu0.cpu.usage_iowait", wait, until)
        feed.gauge(f"{at}.mem.available_percent", 100 * available, until)
        feed.gauge(f"{at}.mem.used_percent", 100 * (1 - available), until)
        # bytes since boot; ok-db1 was rebooted three minutes ago
        reset = 3 if name == "ok-db1" else None
        feed.counter(f"{at}.swap.in", swap_in * 4096 * 60, start=5 * GIB, reset=reset, until=until)
        feed.counter(f"{at}.swap.out", swap_in * 4096 * 60, start=5 * GIB, reset=reset, until=until)
        for number, (path, (used, free)) in enumerate((disks or {"/": (30, 70)}).items()):
            # a labelled device has one node more
            tags = f"sda{number}.ext4" + ("" if path == "/" else ".data")
            df = f"{at}.{tags}.rw." + path.replace("/", "-") + ".disk"
            feed.gauge(f"{df}.used_percent", 100 * used / (used + free), until)
            feed.gauge(f"{df}.inodes_used", 1_000_000 * inodes, until)
            feed.gauge(f"{df}.inodes_free", 1_000_000 * (1 - inodes), until)
            feed.gauge(f"{df}.inodes_total", 1_000_000, until)

    linux_hosts(state, host)
    return feed


def haproxy(state):
    feed = Feed()

    def proxy(host, name, check=12, up=3, servers=3, queue=0, errors=0.001, sessions=100, reset=None, until=0):
        at = f"servers.{host}.haproxy.{name}"
        for number in range(1, servers + 1):
            feed.gauge(f"{at}.app{number}.check_duration", check if number == 1 else 10, until)
            feed.gauge(f"{at}.app{number}.act", 1, until)
            feed.gauge(f"{at}.app{number}.bck", 0, until)
        feed.gauge(f"{at}.backend.act", up, until)
        feed.gauge(f"{at}.backend.bck", 0, until)
        feed.gauge(f"{at}.backend.qcur", queue, until)
        feed.gauge(f"{at}.frontend.scur", sessions, until)
        feed.gauge(f"{at}.frontend.slim", 2000, until)
        shares = {"1xx": 0, "2xx": 0.9 - errors, "3xx": 0.07, "4xx": 0.03, "5xx": errors, "other": 0}
        for key, share in shares.items():
            feed.counter(f"{at}.backend.hrsp_{key}", 6000 * share, reset=reset, until=until)

    if state == "healthy":
        proxy("ok-lb1", "web")
        proxy("ok-lb1", "api", reset=2)
    else:
        proxy("sick-lb1", "slow", check=800)
        proxy("sick-lb1", "stuck", check=1900)
        proxy("sick-lb1", "down", up=0)
        proxy("sick-lb1", "half", up=2, servers=4)
        proxy("sick-lb1", "queue", queue=60)
        # a short queue that empties now and then is no queue
        proxy("sick-lb1", "burst", queue=lambda ago: 80 if ago % 2 else 0)
        proxy("sick-lb1", "errors", errors=0.08)
        proxy("sick-lb1", "full", sessions=1700)
        proxy("sick-lb2", "web", until=9)
    return feed


def mongodb(state):
    feed = Feed()

    def server(host, lock=5, queue=0, connections=200, faults=3, until=0):
        at = f"servers.{host}.mongo"
        if lock is not None:  # 2.6; later ones don't send it
            feed.gauge(f"{at}.percent.locks._global_.write", 0.2, until)
            feed.gauge(f"{at}.percent.locks.shop.write", lock, until)
            feed.gauge(f"{at}.percent.locks.shop.read", 2, until)
        feed.gauge(f"{at}.globalLock.currentQueue.total", queue, until)
        feed.gauge(f"{at}.connections.current", connections, until)
        feed.gauge(f"{at}.connections.available", 1000 - connections, until)
        feed.counter(f"{at}.extra_info.page_faults", faults * 60, until=until)
        feed.gauge(f"{at}.extra_info_per_sec.page_faults", faults, until)

    if state == "healthy":
        server("ok-db1")
        server("ok-db2", lock=None)
    else:
        server("sick-lock", lock=60)
        server("sick-locked", lock=85)
        server("sick-queue", lock=None, queue=150)
        server("sick-full", connections=960)
        server("sick-faults", faults=400)
        server("sick-dead", until=9)
    return feed


def statsd(state):
    feed = Feed()
    sick = state == "sick"
    feed.gauge("stats.statsd.packets_received", 0 if sick else 1200)
    feed.gauge("stats.statsd.bad_lines_seen", 2 if sick else 0)
    feed.gauge("stats.gauges.statsd.timestamp_lag", 14 if sick else 0)
    feed.gauge("stats.statsd.graphiteStats.calculationtime", 3000 if sick else 40)
    feed.gauge("statsd.numStats", 4000)
    return feed


def resque(state):
    feed = Feed()

    def queue(environment, name, length):
        feed.gauge(f"stats.gauges.resque.{environment}.{name}.gauge", length)

    def jobs(name, finished, failed):
        feed.gauge(f"stats.resque.queues.{name}.finished", finished)
        feed.gauge(f"stats.resque.queues.{name}.failed", failed)

    if state == "healthy":
        # a burst of 5,000 that is worked off each fourth minute
        queue("ok", "mail", lambda ago: 5000 if ago % 4 else 0)
        queue("ok", "thumbnails", 12)
        queue("ok", "failed", lambda ago: 900 if ago > 5 else 0)  # somebody cleared it
        jobs("ok_mail", 10, 0.1)
        jobs("ok_idle", 0, 0)
    else:
        queue("sick", "mail", 400)
        queue("sick", "import", lambda ago: 9000 - 100 * ago)
        queue("sick", "failed", lambda ago: 4000 - 12 * ago)
        jobs("sick_mail", 10, 1)
        jobs("sick_import", 1, 4)
    return feed


def carbon(state):
    feed = Feed(minutes=95)

    def cache(instance, **different):
        received = different.pop("received", 60_000)
        until = different.pop("until", 0)
        values = {
            "metricsReceived": received, "committedPoints": 60_000, "updateOperations": 15_000,
            "pointsPerUpdate": 4, "creates": 3, "droppedCreates": 0, "errors": 0, "cpuUsage": 35,
            "cache.size": 180_000, "cache.queues": 45_000, "cache.overflow": 0, "cache.queries": 200,
        }
        values.update({key.replace("_", "."): value for key, value in different.items()})
        for key, value in values.items():
            feed.gauge(f"carbon.agents.{instance}.{key}", value, until)

    def relay(instance, drops=None):
        at = f"carbon.relays.{instance}.destinations.10_0_0_1:2004:a"
        feed.gauge(f"{at}.sent", 60_000)
        if drops:  # sent only when it happens
            feed.gauge(f"{at}.fullQueueDrops", lambda ago: drops if ago <= 2 else None)

    if state == "healthy":
        cache("ok-graph-a")
        cache("ok-graph-b", droppedCreates=lambda ago: 500 if ago < 5 else 0)
        relay("ok-relay-a")
    else:
        cache("sick-still-a", committedPoints=0)
        cache("sick-errors-a", errors=2)
        cache("sick-full-a", cache_overflow=3)
        cache("sick-slow-a", cache_size=1_800_000)
        cache("sick-creates-a", droppedCreates=40)
        cache("sick-busy-a", cpuUsage=99)
        cache("sick-lonely-a", received=lambda ago: 60_000 if ago > 30 else 30_000)
        cache("sick-dead-a", until=9)
        relay("sick-relay-a", drops=700)
    return feed


PACKS = {
    "linux-collectd": linux_collectd,
    "linux-diamond": linux_diamond,
    "linux-telegraf": linux_telegraf,
    "haproxy": haproxy,
    "mongodb": mongodb,
    "statsd": statsd,
    "resque": resque,
    "carbon": carbon,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", choices=PACKS)
    parser.add_argument("state", choices=["healthy", "sick"])
    parser.add_argument("carbon", nargs="?", help="HOST:PORT of a line receiver")
    parser.add_argument("--now", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    text = "".join(PACKS[arguments.pack](arguments.state).lines(arguments.now))
    if not arguments.carbon:
        sys.stdout.write(text)
        return
    host, port = arguments.carbon.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(text.encode())


if __name__ == "__main__":
    main()
