package dev.nereid.server.v2;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.testkit.Eventually;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AuthTokensTest {
    private static final String OLD = "0123456789abcdef";
    private static final String NEW = "fedcba9876543210==";
    private static final Duration NEVER = Duration.ofDays(1);

    @TempDir
    private Path directory;

    private Path file(String text) throws IOException {
        return Files.writeString(directory.resolve("tokens"), text);
    }

    private static boolean admits(AuthTokens tokens, String authorization) {
        return tokens.admits(Category.INFERENCE, Optional.of(authorization));
    }

    @Test
    void anyTokenOfTheFileIsEnoughAndNothingElseIs() throws IOException {
        try (AuthTokens tokens = AuthTokens.create(file("# new\n" + NEW + "\n\n  " + OLD + " \n"), NEVER)) {
            assertTrue(admits(tokens, "Bearer " + OLD));
            assertTrue(admits(tokens, "bearer  " + NEW));
            for (String wrong : new String[]{"", "Bearer", "Bearer ", "Bearer # new", "Bearer " + OLD + "x",
                "Bearer " + OLD.substring(1), OLD, "Basic " + OLD, "Bearer " + OLD + "\n" + NEW}) {
                assertFalse(admits(tokens, wrong), wrong);
            }
            for (Category category : Category.values()) {
                assertEquals(category == Category.HEALTH, tokens.admits(category, Optional.empty()));
            }
        }
    }

    @Test
    void followsTheFileAndKeepsItsTokensWhereTheFileIsBroken() throws IOException {
        Path file = file(OLD);
        try (AuthTokens tokens = AuthTokens.create(file, NEVER)) {
            Files.writeString(file, "short");
            tokens.refreshIfPossible();
            assertTrue(admits(tokens, "Bearer " + OLD));
            Files.delete(file);
            tokens.refreshIfPossible();
            assertTrue(admits(tokens, "Bearer " + OLD));
            Files.writeString(file, NEW);
            tokens.refreshIfPossible();
            assertFalse(admits(tokens, "Bearer " + OLD));
            assertTrue(admits(tokens, "Bearer " + NEW));
        }
    }

    /** As a mounted secret is updated: by another target of a link. */
    @Test
    void looksAtTheFileByItself() throws IOException {
        Path first = Files.writeString(directory.resolve("first"), OLD);
        Path second = Files.writeString(directory.resolve("second"), NEW);
        Path link = Files.createSymbolicLink(directory.resolve("link"), first);
        try (AuthTokens tokens = AuthTokens.create(link, Duration.ofMillis(10))) {
            assertTrue(admits(tokens, "Bearer " + OLD));
            Path other = Files.createSymbolicLink(directory.resolve("other"), second);
            Files.move(other, link, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
            Eventually.until("the new token", () -> admits(tokens, "Bearer " + NEW));
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"secret!", "0123456789 abcdefgh", "0123456789abcdefü"})
    void namesTheLineThatIsNoTokenAndNotWhatIsInIt(String line) throws IOException {
        Path file = file("# a\n" + line + "\n");

        String text = String.valueOf(
                assertThrows(InferenceException.class, () -> AuthTokens.create(file, NEVER)).getMessage());

        assertTrue(text.startsWith("line 2 of " + file + " is not a token, expected 16 or more of "), text);
        assertFalse(text.contains(line), text);
    }

    @Test
    void tellsOnceWhatIsWrongAndWhenItIsNotAnyMore() throws IOException {
        List<String> logged = new CopyOnWriteArrayList<>();
        Logger logger = Logger.getLogger(AuthTokens.class.getName());
        Handler handler = new Handler() {
            @Override
            public void publish(LogRecord entry) {
                logged.add(entry.getMessage().replace(directory.toString(), ""));
            }

            @Override
            public void flush() {
            }

            @Override
            public void close() {
            }
        };
        Path file = file(OLD);
        try (AuthTokens tokens = AuthTokens.create(file, NEVER)) {
            logger.addHandler(handler);
            Files.writeString(file, "");
            tokens.refreshIfPossible();
            tokens.refreshIfPossible();
            Files.writeString(file, "short");
            tokens.refreshIfPossible();
            Files.writeString(file, OLD);
            tokens.refreshIfPossible();
            tokens.refreshIfPossible();
        } finally {
            logger.removeHandler(handler);
        }
        assertEquals(3, logged.size(), logged.toString());
        assertEquals("the tokens of --auth-token-file stay as they are: /tokens holds no token, expected one on each "
                + "line", logged.getFirst());
        assertTrue(logged.get(1).contains("line 1 of /tokens is not a token"), logged.get(1));
        assertEquals("--auth-token-file can be used again", logged.getLast());
    }

    @Test
    void boundsHowManyThereAre() throws IOException {
        String line = OLD + "\n";
        AuthTokens.create(file(line.repeat(1000)), NEVER).close();
        Path more = file(line.repeat(1001));
        assertEquals(more + " holds 1001 tokens, expected 1000 at most",
                assertThrows(InferenceException.class, () -> AuthTokens.create(more, NEVER)).getMessage());
        Path huge = file(line.repeat(100_000));
        assertEquals(huge + " has more than 1048576 bytes, expected a few tokens",
                assertThrows(InferenceException.class, () -> AuthTokens.create(huge, NEVER)).getMessage());
    }

    @Test
    void refusesAFileThatIsMissingOrHoldsNone() throws IOException {
        Path file = file("# none\n");
        assertEquals(file + " holds no token, expected one on each line",
                assertThrows(InferenceException.class, () -> AuthTokens.create(file, NEVER)).getMessage());
        Path missing = directory.resolve("missing");
        assertEquals(missing + " can't be read: No such file or directory",
                assertThrows(InferenceException.class, () -> AuthTokens.create(missing, NEVER)).getMessage());
    }
}
