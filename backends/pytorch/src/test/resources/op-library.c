/* Registers the operator probe::triple, with the part of libtorch that keeps its form from version to version. */
#include <stddef.h>
#include <stdint.h>

typedef int32_t Error;
typedef struct Opaque *Tensor;
typedef struct OpaqueLibrary *Library;

extern Error aoti_torch_library_init_fragment(const char *space, const char *file, uint32_t line, Library *result);
extern Error aoti_torch_library_init_impl(const char *space, const char *key, const char *file, uint32_t line,
                                          Library *result);
extern Error aoti_torch_library_def(Library library, const char *schema);
extern Error aoti_torch_library_impl(Library library, const char *name, void (*function)(uint64_t *, uint64_t, uint64_t));
extern int32_t aoti_torch_dtype_float32(void);
extern int32_t aoti_torch_device_type_cpu(void);
extern Error aoti_torch_get_data_ptr(Tensor tensor, void **data);
extern Error aoti_torch_get_numel(Tensor tensor, int64_t *count);
extern Error aoti_torch_delete_tensor_object(Tensor tensor);
extern Error aoti_torch_empty_strided(int64_t rank, const int64_t *sizes, const int64_t *strides, int32_t type,
                                      int32_t device_type, int32_t device_index, Tensor *result);

static void triple(uint64_t *stack, uint64_t inputs, uint64_t outputs) {
    Tensor x = (Tensor) stack[0], y;
    int64_t count, stride = 1;
    float *from, *to;
    aoti_torch_get_numel(x, &count);
    aoti_torch_get_data_ptr(x, (void **) &from);
    aoti_torch_empty_strided(1, &count, &stride, aoti_torch_dtype_float32(), aoti_torch_device_type_cpu(), 0, &y);
    aoti_torch_get_data_ptr(y, (void **) &to);
    for (int64_t i = 0; i < count; i++) {
        to[i] = 3 * from[i];
    }
    aoti_torch_delete_tensor_object(x);
    stack[0] = (uint64_t) y;
}

__attribute__((constructor)) static void register_operator(void) {
    static Library definition, implementation;
    aoti_torch_library_init_fragment("probe", __FILE__, __LINE__, &definition);
    aoti_torch_library_def(definition, "triple(Tensor x) -> Tensor");
    aoti_torch_library_init_impl("probe", "CPU", __FILE__, __LINE__, &implementation);
    aoti_torch_library_impl(implementation, "triple", triple);
}
