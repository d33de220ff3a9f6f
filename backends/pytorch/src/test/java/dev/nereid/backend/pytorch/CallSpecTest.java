package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reads descriptions as {@code torch.utils._pytree.treespec_dumps} writes them. */
final class CallSpecTest {
    private static final String LEAF = "{\"type\": null, \"context\": null, \"children_spec\": []}";

    private static String sequence(String type, String... parts) {
        return "{\"type\": \"builtins." + type + "\", \"context\": \"null\", \"children_spec\": ["
                + String.join(", ", parts) + "]}";
    }

    private static String dictionary(String context, String... parts) {
        return "{\"type\": \"builtins.dict\", \"context\": " + context + ", \"children_spec\": ["
                + String.join(", ", parts) + "]}";
    }

    private static CallSpec parse(String spec) {
        return CallSpec.parse("[1, " + spec + "]");
    }

    @Test
    void namesInputsByPositionAndKey() {
        String positional = sequence("tuple", LEAF, sequence("list", LEAF, LEAF), dictionary("\"[\\\"x\\\"]\"", LEAF));
        String named = dictionary("[\"mask\", \"b\\u00e4\\n\"]", LEAF, LEAF);

        assertEquals(List.of("ARGS[0]", "ARGS[1][0]", "ARGS[1][1]", "ARGS[2][x]", "KWARGS[mask]", "KWARGS[b\u00e4\n]"),
                parse(sequence("tuple", positional, named)).inputNames());
    }

    @Test
    void namesASingleResultWithoutAnIndex() {
        assertEquals(List.of("RESULT"), parse(LEAF).resultNames());
        assertEquals(List.of("RESULT[0]", "RESULT[1][y]"),
                parse(sequence("tuple", LEAF, dictionary("\"[\\\"y\\\"]\"", LEAF))).resultNames());
    }

    @Test
    void namesPartsOfADictionaryByIntegersToo() {
        assertEquals(List.of("RESULT[1]", "RESULT[-2]"), parse(dictionary("[1, -2]", LEAF, LEAF)).resultNames());
    }

    @Test
    void refusesOtherCollections() {
        InferenceException failure = assertThrows(InferenceException.class,
                () -> parse(LEAF.replace("null, \"context\"", "\"my.Output\", \"context\"")));

        assertEquals(StatusCode.INTERNAL, failure.code());
        assertEquals("the compiled package has a value of type 'my.Output' in its inputs or outputs; only tensors in"
                + " tuples, lists and dictionaries can be served", failure.getMessage());
    }

    @Test
    void refusesInputsThatAreNoCall() {
        String message = assertThrows(InferenceException.class, () -> parse(LEAF).inputNames()).getMessage();

        assertTrue(
                message.startsWith("the compiled package describes its inputs or outputs in a way that can't be read"),
                message);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "[", "[1, {", "[1, {\"type\": \"builtins.tuple\", \"children_spec\": [}]",
        "[1, {\"type\": \"builtins.dict\", \"context\": \"[\", \"children_spec\": []}]", "[1]", "[1, 2]", "{}",
        "[1, {}] x",
        "[1, {\"type\": \"builtins.dict\", \"context\": [null], \"children_spec\": [{}]}]",
        "[1, {\"type\": \"builtins.dict\", \"context\": [\"a\"], \"children_spec\": []}]", "[1, {\"a\\u00\": 1}]",
        "[1, {\"a\\", "[1, {\"a\\uZZZZ\": 1}]", "[1, tru]",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["})
    void refusesWhatItCanNotRead(String text) {
        InferenceException failure = assertThrows(InferenceException.class, () -> CallSpec.parse(text));

        assertEquals(StatusCode.INTERNAL, failure.code());
        assertTrue(failure.getMessage().startsWith("the compiled package describes "), failure.getMessage());
    }
}
