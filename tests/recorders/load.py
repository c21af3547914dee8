#!/usr/bin/env python3
"""Creates a scenario's topics, if they are not there, and fills them in the exact batches that it says.

    load.py --bootstrap-server HOST:PORT SCENARIO...

Needs confluent-kafka. A batch leaves when it has its number of records, or at a flush: lingering never sends it.
"""

import argparse
import sys
import time

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from scenarios import SCENARIOS


def create(servers, topics):
    """Those of the topics that were not there."""
    admin = AdminClient({"bootstrap.servers": servers})
    there = admin.list_topics(timeout=10).topics
    new = [topic for topic in topics if topic["name"] not in there]
    if new:
        specs = [NewTopic(topic["name"], topic["partitions"], -1) for topic in new]
        for future in admin.create_topics(specs).values():
            future.result()
    return new


def fill(servers, topic):
    size, partitions = topic["batch_records"], topic["partitions"]
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "batch.num.messages": size,
            "batch.size": 2147483647,
            "linger.ms": 600_000,
            "message.timeout.ms": 900_000,
            "queue.buffering.max.messages": max(100_000, 2 * topic["records"]),
        }
    )
    failed = []
    # The whole backlog lies in the past, where no broker refuses a timestamp.
    timestamp = int(time.time() * 1000) - topic["records"] - 1000
    for first in range(0, topic["records"], size):
        partition = first // size % partitions
        for record in range(first, min(first + size, topic["records"])):
            producer.produce(
                topic["name"],
                key=f"{record:010}",
                value=b"x" * topic["value_bytes"],
                partition=partition,
                timestamp=timestamp + record,
                on_delivery=lambda error, _: error and failed.append(error),
            )
        producer.poll(0)
    producer.flush(60)
    if failed or len(producer):
        sys.exit(f"{topic['name']} could not be filled: {failed[:1]} {len(producer)} left")


def load(servers, names):
    for name in names:
        for topic in create(servers, SCENARIOS[name]["topics"]):
            fill(servers, topic)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bootstrap-server", required=True)
    parser.add_argument("scenarios", nargs="+", choices=sorted(SCENARIOS), metavar="SCENARIO")
    arguments = parser.parse_args()
    load(arguments.bootstrap_server, arguments.scenarios)
