package dev.nereid.backend.api.config;

import dev.nereid.backend.api.tensor.DataType;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** How requests become executions. */
public sealed interface Scheduling {
    /** Every request is one execution. */
    record Direct() implements Scheduling {
    }

    /**
     * Requests are merged into batches.
     *
     * @param preferredBatchSizes sizes that are executed at once
     * @param maxQueueDelayMicros how long to wait for more requests
     * @param preserveOrdering whether responses leave in the order of the requests
     * @param priorityLevels number of levels; 0 for none
     * @param defaultPriorityLevel the level of requests that name none
     * @param defaultQueuePolicy the policy of levels that have none of their own
     * @param priorityQueuePolicies policies by level
     */
    record DynamicBatching(List<Integer> preferredBatchSizes, long maxQueueDelayMicros, boolean preserveOrdering,
            long priorityLevels, long defaultPriorityLevel, QueuePolicy defaultQueuePolicy,
            Map<Long, QueuePolicy> priorityQueuePolicies) implements Scheduling {
        /** Copies list and map. */
        public DynamicBatching {
            preferredBatchSizes = List.copyOf(preferredBatchSizes);
            priorityQueuePolicies = Map.copyOf(priorityQueuePolicies);
        }
    }

    /**
     * Requests belong to sequences, each of which stays on one instance.
     *
     * @param strategy how sequences share instances
     * @param maxSequenceIdleMicros after how long without a request a sequence ends
     * @param controlInputs inputs that the server sets
     * @param states tensors that the server keeps between requests
     * @param isIterative whether a request is rescheduled by the backend
     */
    record SequenceBatching(Strategy strategy, long maxSequenceIdleMicros, List<ControlInput> controlInputs,
            List<State> states, boolean isIterative) implements Scheduling {
        /** Copies the lists. */
        public SequenceBatching {
            controlInputs = List.copyOf(controlInputs);
            states = List.copyOf(states);
        }
    }

    /**
     * The model is a graph of other models.
     *
     * @param steps the models and how their tensors are connected
     * @param maxInflightRequests bound for each step; 0 for none
     */
    record Ensemble(List<Step> steps, int maxInflightRequests) implements Scheduling {
        /** Copies the list. */
        public Ensemble {
            steps = List.copyOf(steps);
        }
    }

    /**
     * One model of an ensemble.
     *
     * @param modelName the model
     * @param modelVersion its version; -1 for the latest
     * @param inputMap model input to ensemble tensor
     * @param outputMap model output to ensemble tensor
     * @param modelNamespace the namespace of the model; empty for none
     */
    record Step(String modelName, long modelVersion, Map<String, String> inputMap, Map<String, String> outputMap,
            String modelNamespace) {
        /** Copies the maps. */
        public Step {
            inputMap = Map.copyOf(inputMap);
            outputMap = Map.copyOf(outputMap);
        }
    }

    /** How sequences share instances. */
    sealed interface Strategy {
        /**
         * A sequence has a slot of its own.
         *
         * @param maxQueueDelayMicros how long to wait for more slots to fill
         * @param minimumSlotUtilization the share of slots that is worth an execution
         */
        record DirectSlots(long maxQueueDelayMicros, float minimumSlotUtilization) implements Strategy {
        }

        /**
         * The oldest sequences are batched dynamically.
         *
         * @param maxCandidateSequences how many sequences each instance may have
         * @param preferredBatchSizes sizes that are executed at once
         * @param maxQueueDelayMicros how long to wait for more requests
         * @param preserveOrdering whether responses leave in the order of the requests
         */
        record Oldest(int maxCandidateSequences, List<Integer> preferredBatchSizes, long maxQueueDelayMicros,
                boolean preserveOrdering) implements Strategy {
            /** Copies the list. */
            public Oldest {
                preferredBatchSizes = List.copyOf(preferredBatchSizes);
            }
        }
    }

    /**
     * An input that the server sets from the state of the sequence.
     *
     * @param name the input
     * @param controls what it tells
     */
    record ControlInput(String name, List<Control> controls) {
        /** Copies the list. */
        public ControlInput {
            controls = List.copyOf(controls);
        }
    }

    /**
     * What a control input tells.
     *
     * @param kind the meaning
     * @param dataType the element type
     * @param falseValue the value for no, as a number; unused for {@link ControlKind#CORRELATION_ID}
     * @param trueValue the value for yes, as a number
     */
    record Control(ControlKind kind, DataType dataType, double falseValue, double trueValue) {
    }

    /** What a control input means. */
    enum ControlKind {
        /** The request starts a sequence. */
        START,
        /** The row holds a request. */
        READY,
        /** The request ends a sequence. */
        END,
        /** The id of the sequence. */
        CORRELATION_ID
    }

    /**
     * A tensor that the server keeps between the requests of a sequence.
     *
     * @param inputName the input that receives it
     * @param outputName the output that updates it
     * @param dataType the element type
     * @param dims the shape
     * @param initialStates what it holds at the start
     * @param useSameBuffer whether input and output share one buffer
     * @param useGrowableMemory whether the buffer may grow in place
     */
    record State(String inputName, String outputName, Optional<DataType> dataType, Dims dims,
            List<InitialState> initialStates, boolean useSameBuffer, boolean useGrowableMemory) {
        /** Copies the list. */
        public State {
            initialStates = List.copyOf(initialStates);
        }
    }

    /**
     * What a state holds at the start of a sequence.
     *
     * @param name a name for texts
     * @param dataType the element type
     * @param dims the shape
     * @param dataFile the file with the content; empty for zeros
     */
    record InitialState(String name, Optional<DataType> dataType, Dims dims, Optional<String> dataFile) {
    }
}
