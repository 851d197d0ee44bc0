"""Reads records of a Kafka topic with the stock client `confluent-kafka`, as a service in another language would.

    python read_records.py BROKERS TOPIC COUNT

Prints the first COUNT records as JSON, one a line, with `key`, `headers` and `value` as text.
"""

import json
import sys
import time

from confluent_kafka import Consumer, TopicPartition, OFFSET_BEGINNING

DEADLINE_SECONDS = 60


def main(brokers, topic, count):
    # Reading joins no group, but the client requires a name.
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": topic + "-reading", "enable.auto.commit": False})
    partitions = consumer.list_topics(topic, timeout=DEADLINE_SECONDS).topics[topic].partitions
    consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in partitions])
    until, read = time.monotonic() + DEADLINE_SECONDS, 0
    while read < count:
        if time.monotonic() > until:
            sys.exit(f"topic {topic} has {read} records instead of {count}")
        record = consumer.poll(1)
        if record is None:
            continue
        if record.error():
            sys.exit(str(record.error()))
        headers = [[name, value.decode()] for name, value in record.headers() or []]
        print(json.dumps({"key": record.key().decode(), "headers": headers, "value": record.value().decode()}))
        read += 1
    consumer.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
