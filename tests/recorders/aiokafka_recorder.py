#!/usr/bin/env python3
"""Records how aiokafka drains topics, poll by poll.

    pip install aiokafka==0.14.0
    aiokafka_recorder.py --bootstrap-server localhost:9092 --topic orders --topic audit -o run.jsonl

Nothing on the cluster changes, unless --commit is given. The order of the partitions in each fetch request, which aiokafka
shuffles, is in the last line.
"""

import asyncio
import time
import uuid
from collections import deque
from importlib.metadata import version

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest

import trace

EFFECTIVE = {
    "fetch_min_bytes": 1,
    "fetch_max_bytes": 52428800,
    "fetch_max_wait_ms": 500,
    "max_partition_fetch_bytes": 1048576,
    "consumer_timeout_ms": 200,
    "prefetch_backoff_ms": 100,
    "retry_backoff_ms": 100,
    "isolation_level": "read_uncommitted",
}


# --- fair ---
class Fair:
    """Hands out the records of all topics of an AIOKafkaConsumer evenly: deficit round robin, one record a turn."""

    def __init__(self, consumer, cap=500):
        self.consumer, self.cap = consumer, cap
        self.ring = deque()  # topics with records in the client, in the order of their turns
        self.first = {}  # the record by which a topic was noticed

    async def hand_over(self, timeout_ms=1000):
        """At most `cap` records, by topic. Waits only while there are none at all."""
        await self.notice(timeout_ms)
        taken = {}
        for topic, share in self.plan():
            records = taken[topic] = self.first.pop(topic, [])
            if len(records) < share:
                own = [p for p in self.consumer.assignment() if p.topic == topic]
                got = await self.consumer.getmany(*own, timeout_ms=0, max_records=share - len(records))
                records += [record for batch in got.values() for record in batch]
            if len(records) < share:
                self.ring.remove(topic)
        return taken

    async def notice(self, timeout_ms):
        """Topics that have got records take their place at the end of the round."""
        while idle := [p for p in self.consumer.assignment() if p.topic not in self.ring]:
            wait = 0 if self.ring else timeout_ms
            got = await self.consumer.getmany(*idle, timeout_ms=wait, max_records=1)
            if not got:
                return
            for partition, records in got.items():
                self.ring.append(partition.topic)
                self.first[partition.topic] = records

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

    def plan(self):
        self.planned = super().plan()
        return self.planned


def watch_requests():
    """Has every FetchRequest's partitions noted, with the moment at which it was sent, and the client that sent it."""
    seen, send = [], AIOKafkaClient.send

    async def sent(self, node, request, *args, **kwargs):
        if isinstance(request, FetchRequest):
            order = [[topic, place[0]] for topic, places in request.topics for place in places]
            seen.append((time.perf_counter_ns(), self, order))
        return await send(self, node, request, *args, **kwargs)

    AIOKafkaClient.send = sent
    return seen


async def main():
    a = trace.options(__doc__, ["single", "fair", "multi-gather", "multi-independent"])
    config = {"max_poll_records": a.max_poll_records, "enable_auto_commit": False, "auto_offset_reset": "earliest"}
    config |= {key: trace.value(text) for key, _, text in (x.partition("=") for x in a.X)}
    effective = {key: config.get(key, default) for key, default in EFFECTIVE.items()}
    effective = {"max_poll_records": a.max_poll_records} | effective
    client = {"protocol": "classic", "name": "aiokafka", "version": version("aiokafka")}
    out = trace.Trace(a, client, config, effective, "asyncio.sleep(n x us) after the poll")
    requests = watch_requests()
    group = a.subscribe == "group"
    topics = a.topic if group else ()
    group_id = f"fairdrain-{uuid.uuid4()}" if group else None
    found = {topic["name"]: topic for topic in out.scenario["topics"]}
    multi = a.mode.startswith("multi")
    consumers = []
    try:
        for own in [[name] for name in a.topic] if multi else [a.topic]:
            consumer = AIOKafkaConsumer(*topics, bootstrap_servers=a.bootstrap_server, group_id=group_id, **config)
            consumers.append(consumer)
            await consumer.start()
            if not group:
                places = [(TopicPartition(name, p), p) for name in own for p in range(found[name]["partitions"])]
                consumer.assign([place for place, _ in places])
            out.assigned_now()
            for place, p in [] if group else places:
                consumer.seek(place, (found[place.topic].get("first_offsets") or {p: 0})[p])
        await (drain_multi(a, consumers, out) if multi else drain(a, consumers[0], out))
    finally:
        for consumer in consumers:
            await consumer.stop()
    number = {consumer._client: c for c, consumer in enumerate(consumers)}
    orders = [{"c": number[client], "t": out.since(moment), "order": order} for moment, client, order in requests]
    out.write(requests=orders)


async def drain_multi(a, consumers, out):
    async def poll(c, number):
        started = out.begin()
        got = await consumers[c].getmany(timeout_ms=a.poll_timeout)
        out.end(started, trace.runs(got.values()), c=c, number=number)

    async def rounds(members):
        """These are polled together; the next round when all have returned."""
        idle, number = a.idle_rounds, 0
        while not out.is_over() or idle > 0:
            idle -= out.is_over()
            await asyncio.gather(*(poll(c, number) for c in members))
            number += 1

    everyone = range(len(consumers))
    groups = [everyone] if a.mode == "multi-gather" else [[c] for c in everyone]
    await asyncio.gather(*(rounds(members) for members in groups))


async def drain(a, consumer, out):
    fair = Planned(consumer, a.max_poll_records)
    idle = a.idle_rounds
    while not out.is_over() or idle > 0:
        idle -= out.is_over()
        started = out.begin()
        if a.mode == "fair":
            taken = await fair.hand_over(a.poll_timeout)
            count = out.end(started, trace.runs(taken.values()), fair.planned)
        else:
            got = await consumer.getmany(timeout_ms=a.poll_timeout)
            count = out.end(started, trace.runs(got.values()))
        if count and a.work_us:
            await asyncio.sleep(count * a.work_us / 1e6)
        if count and a.commit:
            began = time.perf_counter_ns()
            await consumer.commit()
            out.committed(began)


asyncio.run(main())
