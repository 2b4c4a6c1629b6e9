"""The processes of a bench, and what the kernel says of them."""

import json
import os
import subprocess
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEY = "0123456789abcdef0123456789abc"


def stand_in():
    """Builds the stand-in; gives its path."""
    target = os.path.join(ROOT, "target", "benches")
    crate = os.path.join(ROOT, "benches", "stand-in", "Cargo.toml")
    command = ["cargo", "build", "--release", "--locked", "--manifest-path", crate]
    subprocess.check_call([*command, "--target-dir", target])
    return os.path.join(target, "release", "stand-in")


class Bench:
    """What all works are measured with."""

    def __init__(self, agent, server, folder, chosen):
        self.agent, self.server = agent, server
        self.cycles, self.format = chosen.cycles, chosen.format
        # `None`: as the agent pleases; an older release does not know the key
        self.gzip = None
        # not in memory, as a temporary folder may be: stores are real files
        self.folder = tempfile.mkdtemp(prefix="run-", dir=folder)

    def file(self, name, text):
        """Writes a file for a work; gives its path."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path


class StandIn:
    """A Graphite and a PagerDuty that answer from memory."""

    def __init__(self, bench, *options):
        command = [bench.server, "serve", *options]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen(command, **pipes)
        self.graphite = self.process.stdout.readline().split()[1]
        self.pagerduty = self.process.stdout.readline().split()[1]

    def requests(self):
        """What Graphite was asked since the last look: (began, ended, targets, bytes), in seconds."""
        seen = fetch(self.graphite + "/requests")
        return [(began / 1e6, ended / 1e6, targets, size) for began, ended, targets, size in seen]

    def events(self):
        """When PagerDuty accepted what it took since the last look, in seconds, and its bytes."""
        return [(at / 1e6, size) for at, size in fetch(self.pagerduty + "/events")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(10)


class Agent:
    """The agent on a configuration, with a store of its own."""

    def __init__(self, bench, name, configuration, fresh=True):
        self.store = os.path.join(bench.folder, f"{name}.db")
        if fresh and os.path.exists(self.store):
            os.remove(self.store)
        path = bench.file(f"{name}.yml", f"store: {self.store}\n{configuration}")
        self.log = open(os.path.join(bench.folder, f"{name}.log"), "a", encoding="utf-8")
        self.began = time.time()
        self.process = subprocess.Popen([bench.agent, "run", "-c", path], stderr=self.log)

    def cpu(self):
        """User and system seconds so far, of threads that ended too."""
        # the clock of another process's CPU time: clock_getcpuclockid(3)
        return time.clock_gettime((~self.process.pid << 3) | 2)

    def memory(self):
        """Resident now and at most, in MB; what of it is the program's own file, and what is not."""
        status = self.proc("status")
        rollup = self.proc("smaps_rollup")
        kib = {"resident": status["VmRSS"], "peak": status["VmHWM"], "anonymous": rollup["Anonymous"]}
        return {name: round(value * 1024 / 1e6, 2) for name, value in kib.items()}

    def proc(self, name):
        """The numbers of a file in /proc, by name."""
        with open(f"/proc/{self.process.pid}/{name}", encoding="utf-8") as file:
            pairs = (line.split(":", 1) for line in file if ":" in line)
            found = {key: value.split() for key, value in pairs}
        return {key: int(value[0]) for key, value in found.items() if value and value[0].isdigit()}

    def stored(self):
        """Bytes of the store: the file, and the log beside it that is not in it yet."""
        paths = [self.store, self.store + "-wal"]
        return sum(os.path.getsize(path) for path in paths if os.path.exists(path))

    def threads(self):
        """Names of its threads."""
        folder = f"/proc/{self.process.pid}/task"
        names = []
        for task in os.listdir(folder):
            with open(f"{folder}/{task}/comm", encoding="utf-8") as file:
                names.append(file.read().strip())
        return sorted(names)

    def alive(self):
        """Fails where it has ended."""
        if self.process.poll() is not None:
            with open(self.log.name, encoding="utf-8") as file:
                raise SystemExit(f"error: the agent has ended:\n\n{file.read()[-2000:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()


def fetch(url):
    """A JSON answer, whatever proxy the environment names."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=30) as answer:
        return json.load(answer)


def spend(command, stdin=None):
    """Runs a command to its end: CPU seconds, wall seconds, peak memory in MB, what it printed."""
    began = time.perf_counter()
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=stdin, stdout=pipe, text=True)
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    if process.returncode != 0:
        raise SystemExit(f"error: `{command[0]}` failed ({process.returncode})")
    return {
        "cpu": used.ru_utime + used.ru_stime,
        "wall": time.perf_counter() - began,
        "peak": round(used.ru_maxrss * 1024 / 1e6, 2),
    }, printed
