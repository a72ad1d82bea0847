package billing.peers;

import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.kafka.clients.producer.ProducerRecord;

/** Writes a key and its value as they are. */
final class SumsWriter implements KafkaRecordSerializationSchema<Tuple2<byte[], byte[]>> {
    private final String topic;

    SumsWriter(String topic) {
        this.topic = topic;
    }

    @Override
    public ProducerRecord<byte[], byte[]> serialize(
            Tuple2<byte[], byte[]> sums, KafkaSinkContext context, Long timestampMs) {
        return new ProducerRecord<>(topic, sums.f0, sums.f1);
    }
}
