package dev.nereid.server.v2;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.engine.sharedmemory.ClientSharedMemory;
import dev.nereid.engine.sharedmemory.CudaRegionStatus;
import dev.nereid.engine.sharedmemory.RegionStatus;
import java.util.List;

/**
 * Registration of shared memory, where it is allowed. A region without a name stands for all of them, except where one
 * is registered. Threads: any.
 */
public final class SharedMemoryService {
    private static final String DISABLED = "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.";

    private final ClientSharedMemory regions;
    private final boolean isAllowed;

    SharedMemoryService(ClientSharedMemory regions, boolean isAllowed) {
        this.regions = regions;
        this.isAllowed = isAllowed;
    }

    /** Returns the registered regions, for the tensors of one request to lie in. */
    public ClientSharedMemory regions() {
        return regions;
    }

    /**
     * Returns regions of system shared memory.
     *
     * @throws InferenceException NOT_FOUND for an unknown one, and for one of the other kind
     */
    public List<RegionStatus> systemStatus(String region) {
        return region.isEmpty() ? regions.status() : List.of(regions.status(region));
    }

    /**
     * Says whether a region of that name may be registered, before anything else of the request is looked at.
     *
     * @throws InferenceException UNSUPPORTED where clients may not; INVALID_ARG without a name
     */
    public void checkSystemRegistration(String region) {
        checkRegistration(region, "system");
    }

    /**
     * Registers a region of system shared memory; offset and size are to be read as unsigned.
     *
     * @throws InferenceException what is wrong with name, key or size; UNSUPPORTED where clients may not
     */
    public void registerSystem(String region, String key, long offset, long byteSize) {
        checkSystemRegistration(region);
        regions.register(region, key, offset, byteSize);
    }

    /**
     * Unregisters regions of system shared memory; an unknown one is fine.
     *
     * @throws InferenceException UNSUPPORTED where clients may not
     */
    public void unregisterSystem(String region) {
        checkAllowed();
        if (region.isEmpty()) {
            regions.unregisterAll();
        } else {
            regions.unregister(region);
        }
    }

    /**
     * Returns regions of GPU memory.
     *
     * @throws InferenceException NOT_FOUND for an unknown one, and for one of the other kind
     */
    public List<CudaRegionStatus> cudaStatus(String region) {
        return region.isEmpty() ? regions.cudaStatus() : List.of(regions.cudaStatus(region));
    }

    /**
     * Says whether a region of that name may be registered, before anything else of the request is looked at.
     *
     * @throws InferenceException UNSUPPORTED where clients may not; INVALID_ARG without a name
     */
    public void checkCudaRegistration(String region) {
        checkRegistration(region, "cuda");
    }

    /**
     * Registers a region of GPU memory; device and size are to be read as unsigned.
     *
     * @throws InferenceException what is wrong with name, handle or size; UNSUPPORTED where clients may not
     */
    public void registerCuda(String region, byte[] handle, long deviceId, long byteSize) {
        checkCudaRegistration(region);
        regions.registerCuda(region, handle, deviceId, byteSize);
    }

    /**
     * Unregisters regions of GPU memory; an unknown one is fine.
     *
     * @throws InferenceException UNSUPPORTED where clients may not
     */
    public void unregisterCuda(String region) {
        checkAllowed();
        if (region.isEmpty()) {
            regions.unregisterAllCuda();
        } else {
            regions.unregisterCuda(region);
        }
    }

    private void checkRegistration(String region, String kind) {
        checkAllowed();
        if (region.isEmpty()) {
            throw InferenceException
                    .invalid("'region name' is necessary to register " + kind + " shared memory region");
        }
    }

    private void checkAllowed() {
        if (!isAllowed) {
            throw InferenceException.unsupported(DISABLED);
        }
    }
}
