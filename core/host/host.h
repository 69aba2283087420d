/*
 * A machine, as everything above may see it: what can be asked (neap_view) and what can be changed
 * (neap_host). Resource types know this file and nothing below it.
 *
 * A read takes a view, so a type's read() cannot change anything: the compiler refuses. Every host above
 * the machine itself is a decorator; the overlay (overlay.h) is the one that modules always meet:
 *
 *	plan:   overlay(machine), thrown away at the end
 *	apply:  overlay(machine), its changes committed to the machine in groups
 *
 * So there is no dry-run flag: both run the same code against the same overlay.
 *
 * The machine's parts: fs (files; accounts are files too), process, kernel (its settings), units (of
 * systemd), firewall, network (fetching, waiting for who answers), net (links, addresses, routes,
 *neighbours), clock.
 *
 * Paths are absolute and normalised (base/path.h), below the host's root. Directories on the way may be
 * links (they are resolved inside the root); the last component is never followed. Returns: 0, negative with
 * *err, or - reads only - NEAP_UNKNOWN: not known in this plan, see neap_view_cause().
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/checksum.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/iptables.h"
#include "base/str.h"
#include "host/net.h"

enum neap_file_kind {
	NEAP_FILE_ABSENT, /* also when a directory on the way is absent */
	NEAP_FILE_REGULAR,
	NEAP_FILE_DIRECTORY,
	NEAP_FILE_LINK,
	NEAP_FILE_OTHER, /* device, fifo, socket */
};
const char *neap_file_kind_name(enum neap_file_kind kind); /* "a regular file", "absent" … */

struct neap_stat {
	enum neap_file_kind kind;
	uint32_t mode; /* 07777 */
	uint32_t uid, gid;
	uint64_t size;  /* regular files */
	uint64_t links; /* hard links of a regular file */
	uint64_t stamp; /* of a regular file: another one once its bytes have changed; 0: not known */
	bool mount;     /* something is mounted here: can be neither replaced nor removed */
};

/* More than this is never held as bytes: digest and size, and for wanted content where it comes from. */
#define NEAP_CONTENT_MAX ((uint64_t)1 << 20)

/* Bytes that are produced when they are needed: once when they land, again when a later step of the run wants
 * to read them before. All of it lives as long as the run. */
struct neap_stream {
	void *ctx;
	int (*open)(void *ctx, void **ret_reader, struct neap_error **err);
	/* Bytes read, 0 at the end, negative with *err. */
	ssize_t (*read)(void *reader, void *bytes, size_t size, struct neap_error **err);
	void (*close)(void *reader);
};

struct neap_content {
	const char *data; /* NULL: too large for memory, or not to be held; the digest says what it is */
	uint64_t size;
	uint8_t digest[NEAP_DIGEST_SIZE]; /* set only when data is NULL */
	/* data NULL and wanted: where the bytes come from. */
	const char *source; /* a file of the evaluating machine */
	const struct neap_stream *stream;
	bool unknown; /* what the bytes will be is not known in this plan; only hosts say so */
};
bool neap_content_equal(const struct neap_content *a, const struct neap_content *b);

struct neap_entry {
	const char *name;
	enum neap_file_kind kind;
	bool unsure; /* whether it is there is not known in this plan, nor its kind; a stat of it says the
			cause */
};

struct neap_view {
	const struct neap_reads *reads;
};

/* What only some callers may, so that a plan need not promise what their apply will be refused. */
enum neap_right {
	NEAP_RIGHT_NETWORK, /* links, addresses, routes, the packet filter */
	NEAP_RIGHT_KERNEL,  /* a setting */
	NEAP_RIGHT_UNITS,   /* jobs of the service manager */
	NEAP_RIGHT_ROOT,    /* all: what a privileged program does */
	NEAP_RIGHT_ENTER,   /* run a program in the root of this machine */
	NEAP_RIGHT_BECOME,  /* run one as another user */
};

