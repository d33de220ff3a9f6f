package dev.nereid.server.grpc;

import io.grpc.Codec;
import io.grpc.CompressorRegistry;
import io.grpc.Decompressor;
import io.grpc.DecompressorRegistry;
import io.grpc.Metadata;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.Optional;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.Deflater;
import java.util.zip.GZIPOutputStream;
import java.util.zip.InflaterInputStream;

/** The encodings of messages: those that gRPC's C library has. */
final class Codecs {
    private static final String GZIP = "gzip";
    private static final String DEFLATE = "deflate";
    private static final Metadata.Key<String> ACCEPTED = Metadata.Key.of("grpc-accept-encoding",
            Metadata.ASCII_STRING_MARSHALLER);
    private static final Metadata.Key<String> ENCODING = Metadata.Key.of("grpc-encoding",
            Metadata.ASCII_STRING_MARSHALLER);

    private Codecs() {
    }

    static DecompressorRegistry decompressors() {
        return DecompressorRegistry.emptyInstance().with(Codec.Identity.NONE, false).with(new Codec.Gzip(), true)
                .with(new Inflate(), true);
    }

    static CompressorRegistry compressors(int level) {
        CompressorRegistry registry = CompressorRegistry.newEmptyInstance();
        registry.register(Codec.Identity.NONE);
        registry.register(new Gzip(level));
        registry.register(new Deflate(level));
        return registry;
    }

    /** Returns whether the client may send compressed messages, which take long to read. */
    static boolean isCompressed(Metadata headers) {
        String encoding = headers.get(ENCODING);
        return encoding != null && !encoding.equals("identity");
    }

    /** Returns what a client understands of what can be sent to it, the better one first; empty for neither. */
    static Optional<String> accepted(Metadata headers) {
        String accepted = headers.get(ACCEPTED);
        if (accepted == null) {
            return Optional.empty();
        }
        List<String> names = List.of(accepted.replace(" ", "").split(",", -1));
        return List.of(GZIP, DEFLATE).stream().filter(names::contains).findFirst();
    }

    /** The zlib format, which HTTP calls deflate. */
    private static final class Inflate implements Decompressor {
        @Override
        public String getMessageEncoding() {
            return DEFLATE;
        }

        @Override
        public InputStream decompress(InputStream stream) {
            return new InflaterInputStream(stream);
        }
    }

    private record Gzip(int level) implements io.grpc.Compressor {
        @Override
        public String getMessageEncoding() {
            return GZIP;
        }

        @Override
        public OutputStream compress(OutputStream stream) throws IOException {
            return new LevelGzip(stream, level);
        }
    }

    private static final class LevelGzip extends GZIPOutputStream {
        LevelGzip(OutputStream stream, int level) throws IOException {
            super(stream, 8 << 10);
            def.setLevel(level);
        }
    }

    private record Deflate(int level) implements io.grpc.Compressor {
        @Override
        public String getMessageEncoding() {
            return DEFLATE;
        }

        @Override
        public OutputStream compress(OutputStream stream) {
            Deflater deflater = new Deflater(level);
            return new DeflaterOutputStream(stream, deflater, 8 << 10) {
                @Override
                public void close() throws IOException {
                    try {
                        super.close();
                    } finally {
                        deflater.end();
                    }
                }
            };
        }
    }
}
