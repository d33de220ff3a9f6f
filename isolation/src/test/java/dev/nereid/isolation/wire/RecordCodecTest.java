package dev.nereid.isolation.wire;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.Parameter;
import dev.nereid.backend.api.config.Dims;
import dev.nereid.backend.api.config.InstanceGroup;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.config.ModelOutput;
import dev.nereid.backend.api.config.Scheduling.Control;
import dev.nereid.backend.api.config.Scheduling.ControlInput;
import dev.nereid.backend.api.config.Scheduling.ControlKind;
import dev.nereid.backend.api.config.Scheduling.InitialState;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.config.Scheduling.State;
import dev.nereid.backend.api.config.Scheduling.Strategy;
import dev.nereid.backend.api.config.VersionPolicy;
import dev.nereid.backend.api.config.Warmup;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.engine.stats.Histogram;
import dev.nereid.engine.stats.MetricFamily;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import org.junit.jupiter.api.Test;

class RecordCodecTest {
    private static byte[] bytes(Class<?> type, Object value) {
        FrameOutput out = new FrameOutput();
        RecordCodec.write(type, value, out);
        return out.content();
    }

    private static void assertComesBack(Class<?> type, Object value) {
        assertEquals(value, RecordCodec.read(type, new FrameInput(bytes(type, value))));
    }

    private static Lane.Execute execute() {
        return new Lane.Execute(3,
                List.of(new Lane.RequestData(Long.MAX_VALUE, 65_535, "id-\u00e4", new CorrelationId.Text("s"),
                        true, false, -1, Map.of("t", Parameter.of("x"), "i", Parameter.of(Long.MIN_VALUE), "b",
                                Parameter.of(true), "d", Parameter.of(-0.5)),
                        List.of(new TensorData("INPUT0", DataType.BF16, Shape.of(0, 7), 1L << 40, 0)), 2,
                        List.of("A", "B"))));
    }

    @Test
    void whatGoesOverALaneComesBack() {
        assertComesBack(Lane.ToWorker.class, execute());
        assertComesBack(Lane.ToServer.class, new Lane.Executed(List.of(new Lane.Unanswered(),
                new Lane.Elsewhere(2, List.of(new ResponseData(List.of(), Map.of())))), Optional.empty()));
    }

    @Test
    void whatGoesOverTheControlConnectionComesBack() {
        assertComesBack(Control_.FRAME, new dev.nereid.isolation.wire.Control.Tell(
                new dev.nereid.isolation.wire.Control.Call(1, 2, "m", OptionalLong.of(3), List.of(), Set.of("A"),
                        Map.of(), List.of(4L, 5L), Optional.of(new dev.nereid.isolation.wire.Control.Step(
                                new CorrelationId.Numeric(-1), false, true)),
                        true)));
        assertComesBack(Control_.FRAME, new dev.nereid.isolation.wire.Control.Answer(7,
                new dev.nereid.isolation.wire.Control.MetricValues(List.of(new MetricFamily("m", "h",
                        MetricFamily.Kind.HISTOGRAM, List.of(new MetricFamily.Sample(Map.of("a", "b"),
                                new MetricFamily.Distribution(
                                        List.of(new Histogram.Bucket(Double.POSITIVE_INFINITY, 1)),
                                        0.25))))))));
    }

    /** Shortens the name of a class that shares it with one of the contract's. */
    private static final class Control_ {
        static final Class<?> FRAME = dev.nereid.isolation.wire.Control.Frame.class;
    }

    @Test
    void aWholeConfigurationComesBack() {
        assertComesBack(ModelConfig.class, ModelConfig.builder("m").backend("b").platform("p").maxBatchSize(8)
                .versionPolicy(new VersionPolicy.Specific(List.of(1L, 3L)))
                .inputs(List.of(new ModelInput("INPUT0", DataType.FP32, Dims.of(-1, 4))))
                .outputs(List.of(new ModelOutput("OUTPUT0", DataType.BYTES, Dims.of(1))))
                .scheduling(new SequenceBatching(new Strategy.Oldest(4, List.of(2, 4), 100, true), 5_000_000,
                        List.of(new ControlInput("START",
                                List.of(new Control(ControlKind.START, DataType.FP32, 0, 1)))),
                        List.of(new State("IN", "OUT", Optional.of(DataType.INT32), Dims.of(2),
                                List.of(new InitialState("zero", Optional.empty(), Dims.of(2), Optional.of("file"))),
                                true, false)),
                        true))
                .instanceGroups(List.of(new InstanceGroup("g", InstanceGroup.Kind.CPU, 2)))
                .parameters(Map.of("k", "v"))
                .warmups(List.of(new Warmup("w", 1, Map.of("INPUT0", new Warmup.Input(DataType.FP32, Dims.of(4),
                        new Warmup.Source.File("data"))), 2)))
                .isDecoupled(true).build());
    }

    @Test
    void whatEndsTooEarlyIsRefused() {
        byte[] whole = bytes(Lane.ToWorker.class, execute());
        for (int length = 0; length < whole.length; length++) {
            FrameInput cut = new FrameInput(Arrays.copyOf(whole, length));
            assertThrows(WireException.class, () -> RecordCodec.read(Lane.ToWorker.class, cut));
        }
    }

    @Test
    void whatIsTooLongIsRefused() {
        byte[] whole = bytes(Lane.ToWorker.class, new Lane.Close(1));
        FrameInput longer = new FrameInput(Arrays.copyOf(whole, whole.length + 1));
        assertThrows(WireException.class, () -> RecordCodec.read(Lane.ToWorker.class, longer));
    }

    @Test
    void whateverComesIsAFrameOrRefused() {
        java.util.Random random = new java.util.Random(21);
        byte[] whole = bytes(Lane.ToWorker.class, execute());
        int read = 0;
        for (int i = 0; i < 20_000; i++) {
            byte[] changed = whole.clone();
            changed[random.nextInt(changed.length)] = (byte) random.nextInt();
            try {
                RecordCodec.read(Lane.ToWorker.class, new FrameInput(changed));
                read++;
            } catch (WireException e) {
                // As it should be: nothing else is thrown, and nothing large is allocated.
            }
        }
        assertEquals(true, read > 0 && read < 20_000);
    }
}
