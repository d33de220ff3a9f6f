package dev.nereid.backend.api.trace;

import dev.nereid.backend.api.ApiVersion;
import dev.nereid.backend.api.Experimental;
import java.util.Map;

/** What the server tells an exporter when it makes it. Implemented by the server. */
@Experimental(since = "1.1")
public interface SpanExporterContext {
    /** Returns the contract version that this server offers. */
    ApiVersion serverApi();

    /** Returns the version of the server. */
    String serverVersion();

    /** Returns where spans go. */
    String url();

    /** Returns what the spans are of, such as {@code service.name}. */
    Map<String, String> resource();

    /** Returns the environment variables of the server. */
    Map<String, String> environment();
}
