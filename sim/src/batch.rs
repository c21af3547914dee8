//! Size of record batches: message format v2, without compression.

/// Bytes of a v2 record batch before its records (`RECORD_BATCH_OVERHEAD` of Kafka's `DefaultRecordBatch`).
const HEADER_BYTES: u64 = 61;

/// Bytes of a v2 record batch of equal records: no headers, timestamps 1 ms apart, offsets without gaps, no compression.
/// At most `u32::MAX`, which no broker would take anyway.
///
/// A record is varint(body) + body; the body is attributes (1 byte), varints of timestamp delta, offset delta and key length, the
/// key, the varint of the value length, the value, and the varint of the number of headers. All varints are zig-zag, so that a key
/// of no bytes is as long as no key.
#[must_use]
pub fn batch_bytes(records: u32, value_bytes: u32, key_bytes: u32) -> u32 {
    let fixed = 1 + varint(key_bytes) + u64::from(key_bytes) + varint(value_bytes) + u64::from(value_bytes) + 1;
    // The deltas are the record's place in the batch, and records whose place takes the same number of bytes are equally long.
    let (mut bytes, mut first) = (HEADER_BYTES, 0);
    while first < records {
        let place_bytes = varint(first);
        let next = u32::try_from(1_u64 << (7 * place_bytes - 1)).map_or(records, |limit| limit.min(records));
        let body = fixed + 2 * place_bytes;
        bytes += u64::from(next - first) * (varint(u32::try_from(body).unwrap_or(u32::MAX)) + body);
        first = next;
    }
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Bytes of the zig-zag varint of a number that is not negative: 7 bits a byte, one of them for the sign.
const fn varint(n: u32) -> u64 {
    let bits = 33 - n.leading_zeros() as u64;
    bits.div_ceil(7)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Measured in the log segments of a real broker (keys of 10 bytes).
    #[test]
    fn batches_are_as_long_as_in_a_log_segment() {
        for (records, value_bytes, bytes) in
            [(100, 200, 22_033), (50, 200, 11_011), (10, 200, 2_251), (40, 400, 16_821)]
        {
            assert_eq!(batch_bytes(records, value_bytes, 10), bytes, "{records} x {value_bytes}");
        }
    }

    #[test]
    fn single_records_are_as_long_as_the_format_says() {
        // 61 + varint + 1 attribute, 2 deltas, null key 1, value length 2, 100 or 1000 bytes, no headers 1.
        assert_eq!(batch_bytes(1, 100, 0), 61 + 2 + 107);
        assert_eq!(batch_bytes(1, 1000, 0), 61 + 2 + 1007);
        assert_eq!(batch_bytes(0, 1000, 0), 61);
    }

    #[test]
    fn batches_are_the_sum_of_their_records() {
        for records in [1, 63, 64, 65, 8191, 8192, 8193, 20_000] {
            let one_by_one: u64 = (0..records)
                .map(|place| {
                    let body = 1 + 2 * varint(place) + varint(10) + 10 + varint(300) + 300 + 1;
                    varint(body as u32) + body
                })
                .sum();
            assert_eq!(u64::from(batch_bytes(records, 300, 10)), 61 + one_by_one, "{records}");
        }
    }
}
