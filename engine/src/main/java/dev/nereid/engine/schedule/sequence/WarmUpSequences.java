package dev.nereid.engine.schedule.sequence;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.config.ModelConfig;
import dev.nereid.backend.api.config.Scheduling.ControlInput;
import dev.nereid.backend.api.config.Scheduling.SequenceBatching;
import dev.nereid.backend.api.tensor.Tensor;
import dev.nereid.engine.request.ActiveRequest;
import dev.nereid.repository.config.InitialStates;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Gives the requests of a warm-up sample what the requests of sequences have: controls and states. Each row of the sample is
 * a sequence, which its rounds follow. Used by one thread; owns the states.
 */
public final class WarmUpSequences implements AutoCloseable {
    private final ControlInputs controls;
    private final StateInputs states;
    private final List<SequenceState> rows = new ArrayList<>();

    /**
     * Creates the sequences.
     *
     * @param starts what the model's states hold at the start of a sequence
     * @param count how many sequences
     */
    public WarmUpSequences(ModelConfig config, SequenceBatching batching, List<InitialStates.Start> starts, int count) {
        controls = new ControlInputs(batching.controlInputs(), config.isBatching());
        states = new StateInputs(starts, config.isBatching());
        for (int i = 0; i < count; i++) {
            rows.add(new SequenceState(states));
        }
    }

    /** Returns the inputs that a model gets from the server. */
    public static Set<String> names(SequenceBatching batching) {
        Set<String> names = new HashSet<>();
        batching.controlInputs().stream().map(ControlInput::name).forEach(names::add);
        batching.states().forEach(state -> names.add(state.inputName()));
        return names;
    }

    /**
     * Lays controls and states over the next request of each sequence.
     *
     * @param requests one for each sequence
     * @param given takes the place of controls and states of the same name
     */
    public void prepare(List<ActiveRequest> requests, boolean isStart, boolean isEnd, List<Tensor> given) {
        for (int i = 0; i < requests.size(); i++) {
            SequenceState state = rows.get(i);
            List<Tensor> more = new ArrayList<>(controls.flags(isStart, isEnd));
            more.addAll(controls.ids(new CorrelationId.Numeric(i + 1)));
            state.addTo(more);
            more.replaceAll(tensor -> given.stream().filter(each -> each.name().equals(tensor.name())).findFirst()
                    .orElse(tensor));
            requests.get(i).overlay(more, states.isEmpty() ? null : state);
        }
    }

    /** Notes that the requests are answered. */
    public void executed() {
        rows.forEach(SequenceState::executed);
    }

    @Override
    public void close() {
        rows.forEach(SequenceState::close);
    }
}
