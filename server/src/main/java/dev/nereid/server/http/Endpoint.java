package dev.nereid.server.http;

import dev.nereid.server.v2.Category;

/** The endpoints of the protocol. */
enum Endpoint {
    /** Whether the process is up. */
    LIVE(Category.HEALTH, "GET, HEAD"),
    /** Whether models can be asked. */
    READY(Category.HEALTH, "GET, HEAD"),
    /** Name, version and extensions. */
    SERVER_METADATA(Category.METADATA, "GET, HEAD"),
    /** A model's inputs and outputs. */
    MODEL_METADATA(Category.METADATA, "GET, HEAD"),
    /** Whether a model can be asked. */
    MODEL_READY(Category.HEALTH, "GET, HEAD"),
    /** A model's configuration. */
    MODEL_CONFIG(Category.MODEL_CONFIG, "GET"),
    /** What a model, or all, have done. */
    STATISTICS(Category.STATISTICS, "GET"),
    /** Inference. */
    INFER(Category.INFERENCE, "POST"),
    /** Inference in plain JSON. */
    GENERATE(Category.INFERENCE, "POST"),
    /** Inference in plain JSON, answered with events. */
    GENERATE_STREAM(Category.INFERENCE, "POST"),
    /** The repository index. */
    INDEX(Category.MODEL_REPOSITORY, "POST"),
    /** Loads a model. */
    LOAD(Category.MODEL_REPOSITORY, "POST"),
    /** Unloads a model. */
    UNLOAD(Category.MODEL_REPOSITORY, "POST"),
    /** Registered system shared memory. */
    SYSTEM_MEMORY_STATUS(Category.SHARED_MEMORY, "GET"),
    /** Registers system shared memory. */
    SYSTEM_MEMORY_REGISTER(Category.SHARED_MEMORY, "POST"),
    /** Unregisters system shared memory. */
    SYSTEM_MEMORY_UNREGISTER(Category.SHARED_MEMORY, "POST"),
    /** Registered CUDA shared memory. */
    CUDA_MEMORY_STATUS(Category.SHARED_MEMORY, "GET"),
    /** Registers CUDA shared memory. */
    CUDA_MEMORY_REGISTER(Category.SHARED_MEMORY, "POST"),
    /** Unregisters CUDA shared memory. */
    CUDA_MEMORY_UNREGISTER(Category.SHARED_MEMORY, "POST"),
    /** Which requests are traced. */
    TRACE_SETTING(Category.TRACE, "GET, POST"),
    /** What is logged. */
    LOG_SETTING(Category.LOGGING, "GET, POST");

    private final Category category;
    private final String methods;

    Endpoint(Category category, String methods) {
        this.category = category;
        this.methods = methods;
    }

    Category category() {
        return category;
    }

    boolean allows(String requestMethod) {
        return switch (requestMethod) {
            case "GET", "HEAD", "POST" -> methods.contains(requestMethod);
            default -> false;
        };
    }

    /** Returns the methods, as the header {@code Allow} lists them. */
    String methods() {
        return methods;
    }

    /** Returns the content type of an answer that the request's method is wrong. */
    String errorType() {
        return category == Category.HEALTH || this == INFER ? Exchange.TEXT : Exchange.JSON;
    }
}
