package dev.nereid.engine.ensemble;

import dev.nereid.backend.api.CorrelationId;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.InferenceResponse;
import dev.nereid.backend.api.Parameter;
import dev.nereid.engine.Response;
import dev.nereid.engine.request.ActiveRequest;
import java.util.Map;

/** The sequence that a request belongs to, which steps may change for those after them. Belongs to one run. */
final class SequenceOfRun {
    private static final String ID = "sequence_id";
    private static final String START = "sequence_start";
    private static final String END = "sequence_end";

    private CorrelationId id;
    private boolean isStart;
    private boolean isEnd;

    SequenceOfRun(ActiveRequest request) {
        id = request.correlationId();
        isStart = request.isSequenceStart();
        isEnd = request.isSequenceEnd();
    }

    CorrelationId id() {
        return id;
    }

    boolean isStart() {
        return isStart;
    }

    boolean isEnd() {
        return isEnd;
    }

    /**
     * Takes over what a step's response says in its parameters.
     *
     * @throws InferenceException INVALID_ARG where a parameter is of the wrong kind
     */
    void change(Response response) {
        Map<String, Parameter> parameters = response.parameters();
        if (parameters.isEmpty()) {
            return;
        }
        switch (parameters.get(ID)) {
            case null -> {
            }
            case Parameter.Int number -> id = new CorrelationId.Numeric(number.value());
            case Parameter.Text text -> id = new CorrelationId.Text(text.value());
            case Parameter.Bool _,Parameter.Real _ ->
                throw InferenceException.invalid("expected parameter 'sequence_id' "
                        + "to be TRITONSERVER_PARAMETER_INT or TRITONSERVER_PARAMETER_STRING");
        }
        isStart = flag(parameters, START, isStart);
        isEnd = flag(parameters, END, isEnd);
    }

    private static boolean flag(Map<String, Parameter> parameters, String name, boolean otherwise) {
        return switch (parameters.get(name)) {
            case null -> otherwise;
            case Parameter.Bool bool -> bool.value();
            case Parameter.Int _,Parameter.Text _,Parameter.Real _ -> throw InferenceException
                    .invalid("expect parameter '" + name + "' to be TRITONSERVER_PARAMETER_BOOL");
        };
    }

    /** Says in a response of the ensemble which sequence it belongs to. */
    void writeTo(InferenceResponse response) {
        response.setParameter(ID, switch (id) {
            case CorrelationId.Numeric number -> Parameter.of(number.value());
            case CorrelationId.Text text -> Parameter.of(text.value());
        });
        response.setParameter(START, Parameter.of(isStart));
        response.setParameter(END, Parameter.of(isEnd));
    }
}
