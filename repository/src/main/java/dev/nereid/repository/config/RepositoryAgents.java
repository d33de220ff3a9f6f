package dev.nereid.repository.config;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.StatusCode;
import dev.nereid.repository.config.proto.ConfigProto.ModelConfig;
import dev.nereid.repository.config.proto.ConfigProto.ModelRepositoryAgents.Agent;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * The agents that a configuration may ask for in {@code model_repository_agents}. There is one, {@code checksum}: each of
 * its parameters names a way to sum, {@code MD5} or {@code SHA256}, and a file in the model's directory, and has the sum
 * that the file must have.
 */
public final class RepositoryAgents {
    private static final String CHECKSUM = "checksum";
    /** How each way to sum is called by the JDK, and how long its sums are. */
    private static final Map<String, Sum> SUMS = new TreeMap<>(
            Map.of("MD5", new Sum("MD5", 32), "SHA256", new Sum("SHA-256", 64)));
    private static final Pattern HEX = Pattern.compile("[0-9a-f]+");

    private record Sum(String algorithm, int digits) {
    }

    private RepositoryAgents() {
    }

    /** Refuses agents and parameters that mean nothing here. No file is read. */
    static void check(ModelConfig config) {
        for (Agent agent : config.getModelRepositoryAgents().getAgentsList()) {
            if (!agent.getName().equals(CHECKSUM)) {
                throw invalid(config, "names repository agent '" + Printable.escape(agent.getName())
                        + "', expected " + CHECKSUM);
            }
            agent.getParametersMap().forEach((key, value) -> {
                Sum sum = SUMS.get(method(key));
                if (sum == null || !PathGuard.isRelative(file(key))) {
                    throw invalid(config, "has parameter '" + Printable.escape(key) + "' of repository agent "
                            + CHECKSUM + ", expected MD5:<file> or SHA256:<file> with a file in the model's directory");
                }
                String wanted = wanted(value);
                if (wanted.length() != sum.digits || !HEX.matcher(wanted).matches()) {
                    throw invalid(config, "has '" + Printable.escape(value) + "' as the sum of '"
                            + Printable.escape(key) + "', expected " + sum.digits + " hexadecimal digits");
                }
            });
        }
    }

    /**
     * Lets the agents of a checked configuration look at the model's directory; reads every file that they name.
     *
     * @throws InferenceException with the file whose sum is wrong, or that can't be read
     */
    public static void run(ModelConfig config, Path modelDirectory) {
        List<Agent> agents = config.getModelRepositoryAgents().getAgentsList();
        for (Agent agent : agents) {
            new TreeMap<>(agent.getParametersMap()).forEach((key, value) -> {
                String actual = sum(SUMS.getOrDefault(method(key), new Sum("MD5", 32)), modelDirectory, key);
                if (!actual.equals(wanted(value))) {
                    throw invalid(config, "has a file '" + file(key) + "' whose " + method(key) + " sum is " + actual
                            + ", expected " + wanted(value)
                            + "; the file is damaged or not the one that the configuration was made for");
                }
            });
        }
    }

    private static String sum(Sum sum, Path modelDirectory, String key) {
        Path file = modelDirectory.resolve(file(key));
        try (InputStream in = Files.newInputStream(file)) {
            MessageDigest digest = MessageDigest.getInstance(sum.algorithm);
            long ignored = in.transferTo(new DigestOutputStream(OutputStream.nullOutputStream(), digest));
            return HexFormat.of().formatHex(digest.digest());
        } catch (IOException e) {
            throw new InferenceException(StatusCode.INVALID_ARG, "repository agent " + CHECKSUM + " can't read '"
                    + file(key) + "': " + FileFailures.reason(file, e), e);
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has MD5 and SHA-256", e);
        }
    }

    private static String method(String key) {
        return key.substring(0, Math.max(0, key.indexOf(':')));
    }

    private static String file(String key) {
        return key.substring(key.indexOf(':') + 1);
    }

    private static String wanted(String value) {
        return value.strip().toLowerCase(Locale.ROOT);
    }

    private static InferenceException invalid(ModelConfig config, String problem) {
        return InferenceException.invalid("model '" + config.getName() + "' " + problem);
    }
}
