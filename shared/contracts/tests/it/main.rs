//! Golden examples: every message of the log has one, and it survives encoding and decoding.
#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::LazyLock;

use contracts::{DESCRIPTOR, Envelope, MAX_RECORD_BYTES};
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};

fn examples() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../proto/examples");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (
                path.file_stem().unwrap().to_str().unwrap().to_owned(),
                std::fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    found.sort();
    found
}

fn message_descriptor(name: &str) -> prost_reflect::MessageDescriptor {
    static POOL: LazyLock<DescriptorPool> =
        LazyLock::new(|| DescriptorPool::decode(DESCRIPTOR).unwrap());
    let full = if name.starts_with("streams") {
        "paceline.streams.v1.Streams"
    } else {
        "paceline.envelope.v1.Envelope"
    };
    POOL.get_message_by_name(full).unwrap()
}

fn parse(name: &str, text: &str) -> DynamicMessage {
    let mut json = serde_json::Deserializer::from_str(text);
    DynamicMessage::deserialize(message_descriptor(name), &mut json)
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn decode_as_json(name: &str, bytes: &[u8]) -> serde_json::Value {
    let message = DynamicMessage::decode(message_descriptor(name), bytes).unwrap();
    let mut out = serde_json::Serializer::new(Vec::new());
    message.serialize_with_options(&mut out, &SerializeOptions::new()).unwrap();
    serde_json::from_slice(&out.into_inner()).unwrap()
}

#[test]
fn every_message_of_the_log_has_an_example() {
    let payloads: BTreeSet<String> = message_descriptor("envelope")
        .oneofs()
        .find(|oneof| oneof.name() == "payload")
        .unwrap()
        .fields()
        .map(|field| field.json_name().to_owned())
        .collect();

    let shown: BTreeSet<String> = examples()
        .iter()
        .filter(|(name, _)| !name.starts_with("streams"))
        .filter_map(|(_, text)| {
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            payloads.iter().find(|payload| json.get(payload.as_str()).is_some()).cloned()
        })
        .collect();

    assert_eq!(shown, payloads);
}

#[test]
fn an_example_reads_the_same_after_a_trip_over_the_wire() {
    for (name, text) in examples() {
        let written: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bytes = parse(&name, &text).encode_to_vec();

        assert_eq!(decode_as_json(&name, &bytes), written, "{name}");
    }
}

#[test]
fn our_own_types_read_every_example_and_write_the_same_bytes() {
    for (name, text) in examples().into_iter().filter(|(name, _)| !name.starts_with("streams")) {
        let bytes = parse(&name, &text).encode_to_vec();

        let envelope = Envelope::decode(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));

        assert!(bytes.len() <= MAX_RECORD_BYTES, "{name}");
        assert_eq!(Envelope::decode(&envelope.encode()).unwrap(), envelope, "{name}");
        assert_eq!(
            decode_as_json(&name, &envelope.encode()),
            decode_as_json(&name, &bytes),
            "{name}"
        );
    }
}

#[test]
fn a_field_from_a_later_release_is_ignored() {
    let (name, text) = examples().into_iter().find(|(name, _)| name.starts_with("hint")).unwrap();
    let mut bytes = parse(&name, &text).encode_to_vec();
    let known = Envelope::decode(&bytes).unwrap();

    // Field 1000, a varint: nobody knows it yet.
    bytes.extend([0xc0, 0x3e, 0x07]);

    assert_eq!(Envelope::decode(&bytes).unwrap(), known);
}

#[test]
fn bytes_that_are_not_an_envelope_are_refused() {
    for bytes in [&b""[..], b"not protobuf at all", &[0xff; 40]] {
        assert!(Envelope::decode(bytes).is_err());
    }
}
