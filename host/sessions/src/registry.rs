use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use signalbox_model::UserAccess;
use thiserror::Error;

use crate::metrics::CONNECTIONS;
use crate::{Encoded, FrameKey, Outbox, Pushed};

/// After how many frames the registry begins to forget which ones it has sent.
const REMEMBERED: usize = 16_384;

/// The connections that are open and authenticated. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Sessions {
    shared: Arc<Shared>,
    /// Frames go to connections that have been open for so long, and only if they have not been sent; none for frames
    /// of this moment.
    least_age: Option<Duration>,
}

#[derive(Debug)]
struct Shared {
    index: Mutex<Index>,
    sent: Mutex<SentFrames>,
    next: AtomicU64,
    per_user: usize,
}

/// The frames that were sent last: at least [`REMEMBERED`] of them, and at most twice as many.
#[derive(Debug, Default)]
struct SentFrames {
    present: HashSet<FrameKey>,
    before: HashSet<FrameKey>,
}

#[derive(Debug, Default)]
struct Index {
    users: HashMap<Arc<str>, Vec<Arc<Connection>>>,
    businesses: HashMap<String, Vec<Arc<Connection>>>,
    count: usize,
}

#[derive(Debug)]
struct Connection {
    number: u64,
    user: Arc<str>,
    access: Mutex<Arc<UserAccess>>,
    outbox: Arc<Outbox>,
    opened: Instant,
}

/// The user has as many connections as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("user has {limit} connections, which is the limit; close one of them first")]
pub struct Full {
    /// How many a user may have.
    pub limit: usize,
}

/// The registration of one connection; dropping it removes the connection.
#[derive(Debug)]
pub struct Session {
    connection: Arc<Connection>,
    sessions: Sessions,
}

impl Sessions {
    /// An empty registry in which each user may have `per_user` connections at a time.
    pub fn new(per_user: usize) -> Self {
        let shared = Shared { index: Mutex::default(), sent: Mutex::default(), next: AtomicU64::new(1), per_user };
        Self { shared: Arc::new(shared), least_age: None }
    }

    /// The same registry for frames about something that happened this long ago, maybe on another host: they reach only
    /// connections that were open by then, and a frame that was sent before is not sent again. A client that has
    /// connected since asks for earlier frames by a resume.
    pub fn open_for(&self, age: Duration) -> Self {
        Self { shared: self.shared.clone(), least_age: Some(age) }
    }

    /// Adds a connection whose user has been verified.
    pub fn register(&self, access: UserAccess, outbox: Arc<Outbox>) -> Result<Session, Full> {
        let user: Arc<str> = access.user_id.as_str().into();
        let connection = Arc::new(Connection {
            number: self.shared.next.fetch_add(1, Ordering::Relaxed),
            user: user.clone(),
            access: Mutex::new(Arc::new(access)),
            outbox,
            opened: Instant::now(),
        });
        let mut index = self.lock();
        let of_user = index.users.entry(user).or_default();
        if of_user.len() >= self.shared.per_user {
            return Err(Full { limit: self.shared.per_user });
        }
        of_user.push(connection.clone());
        index.attach(&connection);
        index.count += 1;
        drop(index);
        ::metrics::gauge!(CONNECTIONS).increment(1);
        Ok(Session { connection, sessions: self.clone() })
    }

    /// Queues a frame for every connection of a user that may see the business. Returns how many connections took it.
    pub fn send_to_user(&self, business_id: &str, user_id: &str, frame: &Encoded) -> usize {
        let connections = self.lock().users.get(user_id).cloned().unwrap_or_default();
        self.deliver(&connections, frame, |access| access.businesses.contains_key(business_id))
    }

    /// Queues a frame for every connection whose token names the business and for which `hears` returns true; `hears`
    /// checks locations and permissions. Returns how many connections took it. All of them share one encoded frame.
    pub fn broadcast(&self, business_id: &str, frame: &Encoded, hears: impl Fn(&UserAccess) -> bool) -> usize {
        let connections = self.lock().businesses.get(business_id).cloned().unwrap_or_default();
        self.deliver(&connections, frame, |access| access.businesses.contains_key(business_id) && hears(access))
    }

    /// Whether a connection's token names the business.
    pub fn is_connected(&self, business_id: &str) -> bool {
        self.lock().businesses.contains_key(business_id)
    }

