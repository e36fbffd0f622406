#!/bin/sh
# Builds the Debian package of a binary: build.sh BINARY FOLDER. Needs dpkg-deb, objdump and strip (binutils), gzip.
# MAINTAINER: who answers for this package, "NAME <ADDRESS>", for whoever gives it to others.
# DEB_COMPRESS: for dpkg-deb, e.g. "-Zgzip -z1" where time counts more than size.
set -eu

binary=$1
out=$2
source=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
own=$source/deploy/debian
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
umask 022
chmod 0755 "$root"

version=$("$binary" version | cut -d' ' -f2)
architecture=$(dpkg --print-architecture)
maintainer=${MAINTAINER:-The Lingshao authors <lingshao@lingshao.example>}
# The newest that a symbol asks for.
glibc=$(objdump -T "$binary" | sed -n 's/.*GLIBC_\([0-9.]*\).*/\1/p' | sort -V | tail -n 1)

put() { # put MODE FILE NAME
    install -D -m "$1" "$2" "$root/$3"
}

put 0755 "$binary" usr/bin/lingshao
# A binary of `make dist` has no symbols already.
strip --remove-section=.comment --remove-section=.note "$root/usr/bin/lingshao"
put 0644 "$source/deploy/lingshao.service" usr/lib/systemd/system/lingshao.service
put 0644 "$own/sysusers.conf" usr/lib/sysusers.d/lingshao.conf
put 0644 "$own/lingshao.yml" etc/lingshao/lingshao.yml
put 0644 "$own/alerts.yml" etc/lingshao/alerts.yml

mkdir -p "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" \
    "$root/usr/share/fish/vendor_completions.d" "$root/usr/share/man/man1"
"$binary" completions bash >"$root/usr/share/bash-completion/completions/lingshao"
"$binary" completions zsh >"$root/usr/share/zsh/vendor-completions/_lingshao"
"$binary" completions fish >"$root/usr/share/fish/vendor_completions.d/lingshao.fish"

# What --help says, of the program and of each of its commands.
help_page() {
    "$binary" "$@" --help | sed -e 's/\\/\\e/g' -e "s/^\([.']\)/\\\\\&\1/" -e 's/-/\\-/g'
}
{
    printf '.TH LINGSHAO 1 "" "lingshao %s"\n.SH NAME\nlingshao \\- a shop'"'"'s whole monitoring in one process\n' "$version"
    printf '.SH SYNOPSIS\n.B lingshao\n.I COMMAND\n.SH COMMANDS\n.nf\n'
    help_page
    printf '.fi\n'
    for command in run check query logs backup restore upgrade health passwd demo; do
        printf '.SH lingshao %s\n.nf\n' "$command"
        help_page "$command"
        printf '.fi\n'
    done
    printf '.SH SEE ALSO\n/usr/share/doc/lingshao/guide/README.md\n'
} | gzip -9n >"$root/usr/share/man/man1/lingshao.1.gz"

documents=usr/share/doc/lingshao
put 0644 "$own/copyright" $documents/copyright
# What dpkg's tools read, and what people do.
built=$(LC_ALL=C date -u -R -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y "$source/CHANGELOG.md")}")
printf 'lingshao (%s) stable; urgency=medium\n\n  * See /usr/share/doc/lingshao/CHANGELOG.md.\n\n -- %s  %s\n' \
    "$version" "$maintainer" "$built" | gzip -9n >"$root/$documents/changelog.gz"
for file in README.md README.zh-CN.md CHANGELOG.md; do put 0644 "$source/$file" $documents/$file; done
for file in "$source"/docs/*.md; do put 0644 "$file" "$documents/$(basename "$file")"; done
for file in "$source"/docs/guide/*.md; do put 0644 "$file" "$documents/guide/$(basename "$file")"; done
for file in "$source"/examples/lingxian/*.*; do put 0644 "$file" "$documents/examples/$(basename "$file")"; done

mkdir "$root/DEBIAN"
size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
sed -e "s/@VERSION@/$version/" -e "s/@ARCHITECTURE@/$architecture/" -e "s/@KIBIBYTES@/$size/" -e "s/@GLIBC@/$glibc/" \
    -e "s/@MAINTAINER@/$maintainer/" \
    "$own/control" >"$root/DEBIAN/control"
cp "$own/conffiles" "$root/DEBIAN/conffiles"
for script in postinst prerm postrm; do put 0755 "$own/$script" DEBIAN/$script; done
(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"

mkdir -p "$out"
# shellcheck disable=SC2086
dpkg-deb ${DEB_COMPRESS:-} --root-owner-group --build "$root" "$out/lingshao_${version}_${architecture}.deb"
