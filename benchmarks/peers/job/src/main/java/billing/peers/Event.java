package billing.peers;

import java.nio.charset.StandardCharsets;

/**
 * One event, read from a line {@code timestamp_ms,customer,amount,TYPE}. An instance is filled again for each line, so
 * that reading makes no garbage but the name.
 */
public final class Event {
    public static final String[] TYPES = {"MESSAGE", "DATA", "CALL", "PACK", "MISC"};

    private static final byte[][] TYPE_BYTES = new byte[TYPES.length][];
    private static final int MOST_DECIMALS = 6;

    static {
        for (int type = 0; type < TYPES.length; type++) {
            TYPE_BYTES[type] = TYPES[type].getBytes(StandardCharsets.US_ASCII);
        }
    }

    /** When it happened, in milliseconds. */
    public long timestampMs;
    /** Who pays. */
    public String customer;
    /** How much, in millionths. */
    public long micros;
    /** Its type's place in {@link #TYPES}. */
    public int type;

    private byte[] line;
    private int position;

    /**
     * Fills this event from a line.
     *
     * @throws IllegalArgumentException the line is no event
     */
    public void read(byte[] bytes) {
        line = bytes;
        position = 0;
        timestampMs = readDigits();
        expect(',');
        customer = readName();
        expect(',');
        micros = readMicros();
        expect(',');
        type = readType();
    }

    private long readDigits() {
        int start = position;
        long number = 0;
        while (position < line.length && line[position] >= '0' && line[position] <= '9') {
            number = number * 10 + (line[position++] - '0');
        }
        if (position == start || position - start > 15) {
            throw malformed();
        }
        return number;
    }

    private String readName() {
        int start = position;
        while (position < line.length && line[position] != ',') {
            position++;
        }
        return new String(line, start, position - start, StandardCharsets.UTF_8);
    }

    private long readMicros() {
        boolean negative = line[position] == '-';
        if (negative) {
            position++;
        }
        long number = readDigits();
        int decimals = 0;
        if (position < line.length && line[position] == '.') {
            int start = ++position;
            long fraction = readDigits();
            decimals = position - start;
            for (int i = 0; i < decimals; i++) {
                number *= 10;
            }
            number += fraction;
        }
        if (decimals > MOST_DECIMALS) {
            throw malformed();
        }
        for (int i = decimals; i < MOST_DECIMALS; i++) {
            number *= 10;
        }
        return negative ? -number : number;
    }

    private int readType() {
        for (int found = 0; found < TYPE_BYTES.length; found++) {
            byte[] name = TYPE_BYTES[found];
            if (java.util.Arrays.equals(line, position, line.length, name, 0, name.length)) {
                return found;
            }
        }
        throw malformed();
    }

    private void expect(char character) {
        if (position >= line.length || line[position++] != character) {
            throw malformed();
        }
    }

    private IllegalArgumentException malformed() {
        return new IllegalArgumentException("not an event: " + new String(line, StandardCharsets.UTF_8));
    }
}
