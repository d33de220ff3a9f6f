package dev.nereid.backend.pytorch;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Enumeration;
import java.util.regex.Pattern;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;

/**
 * Finds operators that write into a tensor instead of making a new one, in the source that a TorchScript file holds. What
 * they write into can't be told from it, so a model that has any may write into its inputs.
 */
final class InPlaceOperators {
    /** {@code torch.add_(}, {@code torch.__iand__(}, {@code out=}, and operators of which nothing is known. */
    private static final Pattern WRITING = Pattern.compile(
            "[A-Za-z0-9]_\\(|\\b__i[a-z]+__\\(|\\bout=|\\bops\\.(?!(?:aten|prim|quantized)\\b)");

    private InPlaceOperators() {
    }

    /** Returns whether the file holds any. */
    static boolean areIn(Path archive) throws IOException {
        try (ZipFile zip = new ZipFile(archive.toFile())) {
            for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements();) {
                ZipEntry entry = entries.nextElement();
                if (entry.getName().contains("/code/") && entry.getName().endsWith(".py")) {
                    try (InputStream content = zip.getInputStream(entry)) {
                        if (areIn(new String(content.readAllBytes(), StandardCharsets.UTF_8))) {
                            return true;
                        }
                    }
                }
            }
            return false;
        }
    }

    static boolean areIn(String source) {
        return WRITING.matcher(source).find();
    }
}
