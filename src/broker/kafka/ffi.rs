//! The only unsafe code: what rust-rdkafka does not offer (batches, split queues, a consumer without its event interface), as safe
//! types that clean up after themselves.
//!
//! A [`Client`] and everything made from it stay on one thread (`Rc` sees to that) and end in the right order: every [`Queue`] keeps
//! its client alive. What librdkafka has to say by itself arrives through one closure, [`Hook`], on whatever thread librdkafka
//! chooses; the closure must not call back into this module.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::slice;
use std::time::Duration;

use rdkafka::bindings as rd;
use rdkafka::bindings::rd_kafka_resp_err_t as Code;

/// In place of an offset: the group's committed position.
pub(super) const COMMITTED: i64 = rd::RD_KAFKA_OFFSET_STORED as i64;

/// What librdkafka says by itself.
#[derive(Debug)]
pub(super) enum Call {
    /// A queue that was empty has something now; the number is the one given to [`Queue::notify`].
    Nonempty(usize),
    /// These partitions are given to the consumer, or have to be given back.
    Rebalance { assign: bool, partitions: Partitions },
    /// An error of the client as a whole.
    Error { code: Code, reason: String },
    /// A log line.
    Log(String),
}

/// Told every [`Call`].
pub(super) type Hook = dyn Fn(Call) + Send + Sync;

/// Version of librdkafka.
pub(super) fn version() -> String {
    // SAFETY: returns a pointer to a static string.
    unsafe { text(rd::rd_kafka_version_str()) }
}

/// Has a producer send batches that are not full, while it lasts: at most this long. Acknowledgements are not served meanwhile.
///
/// rust-rdkafka's own flush calls this with no time at all, and then it is chance whether a broker's thread wakes up soon enough to
/// see it (rdkafka.c: `rd_kafka_flush`).
pub(super) fn flush<C: rdkafka::ClientContext>(client: &rdkafka::client::Client<C>, wait: Duration) {
    // SAFETY: a live producer. What the result says, the number of messages left says better.
    unsafe { rd::rd_kafka_flush(client.native_ptr(), millis(wait)) };
}

/// The mock cluster in a client that was created with `test.mock.num.brokers`.
#[derive(Clone, Copy)]
pub(super) struct Mock<'a> {
    cluster: NonNull<rd::rd_kafka_mock_cluster_t>,
    client: PhantomData<&'a ()>,
}

// SAFETY: every function of rdkafka_mock.h used here sends an operation to the cluster's own thread, through a locked queue.
unsafe impl Send for Mock<'_> {}

impl<'a> Mock<'a> {
    pub(super) fn of<C: rdkafka::ClientContext>(client: &'a rdkafka::client::Client<C>) -> Option<Self> {
        // SAFETY: a live client; null if it has no mock cluster, which lives as long as the client otherwise.
        let cluster = unsafe { rd::rd_kafka_handle_mock_cluster(client.native_ptr()) };
        NonNull::new(cluster).map(|cluster| Self { cluster, client: PhantomData })
    }

    /// Takes away the three seconds that groups wait for more members.
    pub(super) fn remove_rebalance_delay(self) {
        // SAFETY: a live mock cluster.
        unsafe { rd::rd_kafka_mock_group_initial_rebalance_delay_ms(self.cluster.as_ptr(), 0) }
    }

    /// Refuses one request of a kind at one broker, after those that it has been told to refuse before.
    pub(super) fn refuse_at(
        self,
        broker: i32,
        api: rdkafka::types::RDKafkaApiKey,
        code: rd::rd_kafka_resp_err_t,
    ) -> Result<(), String> {
        // SAFETY: a live mock cluster; `cnt` is 1, so that one pair of error and round trip time follows, both C ints
        // (rdkafka_mock.c: rd_kafka_mock_broker_push_request_error_rtts).
        check(unsafe {
            rd::rd_kafka_mock_broker_push_request_error_rtts(
                self.cluster.as_ptr(),
                broker,
                i16::from(api),
                1,
                code as c_int,
                0 as c_int,
            )
        })
    }

