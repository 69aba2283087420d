/*
 * neap.cron: a job of cron, as a file of its own in /etc/cron.d.
 *
 * What cron would pass over in silence is an error here. Knows the machine only through the view and the
 * host; must not know Lua, other types, nor whether this is a plan.
 */
#include "engine/owned.h"
#include "engine/part.h"

enum { NAME, COMMAND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, SPECIAL, USER, ENVIRONMENT, ENSURE, PARAM_COUNT };

#define DIRECTORY "/etc/cron.d"
#define NAME_MAX_LEN 200
#define COMMAND_MAX_LEN 990 /* cron passes over lines with more than 999 */
#define FIELD_MAX_LEN 200
#define SETTING_MAX_LEN 900

struct cron_want {
	struct neap_want base;
	const char *name, *command;
	const char *fields[5]; /* minute … weekday */
	const char *special, *user;
	struct neap_texts environment;
	unsigned ensure;
};

struct cron_have {
	struct neap_owned_state file;
	struct neap_text wanted;
	bool known; /* all of what is wanted */
};

static const struct neap_param params[PARAM_COUNT];

static bool is_secret(const struct cron_want *want)
{
	for (size_t i = 0; neap_given(want, ENVIRONMENT) && i < want->environment.count; i++)
		if (want->environment.texts[i].span_count)
			return true;
	return false;
}

static const char *path_of(const struct cron_want *want, struct neap_arena *arena)
{
	return neap_arena_printf(arena, DIRECTORY "/%s", want->name);
}

/* ---- when -------------------------------------------------------------------------------------------- */

static const char *const months[] = { "jan", "feb", "mar", "apr", "may", "jun", "jul",
				      "aug", "sep", "oct", "nov", "dec", NULL };
