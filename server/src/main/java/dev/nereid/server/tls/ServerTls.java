package dev.nereid.server.tls;

import io.grpc.util.AdvancedTlsX509KeyManager;
import io.grpc.util.AdvancedTlsX509TrustManager;
import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.KeyManager;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.TrustManager;
import org.jspecify.annotations.Nullable;

/**
 * A TLS context whose key and certificates follow their files: they are read again when what is in them has changed,
 * through whatever links lead there. New connections get the new ones; a pair that does not fit leaves the old one in
 * place, and the log says so.
 *
 * <p>Threads: any; one thread of its own looks at the files.
 */
public final class ServerTls implements AutoCloseable {
    /** The versions that are spoken. */
    public static final List<String> PROTOCOLS = List.of("TLSv1.3", "TLSv1.2");
    /** The ciphers that are used: what HTTP/2 permits of what the JDK has. */
    public static final List<String> CIPHERS = List.of("TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256",
            "TLS_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256");
    /** How often the files are looked at. */
    public static final Duration PERIOD = Duration.ofSeconds(30);

    private static final int SESSION_SECONDS = 300;
    private static final Logger LOGGER = System.getLogger(ServerTls.class.getName());

    private final String listener;
    private final TlsOptions options;
    private final AdvancedTlsX509KeyManager keys;
    private final Optional<AdvancedTlsX509TrustManager> clients;
    private final SSLContext context;
    private final ScheduledExecutorService watch;
    private volatile Instant validUntil = Instant.EPOCH;
    private byte @Nullable [] certificateBytes;
    private byte @Nullable [] keyBytes;
    private byte @Nullable [] clientBytes;

    private ServerTls(String listener, TlsOptions options, AdvancedTlsX509KeyManager keys,
            Optional<AdvancedTlsX509TrustManager> clients, SSLContext context) {
        this.listener = listener;
        this.options = options;
        this.keys = keys;
        this.clients = clients;
        this.context = context;
        this.watch = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("nereid-tls-" + listener).daemon(true).factory());
    }

    /**
     * Reads key and certificates and starts to follow their files.
     *
     * @param listener what they are for, as the log names it
     * @param period how often the files are looked at
     * @throws TlsException when they can't be used
     */
    public static ServerTls create(String listener, TlsOptions options, Duration period) {
        AdvancedTlsX509KeyManager keys = new AdvancedTlsX509KeyManager();
        ServerTls tls;
        try {
            Optional<AdvancedTlsX509TrustManager> clients = options.clientAuthorities().isPresent()
                    ? Optional.of(AdvancedTlsX509TrustManager.newBuilder()
                            .setVerification(AdvancedTlsX509TrustManager.Verification.CERTIFICATE_ONLY_VERIFICATION)
                            .build())
                    : Optional.empty();
            SSLContext context = SSLContext.getInstance("TLS");
            // A session that is resumed shows no certificate again.
            context.getServerSessionContext().setSessionTimeout(SESSION_SECONDS);
            context.init(new KeyManager[]{keys}, clients.map(present -> new TrustManager[]{present}).orElse(null),
                    null);
            tls = new ServerTls(listener, options, keys, clients, context);
        } catch (GeneralSecurityException e) {
            throw new TlsException("TLS for " + listener + " can't be set up: " + e.getMessage(), e);
        }
        try {
            tls.refresh();
        } catch (TlsException e) {
            tls.close();
            throw e;
        }
        var _ = tls.watch.scheduleWithFixedDelay(tls::refreshIfPossible, period.toMillis(), period.toMillis(),
                TimeUnit.MILLISECONDS);
        return tls;
    }

    /** Returns the context, whose key and certificates change with their files. */
    public SSLContext context() {
        return context;
    }

    /** Returns when the first of the certificates that are used now ends to be valid. */
    public Instant validUntil() {
        return validUntil;
    }

    /** Returns how connections begin where the given protocol is spoken on them. */
    public SSLParameters parameters(String applicationProtocol) {
        List<String> supported = List.of(context.getSupportedSSLParameters().getCipherSuites());
        SSLParameters parameters = new SSLParameters(
                CIPHERS.stream().filter(supported::contains).toArray(String[]::new),
                PROTOCOLS.toArray(String[]::new));
        parameters.setApplicationProtocols(new String[]{applicationProtocol});
        parameters.setNeedClientAuth(asksClients());
        return parameters;
    }

    /** Returns whether clients need a certificate. */
    public boolean asksClients() {
        return clients.isPresent();
    }

    /** Looks at the files now; what can't be used is logged. */
    public void refreshIfPossible() {
        try {
            refresh();
        } catch (RuntimeException e) {
            LOGGER.log(Level.WARNING,
                    () -> "TLS for " + listener + " keeps its key and certificates: " + e.getMessage());
        }
    }

    private synchronized void refresh() {
        byte[] newCertificates = PemFiles.read(options.certificates());
        byte[] newKey = PemFiles.read(options.key());
        if (!Arrays.equals(newCertificates, certificateBytes) || !Arrays.equals(newKey, keyBytes)) {
            useIdentity(newCertificates, newKey);
            certificateBytes = newCertificates;
            keyBytes = newKey;
        }
        if (options.clientAuthorities().isPresent()) {
            Path file = options.clientAuthorities().get();
            byte[] newClients = PemFiles.read(file);
            if (!Arrays.equals(newClients, clientBytes)) {
                useClientAuthorities(file, newClients);
                clientBytes = newClients;
            }
        }
    }

    private void useIdentity(byte[] newCertificates, byte[] newKey) {
        List<X509Certificate> chain = PemFiles.certificates(options.certificates(), newCertificates);
        PrivateKey key = PemFiles.key(options.key(), newKey);
        X509Certificate own = chain.getFirst();
        PemFiles.mismatch(key, own).ifPresent(reason -> {
            throw new TlsException(
                    options.key() + " is not the key of " + options.certificates() + ": " + reason);
        });
        keys.updateIdentityCredentials(chain.toArray(X509Certificate[]::new), key);
        validUntil = chain.stream().map(each -> each.getNotAfter().toInstant()).min(Comparator.naturalOrder())
                .orElseThrow();
        LOGGER.log(Level.INFO, () -> "TLS for " + listener + " uses certificate " + own.getSerialNumber().toString(16)
                + " of " + own.getSubjectX500Principal() + ", valid until " + own.getNotAfter().toInstant());
    }

    private void useClientAuthorities(Path file, byte[] newClients) {
        List<X509Certificate> authorities = PemFiles.certificates(file, newClients);
        try {
            clients.orElseThrow().updateTrustCredentials(authorities.toArray(X509Certificate[]::new));
        } catch (GeneralSecurityException | IOException e) {
            throw new TlsException(file + " holds certificates that can't be used: " + e.getMessage(), e);
        }
        LOGGER.log(Level.INFO, () -> "TLS for " + listener + " accepts clients' certificates of " + authorities.size()
                + (authorities.size() == 1 ? " authority" : " authorities"));
    }

    /** Stops following the files. Connections live on. */
    @Override
    public void close() {
        watch.shutdownNow();
    }
}
