"""The levels that graphite-beacon itself gives, for the test that compares ours with them.

Reads a JSON list of {"rules", "method", "no_data", "values"} from standard input; a value is a
number or null. Prints a JSON list of levels. Only its judging is used: no loop, no connection.
"""
import json
import logging
import sys
from collections import defaultdict, deque

logging.disable(logging.CRITICAL)

from graphite_beacon.alerts import LEVELS, GraphiteAlert
from graphite_beacon.graphite import GraphiteRecord
from graphite_beacon.utils import parse_rule


def level(case):
    alert = GraphiteAlert.__new__(GraphiteAlert)
    alert.name = "case"
    rules = [parse_rule(rule) for rule in case["rules"]]
    alert.rules = sorted(rules, key=lambda rule: LEVELS.get(rule.get("level"), 99))
    alert.no_data = case["no_data"]
    # a history that is never full: rules about the past do not hold
    alert.history_size = 1000
    alert.history = defaultdict(deque)
    told = []
    alert.notify = lambda level, *args, **kwargs: told.append(level)
    points = ",".join("None" if value is None else repr(float(value)) for value in case["values"])
    record = GraphiteRecord("case,0,%d,60|%s" % (60 * len(case["values"]), points))
    value = None if record.empty else getattr(record, case["method"])
    alert.check([(value, record.target)])
    return told[-1]


json.dump([level(case) for case in json.load(sys.stdin)], sys.stdout)
