package dev.nereid.server.doctor;

import dev.nereid.backend.api.Diagnosis;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;

/** Ports and directories. */
final class PlaceCheck {
    private PlaceCheck() {
    }

    /** Looks whether a port can be opened. */
    static Diagnosis port(String what, String address, int port, String flag) {
        String place = address + ":" + port;
        if (port == 0) {
            return Diagnosis.ok(what, "any free port");
        }
        try (ServerSocket socket = new ServerSocket()) {
            socket.setReuseAddress(true);
            socket.bind(new InetSocketAddress(InetAddress.getByName(address), port));
            return Diagnosis.ok(what, place + " is free");
        } catch (IOException e) {
            return Diagnosis.problem(what, place + ": " + e.getMessage(),
                    "stop what listens there, or choose another port with --" + flag);
        }
    }

    /** Looks whether a directory can be read. */
    static Diagnosis readable(String what, Path directory, String advice) {
        return Files.isDirectory(directory) && Files.isReadable(directory)
                ? Diagnosis.ok(what, directory.toString())
                : Diagnosis.problem(what, directory + (Files.exists(directory)
                        ? " can't be read as a directory"
                        : " is not there"), advice);
    }

    /** Looks whether files can be made in a directory. */
    static Diagnosis writable(String what, Path directory, String advice) {
        try {
            Path probe = Files.createTempFile(directory, "nereid-doctor-", "");
            Files.delete(probe);
            return Diagnosis.ok(what, directory + " can be written");
        } catch (IOException e) {
            return Diagnosis.problem(what, directory + " can't be written", advice);
        }
    }
}