/* A program. It gets PATH, HOME, LANG and LC_ALL and nothing else of neap's environment, an empty standard
 * input, and is its own process group. With --root it runs in that root (chroot), which only root may. */
struct neap_process {
	const char *const *argv;     /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *effects;  /* paths it may make or change, NULL-terminated, or NULL */
	unsigned timeout;            /* seconds; 0 = 300 */
	const char *directory;       /* where it runs; NULL: "/" */
	const char *user;            /* account, with its groups and HOME; NULL: the caller */
	const char *const *settings; /* "NAME=value", NULL-terminated, or NULL; may hold secrets */
	uint32_t umask;              /* 0: 022 */
	bool anything;               /* a query may look at anything: a guard */
	bool bound;                  /* it ends when neap is killed */
	bool privileged;             /* nobody but root can do with it what it is run for */
	bool shared;                 /* a query's answer is kept, by argv, until something changes */
	size_t output_max;           /* bytes kept of each stream; 0 = 64 KB */
	const int64_t *returns;      /* exit codes that are well; NULL: 0 */
	size_t return_count;
	const char *scratch; /* a query's TMPDIR. As root the directory is its own while it runs, empty
			      * and writable, whatever is there; NULL: none */
};
struct neap_process_result {
	int status;               /* exit code, or 128 + signal */
	const char *out, *errors; /* at most output_max each, NUL-terminated, in the arena */
	size_t out_len;
	bool ok; /* the status is one of `returns`; true for what a plan does not run */
};
/* The end of what it said, on one line: where the reason is. */
const char *neap_process_said(const struct neap_process_result *result, struct neap_arena *arena);

/* ---- reads ------------------------------------------------------------------------------------------- */

/* A path that is not there is success with kind ABSENT. A file on the way (ENOTDIR) is an error. */
int neap_view_stat(const struct neap_view *view, const char *path, struct neap_stat *ret,
		   struct neap_error **err);
/* stat, and for a regular file its content (bytes in `arena`). Devices and fifos are never opened. */
int neap_view_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
		   struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err);
/* neap_view_file() for who needs the bytes: a file of more than NEAP_CONTENT_MAX is not read, its digest not
 * set. */
int neap_view_small_file(const struct neap_view *view, const char *path, struct neap_arena *arena,
			 struct neap_stat *ret, struct neap_content *ret_content, struct neap_error **err);
/* Whether there is a program that neap_view_query() would start by this name. NEAP_UNKNOWN as any read; never
 * negative: where it cannot be looked there is none. */
int neap_view_program(const struct neap_view *view, const char *name, bool *ret_found);
/* stat, and for a link its target; *ret_target NULL otherwise. */
int neap_view_link(const struct neap_view *view, const char *path, struct neap_arena *arena,
		   struct neap_stat *ret, const char **ret_target, struct neap_error **err);
/* Entries sorted by name (bytes), without "." and "..". The path must be a directory (a link to one is not).
 */
int neap_view_list(const struct neap_view *view, const char *path, struct neap_arena *arena,
		   struct neap_entry **ret, size_t *ret_count, struct neap_error **err);

/* Numbers from names and back, by /etc/passwd and /etc/group below the root. A decimal `name` is taken as
 * the number itself. An absent account is an error: "user etcd does not exist". */
int neap_view_user(const struct neap_view *view, const char *name, uint32_t *ret_uid,
		   struct neap_error **err);
int neap_view_group(const struct neap_view *view, const char *name, uint32_t *ret_gid,
		    struct neap_error **err);
/* Where a user lives and the group he is in first, by name, as /etc/passwd says: the path may be empty or no
 * path at all. An account that does not exist is what it is for neap_view_user(). */
struct neap_home {
	const char *path; /* in the arena */
	uint32_t uid, gid;
};
int neap_view_home(const struct neap_view *view, const char *name, struct neap_arena *arena,
		   struct neap_home *ret, struct neap_error **err);