    pub(super) fn create_topic(self, name: &str, partitions: u32) -> Result<(), String> {
        let name = CString::new(name).map_err(|e| e.to_string())?;
        // SAFETY: a live mock cluster, and a string that lives during the call, which waits for the answer.
        check(unsafe { rd::rd_kafka_mock_topic_create(self.cluster.as_ptr(), name.as_ptr(), partitions as c_int, 1) })
    }
}

/// Copies a C string; empty for null.
///
/// # Safety
/// Null, or a NUL-terminated string that lives during the call.
unsafe fn text(string: *const c_char) -> String {
    if string.is_null() {
        return String::new();
    }
    // SAFETY: not null, and the caller vouches for the rest.
    unsafe { CStr::from_ptr(string) }.to_string_lossy().into_owned()
}

fn reason(code: Code) -> String {
    // SAFETY: returns a pointer to a static string for every code.
    unsafe { text(rd::rd_kafka_err2str(code)) }
}

fn check(code: Code) -> Result<(), String> {
    if code == Code::RD_KAFKA_RESP_ERR_NO_ERROR { Ok(()) } else { Err(reason(code)) }
}

/// Ok for null; destroys the error object otherwise.
///
/// # Safety
/// Null, or an error object that nobody else destroys.
unsafe fn check_error(error: *mut rd::rd_kafka_error_t) -> Result<(), String> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: not null; read before it is destroyed, once.
    unsafe {
        let reason = text(rd::rd_kafka_error_string(error));
        rd::rd_kafka_error_destroy(error);
        Err(reason)
    }
}

/// Milliseconds for librdkafka, rounded up: rounding down would turn a short wait into none.
fn millis(wait: Duration) -> c_int {
    c_int::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}

/// A client's configuration.
#[derive(Debug)]
pub(super) struct Conf(NonNull<rd::rd_kafka_conf_t>);

// SAFETY: a configuration is a block of plain memory that refers to no thread, and there is one owner at a time.
unsafe impl Send for Conf {}

impl Conf {
    pub(super) fn new() -> Self {
        // SAFETY: no preconditions.
        Self(NonNull::new(unsafe { rd::rd_kafka_conf_new() }).expect("rd_kafka_conf_new aborts when out of memory"))
    }

    /// Sets a property; librdkafka's own reason if it takes no such property or value.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let nul = |_| "contains a NUL character".to_owned();
        let (key, value) = (CString::new(key).map_err(nul)?, CString::new(value).map_err(nul)?);
        let mut error = [0 as c_char; 512];
        // SAFETY: the configuration is ours, the strings live during the call, and the buffer has the size stated; librdkafka
        // terminates what it writes.
        unsafe {
            let result =
                rd::rd_kafka_conf_set(self.0.as_ptr(), key.as_ptr(), value.as_ptr(), error.as_mut_ptr(), error.len());
            if result == rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK { Ok(()) } else { Err(text(error.as_ptr())) }
        }
    }
}

impl Conf {
    /// The value of a property that is a number of milliseconds.
    pub(super) fn millis(&self, key: &str) -> Option<Duration> {
        let key = CString::new(key).ok()?;
        let mut value = [0 as c_char; 32];
        let mut size = value.len();
        // SAFETY: the configuration is ours, the string lives during the call, and the buffer has the size stated; librdkafka
        // terminates what it writes.
        let value = unsafe {
            let result = rd::rd_kafka_conf_get(self.0.as_ptr(), key.as_ptr(), value.as_mut_ptr(), &raw mut size);
            (result == rd::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK).then(|| text(value.as_ptr()))
        };
        value?.parse().ok().map(Duration::from_millis)
    }
}

impl Drop for Conf {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once: `Client::new` forgets the configurations that librdkafka took over.
        unsafe { rd::rd_kafka_conf_destroy(self.0.as_ptr()) }
    }
}

/// A consumer's `rd_kafka_t`.
#[derive(Clone)]
pub(super) struct Client(Rc<Handle>);

struct Handle {
    rk: NonNull<rd::rd_kafka_t>,
    /// What `opaque` points to. librdkafka's threads call it until `rd_kafka_destroy` has returned.
    hook: Box<Box<Hook>>,
}

