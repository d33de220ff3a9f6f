/* Stands in for NVML: the one device of the other stub. */
#include <string.h>

typedef struct { unsigned gpu, memory; } utilization_t;
typedef struct { unsigned long long total, free, used; } memory_t;

static int device;

int nvmlInit_v2(void) { return INIT_STATUS; }
int nvmlShutdown(void) { return 0; }
const char *nvmlErrorString(int status) { return status == 9 ? "Driver Not Loaded" : "stub error"; }
int nvmlSystemGetDriverVersion(char *text, unsigned size) { strncpy(text, "595.12.01", size); return 0; }
int nvmlDeviceGetHandleByUUID(const char *uuid, void **handle) {
  *handle = &device;
  return strcmp(uuid, "GPU-f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff") == 0 ? 0 : 6;
}
int nvmlDeviceGetUtilizationRates(void *handle, utilization_t *rates) {
  rates->gpu = 40;
  rates->memory = 99;
  return handle == &device ? 0 : 2;
}
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory) {
  memory->total = 5000000000u;
  memory->free = 4000000000u;
  memory->used = 1000000000u;
  return handle == &device ? 0 : 2;
}
int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts) { *milliwatts = 71500; return handle == &device ? 0 : 2; }
/* Consumer cards have no limit and no energy counter: one is refused, the other is missing. */
int nvmlDeviceGetPowerManagementLimit(void *handle, unsigned *milliwatts) { return 3; }