/* The name, or the number in decimal when no account has it. Never fails. In `arena`. */
const char *neap_view_user_name(const struct neap_view *view, uint32_t uid, struct neap_arena *arena);
const char *neap_view_group_name(const struct neap_view *view, uint32_t gid, struct neap_arena *arena);
/* Who a new file belongs to when nothing is said: the caller; the group of a set-group-ID parent directory.
 * (A parent that is absent will be made plain.) */
int neap_view_creator(const struct neap_view *view, const char *path, uint32_t *ret_uid, uint32_t *ret_gid,
		      struct neap_error **err);
/* The directories missing above `path`, outermost first. */
int neap_view_missing_parents(const struct neap_view *view, const char *path, struct neap_arena *arena,
			      const char *const **ret, size_t *ret_count, struct neap_error **err);

/*
 * A program that only looks (a guard, dpkg-query). As root it runs where every file system is read-only.
 * Where something that this step stands on has changed or may change in this plan, the answer is NEAP_UNKNOWN
 * and nothing runs. In an apply all changes before it land first.
 */
int neap_view_query(const struct neap_view *view, const struct neap_process *process,
		    struct neap_arena *arena, struct neap_process_result *ret, struct neap_error **err);

/* Seconds since 1970. */
int64_t neap_view_clock(const struct neap_view *view);

/* Another number once something that was read may read otherwise; 0: of that nothing can be said. For what is
 * made of many reads and kept for a while. */
uint64_t neap_view_generation(const struct neap_view *view);
/* Whether all that may read otherwise than in that generation is at or below paths that are known: then
 * these, with no link on the way, as often as they changed. The list is in `arena`, the paths are good until
 * the next change. */
bool neap_view_changed(const struct neap_view *view, uint64_t since, struct neap_arena *arena,
		       const char *const **ret, size_t *ret_count);

/* Whether this is a running system, with a kernel and processes of its own. A tree of files (--root) is none:
 * what is only in memory (settings of the kernel, mounts) is neither there nor missing. */
bool neap_view_running(const struct neap_view *view);
/* A setting of the kernel by its sysctl name, "net.ipv4.ip_forward"; with a "/" before the first "." slashes
 * separate, as in "net/ipv4/conf/eth0.1/forwarding". *ret has no newline at its end; NULL: there is no such
 * setting. "kernel.hostname" is the name of the machine. Not on a machine that does not run. */
int neap_view_kernel(const struct neap_view *view, const char *name, struct neap_arena *arena,
		     const char **ret, struct neap_error **err);

/* Links, addresses and routes of the namespace neap runs in. Each is copied to *ret, and *ret_found says
 * whether it is there. Not on a machine that does not run. */
int neap_view_net_link(const struct neap_view *view, const char *name, struct neap_net_link *ret,
		       bool *ret_found, struct neap_error **err);
int neap_view_net_address(const struct neap_view *view, const struct neap_net_address_key *key,
			  struct neap_net_address *ret, bool *ret_found, struct neap_error **err);
/* Whether any link has this address. */
int neap_view_net_has_ip(const struct neap_view *view, const struct neap_net_ip *ip, bool *ret,
			 struct neap_error **err);
int neap_view_net_route(const struct neap_view *view, const struct neap_net_route_key *key,
			struct neap_net_route *ret, bool *ret_found, struct neap_error **err);
int neap_view_net_neighbour(const struct neap_view *view, const struct neap_net_neighbour_key *key,
			    struct neap_net_neighbour *ret, bool *ret_found, struct neap_error **err);
/* All that are there of a kind on a link, sorted; one that is missing may only be not known yet. */
int neap_view_net_neighbours(const struct neap_view *view, const char *link,
			     enum neap_net_neighbour_kind kind, struct neap_arena *arena,
			     const struct neap_net_neighbour *const **ret, size_t *ret_count,
			     struct neap_error **err);
/* ---- the packet filter: iptables, in the variant that is in use here ---- */

enum neap_family { NEAP_FAMILY_IPV4, NEAP_FAMILY_IPV6 };
struct neap_table {
	enum neap_family family;
	const char *name; /* one of neap_table_kinds */
};
/* "iptables-nft", "ip6tables-legacy" …: by which variant, for people. */
const char *neap_view_firewall_name(const struct neap_view *view, enum neap_family family,
				    struct neap_arena *arena);

