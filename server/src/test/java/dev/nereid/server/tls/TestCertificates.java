package dev.nereid.server.tls;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.X509Certificate;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManager;
import javax.net.ssl.TrustManagerFactory;

/** Makes keys and certificates with the JDK's own tool. */
public final class TestCertificates {
    private static final String PASSWORD = "changeit";

    private final Path directory;
    private final Path store;

    /** Makes an authority whose certificates are written into the directory. */
    public TestCertificates(Path directory) throws IOException {
        this.directory = Files.createDirectories(directory);
        this.store = directory.resolve("store.p12");
        keytool("-genkeypair", "-alias", "ca", "-dname", "CN=Test authority", "-ext", "bc:c", "-keyalg", "EC");
    }

    private void keytool(String... arguments) throws IOException {
        List<String> command = new ArrayList<>(
                List.of(Path.of(System.getProperty("java.home"), "bin", "keytool").toString()));
        command.addAll(List.of(arguments));
        command.addAll(List.of("-keystore", store.toString(), "-storepass", PASSWORD, "-noprompt"));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), US_ASCII);
        try {
            if (process.waitFor() != 0) {
                throw new IOException(command + ": " + output);
            }
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }

    /** Makes a key, EC or RSA, and a certificate for localhost of the authority: {@code <name>.crt} and {@code <name>.key}. */
    public void issue(String name, String algorithm) throws IOException, GeneralSecurityException {
        keytool("-genkeypair", "-alias", name, "-dname", "CN=" + name, "-keyalg", algorithm, "-signer", "ca", "-ext",
                "san=dns:localhost,ip:127.0.0.1");
        KeyStore keys = load();
        Key key = keys.getKey(name, PASSWORD.toCharArray());
        write(key(name), "PRIVATE KEY", key.getEncoded());
        write(certificate(name), "CERTIFICATE", keys.getCertificate(name).getEncoded());
        write(certificate("ca"), "CERTIFICATE", keys.getCertificate("ca").getEncoded());
    }

    /**
     * Returns a context for clients that trust the authority.
     *
     * @param name whose key and certificate the client has; empty for none
     */
    public SSLContext forClient(Optional<String> name) throws IOException, GeneralSecurityException {
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(name.isPresent() ? keys(name.get()) : null, trust(), null);
        return context;
    }

    /** Returns the key and the certificate of that name. */
    public KeyManager[] keys(String name) throws IOException, GeneralSecurityException {
        KeyStore all = load();
        KeyStore own = empty();
        own.setKeyEntry(name, all.getKey(name, PASSWORD.toCharArray()), PASSWORD.toCharArray(),
                all.getCertificateChain(name));
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(own, PASSWORD.toCharArray());
        return keys.getKeyManagers();
    }

    /** Returns the trust in what the authority has issued. */
    public TrustManager[] trust() throws IOException, GeneralSecurityException {
        KeyStore authorities = empty();
        authorities.setCertificateEntry("ca", load().getCertificate("ca"));
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(authorities);
        return trust.getTrustManagers();
    }

    private static KeyStore empty() throws IOException, GeneralSecurityException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    /** Returns whose certificate a server shows. */
    public String shown(int port, String applicationProtocol) throws IOException, GeneralSecurityException {
        try (SSLSocket socket = (SSLSocket) forClient(Optional.empty()).getSocketFactory().createSocket("127.0.0.1",
                port)) {
            socket.setSoTimeout(20_000);
            SSLParameters parameters = socket.getSSLParameters();
            parameters.setApplicationProtocols(new String[]{applicationProtocol});
            socket.setSSLParameters(parameters);
            socket.startHandshake();
            return ((X509Certificate) socket.getSession().getPeerCertificates()[0]).getSubjectX500Principal().getName();
        }
    }

    private KeyStore load() throws IOException, GeneralSecurityException {
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        return keys;
    }

    private static void write(Path file, String what, byte[] der) throws IOException {
        Files.writeString(file,
                "-----BEGIN " + what + "-----\n" + Base64.getMimeEncoder(64, new byte[]{'\n'}).encodeToString(der)
                        + "\n-----END " + what + "-----\n");
    }

    /** Returns the file of that certificate. */
    public Path certificate(String name) {
        return directory.resolve(name + ".crt");
    }

    /** Returns the file of that key. */
    public Path key(String name) {
        return directory.resolve(name + ".key");
    }
}
