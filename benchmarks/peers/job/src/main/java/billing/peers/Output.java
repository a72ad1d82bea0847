package billing.peers;

import java.nio.charset.StandardCharsets;

/**
 * What goes out: the absolute sums of all types under the name of what they are of. Whoever checks adds up what the
 * input partitions hold.
 */
public final class Output {
    public static final long HOUR_MS = 3_600_000L;

    private Output() {}

    /** Returns the key of a customer's month. */
    public static byte[] customerKey(int partition, String customer, int month) {
        return utf8("customer|" + partition + "|" + Months.name(month) + "|" + customer);
    }

    /** Returns the key of an hour, numbered from 1970 on. */
    public static byte[] hourKey(int partition, long hour) {
        return utf8("hour|" + partition + "|" + hour * HOUR_MS);
    }

    /** Returns the value: for each type, in their order, millionths and number of events. */
    public static byte[] value(Sums sums) {
        StringBuilder text = new StringBuilder(100);
        for (int type = 0; type < Event.TYPES.length; type++) {
            text.append(type == 0 ? "" : ";").append(sums.micros(type)).append(',').append(sums.count(type));
        }
        return utf8(text.toString());
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
