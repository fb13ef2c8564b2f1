//! Reads event and payload with parsers that share no code with the sender.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use hyper::{HeaderMap, header};

/// The two fields of a webhook.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WebhookFields {
    /// The event's name.
    pub event: Option<String>,
    /// The payload, byte for byte.
    pub payload: Option<Bytes>,
}

impl WebhookFields {
    /// Reads the fields from a body of JSON or a multipart body if there is one, else from the query.
    pub async fn read(query: &str, headers: &HeaderMap, body: &Bytes) -> Self {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if content_type == Some("application/json") {
            return Self::read_json(body);
        }
        match content_type.and_then(|value| multer::parse_boundary(value).ok()) {
            Some(boundary) => Self::read_form(body.clone(), boundary).await.unwrap_or_default(),
            None => Self::read_query(query),
        }
    }

    /// The payload is the body, and names the event.
    fn read_json(body: &Bytes) -> Self {
        let json: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        Self { event: json["event"].as_str().map(str::to_owned), payload: Some(body.clone()) }
    }

    fn read_query(query: &str) -> Self {
        let mut fields = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            fields.put(&name, Bytes::from(value.into_owned()));
        }
        fields
    }

    async fn read_form(body: Bytes, boundary: String) -> multer::Result<Self> {
        let body = stream::once(async { Ok::<_, Infallible>(body) });
        let mut form = multer::Multipart::new(body, boundary);
        let mut fields = Self::default();
        while let Some(field) = form.next_field().await? {
            let name = field.name().unwrap_or_default().to_owned();
            fields.put(&name, field.bytes().await?);
        }
        Ok(fields)
    }

    fn put(&mut self, name: &str, value: Bytes) {
        match name {
            "event" => self.event = String::from_utf8(value.to_vec()).ok(),
            "payload" => self.payload = Some(value),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_way_of_sending_gives_the_same_fields() {
        let expected = WebhookFields {
            event: Some("conversation.completed".to_owned()),
            payload: Some(Bytes::from_static("{\"notes\":\"é & ü\"}".as_bytes())),
        };
        let query =
            "tenant=1&event=conversation.completed&payload=%7B%22notes%22%3A%22%C3%A9+%26+%C3%BC%22%7D";
        assert_eq!(WebhookFields::read(query, &HeaderMap::new(), &Bytes::new()).await, expected);

        let body = "--b\r\nContent-Disposition: form-data; name=\"event\"\r\n\r\nconversation.completed\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"payload\"\r\n\r\n{\"notes\":\"é & ü\"}\r\n--b--\r\n";
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=b".parse().unwrap());
        assert_eq!(WebhookFields::read("tenant=1", &headers, &Bytes::from(body)).await, expected);

        let body = Bytes::from(r#"{"notes":"é","event":"conversation.completed"}"#);
        headers.insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
        let expected = WebhookFields { event: expected.event, payload: Some(body.clone()) };
        assert_eq!(WebhookFields::read("event=other", &headers, &body).await, expected);
    }

    #[tokio::test]
    async fn a_broken_form_has_no_fields() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, "multipart/form-data; boundary=b".parse().unwrap());
        assert_eq!(
            WebhookFields::read("", &headers, &Bytes::from_static(b"--b\r\nnothing")).await,
            WebhookFields::default()
        );
    }
}
