package dev.nereid.tools.tune;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class ConfigTextTest {
    private static final String TEXT = """
            # max_batch_size: 1, once
            platform: "pytorch_libtorch"  # { not a bracket
            max_batch_size: 8
            input [ { name: "max_batch_size: 9 }"  data_type: TYPE_FP32  dims: [ 4 ] } ]
            parameters { key: "A" value { string_value: "1" } }
            dynamic_batching {
              # waits
              max_queue_delay_microseconds: 100
            }
            parameters: { key: "B", value: { string_value: "}" } }
            """;

    @Test
    void replacesAFieldAndLeavesTheRestAsItIs() {
        assertEquals(TEXT.replace("max_batch_size: 8", "max_batch_size: 16"),
                new ConfigText(TEXT).with("max_batch_size", "max_batch_size: 16").text());
        assertEquals(TEXT + "instance_group [ { count: 2 } ]\n",
                new ConfigText(TEXT).with("instance_group", "instance_group [ { count: 2 } ]").text());
        assertEquals("a: 1\nb: 2\n", new ConfigText("a: 1").with("b", "b: 2").text());
        assertEquals("b: 2\n", new ConfigText("").with("b", "b: 2").text());
    }

    @Test
    void takesFieldsOutWithTheirLines() {
        assertEquals(TEXT.replace("dynamic_batching {\n  # waits\n  max_queue_delay_microseconds: 100\n}\n", ""),
                new ConfigText(TEXT).without("dynamic_batching").text());
        assertEquals("a: 1 c: 3", new ConfigText("a: 1 b: 2, c: 3").without("b").text().replace("  ", " "));
    }

    @Test
    void aFieldThatIsThereTwiceIsThereOnceAfterwards() {
        assertEquals("x: 3\ny: 1\n", new ConfigText("x: 1\ny: 1\nx: 2\n").with("x", "x: 3").text());
    }

    @Test
    void findsAnEntryOfAMap() {
        assertEquals(TEXT.replace("\"}\"", "\"2\"").replace("parameters: {", "parameters {").replace("\"B\",", "\"B\"")
                .replace("value: {", "value {"),
                new ConfigText(TEXT).withEntry("parameters", "B",
                        "parameters { key: \"B\" value { string_value: \"2\" } }").text());
        assertEquals(TEXT + "parameters { key: \"C\" }\n",
                new ConfigText(TEXT).withEntry("parameters", "C", "parameters { key: \"C\" }").text());
    }

    @Test
    void tellsWhatIsInTheBrackets() {
        assertEquals(Optional.of("\n  # waits\n  max_queue_delay_microseconds: 100\n"),
                new ConfigText(TEXT).content("dynamic_batching"));
        assertEquals(Optional.empty(), new ConfigText(TEXT).content("platform"));
        assertEquals(Optional.empty(), new ConfigText(TEXT).content("parameters"));
    }

    @Test
    void brokenTextDoesNotHang() {
        for (String broken : new String[]{"a: {", "a: \"", "a", "a:", "{{{", "}", "a [ \"\\", "#"}) {
            new ConfigText(broken).with("a", "a: 1");
            new ConfigText(broken).without("a");
        }
        assertEquals("a: 1", new ConfigText("a: {").with("a", "a: 1").text());
    }

    @Test
    void aDifferenceShowsWhatSurroundsIt() {
        assertEquals("", TextDiff.of("a\nb\n", "a\nb\n"));
        assertEquals("""
                  3
                  4
                - 5
                + five
                  6
                  7
                ...
                  9
                  10
                + 11
                """, TextDiff.of("1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n10\n11\n"));
        assertEquals("+ a\n", TextDiff.of("", "a\n"));
    }
}