/* A chain: NULL when there is none. Rules are in the form that iptables prints. Borrowed: good until the next
 * change. */
int neap_view_chain(const struct neap_view *view, const struct neap_table *table, const char *name,
		    const struct neap_chain **ret, struct neap_error **err);
/* How often a rule is in a chain. No chain: never. `wanted` is what the step has in mind: another that wants
 * the opposite of the same rule will be refused to bring it about. */
int neap_view_rule(const struct neap_view *view, const struct neap_table *table, const char *chain,
		   const char *rule, bool wanted, size_t *ret, struct neap_error **err);

/* A rule as a person has written it, without "-A CHAIN". */
struct neap_rule_wish {
	const char *chain, *text;
};
/* The rules that iptables makes of it: one, or one for each address of a list. */
struct neap_rule_form {
	const char *const *rules;
	size_t count;
};
/* Others that will be asked for too, of the same table: false at the end. */
struct neap_rule_others {
	bool (*next)(void *ctx, struct neap_rule_wish *ret);
	void *ctx;
};
/*
 * What iptables makes of a rule: it is loaded where nobody sees it, and read back. `others` (or NULL) are
 * looked at by the same call, where that is needed. A rule that iptables refuses is an error; one that jumps
 * to a chain that is not there is one with the errno ENOENT.
 */
int neap_view_rule_form(const struct neap_view *view, const struct neap_table *table,
			const struct neap_rule_wish *wish, const struct neap_rule_others *others,
			struct neap_arena *arena, struct neap_rule_form *ret, struct neap_error **err);

/* Data derived from what else is there, kept in neap's state by kind and key: 0 and content, which has data
 * NULL when there is none. Never fails. */
void neap_view_cached(const struct neap_view *view, const char *kind, const char *key,
		      struct neap_arena *arena, struct neap_content *ret);

/* stat, and for a regular file its checksum, however large it is. */
int neap_view_checksum(const struct neap_view *view, const char *path, enum neap_checksum_kind kind,
		       struct neap_stat *ret, struct neap_checksum *ret_checksum, struct neap_error **err);

/* ---- units: what the service manager (systemd) runs. Names are whole ones (base/unit.h), "etcd.service". */

enum neap_unit_load {
	NEAP_UNIT_NOT_FOUND,
	NEAP_UNIT_LOADED,
	NEAP_UNIT_MASKED,
	NEAP_UNIT_BROKEN, /* its file cannot be used */
};
enum neap_unit_active {
	NEAP_UNIT_INACTIVE,
	NEAP_UNIT_ACTIVE, /* reloading too */
	NEAP_UNIT_ACTIVATING,
	NEAP_UNIT_DEACTIVATING,
	NEAP_UNIT_FAILED,
};
struct neap_unit_state {
	enum neap_unit_load load;
	enum neap_unit_active active;
	const char
		*sub; /* as systemd says it: "running", "auto-restart", "exited"; "" where it is foreseen */
	bool stale;   /* its files have changed since the manager read them */
	bool ours;    /* neap itself runs in it: to stop it would end neap */
};
/* Whether a service manager runs this machine: not that of a tree of files, nor that of a container without
 * one. Without it the calls below are errors. */
bool neap_view_manager(const struct neap_view *view);
/* A unit that is not there is success with load NOT_FOUND. One whose files have only just come is known by
 * them, without a reload. A template has no state: that is an error. */
int neap_view_unit(const struct neap_view *view, const char *name, struct neap_arena *arena,
		   struct neap_unit_state *ret, struct neap_error **err);
/* A hint: these will be asked for, mostly in this order. All of them then cost one question together. Costs
 * nothing itself. */
void neap_view_units_expected(const struct neap_view *view, const char *const *names, size_t count);

/* After NEAP_UNKNOWN: the number of the step that makes it so. */
uint32_t neap_view_cause(const struct neap_view *view);

