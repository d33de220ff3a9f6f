package dev.nereid.server.doctor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.server.FileDescriptors;
import org.junit.jupiter.api.Test;

class OpenFilesTest {
    @Test
    void saysWhichLimitLeavesTooLittleRoom() {
        assertEquals(
                Diagnosis.warning("open files", "up to 200, room for 74 connections",
                        "raise the limit (ulimit -n) to 10370 for 10000 connections"),
                SystemCheck.openFiles(new FileDescriptors(200, 50)));
    }

    @Test
    void isContentWithAHighLimit() {
        assertEquals(Diagnosis.ok("open files", "up to 65536, room for 10000 connections"),
                SystemCheck.openFiles(new FileDescriptors(65_536, 50)));
    }
}
