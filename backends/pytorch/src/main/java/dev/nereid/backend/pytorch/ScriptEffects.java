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
 * What a model may do beside computing a result, by the source that its TorchScript file holds. Which tensor an operator
 * writes into can't be told from it, so this errs on the side of too much.
 *
 * @param changesTensors whether it may write into tensors, its inputs among them
 * @param changesState whether it may change what it keeps from execution to execution
 * @param setsState whether it sets attributes, or changes lists and dictionaries, beside what it writes into tensors
 * @param startsTasks whether it may start asynchronous tasks
 */
record ScriptEffects(boolean changesTensors, boolean changesState, boolean setsState, boolean startsTasks) {
    static final ScriptEffects NONE = new ScriptEffects(false, false, false, false);

    /** {@code torch.add_(}, {@code torch.__iand__(}, {@code out=}, and operators of which nothing is known. */
    private static final Pattern WRITING = Pattern.compile(
            "[A-Za-z0-9]_\\(|\\b__i[a-z]+__\\(|\\bout=|\\bops\\.(?!(?:aten|prim|quantized)\\b)");

    /** {@code self.state = }, and what changes lists and dictionaries. */
    private static final Pattern KEEPING = Pattern.compile("(?m)^\\s*\\w[\\w.]*\\.\\w+ = "
            + "|\\btorch\\.(?:append|clear|Delete|extend|insert|pop\\w*|remove|reverse|_set_item|setdefault|sort|update)\\(");

    /** {@code torch.jit.fork} as libtorch writes it. */
    private static final Pattern FORKING = Pattern.compile("\\bfork\\(");

    /** Reads the source in a file. */
    static ScriptEffects of(Path archive) throws IOException {
        ScriptEffects effects = NONE;
        try (ZipFile zip = new ZipFile(archive.toFile())) {
            for (Enumeration<? extends ZipEntry> entries = zip.entries(); entries.hasMoreElements();) {
                ZipEntry entry = entries.nextElement();
                if (entry.getName().contains("/code/") && entry.getName().endsWith(".py")) {
                    try (InputStream content = zip.getInputStream(entry)) {
                        effects = effects.and(of(new String(content.readAllBytes(), StandardCharsets.UTF_8)));
                    }
                }
            }
        }
        return effects;
    }

    static ScriptEffects of(String source) {
        boolean writes = WRITING.matcher(source).find();
        boolean sets = KEEPING.matcher(source).find();
        return new ScriptEffects(writes, writes || sets, sets, FORKING.matcher(source).find());
    }

    private ScriptEffects and(ScriptEffects other) {
        return new ScriptEffects(changesTensors || other.changesTensors, changesState || other.changesState,
                setsState || other.setsState, startsTasks || other.startsTasks);
    }
}
