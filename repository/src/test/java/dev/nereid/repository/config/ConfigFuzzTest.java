package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.TextFormat;
import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Takes configurations with mistakes in them through everything that happens before a backend sees them. For a longer run
 * by hand: {@code -Dnereid.fuzz.cases=1000000}, and {@code -Dnereid.fuzz.seed=<n>} for other mistakes.
 */
class ConfigFuzzTest {
    private static final int CASES = Integer.getInteger("nereid.fuzz.cases", 4000);
    private static final long SEED = Long.getLong("nereid.fuzz.seed", 20_261_126);
    private static final String[] WORDS = {"{", "}", "[", "]", "<", ">", ":", ",", ";", "#", "'", "\"", "\\", "\\x",
        "\\777",
        "\\ud800", "\\U0010ffff", "-", "-1", "1e999", "0x", "0777", "99999999999999999999", "nan", "-inf", "true",
        "null",
        "TYPE_FP32", "KIND_GPU", "input", "dims", "name", "maxBatchSize", "max_batch_size", "[a.b]", "[type.url/x] {}",
        "\n", "\0",
        "\u00ff", "\ud83d", "{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{{", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["};

    @TempDir
    private Path directory;
    private final Random random = new Random(SEED);
    private final RandomConfigs configs = new RandomConfigs(random);
    private final ConfigLoader loader = new ConfigLoader();

    @BeforeEach
    void makeVersion() throws IOException {
        Files.createDirectories(directory.resolve("1"));
        Files.writeString(directory.resolve("labels.txt"), "a\nb\n");
    }

    private String mutated(String text, int mistakes) {
        StringBuilder changed = new StringBuilder(text);
        for (int i = 0; i < mistakes && changed.length() > 1; i++) {
            int at = random.nextInt(changed.length());
            int end = Math.min(changed.length(), at + 1 + random.nextInt(12));
            switch (random.nextInt(6)) {
                case 0 -> changed.setCharAt(at, (char) random.nextInt(256));
                case 1 -> changed.delete(at, end);
                case 2 -> changed.insert(at, changed.substring(at, end));
                case 3 -> changed.insert(at, WORDS[random.nextInt(WORDS.length)]);
                case 4 -> changed.replace(at, end, WORDS[random.nextInt(WORDS.length)]);
                default -> changed.setLength(at);
            }
        }
        return changed.toString();
    }

    @Test
    void answersMistakesWithTheirReason() {
        int accepted = 0;
        for (int i = 0; i < CASES; i++) {
            ModelConfig config = configs.next();
            boolean isJson = random.nextBoolean();
            String whole = isJson ? ConfigJson.write(config) : TextFormat.printer().printToString(config);
            String text = mutated(whole, random.nextInt(4));
            String name = "case " + i + " of seed " + SEED + ":\n" + text;
            try {
                ModelConfig read = isJson ? ConfigReader.parseJson(text) : ConfigReader.parseText(text);
                if (text.equals(whole)) {
                    assertEquals(config, read, name);
                }
                accepted++;
                assertNotNull(use(read), name);
            } catch (InferenceException e) {
                check(e, name);
                assertFalse(text.equals(whole) && e.getMessage().contains("line "), name + "\n" + e.getMessage());
            } catch (RuntimeException | StackOverflowError e) {
                throw new AssertionError(name, e);
            }
        }
        assertTrue(accepted > CASES / 10, "too few were read");
    }

    private static void check(InferenceException e, String name) {
        String text = e.getMessage();
        boolean isOurs = e.code() == StatusCode.INTERNAL && !text.contains("KIND_AUTO");
        assertFalse(isOurs || text.isEmpty() || text.contains("Exception") || text.contains("com.google"),
                name + "\n" + text);
    }

    /** Goes as far as without a backend, or a repository with other models. */
    private String use(ModelConfig read) {
        ModelConfig config = ConfigNormalizer.fillBackend(read, directory, "model");
        config = ConfigNormalizer.fillDefaults(config, "model");
        ConfigValidator.checkGeneral(config);
        ConfigValidator.checkDirectoryName(config, "model");
        config = ConfigLoader.withInstances(config, Devices.NONE, BackendAttributes.DEFAULT);
        config = loader.complete(config, Optional.of(ModelConfigs.toRecord(config)));
        ModelConfig whole = config;
        boolean ignored = EnsembleValidator.check(config, model -> Optional.of(whole));
        return ConfigJson.write(config) + ConfigValidator.warnings(config) + ModelFiles.labels(config, directory);
    }
}
