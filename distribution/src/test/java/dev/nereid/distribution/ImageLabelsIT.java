package dev.nereid.distribution;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.awt.Color;
import java.awt.Graphics2D;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The sample ensemble from images to labels, asked as docs/ensembles.md says. */
class ImageLabelsIT {
    private static final Path PAGE = Path.of("..", "docs", "ensembles.md");
    private static final Pattern REQUEST = Pattern
            .compile("curl -sS localhost:8000(\\S+) -H '(\\S+): (\\S+)' --data-binary @photo.jpg");

    private RunningServer server;

    @BeforeEach
    void start(@TempDir Path directory) throws Exception {
        Path models = directory.resolve("models");
        Process samples = new ProcessBuilder(RunningServer.LAYOUT.resolve("nereid").toString(), "samples",
                models.toString(), "--models=image_labels").inheritIO().start();
        assertEquals(0, samples.waitFor());
        server = RunningServer.start(models);
    }

    @AfterEach
    void stop() {
        server.close();
    }

    private HttpResponse<byte[]> ask(byte[] body) throws Exception {
        Matcher documented = REQUEST.matcher(Files.readString(PAGE));
        assertTrue(documented.find());
        return server.client().send(HttpRequest.newBuilder(server.uri(documented.group(1)))
                .header(documented.group(2), documented.group(3)).POST(BodyPublishers.ofByteArray(body)).build(),
                BodyHandlers.ofByteArray());
    }

    private List<String> labels(byte[] picture) throws Exception {
        HttpResponse<byte[]> response = ask(picture);
        assertEquals(200, response.statusCode(), () -> new String(response.body(), StandardCharsets.UTF_8));
        int head = Integer.parseInt(response.headers().firstValue("Inference-Header-Content-Length").orElseThrow());
        ByteBuffer rest = ByteBuffer.wrap(response.body()).position(head).slice().order(ByteOrder.LITTLE_ENDIAN);
        List<String> labels = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            byte[] label = new byte[rest.getInt()];
            rest.get(label);
            labels.add(new String(label, StandardCharsets.UTF_8));
        }
        float best = rest.getFloat();
        assertTrue(best > 0.5 && best <= 1, "the best score is " + best);
        return labels;
    }

    /** Returns a JPEG whose upper eighth has another colour. */
    private static byte[] jpeg(Color color, Color above) throws Exception {
        BufferedImage picture = new BufferedImage(320, 240, BufferedImage.TYPE_INT_RGB);
        Graphics2D graphics = picture.createGraphics();
        graphics.setColor(color);
        graphics.fillRect(0, 0, 320, 240);
        graphics.setColor(above);
        graphics.fillRect(0, 0, 320, 30);
        graphics.dispose();
        ByteArrayOutputStream file = new ByteArrayOutputStream();
        assertTrue(ImageIO.write(picture, "jpg", file));
        return file.toByteArray();
    }

    @Test
    void labelsPicturesWithTheirColors() throws Exception {
        assertEquals("red", labels(jpeg(Color.RED, Color.BLACK)).getFirst());
        assertEquals("cyan", labels(jpeg(Color.CYAN, Color.WHITE)).getFirst());
        assertEquals(List.of("yellow", "green"), labels(jpeg(Color.YELLOW, Color.GREEN)).subList(0, 2));
    }

    @Test
    void saysWhatIsWrongWithAFileThatIsNoPicture() throws Exception {
        HttpResponse<byte[]> response = ask("no picture".getBytes(StandardCharsets.UTF_8));

        assertEquals(400, response.statusCode());
        String text = new String(response.body(), StandardCharsets.UTF_8);
        assertTrue(text.startsWith("{\"error\":\"in ensemble 'image_labels', "), text);
    }
}
