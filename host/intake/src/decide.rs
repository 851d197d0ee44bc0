use std::sync::Arc;

use async_trait::async_trait;
use signalbox_delivery::Audience;
use signalbox_executor::{
    AccessError, Authorized, DecideError, Decided, EventCall, Executor, HandleError, Handled, Progress,
};
use signalbox_graph::Inputs;
use signalbox_model::{BusinessInfo, Reach, UserAccess};
use signalbox_store::AcceptedInput;

/// Makes decisions: the executor, and in tests a script that the test controls.
#[async_trait]
pub trait Decide: Send + Sync + 'static {
    /// What a user may do in a business, if the user may see it and has the permission.
    fn authorize(
        &self,
        access: &UserAccess,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, AccessError>;

    /// Decides an input once and stores the decision.
    async fn decide(&self, accepted: AcceptedInput, progress: Arc<dyn Progress>) -> Result<Decided, DecideError>;

    /// Records an input as failed after `attempts` attempts to decide it ended the host, and marks it as a dead letter.
    /// Decides nothing.
    async fn give_up(&self, accepted: AcceptedInput, attempts: u32) -> Result<Decided, DecideError>;

    /// Every business there is.
    fn businesses(&self) -> Vec<Arc<BusinessInfo>>;

    /// A business, as the directory has it at this moment.
    fn business(&self, business_id: &str) -> Option<Arc<BusinessInfo>> {
        self.businesses().into_iter().find(|business| business.business_id == business_id)
    }

    /// A business and the inputs that its live bundle declares. The error says that there is no such business, or that
    /// no bundle for its type is deployed or could be loaded.
    fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError>;

    /// Whether the unreadable business files may include a business whose bundle reads this topic.
    fn may_lack_a_reader(&self, _topic: &str) -> bool {
        false
    }

    /// Has the bundle's handler turn an event into inputs.
    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError>;
}

#[async_trait]
impl Decide for Executor {
    fn authorize(
        &self,
        access: &UserAccess,
        business_id: &str,
        location_id: Option<&str>,
        permission: &str,
    ) -> Result<Authorized, AccessError> {
        Self::authorize(self, access, business_id, location_id, permission)
    }

    async fn decide(&self, accepted: AcceptedInput, progress: Arc<dyn Progress>) -> Result<Decided, DecideError> {
        Self::decide(self, accepted, progress).await
    }

    async fn give_up(&self, accepted: AcceptedInput, attempts: u32) -> Result<Decided, DecideError> {
        Self::give_up(self, accepted, attempts).await
    }

    fn businesses(&self) -> Vec<Arc<BusinessInfo>> {
        Self::businesses(self)
    }

    fn business(&self, business_id: &str) -> Option<Arc<BusinessInfo>> {
        self.known_business(business_id)
    }

    fn inputs(&self, business_id: &str) -> Result<(Arc<BusinessInfo>, Arc<Inputs>), DecideError> {
        Self::inputs(self, business_id)
    }

    fn may_lack_a_reader(&self, topic: &str) -> bool {
        Self::may_lack_a_reader(self, topic)
    }

    async fn handle(&self, call: EventCall) -> Result<Handled, HandleError> {
        Self::handle(self, call).await
    }
}

/// Which users may see what, as the business directory says at the time of the question.
pub struct PermissionAudience(pub Arc<dyn Decide>);

impl Audience for PermissionAudience {
    fn may_see(&self, access: &UserAccess, business_id: &str, reach: Reach<'_>, permission: Option<&str>) -> bool {
        self.0.business(business_id).is_some_and(|business| access.may_see(&business, reach, permission))
    }
}
