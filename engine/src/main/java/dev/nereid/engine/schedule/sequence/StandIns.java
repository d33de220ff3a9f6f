package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.ModelInput;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.engine.request.ModelIo;
import dev.nereid.engine.request.OutputShapes;
import dev.nereid.engine.stats.ModelStatistics;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** Makes the requests that fill the gaps of batches, which nobody waits for. Used under the scheduler's lock. */
final class StandIns {
    private final ControlInputs controls;
    private final StateInputs states;
    private final Set<String> shapeTensors = new HashSet<>();
    private final Zeros zeros = new Zeros();
    /** What the last one sent. */
    private ActiveRequest.Content filling = ActiveRequest.filling(List.of());
    /** Those that may be used again. */
    private final ArrayDeque<ActiveRequest> idle = new ArrayDeque<>();
    private @Nullable ModelIo quiet;

    StandIns(ModelConfig config, ControlInputs controls, StateInputs states) {
        this.controls = controls;
        this.states = states;
        config.inputs().stream().filter(ModelInput::isShapeTensor).map(ModelInput::name).forEach(shapeTensors::add);
    }

    /**
     * Adds requests to a batch.
     *
     * @param model a request of the batch; theirs are inputs like it has, but zeros
     */
    void addTo(List<ActiveRequest> batch, int count, ActiveRequest model, long now) {
        if (count == 0) {
            return;
        }
        if (!shapeTensors.isEmpty() || !areAlike(filling.inputs(), model.inputs())) {
            filling = ActiveRequest.filling(inputs(model));
        }
        ModelIo io = quiet(model);
        for (int i = 0; i < count; i++) {
            ActiveRequest last = idle.pollLast();
            batch.add(last != null && last.standsInAgain(filling) ? last : model.standIn(filling, io, now));
        }
    }

    /** Takes one back whose execution has returned. */
    void executed(ActiveRequest standIn) {
        idle.addLast(standIn);
    }

    /** Returns whether there are the same inputs with the same types and shapes. */
    private static boolean areAlike(List<Tensor> a, List<Tensor> b) {
        if (a.size() != b.size()) {
            return false;
        }
        for (int i = 0; i < a.size(); i++) {
            if (!a.get(i).name().equals(b.get(i).name()) || a.get(i).dataType() != b.get(i).dataType()
                    || !a.get(i).shape().equals(b.get(i).shape())) {
                return false;
            }
        }
        return true;
    }

    private List<Tensor> inputs(ActiveRequest model) {
        List<Tensor> all = new ArrayList<>();
        for (Tensor input : model.sentInputs()) {
            // The values of a shape tensor hold for the whole batch.
            all.add(shapeTensors.contains(input.name()) ? input : zeros.like(input));
        }
        all.addAll(controls.nothing());
        for (StateInputs.Entry state : states.entries()) {
            model.input(state.start().name()).ifPresent(value -> all.add(zeros.like(value)));
        }
        return all;
    }

    private ModelIo quiet(ActiveRequest model) {
        ModelIo io = quiet;
        if (io == null) {
            io = new ModelIo(model.io().isDecoupled(), OutputShapes.AS_PRODUCED, new ModelStatistics(), Long.MAX_VALUE);
            quiet = io;
        }
        return io;
    }
}
