package dev.nereid.isolation.wire;

import java.util.List;
import java.util.Map;

/**
 * What a worker process is told on its standard input when it starts.
 *
 * @param socket the path of the server's socket
 * @param token names the process to the server; known to the two only
 * @param region the path of the shared memory
 * @param areaBytes the size of each of its two areas
 * @param outputLimit how many bytes of outputs may be in use at a time
 * @param backendDirectories where backends are
 * @param settings the settings of backends by name; the empty name holds what is meant for all
 * @param isVerbose whether the process logs details
 */
public record Bootstrap(String socket, String token, String region, long areaBytes, long outputLimit,
        List<String> backendDirectories, Map<String, Map<String, String>> settings, boolean isVerbose) {
}
