package dev.nereid.server.doctor;

import dev.nereid.backend.api.Diagnosis;
import dev.nereid.engine.EngineOptions.GpuOptions;
import dev.nereid.engine.gpu.Gpu;
import dev.nereid.engine.gpu.GpuDriver;
import dev.nereid.server.ProcessMemory;
import java.util.List;

/** The GPU driver and the GPUs. Having none is fine. */
final class GpuCheck {
    private static final String GROUP = "GPUs";

    private GpuCheck() {
    }

    static void run(GpuDriver driver, GpuOptions options, Findings findings) {
        if (!options.isAllowed()) {
            findings.add(GROUP, Diagnosis.ok("driver", "not looked for: TRITON_SERVER_CPU_ONLY is set"));
            return;
        }
        GpuDriver.Report report = driver.report();
        if (!report.isPresent()) {
            findings.add(GROUP, Diagnosis.ok("driver", report.cuda() + "; models run on the CPU"));
            return;
        }
        List<Gpu> gpus = driver.gpus();
        findings.add(GROUP, gpus.isEmpty()
                ? Diagnosis.warning("driver", "there is one, but no GPU: " + report.cuda(),
                        "check nvidia-smi, CUDA_VISIBLE_DEVICES, and in a container --gpus")
                : Diagnosis.ok("driver", "offers CUDA " + report.cuda()));
        findings.add(GROUP, report.hasManagement()
                ? Diagnosis.ok("NVML", "driver " + report.management())
                : Diagnosis.warning("NVML", report.management(),
                        "without it there are no GPU metrics and no --model-load-gpu-limit; in a container, give it the "
                                + "driver capability 'utility'"));
        for (Gpu gpu : gpus) {
            String found = gpu.name() + ", compute capability " + gpu.capability() + ", "
                    + ProcessMemory.sizeText(gpu.memoryBytes()) + ", " + gpu.uuid();
            findings.add(GROUP, gpu.capability().compareTo(options.minimumCapability()) >= 0
                    ? Diagnosis.ok("GPU " + gpu.id(), found)
                    : Diagnosis.warning("GPU " + gpu.id(), found, "it is not used; --min-supported-compute-capability="
                            + gpu.capability() + " would allow it"));
        }
    }
}
