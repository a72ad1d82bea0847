package billing.peers;

import java.nio.ByteBuffer;

/** Millionths and number of events of each type. */
public final class Sums {
    /** How many bytes {@link #packed} returns. */
    public static final int BYTES = Event.TYPES.length * 2 * Long.BYTES;

    private final long[] numbers;

    /** Wraps numbers: of each type millionths and count. Whatever stands behind them is left alone. */
    public Sums(long[] numbers) {
        this.numbers = numbers;
    }

    /** Returns the sums that {@link #packed} packed; of nothing if there are none. */
    public static Sums unpacked(byte[] bytes) {
        long[] numbers = new long[Event.TYPES.length * 2];
        if (bytes != null) {
            ByteBuffer.wrap(bytes).asLongBuffer().get(numbers);
        }
        return new Sums(numbers);
    }

    /** Adds an event. */
    public void add(Event event) {
        numbers[2 * event.type] += event.micros;
        numbers[2 * event.type + 1]++;
    }

    public long micros(int type) {
        return numbers[2 * type];
    }

    public long count(int type) {
        return numbers[2 * type + 1];
    }

    /** Returns them as bytes. */
    public byte[] packed() {
        ByteBuffer bytes = ByteBuffer.allocate(BYTES);
        bytes.asLongBuffer().put(numbers, 0, Event.TYPES.length * 2);
        return bytes.array();
    }
}
