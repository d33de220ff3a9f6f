package dev.nereid.server.v2;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import dev.nereid.backend.api.FileErrors;
import dev.nereid.backend.api.InferenceException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * The bearer tokens of a file, one of which each request has to bring, but for those that ask whether the server is live
 * or ready: probes have none. Several are there while one takes the place of another. The file is read again when what is
 * in it has changed, through whatever links lead there; one that can't be used leaves the tokens as they are, and the log
 * says so.
 *
 * <p>Threads: any; one thread of its own looks at the file.
 */
public final class AuthTokens implements AutoCloseable {
    /** How often the file is looked at. */
    public static final Duration PERIOD = Duration.ofSeconds(10);

    private static final int MAX_BYTES = 1 << 20;
    /** Each request's token is compared with all of them. */
    private static final int MAX_TOKENS = 1000;
    private static final int MIN_LENGTH = 16;
    private static final Pattern TOKEN = Pattern.compile("[A-Za-z0-9._~+/-]+=*");
    private static final String SCHEME = "bearer ";
    private static final Logger LOGGER = System.getLogger(AuthTokens.class.getName());

    private final Path file;
    private final ScheduledExecutorService watch;
    private byte[] content = new byte[0];
    /** Why the file could not be used lately. Guarded by this. */
    private String trouble = "";
    /** Of equal length, so that comparing tells nothing of a token's. */
    private volatile List<byte[]> digests = List.of();

    private AuthTokens(Path file) {
        this.file = file;
        this.watch = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("nereid-auth-tokens").daemon(true).factory());
    }

    /**
     * Reads the tokens and starts to follow their file: one token a line; empty lines, and those that begin with {@code #},
     * are none.
     *
     * @param period how often the file is looked at
     * @throws InferenceException INVALID_ARG with what is wrong with the file
     */
    public static AuthTokens create(Path file, Duration period) {
        AuthTokens tokens = new AuthTokens(file);
        try {
            tokens.refresh();
        } catch (InferenceException e) {
            tokens.close();
            throw e;
        }
        var _ = tokens.watch.scheduleWithFixedDelay(tokens::refreshIfPossible, period.toMillis(), period.toMillis(),
                TimeUnit.MILLISECONDS);
        return tokens;
    }

    /**
     * Returns whether a request is served. Takes as long for any token.
     *
     * @param category what it asks for
     * @param authorization its header {@code Authorization}, where it has one
     */
    public boolean admits(Category category, Optional<String> authorization) {
        return category == Category.HEALTH || (authorization.isPresent() && isKnown(authorization.get()));
    }

    private boolean isKnown(String authorization) {
        if (!authorization.regionMatches(true, 0, SCHEME, 0, SCHEME.length())) {
            return false;
        }
        byte[] given = digest(authorization.substring(SCHEME.length()).strip());
        boolean isKnown = false;
        for (byte[] known : digests) {
            isKnown |= MessageDigest.isEqual(known, given);
        }
        return isKnown;
    }

    private static byte[] digest(String token) {
        try {
            return MessageDigest.getInstance("SHA-256").digest(token.getBytes(ISO_8859_1));
        } catch (NoSuchAlgorithmException e) {
            throw new IllegalStateException("every JDK has SHA-256", e);
        }
    }

    /** Looks at the file now; what can't be used is logged, once for as long as it is the same. */
    public synchronized void refreshIfPossible() {
        String reason = "";
        try {
            refresh();
        } catch (RuntimeException | VirtualMachineError e) {
            reason = String.valueOf(e.getMessage());
            if (!reason.equals(trouble)) {
                LOGGER.log(Level.WARNING, "the tokens of --auth-token-file stay as they are: " + reason);
            }
        }
        if (reason.isEmpty() && !trouble.isEmpty()) {
            LOGGER.log(Level.INFO, "--auth-token-file can be used again");
        }
        trouble = reason;
    }

    private synchronized void refresh() {
        byte[] now = read();
        if (Arrays.equals(now, content)) {
            return;
        }
        List<byte[]> found = parse(new String(now, ISO_8859_1));
        content = now;
        digests = List.copyOf(found);
        LOGGER.log(Level.INFO, () -> "--auth-token-file: requests need " + (found.size() == 1
                ? "the one token"
                : "one of the " + found.size() + " tokens") + " of " + file);
    }

    private byte[] read() {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES) {
                throw InferenceException
                        .invalid(file + " has more than " + MAX_BYTES + " bytes, expected a few tokens");
            }
            return bytes;
        } catch (IOException e) {
            throw InferenceException.invalid(file + " can't be read: " + FileErrors.reason(e));
        }
    }

    private List<byte[]> parse(String text) {
        List<byte[]> found = new ArrayList<>();
        int number = 0;
        for (String line : text.lines().toList()) {
            number++;
            String token = line.strip();
            if (token.isEmpty() || token.startsWith("#")) {
                continue;
            }
            if (token.length() < MIN_LENGTH || !TOKEN.matcher(token).matches()) {
                // Without the token: the text ends in logs.
                throw InferenceException.invalid(String.format(Locale.ROOT,
                        "line %d of %s is not a token, expected %d or more of A-Z a-z 0-9 - . _ ~ + / and = at the end; "
                                + "'openssl rand -hex 32' makes one",
                        number, file, MIN_LENGTH));
            }
            found.add(digest(token));
        }
        if (found.size() > MAX_TOKENS) {
            throw InferenceException
                    .invalid(file + " holds " + found.size() + " tokens, expected " + MAX_TOKENS + " at most");
        }
        if (found.isEmpty()) {
            throw InferenceException.invalid(file + " holds no token, expected one on each line");
        }
        return found;
    }

    /** Stops following the file. */
    @Override
    public void close() {
        watch.shutdownNow();
    }
}
