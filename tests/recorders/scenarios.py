"""The public scenarios: topics with their backlog and batch layout, and how each is drained."""

DOCUMENTED = {"A": 10_000, "B": 5_000, "C": 100, "D": 50, "E": 10}


def topics(prefix, backlog, partitions=1, value_bytes=200, batch_records=100):
    return [
        {
            "name": f"{prefix}{name}",
            "records": records,
            "partitions": partitions,
            "value_bytes": value_bytes,
            "batch_records": batch_records,
        }
        for name, records in backlog.items()
    ]


DOC_200 = topics("doc200.", DOCUMENTED)
DOC_1K = topics("kb1.", DOCUMENTED, value_bytes=1000)
FAIR_1K = topics("doc1k.", DOCUMENTED, value_bytes=1000)
LARGE = topics("large-", {"A": 2000, "B": 1000, "C": 100, "D": 50, "E": 10}, value_bytes=10_000, batch_records=10)
PARTS = topics("parts.", DOCUMENTED, partitions=3)
TWO = topics("tail.", {"A": 20_000, "B": 200}, value_bytes=500)
SIX = {"iota": 9000, "kappa": 6000, "nu": 3000, "psi": 900, "rho": 240, "zeta": 40}
WORK = topics("mix.", SIX, partitions=2, value_bytes=400, batch_records=40)
OVERSIZE = topics("over.", {"A": 6000, "B": 3000, "C": 600, "D": 120, "E": 60}, value_bytes=700, batch_records=60)


def scenario(topics, cap, **more):
    defaults = {"timeout_ms": 1000, "work_us": 0, "commit": False, "subscribe": "assign", "idle_rounds": 0, "join": 1}
    return {"topics": topics, "cap": cap, "mode": "single", "properties": {}, "clients": None, **defaults, **more}


RECORDERS = ["aiokafka", "kafka-python", "java", "confluent-kafka"]


# `properties` have the Java client's names, if it has them; `clients`: only these; `mode` multi: all that a client has.
SCENARIOS = {
    "documented-3000": scenario(DOC_200, 3000),
    "documented-500": scenario(DOC_200, 500),
    "documented-3000-1k": scenario(DOC_1K, 3000),
    "documented-500-1k": scenario(DOC_1K, 500),
    "documented-500-work": scenario(DOC_200, 500, work_us=100, clients=RECORDERS),
    "documented-group": scenario(DOC_200, 3000, subscribe="group", commit=True, clients=RECORDERS),
    "queue-2000": scenario(
        DOC_200, 500, work_us=50, properties={"queued.min.messages": 2000}, clients=["confluent-kafka"]
    ),
    "documented-3000-poll": scenario(DOC_200, 1, join=3000, clients=["confluent-kafka"]),
    "large-10k": scenario(LARGE, 500),
    "parts-3": scenario(PARTS, 500),
    "two-topics-tail": scenario(TWO, 1000),
    "partitions-2-work": scenario(WORK, 600, work_us=80, clients=RECORDERS),
    "oversize-batches": scenario(OVERSIZE, 400, properties={"max.partition.fetch.bytes": 32768}),
    "multi-documented-idle": scenario(DOC_200, 500, mode="multi", timeout_ms=100, idle_rounds=5, clients=RECORDERS),
    "fair-documented-500": scenario(DOC_200, 500, mode="fair"),
    "fair-documented-500-work": scenario(DOC_200, 500, mode="fair", work_us=50, clients=RECORDERS),
    "fair-documented-500-1k": scenario(FAIR_1K, 500, mode="fair"),
}
