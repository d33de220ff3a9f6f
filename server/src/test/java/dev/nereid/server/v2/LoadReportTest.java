package dev.nereid.server.v2;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.server.v2.LoadReport.Format;
import java.util.HexFormat;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class LoadReportTest {
    private static final LoadReport REPORT = new LoadReport(0.5, 12.34567);

    @Test
    void isWrittenAsRoutersReadIt() {
        assertEquals("TEXT application_utilization=0.5, rps_fractional=12.3457", REPORT.text(Format.TEXT));
        assertEquals("JSON {\"application_utilization\":0.5,\"rps_fractional\":12.3457}", REPORT.text(Format.JSON));
        assertEquals("TEXT application_utilization=0, rps_fractional=100", new LoadReport(0, 100).text(Format.TEXT));
    }

    @Test
    void isAMessageOfProtobuf() {
        byte[] expected = HexFormat.of().parseHex("31" + "0000000000002440" + "49" + "000000000000e03f");

        assertArrayEquals(expected, new LoadReport(0.5, 10).bytes());
        assertEquals("MQAAAAAAACRASQAAAAAAAOA/", new LoadReport(0.5, 10).text(Format.BIN));
    }

    @Test
    void isAskedForByFormat() {
        assertEquals(Optional.empty(), Format.of(Optional.empty()));
        assertEquals(Optional.of(Format.TEXT), Format.of(Optional.of("TEXT")));
        assertEquals(Optional.of(Format.JSON), Format.of(Optional.of(" json")));
        assertEquals(Optional.of(Format.BIN), Format.of(Optional.of("bin")));
        assertEquals("header 'endpoint-load-metrics-format' has value 'xml', expected text, json or bin",
                assertThrows(InferenceException.class, () -> Format.of(Optional.of("xml"))).getMessage());
    }
}