static const char *const days[] = { "sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL };

static const struct field {
	unsigned min, max;
	const char *const *names;
} fields[] = { { 0, 59, NULL }, { 0, 23, NULL }, { 1, 31, NULL }, { 1, 12, months }, { 0, 7, days } };

struct reader {
	const struct field *field;
	const char *param, *text, *at;
	struct neap_error **err;
};

static int wrong(const struct reader *reader, const char *why)
{
	const struct field *field = reader->field;

	neap_error_set(reader->err, "%s = \"%.*s\": %s", reader->param, FIELD_MAX_LEN, reader->text, why);
	return neap_error_hint(
		reader->err,
		"it takes \"*\", numbers from %u to %u, ranges such as \"%u-%u\", steps such as "
		"\"*/2\", and lists of these with commas%s",
		field->min, field->max, field->min, field->max,
		field->names ? "; or one name of three letters" : "");
}

static int read_number(struct reader *reader, unsigned *ret)
{
	unsigned number = 0, digits = 0;

	for (; *reader->at >= '0' && *reader->at <= '9' && digits < 4; digits++)
		number = 10 * number + (unsigned)(*reader->at++ - '0');
	if (digits == 0)
		return wrong(reader, "a number is missing, or is none");
	*ret = number;
	return 0;
}

/* "*", "3", "1-5", each but the second with "/2" */
static int read_item(struct reader *reader)
{
	const struct field *field = reader->field;
	unsigned first = field->min, last = field->max, step = 0;
	bool single = false;

	if (*reader->at == '*') {
		reader->at++;
	} else {
		if (read_number(reader, &first) < 0)
			return -1;
		last = first;
		single = *reader->at != '-';
		if (!single) {
			reader->at++;
			if (read_number(reader, &last) < 0)
				return -1;
		}
		if (first < field->min || first > field->max || last < field->min || last > field->max)
			return wrong(reader, "a number is out of range");
		if (first > last)
			return wrong(reader, "a range ends before it begins");
	}
	if (*reader->at != '/')
		return 0;
	reader->at++;
	if (read_number(reader, &step) < 0)
		return -1;
	if (single)
		return wrong(reader, "a step needs a range or \"*\" before it");
	if (step == 0 || step > last - first)
		return wrong(reader, "the step leaves nothing but the first of its range");
	return 0;
}

static int check_field(const struct field *field, const char *param, const char *text,
		       struct neap_error **err)
{
	struct reader reader = { .field = field, .param = param, .text = text, .at = text, .err = err };

	if (strlen(text) > FIELD_MAX_LEN)
		return neap_error_set(err, "%s is longer than %d bytes", param, FIELD_MAX_LEN);
	for (size_t i = 0; field->names && field->names[i]; i++)
		if (strcasecmp(text, field->names[i]) == 0)
			return 0;
	for (;;) {
		if (read_item(&reader) < 0)
			return -1;
		if (*reader.at == '\0')
			return 0;
		if (*reader.at != ',')
			return wrong(&reader, "it cannot be read");
		reader.at++;
	}
}

/* What is finer than a field that is given has to be given too: else the job would run much more often than
 * is likely meant. */
static int check_times(const struct cron_want *want, struct neap_error **err)
{
	static const char *const often[] = { "minute", "hour" };
	bool any = false;

	for (unsigned i = 0; i < 5; i++) {
		if (!neap_given(want, MINUTE + i))
			continue;
		any = true;
		if (neap_given(want, SPECIAL)) {
			neap_error_set(err, "special and %s contradict each other", params[MINUTE + i].name);
			return neap_error_hint(err, "give one of them");
		}
		if (check_field(&fields[i], params[MINUTE + i].name, want->fields[i], err) < 0)
			return -1;
		for (unsigned k = 0; k < i && k < 2; k++) {
			if (neap_given(want, MINUTE + k))
				continue;
			neap_error_set(err, "%s is given without %s: the job would run every %s of it",
				       params[MINUTE + i].name, often[k], often[k]);
			return neap_error_hint(err, "add %s = 0, or %s = \"*\" if that is meant", often[k],
					       often[k]);
		}
	}
	if (any || neap_given(want, SPECIAL))
		return 0;
	neap_error_set(err, "minute, hour, day, month, weekday or special is required: when is it to run?");
	return neap_error_hint(err, "minute = \"*\" is every minute");
}

static int check_special(const char *special, struct neap_error **err)
{
	static const char *const known[] = { "@reboot", "@yearly", "@annually", "@monthly", "@weekly",
					     "@daily",  "@hourly", "@midnight", NULL };
	const char *nearest;

	for (size_t i = 0; known[i]; i++)
		if (strcmp(special, known[i]) == 0)
			return 0;
	neap_error_set(err, "special \"%.40s\" is none that cron knows", special);
	nearest = neap_str_nearest(special, known);
	if (nearest)
		return neap_error_hint(err, "did you mean \"%s\"?", nearest);
	return neap_error_hint(err, "it is one of @reboot, @yearly, @monthly, @weekly, @daily, @hourly");
}

/* ---- what -------------------------------------------------------------------------------------------- */

static int check_name(const char *name, struct neap_error **err)
{
	size_t len = strlen(name);

	if (len > NAME_MAX_LEN)
		return neap_error_set(err, "name is longer than %d bytes", NAME_MAX_LEN);
	for (size_t i = 0; i < len; i++) {
		char c = name[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
		    c == '-')
			continue;
		neap_error_set(err, "name \"%s\" is not one that cron reads", name);
		return neap_error_hint(err, "it is the name of a file in " DIRECTORY ", of letters, digits, "
					    "\"_\" and \"-\"; cron passes over all others");
	}
	return 0;
}

static int check_command(const char *command, struct neap_error **err)
{
	size_t len = strlen(command);

	if (len > COMMAND_MAX_LEN) {
		neap_error_set(err, "command is longer than %d bytes", COMMAND_MAX_LEN);
		return neap_error_hint(err, "cron passes over what is longer: put it into a script");
	}
	if (strchr(command, '\r') || command[0] == ' ' || command[0] == '\t')
		return neap_error_set(err, "command must not begin with a blank, nor hold a carriage return");
	for (size_t i = 0; i < len; i++) {
		if (command[i] == '\\' && command[i + 1] == '%') {
			i++;
		} else if (command[i] == '%') {
			neap_error_set(err, "command holds a %% that is not escaped");
			return neap_error_hint(
				err, "for cron the command ends there, and the rest is its standard input: "
				     "write \\%% (in a string of Lua: \\\\%%)");
		}
	}
	return 0;
}

static int check_environment(const struct neap_texts *environment, struct neap_error **err)
{
	for (size_t i = 0; i < environment->count; i++) {
		const char *name = environment->names[i];
		struct neap_str value = { environment->texts[i].data, environment->texts[i].len };
		size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789");
		if (!name[0] || name[len] || (name[0] >= '0' && name[0] <= '9'))
			return neap_error_set(err, "environment: \"%.60s\" is not the name of a variable",
					      name);
		if (len + value.len > SETTING_MAX_LEN)
			return neap_error_set(err, "environment: %.60s is longer than %d bytes", name,
					      SETTING_MAX_LEN);
		if (!value.len)
			continue;
		if (memchr(value.data, '\n', value.len) || memchr(value.data, '\0', value.len) ||
		    memchr(value.data, '\r', value.len))
			return neap_error_set(err, "environment: %s must be one line", name);
		if (memchr(value.data, '"', value.len) && memchr(value.data, '\'', value.len)) {
			neap_error_set(err, "environment: %s holds both kinds of quotes", name);
			return neap_error_hint(err, "cron cannot be told such a value: set it in a script");
		}
	}
	return 0;
}

static struct neap_text compose(const struct cron_want *want, struct neap_arena *arena)
{
	struct neap_text_builder text NEAP_AUTO_TEXT_BUILDER = { 0 };

	neap_text_builder_add(&text,
			      neap_text("# Made by neap; what is changed here by hand is made again.\n"));
	for (size_t i = 0; neap_given(want, ENVIRONMENT) && i < want->environment.count; i++) {
		const struct neap_text *value = &want->environment.texts[i];
		const char *quote = value->len && memchr(value->data, '"', value->len) ? "'" : "\"";
		neap_text_builder_add(&text, neap_text(want->environment.names[i]));
		neap_text_builder_add(&text, neap_text("="));
		neap_text_builder_add(&text, neap_text(quote));
		neap_text_builder_add(&text, *value);
		neap_text_builder_add(&text, neap_text(quote));
		neap_text_builder_add(&text, neap_text("\n"));
	}
	if (neap_given(want, SPECIAL))
		neap_text_builder_add(&text, neap_text(want->special));
	for (unsigned i = 0; i < 5 && !neap_given(want, SPECIAL); i++) {
		neap_text_builder_add(&text, neap_text(i ? " " : ""));
		neap_text_builder_add(&text, neap_text(neap_given(want, MINUTE + i) ? want->fields[i] : "*"));
	}
	neap_text_builder_add(&text, neap_text(neap_arena_printf(
					     arena, " %s %s\n", neap_given(want, USER) ? want->user : "root",
					     neap_given(want, COMMAND) ? want->command : "")));
	return neap_text_builder_take(&text, arena);
}

/* ---- the type ---------------------------------------------------------------------------------------- */

static int cron_check(const void *wanted, struct neap_error **err)
{
	const struct cron_want *want = wanted;

	if (check_name(want->name, err) < 0)
		return -1;
	if (want->ensure == NEAP_ABSENT)
		return neap_absent_check(want, COMMAND, PARAM_COUNT - 1, err);
	if (!neap_given(want, COMMAND))
		return neap_error_set(err, "command is required, unless ensure = \"absent\"");
	if (check_command(want->command, err) < 0 || check_times(want, err) < 0)
		return -1;
	if (neap_given(want, SPECIAL) && check_special(want->special, err) < 0)
		return -1;
	if (neap_given(want, USER) && !want->user[strspn(want->user, "0123456789")]) {
		neap_error_set(err, "user %s is a number", want->user);
		return neap_error_hint(err, "cron knows users by their names only");
	}
	return neap_given(want, ENVIRONMENT) ? check_environment(&want->environment, err) : 0;
}

static void cron_claim(const void *wanted, struct neap_claims *claims)
{
	const struct cron_want *want = wanted;
	struct neap_arena *arena NEAP_AUTO_ARENA = neap_arena_new();

	neap_claim_path(claims, path_of(want, arena),
			NEAP_ASPECT_EXISTENCE | NEAP_ASPECT_CONTENT | NEAP_ASPECT_ATTRIBUTES,
			want->ensure == NEAP_ABSENT);
}

/* cron takes no file that is not root's. `text` is what shall be in it. */
static struct neap_owned file_of(const struct cron_want *want, struct neap_arena *arena,
				 const struct neap_text *text)
{
	return (struct neap_owned){
		.path = path_of(want, arena),
		.content = { .data = text->data, .size = text->len },
		.text = text,
		.secret = is_secret(want),
		.over_link = true,
	};
}

static int cron_read(const struct neap_view *view, const struct neap_context *ctx, const void *wanted,
		     void *had, struct neap_error **err)
{
	const struct cron_want *want = wanted;
	struct cron_have *have = had;
	uint32_t uid;

	if (want->ensure == NEAP_PRESENT && neap_given(want, COMMAND) &&
	    check_command(want->command, err) < 0)
		return -1; /* it may be known only now */
	have->known = neap_given(want, COMMAND);
	have->wanted = compose(want, ctx->scratch);
	struct neap_owned file = file_of(want, ctx->scratch, &have->wanted);
	int r = neap_owned_read(view, ctx->scratch, &file, &have->file, err);
	if (r || want->ensure == NEAP_ABSENT)
		return r;
	if (!have->known)
		have->file.changes = have->file.stat.kind != NEAP_FILE_REGULAR;
	return neap_view_user(view, neap_given(want, USER) ? want->user : "root", &uid, err);
}

static int cron_diff(const struct neap_context *ctx, const void *wanted, const void *had,
		     struct neap_diff *diff, struct neap_error **err)
{
	const struct cron_want *want = wanted;
	const struct cron_have *have = had;
	struct neap_owned file = file_of(want, ctx->scratch, &have->wanted);
	struct neap_owned_state state = have->file;
	(void)err;

	if (want->ensure == NEAP_ABSENT) {
		if (state.stat.kind != NEAP_FILE_ABSENT)
			neap_diff_ensure(diff, NEAP_ABSENT);
		return 0;
	}
	if (state.stat.kind == NEAP_FILE_ABSENT)
		neap_diff_ensure(diff, NEAP_PRESENT);
	else if (state.stat.kind == NEAP_FILE_LINK)
		neap_diff_string(diff, "kind", "link", "file");
	state.changes = state.changes && have->known;
	neap_owned_diff(&file, &state, "content", diff);
	return 0;
}

static int cron_apply(struct neap_host *host, const struct neap_context *ctx, const void *wanted,
		      const void *had, struct neap_error **err)
{
	const struct cron_want *want = wanted;
	const struct cron_have *have = had;
	struct neap_text text = have ? have->wanted : compose(want, ctx->scratch);
	struct neap_owned file = file_of(want, ctx->scratch, &text);

	if (want->ensure == NEAP_ABSENT)
		return neap_host_unlink(host, file.path, err);
	if (!neap_given(want, COMMAND) && neap_part_unknown(host, ctx->scratch, &file.content, err) < 0)
		return -1;
	return neap_owned_apply(host, &file, have ? &have->file : NULL, err);
}

#define WHEN(NAME_, DOC_, INDEX_)                                                                            \
	{                                                                                                    \
		.name = NAME_, .kind = NEAP_PARAM_STRING, .flags = NEAP_PARAM_OR_INTEGER, .doc = DOC_,       \
		.fallback = "*", .offset = offsetof(struct cron_want, fields) + (INDEX_) * sizeof(char *)    \
	}

static const struct neap_param params[PARAM_COUNT] = {
	[NAME] = {
		.name = "name",
		.kind = NEAP_PARAM_STRING,
		.flags = NEAP_PARAM_KEY | NEAP_PARAM_REQUIRED,
		.doc = "The name of the file in /etc/cron.d: letters, digits, `_` and `-`.",
		.offset = offsetof(struct cron_want, name),
	},
	[COMMAND] = {
		.name = "command",
		.kind = NEAP_PARAM_STRING,
		.doc = "What /bin/sh is to run, at most 990 bytes. A `%` has to be written as `\\%`: cron ends the command "
		       "at a bare one. Required unless the job is to be absent.",
		.offset = offsetof(struct cron_want, command),
	},
	[MINUTE] = WHEN("minute", "0 to 59, as cron writes it: `5`, `\"0,30\"`, `\"*/10\"`, `\"*\"`.", 0),
	[HOUR] = WHEN("hour", "0 to 23. Needs `minute`.", 1),
	[DAY] = WHEN("day", "Of the month, 1 to 31. Needs `minute` and `hour`. With `weekday` given too, cron runs the "
			    "job on days that fit either.",
		     2),
	[MONTH] = WHEN("month", "1 to 12, or one name such as `\"jan\"`. Needs `minute` and `hour`.", 3),
	[WEEKDAY] = WHEN("weekday", "0 to 7, where 0 and 7 are Sunday, or one name such as `\"mon\"`. Needs `minute` and "
				    "`hour`.",
			 4),
	[SPECIAL] = {
		.name = "special",
		.kind = NEAP_PARAM_STRING,
		.doc = "Instead of times: `@reboot`, `@yearly`, `@monthly`, `@weekly`, `@daily`, `@hourly`.",
		.offset = offsetof(struct cron_want, special),
	},
	[USER] = {
		.name = "user",
		.kind = NEAP_PARAM_OWNER,
		.doc = "Who runs it, by name. The account has to exist: cron passes over jobs of others.",
		.fallback = "root",
		.offset = offsetof(struct cron_want, user),
	},
	[ENVIRONMENT] = {
		.name = "environment",
		.kind = NEAP_PARAM_TEXTS,
		.flags = NEAP_PARAM_SECRET,
		.doc = "Variables for the job and for cron itself, such as `MAILTO` and `PATH`.",
		.offset = offsetof(struct cron_want, environment),
	},
	[ENSURE] = {
		.name = "ensure",
		.kind = NEAP_PARAM_CHOICE,
		.doc = "Whether the job is to be there. With `\"absent\"` its file goes, and only `name` may be given.",
		.choices = neap_ensure_choices,
		.offset = offsetof(struct cron_want, ensure),
	},
};

static const char description[] =
	"A job of cron, in a file of its own: `/etc/cron.d/NAME`.\n"
	"\n"
	"- The file is the job's whole: neap writes it, and what else is in it goes. It is root's, and\n"
	"  0644, or 0600 when the environment holds a secret.\n"
	"- What cron would pass over in silence is an error: a name it does not read, a time it cannot\n"
	"  read, a user who does not exist, a command that is too long.\n"
	"- A time without what is finer is an error: `hour = 3` alone would run 60 times.\n"
	"- A link at the path is replaced by the file; anything else but a file is an error.\n"
	"- cron has to be installed and running: that is for `neap.package` and `neap.unit`.\n";

static const char example[] =
	"neap.cron {\n"
	"  name = \"backup\",\n"
	"  minute = 17, hour = \"*/6\",\n"
	"  user = \"backup\",\n"
	"  command = \"/usr/local/bin/backup --to /srv/$(date +\\\\%F)\",\n"
	"  environment = { MAILTO = \"ops@example.org\" },\n"
	"}\n"
	"neap.cron { name = \"trim\", special = \"@weekly\", command = \"/sbin/fstrim --all\" }\n";

extern const struct neap_resource_type neap_type_cron;
const struct neap_resource_type neap_type_cron = {
	.name = "cron",
	.summary = "a job of cron in /etc/cron.d",
	.description = description,
	.example = example,
	.params = params,
	.param_count = PARAM_COUNT,
	.want_size = sizeof(struct cron_want),
	.have_size = sizeof(struct cron_have),
	.check = cron_check,
	.claim = cron_claim,
	.read = cron_read,
	.diff = cron_diff,
	.apply = cron_apply,
};
