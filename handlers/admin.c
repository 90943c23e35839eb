#include "handlers/admin.h"
#include "api/reply.h"
#include "base/metrics.h"
#include "handlers/app.h"

static void admin_answer(struct exchange *ex, bool (*is_well)(struct app *, struct buf *))
{
    struct buf why;
    buf_init(&why, 4096);
    bool is_good = is_well(app_of(ex), &why);
    reply_text(ex, is_good ? 200 : 503, "text/plain; charset=utf-8",
               is_good ? STR("ok\n") : buf_str(&why));
    buf_done(&why);
}

void admin_livez_get(struct exchange *ex)
{
    admin_answer(ex, app_of(ex)->is_live);
}

void admin_readyz_get(struct exchange *ex)
{
    admin_answer(ex, app_of(ex)->is_ready);
}

void admin_metrics_get(struct exchange *ex)
{
    struct buf text;
    buf_init(&text, 1024 * 1024);
    metrics_render(&text);
    reply_text(ex, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&text));
    buf_done(&text);
}
