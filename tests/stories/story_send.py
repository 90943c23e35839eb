"""POST send: both documented forms, what comes back, what arrives, and the receipt."""

import time
import uuid

from parley import check, check_problem


def story_a_message_is_delivered_once_it_was_answered(server):
    ann, bob = server.user(), server.user(device="phone")
    before = time.time()
    sent = ann.send(bob, "hello bob", message_id_by_client=7)
    check(set(sent) == {"status", "action", "message_id", "message_id_by_client", "timestamp",
                        "timestamp_ms"}, sent)
    check(sent["status"] == "success" and sent["action"] == "message_received", sent)
    check(sent["message_id_by_client"] == 7, sent)
    check(sent["timestamp"] == sent["timestamp_ms"] // 1000, sent)
    check(before - 1 <= sent["timestamp_ms"] / 1000 <= time.time() + 1, sent)
    uuid.UUID(sent["message_id"])

    page = bob.sync()
    check(len(page["events"]) == 1 and page["more"] is False and page["superseded"] is False, page)
    event = page["events"][0]
    check(event == {"type": "incoming_message", "message_id": sent["message_id"],
                    "sender_id": ann.id, "content": "hello bob", "timestamp": sent["timestamp"],
                    "timestamp_ms": sent["timestamp_ms"], "device_id": "default",
                    "cursor": page["cursor"]}, event)
