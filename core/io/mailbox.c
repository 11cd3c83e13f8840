#include "io/mailbox.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/mem.h"

#define MAILBOX_MAGIC 0x64746d62u

struct dt_mail {
	struct dt_mail *next; /* owned */
	dt_mailbox_run *run;
	void (*drop)(void *data); /* NULL: nothing to do */
	void *data;		  /* `payload`, or owned: see `drop` */
	size_t len;		  /* of data, bytes */
	size_t size;		  /* of this block, bytes */
	max_align_t payload[];
};

/* The descriptor is readable exactly while the queue is not empty: one write when it stops being
 * empty, one read when it becomes so again, both under the lock. */
static void
raise_flag(struct dt_mailbox *m)
{
	uint64_t one = 1;
	DT_ASSERT(write(m->fd, &one, sizeof(one)) == sizeof(one));
}

static void
lower_flag(struct dt_mailbox *m)
{
	uint64_t value;
	DT_ASSERT(read(m->fd, &value, sizeof(value)) == sizeof(value));
}

static void
free_mail(struct dt_mail *mail)
{
	/* A payload may be a key: resolve() of a psk_lookup comes this way. */
	dt_free_secret(mail, mail->size);
}

/* The first `max` of the queue, as a list of their own. Takes and gives the lock. */
static struct dt_mail *
take_mail(struct dt_mailbox *m, size_t max)
{
	pthread_mutex_lock(&m->lock);
	struct dt_mail *taken = m->first;
	struct dt_mail **end = &m->first;
	for (size_t n = 0; n < max && *end; n++) {
		m->count--;
		m->bytes -= (*end)->len;
		end = &(*end)->next;
	}
	if (end == &m->first) {
		taken = NULL;
	} else {
		m->first = *end;
		*end = NULL;
		if (!m->first) {
			m->last = &m->first;
			lower_flag(m);
		}
	}
	pthread_mutex_unlock(&m->lock);
	return taken;
}

enum dt_err
dt_mailbox_init(struct dt_mailbox *m, size_t max_count, size_t max_bytes)
{
	memset(m, 0, sizeof(*m));
	m->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (m->fd < 0)
		return DT_ERR_SYSTEM;
	DT_ASSERT(pthread_mutex_init(&m->lock, NULL) == 0);
	m->last = &m->first;
	m->max_count = max_count;
	m->max_bytes = max_bytes;
	m->magic = MAILBOX_MAGIC;
	return DT_OK;
}

void
dt_mailbox_fini(struct dt_mailbox *m)
{
	if (m->magic != MAILBOX_MAGIC)
		return;
	dt_mailbox_close(m);
	pthread_mutex_destroy(&m->lock);
	close(m->fd);
	m->magic = 0;
}

/* Under the lock. */
static enum dt_err
find_room(const struct dt_mailbox *m, size_t len)
{
	if (m->closed)
		return DT_ERR_GONE;
	if (len > m->max_bytes)
		return DT_ERR_TOO_LONG;
	return m->count >= m->max_count || len > m->max_bytes - m->bytes ? DT_ERR_AGAIN : DT_OK;
}

/* Under the lock; there is room for it. */
static void
append_mail(struct dt_mailbox *m, struct dt_mail *mail)
{
	if (!m->first)
		raise_flag(m);
	*m->last = mail;
	m->last = &mail->next;
	m->count++;
	m->bytes += mail->len;
}

/* Owns `mail`, whether it gets in or not. */
static enum dt_err
post_mail(struct dt_mailbox *m, struct dt_mail *mail)
{
	pthread_mutex_lock(&m->lock);
	enum dt_err err = find_room(m, mail->len);
	if (err == DT_OK)
		append_mail(m, mail);
	pthread_mutex_unlock(&m->lock);
	if (err != DT_OK)
		free_mail(mail);
	return err;
}

