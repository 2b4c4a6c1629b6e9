#!/usr/bin/env python3
"""Sends data shaped like a collector's to a carbon line receiver, for the tests of `alerts/`.

    feed.py PACK healthy|sick [HOST:PORT] [--now EPOCH] [--under NODES]     PACK: linux-collectd, carbon, ...

One point a minute, for twenty minutes up to now (an hour and a half where an hour is compared with what was
before; for `business` the same time a week before as well). What the collector's documentation calls a counter grows here, and is set back once where
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
WEEK = 7 * 24 * 60  # minutes


class Feed:
    """Metrics by name, each a function of how many minutes ago a point is (0: the current minute)."""

    def __init__(self, minutes=20, week_before=False):
        self.minutes = minutes
        self.metrics = {}
        # how many minutes ago the periods that are sent begin
        self.begins = [minutes, minutes + WEEK] if week_before else [minutes]

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
        for begin in self.begins:
            for ago in range(begin, begin - self.minutes - 1, -1):
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


def postgresql(state):
    feed = Feed()

    def database(host, name="shop", connections=20, rollbacks=0.01, hits=0.99, dead=0.1, until=0):
        at = f"collectd.{host}.postgresql-{name}"
        feed.gauge(f"{at}.pg_numbackends", connections, until)
        for key, share in (("commit", 1 - rollbacks), ("rollback", rollbacks)):
            feed.gauge(f"{at}.pg_xact-{key}", 100 * share, until)
        for part in ("heap", "idx", "toast", "tidx"):
            for key, share in (("hit", hits), ("read", 1 - hits)):
                feed.gauge(f"{at}.pg_blks-{part}_{key}", 1000 * share, until)
        for key, share in (("live", 1 - dead), ("dead", dead)):
            feed.gauge(f"{at}.pg_n_tup_g-{key}", 1_000_000 * share, until)
        feed.gauge(f"{at}.pg_db_size", 5 * GIB, until)

    if state == "healthy":
        database("ok-db1")
        database("ok-db1", "wiki", connections=3, rollbacks=0)
    else:
        # together they are too many
        database("sick-full", connections=70)
        database("sick-full", "wiki", connections=20)
        database("sick-fuller", connections=99)
        database("sick-rollbacks", rollbacks=0.3)
        database("sick-cache", hits=0.7)
        database("sick-rows", dead=0.6)
        database("sick-dead", until=9)
    return feed


def redis(state):
    feed = Feed()

    def server(host, role="master", memory=0.5, limit=GIB, evicted=0, rejected=0, lag=None, begin=20, until=0):
        at = f"telegraf.{host}.6379.{role}.localhost.redis"
        values = {"clients": 20, "used_memory": memory * GIB, "maxmemory": limit}
        if lag is not None:  # replicas alone
            values["master_last_io_seconds_ago"] = lag
        for key, value in values.items():
            feed.gauge(f"{at}.{key}", lambda ago, v=value: v if ago <= begin else None, until)
        feed.counter(f"{at}.evicted_keys", 60 * evicted, until=until)
        feed.counter(f"{at}.rejected_connections", 60 * rejected, until=until)

    if state == "healthy":
        server("ok-cache1")
        server("ok-cache2", limit=0)  # none is set
        # became the master seven minutes ago
        server("ok-cache3", role="replica", lag=4, until=7)
        server("ok-cache3", begin=7)
    else:
        server("sick-memory", memory=0.9)
        server("sick-full", memory=1)
        server("sick-evicts", evicted=50)
        server("sick-rejects", rejected=2)
        server("sick-lag", role="replica", lag=45)
        server("sick-link", role="replica", lag=-1)
        server("sick-dead", until=9)
    return feed


def nginx(state):
    feed = Feed(minutes=95)

    def server(host, active=200, requests=500, failed=0, until=0):
        at = f"collectd.{host}.nginx"
        for key, share in (("active", 1), ("reading", 0.05), ("writing", 0.35), ("waiting", 0.6)):
            feed.gauge(f"{at}.nginx_connections-{key}", active * share, until)
        feed.gauge(f"{at}.connections-accepted", 80, until)
        feed.gauge(f"{at}.connections-handled", 80 - failed, until)
        feed.gauge(f"{at}.connections-failed", failed, until)
        feed.gauge(f"{at}.nginx_requests", requests, until)

    if state == "healthy":
        server("ok-web1")
        server("ok-web2", active=600)
    else:
        server("sick-drops", failed=0.2)
        server("sick-busy", active=850)
        server("sick-full", active=1000)
        server("sick-lonely", requests=lambda ago: 500 if ago > 30 else 200)
        server("sick-lost", requests=lambda ago: 500 if ago > 30 else 10)
        server("sick-dead", until=9)
    return feed


def rabbitmq(state):
    feed = Feed()

    def node(host, memory=0.4, disk=100, descriptors=0.3, queues=None, until=0):
        at = f"servers.{host}.rabbitmq"
        values = {
            "mem_used": 4 * GIB * memory, "mem_limit": 4 * GIB,
            "disk_free": 50e6 * disk, "disk_free_limit": 50e6,
            "fd_used": 1024 * descriptors, "fd_total": 1024,
        }
        for key, value in values.items():
            feed.gauge(f"{at}.health.{key}", value, until)
        for name, (ready, consumers) in (queues or {"mail": (3, 2)}).items():
            feed.gauge(f"{at}.queues.{name}.messages_ready", ready, until)
            feed.gauge(f"{at}.queues.{name}.consumers", consumers, until)

    if state == "healthy":
        # a burst that is worked off each fourth minute; what nobody is meant to read
        burst = (lambda ago: 0 if ago % 4 == 0 else 5000, 2)
        node("ok-mq1", queues={"mail": burst, "dead-mail": (70_000, 0)})
    else:
        node("sick-queues", queues={"mail": (2000, 1), "import": (50_000, 1), "orphan": (5, 0)})
        node("sick-memory", memory=0.8)
        node("sick-blocked", memory=0.99, disk=1.2)
        node("sick-disk", disk=2)
        node("sick-files", descriptors=0.85)
        node("sick-no-files", descriptors=0.99)
        node("sick-dead", until=9)
    return feed


def jvm(state):
    feed = Feed()

    def machine(host, heap=0.4, gc=0.02, threads=80, descriptors=0.2, reset=None, until=0):
        at = f"servers.{host}_1099"
        feed.gauge(f"{at}.memory.HeapMemoryUsage_used", heap * GIB if not callable(heap) else heap, until)
        feed.gauge(f"{at}.memory.HeapMemoryUsage_max", GIB, until)
        for name, share in (("G1_Young_Generation", 0.75), ("G1_Old_Generation", 0.25)):
            feed.counter(f"{at}.gc.{name}.CollectionTime", 60_000 * gc * share, reset=reset, until=until)
        feed.gauge(f"{at}.threads.ThreadCount", threads, until)
        feed.gauge(f"{at}.os.OpenFileDescriptorCount", 4096 * descriptors, until)
        feed.gauge(f"{at}.os.MaxFileDescriptorCount", 4096, until)

    if state == "healthy":
        # fills up and is freed each fourth minute; was started again three minutes ago
        machine("ok-app1", heap=lambda ago: GIB * (0.95 if ago % 4 else 0.3), reset=3)
        machine("ok-app2")
    else:
        machine("sick-heap", heap=0.85)
        machine("sick-full", heap=0.97, gc=0.5)
        machine("sick-gc", gc=0.15)
        machine("sick-threads", threads=1500)
        machine("sick-leak", threads=5000)
        machine("sick-files", descriptors=0.85)
        machine("sick-no-files", descriptors=0.99)
        machine("sick-dead", until=9)
    return feed


def kafka(state):
    feed = Feed()

    def broker(host, under=0, offline=0, controller=0, idle=0.8, until=0):
        at = f"servers.{host}_9999.kafka"
        feed.gauge(f"{at}.UnderReplicatedPartitions.Value", under, until)
        feed.gauge(f"{at}.OfflinePartitionsCount.Value", offline, until)
        feed.gauge(f"{at}.ActiveControllerCount.Value", controller, until)
        feed.gauge(f"{at}.RequestHandlerAvgIdlePercent.OneMinuteRate", idle, until)

    if state == "healthy":
        broker("ok-kafka1", controller=1)
        # a replica that lags now and then
        broker("ok-kafka2", under=lambda ago: ago % 2)
    else:
        broker("sick-lags", under=5)
        broker("sick-alone", under=80)
        # a second controller
        broker("sick-offline", offline=3, controller=1)
        broker("sick-busy", idle=0.2)
        broker("sick-jam", idle=0.05)
        broker("sick-dead", until=9)
    return feed


def business(state):
    feed = Feed(minutes=95, week_before=True)

    def shop(name, orders, until=0):
        # ten a minute a week ago
        feed.gauge(f"business.{name}.orders", lambda ago: 10 if ago >= WEEK else orders, until)

    if state == "healthy":
        shop("ok-web", 9)
    else:
        shop("sick-shut", 0)
        shop("sick-few", 3)
        shop("sick-dead", 10, until=20)
    return feed


def deploys(state):
    feed = Feed(minutes=95)

    def marks(service, **kinds):
        """Each kind with the minutes ago at which it happened; nothing is sent in between."""
        for kind, happened in kinds.items():
            feed.gauge(f"deploys.{service}.{kind}", lambda ago, at=tuple(happened): 1 if ago in at else None)

    if state == "healthy":
        marks("ok-web", started=[80, 30], finished=[70, 20])
    else:
        marks("sick-failed", started=[12], failed=[8])
        marks("sick-stuck", started=[40])
        marks("sick-loop", started=range(5, 25, 2), finished=range(4, 24, 2))
        marks("sick-mad", started=range(5, 45, 2), finished=range(4, 44, 2))
    return feed


def graphite_pager(state):
    feed = Feed()

    def agent(host, code=200, until=0):
        feed.gauge(f"collectd.{host}.curl-graphite-pager.response_code", code, until)

    if state == "healthy":
        agent("ok-pager1")
    else:
        agent("sick-store", code=503)
        agent("sick-dead", until=9)
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
    "postgresql": postgresql,
    "redis": redis,
    "nginx": nginx,
    "rabbitmq": rabbitmq,
    "jvm": jvm,
    "kafka": kafka,
    "business": business,
    "deploys": deploys,
    "graphite-pager": graphite_pager,
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", choices=PACKS)
    parser.add_argument("state", choices=["healthy", "sick"])
    parser.add_argument("carbon", nargs="?", help="HOST:PORT of a line receiver")
    parser.add_argument("--now", type=int, default=int(time.time()))
    parser.add_argument("--under", help="nodes that every name gets before it")
    arguments = parser.parse_args()
    before = arguments.under + "." if arguments.under else ""
    lines = PACKS[arguments.pack](arguments.state).lines(arguments.now)
    text = "".join(before + line for line in lines)
    if not arguments.carbon:
        sys.stdout.write(text)
        return
    host, port = arguments.carbon.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(text.encode())


if __name__ == "__main__":
    main()
