/* Asks and drives dpkg and apt. See apt.h. */
#include "engine/apt.h"

#define OUTPUT_BYTES ((size_t)8 << 20)
#define TRANSACTION_SECONDS 7200

void neap_words_add(struct neap_words *words, const char *const *more)
{
	while (*more)
		neap_vec_push(&words->list, *more++);
}

void neap_words_done(struct neap_words *words)
{
	neap_vec_done(&words->list);
}

static void add_all(struct neap_words *words, const struct neap_words *more)
{
	for (size_t i = 0; more && i < more->list.count; i++)
		neap_vec_push(&words->list, more->list.items[i]);
}

/* ---- questions --------------------------------------------------------------------------------------- */

const char *neap_apt_plain_name(struct neap_arena *arena, const char *name, const char *native)
{
	const char *colon = strchr(name, ':');

	if (!colon || strcmp(colon + 1, native) != 0)
		return name;
	return neap_arena_copy(arena, name, (size_t)(colon - name));
}

/* Ends `words`. 0 and what it printed, whatever its status. */
static int ask(const struct neap_view *view, struct neap_arena *arena, struct neap_words *words,
	       struct neap_process_result *ret, struct neap_error **err)
{
	neap_vec_push(&words->list, NULL);
	struct neap_process process = {
		.argv = words->list.items,
		.shared = true,
		/* apt unpacks signatures somewhere; whatever lies here is no source of packages. */
		.scratch = "/var/cache/apt/archives/partial",
		.output_max = OUTPUT_BYTES,
	};
	*ret = (struct neap_process_result){ 0 };
	int r = neap_view_query(view, &process, arena, ret, err);

	if (r < 0)
		neap_error_hint(err, "packages are managed by dpkg and apt; they have to be installed");
	else if (r == 0 && ret->out_len >= OUTPUT_BYTES)
		r = neap_error_set(err, "%s says more than %zu MB", process.argv[0], OUTPUT_BYTES >> 20);
	neap_words_done(words);
	return r;
}

static struct neap_str out_of(const struct neap_process_result *result)
{
	return (struct neap_str){ result->out, result->out_len };
}

int neap_apt_installed(const struct neap_view *view, struct neap_arena *arena, const struct neap_words *names,
		       struct neap_map *ret, const char **ret_native, struct neap_error **err)
{
	static const char format[] = "--showformat=" NEAP_DPKG_FORMAT;
	struct neap_words words = { 0 };
	struct neap_process_result result;
	struct neap_dpkg_package *packages;
	size_t count;

	/* dpkg itself tells the machine's own architecture. */
	neap_words_add(&words, (const char *const[]){ "dpkg-query", format, "--show", "dpkg", NULL });
	add_all(&words, names);
	int r = ask(view, arena, &words, &result, err);
	if (r)
		return r;
	/* 1: it does not know one of the names. */
	if (result.status > 1)
		return neap_error_set(err, "dpkg-query: %s",
				      neap_apt_complaint(arena, result.out, result.errors));
	if (neap_dpkg_parse(arena, out_of(&result), &packages, &count, err) < 0)
		return -1;
	*ret_native = NULL;
	for (size_t i = 0; i < count; i++)
		if (strcmp(packages[i].name, "dpkg") == 0 && packages[i].status == NEAP_DPKG_INSTALLED)
			*ret_native = packages[i].architecture;
	if (!*ret_native)
		return neap_error_set(err, "dpkg does not know itself: this is no Debian system");
	for (size_t i = 0; i < count; i++) {
		struct neap_dpkg_package *package = &packages[i];
		const char *name = package->name;

		if (strcmp(package->architecture, *ret_native) != 0 &&
		    strcmp(package->architecture, "all") != 0)
			name = neap_arena_printf(arena, "%s:%s", name, package->architecture);
		neap_map_put(ret, neap_str(name), package);
	}
	return 0;
}

int neap_apt_policies(const struct neap_view *view, struct neap_arena *arena, const struct neap_words *names,
		      struct neap_map *ret, struct neap_error **err)
{
	struct neap_words words = { 0 };
	struct neap_process_result result;
	struct neap_apt_policy *policies;
	size_t count;

