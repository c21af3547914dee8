use super::*;
use crate::broker::{Ask, Request, SessionUse};

fn ask(slot: u32, offset: i64) -> Ask {
    Ask { slot, offset, max_bytes: 1 }
}

/// Trace A2: what is buffered leaves the session and comes back at its end.
#[test]
fn a_session_lists_what_is_new_then_what_has_moved_and_forgets_the_rest() {
    let (mut session, mut request) = (fetch::Session::default(), Request::default());
    session.build(&[ask(3, 0), ask(4, 0), ask(5, 0), ask(1, 0), ask(2, 0)], &mut request);
    assert_eq!((request.session, request.asks.len()), (SessionUse::Full, 5));

    session.build(&[ask(3, 100), ask(4, 0), ask(5, 10)], &mut request);
    assert_eq!(request.asks, [ask(3, 100), ask(5, 10)]);
    assert_eq!((request.session, request.forget.as_slice()), (SessionUse::Incremental, [1, 2].as_slice()));

    session.build(&[ask(3, 100), ask(4, 7), ask(5, 10), ask(1, 1024), ask(2, 1024)], &mut request);
    assert_eq!(request.asks, [ask(1, 1024), ask(2, 1024), ask(4, 7)]);
    assert!(request.forget.is_empty());
}
