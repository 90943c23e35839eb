/* What an exchange asks of the protocol below it. api/h1 and api/h2 embed a struct transport in
 * their own request and find back by container_of. All on the reactor's thread. */
#pragma once
#include "base/error.h"
#include "base/str.h"

struct transport;
struct transport_ops {
    /* ex->reply is complete: send status, fields and body, end the exchange's side. Takes place now
     * or later; the transport keeps its hold on the exchange until it is over. The transport adds
     * Date, Content-Type, Content-Length and Connection, and leaves the body out for HEAD. */
    void (*reply)(struct transport *transport);
    /* ex->reply holds status, content_type and fields: send the head now, an endless body follows.
     * Only for exchange_is_holding ones. */
    void (*stream_open)(struct transport *transport);
    /* All bytes are taken (what the socket does not take is copied). False: not everything has
     * left; write nothing more until ex->writable runs. So what is held is never more than one
     * write. */
    bool (*stream_write)(struct transport *transport, struct str bytes);
    /* The body is over (last chunk, END_STREAM, or close); what is held still goes out, for a
     * while. */
    void (*stream_end)(struct transport *transport);
};
struct transport {
    const struct transport_ops *ops;
};
