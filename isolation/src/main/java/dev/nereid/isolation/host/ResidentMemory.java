package dev.nereid.isolation.host;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** What {@code /proc} says of the memory of a process. */
final class ResidentMemory {
    private static final long UNIT = 1024;

    private ResidentMemory() {
    }

    /** Returns how many bytes of a process are in memory; 0 where that is not known. */
    static long of(long pid) {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
                if (line.startsWith("VmRSS:")) {
                    return Long.parseLong(line.replaceAll("[^0-9]", "")) * UNIT;
                }
            }
        } catch (IOException | NumberFormatException e) {
            // It has ended, or this is not Linux.
        }
        return 0;
    }
}
