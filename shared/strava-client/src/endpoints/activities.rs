//! The activities of an athlete: the list, and single activities.

use kernel::{StravaActivityId, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Endpoint, StravaError};
use crate::model::{DetailedActivity, SummaryActivity};
use crate::{AccessToken, ApiResponse, Client};

/// The parameters of the list. Newest first, but **oldest first with only `after`**.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Upper bound of the start; Strava does not document if it is inclusive.
    pub before: Option<Timestamp>,
    /// Lower bound of the start.
    pub after: Option<Timestamp>,
    /// Page number, from 1.
    pub page: u32,
    /// Page size, at most 200.
    pub per_page: u32,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { before: None, after: None, page: 1, per_page: 200 }
    }
}

/// A page of the list. A short page is not the last one; only an empty page ends the list.
#[derive(Clone, Debug, Default)]
pub struct ActivityPage {
    /// The readable rows, in Strava's order.
    pub activities: Vec<SummaryActivity>,
    /// The unreadable rows: one of them must not fail the page.
    pub unreadable: Vec<UnreadableActivity>,
}

/// A row that could not be parsed.
#[derive(Clone, Debug)]
pub struct UnreadableActivity {
    /// Id of the activity, if it could be read.
    pub id: Option<StravaActivityId>,
    /// Parse error.
    pub reason: String,
}

impl ActivityPage {
    /// Returns true if the page has no rows: the list ends here.
    pub const fn is_empty(&self) -> bool {
        self.activities.is_empty() && self.unreadable.is_empty()
    }

    fn from_rows(rows: Vec<Box<RawValue>>) -> Self {
        let mut page = Self::default();
        for row in rows {
            match serde_json::from_str(row.get()) {
                Ok(activity) => page.activities.push(activity),
                Err(error) => page
                    .unreadable
                    .push(UnreadableActivity { id: parse_id(&row), reason: error.to_string() }),
            }
        }
        page
    }
}

fn parse_id(row: &RawValue) -> Option<StravaActivityId> {
    #[derive(Deserialize)]
    struct IdOnly {
        id: StravaActivityId,
    }
    serde_json::from_str::<IdOnly>(row.get()).ok().map(|row| row.id)
}

impl Client {
    /// `GET /athlete/activities`: a page of the list.
    pub async fn list_activities(
        &self,
        token: &AccessToken,
        query: &ListQuery,
    ) -> Result<ApiResponse<ActivityPage>, StravaError> {
        let mut params =
            vec![("page", i64::from(query.page)), ("per_page", i64::from(query.per_page))];
        params.extend(query.before.map(|before| ("before", before.as_secs())));
        params.extend(query.after.map(|after| ("after", after.as_secs())));
        let call =
            self.athlete_request(Method::GET, &["athlete", "activities"], token).query(&params);
        let rows = self.send(Endpoint::Api, call).await?.json::<Vec<Box<RawValue>>>()?;
        Ok(rows.map(ActivityPage::from_rows))
    }

    /// `GET /activities/{id}`: an activity in detail.
    pub async fn get_activity(
        &self,
        token: &AccessToken,
        id: StravaActivityId,
    ) -> Result<ApiResponse<DetailedActivity>, StravaError> {
        self.send(
            Endpoint::Api,
            self.athlete_request(Method::GET, &["activities", &id.to_string()], token),
        )
        .await?
        .json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unreadable_row_does_not_fail_the_page() {
        let rows = serde_json::from_str(
            r#"[{"id":9007199254740993,"start_date":"not a date"},
                {"id":1,"start_date":"2025-10-18T12:49:52Z","start_date_local":"2025-10-18T08:49:52Z"}]"#,
        )
        .unwrap();
        let page = ActivityPage::from_rows(rows);
        assert_eq!(page.activities.len(), 1);
        assert_eq!(page.unreadable[0].id, Some(StravaActivityId::new(9_007_199_254_740_993)));
        assert!(!page.is_empty() && ActivityPage::default().is_empty());
    }
}