	neap_words_add(&words, (const char *const[]){ "apt-cache", "policy", NULL });
	add_all(&words, names);
	int r = ask(view, arena, &words, &result, err);
	if (r)
		return r;
	if (result.status)
		return neap_error_set(err, "apt-cache policy: %s",
				      neap_apt_complaint(arena, result.out, result.errors));
	neap_apt_policy_parse(arena, out_of(&result), &policies, &count);
	for (size_t i = 0; i < count; i++)
		neap_map_put(ret, neap_str(policies[i].name), &policies[i]);
	return 0;
}

bool neap_apt_interrupted(const struct neap_view *view, struct neap_arena *arena)
{
	struct neap_entry *entries;
	size_t count = 0;

	if (neap_view_list(view, "/var/lib/dpkg/updates", arena, &entries, &count, NULL) != 0)
		return false;
	for (size_t i = 0; i < count; i++)
		if (entries[i].name[strspn(entries[i].name, "0123456789")] == '\0')
			return true;
	return false;
}

/* ---- apt-get install ----------------------------------------------------------------------------------- */

enum mode { SIMULATE, KEEP_ALL, MAY_REMOVE };

/* The same words for asking and for doing. Configuration files that somebody edited stay as they are. */
static void apt_get(struct neap_words *words, struct neap_arena *arena,
		    const struct neap_apt_request *request, enum mode mode, bool fix)
{
	neap_words_add(words,
		       (const char *const[]){ "apt-get", "-q", "-y", "-o", "APT::Get::HideAutoRemove=1", "-o",
					      "APT::Get::Show-Versions=0", "-o", "Dpkg::Use-Pty=0", "-o",
					      "Dpkg::Options::=--force-confdef", "-o",
					      "Dpkg::Options::=--force-confold", "-o", NULL });
	neap_vec_push(&words->list,
		      neap_arena_printf(arena, "DPkg::Lock::Timeout=%lld", (long long)request->lock_wait));
	if (request->downgrade)
		neap_vec_push(&words->list, "--allow-downgrades");
	if (request->held)
		neap_vec_push(&words->list, "--allow-change-held-packages");
	if (request->again)
		neap_vec_push(&words->list, "--reinstall");
	if (mode == SIMULATE)
		neap_vec_push(&words->list, "--simulate");
	else if (mode == KEEP_ALL)
		neap_vec_push(&words->list, "--no-remove");
	if (fix)
		neap_vec_push(&words->list, "--fix-broken");
	neap_vec_push(&words->list, "install");
	if (!fix)
		add_all(words, &request->words);
}

/* What apt-get says when it will do nothing before packages that are there fit together again. */
static bool is_broken(const struct neap_process_result *result)
{
	return result->status && strstr(result->errors, "--fix-broken");
}

int neap_apt_simulate(const struct neap_view *view, struct neap_arena *arena,
		      const struct neap_apt_request *request, struct neap_apt_simulation *ret,
		      const char **ret_why, bool *ret_broken, struct neap_error **err)
{
	struct neap_words words = { 0 };
	struct neap_process_result result;

	*ret = (struct neap_apt_simulation){ 0 };
	*ret_why = NULL;
	apt_get(&words, arena, request, SIMULATE, false);
	int r = ask(view, arena, &words, &result, err);
	*ret_broken = r == 0 && is_broken(&result);
	if (*ret_broken) {
		apt_get(&words, arena, request, SIMULATE, true);
		r = ask(view, arena, &words, &result, err);
	}
	if (r)
		return r;
	if (result.status)
		*ret_why = neap_arena_printf(arena, "apt-get: %s",
					     neap_apt_complaint(arena, result.out, result.errors));
	else
		neap_apt_simulation_parse(arena, out_of(&result), ret);
	return 0;
}

/* ---- changes ----------------------------------------------------------------------------------------- */

/* dpkg does not wait for its lock, nor apt for that of its lists; this does, a second at a time. Seconds,
 * then the command. */
