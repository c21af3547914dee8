import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.utils.AppInfoParser;

/**
 * Records how the Java client drains topics, poll by poll: {@code java -cp 'JARS/*' Recorder.java --help}. The jars are those of the
 * kafka-clients version to be recorded. Nothing on the cluster changes, unless --commit is given.
 */
public class Recorder {
    static final String USAGE = """
        usage: java -cp 'JARS/*' Recorder.java --bootstrap-server HOST:PORT --topic NAME... --layout FILE [OPTION]...

        --layout FILE             what `fairdrain record --layout-only` has written for the same topics
        --mode single|fair|multi-sequential|multi-independent   (default: single)
                                  fair: a queue for each topic, paused when full; multi: a consumer for each topic, polled in turn
                                  or each by a thread of its own
        --protocol classic|consumer                             group.protocol (default: classic)
        --subscribe assign|group                                (default: assign)
        --commit                  commit after each poll with records (with --subscribe group)
        --max-poll-records N      or the records of one hand-over (default: 500)
        --poll-timeout MS         (default: 1000)
        --work-us US              pause after a poll, for each record (default: 0)
        --idle-rounds N           polls after everything has been drained (default: 0)
        --time SECONDS            end after so long (default: 300)
        -X KEY=VALUE              a property of the client
        --name, --broker-version, --repeat                      for the header
        -o FILE                   standard output unless given
        """;

    // --- fair ---
    /**
     * Hands out the records of all topics of a consumer evenly: deficit round robin, one record a turn.
     *
     * <p>A poll hands out whatever has arrived, so it goes into a queue for each topic, and a topic with a cap queued is paused. The
     * consumer needs {@code max.poll.records=2147483647} and {@code fetch.max.wait.ms=10}.
     */
    static class Fair<K, V> {
        private final Consumer<K, V> consumer;
        private final int cap;
        private final Map<String, ArrayDeque<ConsumerRecord<K, V>>> queues = new HashMap<>();
        /** Topics with records queued, in the order of their turns. */
        private final ArrayDeque<String> ring = new ArrayDeque<>();

        Fair(Consumer<K, V> consumer, int cap) {
            this.consumer = consumer;
            this.cap = cap;
        }

        /** At most {@code cap} records, by topic. Waits only while there are none at all. */
        Map<String, List<ConsumerRecord<K, V>>> handOver(Duration timeout) {
            fill(ring.isEmpty() ? timeout : Duration.ZERO);
            Map<String, List<ConsumerRecord<K, V>>> taken = new LinkedHashMap<>();
            plan().forEach((topic, share) -> {
                ArrayDeque<ConsumerRecord<K, V>> queue = queue(topic);
                List<ConsumerRecord<K, V>> records = new ArrayList<>();
                while (records.size() < share && !queue.isEmpty()) records.add(queue.poll());
                if (queue.isEmpty()) ring.remove(topic);
                taken.put(topic, records);
            });
            return taken;
        }

        /** Queues all that has arrived of the topics that have not enough. */
        private void fill(Duration timeout) {
            Set<TopicPartition> full = consumer.assignment().stream()
                .filter(partition -> queue(partition.topic()).size() >= cap).collect(Collectors.toSet());
            Set<TopicPartition> paused = consumer.paused();
            // Both wait for the client's other thread, so they are called for changes only.
            if (!full.equals(paused)) {
                consumer.pause(full);
                consumer.resume(paused.stream().filter(partition -> !full.contains(partition)).toList());
            }
            for (ConsumerRecord<K, V> record : consumer.poll(timeout)) {
                ArrayDeque<ConsumerRecord<K, V>> queue = queue(record.topic());
                if (queue.isEmpty()) ring.add(record.topic());
                queue.add(record);
            }
        }

        private ArrayDeque<ConsumerRecord<K, V>> queue(String topic) {
            return queues.computeIfAbsent(topic, name -> new ArrayDeque<>());
        }

        /** An equal share of the cap for each topic in the ring; whose turn comes next begins next time. */
        Map<String, Integer> plan() {
            Map<String, Integer> plan = new LinkedHashMap<>();
            if (ring.isEmpty()) return plan;
            int rounds = cap / ring.size(), rest = cap % ring.size(), turn = 0;
            for (String topic : ring) {
                int share = rounds + (turn++ < rest ? 1 : 0);
                if (share > 0) plan.put(topic, share);
            }
            while (rest-- > 0) ring.add(ring.remove());
            return plan;
        }
    }

    // --- end ---
    /** Remembers its plans. */
    static class Planned extends Fair<byte[], byte[]> {
        Map<String, Integer> planned = Map.of();

