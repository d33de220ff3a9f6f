package dev.nereid.server.cli;

import java.io.IOException;
import java.nio.file.Path;

/** A process that writes a log file, until its standard input ends. */
final class LogFileHolder {
    private LogFileHolder() {
    }

    public static void main(String[] arguments) throws IOException {
        LogFileHandler handler = LogFileHandler.open(Path.of(arguments[0]));
        System.out.println("open");
        int ignored = System.in.read();
        handler.close();
    }
}
