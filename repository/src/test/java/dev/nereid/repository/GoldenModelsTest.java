package dev.nereid.repository;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.backend.api.BackendAttributes;
import dev.nereid.backend.api.InferenceException;
import dev.nereid.repository.config.ConfigJson;
import dev.nereid.repository.config.ConfigLoader;
import dev.nereid.repository.config.Devices;
import dev.nereid.repository.config.ModelConfigs;
import dev.nereid.repository.config.ModelFiles;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Loads the models that a reference server was recorded with, and compares what it answered. */
class GoldenModelsTest {
    @ParameterizedTest
    @MethodSource("configs")
    void showsTheRecordedConfiguration(String session, String model, String json) {
        ModelConfig config = load(session, model);
        if (config.hasEnsembleScheduling()) {
            // The server sets this once it has seen the composing models.
            config = ModelConfigs.withDecoupled(config, false);
        }

        assertEquals(json, ConfigJson.write(config));
    }

    @ParameterizedTest
    @MethodSource("errors")
    void failsWithTheRecordedText(String session, String model, String stage, String text) {
        var failure = assertThrows(InferenceException.class, () -> load(session, model));

        String recorded = text.replace("models/", root(session) + "/");
        if (recorded.startsWith("failed to read text proto from ")) {
            assertTrue(failure.getMessage().startsWith(recorded + ": line "), failure.getMessage());
        } else {
            assertEquals(recorded, stage.equals("load") ? failure.reason() : failure.getMessage());
        }
    }

    private static ModelConfig load(String session, String model) {
        ConfigLoader loader = new ConfigLoader(!session.equals("strict_config"), "");
        PolledModel polled = ModelRepository.open(List.of(root(session)), loader).poll(model);
        polled.checkVersions();
        ModelConfig config = ConfigLoader.withInstances(polled.config(), Devices.NONE, BackendAttributes.DEFAULT);
        config = loader.complete(config, Optional.of(ModelConfigs.toRecord(config)));
        ModelFiles.labels(config, polled.directory());
        return config;
    }

    static Stream<Object[]> configs() throws IOException {
        return rows("configs.tsv");
    }

    static Stream<Object[]> errors() throws IOException {
        return rows("errors.tsv");
    }

    private static Stream<Object[]> rows(String file) throws IOException {
        return Files.readAllLines(golden().resolve(file)).stream().map(line -> line.split("\t", -1));
    }

    private static Path root(String session) {
        return golden().resolve(session);
    }

    private static Path golden() {
        URL url = Objects.requireNonNull(GoldenModelsTest.class.getResource("/golden"));
        try {
            return Path.of(url.toURI());
        } catch (URISyntaxException e) {
            throw new IllegalStateException(e);
        }
    }
}