static const char patience[] = "left=$1; shift; while :; do out=$(\"$@\" 2>&1) && exit 0; case $out in "
			       "*'locked by another process'*) ;; "
			       "*'Could not get lock'*) ;; *) break ;; esac; [ \"$left\" -gt 0 ] || break; "
			       "left=$((left - 1)); sleep 1; "
			       "done; printf '%s\\n' \"$out\" >&2; exit 1";

/* Ends `words`. 0 when it ended, whatever its status. */
static int run(struct neap_host *host, struct neap_arena *arena, struct neap_words *words, int64_t lock_wait,
	       struct neap_process_result *ret, struct neap_error **err)
{
	static const char *const settings[] = { "DEBIAN_FRONTEND=noninteractive", "UCF_FORCE_CONFFOLD=1",
						"APT_LISTCHANGES_FRONTEND=none", NULL };

	neap_vec_push(&words->list, NULL);
	struct neap_process process = {
		.argv = words->list.items,
		.settings = settings,
		.timeout = (unsigned)lock_wait + TRANSACTION_SECONDS,
		.output_max = OUTPUT_BYTES,
	};
	*ret = (struct neap_process_result){ 0 };
	int r = neap_host_run(host, &process, arena, ret, err);
	neap_words_done(words);
	return r;
}

static int complain(struct neap_arena *arena, const char *title, const struct neap_process_result *result,
		    struct neap_error **err)
{
	const char *said = neap_apt_complaint(arena, result->out, result->errors);

	neap_error_set(err, "%s: %s", title, said);
	if (strstr(said, "are you root") || strstr(said, "Are you root"))
		return neap_error_hint(err, "only root may change packages");
	if (strstr(said, "lock"))
		return neap_error_hint(
			err, "another program is at work with packages: run again when it has ended, "
			     "or give a longer lock_wait");
	return -1;
}

int neap_apt_run(struct neap_host *host, struct neap_arena *arena, const char *const *command,
		 const struct neap_words *names, int64_t lock_wait, const char *title,
		 struct neap_error **err)
{
	struct neap_words words = { 0 };
	struct neap_process_result result;

	neap_words_add(&words, (const char *const[]){ "sh", "-c", patience, "sh", NULL });
	neap_vec_push(&words.list, neap_arena_printf(arena, "%lld", (long long)lock_wait));
	neap_words_add(&words, command);
	add_all(&words, names);
	int r = run(host, arena, &words, lock_wait, &result, err);
	return r == 0 && result.status ? complain(arena, title, &result, err) : r;
}

static int configure_all(struct neap_host *host, struct neap_arena *arena, int64_t lock_wait,
			 struct neap_error **err)
{
	return neap_apt_run(host, arena,
			    (const char *const[]){ "dpkg", "--force-confdef", "--force-confold",
						   "--configure", "-a", NULL },
			    NULL, lock_wait, "dpkg --configure -a", err);
}

static int fix_broken(struct neap_host *host, struct neap_arena *arena,
		      const struct neap_apt_request *request, struct neap_error **err)
{
	struct neap_words words = { 0 };
	struct neap_process_result result;

	apt_get(&words, arena, request, KEEP_ALL, true);
	int r = run(host, arena, &words, request->lock_wait, &result, err);
	return r == 0 && result.status ? complain(arena, "apt-get --fix-broken install", &result, err) : r;
}

int neap_apt_install(struct neap_host *host, struct neap_arena *arena, const struct neap_apt_request *request,
		     bool may_remove, struct neap_error **err)
{
	bool configured = false, fixed = false;

	for (;;) {
		struct neap_words words = { 0 };
		struct neap_process_result result;

		apt_get(&words, arena, request, may_remove ? MAY_REMOVE : KEEP_ALL, false);
		int r = run(host, arena, &words, request->lock_wait, &result, err);
		if (r < 0 || !result.status)
			return r;
		/* apt-get had the lock when it found this out, so nobody is at work on it. */
		if (!configured && strstr(result.errors, "dpkg was interrupted")) {
			configured = true;
			r = configure_all(host, arena, request->lock_wait, err);
		} else if (!fixed && is_broken(&result)) {
			fixed = true;
			r = fix_broken(host, arena, request, err);
		} else {
			r = complain(arena, "apt-get install", &result, err);
		}
		if (r < 0)
			return r;
	}
}
