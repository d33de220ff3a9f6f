package dev.nereid.distribution;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * A TorchScript file in which nothing is wrong, but whose loading ends the process: libtorch compiles a method while it
 * compiles the one that calls it, and a thousand of these in a row need more than the stack of a thread.
 */
final class DeadlyModel {
    private static final int METHODS = 1000;

    private DeadlyModel() {
    }

    /** Writes it with what else is in the file of the sample {@code add_sub}. */
    static void write(Path addSub, Path file) throws IOException {
        try (ZipFile from = new ZipFile(addSub.toFile());
                ZipOutputStream to = new ZipOutputStream(Files.newOutputStream(file))) {
            for (ZipEntry entry : (Iterable<ZipEntry>) from.stream().map(ZipEntry.class::cast)::iterator) {
                if (!entry.getName().endsWith(".debug_pkl")) {
                    to.putNextEntry(new ZipEntry(entry.getName()));
                    to.write(entry.getName().endsWith(".py")
                            ? source().getBytes(StandardCharsets.UTF_8)
                            : from.getInputStream(entry).readAllBytes());
                }
            }
        }
    }

    private static String source() {
        StringBuilder source = new StringBuilder("""
                class AddSub(Module):
                  __parameters__ = []
                  __buffers__ = []
                  def forward(self: __torch__.AddSub,
                    INPUT0: Tensor,
                    INPUT1: Tensor) -> Tuple[Tensor, Tensor]:
                    return ((self).f0(INPUT0, ), INPUT1)
                """);
        for (int i = 0; i < METHODS; i++) {
            source.append(method(i, "(self).f" + (i + 1) + "(x, )"));
        }
        return source.append(method(METHODS, "x")).toString();
    }

    private static String method(int number, String result) {
        return "  def f" + number + "(self: __torch__.AddSub,\n    x: Tensor) -> Tensor:\n    return " + result + "\n";
    }
}
