package dev.nereid.server.http;

/** The endpoints of the protocol. */
enum Endpoint {
    LIVE(Category.HEALTH, "GET"),
    READY(Category.HEALTH, "GET"),
    SERVER_METADATA(Category.METADATA, "GET"),
    MODEL_METADATA(Category.METADATA, "GET"),
    MODEL_READY(Category.HEALTH, "GET"),
    MODEL_CONFIG(Category.MODEL_CONFIG, "GET"),
    STATISTICS(Category.STATISTICS, "GET"),
    INFER(Category.INFERENCE, "POST"),
    GENERATE(Category.INFERENCE, "POST"),
    GENERATE_STREAM(Category.INFERENCE, "POST"),
    INDEX(Category.MODEL_REPOSITORY, "POST"),
    LOAD(Category.MODEL_REPOSITORY, "POST"),
    UNLOAD(Category.MODEL_REPOSITORY, "POST");

    private final Category category;
    private final String method;

    Endpoint(Category category, String method) {
        this.category = category;
        this.method = method;
    }

    Category category() {
        return category;
    }

    boolean allows(String requestMethod) {
        return method.equals(requestMethod);
    }
}
