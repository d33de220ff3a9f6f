package dev.nereid.repository.config;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RepositoryAgentsTest {
    private static final String MD5 = "900150983cd24fb0d6963f7d28e17f72";
    private static final String SHA256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    @TempDir
    private Path directory = Path.of("");

    @BeforeEach
    void writeModel() throws IOException {
        Files.writeString(Files.createDirectories(directory.resolve("1")).resolve("model.pt"), "abc");
    }

    @ParameterizedTest
    @CsvSource({"MD5, " + MD5, "MD5, 900150983CD24FB0D6963F7D28E17F72", "SHA256, " + SHA256})
    void acceptsFilesWithTheRightSum(String method, String sum) {
        assertDoesNotThrow(() -> run(agent("checksum", method + ":1/model.pt", sum)));
    }

    @Test
    void readsMoreThanOneBuffer() throws IOException {
        Files.write(directory.resolve("1/model.pt"), new byte[1_000_000]);
        assertDoesNotThrow(() -> run(agent("checksum", "MD5:1/model.pt", "879f4bba57ed37c9ec5e5aedf9864698")));
    }

    @ParameterizedTest
    @CsvSource({"MD5, 000150983cd24fb0d6963f7d28e17f72, " + MD5,
        "SHA256, 0a7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad, " + SHA256})
    void refusesFilesWithAnotherSum(String method, String wanted, String actual) {
        var failure = assertThrows(InferenceException.class,
                () -> run(agent("checksum", method + ":1/model.pt", wanted)));
        assertEquals("model 'm' has a file '1/model.pt' whose " + method + " sum is " + actual + ", expected " + wanted
                + "; the file is damaged or not the one that the configuration was made for", failure.getMessage());
    }

    @Test
    void refusesFilesThatAreNotThere() {
        var failure = assertThrows(InferenceException.class, () -> run(agent("checksum", "MD5:2/model.pt", MD5)));
        assertEquals("repository agent checksum can't read '2/model.pt': No such file or directory",
                failure.getMessage());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "checksums | MD5:1/model.pt | " + MD5 + " | model 'm' names repository agent 'checksums', expected checksum",
        "checksum | 1/model.pt | " + MD5
                + " | model 'm' has parameter '1/model.pt' of repository agent checksum, expected"
                + " MD5:<file> or SHA256:<file> with a file in the model's directory",
        "checksum | SHA1:1/model.pt | " + MD5 + " | model 'm' has parameter 'SHA1:1/model.pt' of repository agent "
                + "checksum, expected MD5:<file> or SHA256:<file> with a file in the model's directory",
        "checksum | MD5:../other/model.pt | " + MD5
                + " | model 'm' has parameter 'MD5:../other/model.pt' of repository "
                + "agent checksum, expected MD5:<file> or SHA256:<file> with a file in the model's directory",
        "checksum | MD5:1/model.pt | 12 | model 'm' has '12' as the sum of 'MD5:1/model.pt', expected 32 hexadecimal "
                + "digits",
        "checksum | SHA256:1/model.pt | " + MD5 + " | model 'm' has '" + MD5 + "' as the sum of 'SHA256:1/model.pt', "
                + "expected 64 hexadecimal digits"})
    void refusesWhatMeansNothing(String name, String key, String value, String expected) {
        var failure = assertThrows(InferenceException.class,
                () -> ConfigValidator.checkGeneral(agent(name, key, value)));
        assertEquals(expected, failure.getMessage());
    }

    private void run(ModelConfig config) {
        ConfigValidator.checkGeneral(config);
        RepositoryAgents.run(config, directory);
    }

    private static ModelConfig agent(String name, String key, String value) {
        return ConfigNormalizer.fillDefaults(ConfigReader.parseText("""
                name: "m" backend: "b"
                model_repository_agents { agents { name: "%s" parameters { key: "%s" value: "%s" } } }
                """.formatted(name, key, value)), "m");
    }
}
