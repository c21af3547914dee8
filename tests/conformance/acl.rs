//! Forbids everybody to read a topic, and allows it again. rust-rdkafka does not wrap this part of librdkafka.

use std::ffi::CString;
use std::ptr;

use fairdrain::broker::kafka::Target;
use rdkafka::ClientConfig;
use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer};

pub(crate) fn deny(target: &Target, topic: &str) {
    change(target, topic, rd::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_DENY, true);
}

pub(crate) fn allow(target: &Target, topic: &str) {
    change(target, topic, rd::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_DENY, false);
}

fn change(target: &Target, topic: &str, permission: rd::rd_kafka_AclPermissionType_t, add: bool) {
    use rd::rd_kafka_AclOperation_t::RD_KAFKA_ACL_OPERATION_READ as READ;
    use rd::rd_kafka_ResourcePatternType_t::RD_KAFKA_RESOURCE_PATTERN_LITERAL as LITERAL;
    use rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC as TOPIC;
    let Target::Cluster(servers) = target else { panic!("only a real cluster has authorisation") };
    let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", servers).create().unwrap();
    let handle = client.client().native_ptr();
    let [topic, anybody, anywhere] = [topic, "User:*", "*"].map(|text| CString::new(text).unwrap());
    let mut error = [0; 512];
    let (topic, anybody, anywhere) = (topic.as_ptr(), anybody.as_ptr(), anywhere.as_ptr());
    // SAFETY: the client outlives the calls, strings and buffer live as long; what is made here is destroyed here, the event after
    // what belongs to it has been read.
    unsafe {
        let queue = rd::rd_kafka_queue_new(handle);
        let (text, size) = (error.as_mut_ptr(), error.len());
        if add {
            let mut acl =
                rd::rd_kafka_AclBinding_new(TOPIC, topic, LITERAL, anybody, anywhere, READ, permission, text, size);
            assert!(!acl.is_null(), "an ACL can't be made");
            rd::rd_kafka_CreateAcls(handle, &raw mut acl, 1, ptr::null(), queue);
            await_answer(queue);
            rd::rd_kafka_AclBinding_destroy(acl);
        } else {
            let mut filter = rd::rd_kafka_AclBindingFilter_new(
                TOPIC, topic, LITERAL, anybody, anywhere, READ, permission, text, size,
            );
            assert!(!filter.is_null(), "a filter of ACLs can't be made");
            rd::rd_kafka_DeleteAcls(handle, &raw mut filter, 1, ptr::null(), queue);
            await_answer(queue);
            rd::rd_kafka_AclBinding_destroy(filter);
        }
        rd::rd_kafka_queue_destroy(queue);
    }
}

/// # Safety
/// A live queue, to which an answer is on its way.
unsafe fn await_answer(queue: *mut rd::rd_kafka_queue_t) {
    // SAFETY: a live queue; the event is destroyed after it has been read.
    unsafe {
        let event = rd::rd_kafka_queue_poll(queue, 30_000);
        assert!(!event.is_null(), "no answer of the authoriser");
        let code = rd::rd_kafka_event_error(event);
        assert_eq!(code, rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR, "the authoriser refuses");
        let created = rd::rd_kafka_event_CreateAcls_result(event);
        if !created.is_null() {
            let mut count = 0;
            let results = rd::rd_kafka_CreateAcls_result_acls(created, &raw mut count);
            let error = rd::rd_kafka_acl_result_error(*results);
            assert!(error.is_null(), "an ACL is refused: is the broker's authorizer.class.name set?");
        }
        rd::rd_kafka_event_destroy(event);
    }
}
