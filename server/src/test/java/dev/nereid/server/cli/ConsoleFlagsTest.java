package dev.nereid.server.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.server.ServerOptions;
import dev.nereid.server.console.ConsoleOptions;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ConsoleFlagsTest {
    @TempDir
    private Path repository;

    private ServerOptions options(String... flags) {
        List<String> arguments = new ArrayList<>(List.of("--model-repository=" + repository));
        arguments.addAll(List.of(flags));
        return CommandLine.parse(arguments, Map.of()).options(Path.of("backends"));
    }

    @Test
    void thereIsNoneUnlessItIsAskedFor() {
        assertFalse(options().console().isEnabled());
        assertFalse(options().engine().statistics().keepsDistribution());
        assertFalse(options("--console=false").console().isEnabled());
    }

    @Test
    void isForThisMachineAndForLookingUnlessToldOtherwise() {
        assertEquals(new ConsoleOptions(true, "127.0.0.1", 8003, List.of(), false), options("--console").console());
        assertTrue(options("--console").engine().statistics().keepsDistribution());
        assertEquals(
                new ConsoleOptions(true, "::", 9000, List.of("console.example.com", "b"), true),
                options("--console", "--console-address=[::]", "--console-port=9000",
                        "--console-host=console.example.com", "--console-host=b", "--console-write").console());
    }

    @ParameterizedTest
    @ValueSource(strings = {"console-write", "console-address=::1", "console-port=1", "console-host=a"})
    void flagsOfAConsoleThatThereIsNotAreAMistake(String flag) {
        String name = flag.split("=", -1)[0];
        assertEquals("--" + name + " needs --console",
                assertThrows(UsageException.class, () -> options("--" + flag)).getMessage());
    }

    @Test
    void aHostIsAName() {
        assertEquals("--console-host has value 'http://a', expected a name such as console.example.com",
                assertThrows(UsageException.class, () -> options("--console", "--console-host=http://a")).getMessage());
    }

    @Test
    void onePortGivenTwiceIsAMistake() {
        assertEquals("--http-port and --console-port are both 8000, expected two different ports",
                assertThrows(UsageException.class, () -> options("--console", "--console-port=8000")).getMessage());
    }
}
