#!/usr/bin/env python3
"""Records how confluent-kafka (librdkafka) drains topics, poll by poll.

    pip install confluent-kafka==2.12.1
    confluent_kafka_recorder.py --bootstrap-server localhost:9092 --topic orders --topic audit -o run.jsonl

Nothing on the cluster changes, unless --commit is given. --mode single is one consumer and consume(); `fairdrain record` does the
same. --mode fair is a consumer for each topic, because this binding has no split queues; there is no model of that.
"""

import time
import uuid
from collections import deque
from types import SimpleNamespace

import confluent_kafka
from confluent_kafka import Consumer, TopicPartition

import trace

EFFECTIVE = {
    "fetch.min.bytes": 1,
    "fetch.max.bytes": 52428800,
    "fetch.wait.max.ms": 500,
    "fetch.message.max.bytes": 1048576,
    "queued.min.messages": 100000,
    "queued.max.messages.kbytes": 65536,
    "fetch.queue.backoff.ms": 1000,
    "message.max.bytes": 1000000,
    "isolation.level": "read_committed",
    "enable.partition.eof": False,
}


# --- fair ---
class Fair:
    """Hands out the records of several topics evenly: deficit round robin, one record a turn.

    There is a consumer for each topic, and each fetches by itself. consume() with timeout 0 takes what one has already.
    """

    def __init__(self, consumers, cap=500):
        self.consumers, self.cap = consumers, cap  # by topic
        self.ring = deque()  # topics with records, in the order of their turns
        self.first = {}  # the record by which a topic was noticed

    def hand_over(self, timeout=1.0):
        """At most `cap` records, by topic. Waits only while there are none at all."""
        deadline = time.monotonic() + timeout
        while not self.notice() and time.monotonic() < deadline:
            time.sleep(0.001)
        taken = {}
        for topic, share in self.plan():
            records = taken[topic] = self.first.pop(topic, [])
            if len(records) < share:
                records += self.consumers[topic].consume(share - len(records), timeout=0)
            if len(records) < share:
                self.ring.remove(topic)
        return taken

    def notice(self):
        """Topics that have got records take their place at the end of the round. Whether there are any."""
        for topic, consumer in self.consumers.items():
            if topic not in self.ring and (records := consumer.consume(1, timeout=0)):
                self.ring.append(topic)
                self.first[topic] = records
        return bool(self.ring)

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


def records(messages):
    for message in messages:
        if message.error():
            raise confluent_kafka.KafkaException(message.error())
        yield SimpleNamespace(topic=message.topic(), partition=message.partition(), offset=message.offset())


def main():
    a = trace.options(__doc__, ["single", "fair", "multi-sequential", "multi-independent"])
    fair, multi, group = a.mode == "fair", a.mode.startswith("multi"), a.subscribe == "group"
    config = {"enable.auto.commit": False, "auto.offset.reset": "earliest"}
    config |= {key: trace.value(text) for key, _, text in (x.partition("=") for x in a.X)}
    effective = {key: config.get(key, default) for key, default in EFFECTIVE.items()}
    name = "confluent-kafka" if fair else "librdkafka"
    version = confluent_kafka.libversion()[0]
    client = {"protocol": "classic", "name": name, "version": version, "via": f"confluent-kafka {version}"}
    shown = config | {"consume(num_messages)": a.max_poll_records}
    out = trace.Trace(a, client, shown, effective, "time.sleep(n x us) after the poll")
    found = {topic["name"]: topic for topic in out.scenario["topics"]}
    own = {"bootstrap.servers": a.bootstrap_server, "group.id": f"fairdrain-{uuid.uuid4()}"}

    def consumer(topics):
        made = Consumer(config | own)
        if group:
            made.subscribe(topics, on_assign=lambda *_: out.assigned_now())
            return made
        firsts = {name: found[name].get("first_offsets") or [0] * found[name]["partitions"] for name in topics}
        made.assign([TopicPartition(name, p, first) for name in topics for p, first in enumerate(firsts[name])])
        return made

    consumers = {topic: consumer([topic]) for topic in a.topic} if fair or multi else {"": consumer(a.topic)}
    if not group:
        out.assigned_now()
    if multi:
        few = (a.max_poll_records, a.poll_timeout / 1000)
        polls = [lambda one=one: trace.runs([records(one.consume(*few))]) for one in consumers.values()]
        (trace.in_turn if a.mode == "multi-sequential" else trace.independently)(out, polls)
    else:
        drain(a, consumers, out)
    for one in consumers.values():
        one.close()
    out.write()


def drain(a, consumers, out):
    fair = a.mode == "fair"
    planned = Planned(consumers, a.max_poll_records)
    idle = a.idle_rounds
    while not out.is_over() or idle > 0:
        idle -= out.is_over()
        started = out.begin()
        if fair:
            taken = planned.hand_over(a.poll_timeout / 1000)
            count = out.end(started, trace.runs(records(batch) for batch in taken.values()), planned.planned)
        else:
            got = consumers[""].consume(a.max_poll_records, a.poll_timeout / 1000)
            count = out.end(started, trace.runs([records(got)]))
        if count and a.work_us:
            time.sleep(count * a.work_us / 1e6)
        if count and a.commit:
            began = time.perf_counter_ns()
            consumers[""].commit(asynchronous=False)
            out.committed(began)


main()