static struct dt_mail *
new_mail(dt_mailbox_run *run, size_t payload)
{
	if (payload > SIZE_MAX - sizeof(struct dt_mail))
		return NULL;
	struct dt_mail *mail = dt_alloc(sizeof(*mail) + payload);
	if (!mail)
		return NULL;
	mail->run = run;
	mail->size = sizeof(*mail) + payload;
	return mail;
}

enum dt_err
dt_mailbox_post(struct dt_mailbox *m, dt_mailbox_run *run, const void *data, size_t len)
{
	DT_CHECK_MAGIC(m, MAILBOX_MAGIC);
	struct dt_mail *mail = new_mail(run, len);
	if (!mail)
		return DT_ERR_NOMEM;
	if (len)
		memcpy(mail->payload, data, len);
	mail->data = mail->payload;
	mail->len = len;
	return post_mail(m, mail);
}

static struct dt_mail *
new_owned_mail(dt_mailbox_run *run, void (*drop)(void *data), void *data, size_t len)
{
	struct dt_mail *mail = new_mail(run, 0);
	if (!mail)
		return NULL;
	mail->data = data;
	mail->drop = drop;
	mail->len = len;
	return mail;
}

enum dt_err
dt_mailbox_post_owned(
    struct dt_mailbox *m, dt_mailbox_run *run, void (*drop)(void *data), void *data, size_t len)
{
	DT_CHECK_MAGIC(m, MAILBOX_MAGIC);
	struct dt_mail *mail = new_owned_mail(run, drop, data, len);
	return mail ? post_mail(m, mail) : DT_ERR_NOMEM;
}

/* Takes `mails` when it succeeds. The locks are taken in the order of the boxes, and nobody else
 * holds two. */
static enum dt_err
append_to_each(struct dt_mailbox *const *boxes, size_t count, struct dt_mail **mails)
{
	enum dt_err err = DT_OK;
	size_t locked = 0;
	while (err == DT_OK && locked < count) {
		pthread_mutex_lock(&boxes[locked]->lock);
		err = find_room(boxes[locked], mails[locked]->len);
		locked++;
	}
	for (size_t i = 0; err == DT_OK && i < count; i++)
		append_mail(boxes[i], mails[i]);
	while (locked > 0)
		pthread_mutex_unlock(&boxes[--locked]->lock);
	return err;
}

enum dt_err
dt_mailbox_post_to_each(struct dt_mailbox *const *boxes, size_t count, dt_mailbox_run *run,
    void (*drop)(void *data), void *const *data, size_t len)
{
	struct dt_mail **mails = dt_alloc_array(count, sizeof(struct dt_mail *));
	enum dt_err err = mails ? DT_OK : DT_ERR_NOMEM;
	for (size_t i = 0; err == DT_OK && i < count; i++)
		if (!(mails[i] = new_owned_mail(run, drop, data[i], len)))
			err = DT_ERR_NOMEM;
	if (err == DT_OK)
		err = append_to_each(boxes, count, mails);
	for (size_t i = 0; mails && err != DT_OK && i < count && mails[i]; i++)
		free_mail(mails[i]);
	dt_free(mails);
	return err;
}

bool
dt_mailbox_drain(struct dt_mailbox *m, void *arg, size_t max)
{
	DT_CHECK_MAGIC(m, MAILBOX_MAGIC);
	struct dt_mail *mail = take_mail(m, max);
	while (mail) {
		struct dt_mail *next = mail->next;
		mail->run(arg, mail->data, mail->len);
		free_mail(mail);
		mail = next;
	}
	pthread_mutex_lock(&m->lock);
	bool more = m->first != NULL;
	pthread_mutex_unlock(&m->lock);
	return more;
}

void
dt_mailbox_close(struct dt_mailbox *m)
{
	DT_CHECK_MAGIC(m, MAILBOX_MAGIC);
	pthread_mutex_lock(&m->lock);
	m->closed = true;
	pthread_mutex_unlock(&m->lock);

	struct dt_mail *mail = take_mail(m, SIZE_MAX);
	while (mail) {
		struct dt_mail *next = mail->next;
		if (mail->drop)
			mail->drop(mail->data);
		free_mail(mail);
		mail = next;
	}
}
