//! Parameters from query, form, multipart or JSON.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{FromRequest, HttpRequest};
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use regex::bytes::Regex;
use serde_json::Value;

use super::response::Fault;

/// Maximum size of a body in bytes: a file of 25 MiB, and room for the form around it.
const MAX_BODY_BYTES: usize = 25 * 1024 * 1024 + 64 * 1024;

/// A file from a multipart form.
#[derive(Clone, Debug)]
pub(crate) struct FilePart {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
}

/// All parameters of a request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Params {
    values: HashMap<String, String>,
    pub(crate) file: Option<FilePart>,
    /// True if the body was JSON: only then do booleans count on `PUT`.
    pub(crate) json: bool,
}

impl Params {
    /// A parameter, if it is not empty.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// A parameter, empty when missing.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_default()
    }

    /// Returns true if the parameter is present, even if empty.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    /// A parameter as a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, key: &str) -> Option<T> {
        self.get(key)?.trim().parse().ok()
    }

    /// A parameter as a flag: `1` and `true` set it.
    pub(crate) fn flag(&self, key: &str) -> bool {
        matches!(self.text(key), "1" | "true" | "True")
    }

    /// Adds a value; the values of a repeated field are joined by commas.
    fn add(&mut self, key: &str, value: String) {
        self.values
            .entry(key.to_owned())
            .and_modify(|old| {
                old.push(',');
                old.push_str(&value);
            })
            .or_insert(value);
    }

    /// Reads the parameters of a query.
    pub(crate) fn from_query(query: &str) -> Self {
        let mut params = Self::default();
        params.add_form(query.as_bytes());
        params
    }

    fn add_form(&mut self, bytes: &[u8]) {
        for (key, value) in url::form_urlencoded::parse(bytes) {
            self.add(&key, value.into_owned());
        }
    }

    fn add_json(&mut self, bytes: &[u8]) {
        self.json = true;
        if let Ok(Value::Object(fields)) = serde_json::from_slice(bytes) {
            for (key, value) in fields {
                let text = match value {
                    Value::String(text) => text,
                    Value::Null => String::new(),
                    other => other.to_string(),
                };
                self.values.insert(key, text);
            }
        }
    }

    fn add_multipart(&mut self, body: &Bytes, boundary: &str) {
        let Ok(delimiter) =
            Regex::new(&format!("(?-u)(?:\r\n)?--{}(?:--)?", regex::escape(boundary)))
        else {
            return;
        };
        let delimiters: Vec<_> =
            delimiter.find_iter(body).map(|delimiter| delimiter.range()).collect();
        for pair in delimiters.windows(2) {
            let part = body.slice(pair[0].end..pair[1].start);
            let part = if part.starts_with(b"\r\n") { part.slice(2..) } else { part };
            let Some(head_end) = part.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
                continue;
            };
            let head = String::from_utf8_lossy(&part[..head_end]).into_owned();
            let content = part.slice(head_end + 4..);
            let Some(name) = find_attribute(&head, "name") else {
                continue;
            };
            let file_name = find_attribute(&head, "filename");
            if file_name.is_some() || name == "file" {
                self.file = Some(FilePart { name: file_name.unwrap_or_default(), bytes: content });
            } else {
                self.add(&name, String::from_utf8_lossy(&content).into_owned());
            }
        }
    }
}

fn find_attribute(head: &str, key: &str) -> Option<String> {
    let prefix = format!("{key}=");
    head.split([';', '\r', '\n'])
        .map(str::trim)
        .find_map(|piece| piece.strip_prefix(&prefix))
        .map(|value| value.trim_matches('"').to_owned())
}

impl FromRequest for Params {
    type Error = Fault;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Fault>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let mut params = Self::from_query(request.query_string());
        let kind = request
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
            .to_owned();
        let mut payload = payload.take();
        Box::pin(async move {
            let mut body = BytesMut::new();
            while let Some(chunk) = payload.next().await {
                let chunk =
                    chunk.map_err(|_broken| Fault::bad_request("Request", "body", "invalid"))?;
                if body.len() + chunk.len() > MAX_BODY_BYTES {
                    return Err(Fault::too_large());
                }
                body.extend_from_slice(&chunk);
            }
            let body = body.freeze();
            if kind.starts_with("application/json") {
                params.add_json(&body);
            } else if let Some(boundary) = find_attribute(&kind, "boundary") {
                params.add_multipart(&body, &boundary);
            } else {
                params.add_form(&body);
            }
            Ok(params)
        })
    }
}
