package dev.nereid.server.cli;

import dev.nereid.server.console.ConsoleOptions;
import java.util.List;

/** The flags of the console. */
final class ConsoleFlags {
    private static final String GROUP = "Console";
    private static final String ENABLED = "console";
    private static final String WRITE = "console-write";
    private static final String ADDRESS = "console-address";
    static final String PORT = "console-port";
    private static final String HOST = "console-host";

    private ConsoleFlags() {
    }

    /** Adds the flags to the table. */
    static void add() {
        FlagTable.add(ENABLED, Flag.Kind.SWITCH, "", GROUP,
                "Serve a page that shows what the server does, and lets requests be tried.");
        FlagTable.add(WRITE, Flag.Kind.SWITCH, "", GROUP,
                "Let the page load and unload models and change log settings, too.");
        FlagTable.add(ADDRESS, Flag.Kind.TEXT, "127.0.0.1", GROUP, "Address to listen on for the console.");
        FlagTable.add(PORT, Flag.Kind.NUMBER, "8003", GROUP, "Port to listen on for the console.");
        FlagTable.repeatable(HOST, GROUP,
                "A further name that browsers may ask for the console by, such as that of a proxy.");
    }

    /**
     * Returns what the flags say.
     *
     * @throws UsageException when a value is wrong, or a flag is given without the console
     */
    static ConsoleOptions options(CommandLine flags) {
        boolean isEnabled = flags.bool(ENABLED);
        if (!isEnabled) {
            for (String flag : List.of(WRITE, ADDRESS, PORT, HOST)) {
                if (flags.isGiven(flag)) {
                    throw new UsageException("--" + flag + " needs --" + ENABLED);
                }
            }
        }
        for (String host : flags.all(HOST)) {
            if (host.isBlank() || host.contains("/") || host.chars().anyMatch(Character::isWhitespace)) {
                throw new UsageException("--" + HOST + " has value '" + host
                        + "', expected a name such as console.example.com");
            }
        }
        return new ConsoleOptions(isEnabled, CommandLine.address(ADDRESS, flags.text(ADDRESS)),
                (int) flags.number(PORT, 0, 65535), flags.all(HOST), flags.bool(WRITE));
    }
}
