package dev.nereid.backend.api;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class InferenceExceptionTest {
    @ParameterizedTest
    @CsvSource({"UNKNOWN,Unknown,400", "INTERNAL,Internal,500", "NOT_FOUND,Not found,404",
        "INVALID_ARG,Invalid argument,400", "UNAVAILABLE,Unavailable,503", "UNSUPPORTED,Unsupported,501",
        "ALREADY_EXISTS,Already exists,400", "CANCELLED,<invalid code>,400"})
    @SuppressWarnings("deprecation") // what 1.0 has, backends may still call
    void hasTheProtocolsTextAndStatus(StatusCode code, String text, int httpStatus) {
        assertEquals(text + ": why", new InferenceException(code, "why").reason());
        assertEquals(httpStatus, code.httpStatus());
    }

    @Test
    void keepsCodeMessageAndCause() {
        Throwable cause = new IllegalStateException("inner");
        InferenceException failure = new InferenceException(StatusCode.INTERNAL, "outer", cause);

        assertEquals(StatusCode.INTERNAL, failure.code());
        assertEquals("outer", failure.getMessage());
        assertSame(cause, failure.getCause());
    }

    @Test
    void hasAFactoryForEachUsualCode() {
        assertEquals(StatusCode.INVALID_ARG, InferenceException.invalid("x").code());
        assertEquals(StatusCode.INTERNAL, InferenceException.internal("x").code());
        assertEquals(StatusCode.UNAVAILABLE, InferenceException.unavailable("x").code());
        assertEquals(StatusCode.NOT_FOUND, InferenceException.notFound("x").code());
        assertEquals(StatusCode.UNSUPPORTED, InferenceException.unsupported("x").code());
    }
}
