package billing.peers;

import java.time.YearMonth;
import java.time.ZoneOffset;

/** The calendar months of UTC, numbered from January 1970 on. */
public final class Months {
    private static final int COUNT = 200 * 12;
    private static final long LONGEST_MS = 31L * 24 * 3_600_000;
    private static final long[] STARTS_MS = new long[COUNT + 1];
    private static final YearMonth FIRST = YearMonth.of(1970, 1);

    static {
        for (int month = 0; month <= COUNT; month++) {
            STARTS_MS[month] = FIRST.plusMonths(month).atDay(1).atStartOfDay(ZoneOffset.UTC).toInstant().toEpochMilli();
        }
    }

    private Months() {}

    /** Returns the number of the month that holds a moment. */
    public static int of(long timestampMs) {
        // No month is longer than this, so the guess is never too late.
        int month = (int) (timestampMs / LONGEST_MS);
        while (STARTS_MS[month + 1] <= timestampMs) {
            month += 1 + (int) ((timestampMs - STARTS_MS[month + 1]) / LONGEST_MS);
        }
        return month;
    }

    /** Returns a month as {@code YYYY-MM}. */
    public static String name(int month) {
        return FIRST.plusMonths(month).toString();
    }
}
