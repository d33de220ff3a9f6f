package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.nereid.tools.samples.SampleRepository;
import java.net.InetAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.Random;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.IValueVector;
import org.bytedeco.pytorch.JitModule;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The story that this project exists for: a TorchScript UNet, served over the v2 protocol without a line of C++. */
class UnetStoryIT {
    private static final int CHANNELS = 3;
    private static final int HEIGHT = 360;
    private static final int WIDTH = 640;
    private static final int ELEMENTS = CHANNELS * HEIGHT * WIDTH;
    /** A trial may have found that the model is faster with its channels last, which changes the last digit. */
    private static final float TOLERANCE = 1e-6f;
    private static final String LENGTH = "Inference-Header-Content-Length";

    @TempDir
    Path repository;

    @Test
    void loadsInfersUnloadsAndLoadsAgain() throws Exception {
        SampleRepository.write(repository, EnumSet.of(SampleRepository.Model.UNET));
        float[] image = new float[ELEMENTS];
        Random random = new Random(7);
        for (int i = 0; i < image.length; i++) {
            image[i] = random.nextFloat();
        }
        float[] expected = runDirectly(repository.resolve("unet").resolve("1").resolve("model.pt"), image);
        String json = """
                {"inputs":[{"name":"INPUT__0","shape":[1,3,360,640],"datatype":"FP32",\
                "parameters":{"binary_data_size":%d}}],\
                "outputs":[{"name":"OUTPUT__0","parameters":{"binary_data":true}}]}""".formatted(ELEMENTS * 4);

        try (RunningServer server = RunningServer.start(repository, "--model-control-mode=explicit")) {
            // before the load nothing is known
            assertEquals(404, server.postBinary("/v2/models/unet/infer", json, bytes(image)).statusCode());

            // load, infer
            assertEquals(200, server.post("/v2/repository/models/unet/load", "").statusCode(), server::log);
            assertArrayEquals(expected, infer(server, json, image), TOLERANCE);
            assertTrue(endsWithTheConnection(server, json, image) > ELEMENTS * 4);

            // unload
            assertEquals(200, server.post("/v2/repository/models/unet/unload", "").statusCode());
            HttpResponse<byte[]> gone = server.postBinary("/v2/models/unet/infer", json, bytes(image));
            assertEquals(404, gone.statusCode());
            assertEquals("{\"error\":\"Request for unknown model: 'unet' has no available versions\"}",
                    new String(gone.body(), StandardCharsets.UTF_8));

            // load again, infer again
            assertEquals(200, server.post("/v2/repository/models/unet/load", "{}").statusCode(), server::log);
            assertArrayEquals(expected, infer(server, json, image), TOLERANCE);
            assertTrue(server.metrics().body()
                    .contains("nv_inference_request_success{model=\"unet\",version=\"1\"} 1\n"));
        }
    }

    private static float[] infer(RunningServer server, String json, float[] image) throws Exception {
        HttpResponse<byte[]> response = server.postBinary("/v2/models/unet/infer", json, bytes(image));
        assertEquals(200, response.statusCode(), () -> new String(response.body(), StandardCharsets.UTF_8));
        int head = Integer.parseInt(response.headers().firstValue(LENGTH).orElseThrow());
        assertEquals("""
                {"model_name":"unet","model_version":"1","outputs":[{"name":"OUTPUT__0","datatype":"FP32",\
                "shape":[1,3,360,640],"parameters":{"binary_data_size":2764800}}]}""",
                new String(response.body(), 0, head, StandardCharsets.UTF_8));
        float[] values = new float[ELEMENTS];
        ByteBuffer.wrap(response.body(), head, ELEMENTS * 4).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
        return values;
    }

    /** Sends a request that is the connection's last, and returns how many bytes come until the connection ends. */
    private static int endsWithTheConnection(RunningServer server, String json, float[] image) throws Exception {
        byte[] tensor = bytes(image);
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), server.httpPort())) {
            socket.setSoTimeout(30_000);
            String head = "POST /v2/models/unet/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + LENGTH + ": "
                    + json.length() + "\r\nContent-Length: " + (json.length() + tensor.length) + "\r\n\r\n" + json;
            socket.getOutputStream().write(head.getBytes(StandardCharsets.US_ASCII));
            socket.getOutputStream().write(tensor);
            return socket.getInputStream().readAllBytes().length;
        }
    }

    private static byte[] bytes(float[] values) {
        ByteBuffer buffer = ByteBuffer.allocate(values.length * 4).order(ByteOrder.LITTLE_ENDIAN);
        buffer.asFloatBuffer().put(values);
        return buffer.array();
    }

    /** Runs the model through libtorch itself, with as many threads as the server's one instance has. */
    private static float[] runDirectly(Path file, float[] image) {
        try (PointerScope _ = new PointerScope()) {
            torch.set_num_threads(Runtime.getRuntime().availableProcessors());
            JitModule module = torch.load(file.toString(), new org.bytedeco.pytorch.DeviceOptional(new Device("cpu")),
                    false);
            module.eval();
            Tensor input = torch.from_blob(new FloatPointer(image), 1, CHANNELS, HEIGHT, WIDTH);
            Tensor output = module.forward(new IValueVector(new IValue(input))).toTensor().contiguous();
            float[] values = new float[ELEMENTS];
            output.data_ptr_float().get(values);
            return Arrays.copyOf(values, values.length);
        }
    }
}