        Planned(Consumer<byte[], byte[]> consumer, int cap) {
            super(consumer, cap);
        }

        @Override
        Map<String, Integer> plan() {
            return planned = super.plan();
        }
    }

    static final Set<String> MODES = Set.of("single", "fair", "multi-sequential", "multi-independent");
    static final Map<String, String> DEFAULTS = Map.ofEntries(
        Map.entry("fetch.min.bytes", "1"),
        Map.entry("fetch.max.bytes", "52428800"),
        Map.entry("fetch.max.wait.ms", "500"),
        Map.entry("max.partition.fetch.bytes", "1048576"),
        Map.entry("receive.buffer.bytes", "65536"),
        Map.entry("retry.backoff.ms", "100"),
        Map.entry("isolation.level", "read_uncommitted"));
    static final List<String> EFFECTIVE = List.of("max.poll.records", "fetch.min.bytes", "fetch.max.bytes",
        "fetch.max.wait.ms", "max.partition.fetch.bytes", "receive.buffer.bytes", "retry.backoff.ms",
        "isolation.level", "group.protocol");

    final Map<String, String> options = new HashMap<>(Map.of("mode", "single", "protocol", "classic", "subscribe",
        "assign", "max-poll-records", "500", "poll-timeout", "1000", "work-us", "0", "idle-rounds", "0", "time", "300",
        "name", "recorded"));
    final List<String> topics = new ArrayList<>();
    final Map<String, String> config = new LinkedHashMap<>();
    final List<Line> lines = new ArrayList<>();
    final Map<String, Long> ttc = new LinkedHashMap<>();
    long zero, wall, total, assigned = Long.MIN_VALUE;
    volatile long left;

    /** A poll's line, without its number and its last brace. */
    record Line(long started, String text) {}

    public static void main(String[] args) throws Exception {
        new Recorder().run(args);
    }

