package dev.nereid.cache.redis;

import dev.nereid.backend.api.InferenceException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.List;
import javax.net.ssl.SNIHostName;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManagerFactory;
import redis.clients.jedis.DefaultJedisClientConfig;

/** TLS to the Redis server, whose certificate must be for its name. */
final class Encryption {
    private Encryption() {
    }

    /**
     * Has connections encrypted.
     *
     * @throws InferenceException when the certificates to trust can't be read
     */
    @SuppressWarnings("deprecation") // the new way reads key stores, and no PEM files
    static void apply(RedisSettings settings, DefaultJedisClientConfig.Builder config) {
        SSLParameters parameters = new SSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        settings.serverName().ifPresent(name -> parameters.setServerNames(List.of(new SNIHostName(name))));
        config.ssl(true).sslParameters(parameters);
        settings.authorities().ifPresent(file -> config.sslSocketFactory(trusting(file).getSocketFactory()));
    }

    private static SSLContext trusting(String file) {
        try (InputStream in = new BufferedInputStream(Files.newInputStream(Path.of(file)))) {
            KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
            store.load(null, null);
            int count = 0;
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("ca" + count++, certificate);
            }
            if (count == 0) {
                throw wrong(file, "it holds no certificate");
            }
            TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trust.init(store);
            SSLContext context = SSLContext.getInstance("TLS");
            context.init(null, trust.getTrustManagers(), null);
            return context;
        } catch (IOException | GeneralSecurityException | InvalidPathException e) {
            throw wrong(file, String.valueOf(e.getMessage()));
        }
    }

    private static InferenceException wrong(String file, String reason) {
        return InferenceException.invalid("--cache-config=redis,cacert: file '" + file
                + "' is no PEM file with certificates: " + reason);
    }
}
