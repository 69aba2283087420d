/* Resources for types_test.c, by type: {a|b} is one of these, "@" a require or nothing. No include guard: it
 * is the inside of an array. */
"file { @ path = \"/srv/{a|b|c/d}\", content = \"{x|y\\n|}\", mode = \"{0644|0600}\" }",
	"file { @ path = \"/srv/{a|b}\", ensure = \"absent\" }",
	"directory { @ path = \"/srv/{c|e}\", mode = \"{0755|0700}\", purge = {true|false} }",
	"link { @ path = \"/srv/{l|m}\", target = \"{a|/etc/plain}\" }",
	"line { @ path = \"{/etc/plain|/srv/lines}\", line = \"{second|third}\", ensure = "
	"\"{present|absent}\" }",
	"block { @ path = \"{/etc/plain|/srv/lines}\", name = \"{one|two}\", content = \"{k = 1|k = "
	"2\\nl}\", ensure = \"present\" }",
	"block { @ path = \"/etc/plain\", name = \"{one|two}\", ensure = \"absent\" }",
	"ini { @ path = \"/etc/app.ini\", section = \"{one|two|three}\", key = \"{a|b|c}\", value = \"{1|2 "
	"3}\" }",
	"ini { @ path = \"{/etc/app.ini|/srv/new.ini}\", key = \"{top|other}\", value = \"{1|9}\" }",
	"ini { @ path = \"/etc/app.ini\", section = \"{one|two}\", key = \"{a|c}\", ensure = \"absent\" }",
	"hosts_entry { @ ip = \"{10.0.0.1|10.0.0.2|::1}\", name = \"{db|db.example.org|web}\" }",
	"hosts_entry { @ ip = \"10.0.0.1\", name = \"{db|gone}\", ensure = \"absent\" }",
	"authorized_key { @ user = \"ada\", key = \"ssh-ed25519 "
	"AAAAC3NzaC1lZDI1NTE5AAAAIE{1|2}hQ4v1B1mF0x7qkZ0n3mTqkq1K0u9O7Q2Zl0b1c2d3 comment\" }",
	"cron { @ name = \"{job|other}\", minute = \"{5|*/10}\", command = \"{true|date}\" }",
	"cron { @ name = \"job\", ensure = \"absent\" }", "timezone { @ name = \"{Europe/Berlin|UTC}\" }",
	"hostname { @ name = \"{cp1|cp2.example.org}\" }",
	"sysctl { @ name = \"net.ipv4.ip_forward\", value = \"{0|1}\", persistent = {true|false} }",
	"sysctl { @ name = \"net.ipv4.ip_forward\", ensure = \"absent\" }",
	"kernel_module { @ name = \"{loop|dm_mod}\", ensure = \"present\", params = {nil|{ a = \"1\" }} }",
	"kernel_module { @ name = \"loop\", ensure = \"absent\" }",
	"mount { @ path = \"/srv/mnt\", device = \"LABEL={a|b}\", fstype = \"ext4\", options = "
	"\"noauto{,ro|}\" }",
	"exec { @ name = \"x\", command = { \"make\", \"/srv/made\" }, creates = \"/srv/made\" }",
	"exec { @ name = \"y\", command = { \"make\", \"/srv/y\" }, creates = \"/srv/y\" }",
	"line { @ path = \"/srv/y\", line = \"{more|made}\" }",
	"key { @ path = \"/srv/{k1|k2}.key\", algorithm = \"{ed25519|ecdsa-p256}\" }",
	"cert { @ path = \"/srv/{ca|other}.crt\", key = \"/srv/{ca|other}.key\", key_algorithm = "
	"\"ed25519\", ca = true, common_name = \"{ca|ca2}\" }",
	"cert { @ path = \"/srv/leaf.crt\", key = \"/srv/leaf.key\", key_algorithm = \"ed25519\", "
	"common_name = \"leaf\", sans = {nil|{ \"DNS:a\" }}, issuer = \"/srv/ca.crt\", issuer_key = "
	"\"/srv/ca.key\" }",
	"csr { @ path = \"/srv/k.csr\", key = \"/srv/{k1|ca}.key\", common_name = \"{x|y}\" }",
	"token { @ path = \"/srv/{t1|t2}\", length = {32|16} }",
	"tarball { @ path = \"/srv/app\", source = \"{one|two}.tar.gz\", strip_components = {0|1} }",
	"tarball { @ path = \"/srv/app\", source = \"one.tar.gz\", ensure = \"absent\" }",
	"shell_variable { @ file = \"/srv/{vars|v/vars}\", name = \"{A|B}\", value = \"{x|y z|}\" }",
	"shell_variable { @ file = \"{/srv/vars|/etc/plain}\", name = \"{A|B}\", ensure = \"absent\" }",
	"package { @ name = \"{ed|vi}\", ensure = \"{present|latest}\" }",
	"package { @ name = \"{ed|vi}\", version = \"{1.0|2.0}\" }",
	"package { @ name = \"{ed|vi}\", ensure = \"absent\" }",
	"apt_repository { @ name = \"{r|s}\", uris = { \"file:/srv/{r|s}\" }, suites = { \"./\" }, trusted = true }",
	"apt_repository { @ name = \"r\", ensure = \"absent\" }",
