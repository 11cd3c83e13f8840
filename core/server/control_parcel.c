#include "server/control_parcel.h"

#include "base/assert.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum dt_err
dt_control_returns_init(struct dt_control_returns *t)
{
	dt_list_init(&t->parcels);
	pthread_mutex_init(&t->lock, NULL);
	t->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return t->fd < 0 ? DT_ERR_SYSTEM : DT_OK;
}

void
dt_control_returns_fini(struct dt_control_returns *t)
{
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->lock);
}

static struct dt_control_parcel *
take(struct dt_control_returns *t)
{
	struct dt_control_parcel *p = NULL;
	uint64_t count;
	pthread_mutex_lock(&t->lock);
	if (!dt_list_empty(&t->parcels)) {
		p = DT_CONTAINER(t->parcels.next, struct dt_control_parcel, node);
		dt_list_remove(&p->node);
	} else {
		(void)!read(t->fd, &count, sizeof(count)); /* nothing there is fine */
	}
	pthread_mutex_unlock(&t->lock);
	return p;
}

void
dt_control_returns_deliver(struct dt_control_returns *t)
{
	struct dt_control_parcel *p;
	while ((p = take(t)) != NULL)
		p->arrive(p);
}

void
dt_control_parcel_init(struct dt_control_parcel *p, struct dt_control_returns *to,
    void (*arrive)(struct dt_control_parcel *parcel))
{
	dt_list_init(&p->node);
	p->returns = to;
	p->arrive = arrive;
}

void
dt_control_parcel_send(struct dt_control_parcel *p)
{
	struct dt_control_returns *t = p->returns;
	uint64_t one = 1;
	pthread_mutex_lock(&t->lock);
	dt_list_append(&t->parcels, &p->node);
	/* Under the lock: what is behind it may be freed as soon as the parcel is taken. */
	DT_ASSERT(write(t->fd, &one, sizeof(one)) == sizeof(one));
	pthread_mutex_unlock(&t->lock);
}
