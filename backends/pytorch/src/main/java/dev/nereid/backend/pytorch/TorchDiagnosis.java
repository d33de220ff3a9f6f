package dev.nereid.backend.pytorch;

import dev.nereid.backend.api.BackendContext;
import dev.nereid.backend.api.Diagnosis;
import dev.nereid.backend.api.InferenceException;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;

/** Tells {@code nereid doctor} what this backend finds on this machine. */
final class TorchDiagnosis {
    private TorchDiagnosis() {
    }

    static List<Diagnosis> of(BackendContext context, Gpus gpus) {
        List<Diagnosis> findings = new ArrayList<>();
        TorchSettings settings;
        try {
            settings = TorchSettings.parse(context.settings());
            NativeTorch ignored = NativeTorch.load(settings);
        } catch (InferenceException e) {
            findings.add(Diagnosis.problem("libtorch", "", String.valueOf(e.getMessage())));
            return findings;
        }
        findings.add(Diagnosis.ok("libtorch", LibtorchVersion.wanted()
                + settings.ownLibtorch().map(path -> " in " + path).orElse(", the packaged one")));
        findings.add(Diagnosis.ok("matrix products",
                settings.blas().text() + ", " + settings.blasThreads() + " thread(s)"));
        findings.add(Diagnosis.ok("cores", settings.cores() + " for the CPU instances of all models"));
        try (PointerScope _ = new PointerScope()) {
            findings.add(Diagnosis.ok("GPUs for PyTorch",
                    gpus.obstacle(0).map(obstacle -> "not used: " + obstacle).orElse("usable")));
        }
        return findings;
    }
}
