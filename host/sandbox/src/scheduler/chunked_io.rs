//! Reads and writes large files in chunks. A kernel that does not preempt system calls finishes a read or write before
//! another thread gets the core, even if that thread has a higher priority: 12 MB took 7 ms, during which a decision of
//! another business stood still.

use std::fs::File;
use std::io::{Read, Result, Write};

/// Copying one chunk takes about ten microseconds.
const CHUNK: usize = 64 << 10;

/// Reads or writes no more than a chunk at a time.
pub(crate) struct Chunked<F>(pub F);

impl<F: Read> Read for Chunked<F> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let length = buffer.len().min(CHUNK);
        self.0.read(buffer.get_mut(..length).unwrap_or_default())
    }
}

impl<F: Write> Write for Chunked<F> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.write(bytes.get(..CHUNK).unwrap_or(bytes))
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush()
    }
}

/// The first `size` bytes of the file. Bytes that another process appends meanwhile are not read, because the file
/// would exceed its limit.
pub(crate) fn read(file: &File, size: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    Chunked(file).take(size).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads and writes as much as it is asked to, and notes the largest amount.
    #[derive(Default)]
    struct Greedy {
        bytes: Vec<u8>,
        most: usize,
    }

    impl Read for Greedy {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            self.most = self.most.max(buffer.len());
            let length = buffer.len().min(self.bytes.len());
            buffer[..length].copy_from_slice(&self.bytes[..length]);
            self.bytes.drain(..length);
            Ok(length)
        }
    }

    impl Write for Greedy {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.most = self.most.max(bytes.len());
            self.bytes.extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn no_read_or_write_is_longer_than_a_chunk_and_nothing_is_lost() {
        let file: Vec<u8> = (0..3 * CHUNK + 1).map(|at| (at % 251) as u8).collect();
        let mut written = Chunked(Greedy::default());
        written.write_all(&file).unwrap();
        assert_eq!(written.0.most, CHUNK);
        assert_eq!(written.0.bytes, file);
        let mut read = Vec::with_capacity(file.len());
        let mut reading = Chunked(Greedy { bytes: file.clone(), most: 0 });
        reading.read_to_end(&mut read).unwrap();
        assert_eq!((read, reading.0.most <= CHUNK), (file, true));
    }
}
