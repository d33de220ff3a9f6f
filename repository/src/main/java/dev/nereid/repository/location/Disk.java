package dev.nereid.repository.location;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** The disk that the model cache is on. Threads: any. */
interface Disk extends ModelDownload.FileOpener {
    /** The disk of this machine. */
    Disk LOCAL = new Local();

    /** Returns how many bytes may be written to the file system of a directory. */
    long freeBytes(Path directory) throws IOException;

    /** The disk of this machine. */
    final class Local implements Disk {
        @Override
        public long freeBytes(Path directory) throws IOException {
            return Files.getFileStore(directory).getUsableSpace();
        }

        @Override
        public ModelDownload.PartFile open(Path file) throws IOException {
            FileChannel channel = FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            return new ModelDownload.PartFile() {
                @Override
                public void write(byte[] bytes, int length, long position) throws IOException {
                    ByteBuffer buffer = ByteBuffer.wrap(bytes, 0, length);
                    long at = position;
                    while (buffer.hasRemaining()) {
                        at += channel.write(buffer, at);
                    }
                }

                @Override
                public void force() throws IOException {
                    channel.force(false);
                }

                @Override
                public void close() throws IOException {
                    channel.close();
                }
            };
        }
    }
}
