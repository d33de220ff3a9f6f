package dev.nereid.server.tls;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import io.grpc.util.CertificateUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.Signature;
import java.security.cert.X509Certificate;
import java.util.List;
import java.util.Optional;

/** Reads keys and certificates. */
final class PemFiles {
    private static final int MAX_BYTES = 4 << 20;

    private PemFiles() {
    }

    /** The bytes of a file, as they were at one moment. */
    static byte[] read(Path file) {
        try (InputStream in = Files.newInputStream(file)) {
            byte[] bytes = in.readNBytes(MAX_BYTES + 1);
            if (bytes.length > MAX_BYTES) {
                throw new TlsException(file + " has more than " + MAX_BYTES + " bytes, expected a PEM file");
            }
            return bytes;
        } catch (IOException e) {
            throw new TlsException(file + " can't be read: " + e, e);
        }
    }

    static List<X509Certificate> certificates(Path file, byte[] bytes) {
        try {
            List<X509Certificate> certificates = List
                    .of(CertificateUtils.getX509Certificates(new ByteArrayInputStream(bytes)));
            if (certificates.isEmpty()) {
                throw new TlsException(file + " holds no certificate, expected one or more in PEM format "
                        + "(-----BEGIN CERTIFICATE-----)");
            }
            return certificates;
        } catch (GeneralSecurityException e) {
            throw new TlsException(file + " is not a file of certificates in PEM format: " + e.getMessage(), e);
        }
    }

    static PrivateKey key(Path file, byte[] bytes) {
        String text = new String(bytes, ISO_8859_1);
        if (!text.contains("-----BEGIN PRIVATE KEY-----")) {
            throw new TlsException(keyProblem(file, text));
        }
        try {
            return CertificateUtils.getPrivateKey(new ByteArrayInputStream(bytes));
        } catch (GeneralSecurityException | IOException | IllegalArgumentException e) {
            throw new TlsException(file + " holds a private key that can't be read: " + e.getMessage(), e);
        }
    }

    private static String keyProblem(Path file, String text) {
        String convert = "; 'openssl pkcs8 -topk8 -nocrypt -in " + file.getFileName()
                + " -out key.pem' makes one of it";
        if (text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")) {
            return file + " holds an encrypted private key, expected one without a password" + convert;
        }
        if (text.contains("-----BEGIN RSA PRIVATE KEY-----") || text.contains("-----BEGIN EC PRIVATE KEY-----")) {
            return file + " holds a private key in an old format, expected PKCS #8 (-----BEGIN PRIVATE KEY-----)"
                    + convert;
        }
        return file + " holds no private key, expected one in PEM format (-----BEGIN PRIVATE KEY-----)";
    }

    /** Returns why a key is not the one of a certificate; empty where it is. */
    static Optional<String> mismatch(PrivateKey key, X509Certificate certificate) {
        PublicKey publicKey = certificate.getPublicKey();
        String algorithm = switch (key.getAlgorithm()) {
            case "RSA" -> "SHA256withRSA";
            case "EC" -> "SHA256withECDSA";
            default -> key.getAlgorithm();
        };
        byte[] probe = {1, 2, 3};
        try {
            Signature signature = Signature.getInstance(algorithm);
            signature.initSign(key);
            signature.update(probe);
            byte[] signed = signature.sign();
            signature.initVerify(publicKey);
            signature.update(probe);
            return signature.verify(signed) ? Optional.empty() : Optional.of("they are not of one pair");
        } catch (GeneralSecurityException e) {
            return Optional.of("key " + key.getAlgorithm() + ", certificate for " + publicKey.getAlgorithm());
        }
    }
}
