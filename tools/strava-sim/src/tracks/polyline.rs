//! Google's encoded polylines at precision 5.

/// Encodes positions.
pub(crate) fn encode(points: &[[f64; 2]]) -> String {
    let mut out = String::with_capacity(points.len() * 6);
    let (mut lat, mut lng) = (0i64, 0i64);
    for point in points {
        let next = [(point[0] * 1e5).round() as i64, (point[1] * 1e5).round() as i64];
        push_delta(&mut out, next[0] - lat);
        push_delta(&mut out, next[1] - lng);
        [lat, lng] = next;
    }
    out
}

fn push_delta(out: &mut String, delta: i64) {
    let mut bits = if delta < 0 { !(delta << 1) } else { delta << 1 } as u64;
    while bits >= 0x20 {
        out.push(char::from((0x20 | (bits & 0x1f)) as u8 + 63));
        bits >>= 5;
    }
    out.push(char::from(bits as u8 + 63));
}

/// Decodes positions; a broken tail is left out.
pub(crate) fn decode(text: &str) -> Vec<[f64; 2]> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    let (mut lat, mut lng) = (0i64, 0i64);
    while let (Some(d_lat), Some(d_lng)) = (read_delta(&mut bytes), read_delta(&mut bytes)) {
        lat += d_lat;
        lng += d_lng;
        out.push([lat as f64 / 1e5, lng as f64 / 1e5]);
    }
    out
}

fn read_delta(bytes: &mut impl Iterator<Item = u8>) -> Option<i64> {
    let (mut value, mut shift) = (0u64, 0u32);
    loop {
        let chunk = u64::from(bytes.next()?.checked_sub(63)?);
        value |= (chunk & 0x1f) << shift;
        shift += 5;
        if chunk < 0x20 || shift > 60 {
            break;
        }
    }
    let half = (value >> 1) as i64;
    Some(if value & 1 == 1 { !half } else { half })
}

/// At most `limit` positions, evenly picked, the last one kept.
pub(crate) fn thin_out(points: &[[f64; 2]], limit: usize) -> Vec<[f64; 2]> {
    if points.len() <= limit || limit < 2 {
        return points.to_vec();
    }
    (0..limit).map(|index| points[index * (points.len() - 1) / (limit - 1)]).collect()
}
