package dev.nereid.backend.tensorrt;

import dev.nereid.backend.api.InferenceException;
import dev.nereid.backend.api.config.Optimization;
import java.lang.foreign.MemorySegment;
import org.bytedeco.cuda.cudart.CUevent_st;
import org.bytedeco.cuda.cudart.CUgraphExec_st;
import org.bytedeco.cuda.cudart.CUgraph_st;
import org.bytedeco.cuda.cudart.CUstream_st;
import org.bytedeco.cuda.global.cudart;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.SizeTPointer;

/** CUDA's run time, by JavaCPP. Each object here owns one handle of CUDA. */
final class NativeCuda {
    private NativeCuda() {
    }

    /**
     * Checks what a call has returned.
     *
     * @throws InferenceException INTERNAL with CUDA's reason
     */
    static void check(int status, String what) {
        if (status != cudart.cudaSuccess) {
            // Else the next call would report it again.
            cudart.cudaGetLastError();
            throw InferenceException.internal("unable to " + what + ": " + reason(status));
        }
    }

    static String reason(int status) {
        BytePointer text = cudart.cudaGetErrorString(status);
        return Pointer.isNull(text) ? "CUDA error " + status : text.getString();
    }

    static TensorRt.DeviceMemory allocate(int device, long byteSize, String purpose) {
        Pointer memory = new Pointer();
        int status = cudart.cudaMalloc(memory, byteSize);
        if (status == cudart.cudaErrorMemoryAllocation) {
            cudart.cudaGetLastError();
            throw InferenceException.unavailable("out of memory on GPU " + device + ": " + byteSize + " bytes for "
                    + purpose + ", " + free() + " bytes are free; unload models, or configure fewer instances or a"
                    + " smaller max_batch_size");
        }
        check(status, "allocate " + byteSize + " bytes on GPU " + device + " for " + purpose);
        return new Memory(memory, byteSize);
    }

    private static long free() {
        try (SizeTPointer free = new SizeTPointer(1); SizeTPointer total = new SizeTPointer(1)) {
            return cudart.cudaMemGetInfo(free, total) == cudart.cudaSuccess ? free.get() : 0;
        }
    }

    private record Memory(Pointer pointer, long byteSize) implements TensorRt.DeviceMemory {
        @Override
        public long address() {
            return pointer.address();
        }

        @Override
        public void close() {
            check(cudart.cudaFree(pointer), "free GPU memory");
            pointer.setNull();
        }
    }

    static TensorRt.CudaEvent event(boolean spins) {
        CUevent_st event = new CUevent_st();
        int flags = cudart.cudaEventDisableTiming | (spins ? cudart.cudaEventDefault : cudart.cudaEventBlockingSync);
        check(cudart.cudaEventCreateWithFlags(event, flags), "create a CUDA event");
        return new Event(event);
    }

    private record Event(CUevent_st handle) implements TensorRt.CudaEvent {
        @Override
        public void await() {
            check(cudart.cudaEventSynchronize(handle), "finish work on the GPU");
        }

        @Override
        public void close() {
            check(cudart.cudaEventDestroy(handle), "destroy a CUDA event");
        }
    }

    private record Graph(CUgraphExec_st handle) implements TensorRt.CudaGraph {
        @Override
        public void close() {
            check(cudart.cudaGraphExecDestroy(handle), "destroy a CUDA graph");
        }
    }

    static Stream stream(Optimization.Priority priority) {
        int[] least = new int[1];
        int[] greatest = new int[1];
        check(cudart.cudaDeviceGetStreamPriorityRange(least, greatest), "ask for stream priorities");
        int chosen = switch (priority) {
            case MAX -> greatest[0];
            case MIN -> least[0];
            case DEFAULT -> 0;
        };
        CUstream_st stream = new CUstream_st();
        check(cudart.cudaStreamCreateWithPriority(stream, cudart.cudaStreamNonBlocking, chosen),
                "create a CUDA stream");
        return new Stream(stream);
    }

    /** A stream; used by one thread at a time. */
    static final class Stream implements CudaStream {
        private final CUstream_st handle;
        private final AddressPointer from = new AddressPointer();
        private final AddressPointer to = new AddressPointer();

        Stream(CUstream_st handle) {
            this.handle = handle;
        }

        CUstream_st handle() {
            return handle;
        }

        @Override
        public void copyIn(MemorySegment host, long deviceAddress) {
            copy(host.address(), deviceAddress, host.byteSize(), "copy an input to the GPU");
        }

        @Override
        public void copyOut(long deviceAddress, MemorySegment host) {
            copy(deviceAddress, host.address(), host.byteSize(), "copy an output from the GPU");
        }

        @Override
        public void copyAcross(long fromAddress, long toAddress, long byteSize) {
            copy(fromAddress, toAddress, byteSize, "copy within the GPU's memory");
        }

        private void copy(long source, long target, long byteSize, String what) {
            check(cudart.cudaMemcpyAsync(to.at(target), from.at(source), byteSize, cudart.cudaMemcpyDefault, handle),
                    what);
        }

        @Override
        public void record(TensorRt.CudaEvent event) {
            check(cudart.cudaEventRecord(((Event) event).handle(), handle), "set a CUDA event");
        }

        @Override
        public void waitFor(TensorRt.CudaEvent event) {
            check(cudart.cudaStreamWaitEvent(handle, ((Event) event).handle(), 0), "wait for a CUDA event");
        }

        @Override
        public void synchronize() {
            check(cudart.cudaStreamSynchronize(handle), "finish work on the GPU");
        }

        @Override
        public void beginCapture() {
            check(cudart.cudaStreamBeginCapture(handle, cudart.cudaStreamCaptureModeThreadLocal),
                    "start CUDA graph");
        }

        @Override
        public TensorRt.CudaGraph endCapture() {
            CUgraph_st graph = new CUgraph_st();
            check(cudart.cudaStreamEndCapture(handle, graph), "finish CUDA graph");
            try {
                CUgraphExec_st executable = new CUgraphExec_st();
                check(cudart.cudaGraphInstantiate(executable, graph), "instantiate CUDA graph");
                return new Graph(executable);
            } finally {
                check(cudart.cudaGraphDestroy(graph), "destroy a CUDA graph");
            }
        }

        @Override
        public void launch(TensorRt.CudaGraph graph) {
            check(cudart.cudaGraphLaunch(((Graph) graph).handle(), handle), "execute graph for inference");
        }

        @Override
        public void close() {
            check(cudart.cudaStreamDestroy(handle), "destroy a CUDA stream");
        }
    }
}
