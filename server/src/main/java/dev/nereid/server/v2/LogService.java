package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;

/** Log settings. Where the log goes can't be changed by a client. Threads: any. */
public final class LogService {
    private static final String DEFAULT_FORMAT = "default";
    private static final String ISO_FORMAT = "ISO8601";

    private final LogControl control;

    LogService(LogControl control) {
        this.control = control;
    }

    /** Returns the settings. */
    public LogSettings settings() {
        LogOptions options = control.options();
        return new LogSettings(options.file().map(Object::toString).orElse(""), options.info(), options.warning(),
                options.error(), options.verboseLevel(), options.isIso8601() ? ISO_FORMAT : DEFAULT_FORMAT);
    }

    /**
     * Changes settings, and returns all of them.
     *
     * @throws InferenceException UNSUPPORTED for a file; UNAVAILABLE or INVALID_ARG, as the dialect has it, for a
     *     format that there is not
     */
    public LogSettings change(LogChange change, Dialect dialect) {
        if (change.namesFile()) {
            throw InferenceException.unsupported("log file location can not be updated through network protocol");
        }
        LogOptions now = control.options();
        LogOptions changed = new LogOptions(change.info().orElse(now.info()), change.warning().orElse(now.warning()),
                change.error().orElse(now.error()), change.verboseLevel().orElse(now.verboseLevel()),
                change.format().isPresent() ? isIso(change.format().get(), dialect) : now.isIso8601(), now.file());
        if (!changed.equals(now)) {
            control.change(changed);
        }
        return settings();
    }

    private static boolean isIso(String format, Dialect dialect) {
        return switch (format) {
            case DEFAULT_FORMAT -> false;
            case ISO_FORMAT -> true;
            default -> throw new InferenceException(dialect.wrongLogFormat(),
                    "invalid argument for " + dialect.logFormat() + ", got: " + format);
        };
    }
}
