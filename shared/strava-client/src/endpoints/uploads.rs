//! Uploads: sent once, then polled until they are processed.

use reqwest::Method;
use reqwest::multipart::{Form, Part};

use crate::error::{Endpoint, StravaError};
use crate::model::{Upload, UploadStatus};
use crate::{AccessToken, ApiResponse, Client};

impl Client {
    /// `POST /uploads`: sends a file. There is no idempotency key: look for the activity before a retry.
    pub async fn create_upload(
        &self,
        token: &AccessToken,
        upload: Upload,
    ) -> Result<ApiResponse<UploadStatus>, StravaError> {
        let mut form = Form::new()
            .part("file", Part::bytes(upload.file).file_name(upload.file_name))
            .text("data_type", upload.data_type);
        let text_fields = [
            ("sport_type", upload.sport_type),
            ("name", upload.name),
            ("description", upload.description),
            ("external_id", upload.external_id),
        ];
        for (field, text) in text_fields {
            if let Some(text) = text {
                form = form.text(field, text);
            }
        }
        for (field, set) in [("trainer", upload.trainer), ("commute", upload.commute)] {
            if set {
                form = form.text(field, "1");
            }
        }
        self.send(
            Endpoint::Api,
            self.athlete_request(Method::POST, &["uploads"], token).multipart(form),
        )
        .await?
        .json()
    }

    /// `GET /uploads/{id}`: the state of an upload. Poll at most once a second.
    pub async fn get_upload(
        &self,
        token: &AccessToken,
        id: i64,
    ) -> Result<ApiResponse<UploadStatus>, StravaError> {
        self.send(
            Endpoint::Api,
            self.athlete_request(Method::GET, &["uploads", &id.to_string()], token),
        )
        .await?
        .json()
    }
}