impl Client {
    /// Starts a consumer. Fails with librdkafka's reason if properties contradict each other.
    pub(super) fn new(conf: Conf, hook: Box<Hook>) -> Result<Self, String> {
        let hook = Box::new(hook);
        let mut error = [0 as c_char; 512];
        // SAFETY: the configuration is ours. `opaque` points into a box that outlives the handle (see `Drop`), and the callbacks
        // have the signatures of rdkafka.h. rd_kafka_new takes the configuration over if and only if it succeeds.
        let rk = unsafe {
            rd::rd_kafka_conf_set_opaque(conf.0.as_ptr(), ptr::from_ref(&*hook).cast_mut().cast());
            rd::rd_kafka_conf_set_rebalance_cb(conf.0.as_ptr(), Some(on_rebalance));
            rd::rd_kafka_conf_set_error_cb(conf.0.as_ptr(), Some(on_error));
            rd::rd_kafka_conf_set_log_cb(conf.0.as_ptr(), Some(on_log));
            rd::rd_kafka_new(rd::rd_kafka_type_t::RD_KAFKA_CONSUMER, conf.0.as_ptr(), error.as_mut_ptr(), error.len())
        };
        let Some(rk) = NonNull::new(rk) else {
            // SAFETY: terminated by rd_kafka_new.
            return Err(unsafe { text(error.as_ptr()) });
        };
        std::mem::forget(conf);
        // SAFETY: a live consumer. From here on the main queue (errors) is served together with the consumer's.
        unsafe { rd::rd_kafka_poll_set_consumer(rk.as_ptr()) };
        Ok(Self(Rc::new(Handle { rk, hook })))
    }

    fn rk(&self) -> *mut rd::rd_kafka_t {
        self.0.rk.as_ptr()
    }

    fn queue(&self, queue: *mut rd::rd_kafka_queue_t) -> Option<Queue> {
        NonNull::new(queue).map(|queue| Queue { queue, waker: None, client: self.clone() })
    }

    /// A queue of our own, to which partitions can be forwarded.
    pub(super) fn new_queue(&self) -> Queue {
        // SAFETY: a live client.
        self.queue(unsafe { rd::rd_kafka_queue_new(self.rk()) }).expect("rd_kafka_queue_new never returns null")
    }

    /// Where rebalances and errors arrive.
    pub(super) fn consumer_queue(&self) -> Option<Queue> {
        // SAFETY: a live client. Null if it has no group.id.
        self.queue(unsafe { rd::rd_kafka_queue_get_consumer(self.rk()) })
    }

    /// The queue of one partition, which librdkafka knows from here on even if it is not assigned yet.
    pub(super) fn partition_queue(&self, topic: &str, partition: u32) -> Option<Queue> {
        let topic = CString::new(topic).ok()?;
        // SAFETY: a live client, and a string that lives during the call.
        self.queue(unsafe { rd::rd_kafka_queue_get_partition(self.rk(), topic.as_ptr(), partition as i32) })
    }

    pub(super) fn subscribe(&self, topics: &Partitions) -> Result<(), String> {
        // SAFETY: a live client and list; the list is copied.
        check(unsafe { rd::rd_kafka_subscribe(self.rk(), topics.0.as_ptr()) })
    }

    pub(super) fn unsubscribe(&self) {
        // SAFETY: a live client. It fails only where there is no group, and then there is no subscription either.
        unsafe { rd::rd_kafka_unsubscribe(self.rk()) };
    }

    /// Replaces the assignment; takes it away if `None`.
    pub(super) fn assign(&self, partitions: Option<&Partitions>) -> Result<(), String> {
        let list = partitions.map_or(ptr::null(), |p| p.0.as_ptr().cast_const());
        // SAFETY: a live client; null or a live list, which is copied.
        check(unsafe { rd::rd_kafka_assign(self.rk(), list) })
    }

    pub(super) fn incremental_assign(&self, partitions: &Partitions) -> Result<(), String> {
        // SAFETY: a live client and list, which is copied; the error object is ours.
        unsafe { check_error(rd::rd_kafka_incremental_assign(self.rk(), partitions.0.as_ptr())) }
    }

    pub(super) fn incremental_unassign(&self, partitions: &Partitions) -> Result<(), String> {
        // SAFETY: as above.
        unsafe { check_error(rd::rd_kafka_incremental_unassign(self.rk(), partitions.0.as_ptr())) }
    }

