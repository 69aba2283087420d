/*
 * The real machine: what the caller may change where no file says so. What cannot be known (polkit may let a
 * user restart one unit and not another) counts as allowed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host/local.h"

/* Where there is no polkit the service manager obeys root alone. */
#define POLKIT "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"

static bool is_capable(unsigned capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

	if (syscall(SYS_capget, &header, data) < 0)
		return true; /* it will be seen */
	return data[capability / 32].effective >> (capability % 32) & 1;
}

bool neap_local_may(const struct neap_view *view, enum neap_right right, const char *path)
{
	const struct neap_local *local = neap_local_of(view);

	switch (right) {
	case NEAP_RIGHT_NETWORK:
		return is_capable(CAP_NET_ADMIN);
	case NEAP_RIGHT_KERNEL:
		return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 ||
		       (errno != EACCES && errno != EPERM);
	case NEAP_RIGHT_UNITS:
		return local->uid == 0 || access(POLKIT, F_OK) == 0;
	case NEAP_RIGHT_ROOT:
		return local->uid == 0;
	case NEAP_RIGHT_ENTER:
		return !local->root[0] || is_capable(CAP_SYS_CHROOT);
	case NEAP_RIGHT_BECOME:
		return is_capable(CAP_SETUID) && is_capable(CAP_SETGID);
	}
	return true;
}
