package dev.nereid.isolation.settings;

import dev.nereid.backend.api.InferenceException;
import java.time.Duration;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.UnaryOperator;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Where a model works, and what its worker process may do.
 *
 * @param isIsolated whether it has a process of its own
 * @param isLoadChecked whether a process tries to load it before the server does
 * @param group models with the same group share a process; empty for a process for each model version
 * @param hangLimit how long an execution may make no progress; empty for any time
 * @param memoryLimit how many bytes the process may occupy; empty for any number
 * @param crashes how often the process may end by itself within {@code crashWindow} and is started again
 * @param crashWindow see there
 * @param restartPause how long the first start after an end waits; each further one twice as long
 * @param threads how many cores the process is to believe in; empty for its share
 * @param heap the largest heap of the process, as the JVM wants it
 * @param options further options of its JVM
 */
public record WorkerSettings(boolean isIsolated, boolean isLoadChecked, String group, Optional<Duration> hangLimit,
        Optional<Long> memoryLimit, int crashes, Duration crashWindow, Duration restartPause,
        Optional<Integer> threads, String heap, List<String> options) {
    /** The longest pause between an end and the next start. */
    public static final Duration LONGEST_PAUSE = Duration.ofSeconds(30);

    private static final Pattern SIZE = Pattern.compile("([0-9]{1,15})([kKmMgG]?)");
    private static final Pattern CRASH_LIMIT = Pattern.compile("([0-9]{1,6})/([0-9]{1,6})");
    private static final Pattern GROUP = Pattern.compile("[A-Za-z0-9_.-]{0,64}");

    /** Copies the list. */
    public WorkerSettings {
        options = List.copyOf(options);
    }

    /**
     * Reads settings.
     *
     * @param named names a setting, as errors begin with
     */
    static WorkerSettings of(Map<String, String> settings, UnaryOperator<String> named) {
        String crashLimit = settings.getOrDefault(IsolationSettings.CRASH_LIMIT, "5/5");
        Matcher crashes = matcher(CRASH_LIMIT, crashLimit, named.apply(IsolationSettings.CRASH_LIMIT),
                "<crashes>/<minutes>, such as 5/5");
        String group = settings.getOrDefault(IsolationSettings.GROUP, "");
        Matcher ignored = matcher(GROUP, group, named.apply(IsolationSettings.GROUP),
                "at most 64 letters, digits, '_', '.' and '-'");
        Optional<Long> threads = number(settings, IsolationSettings.THREADS, named, 1, 4096);
        String heap = settings.getOrDefault(IsolationSettings.HEAP, "256m");
        Matcher heapSize = matcher(SIZE, heap, named.apply(IsolationSettings.HEAP), "a size such as 256m");
        return new WorkerSettings(isProcess(settings, IsolationSettings.ISOLATION, named),
                isProcess(settings, IsolationSettings.LOAD_CHECK, named), group,
                number(settings, IsolationSettings.HANG_LIMIT, named, 1, 86_400).map(Duration::ofSeconds),
                Optional.ofNullable(settings.get(IsolationSettings.MEMORY_LIMIT))
                        .map(text -> size(text, named.apply(IsolationSettings.MEMORY_LIMIT))),
                Integer.parseInt(crashes.group(1)), Duration.ofMinutes(Long.parseLong(crashes.group(2))),
                Duration.ofMillis(number(settings, IsolationSettings.RESTART_PAUSE, named, 0, LONGEST_PAUSE.toMillis())
                        .orElse(250L)),
                threads.map(Long::intValue), heapSize.group(),
                List.of(settings.getOrDefault(IsolationSettings.OPTIONS, "").strip().split("\\s+")).stream()
                        .filter(option -> !option.isEmpty()).toList());
    }

    /** Returns how long the start waits that comes after so many ends. */
    public Duration pauseAfter(int ends) {
        int doubled = Math.clamp(ends - 1, 0, 20);
        Duration pause = restartPause.multipliedBy(1L << doubled);
        return pause.compareTo(LONGEST_PAUSE) > 0 ? LONGEST_PAUSE : pause;
    }

    private static boolean isProcess(Map<String, String> settings, String key, UnaryOperator<String> named) {
        String value = settings.getOrDefault(key, "none");
        return switch (value.toLowerCase(Locale.ROOT)) {
            case "process" -> true;
            case "none" -> false;
            default -> throw invalid(named.apply(key), value, "process or none");
        };
    }

    private static Optional<Long> number(Map<String, String> settings, String key, UnaryOperator<String> named,
            long least, long most) {
        String value = settings.get(key);
        if (value == null) {
            return Optional.empty();
        }
        try {
            long number = Long.parseLong(value);
            if (number >= least && number <= most) {
                return Optional.of(number);
            }
        } catch (NumberFormatException e) {
            // Answered below.
        }
        throw invalid(named.apply(key), value, "a whole number from " + least + " to " + most);
    }

    private static long size(String text, String name) {
        String expected = "a number of bytes above 0, or one with k, m or g, such as 2g";
        Matcher matcher = matcher(SIZE, text, name, expected);
        int shift = switch (matcher.group(2).toLowerCase(Locale.ROOT)) {
            case "k" -> 10;
            case "m" -> 20;
            case "g" -> 30;
            default -> 0;
        };
        long number = Long.parseLong(matcher.group(1));
        if (number == 0 || number > Long.MAX_VALUE >> shift) {
            throw invalid(name, text, expected);
        }
        return number << shift;
    }

    private static Matcher matcher(Pattern pattern, String value, String name, String expected) {
        Matcher matcher = pattern.matcher(value);
        if (!matcher.matches()) {
            throw invalid(name, value, expected);
        }
        return matcher;
    }

    private static InferenceException invalid(String name, String value, String expected) {
        return InferenceException.invalid(name + " is '" + value + "', expected " + expected);
    }
}
