"""What the Python recorders share: their options, and the trace that they write (`fairdrain-trace/1`, see docs/models.md)."""

import argparse
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor


def options(description, modes):
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--bootstrap-server", required=True, metavar="HOST:PORT")
    add("--topic", action="append", required=True, metavar="NAME", help="may be repeated; in this order")
    add("--mode", choices=modes, default="single", help="multi: a consumer for each topic")
    add("--subscribe", choices=["assign", "group"], default="assign")
    add("--commit", action="store_true", help="commit after each poll with records (with --subscribe group)")
    add("--max-poll-records", type=int, default=500, metavar="RECORDS")
    add("--poll-timeout", type=int, default=1000, metavar="MS")
    add("--work-us", type=int, default=0, metavar="US", help="pause after a poll, for each record")
    add("--idle-rounds", type=int, default=0, metavar="N", help="polls after everything has been drained")
    add("--join", type=int, default=1, metavar="N", help="a line for up to N polls of one record, with --max-poll-records 1")
    add("-X", action="append", default=[], metavar="KEY=VALUE", help="a setting under the client's own name")
    add("--time", type=float, default=300, metavar="SECONDS", help="end after so long")
    add("--layout", metavar="FILE", help="what `fairdrain record --layout-only` has written")
    add("--fairdrain", default="fairdrain", metavar="PROGRAM", help="asked for the layout, if there is no --layout")
    add("--name", default="recorded", help="the scenario's name in the header")
    add("--broker-version", default="unknown", metavar="VERSION")
    add("--repeat", type=int, default=1, metavar="N", help="number of the repetition, for the header")
    add("-o", "--output", metavar="FILE", help="standard output unless given")
    arguments = parser.parse_args()
    if arguments.commit and arguments.subscribe == "assign":
        parser.error("--commit needs a group: --subscribe group")
    if arguments.mode != "single" and arguments.subscribe == "group":
        parser.error(f"{arguments.mode} is recorded with --subscribe assign")
    if arguments.mode.startswith("multi") and arguments.work_us:
        parser.error(f"{arguments.mode} is recorded without --work-us")
    by_record = arguments.mode == "single" and arguments.max_poll_records == 1
    if arguments.join > 1 and (not by_record or arguments.work_us or arguments.commit):
        parser.error("--join is for --mode single with --max-poll-records 1, without --work-us and --commit")
    return arguments


def value(text):
    """Settings are numbers and truth values where they look like them."""
    if text in ("true", "True", "false", "False"):
        return text.lower() == "true"
    try:
        return int(text)
    except ValueError:
        return text


def is_secret(key):
    return any(word in key.lower() for word in ("password", "secret", "token", "jaas", "oauth", "ssl_key", "ssl.key"))


