/* A model in the form that AOTInductor compiles to: y = 2 * x + bias, and z = -x, for one-dimensional FP32 tensors.
   For those of UINT8 it writes into its input: x += bias, y = x, and z = x. For those of INT32 it keeps state: y and z are
   the number of its runs. */
#include <stddef.h>
#include <stdint.h>

typedef int32_t Error;
typedef struct Opaque *Tensor;

extern int32_t aoti_torch_dtype_float32(void);
extern int32_t aoti_torch_dtype_uint8(void);
extern int32_t aoti_torch_dtype_int32(void);
extern Error aoti_torch_get_dtype(Tensor tensor, int32_t *type);
extern int32_t aoti_torch_device_type_cpu(void);
extern Error aoti_torch_get_data_ptr(Tensor tensor, void **data);
extern Error aoti_torch_get_numel(Tensor tensor, int64_t *count);
extern Error aoti_torch_delete_tensor_object(Tensor tensor);
extern Error aoti_torch_empty_strided(int64_t rank, const int64_t *sizes, const int64_t *strides, int32_t type,
                                      int32_t device_type, int32_t device_index, Tensor *result);

static int container;
static int32_t runs;

Error AOTInductorModelContainerCreateWithDevice(void **handle, size_t models, const char *device, const char *cubins) {
    *handle = &container;
    return 0;
}
Error AOTInductorModelContainerDelete(void *handle) { return 0; }
Error AOTInductorModelContainerGetNumInputs(void *handle, size_t *count) { *count = 2; return 0; }
Error AOTInductorModelContainerGetNumOutputs(void *handle, size_t *count) { *count = 2; return 0; }
Error AOTInductorModelContainerGetNumConstants(void *handle, size_t *count) { *count = 0; return 0; }
Error AOTInductorModelContainerGetConstantName(void *handle, size_t i, const char **name) { return 1; }
Error AOTInductorModelContainerGetConstantOriginalFQN(void *handle, size_t i, const char **name) { return 1; }
Error AOTInductorModelContainerGetConstantDtype(void *handle, size_t i, int32_t *type) { return 1; }
Error AOTInductorModelContainerExtractConstantsMap(void *handle, void *map, _Bool inactive) { return 1; }
Error AOTInductorModelContainerUpdateUserManagedConstantBuffer(void *h, void *m, _Bool i, _Bool f) { return 1; }
Error AOTInductorModelContainerUpdateConstantBuffer(void *h, void *m, _Bool i, _Bool f) { return 1; }
Error AOTInductorModelContainerUpdateInactiveConstantBuffer(void *handle, void *map) { return 1; }
Error AOTInductorModelContainerFreeInactiveConstantBuffer(void *handle) { return 1; }
Error AOTInductorModelContainerRunConstantFolding(void *h, _Bool i, void *stream, void *proxy) { return 1; }
Error AOTInductorModelContainerSwapConstantBuffer(void *handle) { return 1; }
Error AOTInductorModelContainerGetCallSpec(void *handle, const char **in, const char **out) {
    *in = "[1, {\"type\": \"builtins.tuple\", \"context\": \"null\", \"children_spec\": ["
          "{\"type\": \"builtins.tuple\", \"context\": \"null\", \"children_spec\": ["
          "{\"type\": null, \"context\": null, \"children_spec\": []}]},"
          "{\"type\": \"builtins.dict\", \"context\": \"[\\\"bias\\\"]\", \"children_spec\": ["
          "{\"type\": null, \"context\": null, \"children_spec\": []}]}]}]";
    *out = "[1, {\"type\": \"builtins.tuple\", \"context\": \"null\", \"children_spec\": ["
           "{\"type\": null, \"context\": null, \"children_spec\": []},"
           "{\"type\": null, \"context\": null, \"children_spec\": []}]}]";
    return 0;
}

static Error make(int64_t count, int32_t type, Tensor *result, void **data) {
    int64_t stride = 1;
    return aoti_torch_empty_strided(1, &count, &stride, type, aoti_torch_device_type_cpu(), 0, result)
        || aoti_torch_get_data_ptr(*result, data);
}

static void compute(int64_t count, const float *x, const float *bias, float *y, float *z) {
    for (int64_t i = 0; i < count; i++) {
        y[i] = 2 * x[i] + bias[i];
        z[i] = -x[i];
    }
}

static void compute_in_place(int64_t count, uint8_t *x, const uint8_t *bias, uint8_t *y, uint8_t *z) {
    for (int64_t i = 0; i < count; i++) {
        x[i] += bias[i];
        y[i] = x[i];
        z[i] = x[i];
    }
}

static void count_runs(int64_t count, int32_t *y, int32_t *z) {
    for (int64_t i = 0; i < count; i++) {
        y[i] = runs;
        z[i] = runs;
    }
}

/* Inputs belong to the model, outputs to its caller. */
Error AOTInductorModelContainerRun(void *handle, Tensor *inputs, size_t input_count, Tensor *outputs,
                                   size_t output_count, void *stream, void *proxy) {
    void *x, *bias, *y, *z;
    int64_t count, bias_count;
    int32_t type;
    if (input_count != 2 || output_count != 2 || aoti_torch_get_data_ptr(inputs[0], &x)
        || aoti_torch_get_data_ptr(inputs[1], &bias) || aoti_torch_get_numel(inputs[0], &count)
        || aoti_torch_get_numel(inputs[1], &bias_count) || aoti_torch_get_dtype(inputs[0], &type)) {
        return 1;
    }
    runs++;
    Error error = bias_count != count || make(count, type, &outputs[0], &y) || make(count, type, &outputs[1], &z);
    if (!error && type == aoti_torch_dtype_float32()) {
        compute(count, x, bias, y, z);
    } else if (!error && type == aoti_torch_dtype_uint8()) {
        compute_in_place(count, x, bias, y, z);
    } else if (!error && type == aoti_torch_dtype_int32()) {
        count_runs(count, y, z);
    }
    aoti_torch_delete_tensor_object(inputs[0]);
    aoti_torch_delete_tensor_object(inputs[1]);
    return error;
}
