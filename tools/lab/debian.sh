# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# Makes Debian roots from the mirror that the host itself uses. Sourced after lib.sh, by what runs as root on the host.

# The Debian mirror that the host itself uses: the first source of its own release with the component "main".
# Prints one line "URI SUITES" per binary source, from both formats of apt's lists.
host_sources() {
	cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
		sed -nE 's/^[[:space:]]*deb[[:space:]]+(\[[^]]*\][[:space:]]*)?([^[:space:]]+)[[:space:]]+(.*)/\2 \3/p'
	awk 'function flush() { if (types ~ /(^| )deb( |$)/ && enabled != "no")
			{ n = split(uris, u, " "); for (i = 1; i <= n; i++) print u[i], suites, components }
		  types = uris = suites = components = enabled = field = "" }
		FNR == 1 || /^[[:space:]]*$/ { flush() }
		/^#/ { next }
		/^[^[:space:]]+:/ { field = tolower($1); $1 = "" }
		field == "types:" { types = types $0 }
		field == "uris:" { uris = uris " " $0 }
		field == "suites:" { suites = suites " " $0 }
		field == "components:" { components = components " " $0 }
		field == "enabled:" { enabled = $NF }
		END { flush() }' /etc/apt/sources.list.d/*.sources /dev/null 2>/dev/null
}

host_mirror() {
	local codename uri words
	codename=$(. /etc/os-release; echo "$VERSION_CODENAME")
	while read -r uri words; do
		case " $words " in *" $codename "*" main "*) ;; *) continue ;; esac
		# Cloud images keep the address in a file of its own.
		case $uri in mirror+file:*) uri=$(awk '!/^#/ && NF { print $1; exit }' "${uri#mirror+file:}") ;; esac
		printf '%s\n' "$uri"
		return
	done < <(host_sources)
	die "no Debian mirror with '$codename main' in this host's /etc/apt: the lab takes its mirror from there"
}

# How the host reaches its mirror (proxies, certificates, checks of dates), for apt in the root.
host_apt_settings() {
	apt-config dump | grep -E '^Acquire::((http|https|ftp|Check-|Retries|Force|Max-Valid).*|Languages) ' |
		grep -vi 'Proxy-Auto-Detect' || true
}

# make_debian FOLDER PACKAGES [MMDEBSTRAP OPTION…]: packages are separated by white space.
make_debian() {
	local root=$1 packages=$2 mirror settings
	shift 2
	mirror=$(host_mirror)
	settings=$(mktemp)
	host_apt_settings >"$settings"
	# shellcheck disable=SC2086
	packages=$(printf '%s,' $packages)
	mmdebstrap --verbose --mode=root --variant=minbase --include="$packages" --aptopt="$settings" \
		--dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/doc/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' "$@" \
		"$DEBIAN_SUITE" "$root" \
		"deb $mirror $DEBIAN_SUITE main" "deb $mirror $DEBIAN_SUITE-backports main"
	rm -f "$settings"
}
