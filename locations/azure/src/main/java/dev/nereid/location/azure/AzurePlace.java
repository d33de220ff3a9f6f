package dev.nereid.location.azure;

import dev.nereid.backend.api.InferenceException;
import java.net.URI;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Where a repository is: {@code as://account/container/path}.
 *
 * @param endpoint Azure's for the account, or that of {@code AZURE_STORAGE_ENDPOINT}
 * @param account the storage account
 * @param container the container
 * @param prefix what names of blobs begin with: empty, or a path with a slash at its end
 */
record AzurePlace(String endpoint, String account, String container, String prefix) {
    private static final String SCHEME = "as://";
    private static final String ENDPOINT = "AZURE_STORAGE_ENDPOINT";

    /** Reads a location. Slashes too many mean nothing. */
    static AzurePlace parse(String location, Map<String, String> environment) {
        List<String> elements = Arrays.stream(location.substring(SCHEME.length()).split("/"))
                .filter(element -> !element.isEmpty()).toList();
        if (elements.size() < 2) {
            throw InferenceException.invalid("model repository '" + location
                    + "' names no container, expected as://<account>/<container>/<path>");
        }
        String account = elements.getFirst();
        String path = String.join("/", elements.subList(2, elements.size()));
        return new AzurePlace(endpoint(environment.getOrDefault(ENDPOINT, ""), account), account, elements.get(1),
                path.isEmpty() ? "" : path + "/");
    }

    private static String endpoint(String given, String account) {
        String text = given.isBlank() ? "https://" + account + ".blob.core.windows.net" : given;
        try {
            if (URI.create(text).getHost() != null) {
                return text.endsWith("/") ? text.substring(0, text.length() - 1) : text;
            }
        } catch (IllegalArgumentException e) {
            // Told below.
        }
        throw InferenceException.invalid("'" + text + "' can't be the endpoint of storage account '" + account
                + "', expected the name of an account, or http://<host>:<port>/<account> in " + ENDPOINT);
    }
}