    /// The businesses that the tokens of all connections name, in no order.
    pub fn businesses(&self) -> Vec<String> {
        self.lock().businesses.keys().cloned().collect()
    }

    /// How many connections there are.
    pub fn count(&self) -> usize {
        self.lock().count
    }

    /// How many connections a user has.
    pub fn count_of(&self, user_id: &str) -> usize {
        self.lock().users.get(user_id).map_or(0, Vec::len)
    }

    fn deliver(&self, connections: &[Arc<Connection>], frame: &Encoded, hears: impl Fn(&UserAccess) -> bool) -> usize {
        if let (Some(_), Some(key)) = (self.least_age, frame.key())
            && self.sent().contains(key)
        {
            return 0;
        }
        let count = connections
            .iter()
            .filter(|connection| self.least_age.is_none_or(|age| connection.opened.elapsed() >= age))
            .filter(|connection| hears(&connection.access()))
            .filter(|connection| has_taken(connection.outbox.push_once(frame.clone())))
            .count();
        if let Some(key) = frame.key().filter(|_| count > 0) {
            self.sent().add(key);
        }
        count
    }

    fn sent(&self) -> MutexGuard<'_, SentFrames> {
        self.shared.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Index> {
        // No code under the lock can panic, so the index is never left half changed.
        self.shared.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a connection has the frame, now or from before.
fn has_taken(pushed: Pushed) -> bool {
    matches!(pushed, Pushed::Queued | Pushed::Repeated)
}

impl SentFrames {
    fn contains(&self, key: FrameKey) -> bool {
        self.present.contains(&key) || self.before.contains(&key)
    }

    fn add(&mut self, key: FrameKey) {
        if self.present.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.present);
        }
        self.present.insert(key);
    }
}

impl Session {
    /// The user's access according to the latest token.
    pub fn access(&self) -> Arc<UserAccess> {
        self.connection.access()
    }

    /// Replaces the access by that of a new token of the same user.
    pub fn refresh(&self, access: UserAccess) {
        let mut index = self.sessions.lock();
        index.detach(&self.connection);
        *self.connection.access.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(access);
        index.attach(&self.connection);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut index = self.sessions.lock();
        index.detach(&self.connection);
        if let Some(of_user) = index.users.get_mut(&self.connection.user) {
            of_user.retain(|other| other.number != self.connection.number);
            if of_user.is_empty() {
                index.users.remove(&self.connection.user);
            }
        }
        index.count -= 1;
        drop(index);
        ::metrics::gauge!(CONNECTIONS).decrement(1);
    }
}

