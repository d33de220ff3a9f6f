package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.DataType;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching;
import dev.nereid.repository.config.proto.ConfigProto.ModelSequenceBatching.Control;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Set;

/** Checks the inputs by which a sequence model learns where in a sequence it is. */
final class SequenceControls {
    private static final Set<DataType> CORRELATION_ID_TYPES = EnumSet.of(DataType.TYPE_UINT64, DataType.TYPE_INT64,
            DataType.TYPE_UINT32, DataType.TYPE_INT32, DataType.TYPE_STRING);

    private SequenceControls() {
    }

    static void check(ModelSequenceBatching batching, String modelName) {
        Set<String> tensors = new HashSet<>();
        Set<Control.Kind> kinds = EnumSet.noneOf(Control.Kind.class);
        for (ModelSequenceBatching.ControlInput input : batching.getControlInputList()) {
            if (input.getName().isEmpty()) {
                throw InferenceException
                        .invalid("sequence batching control tensor must have a name for " + modelName);
            }
            if (!tensors.add(input.getName())) {
                throw InferenceException.invalid("sequence batching control tensor '" + input.getName()
                        + "' is specified for multiple control kinds for " + modelName);
            }
            for (Control control : input.getControlList()) {
                if (!kinds.add(control.getKind())) {
                    throw InferenceException.invalid("sequence batching specifies multiple " + control.getKind()
                            + " tensors for " + modelName);
                }
                if (control.getKind() == Control.Kind.CONTROL_SEQUENCE_CORRID) {
                    checkCorrelationId(control, modelName);
                } else {
                    checkValues(control, modelName);
                }
            }
        }
    }

    private static void checkCorrelationId(Control control, String modelName) {
        if (listsWithValues(control) > 0) {
            throw InferenceException.invalid("sequence batching must not specify either 'int32_false_true', "
                    + "'fp32_false_true' or 'bool_false_true' for CONTROL_SEQUENCE_CORRID for " + modelName);
        }
        if (!CORRELATION_ID_TYPES.contains(control.getDataType())) {
            throw InferenceException.invalid("unexpected data type for control CONTROL_SEQUENCE_CORRID for " + modelName
                    + ". Allowed data types are TYPE_UINT64, TYPE_INT64, TYPE_UINT32, TYPE_INT32 and TYPE_STRING");
        }
    }

    private static void checkValues(Control control, String modelName) {
        String suffix = " for " + control.getKind() + " for " + modelName;
        int lists = listsWithValues(control);
        if (lists == 0) {
            throw InferenceException.invalid("sequence batching must specify either 'int32_false_true', "
                    + "'fp32_false_true' or 'bool_false_true'" + suffix);
        }
        if (lists > 1) {
            throw InferenceException.invalid("sequence batching specifies more than one from 'int32_false_true', "
                    + "'fp32_false_true' and 'bool_false_true'" + suffix);
        }
        checkPair("int32_false_true", control.getInt32FalseTrueCount(), suffix);
        checkPair("fp32_false_true", control.getFp32FalseTrueCount(), suffix);
        checkPair("bool_false_true", control.getBoolFalseTrueCount(), suffix);
    }

    private static void checkPair(String field, int count, String suffix) {
        if (count != 0 && count != 2) {
            throw InferenceException
                    .invalid("sequence batching control '" + field + "' must have exactly 2 entries" + suffix);
        }
    }

    private static int listsWithValues(Control control) {
        return (control.getInt32FalseTrueCount() > 0 ? 1 : 0) + (control.getFp32FalseTrueCount() > 0 ? 1 : 0)
                + (control.getBoolFalseTrueCount() > 0 ? 1 : 0);
    }
}
