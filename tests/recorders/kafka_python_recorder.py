#!/usr/bin/env python3
"""Records how kafka-python drains topics, poll by poll.

    pip install kafka-python==3.0.12        (or 2.2.15, or 2.0.2 with six)
    kafka_python_recorder.py --bootstrap-server localhost:9092 --topic orders --topic audit -o run.jsonl

Nothing on the cluster changes, unless --commit is given. What is random goes into the trace: from 2.1 the order of a group's
assignment, in 2.0 the order in which each reply is buffered. With --mode fair the last line says how many bytes came over the wire.
"""

import sys
import time
import uuid
from collections import deque
from importlib.metadata import version

if version("kafka-python").startswith("2.0.") and sys.version_info >= (3, 12):
    sys.exit("kafka-python 2.0 does not run on Python 3.12 and later")

from kafka import KafkaConsumer, TopicPartition
from kafka.consumer.fetcher import Fetcher
from kafka.consumer.subscription_state import SubscriptionState
from kafka.protocol.parser import KafkaProtocol

import trace

EFFECTIVE = [
    "fetch_min_bytes",
    "fetch_max_bytes",
    "fetch_max_wait_ms",
    "max_partition_fetch_bytes",
    "max_poll_records",
    "retry_backoff_ms",
    "enable_incremental_fetch_sessions",
]


# --- fair ---
class Fair:
    """Hands out the records of all topics of a KafkaConsumer evenly: deficit round robin, one record a turn.

    A poll hands out whatever has arrived, so it goes into a queue for each topic, and a topic with a cap queued is paused.
    """

    def __init__(self, consumer, cap=500):
        self.consumer, self.cap = consumer, cap
        self.queues = {p.topic: deque() for p in consumer.assignment()}
        self.ring = deque()  # topics with records queued, in the order of their turns

    def hand_over(self, timeout_ms=1000):
        """At most `cap` records, by topic. Waits only while there are none at all."""
        self.fill(0 if self.ring else timeout_ms)
        taken = {}
        for topic, share in self.plan():
            queue = self.queues[topic]
            taken[topic] = [queue.popleft() for _ in range(min(share, len(queue)))]
            if not queue:
                self.ring.remove(topic)
        return taken

    def fill(self, timeout_ms):
        """Queues all that has arrived of the topics that have not enough."""
        full = {p for p in self.consumer.assignment() if len(self.queues[p.topic]) >= self.cap}
        paused = self.consumer.paused()
        self.consumer.pause(*full - paused)
        self.consumer.resume(*paused - full)
        for partition, records in self.consumer.poll(timeout_ms, max_records=sys.maxsize).items():
            if not self.queues[partition.topic]:
                self.ring.append(partition.topic)
            self.queues[partition.topic].extend(records)

    def plan(self):
        """An equal share of the cap for each topic in the ring; whose turn comes next begins next time."""
        if not self.ring:
            return []
        rounds, rest = divmod(self.cap, len(self.ring))
        shares = [(topic, rounds + (turn < rest)) for turn, topic in enumerate(self.ring)]
        self.ring.rotate(-rest)
        return [(topic, share) for topic, share in shares if share]


# --- end ---
class Planned(Fair):
    """Remembers its plans."""

    planned = []

    def plan(self):
        self.planned = super().plan()
        return self.planned


def watch_replies():
    """kafka-python 2.0: has the order in which each reply's partitions are buffered noted, with the moment and the fetcher."""
    seen, handle = [], Fetcher._handle_fetch_response

    def handled(self, *args, **kwargs):
        before = len(self._completed_fetches)
        result = handle(self, *args, **kwargs)
        added = list(self._completed_fetches)[before:]
        places = [[fetch.topic_partition.topic, fetch.topic_partition.partition] for fetch in added]
        seen.append((time.perf_counter_ns(), self, places))
        return result

    Fetcher._handle_fetch_response = handled
    return seen


