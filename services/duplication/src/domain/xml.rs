//! The few things both file formats ask of the XML writer.

use std::io::{self, Write};

use chrono::SecondsFormat;
use kernel::Timestamp;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// Writes elements to wherever the file goes; nothing is kept of what was written.
pub(crate) struct Xml<W: Write>(Writer<W>);

impl<W: Write> Xml<W> {
    /// A file that begins with its declaration.
    pub(crate) fn begin(to: W) -> io::Result<Self> {
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

    /// An element that holds only text.
    pub(crate) fn text(&mut self, name: &str, text: &str) -> io::Result<()> {
        self.open(name, &[])?;
        self.0.write_event(Event::Text(BytesText::new(&allowed(text))))?;
        self.close(name)
    }

    /// As `text`, where there is something to say.
    pub(crate) fn maybe(&mut self, name: &str, text: Option<String>) -> io::Result<()> {
        text.map_or(Ok(()), |text| self.text(name, &text))
    }

    pub(crate) fn finish(self) -> W {
        self.0.into_inner()
    }
}

/// The text without what no XML 1.0 file may hold in any form.
fn allowed(text: &str) -> String {
    text.chars()
        .filter(|sign| matches!(sign, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..))
        .collect()
}

/// An instant as both formats want it: UTC, whole seconds unless it has a fraction.
pub(crate) fn instant(at: Timestamp) -> String {
    let precision =
        if at.as_micros() % 1_000_000 == 0 { SecondsFormat::Secs } else { SecondsFormat::Millis };
    at.to_utc().to_rfc3339_opts(precision, true)
}

/// An integer in units of `10^-places`, as a decimal, without a detour through floats.
pub(crate) fn decimal(value: i64, places: usize) -> String {
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
            let read: f64 = decimal(value, 7).parse().unwrap();
            prop_assert_eq!((read * 1e7).round() as i64, value);
        }
    }

    #[test]
    fn a_small_negative_number_keeps_its_sign() {
        assert_eq!(decimal(-5, 7), "-0.0000005");
        assert_eq!(decimal(1234, 1), "123.4");
    }

    #[test]
    fn signs_that_xml_cannot_carry_are_left_out() {
        assert_eq!(allowed("Mil\u{0}la\u{b} \u{1f3c3}\u{ffff}"), "Milla \u{1f3c3}");
    }
}
