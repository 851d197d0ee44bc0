use std::sync::Arc;

use signalbox_model::BusinessInfo;

/// What a user may do in one business.
#[derive(Clone, Debug)]
pub struct Authorized {
    /// The business as the directory knows it now.
    pub business: Arc<BusinessInfo>,
    /// What the user's roles permit there.
    pub permissions: Vec<String>,
}
