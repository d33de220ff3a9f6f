package dev.nereid.server.tls;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

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
        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = Files.newInputStream(store)) {
            keys.load(in, PASSWORD.toCharArray());
        }
        Key key = keys.getKey(name, PASSWORD.toCharArray());
        write(key(name), "PRIVATE KEY", key.getEncoded());
        write(certificate(name), "CERTIFICATE", keys.getCertificate(name).getEncoded());
        write(certificate("ca"), "CERTIFICATE", keys.getCertificate("ca").getEncoded());
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