    void run(String[] args) throws Exception {
        options.put("broker-version", "unknown");
        options.put("repeat", "1");
        parse(args);
        if (!MODES.contains(options.get("mode"))) fail("--mode is one of " + MODES);
        boolean fair = is("mode", "fair"), multi = options.get("mode").startsWith("multi");
        boolean group = is("subscribe", "group"), commit = options.containsKey("commit");
        if (commit && !group) fail("--commit needs a group: --subscribe group");
        if ((fair || multi) && group) fail(options.get("mode") + " is recorded with --subscribe assign");
        if (multi && number("work-us") > 0) fail(options.get("mode") + " is recorded without --work-us");
        Properties properties = properties(fair, group);
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
            String layout = Files.readString(Path.of(need("layout"))).strip();
            List<TopicPartition> partitions = partitions(consumer);
            Map<TopicPartition, Long> first = consumer.beginningOffsets(partitions);
            consumer.endOffsets(partitions).forEach((partition, end) -> left += end - first.get(partition));
            if (group) {
                consumer.subscribe(topics);
            } else {
                consumer.assign(partitions);
                assigned = System.nanoTime();
                partitions.forEach(partition -> consumer.seek(partition, first.get(partition)));
            }
            if (multi) drainMulti(properties, partitions, first);
            else drain(consumer, fair, commit);
            write(layout, fair, commit);
        }
    }

    /** A consumer for each topic. None of them has met the cluster before: the one that asked for the offsets is another. */
    void drainMulti(Properties properties, List<TopicPartition> partitions, Map<TopicPartition, Long> first) throws Exception {
        List<KafkaConsumer<byte[], byte[]>> consumers = new ArrayList<>();
        for (String topic : topics) {
            KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties);
            consumers.add(consumer);
            List<TopicPartition> own = partitions.stream().filter(partition -> partition.topic().equals(topic)).toList();
            consumer.assign(own);
            assigned = System.nanoTime();
            own.forEach(partition -> consumer.seek(partition, first.get(partition)));
        }
        List<Thread> threads = new ArrayList<>();
        if (is("mode", "multi-sequential")) rounds(consumers, 0);
        else for (int c = 0; c < consumers.size(); c++) {
            int index = c;
            threads.add(new Thread(() -> rounds(consumers.subList(index, index + 1), index)));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) thread.join();
        consumers.forEach(KafkaConsumer::close);
    }

    /** One thread polls these in turn; {@code index}: that of the first. */
    void rounds(List<KafkaConsumer<byte[], byte[]>> consumers, int index) {
        long deadline = System.nanoTime() + number("time") * 1_000_000_000L;
        Duration timeout = Duration.ofMillis(number("poll-timeout"));
        int idle = number("idle-rounds");
        for (int round = 0; (left > 0 && System.nanoTime() < deadline) || idle-- > 0; round++) {
            for (int c = 0; c < consumers.size(); c++) {
                long started = begin();
                var records = consumers.get(c).poll(timeout);
                line(started, System.nanoTime(), List.of(records), "\"c\":" + (index + c), ",\"round\":" + round);
            }
        }
    }

    synchronized long begin() {
        long started = System.nanoTime();
        if (zero == 0) zero = started;
        return started;
    }

    void drain(KafkaConsumer<byte[], byte[]> consumer, boolean fair, boolean commit) throws Exception {
        int cap = number("max-poll-records"), idle = number("idle-rounds");
        Duration timeout = Duration.ofMillis(number("poll-timeout"));
        long deadline = System.nanoTime() + number("time") * 1_000_000_000L;
        Planned planned = new Planned(consumer, cap);
        while ((left > 0 && System.nanoTime() < deadline) || idle-- > 0) {
            long started = begin();
            List<Iterable<ConsumerRecord<byte[], byte[]>>> batches = new ArrayList<>();
            if (fair) batches.addAll(planned.handOver(timeout).values());
            else batches.add(consumer.poll(timeout));
            long now = System.nanoTime();
            if (assigned == Long.MIN_VALUE && !consumer.assignment().isEmpty()) assigned = now;
            long count = line(started, now, batches, "\"c\":0", fair ? plan(planned.planned) : "");
            if (count > 0 && number("work-us") > 0) Thread.sleep(count * number("work-us") / 1000);
            if (count > 0 && commit) {
                long began = System.nanoTime();
                consumer.commitSync();
                String last = lines.remove(lines.size() - 1).text;
                lines.add(new Line(started, last + ",\"commit_us\":" + micros(System.nanoTime() - began)));
            }
        }
    }

    /** Adds a poll's line: runs of consecutive offsets, in the order in which they were handed out. */
    synchronized long line(long started, long now, List<? extends Iterable<ConsumerRecord<byte[], byte[]>>> batches,
        String consumer, String more) {
        List<String> runs = new ArrayList<>();
        long count = 0, length = 0, next = 0, first = 0;
        TopicPartition place = null;
        for (Iterable<ConsumerRecord<byte[], byte[]>> batch : batches) {
            for (ConsumerRecord<byte[], byte[]> record : batch) {
                boolean goesOn = place != null && place.partition() == record.partition() && next == record.offset()
                    && place.topic().equals(record.topic());
                if (!goesOn) {
                    if (length > 0) runs.add(run(place, first, length));
                    place = new TopicPartition(record.topic(), record.partition());
                    first = record.offset();
                    length = 0;
                }
                length++;
                count++;
                next = record.offset() + 1;
                ttc.put(record.topic(), micros(now - zero));
            }
        }
        if (length > 0) runs.add(run(place, first, length));
        lines.add(new Line(started, consumer + ",\"t\":" + micros(started - zero) + ",\"d\":" + micros(now - started)
            + more + ",\"r\":[" + String.join(",", runs) + "]"));
        wall = Math.max(wall, micros(now - zero));
        total += count;
        left -= count;
        return count;
    }

    static String plan(Map<String, Integer> plan) {
        return plan.entrySet().stream().map(entry -> "[" + quoted(entry.getKey()) + "," + entry.getValue() + "]")
            .collect(Collectors.joining(",", ",\"p\":[", "]"));
    }

    static String run(TopicPartition place, long first, long length) {
        return "[" + quoted(place.topic()) + "," + place.partition() + "," + first + "," + length + "]";
    }

    void write(String layout, boolean fair, boolean commit) throws Exception {
        String scenario = layout.replaceFirst("\"name\":\"[^\"]*\"", "\"name\":" + quoted(options.get("name")));
        String effective = EFFECTIVE.stream()
            .map(key -> quoted(key) + ":" + value(config.getOrDefault(key, DEFAULTS.getOrDefault(key, "classic"))))
            .collect(Collectors.joining(","));
        String set = config.entrySet().stream().filter(entry -> !isSecret(entry.getKey()))
            .map(entry -> quoted(entry.getKey()) + ":" + value(entry.getValue())).collect(Collectors.joining(","));
        String jvm = System.getProperty("java.version") + " "
            + ManagementFactory.getGarbageCollectorMXBeans().get(0).getName();
        String header = "{\"format\":\"fairdrain-trace/1\",\"client\":{\"protocol\":" + quoted(options.get("protocol"))
            + ",\"name\":\"java\",\"version\":" + quoted(AppInfoParser.getVersion()) + "},\"broker\":{\"version\":"
            + quoted(options.get("broker-version")) + "},\"scenario\":" + scenario + ",\"mode\":" + quoted(options.get("mode"))
            + ",\"subscribe\":" + quoted(options.get("subscribe")) + ",\"config\":{" + set + "},\"effective\":{" + effective
            + "},\"poll_timeout_ms\":" + number("poll-timeout") + ",\"processing_us_per_record\":" + number("work-us")
            + ",\"processing_how\":" + (number("work-us") > 0 ? "\"Thread.sleep(n x us) after the poll\"" : "\"none\"")
            + ",\"commit\":" + (commit ? "\"per-poll-sync\"" : "\"none\"") + ",\"idle_rounds\":" + number("idle-rounds")
            + (fair ? ",\"cap\":" + number("max-poll-records") : "") + ",\"repeat\":" + number("repeat")
            + ",\"jvm\":" + quoted(jvm) + "}";
        String completed = ttc.entrySet().stream().map(entry -> quoted(entry.getKey()) + ":" + entry.getValue())
            .collect(Collectors.joining(","));
        lines.sort(Comparator.comparingLong(Line::started));
        List<String> all = new ArrayList<>(List.of(header));
        for (Line line : lines) all.add("{\"i\":" + (all.size() - 1) + "," + line.text + "}");
        all.add("{\"end\":true,\"total\":" + total + (left > 0 ? ",\"partial\":\"out of time\"" : "") + ",\"wall_us\":" + wall
            + ",\"ttc\":{" + completed + "}" + (assigned == Long.MIN_VALUE ? "" : ",\"assigned_us\":" + micros(assigned - zero))
            + "}");
        try (PrintStream output = options.containsKey("o") ? new PrintStream(options.get("o")) : System.out) {
            all.forEach(output::println);
        }
        System.err.printf("%d records in %d polls, %.2f s%n", total, lines.size(), wall / 1e6);
        if (left > 0) fail(left + " records were not drained in time");
    }

    List<TopicPartition> partitions(KafkaConsumer<byte[], byte[]> consumer) {
        List<TopicPartition> partitions = new ArrayList<>();
        for (String topic : topics) {
            int count = consumer.partitionsFor(topic).size();
            for (int partition = 0; partition < count; partition++) partitions.add(new TopicPartition(topic, partition));
        }
        return partitions;
    }

    Properties properties(boolean fair, boolean group) {
        Map<String, String> given = new LinkedHashMap<>(config);
        config.clear();
        config.put("max.poll.records", fair ? String.valueOf(Integer.MAX_VALUE) : options.get("max-poll-records"));
        config.put("enable.auto.commit", "false");
        config.put("auto.offset.reset", "earliest");
        if (fair) config.put("fetch.max.wait.ms", "10");
        if (is("protocol", "consumer")) config.put("group.protocol", "consumer");
        config.putAll(given);
        Properties properties = new Properties();
        properties.putAll(config);
        properties.put("bootstrap.servers", need("bootstrap-server"));
        // The consumer protocol wants a name even where no group is joined.
        if (group || is("protocol", "consumer")) properties.put("group.id", "fairdrain-" + UUID.randomUUID());
        properties.put("key.deserializer", ByteArrayDeserializer.class.getName());
        properties.put("value.deserializer", ByteArrayDeserializer.class.getName());
        return properties;
    }

    void parse(String[] args) {
        for (int i = 0; i < args.length; i++) {
            String name = args[i].replaceFirst("^--?", "");
            if (name.equals("help") || name.equals("h")) {
                System.out.print(USAGE);
                System.exit(0);
            }
            if (name.equals("commit")) {
                options.put(name, "");
                continue;
            }
            if (++i == args.length) fail(name + " needs a value\n" + USAGE);
            if (name.equals("topic")) topics.add(args[i]);
            else if (name.equals("X")) config.put(args[i].split("=", 2)[0], args[i].split("=", 2)[1]);
            else options.put(name.equals("output") ? "o" : name, args[i]);
        }
        if (topics.isEmpty()) fail("--topic is missing\n" + USAGE);
    }

    boolean is(String option, String value) {
        return options.get(option).equals(value);
    }

    int number(String option) {
        return Integer.parseInt(options.get(option));
    }

    String need(String option) {
        if (!options.containsKey(option)) fail("--" + option + " is missing\n" + USAGE);
        return options.get(option);
    }

    static void fail(String reason) {
        System.err.println(reason);
        System.exit(2);
    }

    static boolean isSecret(String key) {
        return key.matches("(?i).*(password|secret|token|jaas|oauth|ssl\\.key).*");
    }

    static long micros(long nanos) {
        return Math.round(nanos / 1000.0);
    }

    static String value(String text) {
        return text.matches("-?\\d+") ? text : quoted(text);
    }

    static String quoted(String text) {
        return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"") + '"';
    }
}
