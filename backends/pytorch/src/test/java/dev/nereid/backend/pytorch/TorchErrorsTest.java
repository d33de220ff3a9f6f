package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

final class TorchErrorsTest {
    private static String brief(String text) {
        return TorchErrors.brief(new RuntimeException(text));
    }

    @Test
    void dropsTheStackAndTheBuildPaths() {
        assertEquals("Method 'forward' is not defined.", brief("""
                Method 'forward' is not defined.
                Exception raised from get_method at /home/builder/object.h:112 (most recent call first):
                frame #0: c10::Error::Error() + 0xac
                """));
    }

    @Test
    void addsTheCauseToTheInterpretersText() {
        assertEquals("The following operation failed in the TorchScript interpreter."
                + " RuntimeError: \"add_stub\" not implemented for 'UInt16'", brief("""
                        The following operation failed in the TorchScript interpreter.
                        Traceback of TorchScript (most recent call last):
                          File "<string>", line 2, in forward
                          return x + x
                                 ~~~~~ <--- HERE
                        RuntimeError: "add_stub" not implemented for 'UInt16'

                        Exception raised from operator() at /home/builder/add.cpp:17 (most recent call first):
                        frame #0: c10::Error::Error() + 0xac
                        """));
    }

    @Test
    void advisesOnKnownErrors() {
        assertEquals(
                "Unknown builtin op: torchvision::nms. The model uses operators of TorchVision, which this libtorch"
                        + " does not hold; export it without them.",
                brief("\nUnknown builtin op: torchvision::nms."));
    }

    @Test
    void namesErrorsWithoutText() {
        assertEquals("IllegalStateException", TorchErrors.brief(new IllegalStateException()));
    }
}