/* ---- changes ----------------------------------------------------------------------------------------- */

#define NEAP_KEEP UINT32_MAX /* for mode, uid, gid: leave as it is */

struct neap_host {
	struct neap_view view; /* first: a host can be read */
	const struct neap_changes *changes;
};

/* One of the account files: it lands under the lock that every tool for accounts takes. LAST: and not before
 * those of its step, for its entries stand on theirs. PINNED: as LAST, and before what the step writes after
 * it, whatever later steps write. */
enum neap_accounts_write {
	NEAP_NO_ACCOUNTS,
	NEAP_ACCOUNTS_FIRST,
	NEAP_ACCOUNTS_LAST,
	NEAP_ACCOUNTS_PINNED,
};

struct neap_file_write {
	struct neap_content content;
	uint32_t mode, uid,
		gid; /* NEAP_KEEP: of the file that is replaced; 0644 and neap_view_creator() when new */
	const char *const *validate; /* argv, NULL-terminated, "%s" = the staged file; or NULL. Run before the
				      * file gets its name, and only on a real machine */
	bool backup;                 /* keep the replaced bytes in the state directory */
	bool secret;                 /* the content holds a secret: no error may quote what `validate` says */
	uint64_t stamp;              /* of the file that the content was made from; 0: as it is found now */
	enum neap_accounts_write accounts;
};

/* The new file takes the name at one moment: a reader sees the old one or the new one whole. Replaces a
 * regular file, a link or another non-directory. Extended attributes and ACLs of a replaced regular file are
 * kept, hard links are broken. */
int neap_host_write(struct neap_host *host, const char *path, const struct neap_file_write *file,
		    struct neap_error **err);
/* Mode and owner of what is there (not of a link). */
int neap_host_attributes(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
			 struct neap_error **err);
/* The parent must be there, the path must not. NEAP_KEEP: 0755, neap_view_creator(). */
int neap_host_mkdir(struct neap_host *host, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		    struct neap_error **err);
/* Makes the missing directories above `path`: 0755, neap_view_creator(). */
int neap_host_mkdir_parents(struct neap_host *host, const char *path, struct neap_error **err);
/* Replaces a link or another non-directory at once. */
int neap_host_symlink(struct neap_host *host, const char *path, const char *target, struct neap_error **err);
/* Anything but a directory. */
int neap_host_unlink(struct neap_host *host, const char *path, struct neap_error **err);
/* An empty directory. */
int neap_host_rmdir(struct neap_host *host, const char *path, struct neap_error **err);
/* A directory and everything in it; stops at mount points with an error. No recursion in C. */
int neap_host_remove_tree(struct neap_host *host, const char *path, struct neap_error **err);

/* "Something in this directory may go, and it is not known what": what is in it reads as unknown from here
 * on, but for what is changed there in this plan. Only ever needed where a read was unknown, thus in a plan.
 */
int neap_host_unsettle(struct neap_host *host, const char *path, struct neap_error **err);

/* A setting of the kernel, as neap_view_kernel() names it. Transparent: a plan reads what was set. */
int neap_host_kernel(struct neap_host *host, const char *name, const char *value, struct neap_error **err);

/* A change of links, addresses, routes or neighbours. Transparent: a plan knows what follows from it (with a
 * link go its addresses and routes), and what the kernel would refuse is refused in the plan. */
int neap_host_net(struct neap_host *host, const struct neap_net_change *change, struct neap_error **err);

/*
 * The packet filter. Transparent. Rules are in the form of neap_view_rule_form(), and others' rules are left
 * alone: each change names its own. Those of one table land together, all or none.
 */
