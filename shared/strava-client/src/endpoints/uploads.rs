//! Uploads: sent once, then asked for until Strava has made up its mind.

use reqwest::Method;
use reqwest::multipart::{Form, Part};

use crate::error::{Endpoint, StravaError};
use crate::model::{Upload, UploadStatus};
use crate::{AccessToken, ApiResponse, Client};

impl Client {
    /// `POST /uploads`. There is no idempotency key: never send it again without having looked.
    pub async fn create_upload(
        &self,
        token: &AccessToken,
        upload: Upload,
    ) -> Result<ApiResponse<UploadStatus>, StravaError> {
        let mut form = Form::new()
            .part("file", Part::bytes(upload.file).file_name(upload.file_name))
            .text("data_type", upload.data_type);
        let texts = [
            ("sport_type", upload.sport_type),
            ("name", upload.name),
            ("description", upload.description),
            ("external_id", upload.external_id),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                form = form.text(field, text);
            }
        }
        for (field, set) in [("trainer", upload.trainer), ("commute", upload.commute)] {
            if set {
                form = form.text(field, "1");
            }
        }
        self.send(Endpoint::Api, self.call(Method::POST, &["uploads"], token).multipart(form))
            .await?
            .json()
    }

    /// `GET /uploads/{id}`, not more often than once a second.
    pub async fn get_upload(
        &self,
        token: &AccessToken,
        id: i64,
    ) -> Result<ApiResponse<UploadStatus>, StravaError> {
        self.send(Endpoint::Api, self.call(Method::GET, &["uploads", &id.to_string()], token))
            .await?
            .json()
    }
}
