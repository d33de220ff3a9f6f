package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
                "Unknown builtin op: torchvision::nms. The model uses operators of TorchVision, which libtorch does not"
                        + " hold; name a library that registers them in the backend setting 'op-libraries', or export"
                        + " the model without them.",
                brief("\nUnknown builtin op: torchvision::nms."));
    }

    /** Beginnings of what libtorch says. */
    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!|trace the model",
        "Unknown builtin op: my::op.|'op-libraries'",
        "Unknown type name '__torch__.torch.classes.my.Class':|name the library",
        "Error in run_func_( container_handle_|exported with",
        "Error in dlopen: m.so: failed to map segment from shared object: Operation not permitted|TMPDIR",
        "Found no NVIDIA driver on your system.|on the CPU", "No CUDA GPUs are available|on the CPU"})
    void advisesOnTheseErrors(String text, String advice) {
        assertTrue(brief(text).startsWith(text) && brief(text).contains(advice), brief(text));
    }

    @Test
    void keepsPathsToItself() {
        assertEquals("Error in dlopen: model.so: file too short",
                brief("Error in dlopen: /tmp/aotinductor_1/data/model.so: file too short"));
        assertEquals("open file failed, file 'model.pt'", brief("open file failed, file '/models/a/1/model.pt'"));
        assertEquals("got 3 and/or 4, ratio 1/2", brief("got 3 and/or 4, ratio 1/2"));
    }

    @Test
    void namesErrorsWithoutText() {
        assertEquals("IllegalStateException", TorchErrors.brief(new IllegalStateException()));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9"
                + " bytes.|DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.",
        "isTensor() INTERNAL ASSERT FAILED at \"/pytorch/aten/src/ATen/core/ivalue_inl.h\":137, please report a bug to"
                + " PyTorch. Expected Tensor but got Int|Expected Tensor but got Int"})
    void dropsTheConditionsOfLibtorchsSource(String said, String told) {
        assertEquals(told, brief(said));
        assertEquals("It failed. RuntimeError: " + told, brief("It failed.\nRuntimeError: " + said));
    }
}