enum neap_firewall_change {
	NEAP_FIREWALL_MAKE,    /* a chain; it must not be there */
	NEAP_FIREWALL_DROP,    /* a chain, empty, that nothing jumps to */
	NEAP_FIREWALL_POLICY,  /* of a built-in chain: `rule` is ACCEPT or DROP */
	NEAP_FIREWALL_APPEND,  /* a rule, at the end */
	NEAP_FIREWALL_PREPEND, /* a rule, at the beginning */
	NEAP_FIREWALL_REMOVE,  /* a rule, the first one like it */
};
int neap_host_firewall(struct neap_host *host, const struct neap_table *table,
		       enum neap_firewall_change change, const char *chain, const char *rule,
		       struct neap_error **err);

/*
 * A value that cannot be foreseen (a key, a signature, a random token): `make` is called where changes are
 * really made; in a plan it is not, and *ret is content that is not known. Either way *ret is for
 * neap_host_write(). `make` touches nothing.
 */
typedef int neap_make_fn(void *ctx, struct neap_arena *arena, struct neap_text *ret, struct neap_error **err);
int neap_host_make(struct neap_host *host, neap_make_fn *make, void *ctx, struct neap_arena *arena,
		   struct neap_content *ret, struct neap_error **err);

/* Keeps what neap_view_cached() finds; a plan keeps it until it ends. Best effort: a full disk is no reason
 * to fail.
 */
void neap_host_cache(struct neap_host *host, const char *kind, const char *key, const void *data, size_t len);
/* An opaque change: in a plan it does not run, returns 0 with status 0, and what it may have touched reads
 * as unknown (see overlay.h). Where it runs, all changes before it have landed. */
int neap_host_run(struct neap_host *host, const struct neap_process *process, struct neap_arena *arena,
		  struct neap_process_result *ret, struct neap_error **err);

/* How a server is met: PEM files of the machine, through links, at most 1 MB each. NULL: none. */
struct neap_tls_files {
	const char *ca_cert;     /* by which it is verified, instead of by the system's */
	const char *client_cert; /* shown to it; */
	const char *client_key;  /* NULL: in the same file */
};

/* What is to be had, and how it is known to be that. */
struct neap_fetch {
	const char *const *urls; /* tried in order, NULL-terminated; good ones (base/url.h) */
	const char *const
		*headers; /* "Name: value", NULL-terminated, or NULL; may hold secrets. They and the client
			     certificate go to the servers of `urls`, and to none that these send us on to */
	struct neap_checksum checksum;
	struct neap_tls_files tls;
	unsigned timeout; /* seconds for each URL; 0: 4 hours */
	uint64_t max;     /* bytes; 0: 16 GB */
};
/*
 * Bytes by URL, into a private place, checked as they come; a part that a run that died has left is gone on
 * with. In a plan nothing is asked of the network and *ret is content that is not known. Either way *ret is
 * for neap_host_write(), and good until the step's changes have landed. All changes before it land first.
 */
int neap_host_fetch(struct neap_host *host, const struct neap_fetch *fetch, struct neap_arena *arena,
		    struct neap_content *ret, struct neap_error **err);

/* What is to answer, one of the three. */
struct neap_probe {
	const char *url;            /* http or https: a status as wanted. No redirect is followed */
	const char *const *headers; /* as above */
	unsigned status;            /* 0: any from 200 to 399 */
	struct neap_tls_files tls;
	const char *host; /* somebody listens at this port, TCP; a name or an address */
	uint16_t port;
	const struct neap_process *command; /* a query that ends with 0 */
	unsigned timeout;                   /* seconds for all; 0: 60 */
	unsigned delay;                     /* between two tries; 0: 1 */
};
/* Waits until it answers, or fails with the last try's error. Nothing is changed. In a plan it returns at
 * once; in an apply all changes before it land first. */
int neap_host_wait(struct neap_host *host, const struct neap_probe *probe, struct neap_error **err);

/* How it is known that a change has not cut off who makes it. */
struct neap_confirm {
	unsigned within; /* seconds */
	const char *const
		*probe; /* a query that ends with 0, NULL-terminated; NULL: somebody says so by hand */
};
/*
 * "What this step has changed so far may cut us off." In a plan nothing happens. In an apply all changes
 * before the step's land; then what would take its own back is written down and a clock set; then they land,
 * and it is waited until they are confirmed: 0. Else they are taken back, or were never made, and the step
 * has failed. Only for changes of links, addresses, routes and the packet filter; without any it costs
 * nothing.
 */
