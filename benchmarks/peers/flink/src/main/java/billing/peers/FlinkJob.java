package billing.peers;

import static org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;

import java.time.Duration;
import java.util.Properties;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.functions.KeySelector;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.typeutils.TupleTypeInfo;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.core.execution.CheckpointingMode;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.DataStreamUtils;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;

/** The job in Flink's DataStream API: keyed state on the heap or in RocksDB, checkpoints and sink exactly-once. */
public final class FlinkJob {
    private static final Duration INTERVAL = Duration.ofSeconds(1);

    private FlinkJob() {}

    /** Runs until it is killed. Arguments: servers, input topic, output topic, group, folder, hashmap or rocksdb. */
    public static void main(String[] arguments) throws Exception {
        Configuration config = config(arguments[4], arguments[5]);
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.createLocalEnvironment(1, config);
        flink.enableCheckpointing(INTERVAL.toMillis(), CheckpointingMode.EXACTLY_ONCE);
        flink.getConfig().enableObjectReuse();
        DataStream<Event> events = flink.fromSource(source(arguments), WatermarkStrategy.noWatermarks(), "events");
        // One task holds every key, so the stream is partitioned by any of them already: no shuffle, one chain.
        DataStream<Tuple2<byte[], byte[]>> customers =
                sums(events, event -> event.customer, Types.STRING, new CustomerSums());
        DataStream<Tuple2<byte[], byte[]>> hours =
                sums(events, event -> event.timestampMs / Output.HOUR_MS, Types.LONG, new HourSums());
        customers.union(hours).sinkTo(sink(arguments));
        flink.execute("billing");
    }

    private static <K> SingleOutputStreamOperator<Tuple2<byte[], byte[]>> sums(
            DataStream<Event> events, KeySelector<Event, K> selector, TypeInformation<K> type, SumsFunction<K> sums) {
        return DataStreamUtils.reinterpretAsKeyedStream(events, selector, type)
                .process(sums)
                .returns(new TupleTypeInfo<>(BYTE_PRIMITIVE_ARRAY_TYPE_INFO, BYTE_PRIMITIVE_ARRAY_TYPE_INFO));
    }

    private static Configuration config(String folder, String backend) {
        Configuration config = new Configuration();
        config.setString("state.backend.type", backend);
        config.setString("execution.checkpointing.storage", "filesystem");
        config.setString("execution.checkpointing.dir", "file://" + folder + "/checkpoints");
        config.setString("execution.checkpointing.incremental", String.valueOf(backend.equals("rocksdb")));
        config.setString("state.backend.rocksdb.localdir", folder + "/rocksdb");
        config.setString("state.backend.rocksdb.timer-service.factory", "HEAP");
        config.setString("taskmanager.memory.managed.size", "512m");
        config.setString("restart-strategy.type", "none");
        return config;
    }

    private static KafkaSource<Event> source(String[] arguments) {
        return KafkaSource.<Event>builder()
                .setBootstrapServers(arguments[0])
                .setTopics(arguments[1])
                .setGroupId(arguments[3])
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setDeserializer(new EventReader())
                .setProperty(ConsumerConfig.ISOLATION_LEVEL_CONFIG, "read_committed")
                .setProperty(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "10000")
                .build();
    }

    private static KafkaSink<Tuple2<byte[], byte[]>> sink(String[] arguments) {
        Properties producer = new Properties();
        producer.put(ProducerConfig.TRANSACTION_TIMEOUT_CONFIG, "600000");
        producer.put(ProducerConfig.LINGER_MS_CONFIG, "50");
        producer.put(ProducerConfig.BATCH_SIZE_CONFIG, "1000000");
        producer.put(ProducerConfig.COMPRESSION_TYPE_CONFIG, "lz4");
        return KafkaSink.<Tuple2<byte[], byte[]>>builder()
                .setBootstrapServers(arguments[0])
                .setRecordSerializer(new SumsWriter(arguments[2]))
                .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE)
                .setTransactionalIdPrefix(arguments[3])
                .setKafkaProducerConfig(producer)
                .build();
    }

    private static final class CustomerSums extends SumsFunction<String> {
        @Override
        int periodOf(Event event) {
            return Months.of(event.timestampMs);
        }

        @Override
        byte[] outputKey(String customer, int month) {
            return Output.customerKey(0, customer, month);
        }
    }

    private static final class HourSums extends SumsFunction<Long> {
        @Override
        int periodOf(Event event) {
            return 0;
        }

        @Override
        byte[] outputKey(Long hour, int period) {
            return Output.hourKey(0, hour);
        }
    }
}
