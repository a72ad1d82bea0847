package billing.peers;

import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.util.Collector;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** Reads each record into the same event: with objects reused, nobody keeps it. */
final class EventReader implements KafkaRecordDeserializationSchema<Event> {
    private transient Event event;

    @Override
    public void deserialize(ConsumerRecord<byte[], byte[]> input, Collector<Event> out) {
        if (event == null) {
            event = new Event();
        }
        event.read(input.value());
        out.collect(event);
    }

    @Override
    public TypeInformation<Event> getProducedType() {
        return TypeInformation.of(Event.class);
    }
}