def watch_assignment():
    """From 2.1: has the order after the one shuffle at a group's assignment noted; drained entries change it later."""
    seen, assign = [], SubscriptionState.assign_from_subscribed

    def assigned(self, *args, **kwargs):
        result = assign(self, *args, **kwargs)
        seen.append((time.perf_counter_ns(), [[place.topic, place.partition] for place in self.assignment]))
        return result

    SubscriptionState.assign_from_subscribed = assigned
    return seen


def watch_bytes():
    """Has the bytes noted that come over the wire, thrown away or not."""
    seen, receive = [], KafkaProtocol.receive_bytes

    def received(self, data):
        seen.append(len(data))
        return receive(self, data)

    KafkaProtocol.receive_bytes = received
    return seen


def main():
    a = trace.options(__doc__, ["single", "fair", "multi-sequential", "multi-independent"])
    release = version("kafka-python")
    config = {"max_poll_records": a.max_poll_records, "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    config |= {key: trace.value(text) for key, _, text in (x.partition("=") for x in a.X)}
    if a.mode == "fair":
        # What idle topics wait for at the broker, the others wait for as well: there is one request at a time.
        config = {"fetch_max_wait_ms": 10} | config
    assignments, received = watch_assignment(), watch_bytes()
    replies = watch_replies() if release.startswith("2.0.") else None
    group = a.subscribe == "group"
    topics = a.topic if group else ()
    group_id = f"fairdrain-{uuid.uuid4()}" if group else None
    multi = a.mode.startswith("multi")
    shares = [[name] for name in a.topic] if multi else [a.topic]
    own = {"bootstrap_servers": a.bootstrap_server, "group_id": group_id}
    consumers = [KafkaConsumer(*topics, **own, **config) for _ in shares]
    effective = {key: consumers[0].config.get(key, False) for key in EFFECTIVE}
    client = {"protocol": "classic", "name": "kafka-python", "version": release}
    out = trace.Trace(a, client, config, effective, "time.sleep(n x us) after the poll")
    found = {topic["name"]: topic for topic in out.scenario["topics"]}
    for consumer, share in [] if group else zip(consumers, shares):
        places = [(TopicPartition(name, p), p) for name in share for p in range(found[name]["partitions"])]
        consumer.assign([place for place, _ in places])
        out.assigned_now()
        for place, p in places:
            consumer.seek(place, (found[place.topic].get("first_offsets") or {p: 0})[p])
    if multi:
        polls = [lambda one=one: trace.runs(one.poll(timeout_ms=a.poll_timeout).values()) for one in consumers]
        (trace.in_turn if a.mode == "multi-sequential" else trace.independently)(out, polls)
    else:
        drain(a, consumers[0], out)
    # From 3.0 a group begins with an empty assignment.
    assignments = [(moment, order) for moment, order in assignments if order]
    if assignments:
        out.assigned, order = assignments[0]
        if not release.startswith("2.0."):
            whole = not release.startswith("2.")
            out.header["assignment_order"] = order if whole else list(dict.fromkeys(topic for topic, _ in order))
    end = {}
    if replies is not None:
        number = {one._fetcher: c for c, one in enumerate(consumers)}
        replies = [(number[fetcher], out.since(moment), places) for moment, fetcher, places in replies]
        end["replies"] = [{"c": c, "t": t, "order": places} for c, t, places in sorted(replies)]
    if a.mode == "fair":
        end["received_bytes"] = sum(received)
    for consumer in consumers:
        consumer.close()
    out.write(**end)


def drain(a, consumer, out):
    fair = Planned(consumer, a.max_poll_records) if a.mode == "fair" else None
    idle = a.idle_rounds
    while not out.is_over() or idle > 0:
        idle -= out.is_over()
        started = out.begin()
        if fair:
            taken = fair.hand_over(a.poll_timeout)
            count = out.end(started, trace.runs(taken.values()), fair.planned)
        else:
            got = consumer.poll(timeout_ms=a.poll_timeout)
            count = out.end(started, trace.runs(got.values()))
        if count and a.work_us:
            time.sleep(count * a.work_us / 1e6)
        if count and a.commit:
            began = time.perf_counter_ns()
            consumer.commit()
            out.committed(began)


main()
