package dev.nereid.backend.tensorrt;

import java.util.HashMap;
import java.util.Map;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The engines of one model: instances on the same GPU, or the same accelerator of it, share runtime and weights. They
 * live until the model is closed. Instances are created one after the other, on threads of their own, so the monitor
 * only hands over what an earlier thread has loaded.
 */
final class SharedEngines implements AutoCloseable {
    private final Loader loader;
    private final TensorRt trt;
    private final Map<Place, Loaded> loaded = new HashMap<>();

    SharedEngines(TensorRt trt, Loader loader) {
        this.trt = trt;
        this.loader = loader;
    }

    /** Loads a file. */
    @FunctionalInterface
    interface Loader {
        TrtEngine load(TrtRuntime runtime, String file);
    }

    private record Place(int device, OptionalInt accelerator, String file) {
    }

    private record Loaded(TrtRuntime runtime, TrtEngine engine) {
    }

    /** Returns the engine for a place, loaded with the first call; the GPU is then the thread's. */
    TrtEngine engine(int device, OptionalInt accelerator, String file) {
        Place place = new Place(device, accelerator, file);
        trt.use(device);
        Loaded known = known(place);
        if (known == null) {
            Owned owned = new Owned();
            try {
                TrtRuntime runtime = trt.createRuntime(accelerator);
                owned.add(runtime, runtime::close);
                known = new Loaded(runtime, loader.load(runtime, file));
            } catch (RuntimeException | Error e) {
                owned.closeAfter(e);
                throw e;
            }
            keep(place, known);
        }
        return known.engine();
    }

    private synchronized @Nullable Loaded known(Place place) {
        return loaded.get(place);
    }

    private synchronized void keep(Place place, Loaded engine) {
        loaded.put(place, engine);
    }

    @Override
    public synchronized void close() {
        Owned owned = new Owned();
        loaded.forEach((place, entry) -> {
            owned.add(entry.runtime(), entry.runtime()::close);
            owned.add(entry.engine(), entry.engine()::close);
            owned.add(place, () -> trt.use(place.device()));
        });
        loaded.clear();
        owned.close();
    }
}
