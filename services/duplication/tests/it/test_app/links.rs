//! Links, and the invitations they come from.

use kernel::{AthleteId, LinkId};
use serde_json::{Value, json};

use super::{TestApp, TestResponse};

impl TestApp {
    /// Creates a link that the child accepted two hours ago.
    pub(crate) async fn create_link(&self, name: &str, share_heart_rate: bool) -> LinkId {
        let link = self.propose_link(name, share_heart_rate).await;
        self.accept_link(link).await;
        link
    }

    /// Redeems an invitation of the child.
    pub(crate) async fn propose_link(&self, name: &str, share_heart_rate: bool) -> LinkId {
        let code = self.invite(self.child, child_invitation()).await;
        let mut body = redemption(&code, &[name]);
        body["share_heart_rate"] = json!(share_heart_rate);
        let response = self.redeem(self.guardian, body).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()["id"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) async fn accept_link(&self, link: LinkId) {
        self.clock.set_offset(-7200);
        let response =
            self.call("POST", &format!("/v1/links/{link}/accept"), self.child, None).await;
        self.clock.set_offset(0);
        assert_eq!(response.status, 200, "{response:?}");
    }

    /// Creates an invitation and returns its code.
    pub(crate) async fn invite(&self, inviter: AthleteId, body: Value) -> String {
        let response = self.call("POST", "/v1/links/invitations", inviter, Some(body)).await;
        assert_eq!(response.status, 201, "{response:?}");
        response.json()["code"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn redeem(&self, redeemer: AthleteId, body: Value) -> TestResponse {
        self.call("POST", "/v1/links", redeemer, Some(body)).await
    }
}

/// The invitation of a child.
pub(crate) fn child_invitation() -> Value {
    json!({"role": "child", "name": "Milla Kid"})
}

/// The redemption of a guardian.
pub(crate) fn redemption(code: &str, names: &[&str]) -> Value {
    json!({"code": code, "name": "Anna Parent", "names": names})
}