    /// Whether rebalances are incremental.
    pub(super) fn is_cooperative(&self) -> bool {
        // SAFETY: a live client; null or a static string.
        unsafe { text(rd::rd_kafka_rebalance_protocol(self.rk())) == "COOPERATIVE" }
    }

    /// Whether the partitions to give back are gone already.
    pub(super) fn is_assignment_lost(&self) -> bool {
        // SAFETY: a live client.
        unsafe { rd::rd_kafka_assignment_lost(self.rk()) != 0 }
    }

    /// Sends a commit; the answer will be in `reply`.
    pub(super) fn commit(&self, offsets: &Partitions, reply: &Queue) -> Result<(), String> {
        // SAFETY: live objects; the list is copied. Without a callback the answer becomes an event on the queue
        // (rdkafka_offset.c: rd_kafka_commit_queue).
        check(unsafe {
            rd::rd_kafka_commit_queue(self.rk(), offsets.0.as_ptr(), reply.queue.as_ptr(), None, ptr::null_mut())
        })
    }

    /// Asks the cluster for its brokers, at most this long, and says how many there are. Blocks.
    pub(super) fn probe(&self, wait: Duration) -> Result<usize, String> {
        let mut metadata: *const rd::rd_kafka_metadata_t = ptr::null();
        // SAFETY: a live client; `metadata` is set if and only if there is no error, and destroyed once.
        unsafe {
            check(rd::rd_kafka_metadata(self.rk(), 0, ptr::null_mut(), &raw mut metadata, millis(wait)))?;
            let brokers = (*metadata).broker_cnt;
            rd::rd_kafka_metadata_destroy(metadata);
            Ok(brokers as usize)
        }
    }

    /// Whether the client is a member of its group, or about to become one.
    pub(super) fn is_member(&self) -> bool {
        // SAFETY: a live client; null, or a string that is ours to free with librdkafka's own function.
        unsafe {
            let id = rd::rd_kafka_memberid(self.rk());
            let is_member = !text(id).is_empty();
            if !id.is_null() {
                rd::rd_kafka_mem_free(self.rk(), id.cast());
            }
            is_member
        }
    }

    /// Begins to leave the group; goes on while the queue is served.
    pub(super) fn close(&self, queue: &Queue) -> Result<(), String> {
        // SAFETY: live objects; the error object is ours.
        unsafe { check_error(rd::rd_kafka_consumer_close_queue(self.rk(), queue.queue.as_ptr())) }
    }

    pub(super) fn is_closed(&self) -> bool {
        // SAFETY: a live client.
        unsafe { rd::rd_kafka_consumer_closed(self.rk()) != 0 }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: the last reference, hence no queue of this client is left. Without the flag the call would wait for an orderly
        // close without limit; that has been done, or its time is up. The hook lives until the call has returned, after which no
        // thread of librdkafka is left to call it.
        unsafe { rd::rd_kafka_destroy_flags(self.rk.as_ptr(), rd::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE as c_int) }
    }
}

/// A queue of a client.
pub(super) struct Queue {
    queue: NonNull<rd::rd_kafka_queue_t>,
    /// What the notification's `opaque` points to.
    waker: Option<Box<Waker>>,
    client: Client,
}

struct Waker {
    hook: *const Box<Hook>,
    token: usize,
}

impl Queue {
    /// Takes up to `cap` messages that are there already, and appends them. Serves what else is in the queue: errors and
    /// rebalances go to the hook.
    pub(super) fn take(&self, cap: u32, messages: &mut Vec<Message>) -> u32 {
        let cap = cap as usize;
        messages.reserve(cap);
        // SAFETY: a live queue. `Message` is a transparent pointer, there is room for `cap` of them, librdkafka fills the first
        // `count` with messages that are ours to destroy, and none is null.
        unsafe {
            let spare = messages.as_mut_ptr().add(messages.len()).cast();
            let count = rd::rd_kafka_consume_batch_queue(self.queue.as_ptr(), 0, spare, cap);
            let count = usize::try_from(count).unwrap_or(0);
            messages.set_len(messages.len() + count);
            count as u32
        }
    }

