package dev.nereid.benchmark;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/** Makes the model repository of the benchmark: a model for each case, TorchScript files from the sample-model builder. */
final class BenchRepository {
    private BenchRepository() {
    }

    /**
     * Writes the models of these cases.
     *
     * @param home the layout whose launcher makes the TorchScript files
     * @param directory for what is needed in between
     * @param models where to
     */
    static void write(Children children, Path home, Path directory, Path models, Set<BenchCase> cases) {
        Path samples = directory.resolve("samples");
        Set<String> wanted = new TreeSet<>();
        cases.forEach(each -> each.sampleModel().ifPresent(wanted::add));
        if (!wanted.isEmpty()) {
            try (Child builder = Child.start("the sample-model builder", children,
                    List.of(home.resolve("nereid").toString(), "samples", samples.toString(),
                            "--models=" + String.join(",", wanted)),
                    Map.of())) {
                if (builder.await() != 0) {
                    throw new BenchException("the sample models can't be made:\n" + builder.log());
                }
            }
        }
        try {
            Set<BenchCase> all = EnumSet.copyOf(cases);
            cases.forEach(each -> each.step().ifPresent(all::add));
            for (BenchCase each : all) {
                Path version = models.resolve(each.id()).resolve("1");
                Files.createDirectories(version);
                Optional<String> sample = each.sampleModel();
                if (sample.isPresent()) {
                    Files.copy(samples.resolve(sample.get()).resolve("1").resolve("model.pt"),
                            version.resolve("model.pt"));
                }
                Files.writeString(models.resolve(each.id()).resolve("config.pbtxt"), each.config());
            }
        } catch (IOException e) {
            throw new BenchException("the models can't be written: " + e.getMessage(), e);
        }
    }
}