class Trace:
    """A trace in the making. Times are microseconds since the first poll call."""

    def __init__(self, arguments, client, config, effective, processing_how):
        self.arguments = arguments
        self.scenario = layout(arguments)
        self.left = sum(topic["records"] for topic in self.scenario["topics"])
        self.polls, self.total, self.ttc, self.wall_us = [], 0, {}, 0
        self.zero = self.assigned = None
        self.lock = threading.Lock()
        self.deadline = time.monotonic() + arguments.time
        self.header = {
            "format": "fairdrain-trace/1",
            "client": client,
            "broker": {"version": arguments.broker_version},
            "scenario": self.scenario,
            "mode": arguments.mode,
            "subscribe": arguments.subscribe,
            "config": {key: value for key, value in config.items() if not is_secret(key)},
            "effective": effective,
            "poll_timeout_ms": arguments.poll_timeout,
            "processing_us_per_record": arguments.work_us,
            "processing_how": processing_how if arguments.work_us else "none",
            "commit": "per-poll-sync" if arguments.commit else "none",
            "idle_rounds": arguments.idle_rounds,
            **({"cap": arguments.max_poll_records} if arguments.mode == "fair" else {}),
            "repeat": arguments.repeat,
        }

    def begin(self):
        """A poll call begins: the moment, for `end`."""
        with self.lock:
            started = time.perf_counter_ns()
            if self.zero is None:
                self.zero = started
        return started

    def since(self, moment):
        return round((moment - self.zero) / 1000)

    def end(self, started, runs, plan=None, c=0, number=None):
        """It has returned: runs of (topic, partition, first offset, count). Under `fair` with what was asked of each topic, in
        multi modes with the consumer and its round."""
        now = time.perf_counter_ns()
        line = {"i": 0, "c": c, "t": self.since(started), "d": round((now - started) / 1000)}
        if number is not None:
            line["round"] = number
        if plan is not None:
            line["p"] = plan
        line["r"] = [list(run) for run in runs]
        with self.lock:
            if not self.joined(line, self.since(now)):
                self.polls.append(line)
            self.wall_us = max(self.wall_us, self.since(now))
            for topic, _, _, count in line["r"]:
                self.total += count
                self.left -= count
                self.ttc[topic] = self.wall_us
        return sum(run[3] for run in line["r"])

    def joined(self, line, now):
        """Whether the poll goes on where the last line ends, without having waited, and is counted there."""
        last = self.polls[-1] if self.polls else None
        if self.arguments.join == 1 or not (last and last["r"] and line["r"]) or line["d"] >= 1000:
            return False
        [run], [one] = last["r"], line["r"]
        if run[:2] != one[:2] or run[2] + run[3] != one[2] or run[3] >= self.arguments.join:
            return False
        run[3] += 1
        last["d"], last["n"] = now - last["t"], run[3]
        return True

    def committed(self, began):
        self.polls[-1]["commit_us"] = round((time.perf_counter_ns() - began) / 1000)

    def assigned_now(self):
        self.assigned = time.perf_counter_ns()

    def is_over(self):
        """Whether everything has been drained, or time is up."""
        return self.left <= 0 or time.monotonic() > self.deadline

    def write(self, **end):
        last = {"end": True, "total": self.total}
        if self.left > 0:
            last["partial"] = "out of time"
        last |= {"wall_us": self.wall_us, "ttc": self.ttc}
        if self.assigned is not None and self.zero is not None:
            last["assigned_us"] = self.since(self.assigned)
        self.polls.sort(key=lambda line: line["t"])
        for i, line in enumerate(self.polls):
            line["i"] = i
        output = open(self.arguments.output, "w") if self.arguments.output else sys.stdout
        for line in [self.header, *self.polls, last | end]:
            print(json.dumps(line, separators=(",", ":")), file=output)
        output.flush()
        print(f"{self.total} records in {len(self.polls)} polls, {self.wall_us / 1e6:.2f} s", file=sys.stderr)
        if self.left > 0:
            sys.exit(f"{self.left} records were not drained in time")


def layout(arguments):
    """The header's `scenario`: how the records lie in batches, which no Python client tells."""
    if arguments.layout:
        with open(arguments.layout) as file:
            found = json.load(file)
        names = [topic["name"] for topic in found["topics"]]
        if names != arguments.topic:
            sys.exit(f"{arguments.layout} is about the topics {names}")
    else:
        command = [arguments.fairdrain, "record", "--layout-only", "--bootstrap-server", arguments.bootstrap_server]
        for topic in arguments.topic:
            command += ["--topic", topic]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found | {"name": arguments.name}


def in_turn(out, polls):
    """multi-sequential: one thread polls the consumers in turn."""
    idle, number = out.arguments.idle_rounds, 0
    while not out.is_over() or idle > 0:
        idle -= out.is_over()
        for c, poll in enumerate(polls):
            started = out.begin()
            out.end(started, poll(), c=c, number=number)
        number += 1


def independently(out, polls):
    """multi-independent: a thread for each consumer, and no barrier."""

    def drain(c):
        idle, number = out.arguments.idle_rounds, 0
        while not out.is_over() or idle > 0:
            idle -= out.is_over()
            started = out.begin()
            out.end(started, polls[c](), c=c, number=number)
            number += 1

    with ThreadPoolExecutor(len(polls)) as threads:
        list(threads.map(drain, range(len(polls))))


def runs(batches):
    """Records, in lists by topic and partition in the order of hand-out, as runs of consecutive offsets."""
    found = []
    for records in batches:
        for record in records:
            last = found[-1] if found else None
            if last and last[:2] == [record.topic, record.partition] and last[2] + last[3] == record.offset:
                last[3] += 1
            else:
                found.append([record.topic, record.partition, record.offset, 1])
    return found
