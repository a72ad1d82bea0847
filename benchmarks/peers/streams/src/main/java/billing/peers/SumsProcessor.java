package billing.peers;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Sums by customer, month and type and by hour and type, one of these for each input partition. Sends on what changed
 * once per second; which sums those are it remembers on the heap alone.
 */
final class SumsProcessor implements Processor<byte[], byte[], byte[], byte[]> {
    static final String CUSTOMERS = "customers";
    static final String HOURS = "hours";
    static final Duration INTERVAL = Duration.ofSeconds(1);

    private final Event event = new Event();
    private final Set<Bytes> changedCustomers = new HashSet<>();
    private final Set<Bytes> changedHours = new HashSet<>();
    private ProcessorContext<byte[], byte[]> context;
    private KeyValueStore<byte[], byte[]> customers;
    private KeyValueStore<byte[], byte[]> hours;

    @Override
    public void init(ProcessorContext<byte[], byte[]> given) {
        context = given;
        customers = context.getStateStore(CUSTOMERS);
        hours = context.getStateStore(HOURS);
        context.schedule(INTERVAL, PunctuationType.WALL_CLOCK_TIME, this::sendChanged);
    }

    @Override
    public void process(Record<byte[], byte[]> input) {
        event.read(input.value());
        byte[] name = event.customer.getBytes(StandardCharsets.UTF_8);
        add(customers, changedCustomers,
                ByteBuffer.allocate(Integer.BYTES + name.length).putInt(Months.of(event.timestampMs)).put(name));
        add(hours, changedHours, ByteBuffer.allocate(Long.BYTES).putLong(event.timestampMs / Output.HOUR_MS));
    }

    private void add(KeyValueStore<byte[], byte[]> store, Set<Bytes> changed, ByteBuffer name) {
        byte[] key = name.array();
        Sums sums = Sums.unpacked(store.get(key));
        sums.add(event);
        store.put(key, sums.packed());
        changed.add(Bytes.wrap(key));
    }

    private void sendChanged(long nowMs) {
        int partition = context.taskId().partition();
        for (Bytes changed : changedCustomers) {
            ByteBuffer key = ByteBuffer.wrap(changed.get());
            int month = key.getInt();
            String name = StandardCharsets.UTF_8.decode(key).toString();
            send(Output.customerKey(partition, name, month), customers.get(changed.get()), nowMs);
        }
        for (Bytes changed : changedHours) {
            long hour = ByteBuffer.wrap(changed.get()).getLong();
            send(Output.hourKey(partition, hour), hours.get(changed.get()), nowMs);
        }
        changedCustomers.clear();
        changedHours.clear();
    }

    private void send(byte[] key, byte[] packed, long nowMs) {
        context.forward(new Record<>(key, Output.value(Sums.unpacked(packed)), nowMs));
    }
}
