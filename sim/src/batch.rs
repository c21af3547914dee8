//! Size of a record batch on the wire: message format v2 (KIP-98).

/// Bytes before the records: base offset to record count (`DefaultRecordBatch.RECORD_BATCH_OVERHEAD`).
const HEADER_BYTES: u64 = 61;

/// Bytes of an uncompressed v2 batch of records that all have a value of `value_bytes` and a key of `key_bytes` (0: no key), no
/// headers, and create times 1 ms apart.
#[must_use]
pub fn batch_bytes(records: u32, value_bytes: u32, key_bytes: u32) -> u64 {
    HEADER_BYTES + (0..records).map(|i| record_bytes(i, value_bytes, key_bytes)).sum::<u64>()
}

/// Bytes of the record at place `i` of such a batch, its length field included.
#[must_use]
pub(crate) fn record_bytes(i: u32, value_bytes: u32, key_bytes: u32) -> u64 {
    let key_length = if key_bytes == 0 { 1 } else { varint_bytes(i64::from(key_bytes)) };
    // Attributes, time and offset deltas (both equal to the place), key, value, number of headers.
    let body = 1
        + 2 * varint_bytes(i64::from(i))
        + key_length
        + u64::from(key_bytes)
        + varint_bytes(i64::from(value_bytes))
        + u64::from(value_bytes)
        + 1;
    varint_bytes(body as i64) + body
}

/// Length of a zig-zag variable-length integer.
const fn varint_bytes(n: i64) -> u64 {
    let zigzag = ((n << 1) ^ (n >> 63)) as u64;
    let bits = 64 - (zigzag | 1).leading_zeros() as u64;
    bits.div_ceil(7)
}

/// What a batch of `bytes` becomes when its records (not its header) shrink to `1000 / compression_millis` of their size.
#[must_use]
pub(crate) const fn compressed(bytes: u64, compression_millis: u32) -> u64 {
    HEADER_BYTES + (bytes - HEADER_BYTES) * 1000 / compression_millis as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `batch_bytes` of recorded log segments: Kafka 4.1.1, 10-byte keys, create times 1 ms apart.
    #[test]
    fn sizes_are_those_of_recorded_segments() {
        let sizes = [(100, 200), (50, 200), (10, 200), (100, 1000), (10, 10_000)];
        let bytes = sizes.map(|(records, value)| batch_bytes(records, value, 10));
        assert_eq!(bytes, [22_033, 11_011, 2_251, 102_033, 100_271]);
    }
}
