//! The XML writer of both file formats.

use std::fmt::Display;
use std::io::{self, Write};

use chrono::SecondsFormat;
use kernel::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// A streaming writer of XML elements.
pub(crate) struct Xml<W: Write>(Writer<W>);

impl<W: Write> Xml<W> {
    /// Starts a document with its XML declaration.
    pub(crate) fn new(to: W) -> io::Result<Self> {
        let mut writer = Writer::new(to);
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        Ok(Self(writer))
    }

    pub(crate) fn open(&mut self, name: &str, attributes: &[(&str, &str)]) -> io::Result<()> {
        let start = BytesStart::new(name).with_attributes(attributes.iter().copied());
        self.0.write_event(Event::Start(start))
    }

    pub(crate) fn close(&mut self, name: &str) -> io::Result<()> {
        self.0.write_event(Event::End(BytesEnd::new(name)))
    }

    /// Writes an element that contains only text.
    pub(crate) fn element(&mut self, name: &str, text: impl Display) -> io::Result<()> {
        self.open(name, &[])?;
        self.0.write_event(Event::Text(BytesText::new(&strip_invalid(&text.to_string()))))?;
        self.close(name)
    }

    /// Writes an element if there is a text.
    pub(crate) fn optional(&mut self, name: &str, text: Option<impl Display>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.element(name, text))
    }

    pub(crate) fn finish(self) -> W {
        self.0.into_inner()
    }
}

/// Returns the text without characters that XML 1.0 allows in no form.
fn strip_invalid(text: &str) -> String {
    text.chars()
        .filter(
            |character| matches!(character, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..),
        )
        .collect()
}

/// Returns an instant as both formats want it: RFC 3339 in UTC, whole seconds unless it has a fraction.
pub(crate) fn format_time(at: Timestamp) -> String {
    let precision =
        if at.as_micros() % 1_000_000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    at.to_utc().to_rfc3339_opts(precision, true)
}

/// Returns an integer in units of `10^-places` as a decimal, without a detour through floats.
pub(crate) fn format_decimal(value: i64, places: usize) -> String {
    let (sign, digits) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    let unit = 10_u64.pow(u32::try_from(places).unwrap_or(0));
    format!("{sign}{}.{:0places$}", digits / unit, digits % unit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_decimal_reads_back_as_the_integer_it_was(value in -1_800_000_000_i64..1_800_000_000) {
            let read: f64 = format_decimal(value, 7).parse().unwrap();
            prop_assert_eq!((read * 1e7).round() as i64, value);
        }
    }

    #[test]
    fn a_small_negative_number_keeps_its_sign() {
        assert_eq!(format_decimal(-5, 7), "-0.0000005");
        assert_eq!(format_decimal(1234, 1), "123.4");
    }

    #[test]
    fn characters_that_xml_cannot_carry_are_left_out() {
        assert_eq!(strip_invalid("Mil\u{0}la\u{b} \u{1f3c3}\u{ffff}"), "Milla \u{1f3c3}");
    }
}
