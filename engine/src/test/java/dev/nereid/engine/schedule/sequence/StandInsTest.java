package dev.nereid.engine.schedule.sequence;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertSame;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.tensor.DataType;
import dev.nereid.backend.api.tensor.Shape;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.memory.BufferPool;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.OutputShapes;
import dev.nereid.engine.request.RequestData;
import dev.nereid.engine.request.SingleResponse;
import dev.nereid.engine.stats.ModelStatistics;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class StandInsTest {
    private final BufferPool pool = new BufferPool(1 << 20, 1 << 20);
    private final ModelIo io = new ModelIo(false, OutputShapes.AS_PRODUCED, new ModelStatistics(), 1 << 20);
    private final StandIns standIns = new StandIns(ModelConfig.builder("m").maxBatchSize(4).build(),
            new ControlInputs(List.of(), true), new StateInputs(List.of(), true));

    @AfterEach
    void closePool() {
        pool.close();
    }

    private ActiveRequest model(int columns) {
        byte[] ones = new byte[columns];
        Arrays.fill(ones, (byte) 1);
        RequestData data = new RequestData("", Map.of(), new CorrelationId.Numeric(1), true, true, 0, 0, List.of(),
                List.of(), false);
        Tensor input = new Tensor("X", DataType.INT8, Shape.of(1, columns), MemorySegment.ofArray(ones));
        return new ActiveRequest(new ActiveRequest.Content(data, List.of(input), 1, Set.of("Y")), io, pool,
                new SingleResponse(), 0);
    }

    private ActiveRequest standIn(ActiveRequest model) {
        List<ActiveRequest> batch = new ArrayList<>();
        standIns.addTo(batch, 1, model, 0);
        return batch.getFirst();
    }

    /** Executes it, with an answer at once. */
    private void execute(ActiveRequest standIn) {
        standIn.executionStarts(0, () -> 0);
        standIn.newResponse().send();
        standIn.deliver();
        standIns.executed(standIn);
    }

    @Test
    void aGapHasTheShapeOfItsBatchAndZeros() {
        for (int columns : List.of(2, 3, 2)) {
            ActiveRequest gap = standIn(model(columns));
            Tensor input = gap.inputs().getFirst();
            assertEquals(Shape.of(1, columns), input.shape());
            assertEquals(-1, input.data().mismatch(MemorySegment.ofArray(new byte[columns])));
            execute(gap);
        }
    }

    @Test
    void oneThatIsOverFillsTheNextGapOfTheKind() {
        ActiveRequest first = standIn(model(2));
        assertNotSame(first, standIn(model(2)), "while it is being executed");
        execute(first);
        assertSame(first, standIn(model(2)));
        execute(first);
        assertNotSame(first, standIn(model(3)));
    }

    @Test
    void oneThatIsAnsweredLateFillsNoOther() {
        ActiveRequest gap = standIn(model(2));
        gap.executionStarts(0, () -> 0);
        gap.answerLater();
        boolean isLate = gap.leavesBatch(ActiveRequest::deliver);
        standIns.executed(gap);
        ActiveRequest other = standIn(model(2));
        assertNotSame(gap, other, "late: " + isLate);
        gap.newResponse().send();
        standIns.executed(gap);
        assertNotSame(gap, standIn(model(2)));
    }
}
