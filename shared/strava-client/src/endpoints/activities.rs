//! The list of an athlete's activities, and one activity in detail.

use kernel::{StravaActivityId, Timestamp};
use reqwest::Method;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::{Endpoint, StravaError};
use crate::model::{DetailedActivity, Raw, SummaryActivity};
use crate::{AccessToken, ApiResponse, Client};

/// Which part of the list. Newest first, but **oldest first with only `after`**.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListQuery {
    /// Started before this (whether at it too is not documented).
    pub before: Option<Timestamp>,
    /// Started after this.
    pub after: Option<Timestamp>,
    /// From 1.
    pub page: u32,
    /// At most 200.
    pub per_page: u32,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self { before: None, after: None, page: 1, per_page: 200 }
    }
}

/// One page of the list. A short page is not the end, an empty one is.
#[derive(Clone, Debug, Default)]
pub struct ActivityPage {
    /// What could be read, in Strava's order.
    pub activities: Vec<Raw<SummaryActivity>>,
    /// What could not: one odd row must not cost the page.
    pub unreadable: Vec<UnreadableActivity>,
}

/// A row that is no activity as we know them.
#[derive(Clone, Debug)]
pub struct UnreadableActivity {
    /// Its id, if it has one.
    pub id: Option<StravaActivityId>,
    /// Why it could not be read.
    pub reason: String,
}

impl ActivityPage {
    /// Whether the list ends here.
    pub const fn is_empty(&self) -> bool {
        self.activities.is_empty() && self.unreadable.is_empty()
    }

    fn of(rows: Vec<Box<RawValue>>) -> Self {
        let mut page = Self::default();
        for row in rows {
            match Raw::parse(row.clone()) {
                Ok(activity) => page.activities.push(activity),
                Err(error) => page
                    .unreadable
                    .push(UnreadableActivity { id: id_of(&row), reason: error.to_string() }),
            }
        }
        page
    }
}

fn id_of(row: &RawValue) -> Option<StravaActivityId> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: StravaActivityId,
    }
    serde_json::from_str::<OnlyId>(row.get()).ok().map(|row| row.id)
}

impl Client {
    /// `GET /athlete/activities`
    pub async fn list_activities(
        &self,
        token: &AccessToken,
        query: &ListQuery,
    ) -> Result<ApiResponse<ActivityPage>, StravaError> {
        let mut pairs =
            vec![("page", i64::from(query.page)), ("per_page", i64::from(query.per_page))];
        pairs.extend(query.before.map(|before| ("before", before.as_secs())));
        pairs.extend(query.after.map(|after| ("after", after.as_secs())));
        let call = self.call(Method::GET, &["athlete", "activities"], token).query(&pairs);
        let rows = self.send(Endpoint::Api, call).await?.json::<Vec<Box<RawValue>>>()?;
        Ok(rows.map(ActivityPage::of))
    }

    /// `GET /activities/{id}`
    pub async fn get_activity(
        &self,
        token: &AccessToken,
        id: StravaActivityId,
    ) -> Result<ApiResponse<Raw<DetailedActivity>>, StravaError> {
        self.send(Endpoint::Api, self.call(Method::GET, &["activities", &id.to_string()], token))
            .await?
            .json()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_odd_row_does_not_cost_the_page() {
        let rows = serde_json::from_str(
            r#"[{"id":9007199254740993,"start_date":"not a date"},
                {"id":1,"start_date":"2025-10-18T12:49:52Z","start_date_local":"2025-10-18T08:49:52Z"}]"#,
        )
        .unwrap();
        let page = ActivityPage::of(rows);
        assert_eq!(page.activities.len(), 1);
        assert_eq!(page.unreadable[0].id, Some(StravaActivityId::new(9_007_199_254_740_993)));
        assert!(!page.is_empty() && ActivityPage::default().is_empty());
    }
}
