package dev.nereid.server.console;

import java.util.List;

/**
 * The console.
 *
 * @param isEnabled whether there is one
 * @param address the address
 * @param port the port; 0 for any
 * @param hosts further names that browsers may ask for it by
 * @param mayWrite whether models can be loaded and unloaded and log settings changed from it
 */
public record ConsoleOptions(boolean isEnabled, String address, int port, List<String> hosts, boolean mayWrite) {
    /** No console. */
    public static final ConsoleOptions NONE = new ConsoleOptions(false, "127.0.0.1", 0, List.of(), false);

    /** Keeps a copy of the list. */
    public ConsoleOptions {
        hosts = List.copyOf(hosts);
    }
}
