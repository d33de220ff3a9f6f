/* Stands in for the CUDA driver: one device whose memory is the host's. */
#include <stdlib.h>
#include <string.h>

typedef struct { char bytes[64]; } handle_t;

static char device_memory[4096];
static int contexts, opened;
static void *current;

int cuInit(unsigned flags) { return flags == 0 ? 0 : 1; }
int cuDriverGetVersion(int *version) { *version = 13030; return 0; }
int cuDeviceGetCount(int *count) { *count = 1; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 40 + ordinal; return ordinal == 0 ? 0 : 101; }
int cuDeviceGetName(char *name, int size, int device) {
  if (device != 40) return 101;
  strncpy(name, "Stub GPU", size);
  return 0;
}
int cuDeviceGetUuid_v2(unsigned char *uuid, int device) {
  for (int i = 0; i < 16; i++) uuid[i] = (unsigned char)(0xf0 + i);
  return device == 40 ? 0 : 101;
}
int cuDeviceTotalMem_v2(size_t *size, int device) { *size = 5000000000u; return device == 40 ? 0 : 101; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 75 ? 8 : attribute == 76 ? 6 : -1;
  return device == 40 ? 0 : 101;
}
int cuDevicePrimaryCtxRetain(void **context, int device) {
  contexts++;
  *context = &contexts;
  return device == 40 ? 0 : 101;
}
int cuDevicePrimaryCtxRelease_v2(int device) { contexts--; return device == 40 && opened == 0 ? 0 : 201; }
int cuCtxSetCurrent(void *context) { current = context; return 0; }
int cuIpcOpenMemHandle_v2(unsigned long long *address, handle_t handle, unsigned flags) {
  if (current == NULL) return 201;
  for (int i = 0; i < 64; i++)
    if (handle.bytes[i] != (char)i || flags != 1) return 1;
  opened++;
  *address = (unsigned long long)device_memory;
  return 0;
}
int cuIpcCloseMemHandle(unsigned long long address) { opened--; return address == (unsigned long long)device_memory ? 0 : 1; }
int cuMemGetAddressRange_v2(unsigned long long *base, size_t *size, unsigned long long address) {
  *base = address;
  *size = sizeof device_memory;
  return 0;
}
int cuMemcpyDtoH_v2(void *target, unsigned long long source, size_t size) {
  if (current == NULL) return 201;
  memcpy(target, (void *)source, size);
  return 0;
}
int cuMemcpyHtoD_v2(unsigned long long target, const void *source, size_t size) {
  if (current == NULL) return 201;
  memcpy((void *)target, source, size);
  return 0;
}
int cuMemHostAlloc(void **memory, size_t size, unsigned flags) {
  if (current == NULL || flags != 1) return 201;
  if (size > 1 << 20) return 2;
  *memory = aligned_alloc(256, size);
  return 0;
}
int cuMemFreeHost(void *memory) { free(memory); return 0; }
int cuGetErrorString(int status, const char **text) {
  *text = status == 1 ? "invalid argument" : status == 2 ? "out of memory" : "stub error";
  return 0;
}
