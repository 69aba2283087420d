/* The one list of built-in resource types, sorted by name. */
#include "modules/modules.h"

extern const struct neap_resource_type neap_type_address;
extern const struct neap_resource_type neap_type_apt_repository;
extern const struct neap_resource_type neap_type_authorized_key;
extern const struct neap_resource_type neap_type_block;
extern const struct neap_resource_type neap_type_bridge;
extern const struct neap_resource_type neap_type_cert;
extern const struct neap_resource_type neap_type_cron;
extern const struct neap_resource_type neap_type_csr;
extern const struct neap_resource_type neap_type_directory;
extern const struct neap_resource_type neap_type_download;
extern const struct neap_resource_type neap_type_exec;
extern const struct neap_resource_type neap_type_file;
extern const struct neap_resource_type neap_type_group;
extern const struct neap_resource_type neap_type_hostname;
extern const struct neap_resource_type neap_type_hosts_entry;
extern const struct neap_resource_type neap_type_image;
extern const struct neap_resource_type neap_type_ini;
extern const struct neap_resource_type neap_type_iptables_chain;
extern const struct neap_resource_type neap_type_iptables_rule;
extern const struct neap_resource_type neap_type_kernel_module;
extern const struct neap_resource_type neap_type_key;
extern const struct neap_resource_type neap_type_line;
extern const struct neap_resource_type neap_type_link;
extern const struct neap_resource_type neap_type_mount;
extern const struct neap_resource_type neap_type_package;
extern const struct neap_resource_type neap_type_route;
extern const struct neap_resource_type neap_type_sysctl;
extern const struct neap_resource_type neap_type_tarball;
extern const struct neap_resource_type neap_type_timezone;
extern const struct neap_resource_type neap_type_token;
extern const struct neap_resource_type neap_type_unit;
extern const struct neap_resource_type neap_type_user;
extern const struct neap_resource_type neap_type_veth;
extern const struct neap_resource_type neap_type_vxlan;
extern const struct neap_resource_type neap_type_wait_for;

/* One a line. */
/* clang-format off */
static const struct neap_resource_type *const types[] = {
	&neap_type_address,
	&neap_type_apt_repository,
	&neap_type_authorized_key,
	&neap_type_block,
	&neap_type_bridge,
	&neap_type_cert,
	&neap_type_cron,
	&neap_type_csr,
	&neap_type_directory,
	&neap_type_download,
	&neap_type_exec,
	&neap_type_file,
	&neap_type_group,
	&neap_type_hostname,
	&neap_type_hosts_entry,
	&neap_type_image,
	&neap_type_ini,
	&neap_type_iptables_chain,
	&neap_type_iptables_rule,
	&neap_type_kernel_module,
	&neap_type_key,
	&neap_type_line,
	&neap_type_link,
	&neap_type_mount,
	&neap_type_package,
	&neap_type_route,
	&neap_type_sysctl,
	&neap_type_tarball,
	&neap_type_timezone,
	&neap_type_token,
	&neap_type_unit,
	&neap_type_user,
	&neap_type_veth,
	&neap_type_vxlan,
	&neap_type_wait_for,
	NULL,
};
/* clang-format on */

const struct neap_registry neap_modules = { .types = types };