impl Connection {
    fn access(&self) -> Arc<UserAccess> {
        self.access.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Index {
    fn attach(&mut self, connection: &Arc<Connection>) {
        for business in connection.access().businesses.keys() {
            self.businesses.entry(business.clone()).or_default().push(connection.clone());
        }
    }

    fn detach(&mut self, connection: &Connection) {
        for business in connection.access().businesses.keys() {
            if let Some(attached) = self.businesses.get_mut(business) {
                attached.retain(|other| other.number != connection.number);
                if attached.is_empty() {
                    self.businesses.remove(business);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use signalbox_model::BusinessAccess;

    use super::*;

    fn access(user: &str, businesses: &[(&str, Option<&[&str]>)]) -> UserAccess {
        let businesses = businesses
            .iter()
            .map(|(id, locations)| {
                let locations = locations.map(|ids| ids.iter().map(|id| (*id).to_owned()).collect());
                ((*id).to_owned(), BusinessAccess { roles: vec!["coordinator".to_owned()], locations })
            })
            .collect();
        UserAccess { user_id: user.to_owned(), businesses }
    }

    fn connect(sessions: &Sessions, access: UserAccess) -> (Session, Arc<Outbox>) {
        let outbox = Arc::new(Outbox::new(10_000));
        (sessions.register(access, outbox.clone()).unwrap(), outbox)
    }

    #[test]
    fn a_user_is_reached_on_every_connection_and_nobody_else_is() {
        let sessions = Sessions::new(5);
        let (_ana, first) = connect(&sessions, access("ana", &[("b1", None)]));
        let (_ana_again, second) = connect(&sessions, access("ana", &[("b1", None)]));
        let (_dan, other) = connect(&sessions, access("dan", &[("b1", None)]));
        assert_eq!(sessions.send_to_user("b1", "ana", &Encoded::text("hi")), 2);
        assert!(first.pop().is_some() && second.pop().is_some() && other.pop().is_none());
        assert_eq!(sessions.send_to_user("b2", "ana", &Encoded::text("hi")), 0, "the token names no b2");
    }

    #[test]
    fn a_broadcast_reaches_those_of_its_business_who_may_hear_it() {
        let sessions = Sessions::new(5);
        let (_all, everywhere) = connect(&sessions, access("ana", &[("b1", None)]));
        let (_one, other) = connect(&sessions, access("dan", &[("b1", None)]));
        let (_other, elsewhere) = connect(&sessions, access("eva", &[("b2", None)]));
        assert_eq!(sessions.broadcast("b1", &Encoded::text("1"), |_| true), 2);
        assert_eq!(sessions.broadcast("b1", &Encoded::text("2"), |access| access.user_id == "ana"), 1);
        assert_eq!(sessions.broadcast("b1", &Encoded::text("3"), |access| access.user_id == "dan"), 1);
        let read = |outbox: &Outbox| std::iter::from_fn(|| outbox.pop()).map(|f| f.to_string()).collect::<Vec<_>>();
        assert_eq!(read(&everywhere), ["1", "2"]);
        assert_eq!(read(&other), ["1", "3"]);
        assert!(read(&elsewhere).is_empty());
    }

    fn answer(id: &str) -> Encoded {
        Encoded::of(&crate::ServerFrame::Notification {
            id: id.to_owned(),
            decision_id: "dec".to_owned(),
            business_id: "b1".to_owned(),
            content: signalbox_model::JsonObject::new(),
            cursor: "cursor".to_owned(),
            timestamp: signalbox_model::Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn what_is_found_on_several_paths_is_sent_once() {
        let sessions = Sessions::new(5);
        let (_ana, outbox) = connect(&sessions, access("ana", &[("b1", None)]));
        let found = sessions.open_for(Duration::ZERO);
        assert_eq!(sessions.send_to_user("b1", "ana", &answer("1")), 1, "this host's own");
        assert_eq!(found.send_to_user("b1", "ana", &answer("1")), 0);
        assert_eq!(found.broadcast("b1", &answer("2"), |_| true), 1, "another host's");
        assert_eq!(found.broadcast("b1", &answer("2"), |_| true), 0);
        assert_eq!(outbox.push(answer("3")), Pushed::Queued, "by a resume");
        assert_eq!(found.send_to_user("b1", "ana", &answer("3")), 1, "it has taken the answer already");
        assert_eq!(outbox.push(answer("3")), Pushed::Queued, "a resume that is asked for again");
        assert_eq!(std::iter::from_fn(|| outbox.pop()).count(), 4);
    }

    #[test]
    fn what_happened_before_a_client_connected_is_not_sent_to_it() {
        let sessions = Sessions::new(5);
        let (_ana, outbox) = connect(&sessions, access("ana", &[("b1", None)]));
        assert_eq!(sessions.open_for(Duration::from_secs(3_600)).send_to_user("b1", "ana", &answer("1")), 0);
        assert!(outbox.pop().is_none());
    }

    #[test]
    fn a_refresh_moves_the_connection_between_businesses() {
        let sessions = Sessions::new(5);
        let (session, outbox) = connect(&sessions, access("ana", &[("b1", None)]));
        session.refresh(access("ana", &[("b2", None)]));
        assert_eq!(sessions.broadcast("b1", &Encoded::text("old"), |_| true), 0);
        assert_eq!(sessions.broadcast("b2", &Encoded::text("new"), |_| true), 1);
        assert_eq!(outbox.pop().unwrap().to_string(), "new");
    }

    #[test]
    fn a_dropped_session_leaves_nothing_behind_and_frees_its_place() {
        let sessions = Sessions::new(1);
        let (session, _outbox) = connect(&sessions, access("ana", &[("b1", None)]));
        let refused = sessions.register(access("ana", &[("b1", None)]), Arc::new(Outbox::new(1_000)));
        assert_eq!(refused.err(), Some(Full { limit: 1 }));
        drop(session);
        assert_eq!((sessions.count(), sessions.count_of("ana")), (0, 0));
        let index = sessions.lock();
        assert!(index.users.is_empty() && index.businesses.is_empty());
        drop(index);
        connect(&sessions, access("ana", &[("b1", None)]));
    }
}
