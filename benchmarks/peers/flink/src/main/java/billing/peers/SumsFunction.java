package billing.peers;

import java.util.Map;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.MapState;
import org.apache.flink.api.common.state.MapStateDescriptor;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/**
 * Sums the events of a key by periods (numbers), and sends on those that changed once per second. Whether sums were sent
 * on stands behind them in the state, so that a restart forgets none.
 */
abstract class SumsFunction<K> extends KeyedProcessFunction<K, Event, Tuple2<byte[], byte[]>> {
    private static final long INTERVAL_MS = 1_000;
    private static final int CHANGED = Event.TYPES.length * 2;

    private transient MapState<Integer, long[]> sums;

    /** Returns the period in which an event is summed. */
    abstract int periodOf(Event event);

    /** Returns the key of what goes out. */
    abstract byte[] outputKey(K key, int period);

    @Override
    public void open(OpenContext context) {
        sums = getRuntimeContext().getMapState(
                new MapStateDescriptor<>("sums", Types.INT, PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO));
    }

    @Override
    public void processElement(Event event, Context context, Collector<Tuple2<byte[], byte[]>> out) throws Exception {
        int period = periodOf(event);
        long[] entry = sums.get(period);
        if (entry == null) {
            entry = new long[CHANGED + 1];
        }
        new Sums(entry).add(event);
        if (entry[CHANGED] == 0) {
            entry[CHANGED] = 1;
            long nowMs = context.timerService().currentProcessingTime();
            // The same moment for all keys: they share its timer's wake-up.
            context.timerService().registerProcessingTimeTimer(nowMs - nowMs % INTERVAL_MS + INTERVAL_MS);
        }
        sums.put(period, entry);
    }

    @Override
    public void onTimer(long timestampMs, OnTimerContext context, Collector<Tuple2<byte[], byte[]>> out)
            throws Exception {
        for (Map.Entry<Integer, long[]> entry : sums.entries()) {
            long[] found = entry.getValue();
            if (found[CHANGED] != 0) {
                found[CHANGED] = 0;
                entry.setValue(found);
                byte[] key = outputKey(context.getCurrentKey(), entry.getKey());
                out.collect(Tuple2.of(key, Output.value(new Sums(found))));
            }
        }
    }
}