    /// Sends everything that arrives here to another queue, now and after every reassignment.
    pub(super) fn forward(&self, to: &Queue) {
        // SAFETY: live queues of one client; `to` is kept alive by reference counting.
        unsafe { rd::rd_kafka_queue_forward(self.queue.as_ptr(), to.queue.as_ptr()) }
    }

    /// Keeps what arrives here from going to the consumer's queue, now and after every reassignment.
    pub(super) fn split(&self) {
        // SAFETY: a live queue; null ends the forwarding.
        unsafe { rd::rd_kafka_queue_forward(self.queue.as_ptr(), ptr::null_mut()) }
    }

    /// Calls the hook with this number whenever the queue stops being empty.
    pub(super) fn notify(&mut self, token: usize) {
        let waker = Box::new(Waker { hook: &raw const *self.client.0.hook, token });
        // SAFETY: `opaque` points into a box that lives until `drop` has disabled the notification, and the hook in it outlives
        // every queue.
        unsafe {
            let opaque = ptr::from_ref(&*waker).cast_mut().cast();
            rd::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), Some(on_nonempty), opaque);
        }
        self.waker = Some(waker);
    }

    /// The answer to a commit, if one has come: of the whole, or else of the first partition that was refused.
    pub(super) fn commit_reply(&self) -> Option<Result<(), String>> {
        // SAFETY: a live queue. The event, if any, is read before it is destroyed; its list belongs to it.
        unsafe {
            let event = rd::rd_kafka_queue_poll(self.queue.as_ptr(), 0);
            if event.is_null() {
                return None;
            }
            let mut result = check(rd::rd_kafka_event_error(event));
            let list = rd::rd_kafka_event_topic_partition_list(event);
            if let (Ok(()), false) = (&result, list.is_null()) {
                result = elements(list).iter().try_for_each(|e| check(e.err));
            }
            rd::rd_kafka_event_destroy(event);
            Some(result)
        }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: a live queue; once the notification is off (under the queue's lock), nothing refers to the waker any more.
        unsafe {
            if self.waker.is_some() {
                rd::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            }
            rd::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// A message, or an error in its place.
#[repr(transparent)]
pub(super) struct Message(NonNull<rd::rd_kafka_message_t>);

impl Message {
    fn get(&self) -> &rd::rd_kafka_message_t {
        // SAFETY: ours until it is dropped, and nobody writes to it.
        unsafe { self.0.as_ref() }
    }

    /// The error that stands in place of a message.
    pub(super) fn error(&self) -> Option<(Code, String)> {
        let code = self.get().err;
        // SAFETY: a live message; the string belongs to it.
        (code != Code::RD_KAFKA_RESP_ERR_NO_ERROR)
            .then(|| (code, unsafe { text(rd::rd_kafka_message_errstr(self.0.as_ptr())) }))
    }

    /// Equal for messages of one topic; a name is dearer to compare.
    pub(super) fn topic_handle(&self) -> usize {
        self.get().rkt as usize
    }

    /// The topic's name; empty for an error of no topic.
    pub(super) fn topic(&self) -> String {
        let topic = self.get().rkt;
        if topic.is_null() {
            return String::new();
        }
        // SAFETY: not null, and kept alive by the message.
        unsafe { text(rd::rd_kafka_topic_name(topic)) }
    }

    pub(super) fn partition(&self) -> u32 {
        self.get().partition as u32
    }

    pub(super) fn offset(&self) -> i64 {
        self.get().offset
    }

    /// Length of the value.
    pub(super) fn value_bytes(&self) -> usize {
        self.get().len
    }

    pub(super) fn key(&self) -> &[u8] {
        let message = self.get();
        if message.key.is_null() {
            return &[];
        }
        // SAFETY: not null; so many bytes, which live as long as the message.
        unsafe { slice::from_raw_parts(message.key.cast(), message.key_len) }
    }
}

impl Drop for Message {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rd::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// A list of partitions with an offset each.
pub(super) struct Partitions(NonNull<rd::rd_kafka_topic_partition_list_t>);

// SAFETY: a list made here is plain memory with one owner. One copied in `on_rebalance` also refers to librdkafka's partition
// objects, whose reference counts are atomic.
unsafe impl Send for Partitions {}

impl std::fmt::Debug for Partitions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Partitions {
    pub(super) fn new() -> Self {
        // SAFETY: no preconditions.
        let list = unsafe { rd::rd_kafka_topic_partition_list_new(8) };
        Self(NonNull::new(list).expect("librdkafka aborts when out of memory"))
    }

    /// Adds a partition and its offset.
    ///
    /// # Panics
    /// If the name contains a NUL character, which no topic's name does.
    pub(super) fn add(&mut self, topic: &str, partition: i32, offset: i64) {
        let topic = CString::new(topic).expect("a topic's name has no NUL in it");
        // SAFETY: a live list; the name is copied. The element returned is in the list until the next change.
        unsafe {
            let element = rd::rd_kafka_topic_partition_list_add(self.0.as_ptr(), topic.as_ptr(), partition);
            (*element).offset = offset;
        }
    }

    /// Names and numbers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (String, u32)> {
        // SAFETY: a live list, unchanged while it is borrowed.
        let elements = unsafe { elements(self.0.as_ptr()) };
        // SAFETY: every element has a name.
        elements.iter().map(|e| (unsafe { text(e.topic) }, e.partition as u32))
    }
}

impl Drop for Partitions {
    fn drop(&mut self) {
        // SAFETY: ours, destroyed once.
        unsafe { rd::rd_kafka_topic_partition_list_destroy(self.0.as_ptr()) }
    }
}

/// The elements of a list.
///
/// # Safety
/// A live list that is not changed during the lifetime of the result.
unsafe fn elements<'a>(list: *const rd::rd_kafka_topic_partition_list_t) -> &'a [rd::rd_kafka_topic_partition_t] {
    // SAFETY: `cnt` elements from `elems` on, which is null only when there are none.
    unsafe {
        match (*list).elems {
            elems if elems.is_null() => &[],
            elems => slice::from_raw_parts(elems, (*list).cnt as usize),
        }
    }
}

/// Calls the hook behind an `opaque`.
///
/// # Safety
/// `opaque` is the one that `Client::new` has set, and its client is alive.
unsafe fn call(opaque: *mut c_void, call: Call) {
    // SAFETY: as the caller vouches.
    let hook = unsafe { &*opaque.cast::<Box<Hook>>() };
    hook(call);
}

unsafe extern "C" fn on_rebalance(
    _: *mut rd::rd_kafka_t,
    code: Code,
    partitions: *mut rd::rd_kafka_topic_partition_list_t,
    opaque: *mut c_void,
) {
    let assign = code == Code::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    // SAFETY: a live list, which is copied because librdkafka destroys it after the call; the opaque is `Client::new`'s.
    unsafe {
        let copy = rd::rd_kafka_topic_partition_list_copy(partitions);
        let partitions = Partitions(NonNull::new(copy).expect("librdkafka aborts when out of memory"));
        call(opaque, Call::Rebalance { assign, partitions });
    }
}

unsafe extern "C" fn on_error(_: *mut rd::rd_kafka_t, code: c_int, message: *const c_char, opaque: *mut c_void) {
    let code = Code::try_from(code).unwrap_or(Code::RD_KAFKA_RESP_ERR_UNKNOWN);
    // SAFETY: a terminated string that lives during the call; the opaque is `Client::new`'s.
    unsafe { call(opaque, Call::Error { code, reason: text(message) }) }
}

unsafe extern "C" fn on_log(rk: *const rd::rd_kafka_t, _: c_int, _: *const c_char, line: *const c_char) {
    if rk.is_null() {
        // Not about any client.
        return;
    }
    // SAFETY: a live client with `Client::new`'s opaque, and a terminated string that lives during the call.
    unsafe { call(rd::rd_kafka_opaque(rk), Call::Log(text(line))) }
}

unsafe extern "C" fn on_nonempty(_: *mut rd::rd_kafka_t, opaque: *mut c_void) {
    // SAFETY: `Queue::notify`'s opaque, alive while the notification is on; so is the hook it points to.
    unsafe {
        let waker = &*opaque.cast::<Waker>();
        (*waker.hook)(Call::Nonempty(waker.token));
    }
}
