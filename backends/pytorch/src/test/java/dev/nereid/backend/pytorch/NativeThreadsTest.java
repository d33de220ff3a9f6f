package dev.nereid.backend.pytorch;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;

final class NativeThreadsTest extends TorchTest {
    /** libtorch gives a thread that computes for the first time what was last set on any thread. */
    @Test
    void anotherThreadsSettingChangesNothing() throws InterruptedException, ExecutionException {
        NativeTorch natives = NativeTorch.load(TorchSettings.parse(Map.of()));
        try (ExecutorService one = Executors.newSingleThreadExecutor();
                ExecutorService other = Executors.newSingleThreadExecutor()) {
            one.submit(() -> natives.setIntraOp(2)).get();
            other.submit(() -> natives.setIntraOp(1)).get();

            Future<Integer> two = one.submit(() -> torch.get_num_threads());
            Future<Integer> single = other.submit(() -> torch.get_num_threads());
            assertEquals(2, two.get());
            assertEquals(1, single.get());
        }
    }
}