int neap_host_confirm(struct neap_host *host, const struct neap_confirm *confirm, struct neap_error **err);

enum neap_unit_verb {
	NEAP_UNIT_START, /* one that failed before is given all its tries again */
	NEAP_UNIT_STOP,
	NEAP_UNIT_RESTART, /* or start */
	NEAP_UNIT_RELOAD,  /* or restart, when it cannot reload; nothing when it does not run */
};
struct neap_unit_job {
	const char *name;
	enum neap_unit_verb verb;
	unsigned timeout; /* seconds that it is waited for, then it goes on alone; 0: 300 */
	bool secret;      /* its journal is not to be quoted */
};
/* An opaque change: waits until the job is done; after a start or restart the unit is there, or it is an
 * error that says why. In a plan it does not run, and the unit is foreseen to be as it leads to. Where it
 * runs, all changes before it have landed. */
int neap_host_unit(struct neap_host *host, const struct neap_unit_job *job, struct neap_error **err);
/* The manager reads all files of units anew. All changes before it land first. Not opaque. */
int neap_host_units_reload(struct neap_host *host, struct neap_error **err);
/* "It may do so, or not": whether units that were stale before this are so still reads as unknown. Only ever
 * needed where a read was unknown, thus in a plan. */
void neap_host_units_unsettle(struct neap_host *host);

/* Where kernel settings are files. */
#define NEAP_KERNEL_ROOT "/proc/sys"
/* Below it each chain has a path, /ipv4/nat/POSTROUTING, by which claims name it. Nothing is there. */
#define NEAP_FIREWALL_ROOT "/proc/xtables"
const char *neap_firewall_path(const struct neap_table *table, const char *chain, struct neap_arena *arena);

/* ---- for hosts --------------------------------------------------------------------------------------- */

