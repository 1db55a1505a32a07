//! The cost of every record and every stream: the envelope and the streams codec, encode and decode.

use std::hint::black_box;

use contracts::strava::{Aspect, Hint, ObjectType};
use contracts::streams_codec::StreamSet;
use contracts::wire::envelope::Payload;
use contracts::{Cause, Envelope};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use kernel::{EventId, Ids, SystemIds, Timestamp};

/// Two hours at one point a second.
const POINTS: i64 = 7200;

fn envelope() -> Envelope {
    let now = Timestamp::from_secs(1_790_000_000);
    let hint = Hint {
        application: 1,
        owner: 7001,
        object_type: ObjectType::Activity.into(),
        object_id: 16_185_205_521,
        aspect: Aspect::Create.into(),
        event_time_s: 1_790_000_000,
        subscription: 120_475,
        ..Hint::default()
    };
    Envelope {
        event_id: EventId::from_uuid(SystemIds.uuid_v7(now)),
        occurred_at: now,
        athlete: None,
        origins: Vec::new(),
        cause: Cause::Live,
        replay: false,
        traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".to_owned(),
        payload: Payload::Hint(hint),
    }
}

fn streams() -> StreamSet {
    let column = |first: i64, step: i64, wave: i64| {
        (0..POINTS).map(|n| first + n * step + n * 7919 % wave).collect()
    };
    StreamSet {
        time_s: (0..POINTS).collect(),
        distance_dm: column(0, 28, 5),
        latitude_e7: column(374_200_000, 13, 40),
        longitude_e7: column(-59_900_000, -9, 40),
        altitude_dm: column(120, 0, 30),
        velocity_mm_s: column(2800, 0, 400),
        heartrate_bpm: column(140, 0, 20),
        cadence_rpm: column(84, 0, 6),
        ..StreamSet::default()
    }
}

fn codecs(criterion: &mut Criterion) {
    let envelope = envelope();
    let bytes = envelope.encode();
    criterion.bench_function("envelope of a hint, encode", |bench| {
        bench.iter(|| black_box(&envelope).encode());
    });
    criterion.bench_function("envelope of a hint, decode", |bench| {
        bench.iter(|| Envelope::decode(black_box(&bytes)));
    });
    let streams = streams();
    let bytes = streams.encode().unwrap_or_default();
    let mut group = criterion.benchmark_group("streams of two hours");
    group.throughput(Throughput::Elements(POINTS.unsigned_abs()));
    group.bench_function("encode", |bench| bench.iter(|| black_box(&streams).encode()));
    group.bench_function("decode", |bench| bench.iter(|| StreamSet::decode(black_box(&bytes))));
    group.finish();
}

criterion_group!(benches, codecs);
criterion_main!(benches);
