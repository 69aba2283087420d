/*
 * The units that bring back at boot what resources keep. They need nothing of neap then: a shell, and the
 * programs that are there anyway.
 *
 * They run only while the machine boots. Started later, as when somebody changes targets, they would add to
 * what is in force: rules would be there twice.
 */
#include "engine/kept.h"

#include "engine/unit_file.h"

#define FILE(name) NEAP_UNIT_DIRECTORY "/" name
#define LINK(name) NEAP_UNIT_DIRECTORY "/multi-user.target.wants/" name

#define BOOTING                                                                                              \
	"ExecCondition=/bin/sh -c 'case \"$$(systemctl is-system-running)\" in initializing|starting) ;; "   \
	"*) "                                                                                                \
	"exit 1 ;; esac'\n"

/*
 * Once the network is as others make it, and before anybody is told that it is there. All links first, as the
 * lines of one may name another, then what bridge(8) is told of them ("fdb"), and routes last, those to
 * gateways after the ways there. What comes late is waited for, half a minute in all: a device, what a link
 * lies over, and what routes stand on, as that a link is up or an IPv6 source settled.
 *
 * Links have a process each: of one whose lower link is missing, ip(8) ends at once, and with it a batch.
 */
static const char network[] =
	"# Made by neap, for resources with persist = \"unit\".\n"
	"[Unit]\n"
	"Description=Links, addresses and routes kept in /etc/neap/network.d\n"
	"Wants=network-online.target\n"
	"Before=network-online.target\n"
	"After=network-pre.target networking.service ifupdown-wait-online.service\n"
	"After=systemd-networkd.service systemd-networkd-wait-online.service\n"
	"After=NetworkManager.service NetworkManager-wait-online.service\n"
	"\n"
	"[Service]\n"
	"Type=oneshot\n"
	"RemainAfterExit=yes\n" BOOTING "ExecStart=/bin/sh -c '\\\n"
	"  cd /etc/neap/network.d || exit 0; failed=0; \\\n"
	"  up() { read -r at rest </proc/uptime; echo $${at%%.*}; }; end=$$(($$(up) + 30)); \\\n"
	"  late() { [ $$(up) -ge $$end ]; }; \\\n"
	"  links() { \\\n"
	"    grep -hs \"^link add \" *.conf | { \\\n"
	"      status=0; \\\n"
	"      while read -r link add name it rest; do \\\n"
	"        [ -e \"/sys/class/net/$$it\" ] || ip link add name \"$$it\" $$rest || status=1; \\\n"
	"      done; \\\n"
	"      exit $$status; \\\n"
	"    }; \\\n"
	"  }; \\\n"
	"  routes() { \\\n"
	"    { grep -hs \"^route \" *.conf | grep -v \" via \"; grep -hs \"^route .* via \" *.conf; } | \\\n"
	"    ip -force -batch -; \\\n"
	"  }; \\\n"
	"  settle() { \\\n"
	"    until $$1 2>/dev/null; do late && break; sleep 0.5; done; \\\n"
	"    ! late || $$1 || failed=1; \\\n"
	"  }; \\\n"
	"  settle links; \\\n"
	"  grep -hsv -e \"^#\" -e \"^link add \" -e \"^fdb \" -e \"^route \" *.conf | \\\n"
	"  while read -r line; do \\\n"
	"    set -- $$line; dev=; \\\n"
	"    while [ $$# -gt 1 ]; do [ \"$$1\" != dev ] || dev=$$2; shift; done; \\\n"
	"    until [ -z \"$$dev\" ] || [ -e \"/sys/class/net/$$dev\" ] || late; do sleep 0.1; done; \\\n"
	"    echo \"$$line\"; \\\n"
	"  done | ip -force -batch - || failed=1; \\\n"
	"  if grep -qs \"^fdb \" *.conf; then \\\n"
	"    grep -hs \"^fdb \" *.conf | bridge -force -batch - || failed=1; \\\n"
	"  fi; \\\n"
	"  settle routes; \\\n"
	"  exit $$failed'\n"
	"\n"
	"[Install]\n"
	"WantedBy=multi-user.target\n";

/*
 * Before there is a network, and after whoever loads rules of his own. Each table is loaded at once: chains
 * and policies (0), the rules of chains (1), then others' by their numbers.
 */
static const char iptables[] =
	"# Made by neap, for resources with persist = \"unit\".\n"
	"[Unit]\n"
	"Description=Rules of iptables kept in /etc/neap/iptables.d\n"
	"DefaultDependencies=no\n"
	"Wants=network-pre.target\n"
	"Before=network-pre.target shutdown.target\n"
	"Conflicts=shutdown.target\n"
	"After=local-fs.target systemd-modules-load.service\n"
	"After=netfilter-persistent.service nftables.service ufw.service firewalld.service\n"
	"\n"
	"[Service]\n"
	"Type=oneshot\n"
	"RemainAfterExit=yes\n" BOOTING "ExecStart=/bin/sh -c '\\\n"
	"  cd /etc/neap/iptables.d || exit 0; failed=0; \\\n"
	"  for family in ipv4:iptables ipv6:ip6tables; do \\\n"
	"    for table in filter nat mangle raw security; do \\\n"
	"      set -- \"$${family%%:*}-$$table-\"*.conf; \\\n"
	"      [ -e \"$$1\" ] || continue; \\\n"
	"      { echo \"*$$table\"; grep -h \"^[0-9]\" \"$$@\" | sort -s -n -k 1,1 | cut -d \" \" -f 2-; "
	"echo "
	"COMMIT; } | \\\n"
	"        \"$${family#*:}-restore\" --noflush -w || failed=1; \\\n"
	"    done; \\\n"
	"  done; \\\n"
	"  exit $$failed'\n"
	"\n"
	"[Install]\n"
	"WantedBy=multi-user.target\n";

const struct neap_kept_unit neap_kept_network = {
	.name = "neap-network.service",
	.directory = "/etc/neap/network.d",
	.path = FILE("neap-network.service"),
	.link = LINK("neap-network.service"),
	.text = network,
};

const struct neap_kept_unit neap_kept_iptables = {
	.name = "neap-iptables.service",
	.directory = "/etc/neap/iptables.d",
	.path = FILE("neap-iptables.service"),
	.link = LINK("neap-iptables.service"),
	.text = iptables,
};