/* Each function has the meaning of the neap_view_ / neap_host_ function of its name. */
struct neap_reads {
	int (*stat)(const struct neap_view *, const char *path, struct neap_stat *, struct neap_error **);
	int (*file)(const struct neap_view *, const char *path, struct neap_arena *, struct neap_stat *,
		    struct neap_content *, struct neap_error **);
	int (*small_file)(const struct neap_view *, const char *path, struct neap_arena *, struct neap_stat *,
			  struct neap_content *, struct neap_error **);
	int (*link)(const struct neap_view *, const char *path, struct neap_arena *, struct neap_stat *,
		    const char **target, struct neap_error **);
	int (*list)(const struct neap_view *, const char *path, struct neap_arena *, struct neap_entry **,
		    size_t *, struct neap_error **);
	/* The parsed accounts of this host, dropped by the host when /etc/passwd or /etc/group change under
	 * it. */
	struct neap_accounts *(*accounts)(const struct neap_view *);
	/* The user and group this host acts as. */
	void (*caller)(const struct neap_view *, uint32_t *uid, uint32_t *gid);
	/* Machines only, may be NULL: whether the caller may make and remove entries in `directory`. */
	int (*writable)(const struct neap_view *, const char *directory, struct neap_error **);
	/* Machines only, may be NULL: whether the caller may change a part that is no file. `path` of KERNEL.
	 */
	bool (*may)(const struct neap_view *, enum neap_right, const char *path);
	uint32_t (*cause)(const struct neap_view *);
	uint64_t (*generation)(const struct neap_view *); /* may be NULL: 0 */
	bool (*changed)(const struct neap_view *, uint64_t since, struct neap_arena *,
			const char *const **ret, size_t *ret_count); /* with a generation */
	int (*query)(const struct neap_view *, const struct neap_process *, struct neap_arena *,
		     struct neap_process_result *, struct neap_error **);
	int64_t (*clock)(const struct neap_view *);
	bool (*running)(const struct neap_view *);
	/* `path` is the setting's below /proc/sys, as of a file. */
	int (*kernel)(const struct neap_view *, const char *path, struct neap_arena *, const char **,
		      struct neap_error **);
	/* A table with at least these parts, good until the next change. */
	int (*net)(const struct neap_view *, unsigned parts, const struct neap_net **, struct neap_error **);
	/* What a look into that table ends with; takes the error. NULL: with what it found. */
	int (*net_settle)(const struct neap_view *, int r, bool absent, struct neap_error **local,
			  struct neap_error **);
	/* Borrowed: good until the next change. */
	int (*ruleset)(const struct neap_view *, const struct neap_table *, const struct neap_ruleset **,
		       struct neap_error **);
	/* What is asked for is not in the set: 0, it is so; NEAP_UNKNOWN. May be NULL. `rule` NULL: the
	 * chain. */
	int (*rule_absent)(const struct neap_view *, const struct neap_table *, const char *chain,
			   const char *rule);
	/* `set`: the chains that there are. */
	int (*rule_form)(const struct neap_view *, const struct neap_table *, const struct neap_ruleset *set,
			 const struct neap_rule_wish *, const struct neap_rule_others *, struct neap_arena *,
			 struct neap_rule_form *, struct neap_error **);
	/* May be NULL. */
	void (*rule_wanted)(const struct neap_view *, const struct neap_table *, const char *chain,
			    const char *rule, bool wanted);
	const char *(*firewall_name)(const struct neap_view *, enum neap_family, struct neap_arena *);
	void (*cached)(const struct neap_view *, const char *kind, const char *key, struct neap_arena *,
		       struct neap_content *);
	int (*checksum)(const struct neap_view *, const char *path, enum neap_checksum_kind,
			struct neap_stat *, struct neap_checksum *, struct neap_error **);
	bool (*manager)(const struct neap_view *);
	/* The name is a whole one of no template. */
	int (*unit)(const struct neap_view *, const char *name, struct neap_arena *, struct neap_unit_state *,
		    struct neap_error **);
	void (*units_expected)(const struct neap_view *, const char *const *names, size_t count);
};

struct neap_changes {
	int (*write)(struct neap_host *, const char *path, const struct neap_file_write *,
		     struct neap_error **);
	int (*attributes)(struct neap_host *, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
			  struct neap_error **);
	int (*mkdir)(struct neap_host *, const char *path, uint32_t mode, uint32_t uid, uint32_t gid,
		     struct neap_error **);
	int (*symlink)(struct neap_host *, const char *path, const char *target, struct neap_error **);
	int (*unlink)(struct neap_host *, const char *path, struct neap_error **);
	int (*rmdir)(struct neap_host *, const char *path, struct neap_error **);
	int (*unsettle)(struct neap_host *, const char *path, struct neap_error **);
	int (*run)(struct neap_host *, const struct neap_process *, struct neap_arena *,
		   struct neap_process_result *, struct neap_error **);
	int (*kernel)(struct neap_host *, const char *path, const char *value, struct neap_error **);
	int (*net)(struct neap_host *, const struct neap_net_change *, struct neap_error **);
	int (*firewall)(struct neap_host *, const struct neap_table *, enum neap_firewall_change,
			const char *chain, const char *rule, struct neap_error **);
	int (*make)(struct neap_host *, neap_make_fn *, void *ctx, struct neap_arena *, struct neap_content *,
		    struct neap_error **);
	void (*cache)(struct neap_host *, const char *kind, const char *key, const void *data, size_t len);
	int (*fetch)(struct neap_host *, const struct neap_fetch *, struct neap_arena *,
		     struct neap_content *, struct neap_error **);
	int (*wait)(struct neap_host *, const struct neap_probe *, struct neap_error **);
	int (*confirm)(struct neap_host *, const struct neap_confirm *, struct neap_error **);
	int (*unit)(struct neap_host *, const struct neap_unit_job *, struct neap_error **);
	int (*units_reload)(struct neap_host *, struct neap_error **);
	void (*units_unsettle)(struct neap_host *);
};
